//! Where Redis is: settings that were checked without asking anybody.

use std::{fmt, time::Duration};

use ::redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisResult, TlsCertificates,
    TlsMode,
    cluster::{ClusterClient, ClusterClientBuilder},
    io::tcp::TcpSettings,
    parse_redis_url,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use tokio::sync::Mutex;

use super::link::Connection;

/// One connection, TLS and log-in included. Nothing waits for it but the task that connects.
const CONNECT: Duration = Duration::from_secs(1);

/// What kind of Redis the URLs lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One server.
    Single,
    /// Sentinels, which know where the master of this name is.
    Sentinel {
        /// The master's name.
        master: String,
    },
    /// Some nodes of a Cluster.
    Cluster,
}

/// Settings as they are written.
#[derive(Clone)]
pub struct Settings {
    /// What the URLs lead to.
    pub kind: Kind,
    /// `redis://`, `rediss://` (TLS) or `unix:`; without user and password.
    pub urls: Vec<String>,
    /// User, where it is not the default one.
    pub username: Option<String>,
    /// Password of the servers.
    pub password: Option<String>,
    /// Password of the Sentinels.
    pub sentinel_password: Option<String>,
    /// PEM: who may vouch for the servers, instead of the system's authorities.
    pub tls_ca: Option<Vec<u8>>,
    /// Begins every key: 1 to 64 of A-Z a-z 0-9 . _ -
    pub prefix: String,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("kind", &self.kind).field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// Something wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// The field of [`Settings`].
    pub field: &'static str,
    /// What, and what to do. Names no secret.
    pub problem: String,
}

fn problem(field: &'static str, problem: impl ToString) -> SettingProblem {
    SettingProblem { field, problem: problem.to_string() }
}

/// Settings that are sound.
pub struct Address {
    client: AnyClient,
    pub(super) prefix: String,
}

