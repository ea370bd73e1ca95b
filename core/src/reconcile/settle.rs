//! What becomes of differences: healed by asking the platform, or a case.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use smol_str::format_smolstr;
use tokio::time::sleep;

use super::{
    Failed, Plan, Reconciler,
    cause::{self, Standing, cause, standing},
    run::{PAGE, Working, fee},
};
use crate::{
    clock::now,
    commit::{CommandRequest, DoorError},
    order::{
        AccountName, Case, CaseId, CaseKind, CaseState, Command, Order, OutTradeNo, Resolution, Resolver, Timestamp,
        TransactionId,
    },
    sha256::Sha256,
    store::{
        Difference, DifferenceKind, MoneyKind, Movement, NotificationFilter, StoreError, StoredNotification, Tally,
    },
};

/// Differences that are looked into at once. Questions to the platform wait for the account's budget besides.
const AT_ONCE: usize = 16;
/// Between two signs that the run gets on. Each question may wait half a minute for its turn.
const SETTLED_TOGETHER: u32 = 64;
/// How often, and how long apart, a door that is full is tried.
const DOOR_TRIES: (u32, Duration) = (100, Duration::from_millis(100));
/// Why a case is settled whose difference is gone. One settled so may come back; one that a person settled stays settled.
const GONE: &str = "a later run of the reconciliation does not find the difference any more";
/// With fewer lines than so many nothing is said about whose statement it is.
const TELLING: i64 = 10;

impl Working<'_> {
    /// Looks into every difference, and settles the open cases of the day that have none any more.
    pub(super) async fn settle(&mut self) -> Result<(), Failed> {
        self.is_of_this_account().await?;
        let (reconciler, plan, run) = (self.reconciler, self.plan, self.run);
        let mut cases = HashSet::new();
        let mut alike = HashMap::new();
        let mut last = 0;
        loop {
            let page = reconciler.runs.found(run, last, SETTLED_TOGETHER).await?;
            let Some(end) = page.last() else { break };
            last = end.seq;
            let page: Vec<_> = page.into_iter().map(|found| (about(plan, &found, &mut alike), found)).collect();
            let looked_into = stream::iter(page).map(|(about, found)| reconciler.look_into(plan, found, about));
            let settled: Vec<_> =
                self.waiting("settles differences", looked_into.buffered(AT_ONCE).try_collect()).await??;
            reconciler.runs.write_differences(run, &settled).await?;
            cases.extend(settled.iter().filter_map(|difference| difference.case_id.as_ref().map(hash)));
        }
        let gone = self.gone(&cases).await?;
        self.is_ours("settles cases").await?;
        for case_id in gone {
            self.waiting("settles cases", reconciler.settle_gone(&case_id)).await?;
        }
        Ok(())
    }

    /// The statement of another account would be all differences, each with a case.
    async fn is_of_this_account(&mut self) -> Result<(), Failed> {
        let Tally { lines, matched, .. } = self.tally;
        if lines < TELLING || matched * 2 >= lines {
            return Ok(());
        }
        let (reconciler, plan, run) = (self.reconciler, self.plan, self.run);
        let (mut foreign, mut last) = (0, 0);
        while foreign * 2 < lines {
            let page = reconciler.runs.found(run, last, SETTLED_TOGETHER).await?;
            let Some(end) = page.last() else { return Ok(()) };
            last = end.seq;
            let missing = page.into_iter().filter(|found| found.kind == DifferenceKind::MissingHere);
            let asked = stream::iter(missing).map(|found| reconciler.is_foreign(plan, found.movement));
            let answers: Vec<_> = self.waiting("settles differences", asked.buffered(AT_ONCE).try_collect()).await??;
            foreign += answers.into_iter().map(i64::from).sum::<i64>();
        }
        let account = &plan.id.account;
        Err(Failed::Because(format!(
            "this looks like the statement of another account: of {lines} lines {matched} match, and at least \
             {foreign} name payments of other accounts than {account}; nothing was changed"
        )))
    }

    /// The open cases of this account's day, whichever run opened them, without those of this run. A run that failed may
    /// have opened some, and its findings are forgotten.
    pub(super) async fn gone(&mut self, cases: &HashSet<Sha256>) -> Result<Vec<CaseId>, Failed> {
        let (reconciler, plan) = (self.reconciler, self.plan);
        let mut gone = Vec::new();
        for kind in [
            CaseKind::ReconciliationMissingHere,
            CaseKind::ReconciliationMissingThere,
            CaseKind::ReconciliationAmount,
            CaseKind::ReconciliationStatus,
            CaseKind::ReconciliationFee,
        ] {
            // What follows the blank at the end of it sorts after it, and before what has the next character there.
            let of_day = |end: &str| CaseId::of(kind, &plan.id.account, format_args!("{}{end}", plan.id.date));
            let (mut after, end) = (of_day(" "), of_day("!"));
            loop {
                let page = reconciler.runs.open_cases(&after, &end, PAGE);
                let page = self.waiting("settles cases", page).await??;
                let Some(last) = page.last() else { break };
                after.clone_from(last);
                gone.extend(page.into_iter().filter(|id| !cases.contains(&hash(id))));
            }
        }
        Ok(gone)
    }
}

