//! From the platforms' vocabulary to the contract's. Pure and exhaustive: a new kind of fact does not compile
//! until it is handed on.

use http::{HeaderMap, header};
use paystate_proto::v1;
use paystate_providers::{
    Fact, Instant, Money, Notice, PaymentFact, PaymentStatus, Provider, RefundAmount, RefundFact, RefundStatus,
};
use prost_types::Timestamp;

/// Something that a platform has signed, whether it called us or answered us.
#[derive(Debug)]
pub(crate) struct Genuine<'a> {
    pub(crate) provider: Provider,
    pub(crate) account: &'a str,
    pub(crate) source: v1::ObservationSource,
    pub(crate) received_at: Instant,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
}

/// The message that is stored for it, with what the verifier read out of it.
pub(crate) fn message(genuine: &Genuine<'_>, notice: Notice) -> v1::VerifiedMessage {
    v1::VerifiedMessage {
        provider: genuine.provider.as_str().to_owned(),
        account: genuine.account.to_owned(),
        source: genuine.source.into(),
        receive_time: Some(timestamp(genuine.received_at)),
        headers: signature_headers(genuine.headers),
        body: genuine.body.to_vec(),
        content_sha256: notice.content_sha256,
        key_id: notice.key_id,
        event_type: notice.event_type,
        platform_notice_id: notice.platform_notice_id.unwrap_or_default(),
        observations: notice.facts.into_iter().map(observation).collect(),
    }
}

/// The headers that signatures are made over or carried in, and no others: nobody has a reason to store the rest.
pub(crate) fn signature_headers(headers: &HeaderMap) -> Vec<v1::Header> {
    let needed = |name: &str| {
        name.starts_with("wechatpay-") || name == "stripe-signature" || name == header::CONTENT_TYPE.as_str()
    };
    headers
        .iter()
        .filter(|(name, _)| needed(name.as_str()))
        .map(|(name, value)| v1::Header { name: name.as_str().to_owned(), value: value.as_bytes().to_vec() })
        .collect()
}

/// A point in time.
pub(crate) fn timestamp(at: Instant) -> Timestamp {
    let nanos = at.micros().rem_euclid(1_000_000) * 1000;
    // Below 10^9 by construction, so the conversion cannot fail.
    Timestamp { seconds: at.seconds(), nanos: i32::try_from(nanos).unwrap_or_default() }
}

fn observation(fact: Fact) -> v1::Observation {
    let fact = match fact {
        Fact::Payment(payment) => v1::observation::Fact::Payment(payment_fact(payment)),
        Fact::Refund(refund) => v1::observation::Fact::Refund(refund_fact(refund)),
    };
    v1::Observation { fact: Some(fact) }
}

fn payment_fact(fact: PaymentFact) -> v1::PaymentFact {
    let PaymentFact { out_trade_no, transaction_id, status, amount, occurred_at, payer } = fact;
    v1::PaymentFact {
        out_trade_no: out_trade_no.unwrap_or_default(),
        transaction_id: transaction_id.unwrap_or_default(),
        state: payment_state(status).into(),
        amount: Some(money(amount)),
        occur_time: occurred_at.map(timestamp),
        payer_id: payer.map(|p| p.expose().to_owned()).unwrap_or_default(),
    }
}

fn refund_fact(fact: RefundFact) -> v1::RefundFact {
    let RefundFact { out_trade_no, transaction_id, out_refund_no, refund_id, status, amount, occurred_at } = fact;
    let (amount, cumulative) = match amount {
        RefundAmount::Single(amount) => (amount, false),
        RefundAmount::Cumulative(amount) => (amount, true),
    };
    v1::RefundFact {
        out_trade_no: out_trade_no.unwrap_or_default(),
        transaction_id: transaction_id.unwrap_or_default(),
        out_refund_no: out_refund_no.unwrap_or_default(),
        refund_id: refund_id.unwrap_or_default(),
        state: refund_state(status).into(),
        amount: Some(money(amount)),
        cumulative,
        occur_time: occurred_at.map(timestamp),
    }
}

fn payment_state(status: PaymentStatus) -> v1::PaymentState {
    match status {
        PaymentStatus::Pending => v1::PaymentState::Pending,
        PaymentStatus::Failed => v1::PaymentState::Failed,
        PaymentStatus::Closed => v1::PaymentState::Closed,
        PaymentStatus::Succeeded => v1::PaymentState::Succeeded,
    }
}

fn refund_state(status: RefundStatus) -> v1::RefundState {
    match status {
        RefundStatus::Pending => v1::RefundState::Pending,
        RefundStatus::Abnormal => v1::RefundState::Abnormal,
        RefundStatus::Succeeded => v1::RefundState::Succeeded,
        RefundStatus::Failed => v1::RefundState::Failed,
    }
}

/// An amount.
pub(crate) fn money(amount: Money) -> v1::Money {
    v1::Money { amount_minor: amount.minor, currency: amount.currency.as_str().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_before_the_epoch_keeps_positive_nanoseconds() {
        assert_eq!(timestamp(Instant::from_micros(-1)), Timestamp { seconds: -1, nanos: 999_999_000 });
        assert_eq!(timestamp(Instant::from_micros(1_500_000)), Timestamp { seconds: 1, nanos: 500_000_000 });
    }

    #[test]
    fn headers_that_no_signature_needs_stay_out() {
        let mut headers = HeaderMap::new();
        for name in
            ["wechatpay-nonce", "stripe-signature", "content-type", "cookie", "authorization", "x-forwarded-for"]
        {
            headers.insert(name, http::HeaderValue::from_static("v"));
        }
        let mut kept: Vec<_> = signature_headers(&headers).into_iter().map(|h| h.name).collect();
        kept.sort();
        assert_eq!(kept, ["content-type", "stripe-signature", "wechatpay-nonce"]);
    }

    #[test]
    fn a_cumulative_refund_says_so() {
        let amount = Money { minor: 5, currency: paystate_providers::Currency::CNY };
        let fact = |amount| RefundFact {
            out_trade_no: Some("o".into()),
            transaction_id: None,
            out_refund_no: None,
            refund_id: None,
            status: RefundStatus::Failed,
            amount,
            occurred_at: None,
        };
        assert!(refund_fact(fact(RefundAmount::Cumulative(amount))).cumulative);
        let single = refund_fact(fact(RefundAmount::Single(amount)));
        assert_eq!((single.cumulative, single.state()), (false, v1::RefundState::Failed));
    }
}