enum AnyClient {
    Server(Client),
    Sentinel(Mutex<SentinelClient>),
    Cluster(ClusterClient),
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Settings {
    /// Checks the settings. Opens no connection.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn check(self) -> Result<Address, Vec<SettingProblem>> {
        let mut problems = Vec::new();
        let mut nodes = Vec::new();
        for url in &self.urls {
            match self.node(url) {
                Ok(node) => nodes.push(node),
                Err(found) => problems.push(found),
            }
        }
        self.check_together(&nodes, &mut problems);
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if !(1..=64).contains(&self.prefix.len()) || !self.prefix.chars().all(plain) {
            problems.push(problem("prefix", "must be 1 to 64 characters of A-Z a-z 0-9 . _ -"));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let certificates = self.tls_ca.map(|pem| TlsCertificates { client_tls: None, root_cert: Some(pem) });
        let client = match self.kind {
            Kind::Single => server(nodes, certificates).map(AnyClient::Server),
            Kind::Sentinel { master } => {
                let log_in =
                    LogIn { username: self.username, password: self.password, sentinel: self.sentinel_password };
                sentinel(nodes, &master, log_in, certificates).map(|c| AnyClient::Sentinel(Mutex::new(c)))
            }
            Kind::Cluster => cluster(nodes, certificates).map(AnyClient::Cluster),
        };
        // What is left to go wrong is the certificate.
        let client = client.map_err(|e| vec![problem("tls_ca", e)])?;
        Ok(Address { client, prefix: self.prefix })
    }

    /// One URL, with user and password put in.
    fn node(&self, url: &str) -> Result<ConnectionInfo, SettingProblem> {
        let forms = "write redis://HOST:PORT, rediss://HOST:PORT for TLS, or unix:/PATH";
        // The URL is not repeated: it may hold a password.
        let parsed = parse_redis_url(url).ok_or_else(|| problem("urls", format!("is not a URL of Redis; {forms}")))?;
        let info = parsed.into_connection_info().map_err(|e| problem("urls", format!("{e}; {forms}")))?;
        let settings = info.redis_settings();
        if settings.username().is_some() || settings.password().is_some() {
            let what = "a URL holds a user or password; write username = \"…\" and password = { file = \"…\" } instead, \
                        and treat that password as leaked";
            return Err(problem("urls", what));
        }
        if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
            return Err(problem("urls", "#insecure is not supported; name the authority with tls_ca instead"));
        }
        let mut settings = settings.clone();
        if let Some(username) = &self.username {
            settings = settings.set_username(username);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        Ok(info.set_redis_settings(settings).set_tcp_settings(prompt()))
    }

    /// What the fields must be to each other.
    fn check_together(&self, nodes: &[ConnectionInfo], problems: &mut Vec<SettingProblem>) {
        let tls = |node: &ConnectionInfo| matches!(node.addr(), ConnectionAddr::TcpTls { .. });
        let single = self.kind == Kind::Single;
        let mut wrong = |is: bool, field, what| {
            if is {
                problems.push(problem(field, what));
            }
        };
        wrong(self.urls.is_empty(), "urls", "is empty; name at least one server");
        wrong(
            single && self.urls.len() > 1,
            "urls",
            "kind = \"single\" is one server; use \"sentinel\" or \"cluster\" for several",
        );
        wrong(
            !single && nodes.iter().any(|n| matches!(n.addr(), ConnectionAddr::Unix(_))),
            "urls",
            "unix: is for kind = \"single\" only",
        );
        wrong(
            !single && nodes.iter().any(|n| n.redis_settings().db() != 0),
            "urls",
            "a database number is for kind = \"single\" only",
        );
        wrong(nodes.iter().any(tls) && !nodes.iter().all(tls), "urls", "either all of them are rediss:// or none");
        wrong(self.tls_ca.is_some() && !nodes.iter().any(tls), "tls_ca", "is for rediss:// only");
        wrong(self.username.is_some() && self.password.is_none(), "username", "needs a password");
        let sentinel = matches!(self.kind, Kind::Sentinel { .. });
        wrong(!sentinel && self.sentinel_password.is_some(), "sentinel_password", "is for kind = \"sentinel\" only");
    }
}

/// Batches share a connection, and none of them waits until what another one sent is acknowledged: that may take longer
/// than an answer may.
fn prompt() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn server(nodes: Vec<ConnectionInfo>, certificates: Option<TlsCertificates>) -> RedisResult<Client> {
    let node = nodes.into_iter().next().ok_or((::redis::ErrorKind::InvalidClientConfig, "no server"))?;
    match certificates {
        Some(certificates) => Client::build_with_tls(node, certificates),
        None => Client::open(node),
    }
}

struct LogIn {
    username: Option<String>,
    password: Option<String>,
    sentinel: Option<String>,
}

fn sentinel(
    nodes: Vec<ConnectionInfo>,
    master: &str,
    log_in: LogIn,
    certificates: Option<TlsCertificates>,
) -> RedisResult<SentinelClient> {
    let tls = nodes.iter().any(|n| matches!(n.addr(), ConnectionAddr::TcpTls { .. }));
    let sentinels = nodes.iter().map(|n| n.addr().clone());
    let mut builder = SentinelClientBuilder::new(sentinels, master, SentinelServerType::Master)?
        .set_client_to_redis_tcp_settings(prompt());
    if tls {
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
    }
    if let Some(certificates) = certificates {
        builder = builder.set_client_to_redis_certificates(certificates.clone());
        builder = builder.set_client_to_sentinel_certificates(certificates);
    }
    if let Some(username) = log_in.username {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = log_in.password {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(password) = log_in.sentinel {
        builder = builder.set_client_to_sentinel_password(password);
    }
    builder.build()
}

fn cluster(nodes: Vec<ConnectionInfo>, certificates: Option<TlsCertificates>) -> RedisResult<ClusterClient> {
    // The link has its own limits, shorter than any of these; a redirect is followed, nothing else is tried again.
    let builder = ClusterClientBuilder::new(nodes).connection_timeout(CONNECT).retries(1).tcp_settings(prompt());
    certificates.into_iter().fold(builder, ClusterClientBuilder::certs).build()
}

impl Address {
    /// A new connection.
    pub(super) async fn connect(&self) -> RedisResult<Connection> {
        // The link limits the time of each answer.
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(None);
        match &self.client {
            AnyClient::Server(client) => {
                client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::Server)
            }
            AnyClient::Sentinel(client) => {
                client.lock().await.get_async_connection_with_config(&config).await.map(Connection::Server)
            }
            AnyClient::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
        }
    }
}
