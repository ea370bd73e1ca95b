//! What the configuration adds to a decision: tasks, due times and owners. The domain stays pure; the door adds this
//! when it stores what was decided.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use smol_str::SmolStr;

use crate::{
    order::{
        AccountName, Case, CaseKind, Decision, Due, Followup, OrderId, Refusal, Resolution, TaskKey, TaskKind,
        Timestamp,
    },
    store::NewTask,
};

/// What follows from decisions. The default follows nothing: no task is written.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Accounts whose platforms can be called. Payments on others are not asked about, and nothing can be refunded
    /// on them.
    pub callable: BTreeSet<AccountName>,
    /// From the start of a payment to the first question about it; 0 by default.
    pub first_question: Duration,
    /// Whether orders are closed when they expire; false by default.
    pub expiry: bool,
    /// What becomes of cases, where it is not the default.
    pub cases: BTreeMap<CaseKind, CasePolicy>,
    /// Who is told of a case that was opened.
    pub channels: Vec<SmolStr>,
}

/// What becomes of the cases of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CasePolicy {
    /// From the opening to when it should be settled. Default 24 h.
    pub due_after: Duration,
    /// Who looks after it first; empty for nobody, which is the default.
    pub owner: String,
    /// How to settle it without a person; `None`, the default, leaves it to people.
    pub settle: Option<Resolution>,
}

impl Default for CasePolicy {
    fn default() -> Self {
        Self { due_after: Duration::from_secs(24 * 60 * 60), owner: String::new(), settle: None }
    }
}

impl Policy {
    /// Refuses a decision that cannot be carried out, because it gives money back on an account whose platform cannot
    /// be called.
    pub(super) fn refuses(&self, decision: &Decision) -> Option<Refusal> {
        let refunds = decision.tasks.iter().filter(|task| task.key.kind == TaskKind::Refund);
        let mut accounts = refunds.filter_map(|task| task.account.as_ref());
        accounts.find(|account| !self.callable.contains(*account)).cloned().map(Refusal::NoApi)
    }

    /// The task that a follow-up becomes; `None` if nothing here would carry it out.
    pub(crate) fn task(&self, followup: Followup, order_id: Option<&OrderId>, at: Timestamp) -> Option<NewTask> {
        let Followup { key, account, due } = followup;
        let wanted = account.as_ref().map_or(self.expiry, |account| self.callable.contains(account));
        let due_at = match due {
            Due::Now => at,
            Due::Soon => at.after(self.first_question),
            Due::At(then) => then,
        };
        wanted.then(|| NewTask { key, account, order_id: order_id.cloned(), due_at })
    }

    /// Gives a newly opened case its due time and its first owner.
    pub(super) fn open(&self, case: &mut Case, at: Timestamp) {
        let CasePolicy { due_after, owner, .. } = self.of(case.kind);
        case.due_at = Some(at.after(due_after));
        case.owner = owner;
    }

    /// The tasks of a newly opened case: telling people, and settling it by policy.
    pub(super) fn tasks_of(&self, case: &Case, at: Timestamp) -> Vec<NewTask> {
        let alerts = self.channels.iter().map(|channel| (TaskKind::Alert, format!("{channel}/{}", case.id)));
        let policy = self.of(case.kind).settle.map(|_| (TaskKind::Policy, case.id.to_string()));
        let task = |(kind, subject): (TaskKind, String)| NewTask {
            key: TaskKey { kind, subject: subject.into() },
            account: None,
            order_id: case.order_id.clone(),
            due_at: at,
        };
        alerts.chain(policy).map(task).collect()
    }

    fn of(&self, kind: CaseKind) -> CasePolicy {
        self.cases.get(&kind).cloned().unwrap_or_default()
    }
}
