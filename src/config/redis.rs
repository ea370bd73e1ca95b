//! `[core.redis]`: the guard that several cores share.

use std::path::Path;

use paystate_core::guard::redis::{Address, Kind, Settings};
use serde::Deserialize;

use super::{
    Problems,
    secret::{Source, required},
};

#[derive(Debug, Deserialize)]
pub(super) struct RawRedis {
    #[serde(default)]
    kind: RawKind,
    #[serde(default)]
    urls: Vec<String>,
    sentinel_master: Option<String>,
    username: Option<String>,
    password: Option<Source>,
    sentinel_password: Option<Source>,
    tls_ca: Option<Source>,
    prefix: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawKind {
    #[default]
    Single,
    Sentinel,
    Cluster,
}

impl RawRedis {
    pub(super) fn check(self, problems: &mut Problems, base: &Path) -> Option<Address> {
        if self.kind != RawKind::Sentinel && self.sentinel_master.is_some() {
            problems.add("core.redis.sentinel_master", "is for kind = \"sentinel\" only");
        }
        let kind = match self.kind {
            RawKind::Single => Kind::Single,
            RawKind::Cluster => Kind::Cluster,
            RawKind::Sentinel => {
                let master = required(problems, "core.redis.sentinel_master", self.sentinel_master);
                Kind::Sentinel { master: master.unwrap_or_default() }
            }
        };
        // What cannot be read is named here, and what is said of its absence is not said twice.
        let mut said = false;
        let mut text = |problems: &mut Problems, field: &str, source: Option<Source>| {
            let source = source?;
            let text = problems.take(format!("core.redis.{field}"), source.text(base));
            said |= text.is_none();
            text
        };
        let settings = Settings {
            kind,
            urls: self.urls,
            username: self.username,
            password: text(problems, "password", self.password),
            sentinel_password: text(problems, "sentinel_password", self.sentinel_password),
            tls_ca: text(problems, "tls_ca", self.tls_ca).map(String::into_bytes),
            prefix: self.prefix.unwrap_or_else(|| "paystate".to_owned()),
        };
        match settings.check() {
            Ok(address) => Some(address),
            Err(found) => {
                for p in found.into_iter().filter(|p| !(said && p.field == "username")) {
                    problems.add(format!("core.redis.{}", p.field), p.problem);
                }
                None
            }
        }
    }
}
