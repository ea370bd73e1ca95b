//! Asks platforms about what nobody tells us, and follows what is to be done at a platform to its end.
//!
//! Contract:
//! - Nothing here changes an order except through the door: what a platform says is an observation like a callback, and
//!   what follows from its silence is a command. The domain may refuse the command, because news is stronger.
//! - Tasks come from decisions, in the same transaction ([`crate::commit::Policy`] says which). So nothing is forgotten
//!   when a core dies, and nothing begins before it is stored. What was begun before anything could ask about it,
//!   `adopt` finds when a core starts.
//! - No effect twice: what may have had an effect is asked about before it is repeated, and repeated under the same
//!   number. A lease sees to it that one core at a time works on a task; budget and order of work are the store's.
//! - What has no end after its schedule is handed to a person as a case, with the platform's last words.
//!
//! The way of a task: store -> `worker` (claims, budget, breaker) -> `payment` or `refund` (what to do, pure) -> `desk`
//! (asks, records, takes in) -> door.

mod adopt;
mod alert;
mod breaker;
mod desk;
mod payment;
mod platforms;
mod refund;
mod schedule;
#[cfg(test)]
mod tests;
mod worker;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::{Notify, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use alert::{Channel, Format, try_out};
pub(crate) use desk::{Desk, NotTakenIn};
pub(crate) use payment::is_final as is_payment_final;
pub use platforms::Platforms;
pub(crate) use platforms::{Answer, Outcome};
pub(crate) use refund::is_final as is_refund_final;
pub use schedule::Schedule;

use crate::{
    clock::now,
    commit::{CasePolicy, Door, Policy},
    intake::{Accounts, Intake},
    order::{AccountName, CaseKind, OutTradeNo, Timestamp},
    store::{Store, StoreError},
};
use adopt::Adoption;
use alert::Teller;
use worker::Worker;

/// How a core asks by itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The edges that call platforms; without them nothing is asked, and no payment or refund is begun.
    pub platforms: Option<Platforms>,
    /// Tasks of one account that this core works on at once, and as many of all tasks without an account, alerts aside.
    /// Default 64.
    pub in_flight: usize,
    /// When payments are asked about.
    pub payments: Schedule,
    /// When refunds are asked about.
    pub refunds: Schedule,
    /// From a question that was not answered to the next one. Default 45 s.
    pub patience: Duration,
    /// Between two questions to a platform that is left alone. Default 5 s.
    pub probe: Duration,
    /// Between two looks for what is due, while nothing says that there is. Default 500 ms.
    pub pause: Duration,
    /// What becomes of cases, where it is not the default.
    pub cases: BTreeMap<CaseKind, CasePolicy>,
    /// Who is told of them.
    pub channels: Vec<Channel>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            platforms: None,
            in_flight: 64,
            payments: Schedule::payments(),
            refunds: Schedule::refunds(),
            patience: Duration::from_secs(45),
            probe: Duration::from_secs(5),
            pause: Duration::from_millis(500),
            cases: BTreeMap::new(),
            channels: Vec::new(),
        }
    }
}

impl Settings {
    /// What the door writes down to be done later.
    pub(crate) fn policy(&self, accounts: &Accounts) -> Policy {
        let callable = accounts.iter().filter(|(_, a)| a.calls.is_some() && self.platforms.is_some());
        Policy {
            callable: callable.map(|(name, _)| name.clone()).collect(),
            first_question: self.payments.first(),
            expiry: true,
            cases: self.cases.clone(),
            channels: self.channels.iter().map(|c| c.name.clone()).collect(),
        }
    }
}

/// Hints bring the question about a payment forward at most this often: anybody can send what looks like a refused
/// callback.
const HINT_INTERVAL: Duration = Duration::from_secs(60);

/// The callers' end.
#[derive(Clone)]
pub(crate) struct Compensation {
    desk: Option<Desk>,
    store: Arc<dyn Store>,
    bell: Arc<Notify>,
}

impl Compensation {
    /// Starts the worker on `tasks`, until `closing`, preceded by adoption.
    pub(crate) fn start(
        settings: Settings,
        (store, door, intake): (Arc<dyn Store>, Door, Intake),
        tasks: &TaskTracker,
        closing: &CancellationToken,
    ) -> Self {
        let desk = settings.platforms.clone().map(|platforms| Desk {
            platforms,
            store: store.clone(),
            door: door.clone(),
            intake: intake.clone(),
        });
        let bell = Arc::new(Notify::new());
        let policy = settings.policy(intake.accounts());
        tasks.spawn(Adoption { store: store.clone(), policy, closing: closing.clone() }.run());
        // Created with 0: a counter that first appears with an event does not look like one that has risen.
        for channel in &settings.channels {
            metrics::counter!("paystate_alerts_total", "channel" => channel.name.to_string(), "outcome" => "failed")
                .increment(0);
        }
        for (account, _) in intake.accounts().iter().filter(|(_, known)| known.calls.is_some()) {
            metrics::gauge!("paystate_breaker_open", "account" => account.to_string()).set(0.0);
        }
        let worker = Worker {
            store: store.clone(),
            door,
            desk: desk.clone(),
            slots: Arc::new(Semaphore::new(settings.in_flight)),
            alert_slots: Arc::new(Semaphore::new(worker::ALERTS)),
            settings,
            teller: Teller::new(),
            bell: bell.clone(),
            lanes: Mutex::default(),
            tracker: tasks.clone(),
        };
        tasks.spawn(Arc::new(worker).run(closing.clone()));
        Self { desk, store, bell }
    }

    /// The desk of an account that can be called.
    pub(crate) fn desk(&self, account: &AccountName) -> Option<&Desk> {
        self.desk.as_ref().filter(|desk| desk.rate(account).is_some())
    }

    /// The desk, for what may concern several accounts.
    pub(crate) fn any_desk(&self) -> Option<&Desk> {
        self.desk.as_ref()
    }

    /// Something is due now: the worker need not wait for its next look.
    pub(crate) fn nudge(&self) {
        self.bell.notify_one();
    }

    /// Brings forward the questions about these payments: a callback that was refused claims to be about them.
    pub(crate) async fn suspect(&self, payments: &[OutTradeNo]) -> Result<(), StoreError> {
        if self.desk.is_some() && !payments.is_empty() {
            let at = now();
            self.store.tasks().hurry(payments, at, before(at), at).await?;
        }
        Ok(())
    }

    /// Brings forward the questions about these accounts: some of their callbacks were turned away unread.
    pub(crate) async fn shed(&self, accounts: &[AccountName]) -> Result<(), StoreError> {
        let at = now();
        for account in accounts.iter().filter(|account| self.desk(account).is_some()) {
            self.store.tasks().hurry_account(account, HINT_INTERVAL, before(at), at).await?;
        }
        Ok(())
    }
}

/// Hints from this moment or earlier no longer count.
fn before(at: Timestamp) -> Timestamp {
    at.before(HINT_INTERVAL)
}
