//! The configuration: one TOML file, overridden by `PAYSTATE__SECTION__KEY`.
//!
//! Contract: a [`Config`] that came out of [`load`] is whole and sound: every key is read, parsed and of
//! the right kind. Otherwise every problem is named at once, each with its place and what to do, and
//! nothing is started. Secrets are named by file or environment variable, never written inline.
//! Relative paths are relative to the configuration file.

mod accounts;
mod compensate;
mod database;
mod file;
mod grpc;
mod redis;
mod relay;
mod secret;
mod sources;

use std::{
    collections::BTreeSet,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use paystate_core::{commit, compensate::Settings, guard::redis::Address, seal::Sealer};
use paystate_edge::Accounts;
use paystate_rpc::Callers;
use rustls::{ClientConfig, ServerConfig, pki_types::ServerName};
use tonic::transport::Endpoint;

use self::{
    accounts::RawAccount,
    file::{RawCore, RawEdge, RawSandbox},
};
pub(crate) use self::{database::Database, grpc::is_loopback};

/// Something wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where, e.g. `accounts.alipay.public_key`.
    pub(crate) at: String,
    /// What, and what to do.
    pub(crate) what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

/// A certificate of ours, or a chain of them.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    /// Where it is named, e.g. `core.tls.certificate`.
    pub(crate) at: String,
    /// When the first of the chain ends.
    pub(crate) ends: jiff::Timestamp,
}

/// Whoever runs paystate has this long to renew a certificate.
const RENEW: Duration = Duration::from_secs(30 * 24 * 3600);

impl Certificate {
    /// That it is over, if it is.
    pub(crate) fn problem(&self, now: jiff::Timestamp) -> Option<Problem> {
        let what = format!("the certificate has expired, at {}; put another one there, then restart", self.ends);
        (now >= self.ends).then(|| Problem { at: self.at.clone(), what })
    }

    /// What to do about it, if it is time and not too late.
    pub(crate) fn warning(&self, now: jiff::Timestamp) -> Option<String> {
        let due = now < self.ends && now >= self.ends.checked_sub(RENEW).unwrap_or(self.ends);
        due.then(|| format!("{}: the certificate ends at {}; renew it, then restart", self.at, self.ends))
    }
}

/// Collects problems, and what is to be known of a configuration that has none.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Problem>,
    certificates: Vec<Certificate>,
}

impl Problems {
    pub(crate) fn add(&mut self, at: impl Into<String>, what: impl ToString) {
        self.found.push(Problem { at: at.into(), what: what.to_string() });
    }

    /// Notes a chain of ours; that it is sound is for others to say.
    fn certificate(&mut self, at: String, pem: &[u8]) {
        let ends = paystate_rpc::ends(pem).and_then(|ends| jiff::Timestamp::from_second(ends).ok());
        self.certificates.extend(ends.map(|ends| Certificate { at, ends }));
    }

    pub(crate) fn take<T, E: ToString>(&mut self, at: impl Into<String>, result: Result<T, E>) -> Option<T> {
        result.map_err(|what| self.add(at, what)).ok()
    }

    /// Every place that has a problem.
    fn places(&self) -> BTreeSet<String> {
        self.found.iter().map(|p| p.at.clone()).collect()
    }

    pub(crate) fn none<T>(self, value: Option<T>) -> Result<T, Vec<Problem>> {
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            Some(_) | None => Err(self.found),
        }
    }
}

/// A sound configuration.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) core: Option<Core>,
    pub(crate) edge: Option<Edge>,
    pub(crate) relay: Option<Relay>,
    pub(crate) sandbox: Option<Sandbox>,
    /// Ready to verify and to be called; empty unless the edge was asked for.
    pub(crate) accounts: Accounts,
    /// Every account as the core knows it.
    pub(crate) known: paystate_core::Accounts,
    /// Ours, whose end is to be known before it comes.
    pub(crate) certificates: Vec<Certificate>,
}

/// `[core]`
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) listen: SocketAddr,
    pub(crate) metrics_listen: SocketAddr,
    pub(crate) database: Database,
    pub(crate) sealer: Sealer,
    pub(crate) commit: commit::Limits,
    pub(crate) callers: Callers,
    pub(crate) drain_delay: Duration,
    /// The guard that several cores share; without it each core has its own.
    pub(crate) redis: Option<Address>,
    /// The edges that call platforms; empty where none does.
    pub(crate) edges: Vec<Way>,
    /// How platforms are asked; its way to them is that of `edges`.
    pub(crate) compensate: Settings,
}

