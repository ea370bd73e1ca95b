//! Callbacks that are signed beforehand are as good as those that are delivered.

use http::{HeaderMap, HeaderName, HeaderValue};
use paystate_providers::{Currency, Instant, Outcome, Provider};
use paystate_sandbox::{
    Keyring,
    press::{Payment, Press, SignedCallback},
};

use super::support::{Merchant, Seen, data_dir};

const NOW: i64 = 1_800_000_000;

fn seen(callback: SignedCallback, at: i64) -> Seen {
    let header = |(name, value): (&'static str, String)| {
        (HeaderName::from_static(name), HeaderValue::from_str(&value).expect("a header"))
    };
    let headers: HeaderMap = callback.headers.into_iter().map(header).collect();
    Seen { path: callback.path, headers, body: callback.body.into_bytes(), at: Instant::from_seconds(at) }
}

fn payment(provider: Provider) -> Payment {
    Payment { provider, out_trade_no: "T1001".to_owned(), amount_minor: 1999, currency: Currency::CNY }
}

#[test]
fn signed_for_a_time_to_come_and_good_then() {
    let dir = data_dir();
    let merchant = Merchant::new(dir.path());
    let press = Press::new(Keyring::load_or_create(dir.path()).expect("keys"));
    for provider in Provider::ALL {
        let callback = press.paid(&payment(provider), NOW).expect("signed");
        assert_eq!(callback.path, format!("/callback/{provider}/{provider}"));
        for (at, good) in [(NOW, true), (NOW + 299, true), (NOW + 301, false)] {
            let signs_the_time = matches!(provider, Provider::WechatPay | Provider::Stripe);
            let judged = seen(callback.clone(), at).judge(&merchant);
            assert_eq!(judged.is_ok(), good || !signs_the_time, "{provider} {at}");
        }
    }
}

#[test]
fn every_callback_is_of_another_payment_and_forgeries_are_refused_for_good() {
    let dir = data_dir();
    let merchant = Merchant::new(dir.path());
    let press = Press::new(Keyring::load_or_create(dir.path()).expect("keys"));
    for provider in Provider::ALL {
        let content = || {
            let callback = press.paid(&payment(provider), NOW).expect("signed");
            seen(callback, NOW).judge(&merchant).expect("genuine").content_sha256
        };
        assert_ne!(content(), content(), "{provider}");
        let forged = press.forged(&payment(provider), NOW).expect("forged");
        let rejection = seen(forged, NOW).judge(&merchant).expect_err("forged");
        assert_eq!(rejection.reason.outcome(), Outcome::Refused, "{provider}");
    }
}
