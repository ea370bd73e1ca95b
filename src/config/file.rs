//! The file as it is written: its grammar, its defaults, and the overrides.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use paystate_core::{
    commit,
    compensate::{Channel, Settings},
    seal::Sealer,
};
use paystate_providers::Provider;
use paystate_rpc::Role;
use serde::{Deserialize, de::DeserializeOwned};
use toml::{Table, Value, de::DeTable};

use super::{
    Bound, Core, Database, Edge, Problems, Roles, Sandbox,
    accounts::RawAccount,
    compensate::{self, RawAlert, RawCase, RawCompensate},
    grpc::{self, RawClientTls, RawListener, RawRoles, RawServerTls, RawUrls, RawWays},
    redis::RawRedis,
    relay::RawRelay,
    secret::{Source, required},
    sources::RawSources,
};

/// Begins the name of every overriding variable.
const PREFIX: &str = "PAYSTATE__";

pub(super) struct Raw {
    /// Sections that are there, readable or not.
    pub(super) there: Roles,
    pub(super) core: Option<RawCore>,
    pub(super) edge: Option<RawEdge>,
    pub(super) relay: Option<RawRelay>,
    pub(super) sandbox: Option<RawSandbox>,
    /// Where people are told of cases, by name.
    pub(super) alerts: BTreeMap<String, RawAlert>,
    /// Whether there is any account, readable or not.
    pub(super) has_accounts: bool,
    pub(super) accounts: BTreeMap<String, RawAccount>,
}

/// Reads the file and overrides it. Each section is read by itself, so that one bad section does not hide
/// the problems of the others.
pub(super) fn read(
    problems: &mut Problems,
    path: &Path,
    env: impl Iterator<Item = (String, String)>,
    bound: Option<Bound>,
) -> Option<Raw> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()));
    let text = problems.take("(file)", text)?;
    // Not the line itself, as the library would show it: there may be a password in it.
    let unreadable = |error: toml::de::Error| {
        let line = error.span().and_then(|span| line_at(&text, span.start));
        let at = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        format!("{at}{}", error.message())
    };
    let mut table: Table = problems.take("(file)", text.parse().map_err(unreadable))?;
    if let Some(bound) = bound {
        readdress(&mut table, bound);
    }
    let mut overridden = Vec::new();
    for (name, value) in env {
        if let Some(place) = name.strip_prefix(PREFIX) {
            set(problems, &mut table, &name, place, value);
            overridden.push((place.to_ascii_lowercase().replace("__", "."), name.clone()));
        }
    }
    let has = |name| table.contains_key(name);
    let there = Roles { core: has("core"), edge: has("edge"), relay: has("relay"), sandbox: has("sandbox") };
    let core = section(problems, "core", table.remove("core"));
    let edge = section(problems, "edge", table.remove("edge"));
    let relay = section(problems, "relay", table.remove("relay"));
    let sandbox = section(problems, "sandbox", table.remove("sandbox"));
    let alerts = section(problems, "alerts", table.remove("alerts")).unwrap_or_default();
    let accounts = table.remove("accounts");
    let has_accounts = accounts.is_some();
    let accounts = match accounts {
        Some(Value::Table(accounts)) => accounts
            .into_iter()
            .filter_map(|(name, value)| {
                let at = format!("accounts.{name}");
                Some((name, RawAccount::read(problems, &at, value)?))
            })
            .collect(),
        Some(_) => {
            problems.add("accounts", "must be sections [accounts.NAME]");
            BTreeMap::new()
        }
        None => BTreeMap::new(),
    };
    for name in table.keys() {
        problems.add(name, "unknown section; there are core, edge, relay, sandbox, alerts and accounts");
    }
    locate(problems, &text, &overridden);
    Some(Raw { there, core, edge, relay, sandbox, alerts, has_accounts, accounts })
}

/// Platforms of this process are called, and call back, where edge and sandbox turned out to listen and not where the
/// file says.
fn readdress(table: &mut Table, bound: Bound) {
    let listen = |table: &Table, section: &str| Some(table.get(section)?.get("listen")?.as_str()?.to_owned());
    let edge = listen(table, "edge").map(|from| (from, bound.edge));
    let sandbox = listen(table, "sandbox").map(|from| (from, bound.sandbox));
    let moves: Vec<_> = [edge, sandbox]
        .into_iter()
        .flatten()
        .map(|(from, to)| (format!("https://{from}"), format!("https://{to}")))
        .collect();
    let accounts = table.get_mut("accounts").and_then(Value::as_table_mut).into_iter().flatten();
    for (_, value) in accounts.filter_map(|(_, account)| account.get_mut("api")?.as_table_mut()).flatten() {
        if let Value::String(text) = value
            && let Some((from, to)) = moves.iter().find(|(from, _)| text.starts_with(from.as_str()))
        {
            *text = format!("{to}{}", &text[from.len()..]);
        }
    }
}