impl Core {
    /// Whether callers are not asked who they are.
    pub(crate) fn is_plaintext(&self) -> bool {
        match self.callers {
            Callers::Anybody => true,
            Callers::Certified { .. } => false,
        }
    }
}

/// `[edge]`
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) listen: SocketAddr,
    pub(crate) gateway_listen: SocketAddr,
    pub(crate) gateway_callers: Callers,
    pub(crate) metrics_listen: SocketAddr,
    /// One or more.
    pub(crate) cores: Vec<Way>,
    pub(crate) tls: Arc<ServerConfig>,
    pub(crate) sources: paystate_edge::Sources,
    pub(crate) limits: paystate_edge::Limits,
}

/// A way to a core, or to an edge.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    pub(crate) endpoint: Endpoint,
    /// Our certificate, whom we believe, and which name the other side must have.
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// `[relay]`
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) metrics_listen: SocketAddr,
    /// One or more.
    pub(crate) cores: Vec<Way>,
    pub(crate) subscription: String,
    pub(crate) rabbitmq: paystate_relay::Address,
    pub(crate) format: paystate_relay::Format,
}

/// `[sandbox]`
#[derive(Debug)]
pub(crate) struct Sandbox {
    pub(crate) listen: SocketAddr,
    pub(crate) data_dir: PathBuf,
    pub(crate) edge_url: String,
    pub(crate) edge_certificate_pem: Vec<u8>,
    pub(crate) tls: Arc<ServerConfig>,
    pub(crate) time_compression: u32,
    pub(crate) clock_behind: Duration,
}

/// Which roles will run; the sections of the others are not needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Roles {
    pub(crate) core: bool,
    pub(crate) edge: bool,
    pub(crate) relay: bool,
    pub(crate) sandbox: bool,
}

impl Roles {
    const NONE: Self = Self { core: false, edge: false, relay: false, sandbox: false };
    pub(crate) const CORE: Self = Self { core: true, ..Self::NONE };
    pub(crate) const EDGE: Self = Self { edge: true, ..Self::NONE };
    pub(crate) const RELAY: Self = Self { relay: true, ..Self::NONE };
    pub(crate) const SANDBOX: Self = Self { sandbox: true, ..Self::NONE };
    /// What `dev` runs: all that needs nothing from outside.
    pub(crate) const ALL: Self = Self { core: true, edge: true, sandbox: true, ..Self::NONE };
}

/// Where edge and sandbox of one process listen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound {
    pub(crate) edge: SocketAddr,
    pub(crate) sandbox: SocketAddr,
}

/// Reads, overrides and checks. `roles` of `None` checks every section that is there, and starts nothing.
pub(crate) fn load(path: &Path, roles: Option<Roles>) -> Result<Config, Vec<Problem>> {
    load_bound(path, roles, None)
}

/// The same, with accounts that call the sandbox of this process and are called back by it where both listen.
pub(crate) fn load_bound(path: &Path, roles: Option<Roles>, bound: Option<Bound>) -> Result<Config, Vec<Problem>> {
    let env = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    let mut problems = Problems::default();
    let Some(raw) = file::read(&mut problems, path, env, bound) else { return Err(problems.found) };
    let base = path.parent().unwrap_or(Path::new("."));
    let one_process = roles.is_some();
    let roles = roles.unwrap_or(raw.there);
    if roles == Roles::NONE {
        problems.add("(file)", "has none of [core], [edge], [relay] and [sandbox]; write at least one");
    }
    let section = |problems: &mut Problems, wanted: bool, there: bool, name: &str| {
        if wanted && !there {
            problems.add(name, format!("section [{name}] is missing"));
        }
    };
    section(&mut problems, roles.core, raw.there.core, "core");
    section(&mut problems, roles.edge, raw.there.edge, "edge");
    section(&mut problems, roles.relay, raw.there.relay, "relay");
    section(&mut problems, roles.sandbox, raw.there.sandbox, "sandbox");

    let core_listens = raw.core.iter().filter(|_| roles.core).flat_map(RawCore::listeners).collect();
    let edge_listens = raw.edge.iter().filter(|_| roles.edge).flat_map(RawEdge::listeners).collect();
    let sandbox_listens = raw.sandbox.iter().filter(|_| roles.sandbox).map(RawSandbox::listener).collect();
    let listeners: [Vec<_>; 3] = [core_listens, edge_listens, sandbox_listens];
    if one_process {
        part(&mut problems, &listeners.concat());
    } else {
        listeners.iter().for_each(|section| part(&mut problems, section));
    }

    let channels = compensate::channels(&mut problems, raw.alerts, base);
    let core = raw.core.filter(|_| roles.core).and_then(|c| c.check(&mut problems, base, channels));
    let configured = raw.accounts.values().map(RawAccount::provider).collect();
    let edge = raw.edge.filter(|_| roles.edge).and_then(|e| e.check(&mut problems, base, &configured));
    if one_process && let (Some(core), Some(edge)) = (&core, &edge) {
        meet(&mut problems, core, edge);
    }
    let relay = raw.relay.filter(|_| roles.relay).and_then(|r| r.check(&mut problems, base));
    let sandbox = raw.sandbox.filter(|_| roles.sandbox).and_then(|s| s.check(&mut problems, base));
    let has_accounts = raw.has_accounts;
    let (known, accounts) = accounts::check(&mut problems, raw.accounts, base, roles.edge);
    if (roles.core || roles.edge) && !has_accounts {
        problems.add("accounts", "there is no account; add a section [accounts.NAME] for each one");
    }
    let certificates = std::mem::take(&mut problems.certificates);
    // A role starts all the same, and says it in its log: one certificate that is over, a platform's for example, must
    // not take everything else with it at the next restart.
    if !one_process {
        let now = jiff::Timestamp::now();
        problems.found.extend(certificates.iter().filter_map(|certificate| certificate.problem(now)));
    }
    problems.none(Some(Config { core, edge, relay, sandbox, accounts, known, certificates }))
}

