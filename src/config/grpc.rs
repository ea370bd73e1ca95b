//! The gRPC sides: who is let in at a listener, and which way leads to the cores and to the edges.
//!
//! Without TLS nobody is asked who they are, and whoever reaches a core can report payments. So plaintext is for
//! loopback, unless it is asked for by name.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use paystate_rpc::{Callers, Role, Roles, tls};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use serde::Deserialize;
use tonic::transport::Endpoint;

use super::{
    Problems, Way,
    secret::{Source, required},
};

/// The longest pause between "not ready" and the end of accepting.
const MAX_DRAIN_DELAY_MS: u64 = 600_000;

/// The identities of each role, with where they stand.
type Granted = Vec<(Role, &'static str, Vec<String>)>;

/// TLS of a listener.
#[derive(Debug, Deserialize)]
pub(super) struct RawServerTls {
    certificate: Option<Source>,
    key: Option<Source>,
    client_ca: Option<Source>,
}

/// TLS of the way to the cores, or to the edges.
#[derive(Debug, Deserialize)]
pub(super) struct RawClientTls {
    ca: Option<Source>,
    certificate: Option<Source>,
    key: Option<Source>,
    server_name: Option<String>,
}

/// Identities by role.
#[derive(Debug, Deserialize)]
pub(super) struct RawRoles {
    #[serde(default)]
    edge: Vec<String>,
    #[serde(default)]
    writer: Vec<String>,
    #[serde(default)]
    reader: Vec<String>,
    #[serde(default)]
    operator: Vec<String>,
}

/// `edge.core`, `relay.core` and `core.edge`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "it is a URL or a list of URLs")]
pub(super) enum RawUrls {
    One(String),
    Several(Vec<String>),
}

impl RawRoles {
    pub(super) fn granted(self) -> Granted {
        vec![
            (Role::Edge, "core.roles.edge", self.edge),
            (Role::Writer, "core.roles.writer", self.writer),
            (Role::Reader, "core.roles.reader", self.reader),
            (Role::Operator, "core.roles.operator", self.operator),
        ]
    }
}

/// A gRPC listener as it is written, and where its parts stand.
pub(super) struct RawListener {
    pub(super) listen_at: &'static str,
    pub(super) listen: SocketAddr,
    pub(super) tls_at: &'static str,
    pub(super) tls: Option<RawServerTls>,
    pub(super) roles_at: &'static str,
    /// `None` where nothing is written.
    pub(super) roles: Option<Granted>,
    pub(super) plaintext_at: &'static str,
    pub(super) allow_plaintext: bool,
}

impl RawListener {
    pub(super) fn check(self, problems: &mut Problems, base: &Path) -> Option<Callers> {
        let Self { listen_at, listen, tls_at, tls, roles_at, roles, plaintext_at, allow_plaintext } = self;
        let Some(tls) = tls else {
            if roles.is_some() {
                let what = format!("has no use without [{tls_at}]: callers without certificates have every role");
                problems.add(roles_at, what);
            }
            if !listen.ip().is_loopback() && !allow_plaintext {
                let what = format!(
                    "{listen}: without [{tls_at}] whoever reaches it has every role, so it must be on loopback; \
                     {plaintext_at} = true says that this is meant"
                );
                problems.add(listen_at, what);
            }
            return Some(Callers::Anybody);
        };
        if allow_plaintext {
            problems.add(plaintext_at, format!("contradicts [{tls_at}]; remove one of the two"));
        }
        let roles = match roles {
            Some(roles) => read_roles(problems, roles_at, roles),
            None => {
                problems.add(roles_at, format!("is missing; with [{tls_at}] only those that are named there may call"));
                Roles::default()
            }
        };
        let ca = tls.client_ca.as_ref();
        let ca = required(problems, &format!("{tls_at}.client_ca"), ca)
            .and_then(|source| authorities(problems, format!("{tls_at}.client_ca"), source, base));
        let pair = pair(problems, tls_at, tls.certificate, tls.key, base);
        let ((certificate, key), ca) = (pair?, ca?);
        let at = format!("{tls_at}.certificate and {tls_at}.key");
        let tls = problems.take(at, tls::server(&certificate, &key, ca))?;
        Some(Callers::Certified { tls, roles })
    }
}

fn read_roles(problems: &mut Problems, roles_at: &str, granted: Granted) -> Roles {
    if granted.iter().all(|(_, _, identities)| identities.is_empty()) {
        problems.add(roles_at, "names nobody, so nobody could call anything");
    }
    let mut roles = Roles::default();
    for (role, at, identities) in granted {
        for identity in identities {
            if identity.is_empty() || identity.trim() != identity {
                problems.add(at, format!("{identity:?} is no identity; write the name as the certificate has it"));
            }
            // It would be granted to nobody, and whoever it is meant for would be denied.
            if is_dns_name(&identity) && identity.bytes().any(|b| b.is_ascii_uppercase()) {
                let what = format!(
                    "{identity:?}: DNS names of certificates are compared in lower case; write {:?}",
                    identity.to_ascii_lowercase()
                );
                problems.add(at, what);
            }
            roles.grant(identity, role);
        }
    }
    roles
}

/// Whether it looks like the DNS name of a host, and not like a URI or the name of a person.
fn is_dns_name(identity: &str) -> bool {
    let label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    identity.contains('.') && identity.split('.').all(label)
}

/// The ways to the cores, or to the edges, as they are written in a section.
pub(super) struct RawWays {
    pub(super) section: &'static str,
    /// `core` or `edge`.
    pub(super) field: &'static str,
    pub(super) urls: Option<RawUrls>,
    pub(super) tls: Option<RawClientTls>,
    pub(super) allow_plaintext: bool,
}

impl RawWays {
    /// Whether anything of them is.
    pub(super) fn is_written(&self) -> bool {
        self.urls.is_some() || self.tls.is_some() || self.allow_plaintext
    }

    pub(super) fn check(self, problems: &mut Problems, base: &Path) -> Option<Vec<Way>> {
        let urls = match self.urls {
            None => vec!["http://127.0.0.1:50051".to_owned()],
            Some(RawUrls::One(url)) => vec![url],
            Some(RawUrls::Several(urls)) => urls,
        };
        let at = format!("{}.{}", self.section, self.field);
        if urls.is_empty() {
            problems.add(&at, format!("names no {}; write its URL", self.field));
        }
        if self.allow_plaintext && self.tls.is_some() {
            let what = format!("contradicts [{at}_tls]; remove one of the two");
            problems.add(format!("{at}_allow_plaintext"), what);
        }
        let secured = self.tls.is_some();
        // Not short-circuiting: every bad URL is to be named, and what is wrong with the certificates too.
        let ways: Vec<_> = urls.iter().map(|url| way(problems, &at, url, secured, self.allow_plaintext)).collect();
        let Some(tls) = self.tls else {
            return ways.into_iter().map(|endpoint| Some(Way { endpoint: endpoint?, tls: None })).collect();
        };
        let (config, name) = tls.check(problems, &format!("{at}_tls"), base)?;
        let with_tls = |endpoint: Option<Endpoint>| {
            let endpoint = endpoint?;
            let name = name.clone().or_else(|| host(&endpoint))?;
            Some(Way { endpoint, tls: Some((config.clone(), name)) })
        };
        ways.into_iter().map(with_tls).collect()
    }
}

impl RawClientTls {
    fn check(
        self,
        problems: &mut Problems,
        at: &str,
        base: &Path,
    ) -> Option<(Arc<ClientConfig>, Option<ServerName<'static>>)> {
        let name = self.server_name.map(|name| {
            let read = ServerName::try_from(name.clone()).map_err(|_| format!("{name:?} is no name of a server"));
            problems.take(format!("{at}.server_name"), read)
        });
        let ca = required(problems, &format!("{at}.ca"), self.ca.as_ref())
            .and_then(|source| authorities(problems, format!("{at}.ca"), source, base));
        let pair = pair(problems, at, self.certificate, self.key, base);
        let ((certificate, key), ca) = (pair?, ca?);
        let at = format!("{at}.certificate and {at}.key");
        let config = problems.take(at, tls::client(ca, &certificate, &key))?;
        match name {
            Some(name) => Some((config, Some(name?))),
            None => Some((config, None)),
        }
    }
}

/// One URL. With TLS all of them are https, without all are http and, unless that is allowed, on loopback.
fn way(problems: &mut Problems, at: &str, url: &str, secured: bool, allow_plaintext: bool) -> Option<Endpoint> {
    let parsed = Endpoint::from_shared(url.to_owned()).map_err(|e| format!("{url:?} is not a URL: {e}"));
    let endpoint = problems.take(at, parsed)?;
    // Calls would go there without it.
    if !matches!(endpoint.uri().path(), "" | "/") || endpoint.uri().query().is_some() {
        problems.add(at, format!("{url:?} has a path or query; write scheme, host and port, nothing more"));
        return None;
    }
    let what = match (endpoint.uri().scheme_str(), secured) {
        (Some("https"), true) if host(&endpoint).is_none() => format!("{url:?} has no host"),
        (Some("https"), true) => return Some(endpoint),
        (Some("https"), false) => format!("{url:?}: https needs [{at}_tls]"),
        (Some("http"), true) => format!("{url:?}: with [{at}_tls] write https://"),
        (Some("http"), false) if allow_plaintext || is_loopback(&endpoint) => return Some(endpoint),
        (Some("http"), false) => format!(
            "{url:?}: plaintext is for loopback; write https:// and [{at}_tls], or \
             {at}_allow_plaintext = true if this is meant"
        ),
        (_, _) => format!("{url:?}: write http:// or https://"),
    };
    problems.add(at, what);
    None
}

fn bare_host(endpoint: &Endpoint) -> &str {
    endpoint.uri().host().unwrap_or_default().trim_matches(['[', ']'])
}

fn host(endpoint: &Endpoint) -> Option<ServerName<'static>> {
    ServerName::try_from(bare_host(endpoint).to_owned()).ok()
}

