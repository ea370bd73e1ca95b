//! Does the tasks of all orders: one worker in each core, and the leases of the store decide which core does which.
//!
//! A round looks at the tasks of each account that have been due longest, and at a stretch further along the line.
//! Tasks whose payment or refund has meanwhile ended by itself, which are nearly all, are dropped together without a
//! question, even while the platform is left alone. For the others the account's budget is asked, and as many are
//! claimed as it grants. The rest keep their place in the line: whatever makes tasks due, such as a flood of hints,
//! they are asked in the order in which they became due. Anybody can cause hints about payments, so refunds have a line
//! of their own and half of what is granted.
//!
//! Each account has slots of its own, so that a platform that answers slowly takes nothing from the others.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Settings,
    alert::{self, Teller},
    breaker::Breaker,
    desk::{Desk, NotTakenIn, taken_in},
    payment::{self, Known},
    platforms::{Answer, Outcome},
    refund,
    schedule::jittered,
};
use crate::{
    clock::now,
    commit::{CommandRequest, Door, DoorError},
    order::{
        About, AccountName, CaseId, CaseState, Command, Order, OrderId, OutRefundNo, OutTradeNo, Payment, Refund,
        Refusal, Resolver, TaskKey, TaskKind, Timestamp,
    },
    store::{CaseRow, Store, StoreError, Task, Waiting},
};

/// Longer than everything that is done under one lease: three calls to a platform, and the waits for the budget.
const LEASE: Duration = Duration::from_secs(60);
/// Tasks that are looked at, or claimed, at once.
const BATCH: u32 = 256;
/// How long a further call of one task waits for the budget.
const TURN: Duration = Duration::from_secs(5);
/// Earlier than every due time.
const BEGINNING: Timestamp = Timestamp(i64::MIN);
/// Looks at one account's lines in a round at most, so that its backlog keeps no other account waiting.
const LOOKS: usize = 4;
/// The pause before an order that cannot be read is looked at again.
const UNREADABLE_PAUSE: Duration = Duration::from_secs(3600);
/// After a fault of ours.
const FAULT_PAUSE: Duration = Duration::from_secs(5);

/// Alerts told at once; with slots of their own, so that a slow channel takes no room from anything else.
pub(super) const ALERTS: usize = 8;

/// Kinds of tasks outside the accounts' lines: they ask no platform, or only before a ruling.
const OURS: [TaskKind; 2] = [TaskKind::Expiry, TaskKind::Policy];
pub(super) struct Worker {
    pub(super) store: Arc<dyn Store>,
    pub(super) door: Door,
    /// `None` where no edge can be asked.
    pub(super) desk: Option<Desk>,
    pub(super) settings: Settings,
    pub(super) teller: Teller,
    /// Rung when something new is due.
    pub(super) bell: Arc<Notify>,
    /// Slots of the tasks in [`OURS`].
    pub(super) slots: Arc<Semaphore>,
    /// Slots of alerts.
    pub(super) alert_slots: Arc<Semaphore>,
    pub(super) lanes: Mutex<BTreeMap<AccountName, Lane>>,
    pub(super) tracker: TaskTracker,
}

/// What this core knows of an account.
#[derive(Debug)]
pub(super) struct Lane {
    breaker: Breaker,
    /// One for each of its tasks that this core works on.
    slots: Arc<Semaphore>,
    /// How far along the line of payments we have looked for tasks that need no question.
    swept: Timestamp,
    /// Whether the next odd question is for a refund.
    refunds_turn: bool,
    /// Whether the log already says that the account has work but cannot be called.
    complained: bool,
}

impl Lane {
    fn new(slots: usize) -> Self {
        Self {
            breaker: Breaker::default(),
            slots: Arc::new(Semaphore::new(slots)),
            swept: BEGINNING,
            refunds_turn: true,
            complained: false,
        }
    }

    /// The refunds' half of what was granted; where one is granted at a time, every other one.
    fn half(&mut self, granted: u32) -> u32 {
        let is_odd = granted % 2 == 1;
        let half = granted / 2 + u32::from(is_odd && self.refunds_turn);
        self.refunds_turn ^= is_odd;
        half
    }
}

