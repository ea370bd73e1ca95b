//! Asking how a payment stands, and closing it.
//!
//! A session is asked for together with its PaymentIntent: the session says whether the payer may still come, the
//! intent where the money is. Without a reference (the answer that named it was lost) the intent is searched for by our
//! number. The search may be behind by a minute, or an hour when Stripe is in trouble, and knows no session before its
//! payer has begun to pay; so such a `not found` is weak, and beginning again under the same key finds the reference.

use serde::Deserialize;

use super::{
    StripeApi,
    answer::{asked, check_mode, is_of, notice, object},
    request::{Reference, bad, number},
};
use crate::{
    Fact, Instant, Notice, PaymentFact, PaymentStatus,
    api::{PaymentRef, Request, Response, Said, Unable},
    failure::Failure,
    stripe::{
        facts,
        objects::{PaymentIntent, Ref, Session},
    },
};

#[derive(Deserialize)]
struct Found {
    data: Vec<PaymentIntent>,
    has_more: bool,
}

/// A fact, and Stripe's words for it.
struct Told {
    kind: String,
    fact: PaymentFact,
    /// Whether only the payer can move it.
    awaits_payer: bool,
}

impl StripeApi {
    pub(super) fn question(&self, ask: &PaymentRef<'_>) -> Result<Request, Unable> {
        let out_trade_no = number("out_trade_no", ask.out_trade_no)?;
        Ok(match Reference::read(ask.reference)? {
            Reference::Session(id) => {
                let expand = vec![("expand[]", "payment_intent.latest_charge")];
                self.get(&format!("/v1/checkout/sessions/{id}"), expand)
            }
            Reference::Intent(id) => {
                self.get(&format!("/v1/payment_intents/{id}"), vec![("expand[]", "latest_charge")])
            }
            Reference::Unknown => {
                let query = format!("metadata[\"out_trade_no\"]:\"{out_trade_no}\"");
                let fields = vec![("query", query.as_str()), ("limit", "100"), ("expand[]", "data.latest_charge")];
                self.get("/v1/payment_intents/search", fields)
            }
        })
    }

    pub(super) fn read_payment(&self, ask: &PaymentRef<'_>, answer: &Response<'_>) -> Result<Option<Notice>, Failure> {
        let told = match Reference::read(ask.reference) {
            Ok(Reference::Session(id)) => self.of_session(ask, id, &asked(answer)?)?,
            Ok(Reference::Intent(id)) => Some(self.of_reference(ask, id, &asked(answer)?)?),
            Ok(Reference::Unknown) => Some(self.strongest(ask, &asked(answer)?)?),
            Err(unable) => return Err(Failure::unknown("BAD_INPUT", unable.to_string())),
        };
        let Some(Told { kind, fact, .. }) = told else { return Ok(None) };
        notice(self, &kind, ask.out_trade_no, answer.body, Fact::Payment(fact)).map(Some)
    }

    fn of_reference(&self, ask: &PaymentRef<'_>, id: &str, intent: &PaymentIntent) -> Result<Told, Failure> {
        if intent.id != id {
            return Err(Failure::for_another("the PaymentIntent"));
        }
        self.of_intent(ask, intent)
    }

    fn of_intent(&self, ask: &PaymentRef<'_>, intent: &PaymentIntent) -> Result<Told, Failure> {
        check_mode(self, intent.livemode)?;
        if !is_of(intent.metadata.as_ref(), ask.out_trade_no) {
            return Err(Failure::for_another("the PaymentIntent's out_trade_no"));
        }
        let (status, word) = (status(intent)?, intent.status.as_deref().unwrap_or_default());
        Ok(Told {
            kind: format!("payment_intent:{word}"),
            fact: facts::intent(intent, status, when(intent, status))?,
            awaits_payer: word == "requires_payment_method",
        })
    }

    /// `None` for a session that needed no payment.
    fn of_session(&self, ask: &PaymentRef<'_>, id: &str, session: &Session) -> Result<Option<Told>, Failure> {
        check_mode(self, session.livemode)?;
        if session.id.as_deref() != Some(id) || !is_of(session.metadata.as_ref(), ask.out_trade_no) {
            return Err(Failure::for_another("the session"));
        }
        let malformed = |detail: &str| Failure::unknown("MALFORMED", detail);
        let Some(status @ ("open" | "complete" | "expired")) = session.status.as_deref() else {
            return Err(malformed("the session's status is none that is documented"));
        };
        let mut told = match &session.payment_intent {
            Some(Ref::Object(intent)) => self.of_intent(ask, intent)?,
            Some(Ref::Id(_)) => return Err(malformed("payment_intent is not expanded")),
            None if status == "complete" && session.payment_status == "no_payment_required" => return Ok(None),
            None if status == "complete" => return Err(malformed("a complete session without payment_intent")),
            None => untouched(ask),
        };
        // What still waits for its payer in a session that is over waits for ever.
        if status != "open" && told.awaits_payer {
            told.fact.status = PaymentStatus::Closed;
        }
        told.kind = format!("checkout.session:{status}");
        Ok(Some(told))
    }

