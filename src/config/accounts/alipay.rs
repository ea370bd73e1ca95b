//! Alipay.

use std::sync::Arc;

use paystate_providers::{
    Provider,
    alipay::{Alipay, AlipayApi, AlipayApiSettings, AlipayKey, AlipaySettings},
    api::PlatformApi,
};
use serde::Deserialize;

use super::{Place, Problems, RawPlatform, api::RawKeys};
use crate::config::secret::Source;

#[derive(Debug, Deserialize)]
pub(in crate::config) struct RawAlipay {
    app_id: Option<String>,
    seller_id: Option<String>,
    public_key: Option<Source>,
    previous_public_key: Option<Source>,
    certificate: Option<Source>,
}

#[derive(Debug, Deserialize)]
pub(in crate::config) struct RawAlipayApi {
    notify_url: Option<String>,
    private_key: Option<Source>,
}

impl RawPlatform for RawAlipay {
    type Platform = Alipay;
    type Keys = RawAlipayApi;

    fn platform(self, problems: &mut Problems, place: &Place<'_>) -> Option<Arc<Alipay>> {
        let app_id = place.required(problems, "app_id", self.app_id);
        let key = match (self.public_key, self.certificate) {
            (None, Some(pem)) => AlipayKey::Certificate(place.text(problems, "certificate", &pem).unwrap_or_default()),
            (Some(key), None) => AlipayKey::PublicKey(place.text(problems, "public_key", &key).unwrap_or_default()),
            (None, None) => {
                problems.add(format!("{}.public_key", place.at), "is missing; give public_key or certificate");
                AlipayKey::PublicKey(String::new())
            }
            (Some(_), Some(_)) => {
                let both = "is there beside certificate; keep the one that the account uses";
                problems.add(format!("{}.public_key", place.at), both);
                AlipayKey::PublicKey(String::new())
            }
        };
        let previous = self.previous_public_key.and_then(|key| place.text(problems, "previous_public_key", &key));
        let previous_key = previous.map(AlipayKey::PublicKey);
        let settings = AlipaySettings { app_id, seller_id: self.seller_id, key, previous_key };
        place.built(problems, Alipay::new(settings))
    }
}

impl RawKeys for RawAlipayApi {
    type Platform = Alipay;

    fn api(
        self,
        problems: &mut Problems,
        place: &Place<'_>,
        base_url: Option<String>,
        platform: Option<Arc<Alipay>>,
    ) -> Option<Arc<dyn PlatformApi>> {
        let settings = AlipayApiSettings {
            base_url,
            notify_url: place.notify_url(problems, Provider::Alipay, self.notify_url),
            private_key: place.required_text(problems, "private_key", self.private_key),
        };
        if platform.as_ref().is_some_and(|platform| platform.by_certificate()) {
            problems.add(
                &place.at,
                "calls need public key mode in this version, and the account is in certificate mode: give it public_key \
                 instead of certificate (the application must be set so at Alipay), or leave this section out",
            );
        }
        Some(place.built(problems, AlipayApi::new(platform?, settings))?)
    }
}
