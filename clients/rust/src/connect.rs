//! Which cores, and what each side shows the other.

use std::time::Duration;

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::{Channel, Refusal};

/// A core that takes longer to let us in is not there.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a stream that are on their way unread at most. A connection has room for some twenty such streams, so that one whose
/// events nobody reads for a while leaves room for the answers to calls.
const STREAM_WINDOW: u32 = 256 * 1024;
/// A ping goes out this often, also while nothing is asked, so that a core that is gone without a word is noticed
/// within [`KEEPALIVE`] and [`KEEPALIVE_PATIENCE`].
const KEEPALIVE: Duration = Duration::from_secs(15);
/// A ping that is not answered within this is the end of the connection.
const KEEPALIVE_PATIENCE: Duration = Duration::from_secs(10);

/// Why there is no way to the core.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// It is no URL of a core.
    #[error("{url:?}: {what}")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it, and what to do.
        what: String,
    },
    /// Authorities, certificate or key cannot be used.
    #[error("{0}")]
    Tls(String),
    /// None of the cores answers. Only [`Connect::open`] finds out.
    #[error("cannot reach {url}: {why}")]
    Unreachable {
        /// The core that was tried last.
        url: String,
        /// What became of it.
        why: String,
    },
}

/// The way to one core or to several, as [`connect`](Connect::to) begins it:
///
/// ```no_run
/// # use paystate_client::Connect;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// // `paystate dev`, on this machine.
/// let channel = Connect::to("http://127.0.0.1:50051").open().await?;
///
/// // Two cores with mTLS.
/// let channel = Connect::to("https://core-1.pay.internal:50051")
///     .or("https://core-2.pay.internal:50051")
///     .ca(std::fs::read("ca.crt")?)
///     .identity(std::fs::read("inventory.crt")?, std::fs::read("inventory.key")?)
///     .lazy()?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use = "`lazy` or `open` makes the channel"]
pub struct Connect {
    urls: Vec<String>,
    ca: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
    server_name: Option<String>,
    allow_plaintext: bool,
}

impl Connect {
    /// A core, `http://host:port` or `https://host:port`.
    pub fn to(url: impl Into<String>) -> Self {
        let urls = vec![url.into()];
        Self { urls, ca: None, identity: None, server_name: None, allow_plaintext: false }
    }

    /// Another core of the same database, for when the first is not there.
    pub fn or(mut self, url: impl Into<String>) -> Self {
        self.urls.push(url.into());
        self
    }

    /// Believes servers with a certificate of these authorities, and no others. PEM. Needed with `https`.
    pub fn ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca = Some(pem.into());
        self
    }

    /// What this side shows: its certificate, then the chain; and its key. PEM. A core with `[core.tls]` lets nobody in
    /// without, and the names in the certificate decide what may be called.
    pub fn identity(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.identity = Some((certificate.into(), key.into()));
        self
    }

    /// The name that the cores' certificates must have, where it is not the host of the URL.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Allows `http` to another machine, where everybody on the way can read and change everything. Without it that is
    /// an error.
    pub fn allow_plaintext(mut self) -> Self {
        self.allow_plaintext = true;
        self
    }

    /// A channel that connects when it is first used. Right for a service: it may be up before the core is.
    ///
    /// # Errors
    /// A URL, certificate or key cannot be used.
    pub fn lazy(self) -> Result<Channel, ConnectError> {
        let endpoints = self.endpoints()?;
        Ok(Channel::of(endpoints.iter().map(Endpoint::connect_lazy).collect()))
    }

    /// A channel of which one core has answered. Right for a command that should fail at once.
    ///
    /// # Errors
    /// A URL, certificate or key cannot be used, or none of the cores can be reached.
    pub async fn open(self) -> Result<Channel, ConnectError> {
        let endpoints = self.endpoints()?;
        let mut answer = Err(ConnectError::Tls("there is no core".to_owned()));
        for endpoint in &endpoints {
            let url = endpoint.uri().to_string();
            match endpoint.connect().await {
                Ok(_) => return Ok(Channel::of(endpoints.iter().map(Endpoint::connect_lazy).collect())),
                Err(error) => answer = Err(ConnectError::Unreachable { url, why: unreachable(error) }),
            }
        }
        answer
    }

    fn endpoints(&self) -> Result<Vec<Endpoint>, ConnectError> {
        let tls = self.tls()?;
        self.urls.iter().map(|url| self.endpoint(url, tls.as_ref())).collect()
    }

    fn endpoint(&self, url: &str, tls: Option<&ClientTlsConfig>) -> Result<Endpoint, ConnectError> {
        let wrong = |what: String| ConnectError::Url { url: url.to_owned(), what };
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|e| wrong(format!("is not a URL: {e}")))?;
        let endpoint = endpoint
            .tcp_nodelay(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .connect_timeout(CONNECT_PATIENCE)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE_PATIENCE)
            .keep_alive_while_idle(true);
        match (endpoint.uri().scheme_str(), tls) {
            (Some("https"), Some(tls)) => endpoint.tls_config(tls.clone()).map_err(|e| unusable(&e)),
            (Some("https"), None) => Err(wrong("https needs the authority of the core's certificate (ca)".to_owned())),
            (Some("http"), Some(_)) => Err(wrong("with certificates write https://".to_owned())),
            (Some("http"), None) if self.allow_plaintext || is_loopback(&endpoint) => Ok(endpoint),
            (Some("http"), None) => Err(wrong(
                "plaintext is for loopback; write https:// and name the authority (ca), or allow plaintext if it is meant"
                    .to_owned(),
            )),
            (_, _) => Err(wrong("write http://host:port or https://host:port".to_owned())),
        }
    }

    /// The library takes whatever is no PEM for nothing at all, so mistakes are named here.
    fn tls(&self) -> Result<Option<ClientTlsConfig>, ConnectError> {
        let wrong = |what: &str| Err(ConnectError::Tls(what.to_owned()));
        let Some(ca) = &self.ca else {
            return match self.identity.is_some() || self.server_name.is_some() {
                true => wrong("a certificate or server name needs the authority of the core's certificate too (ca)"),
                false => Ok(None),
            };
        };
        if !has(ca, "BEGIN CERTIFICATE") {
            return wrong(
                "the file of authorities (ca) holds no certificate: it needs one or more CERTIFICATE sections",
            );
        }
        let mut config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca));
        if let Some(name) = &self.server_name {
            config = config.domain_name(name);
        }
        if let Some((certificate, key)) = &self.identity {
            if !has(certificate, "BEGIN CERTIFICATE") {
                return wrong("the certificate file holds no certificate; the files may be swapped");
            }
            if has(key, "ENCRYPTED") {
                return wrong("the private key is encrypted: store it without a password and protect the file");
            }
            if !has(key, "PRIVATE KEY") {
                return wrong("the key file holds no private key; the files may be swapped");
            }
            config = config.identity(Identity::from_pem(certificate, key));
        }
        Ok(Some(config))
    }
}

