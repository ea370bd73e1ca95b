//! What a verified event says about money.
//!
//! Order and uniqueness are not Stripe's promise (docs.stripe.com/webhooks): each event is read on its
//! own, and the strongest news wins later.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Stripe, Verified,
    facts::{self, malformed, unreadable},
    objects::{Metadata, Session},
};
use crate::{Fact, Instant, Notice, PaymentStatus, Reason, Rejection, crypto::sha256_hex, ident};

#[derive(Deserialize)]
struct Event<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: Option<i64>,
    livemode: Option<bool>,
    account: Option<String>,
    #[serde(borrow)]
    data: Option<Data<'a>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    object: &'a RawValue,
}

impl Stripe {
    pub(super) fn read(&self, verified: Verified, body: &[u8]) -> Result<Notice, Rejection> {
        let event: Event<'_> = serde_json::from_slice(body).map_err(|error| unreadable("the event", &error))?;
        self.bind(&event)?;
        Ok(Notice {
            platform_notice_id: Some(ident::label(&event.id, "id")?),
            content_sha256: sha256_hex(body),
            event_type: ident::label(&event.kind, "type")?,
            key_id: verified.key_id,
            facts: read_facts(&event)?,
        })
    }

    fn bind(&self, event: &Event<'_>) -> Result<(), Rejection> {
        let wrong = |what: &str| Rejection::new(Reason::WrongAccount, what);
        match event.livemode {
            Some(livemode) if livemode == self.livemode => {}
            Some(true) => return Err(wrong("a live event at a test endpoint")),
            Some(false) => return Err(wrong("a test event at a live endpoint")),
            None => return Err(malformed("the event has no livemode")),
        }
        if event.account != self.account {
            return Err(wrong("the event is of another connected account"));
        }
        Ok(())
    }
}

fn read_facts(event: &Event<'_>) -> Result<Vec<Fact>, Rejection> {
    use PaymentStatus::{Closed, Failed, Pending, Succeeded};
    let fact = match event.kind.as_str() {
        "payment_intent.created" | "payment_intent.processing" | "payment_intent.requires_action" => {
            Some(intent(event, Pending)?)
        }
        "payment_intent.payment_failed" => Some(intent(event, Failed)?),
        "payment_intent.canceled" => Some(intent(event, Closed)?),
        "payment_intent.succeeded" => Some(intent(event, Succeeded)?),
        "charge.succeeded" | "charge.captured" | "charge.refunded" => {
            facts::charge(&object(event)?, when(event))?.map(Fact::Payment)
        }
        "checkout.session.completed" => session(event, None)?,
        "checkout.session.async_payment_succeeded" => session(event, Some(Succeeded))?,
        "checkout.session.async_payment_failed" => session(event, Some(Failed))?,
        "checkout.session.expired" => session(event, Some(Closed))?,
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            facts::refund(object(event)?, when(event))?.map(Fact::Refund)
        }
        _ => None,
    };
    Ok(fact.into_iter().collect())
}

fn intent(event: &Event<'_>, status: PaymentStatus) -> Result<Fact, Rejection> {
    facts::intent(&object(event)?, status, when(event)).map(Fact::Payment)
}

/// A session completes also when its payment is still on the way (`unpaid`: delayed methods). `None` for free orders.
fn session(event: &Event<'_>, status: Option<PaymentStatus>) -> Result<Option<Fact>, Rejection> {
    let session: Session = object(event)?;
    let status = match (status, session.payment_status.as_str()) {
        (Some(status), _) => status,
        (None, "paid") => PaymentStatus::Succeeded,
        (None, "unpaid") => PaymentStatus::Pending,
        (None, "no_payment_required") => return Ok(None),
        (None, _) => return Err(malformed("payment_status is none that is documented")),
    };
    Ok(facts::session(&session, status, when(event))?.map(Fact::Payment))
}

fn object<'a, T: Deserialize<'a>>(event: &Event<'a>) -> Result<T, Rejection> {
    let data = event.data.as_ref().ok_or_else(|| malformed("the event has no data"))?;
    serde_json::from_str(data.object.get()).map_err(|error| unreadable("data.object", &error))
}

fn when(event: &Event<'_>) -> Option<Instant> {
    event.created.map(Instant::from_seconds)
}

pub(super) fn claimed_out_trade_no(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Claim {
        data: ClaimData,
    }
    #[derive(Deserialize)]
    struct ClaimData {
        object: ClaimObject,
    }
    #[derive(Deserialize)]
    struct ClaimObject {
        metadata: Option<Metadata>,
    }
    crate::form::check_size(body).ok()?;
    let metadata = serde_json::from_slice::<Claim>(body).ok()?.data.object.metadata?;
    ident::claimed(&metadata.out_trade_no?)
}
