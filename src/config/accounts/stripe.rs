//! Stripe.

use std::sync::Arc;

use paystate_providers::{
    api::PlatformApi,
    stripe::{Stripe, StripeApi, StripeApiSettings, StripeSettings},
};
use serde::Deserialize;

use super::{Place, Problems, RawPlatform, api::RawKeys};
use crate::config::secret::Source;

#[derive(Debug, Deserialize)]
pub(in crate::config) struct RawStripe {
    #[serde(default)]
    signing_secrets: Vec<Source>,
    livemode: Option<bool>,
    account: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(in crate::config) struct RawStripeApi {
    secret_key: Option<Source>,
}

impl RawPlatform for RawStripe {
    type Platform = Stripe;
    type Keys = RawStripeApi;

    fn platform(self, problems: &mut Problems, place: &Place<'_>) -> Option<Arc<Stripe>> {
        let settings = StripeSettings {
            signing_secrets: place.texts(problems, "signing_secrets", &self.signing_secrets),
            livemode: place.required(problems, "livemode", self.livemode),
            account: self.account,
        };
        place.built(problems, Stripe::new(settings))
    }
}

impl RawKeys for RawStripeApi {
    type Platform = Stripe;

    fn api(
        self,
        problems: &mut Problems,
        place: &Place<'_>,
        base_url: Option<String>,
        platform: Option<Arc<Stripe>>,
    ) -> Option<Arc<dyn PlatformApi>> {
        let secret_key = place.required_text(problems, "secret_key", self.secret_key);
        let settings = StripeApiSettings { base_url, secret_key };
        Some(place.built(problems, StripeApi::new(platform?, settings))?)
    }
}