fn hash(id: &CaseId) -> Sha256 {
    Sha256::of(id.as_str().as_bytes())
}

impl Reconciler {
    async fn look_into(&self, plan: &Plan, found: Difference, about: String) -> Result<Difference, Failed> {
        let difference = match found.kind {
            DifferenceKind::MissingHere => self.missing_here(plan, found).await?,
            DifferenceKind::MissingThere
            | DifferenceKind::Amount
            | DifferenceKind::Status
            | DifferenceKind::Fee
            | DifferenceKind::Repeated => {
                let order_id = match found.order_id.clone() {
                    Some(order_id) => Some(order_id),
                    None => self.order_of(&found.movement).await?.map(|order| order.id),
                };
                Difference { cause: plain_cause(plan, &found), order_id, ..found }
            }
        };
        if difference.healed {
            return Ok(difference);
        }
        let case = self.reopened(case(plan, &difference, &about, now())).await?;
        let case_id = Some(case.id.clone());
        self.command(Command::OpenCase { case: Box::new(case) }).await?;
        Ok(Difference { case_id, ..difference })
    }

    /// A difference that was gone and is back has a case of its own: the one before stays settled.
    async fn reopened(&self, mut case: Case) -> Result<Case, StoreError> {
        let (first, mut times) = (case.id.clone(), 0);
        while self.store.case(&case.id).await?.is_some_and(|known| was_gone(&known.case)) {
            times += 1;
            case.id = first.nth(times);
        }
        Ok(case)
    }

    /// Whether a line names a payment of another account.
    async fn is_foreign(&self, plan: &Plan, line: Movement) -> Result<bool, StoreError> {
        let order = self.order_of(&line).await?;
        Ok(order.is_some_and(|order| cause::foreign(&order, &plan.id.account, &line).is_some()))
    }

    /// Says why it is missing, asks the platform, and looks again.
    async fn missing_here(&self, plan: &Plan, found: Difference) -> Result<Difference, Failed> {
        let line = &found.movement;
        let order = self.order_of(line).await?;
        let account = &plan.id.account;
        let before = standing(order.as_ref(), account, line);
        let (refused, accepted) = (self.heard(plan, line, false).await?, self.heard(plan, line, true).await?);
        let cause = cause(&before, &refused, &accepted);
        let after = match (&order, &before) {
            (Some(order), Standing::Open(_) | Standing::Ended(_)) if self.ask(order, account, line).await => {
                standing(self.order_of(line).await?.as_ref(), account, line)
            }
            (Some(_) | None, _) => before,
        };
        let (kind, recorded) = (after.kind(), after.recorded());
        let healed = recorded == Some(line.amount);
        // What it was is what a reader wants to know of what is gone.
        let kind = if healed { found.kind } else { kind };
        Ok(Difference { kind, recorded, healed, cause, order_id: order.map(|order| order.id), ..found })
    }

