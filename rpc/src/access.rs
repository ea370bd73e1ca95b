//! Who may call what: one table of methods, and one place that checks calls against it.
//!
//! Contract: a call passes only if its method has a rule and its peer has one of the roles of that rule. A method
//! without a rule answers UNIMPLEMENTED and is never reached, whether or not a service has it. Behind a plaintext
//! listener callers are not asked who they are, so every caller has every role.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::{Either, Ready, ready};
use http::{Request, Response};
use rustls::ServerConfig;
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

use crate::{Peer, meter::Method, sparse::Sparse, status};

const DENIED: &str = "paystate_calls_denied_total";

/// What a caller is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Hands over what platforms said. Its holder can report a payment.
    Edge,
    /// Makes and closes orders, begins payments and refunds; may also do what readers may.
    Writer,
    /// Reads orders and follows them.
    Reader,
    /// Sees what was received, settles cases, and may do what writers may.
    Operator,
    /// Calls platforms through an edge.
    Core,
}

impl Role {
    /// Its name in configuration and errors.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Writer => "writer",
            Self::Reader => "reader",
            Self::Operator => "operator",
            Self::Core => "core",
        }
    }
}

/// Who may call one method.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// `/package.Service/Method`.
    pub method: &'static str,
    /// Who may.
    pub allowed: Allowed,
}

/// Who may call a method.
#[derive(Debug, Clone, Copy)]
pub enum Allowed {
    /// Whoever has got through the handshake.
    Anyone,
    /// Whoever has one of these roles.
    Roles(&'static [Role]),
}

/// The roles of identities. An identity is a name of a certificate, see [`Peer::Certified`].
#[derive(Debug, Clone, Default)]
pub struct Roles(BTreeMap<String, BTreeSet<Role>>);

impl Roles {
    /// Gives a role to an identity, in addition to those that it has.
    pub fn grant(&mut self, identity: impl Into<String>, role: Role) {
        self.0.entry(identity.into()).or_default().insert(role);
    }

    fn has_any(&self, names: &[String], wanted: &[Role]) -> bool {
        names.iter().filter_map(|name| self.0.get(name)).any(|has| wanted.iter().any(|role| has.contains(role)))
    }
}

/// Who is let in at a listener.
#[derive(Debug, Clone)]
pub enum Callers {
    /// Plaintext: whoever reaches the listener has every role.
    Anybody,
    /// TLS with certificates on both sides.
    Certified {
        /// From [`crate::tls::server`].
        tls: Arc<ServerConfig>,
        /// What those who are let in may do.
        roles: Roles,
    },
}

/// Stands in front of all services of a listener made by [`crate::incoming`].
#[derive(Debug, Clone)]
pub struct AccessLayer(Arc<Gate>);

#[derive(Debug)]
struct Gate {
    rules: HashMap<&'static str, Rule>,
    roles: Roles,
    log: Sparse,
}

impl AccessLayer {
    /// `rules` are all methods that may be reached.
    #[must_use]
    pub fn new(rules: impl IntoIterator<Item = Rule>, callers: &Callers) -> Self {
        metrics::describe_counter!(DENIED, "Calls that were denied, by method and reason.");
        let roles = match callers {
            Callers::Anybody => Roles::default(),
            Callers::Certified { roles, .. } => roles.clone(),
        };
        let rules = rules.into_iter().map(|rule| (rule.method, rule)).collect();
        Self(Arc::new(Gate { rules, roles, log: Sparse::default() }))
    }
}

impl<S> Layer<S> for AccessLayer {
    type Service = Access<S>;

    fn layer(&self, inner: S) -> Access<S> {
        Access { gate: self.0.clone(), inner }
    }
}

/// The service of [`AccessLayer`].
#[derive(Debug, Clone)]
pub struct Access<S> {
    gate: Arc<Gate>,
    inner: S,
}

impl<S> Service<Request<Body>> for Access<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.gate.judge(request.uri().path(), request.extensions().get()) {
            Ok(method) => {
                request.extensions_mut().insert(Method(method));
                Either::Left(self.inner.call(request))
            }
            Err(denied) => Either::Right(ready(Ok(self.gate.deny(denied).into_http()))),
        }
    }
}

/// Why a call does not pass.
struct Denied<'a> {
    method: &'a str,
    peer: Option<&'a Peer>,
    why: Why,
}

enum Why {
    /// No rule knows the method.
    Unknown,
    /// The caller has no name.
    Nameless(&'static str),
    /// The caller has none of the roles.
    Unfit(&'static str, &'static [Role]),
}

impl Gate {
    /// The method as its rule spells it, or why not.
    fn judge<'a>(&self, method: &'a str, peer: Option<&'a Peer>) -> Result<&'static str, Denied<'a>> {
        let denied = |why| Err(Denied { method, peer, why });
        let Some(rule) = self.rules.get(method) else { return denied(Why::Unknown) };
        match (rule.allowed, peer) {
            (_, None) => denied(Why::Nameless(rule.method)),
            (_, Some(Peer::Unasked)) | (Allowed::Anyone, Some(Peer::Certified(_))) => Ok(rule.method),
            (Allowed::Roles(_), Some(Peer::Certified(names))) if names.is_empty() => denied(Why::Nameless(rule.method)),
            (Allowed::Roles(wanted), Some(Peer::Certified(names))) => match self.roles.has_any(names, wanted) {
                true => Ok(rule.method),
                false => denied(Why::Unfit(rule.method, wanted)),
            },
        }
    }

