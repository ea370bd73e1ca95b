//! `[edge.sources]`: whose word about addresses is believed, and from where the platforms send.

use std::collections::{BTreeMap, BTreeSet};

use paystate_edge::{AllowMode, Front, Network, Networks, Sources};
use paystate_providers::Provider;
use serde::Deserialize;

use super::Problems;

const AT: &str = "edge.sources";

#[derive(Debug, Default, Deserialize)]
pub(super) struct RawSources {
    #[serde(default)]
    trusted_proxies: Vec<String>,
    #[serde(default)]
    proxy_header: RawHeader,
    #[serde(default)]
    mode: RawMode,
    #[serde(default)]
    allow: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawHeader {
    #[default]
    None,
    ProxyV2,
    XForwardedFor,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawMode {
    #[default]
    Off,
    Observe,
    Enforce,
}

impl RawSources {
    /// `configured` are the platforms that have an account.
    pub(super) fn check(self, problems: &mut Problems, configured: &BTreeSet<Provider>) -> Sources {
        let front = front(problems, self.proxy_header, &self.trusted_proxies);
        let allow = allow(problems, &self.allow);
        let mode = match self.mode {
            RawMode::Off => AllowMode::Off,
            RawMode::Observe => AllowMode::Observe,
            RawMode::Enforce => AllowMode::Enforce,
        };
        if mode == AllowMode::Observe && self.allow.is_empty() {
            problems.add(format!("{AT}.allow"), "is missing; without a list there is nothing to observe");
        }
        let unlisted = configured.iter().filter(|provider| !self.allow.contains_key(provider.as_str()));
        for provider in unlisted.filter(|_| mode == AllowMode::Enforce) {
            let hint = "is missing; to enforce, list the networks of every platform that has an account";
            problems.add(format!("{AT}.allow.{provider}"), hint);
        }
        Sources { front, mode, allow }
    }
}

fn front(problems: &mut Problems, header: RawHeader, trusted: &[String]) -> Front {
    let at = format!("{AT}.trusted_proxies");
    let networks = networks(problems, &at, trusted);
    if networks.iter().any(|network| network.is_everybody()) {
        problems.add(&at, "trusts everybody, so that anybody could claim any address; list the proxies' own networks");
    }
    let networks = networks.into_iter().collect();
    match (header, trusted.is_empty()) {
        (RawHeader::ProxyV2 | RawHeader::XForwardedFor, true) => {
            problems.add(at, "is missing; proxy_header is believed only from proxies that are listed here");
        }
        (RawHeader::None, false) => {
            let hint = "is missing; trusted_proxies needs it to be \"proxy-v2\" or \"x-forwarded-for\"";
            problems.add(format!("{AT}.proxy_header"), hint);
        }
        (RawHeader::None, true) | (RawHeader::ProxyV2 | RawHeader::XForwardedFor, false) => {}
    }
    match header {
        RawHeader::None => Front::Nothing,
        RawHeader::ProxyV2 => Front::ProxyV2(networks),
        RawHeader::XForwardedFor => Front::ForwardedFor(networks),
    }
}

fn allow(problems: &mut Problems, raw: &BTreeMap<String, Vec<String>>) -> BTreeMap<Provider, Networks> {
    let mut lists = BTreeMap::new();
    for (name, texts) in raw {
        let at = format!("{AT}.allow.{name}");
        let networks = networks(problems, &at, texts);
        if texts.is_empty() {
            problems.add(&at, "is empty, which would allow nobody; list the platform's networks, or remove the line");
        }
        if let Some(provider) = problems.take(at, name.parse::<Provider>()) {
            lists.insert(provider, networks.into_iter().collect());
        }
    }
    lists
}

fn networks(problems: &mut Problems, at: &str, texts: &[String]) -> Vec<Network> {
    texts.iter().filter_map(|text| problems.take(at, text.parse::<Network>())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sources, or the places that have a problem.
    fn check(section: &str) -> Result<Sources, Vec<String>> {
        let mut problems = Problems::default();
        let raw: RawSources = toml::from_str(section).unwrap();
        let sources = raw.check(&mut problems, &BTreeSet::from([Provider::Alipay, Provider::Stripe]));
        problems.none(Some(sources)).map_err(|found| found.into_iter().map(|problem| problem.at).collect())
    }

    fn networks(texts: &[&str]) -> Networks {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn nothing_written_is_nobody_asked() {
        assert_eq!(check(""), Ok(Sources::default()));
        assert_eq!(check("proxy_header = \"none\"\nmode = \"off\""), Ok(Sources::default()));
    }

    #[test]
    fn what_is_written_is_what_counts() {
        let section = r#"
            trusted_proxies = ["10.0.0.0/8", "fd00::/8"]
            proxy_header = "proxy-v2"
            mode = "enforce"
            allow = { alipay = ["203.0.113.0/24"], stripe = ["198.51.100.7", "2001:db8::/32"] }
        "#;
        let proxies = networks(&["10.0.0.0/8", "fd00::/8"]);
        let alipay = networks(&["203.0.113.0/24"]);
        let stripe = networks(&["198.51.100.7", "2001:db8::/32"]);
        let allow = BTreeMap::from([(Provider::Alipay, alipay), (Provider::Stripe, stripe)]);
        let expected = Sources { front: Front::ProxyV2(proxies.clone()), mode: AllowMode::Enforce, allow };
        assert_eq!(check(section), Ok(expected.clone()));
        let observed = section.replace("enforce", "observe").replace("proxy-v2", "x-forwarded-for");
        let front = Front::ForwardedFor(proxies);
        assert_eq!(check(&observed), Ok(Sources { front, mode: AllowMode::Observe, ..expected }));
    }

    #[test]
    fn each_mistake_has_its_place() {
        for (section, places) in [
            ("proxy_header = \"proxy-v2\"", &["edge.sources.trusted_proxies"][..]),
            ("proxy_header = \"x-forwarded-for\"", &["edge.sources.trusted_proxies"]),
            ("trusted_proxies = [\"10.0.0.0/8\"]", &["edge.sources.proxy_header"]),
            ("proxy_header = \"proxy-v2\"\ntrusted_proxies = [\"::/0\"]", &["edge.sources.trusted_proxies"]),
            (
                "proxy_header = \"proxy-v2\"\ntrusted_proxies = [\"10.0.0.1/8\", \"10/8\", \"10.0.0.0/8\"]",
                &["edge.sources.trusted_proxies", "edge.sources.trusted_proxies"],
            ),
            ("mode = \"enforce\"", &["edge.sources.allow.alipay", "edge.sources.allow.stripe"]),
            ("mode = \"enforce\"\nallow.alipay = [\"203.0.113.0/24\"]", &["edge.sources.allow.stripe"]),
            ("mode = \"observe\"", &["edge.sources.allow"]),
            (
                "[allow]\nalipay = []\nstripe = [\"203.0.113.1/24\"]\npaypal = [\"203.0.113.0/24\"]",
                &["edge.sources.allow.alipay", "edge.sources.allow.paypal", "edge.sources.allow.stripe"],
            ),
        ] {
            assert_eq!(check(section).unwrap_err(), places, "{section}");
        }
    }

    #[test]
    fn observing_some_platforms_is_enough() {
        assert!(check("mode = \"observe\"\nallow.alipay = [\"203.0.113.0/24\"]").is_ok());
    }
}
