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

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawEnvironment {
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
struct Place<'a> {
    at: String,
    base: &'a Path,
}

impl Place<'_> {
    fn required<T>(&self, problems: &mut Problems, field: &str, value: Option<T>) -> Option<T> {
        required(problems, &format!("{}.{field}", self.at), value)
    }

    fn text(&self, problems: &mut Problems, field: &str, source: &Source) -> Option<String> {
        problems.take(format!("{}.{field}", self.at), source.text(self.base))
    }

    fn texts<'s>(
        &self,
        problems: &mut Problems,
        field: &str,
        sources: impl Iterator<Item = &'s Source>,
    ) -> Option<Vec<String>> {
        // Not short-circuiting: every unreadable file is to be named.
        let all: Vec<_> = sources.map(|s| self.text(problems, field, s)).collect();
        all.into_iter().collect()
    }

    fn built<P: Platform + 'static>(
        &self,
        problems: &mut Problems,
        built: Result<P, Vec<SettingProblem>>,
    ) -> Option<Arc<dyn Platform>> {
        match built {
            Ok(platform) => Some(Arc::new(platform)),
            Err(found) => {
                for p in found {
                    problems.add(format!("{}.{}", self.at, p.field), p.problem);
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

    fn provider(&self) -> Provider {
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
            (Some(key), None) => place.text(problems, "public_key", &key).map(alipay::AlipayKey::PublicKey),
            (None, Some(pem)) => place.text(problems, "certificate", &pem).map(alipay::AlipayKey::Certificate),
            (None, None) => {
                problems.add(format!("{}.public_key", place.at), "is missing; give public_key or certificate");
                None
            }
            (Some(_), Some(_)) => {
                problems.add(&place.at, "has both public_key and certificate; keep the one that the account uses");
                None
            }
        };
        let settings = alipay::AlipaySettings { app_id: app_id?, seller_id: self.seller_id, key: key? };
        place.built(problems, alipay::Alipay::new(settings))
    }
}

impl RawWechatPay {
    fn platform(self, problems: &mut Problems, place: &Place<'_>) -> Option<Arc<dyn Platform>> {
        let mchid = place.required(problems, "mchid", self.mchid);
        let current = place
            .required(problems, "api_v3_key", self.api_v3_key)
            .and_then(|s| place.text(problems, "api_v3_key", &s));
        let previous = match &self.previous_api_v3_key {
            Some(source) => place.text(problems, "previous_api_v3_key", source).map(Some),
            None => Some(None),
        };
        let pems = place.texts(problems, "public_keys", self.public_keys.iter().map(|k| &k.key));
        let certificates = place.texts(problems, "platform_certificates", self.platform_certificates.iter());
        let ids = self.public_keys.iter().map(|k| k.id.clone());
        let settings = wechatpay::WechatPaySettings {
            mchid: mchid?,
            appids: self.appids,
            api_v3_key: current?,
            previous_api_v3_key: previous?,
            public_keys: ids.zip(pems?).map(|(id, pem)| wechatpay::WechatPublicKey { id, pem }).collect(),
            platform_certificates: certificates?,
        };
        place.built(problems, wechatpay::WechatPay::new(settings))
    }
}

impl RawUnionPay {
    fn platform(self, problems: &mut Problems, place: &Place<'_>) -> Option<Arc<dyn Platform>> {
        let mer_id = place.required(problems, "mer_id", self.mer_id);
        let environment = place.required(problems, "environment", self.environment);
        let root = place
            .required(problems, "root_certificate", self.root_certificate)
            .and_then(|s| place.text(problems, "root_certificate", &s));
        let middles = place.texts(problems, "middle_certificates", self.middle_certificates.iter());
        let settings = unionpay::UnionPaySettings {
            mer_id: mer_id?,
            root_cert: root?,
            middle_certs: middles?,
            environment: match environment? {
                RawEnvironment::Production => unionpay::UnionPayEnvironment::Production,
                RawEnvironment::Test => unionpay::UnionPayEnvironment::Test,
            },
        };
        place.built(problems, unionpay::UnionPay::new(settings))
    }
}

impl RawStripe {
    fn platform(self, problems: &mut Problems, place: &Place<'_>) -> Option<Arc<dyn Platform>> {
        let livemode = place.required(problems, "livemode", self.livemode);
        let secrets = place.texts(problems, "signing_secrets", self.signing_secrets.iter());
        let settings = stripe::StripeSettings { signing_secrets: secrets?, livemode: livemode?, account: self.account };
        place.built(problems, stripe::Stripe::new(settings))
    }
}
