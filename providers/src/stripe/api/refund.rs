//! Giving money back, and asking how that stands.
//!
//! A refund is found by its own id or, where that is not known yet, among all refunds of its payment by our number in
//! its metadata. Lists are up to date, unlike searches, so a refund that is not in a whole list was not made.

use serde::Deserialize;

use super::{
    StripeApi,
    answer::{asked, notice, object},
    request::{bad, number, plain, units},
};
use crate::{
    Fact, Instant, Notice,
    api::{self, Request, Response, Said, Unable},
    failure::Failure,
    stripe::{facts, objects::Refund},
};

#[derive(Deserialize)]
struct Refunds {
    data: Vec<Refund>,
    has_more: bool,
}

impl StripeApi {
    pub(super) fn give_back(&self, ask: &api::Refund<'_>) -> Result<Request, Unable> {
        let amount = units(ask.amount)?;
        let mut fields = vec![
            payment(ask)?,
            ("amount", amount.as_str()),
            ("metadata[out_refund_no]", number("out_refund_no", ask.out_refund_no)?),
        ];
        if !ask.out_trade_no.is_empty() {
            fields.push(("metadata[out_trade_no]", ask.out_trade_no));
        }
        let reason: String = ask.reason.chars().take(500).collect();
        if !reason.is_empty() {
            fields.push(("metadata[reason]", &reason));
        }
        self.post_once("/v1/refunds", fields, &format!("paystate-refund-{}", ask.out_refund_no))
    }

    pub(super) fn read_given_back(&self, ask: &api::Refund<'_>, answer: &Response<'_>) -> Result<Notice, Failure> {
        self.refund_notice(ask, object(answer)?, answer)
    }

    pub(super) fn ask_refund(&self, ask: &api::Refund<'_>) -> Result<Request, Unable> {
        number("out_refund_no", ask.out_refund_no)?;
        if ask.refund_id.is_empty() {
            return Ok(self.get("/v1/refunds", vec![payment(ask)?, ("limit", "100")]));
        }
        if !plain(ask.refund_id) {
            return Err(bad("refund_id", "it is no id of Stripe's"));
        }
        Ok(self.get(&format!("/v1/refunds/{}", ask.refund_id), Vec::new()))
    }

    pub(super) fn read_refund(&self, ask: &api::Refund<'_>, answer: &Response<'_>) -> Result<Notice, Failure> {
        if !ask.refund_id.is_empty() {
            let refund: Refund = asked(answer)?;
            if refund.id != ask.refund_id {
                return Err(Failure::for_another("the refund"));
            }
            return self.refund_notice(ask, refund, answer);
        }
        let refunds: Refunds = asked(answer)?;
        match refunds.data.into_iter().find(|refund| is_of(refund, ask)) {
            Some(refund) => self.refund_notice(ask, refund, answer),
            None if refunds.has_more => {
                Err(Failure::unknown("TOO_MANY_FOUND", "the payment has more refunds than one list; look at Stripe"))
            }
            None => {
                let detail = "no refund of the payment carries this out_refund_no".to_owned();
                Err(Failure::NotFound(Said { code: "NOT_IN_LIST".to_owned(), detail }))
            }
        }
    }

    fn refund_notice(&self, ask: &api::Refund<'_>, refund: Refund, answer: &Response<'_>) -> Result<Notice, Failure> {
        let of_payment = [&refund.payment_intent, &refund.charge].into_iter().flatten();
        if !is_of(&refund, ask) || !of_payment.into_iter().any(|id| id == ask.transaction_id) {
            return Err(Failure::for_another("the refund"));
        }
        let when = refund.created.map(Instant::from_seconds);
        let kind = format!("refund:{}", refund.status.as_deref().unwrap_or("undecided"));
        let fact = facts::refund(refund, when)?.ok_or_else(|| Failure::for_another("the refund's payment"))?;
        notice(self, &kind, ask.out_refund_no, answer.body, Fact::Refund(fact))
    }
}

fn is_of(refund: &Refund, ask: &api::Refund<'_>) -> bool {
    refund.metadata.as_ref().and_then(|metadata| metadata.out_refund_no.as_deref()) == Some(ask.out_refund_no)
}

/// A payment without a PaymentIntent is named by its charge.
fn payment<'a>(ask: &api::Refund<'a>) -> Result<(&'static str, &'a str), Unable> {
    match ask.transaction_id.split('_').next() {
        Some("pi") if plain(ask.transaction_id) => Ok(("payment_intent", ask.transaction_id)),
        Some("ch" | "py") if plain(ask.transaction_id) => Ok(("charge", ask.transaction_id)),
        Some(_) | None => Err(bad("transaction_id", "it names neither a PaymentIntent nor a charge of Stripe's")),
    }
}