    async fn order_of(&self, line: &Movement) -> Result<Option<Order>, StoreError> {
        let Ok(number) = OutTradeNo::parse(line.out_trade_no.clone()) else { return Ok(None) };
        let Some(id) = self.store.order_of(&number).await? else { return Ok(None) };
        Ok(self.store.orders(std::slice::from_ref(&id)).await?.remove(&id))
    }

    /// The newest callback that names the payment.
    async fn heard(&self, plan: &Plan, line: &Movement, accepted: bool) -> Result<Vec<StoredNotification>, StoreError> {
        let Ok(number) = OutTradeNo::parse(line.out_trade_no.clone()) else { return Ok(Vec::new()) };
        let filter = NotificationFilter {
            account: Some(plan.id.account.to_string()),
            accepted: Some(accepted),
            out_trade_nos: vec![number],
            transaction_ids: Vec::new(),
        };
        Ok(self.store.notifications(&filter, None, 1).await?.rows)
    }

    /// Whether the platform was asked and has answered.
    async fn ask(&self, order: &Order, account: &AccountName, line: &Movement) -> bool {
        let Some(platform) = &self.platform else { return false };
        match line.kind {
            MoneyKind::Payment => {
                let payment = order
                    .payments
                    .iter()
                    .find(|p| p.account == *account && p.out_trade_no.as_str() == line.out_trade_no);
                match payment {
                    Some(payment) => platform.ask_payment(order, payment).await,
                    None => false,
                }
            }
            MoneyKind::Refund => match order.refunds.iter().find(|refund| cause::is(refund, account, line)) {
                Some(refund) => platform.ask_refund(order, refund).await,
                None => false,
            },
        }
    }

    /// Settles a case whose difference this run does not find. A person may have been first.
    async fn settle_gone(&self, case_id: &CaseId) {
        let command = Command::ResolveCase {
            case_id: case_id.clone(),
            resolution: Resolution::Ignore,
            reason: GONE.to_owned(),
            by: Resolver::Policy,
        };
        if let Err(why) = self.command(command).await {
            tracing::info!(%case_id, %why, "a case without its difference was not settled");
        }
    }

    async fn command(&self, command: Command) -> Result<(), Failed> {
        let (mut tries, pause) = DOOR_TRIES;
        loop {
            let request = CommandRequest { command: command.clone(), request_id: None, at: now() };
            match self.door.command(request).await {
                Ok(_) => return Ok(()),
                Err(DoorError::Overloaded | DoorError::Unavailable(_)) if tries > 0 => {
                    tries -= 1;
                    sleep(pause).await;
                }
                Err(error) => return Err(Failed::Because(error.to_string())),
            }
        }
    }
}

/// Whether a case was settled because its difference was gone.
fn was_gone(case: &Case) -> bool {
    matches!(case.state, CaseState::Resolved { by: Some(Resolver::Policy), .. }) && case.reason == GONE
}

/// The cause of what our record alone cannot explain.
fn plain_cause(plan: &Plan, difference: &Difference) -> String {
    let line = &difference.movement;
    match difference.kind {
        DifferenceKind::MissingHere | DifferenceKind::Status => "not known".to_owned(),
        DifferenceKind::MissingThere => {
            "it is booked here, on a verified message; the platform's console tells on which day it was settled"
                .to_owned()
        }
        DifferenceKind::Amount => "the message that booked it says another amount than the statement".to_owned(),
        DifferenceKind::Fee => {
            let agreed = plan.fee_basis_points.map_or(0, |points| fee(line.amount, points));
            format!("the fee is {}, agreed were {agreed}", line.fee_minor)
        }
        DifferenceKind::Repeated => "the platform lists one movement twice".to_owned(),
    }
}

fn case(plan: &Plan, difference: &Difference, about: &str, at: Timestamp) -> Case {
    let Difference { movement, recorded, order_id, cause, .. } = difference;
    let kind = case_kind(difference.kind);
    let missing_there = difference.kind == DifferenceKind::MissingThere;
    let (account, summary) = (&plan.id.account, format!("{}: {cause}", headline(plan, difference)));
    Case {
        order_id: order_id.clone(),
        out_trade_no: OutTradeNo::parse(movement.out_trade_no.clone()).ok(),
        transaction_id: TransactionId::parse(movement.transaction_id.clone()).ok(),
        expected: *recorded,
        observed: (!missing_there).then_some(movement.amount),
        evidence: evidence(plan, difference),
        ..Case::open(CaseId::of(kind, account, about), kind, account, summary, at)
    }
}