/// The result of a look at a line.
struct Look {
    /// Tasks that need a question to their platform.
    open: BTreeSet<TaskKey>,
    /// Where a further look begins, if there is more.
    end: Option<Timestamp>,
    /// Whether another look is worth it at once: most of it needed no question.
    pays: bool,
}

/// Tasks of one account that wait, by what becomes of them now.
#[derive(Debug, Default)]
struct Sorted {
    /// Its payment or refund has come to its end.
    settled: BTreeSet<TaskKey>,
    /// Its order cannot be read.
    unreadable: BTreeSet<TaskKey>,
    /// Its platform is to be asked.
    open: BTreeSet<TaskKey>,
}

/// How a run of a task ended.
enum End {
    Done,
    /// Try again after this wait, with this count and note.
    Later(Duration, u32, String),
}

/// Why a run broke off: a fault of ours. The task is tried again soon.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Door(#[from] DoorError),
    #[error("not taken in: {0}")]
    NotTakenIn(#[from] NotTakenIn),
    #[error("the account's budget was used up by others")]
    Budget,
}

impl Worker {
    pub(super) async fn run(self: Arc<Self>, closing: CancellationToken) {
        while !closing.is_cancelled() {
            if let Err(error) = self.round().await {
                tracing::warn!(%error, "tasks wait");
            }
            tokio::select! {
                () = self.bell.notified() => {}
                () = sleep(self.settings.pause) => {}
                () = closing.cancelled() => {}
            }
        }
    }

    /// Does what is due, as far as there is room.
    async fn round(self: &Arc<Self>) -> Result<(), StoreError> {
        let tasks = self.store.tasks();
        for (kinds, slots) in [(&OURS[..], &self.slots), (&[TaskKind::Alert], &self.alert_slots)] {
            let room = room(slots).min(BATCH);
            if room > 0 {
                for task in tasks.claim(kinds, room, now(), LEASE).await? {
                    self.start(slots, task);
                }
            }
        }
        let Some(desk) = &self.desk else { return Ok(()) };
        for account in tasks.accounts_due(now()).await? {
            // Whatever has ended by now is dropped without a question.
            let mut looks = 0;
            while self.questions(desk, &account).await? {
                looks += 1;
                if looks == LOOKS {
                    self.bell.notify_one();
                    break;
                }
            }
        }
        Ok(())
    }

    /// Drops the account's tasks that need no question, and starts as many of the others as may be asked now; answers
    /// whether to look again at once.
    async fn questions(self: &Arc<Self>, desk: &Desk, account: &AccountName) -> Result<bool, StoreError> {
        let tasks = self.store.tasks();
        let Some(rate) = desk.rate(account) else {
            if !self.lane(account, |lane| std::mem::replace(&mut lane.complained, true)) {
                tracing::error!(%account, "there is work for this account, and this core may not call it: \
                    [accounts.NAME.api] is missing here");
            }
            return Ok(false);
        };
        let refunds = self.look(account, TaskKind::Refund, BEGINNING).await?;
        let payments = self.look(account, TaskKind::Payment, BEGINNING).await?;
        let mut more = refunds.pays || payments.pays;
        if let Some(end) = payments.end {
            // The head of the line may consist only of tasks whose platform is not being asked for a while.
            let from = self.lane(account, |lane| lane.swept.max(end));
            let further = self.look(account, TaskKind::Payment, from).await?;
            self.lane(account, |lane| lane.swept = further.end.unwrap_or(BEGINNING));
            more |= further.pays;
        }
        let (refunds, payments) = (refunds.open, payments.open);
        let (slots, admitted, is_open) =
            self.lane(account, |lane| (lane.slots.clone(), lane.breaker.room(Instant::now()), lane.breaker.is_open()));
        let waiting = u32::try_from(refunds.len() + payments.len()).unwrap_or(u32::MAX);
        let wanted = waiting.min(room(&slots)).min(admitted);
        let granted = if wanted == 0 { 0 } else { tasks.budget(account, rate, wanted, now()).await? };
        if granted == 0 {
            return Ok(more);
        }
        if is_open {
            self.lane(account, |lane| lane.breaker.probed(Instant::now(), self.settings.probe));
        }
        // Refunds get half of it, and whatever payments do not need.
        let half = self.lane(account, |lane| lane.half(granted));
        let spare = granted.saturating_sub(u32::try_from(payments.len()).unwrap_or(u32::MAX));
        let mut claimed = self.claim_of(&refunds, half.max(spare)).await?;
        let left = granted.saturating_sub(u32::try_from(claimed.len()).unwrap_or(u32::MAX));
        claimed.append(&mut self.claim_of(&payments, left).await?);
        for task in claimed {
            self.start(&slots, task);
        }
        Ok(more)
    }

