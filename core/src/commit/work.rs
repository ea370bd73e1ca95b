//! What is brought to the door, and what is answered.

use serde::Serialize;
use serde_json::json;
use tokio::sync::oneshot;

use crate::{
    order::{self, About, Command, Observation, Order, Refusal, RequestId, Timestamp},
    seal::Sealed,
    sha256::Sha256,
    store::{CaseRow, FactKey, NotificationRow},
};

/// A verified message and what it says.
#[derive(Debug, Clone)]
pub struct Message {
    /// As it is stored.
    pub row: NotificationRow,
    /// What it says.
    pub facts: Vec<Fact>,
    /// When it was admitted.
    pub at: Timestamp,
}

/// One fact of a message.
#[derive(Debug, Clone)]
pub struct Fact {
    /// Its identity.
    pub(super) key: FactKey,
    /// The fact.
    pub(super) observation: Observation,
    /// The payer for people.
    pub(super) masked_payer: Option<String>,
    /// The payer whole.
    pub(super) sealed_payer: Option<Sealed>,
}

impl Fact {
    /// A fact that `provider` reported; its identity follows from what it says.
    #[must_use]
    pub fn new(
        provider: &str,
        observation: Observation,
        masked_payer: Option<String>,
        sealed_payer: Option<Sealed>,
    ) -> Self {
        Self { key: fact_key(provider, &observation), observation, masked_payer, sealed_payer }
    }
}

/// The identity of the fact: everything that it says about money, and nothing about how it was learned.
/// Stored for ever, so it is written out by hand and does not change with the types.
fn fact_key(provider: &str, observation: &Observation) -> FactKey {
    let account = &observation.account;
    FactKey(match &observation.fact {
        // The time is left out: platforms report one fact with and without it.
        order::Fact::Payment(p) => said(&(
            provider,
            account,
            "PAYMENT",
            &p.out_trade_no,
            &p.transaction_id,
            p.status,
            p.amount.minor(),
            p.amount.currency(),
        )),
        order::Fact::Refund(r) => said(&(
            provider,
            account,
            "REFUND",
            &r.out_trade_no,
            &r.transaction_id,
            &r.out_refund_no,
            &r.refund_id,
            r.status,
            r.amount.minor(),
            r.amount.currency(),
            r.cumulative,
        )),
    })
}

/// The hash of these values as a JSON array.
#[expect(clippy::expect_used, reason = "texts, numbers and truth values always have a JSON form")]
fn said(values: &impl Serialize) -> Sha256 {
    Sha256::of(&serde_json::to_vec(values).expect("a JSON form"))
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageOutcome {
    /// Stored now, under this id.
    Stored(String),
    /// The same signed content was stored before; nothing changed.
    Duplicate,
}

/// What a command was about, as it is after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The order; none for a case of no order.
    pub order: Option<Order>,
    /// The case, for commands that name one.
    pub case: Option<CaseRow>,
}

/// A command and its idempotency key.
#[derive(Debug, Clone)]
pub struct CommandRequest {
    /// What is wanted.
    pub command: Command,
    /// Makes a retry safe: a repetition must be the same command. `None` if the caller gave none.
    pub request_id: Option<RequestId>,
    /// When it was admitted.
    pub at: Timestamp,
}

impl CommandRequest {
    /// The hash by which a repeated `request_id` is recognised as the same request. Stored, so it is written
    /// out by hand and does not change with the types.
    pub(super) fn fingerprint(&self) -> String {
        let said = match &self.command {
            Command::Create { order_id, amount, description, expires_at } => {
                json!(["CREATE", order_id, amount.minor(), amount.currency(), description, expires_at])
            }
            Command::StartPayment { order_id, out_trade_no, account, provider, method, inputs, expires_at: _ } => {
                if method.is_external() {
                    json!(["START_PAYMENT", order_id, out_trade_no, account, provider])
                } else {
                    json!(["START_PAYMENT", order_id, out_trade_no, account, provider, method, inputs])
                }
            }
            Command::Close { order_id, payments_closed } => json!(["CLOSE", order_id, payments_closed]),
            Command::RecordReference { order_id, out_trade_no, reference } => {
                json!(["RECORD_REFERENCE", order_id, out_trade_no, reference])
            }
            Command::ConcludeUnpaid { order_id, out_trade_no } => json!(["CONCLUDE_UNPAID", order_id, out_trade_no]),
            Command::RequestRefund { order_id, out_trade_no, transaction_id, out_refund_no, amount, reason } => {
                json!([
                    "REQUEST_REFUND",
                    order_id,
                    out_trade_no,
                    transaction_id,
                    out_refund_no,
                    amount.minor(),
                    amount.currency(),
                    reason
                ])
            }
            Command::RefundRefused { order_id, out_refund_no, code, detail } => {
                json!(["REFUND_REFUSED", order_id, out_refund_no, code, detail])
            }
            Command::GiveUp { order_id, about, evidence } => match about {
                About::Payment(number) => json!(["GIVE_UP", order_id, "PAYMENT", number, evidence]),
                About::Refund(number) => json!(["GIVE_UP", order_id, "REFUND", number, evidence]),
            },
            Command::OpenCase { case } => json!(["OPEN_CASE", case.id]),
            Command::ResolveCase { case_id, resolution, reason, by } => {
                json!(["RESOLVE_CASE", case_id, resolution.as_str(), reason, by.as_str()])
            }
            Command::AssignCase { case_id, owner } => json!(["ASSIGN_CASE", case_id, owner]),
        };
        Sha256::of(said.to_string().as_bytes()).to_string()
    }
}

/// Why an input was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DoorError {
    /// The command changes nothing, and why.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too much waits already.
    #[error("too many requests wait already; try again later")]
    Overloaded,
    /// The database cannot be used, or did not say how a commit ended.
    #[error("{0}; try again later")]
    Unavailable(String),
    /// A fault of this program, or damaged data.
    #[error("internal: {0}")]
    Internal(String),
}

pub(super) type Reply<T> = Result<T, DoorError>;

#[derive(Debug)]
pub(super) enum Work {
    Message(Box<Message>, oneshot::Sender<Reply<MessageOutcome>>),
    Command(CommandRequest, oneshot::Sender<Reply<Done>>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{AccountName, Currency, Money, OutTradeNo, PaymentFact, PaymentStatus};

    /// Stored keys must be found again by every later version.
    #[test]
    fn the_identity_of_a_fact_does_not_change() {
        let fact = order::Fact::Payment(PaymentFact {
            out_trade_no: Some(OutTradeNo::parse("n1").unwrap()),
            transaction_id: None,
            status: PaymentStatus::Succeeded,
            amount: Money::new(500, Currency::parse("CNY").unwrap()).unwrap(),
            occurred_at: Some(Timestamp(7)),
        });
        let observation = Observation { account: AccountName::parse("a").unwrap(), fact };
        let written_out = br#"["alipay","a","PAYMENT","n1",null,"SUCCEEDED",500,"CNY"]"#;
        assert_eq!(fact_key("alipay", &observation), FactKey(Sha256::of(written_out)));
    }
}