/// Puts an overriding value at its place. It is TOML where it reads as TOML, otherwise text.
fn set(problems: &mut Problems, table: &mut Table, variable: &str, place: &str, value: String) {
    let place = place.to_ascii_lowercase();
    let mut names: Vec<&str> = place.split("__").collect();
    let Some(last) = names.pop().filter(|l| !l.is_empty()) else {
        problems.add(variable, "names no place; write PAYSTATE__SECTION__KEY");
        return;
    };
    let mut here = table;
    for name in names {
        let next = here.entry(name).or_insert_with(|| Value::Table(Table::new()));
        match next {
            Value::Table(inner) => here = inner,
            Value::String(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Array(_) => {
                problems.add(variable, format!("{name} is not a section"));
                return;
            }
        }
    }
    let parsed = format!("v = {value}").parse::<Table>().ok().and_then(|mut t| t.remove("v"));
    here.insert(last.to_owned(), parsed.unwrap_or(Value::String(value)));
}

/// Says of each problem so far where it was written: on which line, or in which variable.
fn locate(problems: &mut Problems, text: &str, overridden: &[(String, String)]) {
    let Ok(file) = DeTable::parse(text) else { return };
    for problem in &mut problems.found {
        let at = problem.at.as_str();
        let is_at = |place: &str| at.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let variable = overridden.iter().find(|(place, _)| is_at(place)).map(|(_, name)| name.clone());
        let written = variable.or_else(|| line_of(text, file.get_ref(), at).map(|line| format!("line {line}")));
        if let Some(written) = written {
            problem.what.push_str(&format!(" ({written})"));
        }
    }
}

/// On which line a field stands; where it is in an array, on which line that begins.
fn line_of(text: &str, table: &DeTable<'_>, at: &str) -> Option<usize> {
    table.iter().find_map(|(key, value)| {
        let rest = at.strip_prefix(&**key.get_ref())?;
        match (rest.strip_prefix('.'), value.get_ref().as_table()) {
            (None, _) if !rest.is_empty() => None,
            (Some(rest), Some(inner)) => line_of(text, inner, rest),
            (_, _) => line_at(text, key.span().start),
        }
    })
}

fn line_at(text: &str, offset: usize) -> Option<usize> {
    text.get(..offset).map(|before| before.matches('\n').count() + 1)
}

/// Reads a section, and names every field that nobody asked for, and the one that cannot be read.
pub(super) fn section<T: DeserializeOwned>(problems: &mut Problems, name: &str, value: Option<Value>) -> Option<T> {
    let mut unknown = Vec::new();
    // A field that may be absent is a step of its own in the path; nobody wrote that step.
    let read = serde_ignored::deserialize(value?, |path| unknown.push(path.to_string().replace(".?", "")));
    for field in unknown {
        problems.add(format!("{name}.{field}"), "unknown field; check the spelling, or remove it");
    }
    read.map_err(|error: toml::de::Error| problems.add(format!("{name}{}", field(&error)), error.message())).ok()
}

/// Which field of a section an error is about, with a point in front. The library tells it only behind its message.
fn field(error: &toml::de::Error) -> String {
    let shown = error.to_string();
    let path = shown.strip_prefix(error.message()).and_then(|rest| rest.trim().strip_prefix("in `")?.strip_suffix('`'));
    path.map(|path| format!(".{path}")).unwrap_or_default()
}

pub(super) fn localhost(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[derive(Debug, Deserialize)]
pub(super) struct RawCore {
    listen: Option<SocketAddr>,
    metrics_listen: Option<SocketAddr>,
    database: Option<String>,
    database_password: Option<Source>,
    sealing: Option<RawSealing>,
    #[serde(default)]
    commit: RawCommit,
    tls: Option<RawServerTls>,
    roles: Option<RawRoles>,
    #[serde(default)]
    allow_plaintext: bool,
    drain_delay_ms: Option<u64>,
    redis: Option<RawRedis>,
    edge: Option<RawUrls>,
    edge_tls: Option<RawClientTls>,
    #[serde(default)]
    edge_allow_plaintext: bool,
    #[serde(default)]
    compensate: RawCompensate,
    #[serde(default)]
    cases: BTreeMap<String, RawCase>,
}

#[derive(Debug, Deserialize)]
struct RawSealing {
    active: Option<String>,
    #[serde(default)]
    keys: BTreeMap<String, Source>,
}

#[derive(Debug, Default, Deserialize)]
struct RawCommit {
    queue: Option<usize>,
    batch_max: Option<usize>,
    in_flight: Option<usize>,
}

impl RawCore {
    pub(super) fn listeners(&self) -> [(&'static str, SocketAddr); 2] {
        [
            ("core.listen", self.listen.unwrap_or_else(|| localhost(50051))),
            ("core.metrics_listen", self.metrics_listen.unwrap_or_else(|| localhost(9464))),
        ]
    }

    pub(super) fn check(self, problems: &mut Problems, base: &Path, channels: Vec<Channel>) -> Option<Core> {
        let [(listen_at, listen), (_, metrics_listen)] = self.listeners();
        let database = required(problems, "core.database", self.database)
            .and_then(|url| Database::check(problems, &url, self.database_password, base));
        let sealing = required(problems, "core.sealing", self.sealing);
        let sealer = sealing.and_then(|s| s.check(problems, base));
        let defaults = commit::Limits::default();
        let commit = commit::Limits {
            queue: self.commit.queue.unwrap_or(defaults.queue),
            batch_max: self.commit.batch_max.unwrap_or(defaults.batch_max),
            in_flight: self.commit.in_flight.unwrap_or_else(|| database.as_ref().map_or(1, Database::writers)),
        };
        if !(1..=1_000_000).contains(&commit.queue) {
            problems.add("core.commit.queue", "must be 1 to 1000000");
        }
        if !(1..=256).contains(&commit.batch_max) {
            problems.add("core.commit.batch_max", "must be 1 to 256");
        }
        if !(1..=4).contains(&commit.in_flight) {
            problems.add("core.commit.in_flight", "must be 1 to 4");
        }
        let listener = RawListener {
            listen_at,
            listen,
            tls_at: "core.tls",
            tls: self.tls,
            roles_at: "core.roles",
            roles: self.roles.map(RawRoles::granted),
            plaintext_at: "core.allow_plaintext",
            allow_plaintext: self.allow_plaintext,
        };
        let callers = listener.check(problems, base);
        let drain_delay = grpc::drain_delay(problems, "core", self.drain_delay_ms);
        let redis = self.redis.map(|r| r.check(problems, base));
        let edges = RawWays {
            section: "core",
            field: "edge",
            urls: self.edge,
            tls: self.edge_tls,
            allow_plaintext: self.edge_allow_plaintext,
        };
        let edges = if edges.is_written() { edges.check(problems, base) } else { Some(Vec::new()) };
        let settings = self.compensate.check(problems);
        let cases = compensate::cases(problems, self.cases);
        Some(Core {
            listen,
            metrics_listen,
            database: database?,
            sealer: sealer?,
            commit,
            callers: callers?,
            drain_delay,
            redis: redis.flatten(),
            edges: edges?,
            compensate: Settings { cases, channels, ..settings },
        })
    }
}

impl RawSealing {
    fn check(self, problems: &mut Problems, base: &Path) -> Option<Sealer> {
        let active = required(problems, "core.sealing.active", self.active);
        let read = |(id, source): (&String, &Source)| {
            let key = problems.take(format!("core.sealing.keys.{id}"), source.bytes(base));
            (id.clone(), key)
        };
        // Not short-circuiting: every unreadable key is to be named.
        let keys: Vec<_> = self.keys.iter().map(read).collect();
        let keys: Option<BTreeMap<_, _>> = keys.into_iter().map(|(id, key)| Some((id, key?))).collect();
        problems.take("core.sealing", Sealer::new(&active?, &keys?))
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct RawEdge {
    listen: Option<SocketAddr>,
    gateway_listen: Option<SocketAddr>,
    metrics_listen: Option<SocketAddr>,
    gateway_tls: Option<RawServerTls>,
    core_identities: Option<Vec<String>>,
    #[serde(default)]
    gateway_allow_plaintext: bool,
    core: Option<RawUrls>,
    core_tls: Option<RawClientTls>,
    #[serde(default)]
    core_allow_plaintext: bool,
    drain_delay_ms: Option<u64>,
    tls_certificate: Option<Source>,
    tls_key: Option<Source>,
    #[serde(default)]
    sources: RawSources,
    #[serde(default)]
    limits: RawLimits,
}

#[derive(Debug, Default, Deserialize)]
struct RawLimits {
    max_connections: Option<usize>,
    max_connections_per_ip: Option<usize>,
    max_in_flight: Option<usize>,
    queue: Option<usize>,
    rejections_per_second: Option<u32>,
    stranger_tenure_ms: Option<u64>,
}

impl RawLimits {
    fn check(&self, problems: &mut Problems) -> paystate_edge::Limits {
        let d = paystate_edge::Limits::default();
        let tenure = self.stranger_tenure_ms.map(Duration::from_millis);
        if tenure.is_some_and(|t| !(Duration::from_millis(100)..=Duration::from_secs(3600)).contains(&t)) {
            problems.add("edge.limits.stranger_tenure_ms", "must be 100 to 3600000");
        }
        let mut bound = |name: &str, value: Option<usize>, default: usize| {
            if value.is_some_and(|v| !(1..=1_000_000).contains(&v)) {
                problems.add(format!("edge.limits.{name}"), "must be 1 to 1000000");
            }
            value.unwrap_or(default)
        };
        paystate_edge::Limits {
            max_connections: bound("max_connections", self.max_connections, d.max_connections),
            max_connections_per_ip: bound(
                "max_connections_per_ip",
                self.max_connections_per_ip,
                d.max_connections_per_ip,
            ),
            max_in_flight: bound("max_in_flight", self.max_in_flight, d.max_in_flight),
            queue: bound("queue", self.queue, d.queue),
            rejections_per_second: self.rejections_per_second.unwrap_or(d.rejections_per_second),
            stranger_tenure: tenure.unwrap_or(d.stranger_tenure),
            ..d
        }
    }
}

impl RawEdge {
    pub(super) fn listeners(&self) -> [(&'static str, SocketAddr); 3] {
        [
            ("edge.listen", self.listen.unwrap_or_else(|| localhost(8443))),
            ("edge.gateway_listen", self.gateway_listen.unwrap_or_else(|| localhost(50052))),
            ("edge.metrics_listen", self.metrics_listen.unwrap_or_else(|| localhost(9465))),
        ]
    }

    /// `configured` are the platforms that have an account.
    pub(super) fn check(self, problems: &mut Problems, base: &Path, configured: &BTreeSet<Provider>) -> Option<Edge> {
        let [(_, listen), (gateway_at, gateway_listen), (_, metrics_listen)] = self.listeners();
        let tls = tls(problems, "edge", self.tls_certificate, self.tls_key, base);
        let ways = RawWays {
            section: "edge",
            field: "core",
            urls: self.core,
            tls: self.core_tls,
            allow_plaintext: self.core_allow_plaintext,
        };
        let cores = ways.check(problems, base);
        let listener = RawListener {
            listen_at: gateway_at,
            listen: gateway_listen,
            tls_at: "edge.gateway_tls",
            tls: self.gateway_tls,
            roles_at: "edge.core_identities",
            roles: self.core_identities.map(|identities| vec![(Role::Core, "edge.core_identities", identities)]),
            plaintext_at: "edge.gateway_allow_plaintext",
            allow_plaintext: self.gateway_allow_plaintext,
        };
        let gateway_callers = listener.check(problems, base);
        let sources = self.sources.check(problems, configured);
        let unready_grace = grpc::drain_delay(problems, "edge", self.drain_delay_ms);
        let limits = paystate_edge::Limits { unready_grace, ..self.limits.check(problems) };
        Some(Edge {
            listen,
            gateway_listen,
            gateway_callers: gateway_callers?,
            metrics_listen,
            cores: cores?,
            tls: tls?,
            sources,
            limits,
        })
    }
}

fn tls(
    problems: &mut Problems,
    section: &str,
    certificate: Option<Source>,
    key: Option<Source>,
    base: &Path,
) -> Option<std::sync::Arc<rustls::ServerConfig>> {
    let mut read = |field: &str, source: Option<Source>| {
        let at = format!("{section}.{field}");
        let source = required(problems, &at, source)?;
        problems.take(at, source.bytes(base))
    };
    let (certificate, key) = (read("tls_certificate", certificate), read("tls_key", key));
    let (certificate, key) = (certificate?, key?);
    problems.certificate(format!("{section}.tls_certificate"), &certificate);
    problems
        .take(format!("{section}.tls_certificate and {section}.tls_key"), paystate_edge::tls_config(&certificate, &key))
}

#[derive(Debug, Deserialize)]
pub(super) struct RawSandbox {
    listen: Option<SocketAddr>,
    data_dir: Option<PathBuf>,
    edge_url: Option<String>,
    edge_certificate: Option<Source>,
    tls_certificate: Option<Source>,
    tls_key: Option<Source>,
    time_compression: Option<u32>,
    clock_behind_s: Option<u32>,
}

impl RawSandbox {
    pub(super) fn listener(&self) -> (&'static str, SocketAddr) {
        ("sandbox.listen", self.listen.unwrap_or_else(|| localhost(7443)))
    }

    pub(super) fn check(self, problems: &mut Problems, base: &Path) -> Option<Sandbox> {
        let (_, listen) = self.listener();
        let data_dir = required(problems, "sandbox.data_dir", self.data_dir).map(|d| base.join(d));
        let certificate = required(problems, "sandbox.edge_certificate", self.edge_certificate)
            .and_then(|s| problems.take("sandbox.edge_certificate", s.bytes(base)));
        let tls = tls(problems, "sandbox", self.tls_certificate, self.tls_key, base);
        let time_compression = self.time_compression.unwrap_or(paystate_sandbox::Settings::DEFAULT_TIME_COMPRESSION);
        if time_compression == 0 {
            problems.add("sandbox.time_compression", "must be at least 1, which is real time");
        }
        Some(Sandbox {
            listen,
            data_dir: data_dir?,
            edge_url: self.edge_url.unwrap_or_else(|| "https://127.0.0.1:8443".to_owned()),
            edge_certificate_pem: certificate?,
            tls: tls?,
            time_compression,
            clock_behind: std::time::Duration::from_secs(self.clock_behind_s.unwrap_or(0).into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a file and variables.
    fn problems(text: &str, env: &[(&str, &str)]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("paystate.toml");
        std::fs::write(&path, text).unwrap();
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut problems = Problems::default();
        assert!(read(&mut problems, &path, env, None).is_some());
        problems.found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named_with_its_key_and_line() {
        let text = "[core]\nlisten = \"127.0.0.1:1\"\ndrain_delay_ms = -1\n\n[edge.limits]\nqueue = \"many\"\n";
        let found = problems(text, &[]);
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].starts_with("core.drain_delay_ms: invalid value: integer `-1`"), "{found:#?}");
        assert!(found[0].ends_with(" (line 3)"), "{found:#?}");
        assert!(found[1].starts_with("edge.limits.queue: invalid type: string \"many\""), "{found:#?}");
        assert!(found[1].ends_with(" (line 6)"), "{found:#?}");
    }

    #[test]
    fn names_with_points_and_things_in_arrays_are_found_too() {
        let key = "{ id = 7, key = { file = \"x\" } }";
        let text = format!("[accounts.\"a.b\"]\nprovider = \"wechatpay\"\npublic_keys = [\n  {key},\n]\n");
        let found = problems(&text, &[]);
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].starts_with("accounts.a.b.public_keys.id: invalid type: integer `7`"), "{found:#?}");
        assert!(found[0].ends_with(" (line 3)"), "{found:#?}");
    }

    #[test]
    fn what_a_variable_has_put_there_is_named_by_it() {
        let env = [("PAYSTATE__CORE__DRAIN_DELAY_MS", "-1"), ("PAYSTATE__EDGE__LISTNE", "x")];
        let found = problems("[core]\ndrain_delay_ms = 1\n", &env);
        assert_eq!(found.len(), 2, "{found:#?}");
        assert!(found[0].starts_with("core.drain_delay_ms: invalid value"), "{found:#?}");
        assert!(found[0].ends_with(" (PAYSTATE__CORE__DRAIN_DELAY_MS)"), "{found:#?}");
        assert!(found[1].starts_with("edge.listne: unknown field"), "{found:#?}");
        assert!(found[1].ends_with(" (PAYSTATE__EDGE__LISTNE)"), "{found:#?}");
    }
}