    /// Looks at the tasks that became due after a moment, and drops those that need no question.
    async fn look(&self, account: &AccountName, kind: TaskKind, after: Timestamp) -> Result<Look, StoreError> {
        let tasks = self.store.tasks();
        let waiting = tasks.waiting(account, kind, after, BATCH, now()).await?;
        let full = waiting.len() >= usize::try_from(BATCH).unwrap_or(usize::MAX);
        let end = waiting.last().map(|last| last.due_at).filter(|_| full);
        let Sorted { settled, unreadable, open } = self.sort(waiting).await?;
        for task in self.claim_of(&unreadable, BATCH).await? {
            tasks.put_off(&task, now().after(UNREADABLE_PAUSE), task.attempt, &task.note).await?;
        }
        self.drop_settled(&settled).await?;
        Ok(Look { pays: full && settled.len() > open.len(), open, end })
    }

    /// Drops tasks whose payment or refund has ended. They are looked at once more after they were claimed: from then
    /// on a unit that wants one of them again leaves a note in it, while before that its wish would be dropped
    /// unnoticed.
    async fn drop_settled(&self, keys: &BTreeSet<TaskKey>) -> Result<(), StoreError> {
        let tasks = self.store.tasks();
        let claimed = self.claim_of(keys, BATCH).await?;
        if claimed.is_empty() {
            return Ok(());
        }
        let known = claimed.iter().map(|task| Waiting {
            key: task.key.clone(),
            order_id: task.order_id.clone(),
            due_at: task.due_at,
        });
        let settled = self.sort(known.collect()).await?.settled;
        let (over, open): (Vec<_>, Vec<_>) = claimed.into_iter().partition(|task| settled.contains(&task.key));
        tasks.done(&over).await?;
        for task in open {
            tasks.put_off(&task, task.due_at, task.attempt, &task.note).await?;
        }
        Ok(())
    }

    async fn claim_of(&self, keys: &BTreeSet<TaskKey>, limit: u32) -> Result<Vec<Task>, StoreError> {
        if keys.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        self.store.tasks().claim_of(&keys.iter().collect::<Vec<_>>(), limit, now(), LEASE).await
    }

    async fn sort(&self, waiting: Vec<Waiting>) -> Result<Sorted, StoreError> {
        let ids: Vec<OrderId> = waiting.iter().filter_map(|task| task.order_id.clone()).collect();
        let (orders, unreadable) = self.readable(&ids).await?;
        let mut sorted = Sorted::default();
        for Waiting { key, order_id, .. } in waiting {
            let order = order_id.as_ref().and_then(|id| orders.get(id));
            let pile = match order_id {
                Some(id) if unreadable.contains(&id) => &mut sorted.unreadable,
                Some(_) if order.is_some_and(|order| is_open(order, &key)) => &mut sorted.open,
                Some(_) | None => &mut sorted.settled,
            };
            pile.insert(key);
        }
        Ok(sorted)
    }

    /// The orders of tasks, and which of them cannot be read: one that cannot must not keep the others waiting.
    async fn readable(&self, ids: &[OrderId]) -> Result<(BTreeMap<OrderId, Order>, BTreeSet<OrderId>), StoreError> {
        match self.store.orders(ids).await {
            Ok(orders) => return Ok((orders, BTreeSet::new())),
            Err(StoreError::Damaged(_)) => {}
            Err(error) => return Err(error),
        }
        let (mut orders, mut unreadable) = (BTreeMap::new(), BTreeSet::new());
        for id in ids {
            match self.store.orders(std::slice::from_ref(id)).await {
                Ok(found) => orders.extend(found),
                Err(StoreError::Damaged(why)) => {
                    tracing::error!(order_id = %id, why, "what is due to this order waits: it cannot be read");
                    unreadable.insert(id.clone());
                }
                Err(error) => return Err(error),
            }
        }
        Ok((orders, unreadable))
    }

