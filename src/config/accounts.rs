//! `[accounts.NAME]`: one merchant set-up on one platform. Algorithms and keys are pinned here; nothing in
//! a message may choose them.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use paystate_core::order::AccountName;
use paystate_edge::{Account, Accounts};
use paystate_providers::{Platform, Provider, SettingProblem, alipay, stripe, unionpay, wechatpay};
use serde::Deserialize;
use toml::Value;

use super::{
    Problems,
    file::section,
    secret::{Source, required},
};

#[derive(Debug)]
pub(super) enum RawAccount {
    Alipay(RawAlipay),
    WechatPay(RawWechatPay),
    UnionPay(RawUnionPay),
    Stripe(RawStripe),
}

#[derive(Debug, Deserialize)]
pub(super) struct RawAlipay {
    app_id: Option<String>,
    seller_id: Option<String>,
    public_key: Option<Source>,
    certificate: Option<Source>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RawWechatPay {
    mchid: Option<String>,
    #[serde(default)]
    appids: Vec<String>,
    api_v3_key: Option<Source>,
    previous_api_v3_key: Option<Source>,
    #[serde(default)]
    public_keys: Vec<RawPublicKey>,
    #[serde(default)]
    platform_certificates: Vec<Source>,
}

#[derive(Debug, Deserialize)]
struct RawPublicKey {
    id: String,
    key: Source,
}

#[derive(Debug, Deserialize)]
pub(super) struct RawUnionPay {
    mer_id: Option<String>,
    environment: Option<RawEnvironment>,
    root_certificate: Option<Source>,
    #[serde(default)]
    middle_certificates: Vec<Source>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawEnvironment {
    #[default]
    Production,
    Test,
}

#[derive(Debug, Deserialize)]
pub(super) struct RawStripe {
    #[serde(default)]
    signing_secrets: Vec<Source>,
    livemode: Option<bool>,
    account: Option<String>,
}

/// The platform of each account and, when `keys` are wanted, the accounts ready to verify.
pub(super) fn check(
    problems: &mut Problems,
    raw: BTreeMap<String, RawAccount>,
    base: &Path,
    keys: bool,
) -> (BTreeMap<AccountName, Provider>, Accounts) {
    let mut providers = BTreeMap::new();
    let mut accounts = Accounts::new();
    for (name, account) in raw {
        let at = format!("accounts.{name}");
        let Some(parsed) = problems.take(&at, AccountName::parse(name.as_str())) else { continue };
        let provider = account.provider();
        providers.insert(parsed, provider);
        if keys {
            let place = Place { at, base };
            if let Some(platform) = account.platform(problems, &place) {
                accounts.insert(name, Account { provider, platform });
            }
        }
    }
    (providers, accounts)
}

/// Where in the configuration an account stands, and where its paths begin.
///
/// What is missing or unreadable is noted and replaced by nothing, so that the platform still sees the rest
/// and names what is wrong with it; what it then says of the nothing is not said twice.
struct Place<'a> {
    at: String,
    base: &'a Path,
}

impl Place<'_> {
    fn required<T: Default>(&self, problems: &mut Problems, field: &str, value: Option<T>) -> T {
        required(problems, &format!("{}.{field}", self.at), value).unwrap_or_default()
    }

    fn text(&self, problems: &mut Problems, field: &str, source: &Source) -> Option<String> {
        problems.take(format!("{}.{field}", self.at), source.text(self.base))
    }

    fn required_text(&self, problems: &mut Problems, field: &str, source: Option<Source>) -> String {
        let source = required(problems, &format!("{}.{field}", self.at), source);
        source.and_then(|s| self.text(problems, field, &s)).unwrap_or_default()
    }

