//! `[relay]`: from a durable subscription to RabbitMQ.

use std::{net::SocketAddr, path::Path};

use paystate_relay::{Address, Format, Settings};
use serde::Deserialize;

use super::{
    Problems, Relay,
    file::localhost,
    grpc::{self, RawClientTls, RawUrls, RawWays},
    secret::{Source, required},
};

#[derive(Debug, Deserialize)]
pub(super) struct RawRelay {
    metrics_listen: Option<SocketAddr>,
    core: Option<RawUrls>,
    core_tls: Option<RawClientTls>,
    #[serde(default)]
    core_allow_plaintext: bool,
    subscription: Option<String>,
    rabbitmq: Option<RawRabbitMq>,
}

#[derive(Debug, Deserialize)]
struct RawRabbitMq {
    url: Option<String>,
    password: Option<Source>,
    tls_ca: Option<Source>,
    exchange: Option<String>,
    #[serde(default)]
    format: RawFormat,
    #[serde(default)]
    allow_plaintext: bool,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawFormat {
    #[default]
    Protobuf,
    Json,
}

impl RawRelay {
    pub(super) fn check(self, problems: &mut Problems, base: &Path) -> Option<Relay> {
        let ways = RawWays {
            section: "relay",
            field: "core",
            urls: self.core,
            tls: self.core_tls,
            allow_plaintext: self.core_allow_plaintext,
        };
        let cores = ways.check(problems, base);
        let subscription = self.subscription.unwrap_or_else(|| "rabbitmq".to_owned());
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=64).contains(&subscription.len()) || !subscription.chars().all(plain) {
            problems.add("relay.subscription", "must be 1 to 64 characters of a-z 0-9 -");
        }
        let rabbitmq = required(problems, "relay.rabbitmq", self.rabbitmq).and_then(|r| r.check(problems, base));
        let (rabbitmq, format) = rabbitmq?;
        let metrics_listen = self.metrics_listen.unwrap_or_else(|| localhost(9466));
        Some(Relay { metrics_listen, cores: cores?, subscription, rabbitmq, format })
    }
}

impl RawRabbitMq {
    fn check(self, problems: &mut Problems, base: &Path) -> Option<(Address, Format)> {
        let place = |field: &str| format!("relay.rabbitmq.{field}");
        let url = required(problems, &place("url"), self.url);
        // What cannot be read is named here, and counts as written below, so that nothing is said of its absence.
        let password = self.password.map(|source| problems.take(place("password"), source.text(base)));
        let tls_ca = self.tls_ca.map(|source| {
            grpc::authorities(problems, place("tls_ca"), &source, base)?;
            problems.take(place("tls_ca"), source.text(base))
        });
        let settings = Settings {
            url: url?,
            password: password.map(Option::unwrap_or_default),
            tls_ca: tls_ca.map(Option::unwrap_or_default),
            exchange: self.exchange.unwrap_or_else(|| "paystate.events".to_owned()),
            allow_plaintext: self.allow_plaintext,
        };
        let format = match self.format {
            RawFormat::Protobuf => Format::Protobuf,
            RawFormat::Json => Format::Json,
        };
        match settings.check() {
            Ok(address) => Some((address, format)),
            Err(found) => {
                found.into_iter().for_each(|p| problems.add(place(p.field), p.problem));
                None
            }
        }
    }
}