    fn lane<T>(&self, account: &AccountName, with: impl FnOnce(&mut Lane) -> T) -> T {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        with(lanes.entry(account.clone()).or_insert_with(|| Lane::new(self.settings.in_flight)))
    }

    fn start(self: &Arc<Self>, slots: &Arc<Semaphore>, task: Task) {
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            // Its lease expires, and a core with room takes it.
            return;
        };
        let worker = self.clone();
        self.tracker.spawn(async move { worker.carry_out(task, slot).await });
    }

    async fn carry_out(self: Arc<Self>, task: Task, _slot: OwnedSemaphorePermit) {
        let end = match task.key.kind {
            TaskKind::Payment => self.payment(&task).await,
            TaskKind::Refund => self.refund(&task).await,
            TaskKind::Expiry => self.expiry(&task).await,
            TaskKind::Policy => self.policy(&task).await,
            TaskKind::Alert => self.alert(&task).await,
        };
        let end = end.unwrap_or_else(|fault| {
            tracing::warn!(task = %task.key, %fault, "a task is put off");
            End::Later(FAULT_PAUSE, task.attempt, task.note.clone())
        });
        let tasks = self.store.tasks();
        let ended = match end {
            End::Done => tasks.done(std::slice::from_ref(&task)).await.map(|_| ()),
            End::Later(wait, attempt, note) => {
                let due_at = now().after(jittered(wait, chance(&task)));
                tasks.put_off(&task, due_at, attempt, &note).await.map(|_| ())
            }
        };
        if let Err(error) = ended {
            tracing::warn!(task = %task.key, %error, "its lease runs out first");
        }
    }

    async fn order(&self, task: &Task) -> Result<Option<Order>, StoreError> {
        let Some(id) = &task.order_id else { return Ok(None) };
        Ok(self.store.orders(std::slice::from_ref(id)).await?.remove(id))
    }

    /// Every answer counts towards whether the platform is worth asking.
    fn heard(&self, account: &AccountName, answer: &Answer) {
        let (was, is) = self.lane(account, |lane| {
            let was = lane.breaker.is_open();
            match answer.outcome {
                Outcome::Answered | Outcome::NotFound | Outcome::Refused | Outcome::NotTakenIn => {
                    lane.breaker.answered();
                }
                Outcome::Unknown => lane.breaker.failed(),
                Outcome::RateLimited(wait) => lane.breaker.wait(Instant::now() + wait.unwrap_or(self.settings.probe)),
                Outcome::NotSent | Outcome::NoSuchOperation | Outcome::BadInput => {}
            }
            (was, lane.breaker.is_open())
        });
        if was != is {
            tracing::warn!(%account, open = is, said = answer.said(), "platform left alone, or asked again");
            metrics::gauge!("paystate_breaker_open", "account" => account.to_string()).set(if is { 1.0 } else { 0.0 });
            self.bell.notify_one();
        }
    }

    /// Waits for the budget of a further call. The first question of a task is already paid for.
    async fn turn(&self, desk: &Desk, account: &AccountName) -> Result<(), Fault> {
        if desk.turn(account, TURN).await? { Ok(()) } else { Err(Fault::Budget) }
    }

    async fn command(&self, command: Command) -> Result<(), DoorError> {
        self.door.command(CommandRequest { command, request_id: None, at: now() }).await.map(|_| ())
    }

    async fn payment(&self, task: &Task) -> Result<End, Fault> {
        let Some(desk) = &self.desk else { return Ok(End::Done) };
        let known = Known::read(task.attempt, &task.note);
        let mut heard = payment::Heard::default();
        loop {
            let Some(order) = self.order(task).await? else { return Ok(End::Done) };
            let Some(payment) = find_payment(&order, &task.key) else { return Ok(End::Done) };
            let (schedule, patience) = (&self.settings.payments, self.settings.patience);
            match payment::step((&order, payment), &known, &heard, schedule, patience, now()) {
                payment::Step::Ask => {
                    let again = heard.asked.is_some();
                    if again {
                        self.turn(desk, &payment.account).await?;
                    }
                    let answer = taken_in(desk.ask_payment(&order, payment).await)?;
                    self.heard(&payment.account, &answer);
                    heard.asked = Some(answer);
                    heard.asked_again = again;
                }
                payment::Step::Close => {
                    self.turn(desk, &payment.account).await?;
                    let answer = taken_in(desk.close_payment(&order, payment).await)?;
                    self.heard(&payment.account, &answer);
                    heard.closed = Some(answer);
                }
                payment::Step::ConcludeUnpaid => {
                    let (order_id, out_trade_no) = (order.id.clone(), payment.out_trade_no.clone());
                    let concluded = self.command(Command::ConcludeUnpaid { order_id, out_trade_no }).await;
                    return match concluded {
                        // The clock went back since that was decided.
                        Err(DoorError::Refused(Refusal::MayStillBePaid { .. })) => {
                            Ok(End::Later(FAULT_PAUSE, task.attempt, task.note.clone()))
                        }
                        concluded => ended(concluded),
                    };
                }
                payment::Step::GiveUp(evidence) => {
                    let about = About::Payment(payment.out_trade_no.clone());
                    return self.last(Command::GiveUp { order_id: order.id.clone(), about, evidence }).await;
                }
                payment::Step::Done => return Ok(End::Done),
                payment::Step::Later(later) => {
                    return Ok(End::Later(later.wait, later.known.answered, later.known.note()));
                }
            }
        }
    }

    async fn refund(&self, task: &Task) -> Result<End, Fault> {
        let Some(desk) = &self.desk else { return Ok(End::Done) };
        let known = refund::Known::read(task.attempt, &task.note);
        let mut heard = refund::Heard::default();
        loop {
            let Some(order) = self.order(task).await? else { return Ok(End::Done) };
            let Some((refund, number)) = find_refund(&order, &task.key) else { return Ok(End::Done) };
            let order_id = order.id.clone();
            let (schedule, patience) = (&self.settings.refunds, self.settings.patience);
            match refund::step(refund, known, &heard, schedule, patience, now()) {
                refund::Step::Ask => {
                    let again = heard.asked.is_some();
                    if again {
                        self.turn(desk, &refund.account).await?;
                    }
                    let answer = taken_in(desk.ask_refund(&order, refund).await)?;
                    self.heard(&refund.account, &answer);
                    heard.asked = Some(answer);
                    heard.asked_again = again;
                }
                refund::Step::Send => {
                    self.turn(desk, &refund.account).await?;
                    let answer = taken_in(desk.refund(&order, refund).await)?;
                    if answer.outcome == Outcome::Unknown && answer.spoken {
                        // "Not now" is no outage.
                        self.lane(&refund.account, |lane| lane.breaker.answered());
                    } else {
                        self.heard(&refund.account, &answer);
                    }
                    heard.sent = Some(answer);
                }
                refund::Step::Refused(code, detail) => {
                    return self.last(Command::RefundRefused { order_id, out_refund_no: number, code, detail }).await;
                }
                refund::Step::GiveUp(evidence) => {
                    return self.last(Command::GiveUp { order_id, about: About::Refund(number), evidence }).await;
                }
                refund::Step::Done => return Ok(End::Done),
                refund::Step::Later(wait, known) => return Ok(End::Later(wait, known.answered, known.note())),
            }
        }
    }

    /// The command that ends a task.
    async fn last(&self, command: Command) -> Result<End, Fault> {
        ended(self.command(command).await)
    }

    async fn expiry(&self, task: &Task) -> Result<End, Fault> {
        let Some(order) = self.order(task).await? else { return Ok(End::Done) };
        let Some(at) = order.expires_at.filter(|_| order.is_payable()) else { return Ok(End::Done) };
        if now() < at {
            // The clock went back since the task was claimed.
            let left = u64::try_from(at.0.saturating_sub(now().0)).unwrap_or(0);
            return Ok(End::Later(Duration::from_micros(left), task.attempt, task.note.clone()));
        }
        let ended = self.last(Command::Close { order_id: order.id, payments_closed: false }).await;
        self.bell.notify_one();
        ended
    }

    async fn policy(&self, task: &Task) -> Result<End, Fault> {
        let Ok(case_id) = CaseId::parse(task.key.subject.clone()) else { return Ok(End::Done) };
        let Some(CaseRow { case, .. }) = self.store.case(&case_id).await? else { return Ok(End::Done) };
        let policy = self.settings.cases.get(&case.kind).and_then(|p| p.settle);
        let Some(resolution) = policy.filter(|_| case.state == CaseState::Open) else { return Ok(End::Done) };
        // A configured rule asks the platform first, as a person's ruling does.
        if let Some(desk) = &self.desk
            && !desk.ask_about(&case, TURN).await?
        {
            return Ok(End::Later(self.settings.patience, task.attempt, String::new()));
        }
        let (by, reason) =
            (Resolver::Policy, format!("[core.cases.{}] says so", case.kind.as_str().to_ascii_lowercase()));
        let ended = self.last(Command::ResolveCase { case_id: case.id, resolution, reason, by }).await;
        self.bell.notify_one();
        ended
    }

    async fn alert(&self, task: &Task) -> Result<End, Fault> {
        let Some((name, about)) = task.key.subject.split_once('/') else { return Ok(End::Done) };
        let Ok(case_id) = CaseId::parse(about) else { return Ok(End::Done) };
        let channel = self.settings.channels.iter().find(|c| c.name == name);
        let Some((channel, row)) = channel.zip(self.store.case(&case_id).await?) else { return Ok(End::Done) };
        let outcome = self.teller.tell(channel, &row).await;
        let said = if outcome.is_ok() { "told" } else { "failed" };
        metrics::counter!("paystate_alerts_total", "channel" => name.to_owned(), "outcome" => said).increment(1);
        let Err(why) = outcome else { return Ok(End::Done) };
        if now() > row.case.opened_at.after(alert::GIVE_UP) {
            tracing::error!(channel = name, %case_id, %why, "nobody was told of a case for a day; not tried again");
            return Ok(End::Done);
        }
        tracing::warn!(channel = name, %case_id, %why, "nobody was told of a case yet");
        let failed = task.attempt.saturating_add(1);
        Ok(End::Later(alert::pause(failed), failed, String::new()))
    }
}

