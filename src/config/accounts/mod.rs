//! `[accounts.NAME]`: one merchant set-up on one platform. Algorithms and keys are pinned here; nothing in
//! a message may choose them.

mod alipay;
mod api;
mod place;
mod stripe;
#[cfg(test)]
mod tests;
mod unionpay;
mod wechatpay;

use std::{collections::BTreeMap, fmt::Debug, path::Path, sync::Arc};

use paystate_core::{Calls, PlatformRules, StatementDay, order::AccountName};
use paystate_edge::{Account, Accounts};
use paystate_providers::{Platform, Provider};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use self::{
    alipay::RawAlipay,
    api::{RawApi, RawKeys},
    place::Place,
    stripe::RawStripe,
    unionpay::RawUnionPay,
    wechatpay::RawWechatPay,
};
use super::{Problems, file::section};

/// An account as it is written.
#[derive(Debug)]
pub(super) enum RawAccount {
    Alipay(Written<RawAlipay>),
    WechatPay(Written<RawWechatPay>),
    UnionPay(Written<RawUnionPay>),
    Stripe(Written<RawStripe>),
}

/// An account on the platform of `R`, and its `api` if it has one.
#[derive(Debug)]
pub(super) struct Written<R: RawPlatform> {
    own: R,
    api: Option<RawApi<R::Keys>>,
}

/// One platform's section.
pub(super) trait RawPlatform: DeserializeOwned + Debug {
    /// What it becomes.
    type Platform: Platform + 'static;
    /// The platform's own part of `api`.
    type Keys: RawKeys<Platform = Self::Platform>;

    /// Reads the keys.
    fn platform(self, problems: &mut Problems, place: &Place<'_>) -> Option<Arc<Self::Platform>>;
}

/// What the core knows of each account and, when `keys` are wanted, the accounts ready to verify and to be called.
pub(super) fn check(
    problems: &mut Problems,
    raw: BTreeMap<String, RawAccount>,
    base: &Path,
    keys: bool,
) -> (paystate_core::Accounts, Accounts) {
    let mut known = paystate_core::Accounts::new();
    let mut accounts = Accounts::new();
    for (name, account) in raw {
        let at = format!("accounts.{name}");
        let Some(parsed) = problems.take(&at, AccountName::parse(name.as_str())) else { continue };
        let provider = account.provider();
        let calls = account.calls(problems, &format!("{at}.api"));
        known.insert(parsed, paystate_core::Account { platform: rules(provider), calls });
        if keys && let Some(account) = account.open(problems, Place { at, base, name: &name }) {
            accounts.insert(name, account);
        }
    }
    (known, accounts)
}

/// What the core, which knows no platform, must know of this one.
fn rules(provider: Provider) -> PlatformRules {
    let paystate_providers::registry::StatementDay { utc_offset_hours, before_midnight, margin } =
        provider.statement_day();
    PlatformRules {
        name: provider.as_str(),
        // A function pointer cannot carry along which platform it is of.
        check_number: match provider {
            Provider::Alipay => |number| Provider::Alipay.check_number(number),
            Provider::WechatPay => |number| Provider::WechatPay.check_number(number),
            Provider::UnionPay => |number| Provider::UnionPay.check_number(number),
            Provider::Stripe => |number| Provider::Stripe.check_number(number),
        },
        day: StatementDay { utc_offset_hours, before_midnight, margin },
        zero_fee_is_silence: provider.zero_fee_is_silence(),
    }
}

impl RawAccount {
    /// Reads a section. `provider` decides which fields it may have.
    pub(super) fn read(problems: &mut Problems, at: &str, value: Value) -> Option<Self> {
        let Value::Table(mut table) = value else {
            problems.add(at, "must be a section");
            return None;
        };
        let provider = match table.remove("provider") {
            Some(Value::String(name)) => problems.take(format!("{at}.provider"), name.parse::<Provider>())?,
            Some(_) | None => {
                problems.add(format!("{at}.provider"), "is missing; write alipay, wechatpay, unionpay or stripe");
                return None;
            }
        };
        match provider {
            Provider::Alipay => Written::read(problems, at, table).map(Self::Alipay),
            Provider::WechatPay => Written::read(problems, at, table).map(Self::WechatPay),
            Provider::UnionPay => Written::read(problems, at, table).map(Self::UnionPay),
            Provider::Stripe => Written::read(problems, at, table).map(Self::Stripe),
        }
    }

    pub(super) fn provider(&self) -> Provider {
        match self {
            Self::Alipay(_) => Provider::Alipay,
            Self::WechatPay(_) => Provider::WechatPay,
            Self::UnionPay(_) => Provider::UnionPay,
            Self::Stripe(_) => Provider::Stripe,
        }
    }

    fn calls(&self, problems: &mut Problems, at: &str) -> Option<Calls> {
        match self {
            Self::Alipay(written) => written.calls(problems, at),
            Self::WechatPay(written) => written.calls(problems, at),
            Self::UnionPay(written) => written.calls(problems, at),
            Self::Stripe(written) => written.calls(problems, at),
        }
    }

    fn open(self, problems: &mut Problems, place: Place<'_>) -> Option<Account> {
        let provider = self.provider();
        match self {
            Self::Alipay(written) => written.open(problems, place, provider),
            Self::WechatPay(written) => written.open(problems, place, provider),
            Self::UnionPay(written) => written.open(problems, place, provider),
            Self::Stripe(written) => written.open(problems, place, provider),
        }
    }
}

impl<R: RawPlatform> Written<R> {
    fn read(problems: &mut Problems, at: &str, mut table: Table) -> Option<Self> {
        let api = table.remove("api").map(|api| RawApi::read(problems, &format!("{at}.api"), api));
        let own = section(problems, at, Some(Value::Table(table)));
        // An api that cannot be read is a problem, not an account without one.
        let api = api.map_or(Some(None), |api| api.map(Some));
        Some(Self { own: own?, api: api? })
    }

    fn calls(&self, problems: &mut Problems, at: &str) -> Option<Calls> {
        self.api.as_ref().map(|api| api.calls(problems, at))
    }

    fn open(self, problems: &mut Problems, mut place: Place<'_>, provider: Provider) -> Option<Account> {
        let platform = self.own.platform(problems, &place);
        place.at.push_str(".api");
        let api = self.api.and_then(|api| api.open(problems, &place, platform.clone()));
        Some(Account { provider, platform: platform?, api })
    }
}