/// Two listeners of one process cannot have the same address, unless the system chooses the port.
fn part(problems: &mut Problems, listeners: &[(&'static str, SocketAddr)]) {
    for (n, (at, address)) in listeners.iter().enumerate().filter(|(_, (_, address))| address.port() != 0) {
        if let Some((other, _)) = listeners.iter().take(n).find(|(_, other)| other == address) {
            problems.add(*at, format!("{address} is {other} too; choose another port"));
        }
    }
}

/// Core and edge of one process are joined to each other, so both or neither must speak TLS, on either way.
fn meet(problems: &mut Problems, core: &Core, edge: &Edge) {
    let gateway_secured = match edge.gateway_callers {
        Callers::Anybody => false,
        Callers::Certified { .. } => true,
    };
    if core.edges.iter().any(|way| way.tls.is_some() != gateway_secured) {
        let (has, write) = if gateway_secured { ("has", "https") } else { ("has no", "http") };
        problems.add("core.edge", format!("the edge in this process {has} [edge.gateway_tls]; write {write}://"));
    }
    let secured = !core.is_plaintext();
    if edge.cores.iter().any(|way| way.tls.is_some() != secured) {
        let (has, write) = if secured { ("has", "https") } else { ("has no", "http") };
        problems.add("edge.core", format!("the core in this process {has} [core.tls]; write {write}://"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(problems: Problems) -> Vec<String> {
        problems.found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_certificate_is_warned_of_before_its_end_and_a_problem_after_it() {
        let ends: jiff::Timestamp = "2026-03-31T12:00:00Z".parse().unwrap();
        let certificate = Certificate { at: "core.tls.certificate".to_owned(), ends };
        for (now, warned, over) in [
            ("2026-03-01T11:00:00Z", false, false),
            ("2026-03-01T13:00:00Z", true, false),
            ("2026-03-31T11:59:59Z", true, false),
            ("2026-03-31T12:00:00Z", false, true),
            ("2027-01-01T00:00:00Z", false, true),
        ] {
            let now = now.parse().unwrap();
            let (warning, problem) = (certificate.warning(now), certificate.problem(now));
            assert_eq!((warning.is_some(), problem.is_some()), (warned, over), "{now}: {warning:?} {problem:?}");
            let says = "core.tls.certificate: the certificate has expired";
            assert!(problem.is_none_or(|problem| problem.to_string().starts_with(says)));
        }
    }

    #[test]
    fn no_two_listeners_of_a_process_have_one_address() {
        let at = |address: &str| address.parse::<SocketAddr>().unwrap();
        let mut problems = Problems::default();
        part(
            &mut problems,
            &[
                ("core.listen", at("127.0.0.1:1")),
                ("core.metrics_listen", at("127.0.0.1:1")),
                ("edge.listen", at("127.0.0.1:0")),
                ("edge.gateway_listen", at("127.0.0.1:0")),
                ("edge.metrics_listen", at("127.0.0.2:1")),
                ("sandbox.listen", at("127.0.0.1:1")),
            ],
        );
        let expected = [
            "core.metrics_listen: 127.0.0.1:1 is core.listen too; choose another port",
            "sandbox.listen: 127.0.0.1:1 is core.listen too; choose another port",
        ];
        assert_eq!(said(problems), expected);
    }
}
