//! WeChat Pay.

use std::sync::Arc;

use paystate_providers::{
    Provider,
    api::PlatformApi,
    wechatpay::{WechatPay, WechatPayApi, WechatPayApiSettings, WechatPaySettings, WechatPublicKey},
};
use serde::Deserialize;

use super::{Place, Problems, RawPlatform, api::RawKeys};
use crate::config::secret::Source;

#[derive(Debug, Deserialize)]
pub(in crate::config) struct RawWechatPay {
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
pub(in crate::config) struct RawWechatPayApi {
    notify_url: Option<String>,
    private_key: Option<Source>,
    serial_no: Option<String>,
}

impl RawPlatform for RawWechatPay {
    type Platform = WechatPay;
    type Keys = RawWechatPayApi;

    fn platform(self, problems: &mut Problems, place: &Place<'_>) -> Option<Arc<WechatPay>> {
        let key = |problems: &mut Problems, raw: &RawPublicKey| {
            let pem = place.text(problems, "public_keys", &raw.key)?;
            Some(WechatPublicKey { id: raw.id.clone(), pem })
        };
        let settings = WechatPaySettings {
            mchid: place.required(problems, "mchid", self.mchid),
            appids: self.appids,
            api_v3_key: place.required_text(problems, "api_v3_key", self.api_v3_key),
            previous_api_v3_key: self
                .previous_api_v3_key
                .and_then(|source| place.text(problems, "previous_api_v3_key", &source)),
            public_keys: self.public_keys.iter().filter_map(|raw| key(problems, raw)).collect(),
            platform_certificates: place.texts(problems, "platform_certificates", &self.platform_certificates),
        };
        place.built(problems, WechatPay::new(settings))
    }
}

impl RawKeys for RawWechatPayApi {
    type Platform = WechatPay;

    fn api(
        self,
        problems: &mut Problems,
        place: &Place<'_>,
        base_url: Option<String>,
        platform: Option<Arc<WechatPay>>,
    ) -> Option<Arc<dyn PlatformApi>> {
        let settings = WechatPayApiSettings {
            base_url,
            notify_url: place.notify_url(problems, Provider::WechatPay, self.notify_url),
            private_key: place.required_text(problems, "private_key", self.private_key),
            serial_no: place.required(problems, "serial_no", self.serial_no),
        };
        Some(place.built(problems, WechatPayApi::new(platform?, settings))?)
    }
}
