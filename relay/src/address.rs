//! Where RabbitMQ is: settings that were checked without asking anybody.

use std::{fmt, net::IpAddr};

use lapin::{
    tcp::OwnedTLSConfig,
    uri::{AMQPScheme, AMQPUri},
};

/// Seconds. Both sides send a heartbeat twice in this time; the connection is lost after twice this time without one.
const HEARTBEAT: u16 = 10;

/// Settings as they are written.
#[derive(Clone)]
pub struct Settings {
    /// `amqps://USER@HOST:PORT/VHOST`, or `amqp://` without TLS; without password.
    pub url: String,
    /// Password of that user.
    pub password: Option<String>,
    /// PEM: who may vouch for the server, besides the system's authorities.
    pub tls_ca: Option<String>,
    /// The topic exchange that is published to.
    pub exchange: String,
    /// Whether `amqp://` may leave this machine.
    pub allow_plaintext: bool,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password where it is wrong.
        f.debug_struct("Settings").field("exchange", &self.exchange).finish_non_exhaustive()
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

/// Settings that are sound.
#[derive(Clone)]
pub struct Address {
    pub(crate) uri: AMQPUri,
    pub(crate) tls: OwnedTLSConfig,
    pub(crate) exchange: String,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.to_string()).finish()
    }
}

/// Without user and password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AMQPUri { scheme, authority, vhost, .. } = &self.uri;
        write!(f, "{scheme}://{}:{} vhost {vhost:?} exchange {:?}", authority.host, authority.port, self.exchange)
    }
}

impl Settings {
    /// Checks the settings. Opens no connection.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn check(self) -> Result<Address, Vec<SettingProblem>> {
        let mut problems = Vec::new();
        let uri = self.uri().map_err(|problem| problems.push(SettingProblem { field: "url", problem })).ok();
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if !(1..=127).contains(&self.exchange.len()) || !self.exchange.chars().all(plain) {
            let problem = "must be 1 to 127 characters of A-Z a-z 0-9 . _ -".to_owned();
            problems.push(SettingProblem { field: "exchange", problem });
        }
        if uri.as_ref().is_some_and(|uri| uri.scheme == AMQPScheme::AMQP) && self.tls_ca.is_some() {
            problems.push(SettingProblem { field: "tls_ca", problem: "is for amqps:// only".to_owned() });
        }
        match uri {
            Some(uri) if problems.is_empty() => {
                let tls = OwnedTLSConfig { identity: None, cert_chain: self.tls_ca };
                Ok(Address { uri, tls, exchange: self.exchange })
            }
            Some(_) | None => Err(problems),
        }
    }

    fn uri(&self) -> Result<AMQPUri, String> {
        const FORM: &str = "write amqps://USER@HOST:PORT/VHOST, or amqp:// without TLS";
        // The URL is not repeated: it may hold a password.
        let rest = self.url.split_once("://").map(|(_, rest)| rest);
        let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
        let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
        if user.is_some_and(|user| user.contains(':')) {
            return Err(
                "holds a password; write password = { file = \"…\" } instead, and treat that one as leaked".into()
            );
        }
        if host.is_empty() || host.starts_with('[') || self.url.contains(['?', '#']) {
            return Err(format!("must have a host (no IPv6 address in brackets) and no ? or #; {FORM}"));
        }
        let mut uri: AMQPUri = self.url.parse().map_err(|e| format!("is not a URL of RabbitMQ: {e}; {FORM}"))?;
        match (&self.password, user) {
            (Some(password), _) => uri.authority.userinfo.password.clone_from(password),
            (None, Some(_)) => return Err("names a user, so password = { file = \"…\" } is needed".into()),
            // RabbitMQ's own default, which it lets in from its own machine only.
            (None, None) => {}
        }
        if uri.scheme == AMQPScheme::AMQP && !self.allow_plaintext && !is_loopback(&uri.authority.host) {
            return Err("amqp:// is for loopback; write amqps://, or allow_plaintext = true if this is meant".into());
        }
        uri.query.heartbeat = Some(HEARTBEAT);
        Ok(uri)
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> Settings {
        Settings {
            url: url.into(),
            password: None,
            tls_ca: None,
            exchange: "paystate.events".into(),
            allow_plaintext: false,
        }
    }

    fn refused(settings: Settings) -> Vec<&'static str> {
        let problems = settings.check().unwrap_err();
        assert!(problems.iter().all(|p| !p.problem.contains("sesame")), "{problems:?}");
        problems.iter().map(|p| p.field).collect()
    }

    #[test]
    fn a_url_says_where_and_who_and_the_password_is_apart() {
        let with = Settings { password: Some("sesame".into()), ..settings("amqps://relay@mq.example.com/shop") };
        let address = with.check().unwrap();
        let (user, host) = (&address.uri.authority.userinfo, &address.uri.authority.host);
        assert_eq!(
            (user.username.as_str(), user.password.as_str(), host.as_str()),
            ("relay", "sesame", "mq.example.com")
        );
        assert_eq!((address.uri.authority.port, address.uri.vhost.as_str()), (5671, "shop"));
        let shown = format!("{address} {address:?}");
        assert!(shown.contains("mq.example.com:5671") && !shown.contains("sesame"), "{shown}");
        assert_eq!(settings("amqp://127.0.0.1:5673").check().unwrap().uri.vhost, "/");
    }

    #[test]
    fn what_is_wrong_is_named_and_no_secret_with_it() {
        for url in [
            "",
            "mq",
            "http://localhost",
            "amqp://",
            "amqp://relay:sesame@localhost",
            "amqp://relay@localhost",
            "amqp://mq.example.com",
            "amqps://[::1]:5671",
            "amqps://localhost?heartbeat=0",
        ] {
            assert_eq!(refused(settings(url)), ["url"], "{url}");
        }
        let several = Settings { exchange: "a b".into(), tls_ca: Some("x".into()), ..settings("amqp://localhost") };
        assert_eq!(refused(several), ["exchange", "tls_ca"]);
        let meant = Settings { allow_plaintext: true, ..settings("amqp://mq.example.com") };
        meant.check().unwrap();
    }
}