    fn deny(&self, denied: Denied<'_>) -> Status {
        let Denied { method, peer, why } = denied;
        let identity = peer.map_or_else(String::new, ToString::to_string);
        let (code, reason, known, message, needed) = match why {
            // The method comes from the caller, so it is no label.
            Why::Unknown => {
                let message = format!("{method:?} is no method of this server");
                (Code::Unimplemented, "METHOD_UNKNOWN", "other", message, String::new())
            }
            Why::Nameless(known) => {
                let message = "the certificate names nobody: it needs a URI or DNS name in its subjectAltName";
                (Code::Unauthenticated, "IDENTITY_MISSING", known, message.to_owned(), String::new())
            }
            Why::Unfit(known, roles) => {
                let needed = roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
                let message = format!("{known} needs one of the roles [{needed}]; {identity} has none of them");
                (Code::PermissionDenied, "ROLE_REQUIRED", known, message, needed)
            }
        };
        metrics::counter!(DENIED, "method" => known, "reason" => reason).increment(1);
        if let Some(unsaid) = self.log.due() {
            tracing::warn!(?method, reason, ?identity, unsaid, "call denied");
        }
        let said = [("method", known), ("identity", &identity), ("roles", &needed)];
        let metadata = said.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        status(code, reason, &message, metadata.collect())
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt as _;

    use super::*;

    const RULES: [Rule; 2] = [
        Rule { method: "/a.B/Open", allowed: Allowed::Anyone },
        Rule { method: "/a.B/Shut", allowed: Allowed::Roles(&[Role::Writer, Role::Operator]) },
    ];

    fn gate() -> Arc<Gate> {
        let mut roles = Roles::default();
        roles.grant("orders", Role::Writer);
        roles.grant("stock", Role::Reader);
        roles.grant("stock", Role::Edge);
        let rules = RULES.into_iter().map(|rule| (rule.method, rule)).collect();
        Arc::new(Gate { rules, roles, log: Sparse::default() })
    }

    fn named(names: &[&str]) -> Peer {
        Peer::Certified(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn answer(method: &str, peer: Option<&Peer>) -> Result<(), (Code, String)> {
        let gate = gate();
        gate.judge(method, peer).map(|known| assert_eq!(known, method)).map_err(|denied| {
            let status = gate.deny(denied);
            (status.code(), status.get_details_error_info().unwrap().reason)
        })
    }

    #[test]
    fn a_role_of_any_name_is_enough_and_nothing_else_is() {
        let denied = |code, reason: &str| Err((code, reason.to_owned()));
        let required = denied(Code::PermissionDenied, "ROLE_REQUIRED");
        assert_eq!(answer("/a.B/Shut", Some(&named(&["orders"]))), Ok(()));
        assert_eq!(answer("/a.B/Shut", Some(&named(&["other", "orders"]))), Ok(()));
        assert_eq!(answer("/a.B/Shut", Some(&named(&["stock"]))), required);
        assert_eq!(answer("/a.B/Shut", Some(&named(&["stranger"]))), required);
        assert_eq!(answer("/a.B/Shut", Some(&named(&["ORDERS"]))), required);
        assert_eq!(answer("/a.B/Open", Some(&named(&["stranger"]))), Ok(()));
        let missing = denied(Code::Unauthenticated, "IDENTITY_MISSING");
        assert_eq!(answer("/a.B/Shut", Some(&named(&[]))), missing);
        assert_eq!(answer("/a.B/Open", None), missing);
        for method in ["/a.B/Other", "/a.B/Shut/", "/a.b/shut", ""] {
            let unknown = denied(Code::Unimplemented, "METHOD_UNKNOWN");
            assert_eq!(answer(method, Some(&named(&["orders"]))), unknown, "{method}");
            assert_eq!(answer(method, Some(&Peer::Unasked)), unknown, "{method}");
        }
        assert_eq!(answer("/a.B/Shut", Some(&Peer::Unasked)), Ok(()));
    }

    #[test]
    fn a_denial_says_what_was_needed() {
        let (gate, peer) = (gate(), named(&["stock", "spiffe://stock"]));
        let status = gate.deny(gate.judge("/a.B/Shut", Some(&peer)).unwrap_err());
        let info = status.get_details_error_info().unwrap();
        let expected = [("method", "/a.B/Shut"), ("roles", "writer, operator"), ("identity", "stock, spiffe://stock")];
        let expected = expected.map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!((info.domain.as_str(), info.metadata), ("paystate", HashMap::from(expected)));
    }
}
