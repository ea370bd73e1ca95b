//! UnionPay.

use std::sync::Arc;

use paystate_providers::{
    Provider,
    api::PlatformApi,
    unionpay::{UnionPay, UnionPayApi, UnionPayApiSettings, UnionPayEnvironment, UnionPaySettings},
};
use serde::Deserialize;

use super::{Place, Problems, RawPlatform, api::RawKeys};
use crate::config::secret::Source;

#[derive(Debug, Deserialize)]
pub(in crate::config) struct RawUnionPay {
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
pub(in crate::config) struct RawUnionPayApi {
    file_url: Option<String>,
    notify_url: Option<String>,
    certificate: Option<Source>,
    private_key: Option<Source>,
}

impl RawPlatform for RawUnionPay {
    type Platform = UnionPay;
    type Keys = RawUnionPayApi;

    fn platform(self, problems: &mut Problems, place: &Place<'_>) -> Option<Arc<UnionPay>> {
        let settings = UnionPaySettings {
            mer_id: place.required(problems, "mer_id", self.mer_id),
            root_cert: place.required_text(problems, "root_certificate", self.root_certificate),
            middle_certs: place.texts(problems, "middle_certificates", &self.middle_certificates),
            environment: match place.required(problems, "environment", self.environment) {
                RawEnvironment::Production => UnionPayEnvironment::Production,
                RawEnvironment::Test => UnionPayEnvironment::Test,
            },
        };
        place.built(problems, UnionPay::new(settings))
    }
}

impl RawKeys for RawUnionPayApi {
    type Platform = UnionPay;

    fn api(
        self,
        problems: &mut Problems,
        place: &Place<'_>,
        base_url: Option<String>,
        platform: Option<Arc<UnionPay>>,
    ) -> Option<Arc<dyn PlatformApi>> {
        let certificate = place.required_text(problems, "certificate", self.certificate);
        problems.certificate(format!("{}.certificate", place.at), certificate.as_bytes());
        let settings = UnionPayApiSettings {
            base_url,
            file_url: place.https(problems, "file_url", self.file_url),
            notify_url: place.notify_url(problems, Provider::UnionPay, self.notify_url),
            certificate,
            private_key: place.required_text(problems, "private_key", self.private_key),
        };
        Some(place.built(problems, UnionPayApi::new(platform?, settings))?)
    }
}