fn has(pem: &[u8], mark: &str) -> bool {
    pem.windows(mark.len()).any(|window| window == mark.as_bytes())
}

fn is_loopback(endpoint: &Endpoint) -> bool {
    let host = endpoint.uri().host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn unusable(error: &tonic::transport::Error) -> ConnectError {
    let why = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    ConnectError::Tls(format!("authorities, certificate or key cannot be used: {why}"))
}

fn unreachable(error: tonic::transport::Error) -> String {
    Refusal::from(tonic::Status::from_error(Box::new(error))).message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(connect: Connect) -> String {
        connect.lazy().unwrap_err().to_string()
    }

    #[tokio::test]
    async fn plaintext_is_for_loopback_unless_it_is_asked_for() {
        for url in ["http://127.0.0.1:50051", "http://localhost:50051", "http://[::1]:50051"] {
            assert!(Connect::to(url).lazy().is_ok(), "{url}");
        }
        assert!(refused(Connect::to("http://core-1:50051")).contains("plaintext is for loopback"));
        assert!(Connect::to("http://core-1:50051").allow_plaintext().lazy().is_ok());
        assert!(refused(Connect::to("http://127.0.0.1:1").or("http://core-2:1")).contains("core-2"));
    }

    #[test]
    fn mistakes_with_urls_and_files_are_named() {
        let certificate = "-----BEGIN CERTIFICATE-----";
        let key = "-----BEGIN PRIVATE KEY-----";
        let to = || Connect::to("https://core-1:50051");
        for (connect, expected) in [
            (Connect::to("core-1:50051"), "write http://host:port"),
            (Connect::to("ftp://core-1"), "write http://host:port"),
            (Connect::to("http://"), "is not a URL"),
            (to(), "needs the authority"),
            (to().identity(certificate, key), "needs the authority"),
            (to().ca("nonsense"), "holds no certificate"),
            (Connect::to("http://127.0.0.1:1").ca(certificate), "write https://"),
            (to().ca(certificate).identity(key, certificate), "may be swapped"),
            (to().ca(certificate).identity(certificate, certificate), "holds no private key"),
            (to().ca(certificate).identity(certificate, "-----BEGIN ENCRYPTED PRIVATE KEY-----"), "is encrypted"),
            (to().ca(certificate).identity(certificate, key), "cannot be used"),
        ] {
            let said = refused(connect);
            assert!(said.contains(expected), "{expected:?} is missing in {said:?}");
        }
    }

    #[tokio::test]
    async fn a_core_that_is_not_there_is_named_with_the_reason() {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let said = Connect::to(format!("http://{gone}")).open().await.unwrap_err().to_string();
        assert!(said.contains(&gone.to_string()) && said.to_lowercase().contains("refused"), "{said}");
    }
}
