//! What is brought to the door, and what is answered.

use tokio::sync::oneshot;

use crate::{
    order::{self, Command, Observation, Order, Refusal, RequestId, Timestamp},
    seal::Sealed,
    store::{FactKey, NotificationRow},
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
    /// The fact.
    pub observation: Observation,
    /// The payer for people.
    pub masked_payer: Option<String>,
    /// The payer whole.
    pub sealed_payer: Option<Sealed>,
}

impl Fact {
    /// The identity of the fact: everything that it says about money, and nothing about how it was learned.
    pub(super) fn key(&self, provider: &str) -> FactKey {
        let account = &self.observation.account;
        let said = match &self.observation.fact {
            // The time is left out: platforms report one fact with and without it.
            order::Fact::Payment(p) => {
                format!("{:?}", (provider, account, "PAYMENT", &p.out_trade_no, &p.transaction_id, p.status, p.amount))
            }
            order::Fact::Refund(r) => format!(
                "{:?}",
                (
                    (provider, account, "REFUND", &r.out_trade_no, &r.transaction_id),
                    (&r.out_refund_no, &r.refund_id, r.status, r.amount, r.cumulative)
                )
            ),
        };
        FactKey(hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, said.as_bytes())))
    }
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageOutcome {
    /// Stored now, under this id.
    Stored(String),
    /// The same bytes were stored before; nothing changed.
    Duplicate,
}

/// A command and its idempotency key.
#[derive(Debug, Clone)]
pub struct CommandRequest {
    /// What is wanted.
    pub command: Command,
    /// Makes a retry safe.
    pub request_id: Option<RequestId>,
    /// When it was admitted.
    pub at: Timestamp,
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
    Message(Message, oneshot::Sender<Reply<MessageOutcome>>),
    Command(CommandRequest, oneshot::Sender<Reply<Order>>),
}
