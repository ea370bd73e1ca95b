//! Reconciliation: what a platform's statement of a day and our record have in common, and what not.
//!
//! Contract:
//! - Matching is by set, both ways, in time that grows with the lines and the bookings. Lines pass by as a stream; of our record
//!   only hashes of numbers and amounts are held ([`ledger`]).
//! - Nothing is done about any difference before the whole statement was read: a statement that breaks off, or whose last
//!   byte shows that it is damaged, changes nothing. The run has failed then, and what the run before it found stands.
//! - What is missing here heals itself where the platform can be asked: its answer goes through the door like every answer. Whatever
//!   is left opens a case, through the same door, with an id that follows from what it is about: a second run adds nothing. A case whose
//!   difference a later run does not find again is settled.
//! - What moved near midnight and stands on one side only is left to the neighbouring day's run before it counts.
//!
//! A day runs once at a time, whatever core it runs on: the run has a lease in the store.

mod cause;
mod day;
mod desk;
mod ledger;
mod run;
mod sent;
mod settle;
#[cfg(test)]
mod tests;

use std::{fmt, pin::Pin, sync::Arc};

use async_trait::async_trait;
use futures_util::Stream;
use tokio_util::sync::CancellationToken;

pub(crate) use self::{
    day::{Day, date_after},
    sent::{Part, read_parts},
};
use crate::{
    commit::Door,
    order::{Order, Payment, Refund},
    platform::PlatformRules,
    store::{Movement, ReconciliationId, Reconciliations, Store, StoreError},
};

/// A statement, line by line: each item holds the next lines. An error says why the statement is not whole.
pub(crate) type Lines = Pin<Box<dyn Stream<Item = Result<Vec<Movement>, String>> + Send>>;

/// What a reconciliation asks of a platform.
#[async_trait]
pub(crate) trait Platform: Send + Sync + 'static {
    /// Fetches the statement of a day. The error says why there is none, and what to do.
    async fn statement(&self, id: &ReconciliationId) -> Result<Lines, String>;
    /// Asks how a payment stands, and takes in what is said. Whether it was answered.
    async fn ask_payment(&self, order: &Order, payment: &Payment) -> bool;
    /// Asks how a refund stands, and takes in what is said. Whether it was answered.
    async fn ask_refund(&self, order: &Order, refund: &Refund) -> bool;
}

/// What is reconciled, and how.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Which day of which account.
    pub(crate) id: ReconciliationId,
    /// The platform of the account.
    pub(crate) platform: PlatformRules,
    /// The day.
    pub(crate) day: Day,
    /// The fee that was agreed, in hundredths of a percent of what is paid.
    pub(crate) fee_basis_points: Option<u32>,
}

/// Where the lines come from.
pub(crate) enum LinesFrom {
    /// The platform.
    Platform,
    /// A person who has the file.
    Import(Lines),
}

/// Runs reconciliations.
#[derive(Clone)]
pub(crate) struct Reconciler {
    store: Arc<dyn Store>,
    runs: Arc<dyn Reconciliations>,
    door: Door,
    /// `None` where no edge can be asked.
    platform: Option<Arc<dyn Platform>>,
    /// Cancelled when the core stops.
    closing: CancellationToken,
}

/// Why a run has no result. It is shown to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failed {
    /// This.
    Because(String),
    /// Another core has it now, because this one gave no sign of life for too long.
    Lost,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Because(why) => f.write_str(why),
            Self::Lost => f.write_str("the run took a pause that was too long, and is lost; run it again"),
        }
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Because(format!("{error}; run it again"))
    }
}

impl Reconciler {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        door: Door,
        platform: Option<Arc<dyn Platform>>,
        closing: CancellationToken,
    ) -> Self {
        Self { runs: store.reconciliations(), store, door, platform, closing }
    }
}