/// Whether what is sent there stays on this machine.
pub(crate) fn is_loopback(endpoint: &Endpoint) -> bool {
    let host = bare_host(endpoint);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

pub(super) fn authorities(
    problems: &mut Problems,
    at: String,
    source: &Source,
    base: &Path,
) -> Option<Arc<RootCertStore>> {
    let pem = problems.take(&at, source.bytes(base))?;
    problems.take(at, tls::authorities(&pem))
}

/// Certificate and key, as they are in their files.
fn pair(
    problems: &mut Problems,
    section: &str,
    certificate: Option<Source>,
    key: Option<Source>,
    base: &Path,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut read = |field: &str, source: Option<Source>| {
        let at = format!("{section}.{field}");
        let source = required(problems, &at, source)?;
        problems.take(at, source.bytes(base))
    };
    let (certificate, key) = (read("certificate", certificate), read("key", key));
    if let Some(certificate) = &certificate {
        problems.certificate(format!("{section}.certificate"), certificate);
    }
    certificate.zip(key)
}

/// `drain_delay_ms` of a section.
pub(super) fn drain_delay(problems: &mut Problems, section: &str, ms: Option<u64>) -> Duration {
    let ms = ms.unwrap_or(0);
    if ms > MAX_DRAIN_DELAY_MS {
        problems.add(format!("{section}.drain_delay_ms"), format!("must be 0 to {MAX_DRAIN_DELAY_MS}"));
    }
    Duration::from_millis(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong, as it is said.
    fn said(problems: Problems) -> Vec<String> {
        problems.none::<()>(None).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_url_of_a_core_ends_with_its_port() {
        for (url, is_good) in [
            ("http://127.0.0.1:50051", true),
            ("http://127.0.0.1:50051/", true),
            ("http://127.0.0.1:50051/core", false),
            ("http://127.0.0.1:50051/?a=b", false),
            ("http://127.0.0.1:50051?a=b", false),
        ] {
            let mut problems = Problems::default();
            let endpoint = way(&mut problems, "edge.core", url, false, false);
            let said = said(problems);
            assert_eq!((endpoint.is_some(), said.is_empty()), (is_good, is_good), "{url}: {said:?}");
            assert!(said.iter().all(|said| said.contains("has a path or query")), "{said:?}");
        }
    }

    #[test]
    fn a_dns_name_is_written_as_it_is_compared() {
        let granted = |name: &str| vec![(Role::Writer, "core.roles.writer", vec![name.to_owned()])];
        for name in ["orders.pay.internal", "spiffe://pay.internal/Orders", "Edge 1", "Orders", "A. Person"] {
            let mut problems = Problems::default();
            read_roles(&mut problems, "core.roles", granted(name));
            assert_eq!(said(problems), [""; 0], "{name}");
        }
        let mut problems = Problems::default();
        read_roles(&mut problems, "core.roles", granted("Orders.Pay.internal"));
        let said = said(problems);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("core.roles.writer: \"Orders.Pay.internal\""), "{said:?}");
        assert!(said[0].ends_with("write \"orders.pay.internal\""), "{said:?}");
    }
}