/// A movement that the statement has twice is money that is missing here once.
fn case_kind(kind: DifferenceKind) -> CaseKind {
    match kind {
        DifferenceKind::MissingHere | DifferenceKind::Repeated => CaseKind::ReconciliationMissingHere,
        DifferenceKind::MissingThere => CaseKind::ReconciliationMissingThere,
        DifferenceKind::Amount => CaseKind::ReconciliationAmount,
        DifferenceKind::Status => CaseKind::ReconciliationStatus,
        DifferenceKind::Fee => CaseKind::ReconciliationFee,
    }
}

/// What a case is about, so that the same difference has the same case in every run. What has no number is told apart by
/// its payment, its amount, and how many like it there were: `alike`.
fn about(plan: &Plan, difference: &Difference, alike: &mut HashMap<String, u32>) -> String {
    let line = &difference.movement;
    let of = if line.transaction_id.is_empty() { &line.out_trade_no } else { &line.transaction_id };
    let number = match line.kind {
        MoneyKind::Payment => of.clone(),
        MoneyKind::Refund if line.refund_id.is_empty() && !line.out_refund_no.is_empty() => {
            format_smolstr!("{} of {of}", line.out_refund_no)
        }
        MoneyKind::Refund => line.refund_id.clone(),
    };
    let repeated = difference.kind == DifferenceKind::Repeated;
    let place = if repeated { format!(" line {}", line.number) } else { String::new() };
    if !number.is_empty() {
        return format!("{} {} {number}{place}", plan.id.date, word(line));
    }
    let about = format!("{} {} of {of} {}{place}", plan.id.date, word(line), line.amount);
    let nth = alike.entry(format!("{:?} {about}", difference.kind)).or_default();
    *nth += 1;
    format!("{about} {nth}")
}

fn word(line: &Movement) -> &'static str {
    match line.kind {
        MoneyKind::Payment => "payment",
        MoneyKind::Refund => "refund",
    }
}

fn headline(plan: &Plan, difference: &Difference) -> String {
    let (line, date) = (&difference.movement, &plan.id.date);
    let (what, amount) = (word(line), line.amount);
    match difference.kind {
        DifferenceKind::MissingHere => {
            format!("the statement of {date} has a {what} of {amount} that our record lacks")
        }
        DifferenceKind::MissingThere => {
            format!("our record has a {what} of {amount} that the statement of {date} lacks")
        }
        DifferenceKind::Amount => {
            let here = difference.recorded.map(|money| format!("{money} here")).unwrap_or_default();
            format!("a {what} is {amount} on the statement of {date}, {here}")
        }
        DifferenceKind::Status => format!("a {what} of {amount} is settled on the statement of {date}, and not here"),
        DifferenceKind::Fee => format!("the fee of a {what} of {amount} on the statement of {date} is not as agreed"),
        DifferenceKind::Repeated => format!("the statement of {date} has a {what} of {amount} again"),
    }
}

/// The line, or the booking that no line has.
fn evidence(plan: &Plan, difference: &Difference) -> String {
    let line = &difference.movement;
    let place = match line.number {
        0 => "our record".to_owned(),
        number => format!("statement of {}, line {number}", plan.id.date),
    };
    let named = [
        ("out_trade_no", &line.out_trade_no),
        ("transaction_id", &line.transaction_id),
        ("out_refund_no", &line.out_refund_no),
        ("refund_id", &line.refund_id),
    ];
    let named =
        named.into_iter().filter(|(_, number)| !number.is_empty()).map(|(name, number)| format!(", {name} {number}"));
    format!("{place}: {} of {}, fee {}{}", word(line), line.amount, line.fee_minor, named.collect::<String>())
}
