//! A platform without cryptography: the first word of the body says what verification finds.

use http::StatusCode;
use paystate_providers::{
    Ack, Callback, Currency, Fact, Money, Notice, Outcome, Payer, PaymentFact, PaymentStatus, Platform, Reason,
    Rejection,
};
use tokio::sync::watch;

/// Counts how many callbacks it was asked to verify.
#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) asked: watch::Sender<usize>,
}

impl Platform for Fake {
    fn notify(&self, callback: &Callback<'_>) -> Result<Notice, Rejection> {
        self.asked.send_modify(|n| *n += 1);
        // There it would wait behind the crowd, and the crowd behind it.
        assert_ne!(std::thread::current().name(), Some("connections"), "verified on a connection's thread");
        let text = String::from_utf8_lossy(callback.body);
        let facts = match text.split(' ').next().unwrap_or_default() {
            "paid" => vec![paid(&text)],
            "other" => vec![],
            "panic" => panic!("on demand"),
            "other-shop" => return Err(Rejection::new(Reason::WrongAccount, "of another shop")),
            "unknown-key" => return Err(Rejection::new(Reason::UnknownKey, "key 7 is not pinned")),
            _ => return Err(Rejection::new(Reason::SignatureInvalid, "é".repeat(400))),
        };
        Ok(Notice {
            platform_notice_id: Some("n1".into()),
            event_type: "FAKE".into(),
            content_sha256: "0".repeat(64),
            key_id: "k1".into(),
            facts,
        })
    }

    fn ack(&self, outcome: Outcome) -> Ack {
        let (status, body) = match outcome {
            Outcome::Accepted => (StatusCode::OK, "success"),
            Outcome::Refused => (StatusCode::BAD_REQUEST, "failure"),
            Outcome::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "again"),
        };
        Ack { status, content_type: "text/fake", body }
    }

    fn claimed_out_trade_no(&self, body: &[u8]) -> Option<String> {
        Some(String::from_utf8_lossy(body).into_owned())
    }
}

fn paid(text: &str) -> Fact {
    Fact::Payment(PaymentFact {
        out_trade_no: Some(text.to_owned()),
        transaction_id: Some("t1".into()),
        status: PaymentStatus::Succeeded,
        amount: Money { minor: 1230, currency: Currency::CNY },
        occurred_at: None,
        payer: Some(Payer::new("payer".into())),
    })
}