/// The end of a task by a command. If the command was refused, news was faster.
fn ended(said: Result<(), DoorError>) -> Result<End, Fault> {
    match said {
        Ok(()) => Ok(End::Done),
        Err(DoorError::Refused(refusal)) => {
            tracing::info!(%refusal, "a task ended otherwise meanwhile");
            Ok(End::Done)
        }
        Err(error) => Err(error.into()),
    }
}

fn room(slots: &Semaphore) -> u32 {
    u32::try_from(slots.available_permits()).unwrap_or(u32::MAX)
}

/// Whether a task may still have something to do.
fn is_open(order: &Order, task: &TaskKey) -> bool {
    match task.kind {
        TaskKind::Payment => find_payment(order, task).is_some_and(|p| !payment::is_final(p)),
        TaskKind::Refund => find_refund(order, task).is_some_and(|(r, _)| !refund::is_final(r)),
        TaskKind::Expiry | TaskKind::Policy | TaskKind::Alert => true,
    }
}

fn find_payment<'a>(order: &'a Order, task: &TaskKey) -> Option<&'a Payment> {
    order.payment(&OutTradeNo::parse(task.subject.as_str()).ok()?)
}

fn find_refund<'a>(order: &'a Order, task: &TaskKey) -> Option<(&'a Refund, OutRefundNo)> {
    let number = OutRefundNo::parse(task.subject.as_str()).ok()?;
    Some((order.requested_refund(&number)?, number))
}

/// A number that differs from task to task, and from try to try.
fn chance(task: &Task) -> u32 {
    let text = task.key.subject.bytes().fold(task.attempt, |sum, b| sum.wrapping_mul(31).wrapping_add(b.into()));
    text.wrapping_add(u32::try_from(now().0 & 0xffff).unwrap_or(0))
}

#[cfg(test)]
mod tests;