    fn texts<'s>(
        &self,
        problems: &mut Problems,
        field: &str,
        sources: impl IntoIterator<Item = &'s Source>,
    ) -> Vec<String> {
        sources.into_iter().filter_map(|s| self.text(problems, field, s)).collect()
    }

    fn built<P: Platform + 'static>(
        &self,
        problems: &mut Problems,
        built: Result<P, Vec<SettingProblem>>,
    ) -> Option<Arc<dyn Platform>> {
        match built {
            Ok(platform) => Some(Arc::new(platform)),
            Err(found) => {
                let said = problems.places();
                for p in found {
                    let at = format!("{}.{}", self.at, p.field);
                    if !said.contains(&at) {
                        problems.add(at, p.problem);
                    }
                }
                None
            }
        }
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
        let rest = Some(Value::Table(table));
        match provider {
            Provider::Alipay => section(problems, at, rest).map(Self::Alipay),
            Provider::WechatPay => section(problems, at, rest).map(Self::WechatPay),
            Provider::UnionPay => section(problems, at, rest).map(Self::UnionPay),
            Provider::Stripe => section(problems, at, rest).map(Self::Stripe),
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

    fn platform(self, problems: &mut Problems, place: &Place<'_>) -> Option<Arc<dyn Platform>> {
        match self {
            Self::Alipay(raw) => raw.platform(problems, place),
            Self::WechatPay(raw) => raw.platform(problems, place),
            Self::UnionPay(raw) => raw.platform(problems, place),
            Self::Stripe(raw) => raw.platform(problems, place),
        }
    }
}

impl RawAlipay {
    fn platform(self, problems: &mut Problems, place: &Place<'_>) -> Option<Arc<dyn Platform>> {
        let app_id = place.required(problems, "app_id", self.app_id);
        let key = match (self.public_key, self.certificate) {
            (None, Some(pem)) => {
                alipay::AlipayKey::Certificate(place.text(problems, "certificate", &pem).unwrap_or_default())
            }
            (Some(key), None) => {
                alipay::AlipayKey::PublicKey(place.text(problems, "public_key", &key).unwrap_or_default())
            }
            (None, None) => {
                problems.add(format!("{}.public_key", place.at), "is missing; give public_key or certificate");
                alipay::AlipayKey::PublicKey(String::new())
            }
            (Some(_), Some(_)) => {
                let both = "is there beside certificate; keep the one that the account uses";
                problems.add(format!("{}.public_key", place.at), both);
                alipay::AlipayKey::PublicKey(String::new())
            }
        };
        let settings = alipay::AlipaySettings { app_id, seller_id: self.seller_id, key };
        place.built(problems, alipay::Alipay::new(settings))
    }
}

impl RawWechatPay {
    fn platform(self, problems: &mut Problems, place: &Place<'_>) -> Option<Arc<dyn Platform>> {
        let key = |problems: &mut Problems, raw: &RawPublicKey| {
            let pem = place.text(problems, "public_keys", &raw.key)?;
            Some(wechatpay::WechatPublicKey { id: raw.id.clone(), pem })
        };
        let settings = wechatpay::WechatPaySettings {
            mchid: place.required(problems, "mchid", self.mchid),
            appids: self.appids,
            api_v3_key: place.required_text(problems, "api_v3_key", self.api_v3_key),
            previous_api_v3_key: self
                .previous_api_v3_key
                .and_then(|source| place.text(problems, "previous_api_v3_key", &source)),
            public_keys: self.public_keys.iter().filter_map(|raw| key(problems, raw)).collect(),
            platform_certificates: place.texts(problems, "platform_certificates", &self.platform_certificates),
        };
        place.built(problems, wechatpay::WechatPay::new(settings))
    }
}

impl RawUnionPay {
    fn platform(self, problems: &mut Problems, place: &Place<'_>) -> Option<Arc<dyn Platform>> {
        let settings = unionpay::UnionPaySettings {
            mer_id: place.required(problems, "mer_id", self.mer_id),
            root_cert: place.required_text(problems, "root_certificate", self.root_certificate),
            middle_certs: place.texts(problems, "middle_certificates", &self.middle_certificates),
            environment: match place.required(problems, "environment", self.environment) {
                RawEnvironment::Production => unionpay::UnionPayEnvironment::Production,
                RawEnvironment::Test => unionpay::UnionPayEnvironment::Test,
            },
        };
        place.built(problems, unionpay::UnionPay::new(settings))
    }
}

impl RawStripe {
    fn platform(self, problems: &mut Problems, place: &Place<'_>) -> Option<Arc<dyn Platform>> {
        let settings = stripe::StripeSettings {
            signing_secrets: place.texts(problems, "signing_secrets", &self.signing_secrets),
            livemode: place.required(problems, "livemode", self.livemode),
            account: self.account,
        };
        place.built(problems, stripe::Stripe::new(settings))
    }
}
