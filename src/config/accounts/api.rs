//! `[accounts.NAME.api]`: how the platform of an account is called. The edge needs its keys, the core its pace.

use std::{fmt::Debug, sync::Arc, time::Duration};

use paystate_core::Calls;
use paystate_edge::{Api, gateway::trust};
use paystate_providers::api::PlatformApi;
use serde::{Deserialize, de::DeserializeOwned};
use toml::{Table, Value};

use super::{Place, Problems};
use crate::config::{file::section, secret::Source};

/// The section, with what is one platform's own in `K`.
#[derive(Debug)]
pub(in crate::config) struct RawApi<K> {
    common: RawCommon,
    keys: K,
}

/// What is asked for every platform.
#[derive(Debug, Deserialize)]
struct RawCommon {
    base_url: Option<String>,
    ca_certificate: Option<Source>,
    pay_timeout_s: Option<u64>,
    rate_per_second: Option<u32>,
    burst: Option<u32>,
    fee_basis_points: Option<u32>,
}

/// The fields of [`RawCommon`]; all others are the platform's.
const COMMON: [&str; 6] =
    ["base_url", "ca_certificate", "pay_timeout_s", "rate_per_second", "burst", "fee_basis_points"];

/// Half an hour: what shops give a payer, and what most platforms take as it is.
const PAY_TIMEOUT_S: u64 = 30 * 60;
/// Ten thousand questions in less than ten minutes; below what platforms are known to refuse.
const RATE_PER_SECOND: u32 = 20;

/// One platform's own part of the section.
pub(in crate::config) trait RawKeys: DeserializeOwned + Debug {
    /// What it builds upon.
    type Platform;

    /// Reads the keys, and makes the account ready to call if `platform` is sound.
    fn api(
        self,
        problems: &mut Problems,
        place: &Place<'_>,
        base_url: Option<String>,
        platform: Option<Arc<Self::Platform>>,
    ) -> Option<Arc<dyn PlatformApi>>;
}

impl<K: RawKeys> RawApi<K> {
    /// Reads the section that stands in `at`.
    pub(super) fn read(problems: &mut Problems, at: &str, value: Value) -> Option<Self> {
        let Value::Table(mut keys) = value else {
            problems.add(at, "must be a section");
            return None;
        };
        let common: Table = COMMON.iter().filter_map(|name| keys.remove_entry(*name)).collect();
        let common = section(problems, at, Some(Value::Table(common)));
        let keys = section(problems, at, Some(Value::Table(keys)));
        Some(Self { common: common?, keys: keys? })
    }

    /// What the core needs.
    pub(super) fn calls(&self, problems: &mut Problems, at: &str) -> Calls {
        let RawCommon { pay_timeout_s, rate_per_second, burst, fee_basis_points, .. } = &self.common;
        let mut within = |name: &str, value: u64, range: std::ops::RangeInclusive<u64>| {
            if !range.contains(&value) {
                problems.add(format!("{at}.{name}"), format!("must be {} to {}", range.start(), range.end()));
            }
        };
        let pay_timeout_s = pay_timeout_s.unwrap_or(PAY_TIMEOUT_S);
        let rate_per_second = rate_per_second.unwrap_or(RATE_PER_SECOND);
        let burst = burst.unwrap_or(rate_per_second);
        within("pay_timeout_s", pay_timeout_s, 60..=604_800);
        within("rate_per_second", rate_per_second.into(), 1..=1000);
        within("burst", burst.into(), 1..=10_000);
        within("fee_basis_points", fee_basis_points.unwrap_or(0).into(), 0..=10_000);
        let pay_timeout = Duration::from_secs(pay_timeout_s);
        Calls { pay_timeout, rate_per_second, burst, fee_basis_points: *fee_basis_points }
    }

    /// What the edge needs. The section stands in `place`.
    pub(super) fn open(
        self,
        problems: &mut Problems,
        place: &Place<'_>,
        platform: Option<Arc<K::Platform>>,
    ) -> Option<Api> {
        let RawCommon { base_url, ca_certificate, .. } = self.common;
        let ca_at = format!("{}.ca_certificate", place.at);
        let pem = ca_certificate.map(|source| problems.take(ca_at.as_str(), source.bytes(place.base)));
        let tls = match pem {
            Some(None) => None,
            Some(Some(pem)) => problems.take(ca_at, trust(Some(&pem))),
            None => problems.take(ca_at, trust(None)),
        };
        let base_url = place.https(problems, "base_url", base_url);
        let platform = self.keys.api(problems, place, base_url, platform);
        Some(Api { platform: platform?, tls: tls? })
    }
}