    /// Of several intents with our number the one that matters most: the one that brought money.
    fn strongest(&self, ask: &PaymentRef<'_>, found: &Found) -> Result<Told, Failure> {
        // The search ignores case.
        let ours = found.data.iter().filter(|intent| is_of(intent.metadata.as_ref(), ask.out_trade_no));
        let told = ours.map(|intent| self.of_intent(ask, intent)).collect::<Result<Vec<_>, _>>()?;
        let strongest = told.into_iter().max_by_key(|told| match told.fact.status {
            PaymentStatus::Succeeded => 3,
            PaymentStatus::Pending => 2,
            PaymentStatus::Failed => 1,
            PaymentStatus::Closed => 0,
        });
        match strongest {
            Some(told) => Ok(told),
            None if found.has_more => Err(Failure::unknown("TOO_MANY_FOUND", "the search found too much")),
            None => {
                let detail = "no PaymentIntent carries this out_trade_no".to_owned();
                Err(Failure::NotFound(Said { code: "NO_SEARCH_RESULT".to_owned(), detail }))
            }
        }
    }

    /// Needs no idempotency key: closing twice closes once, and an old answer must not be repeated.
    pub(super) fn close(&self, ask: &PaymentRef<'_>) -> Result<Request, Unable> {
        match Reference::read(ask.reference)? {
            Reference::Session(id) => Ok(self.post(&format!("/v1/checkout/sessions/{id}/expire"), Vec::new())),
            Reference::Intent(id) => {
                let why = vec![("cancellation_reason", "abandoned")];
                Ok(self.post(&format!("/v1/payment_intents/{id}/cancel"), why))
            }
            Reference::Unknown => Err(bad("platform_reference", "Stripe closes by its own name for the attempt only")),
        }
    }

    pub(super) fn closed(&self, ask: &PaymentRef<'_>, answer: &Response<'_>) -> Result<(), Failure> {
        #[derive(Deserialize)]
        struct Closed {
            id: String,
            status: String,
        }
        let closed: Closed = object(answer)?;
        match closed.status.as_str() {
            _ if closed.id != ask.reference => Err(Failure::for_another("the object")),
            "expired" | "canceled" => Ok(()),
            _ => Err(Failure::unknown("NOT_CLOSED", "the answer does not say that it is closed")),
        }
    }
}

/// Where an intent stands. A failed try leaves it waiting for another one.
fn status(intent: &PaymentIntent) -> Result<PaymentStatus, Failure> {
    match intent.status.as_deref() {
        Some("succeeded") => Ok(PaymentStatus::Succeeded),
        Some("canceled") => Ok(PaymentStatus::Closed),
        Some("requires_payment_method") if intent.last_payment_error.is_some() => Ok(PaymentStatus::Failed),
        Some(
            "requires_payment_method" | "requires_confirmation" | "requires_action" | "processing" | "requires_capture",
        ) => Ok(PaymentStatus::Pending),
        Some(_) | None => Err(Failure::unknown("MALFORMED", "the PaymentIntent's status is none that is documented")),
    }
}

fn when(intent: &PaymentIntent, status: PaymentStatus) -> Option<Instant> {
    let seconds = match (status, &intent.latest_charge) {
        (PaymentStatus::Succeeded, Some(Ref::Object(charge))) => Some(charge.created),
        (PaymentStatus::Succeeded, Some(Ref::Id(_)) | None) => None,
        (PaymentStatus::Closed, _) => intent.canceled_at,
        (PaymentStatus::Pending | PaymentStatus::Failed, _) => intent.created,
    };
    seconds.map(Instant::from_seconds)
}

/// A session whose payer has not begun to pay.
fn untouched(ask: &PaymentRef<'_>) -> Told {
    let fact = PaymentFact {
        out_trade_no: Some(ask.out_trade_no.to_owned()),
        transaction_id: None,
        status: PaymentStatus::Pending,
        amount: ask.amount,
        occurred_at: None,
        payer: None,
    };
    Told { kind: String::new(), fact, awaits_payer: true }
}
