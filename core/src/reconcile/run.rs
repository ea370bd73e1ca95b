//! One run: reads the statement, matches, settles what differs, ends.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    pin::pin,
    time::Duration,
};

use futures_util::StreamExt as _;
use smol_str::SmolStr;
use tokio::time::{Instant, sleep, sleep_until};

use super::{
    Failed, Lines, LinesFrom, Plan, Reconciler,
    day::{date_after, date_before},
    ledger::{self, Fate, Found, Ledger},
};
use crate::{
    clock::now,
    order::{Money, OutTradeNo, TransactionId},
    store::{
        Booking, Bookings, Carried, Difference, DifferenceKind, MoneyKey, MoneyKind, Movement, ReconciliationId, Run,
        Side, StoreError, Tally,
    },
};

/// A run that gives no sign of life for so long is dead.
pub(super) const LEASE: Duration = Duration::from_secs(60);
/// How often a run gives one.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);
/// How long its end is tried to be written: until the lease may be over, or whoever stops the core has waited enough.
const END_PATIENCE: Duration = Duration::from_secs(15);
/// Days that a line may lie apart from its booking: a refund to a bank card is on the statement of the day on which it was
/// asked for, and booked when the bank has it (WeChat Pay); a long holiday lies between.
const APART: usize = 14;
/// Rows are written, and read, so many at a time.
pub(super) const PAGE: u32 = 500;
/// Nothing that a run waits for takes longer; a platform that packs a large day does most.
const PATIENCE: Duration = Duration::from_secs(1_200);

/// What a run holds while it is under way.
pub(super) struct Working<'a> {
    pub(super) reconciler: &'a Reconciler,
    pub(super) plan: &'a Plan,
    pub(super) run: &'a Run,
    pub(super) tally: Tally,
    differences: Vec<Difference>,
    carried: Vec<Carried>,
    carried_so_far: i64,
    /// Lines with a time, and those of them that may be of the day.
    timed: (i64, i64),
    told: Instant,
}

impl Reconciler {
    /// Begins a run; `None` while another one of that day runs.
    pub(crate) async fn begin(&self, id: &ReconciliationId) -> Result<Option<Run>, StoreError> {
        self.runs.begin(id, now(), LEASE).await
    }

    /// Carries a run out to its end, and says what came of it in the store.
    pub(crate) async fn carry_out(&self, plan: &Plan, run: &Run, from: LinesFrom) {
        let mut working = Working::new(self, plan, run);
        let result = tokio::select! {
            result = working.carry_out(from) => result,
            () = self.closing.cancelled() => Err(Failed::Because("the core that ran it stopped; run it again".into())),
        };
        let why = result.as_ref().err().map(ToString::to_string);
        let ended = self.end(run, why.as_deref().map_or(Ok(()), Err), &working.tally).await;
        match (&result, ended) {
            (Ok(()), Ok(true)) => tracing::info!(reconciliation = %plan.id, tally = ?working.tally, "reconciled"),
            (Err(why), Ok(true)) => tracing::warn!(reconciliation = %plan.id, %why, "not reconciled"),
            (Ok(()) | Err(_), Ok(false)) => tracing::warn!(reconciliation = %plan.id, "the run was lost"),
            (Ok(()) | Err(_), Err(error)) => tracing::error!(reconciliation = %plan.id, %error, "the run did not end"),
        }
    }

    /// What took an hour is not lost because the store is busy for a moment.
    async fn end(&self, run: &Run, result: Result<(), &str>, tally: &Tally) -> Result<bool, StoreError> {
        let patience = Instant::now() + END_PATIENCE;
        loop {
            match self.runs.end(run, result, tally, now()).await {
                Err(StoreError::Busy(_) | StoreError::Unavailable(_)) if Instant::now() < patience => {
                    sleep(SIGN_OF_LIFE).await;
                }
                ended => return ended,
            }
        }
    }
}

impl<'a> Working<'a> {
    pub(super) fn new(reconciler: &'a Reconciler, plan: &'a Plan, run: &'a Run) -> Self {
        Self {
            reconciler,
            plan,
            run,
            tally: Tally::default(),
            differences: Vec::new(),
            carried: Vec::new(),
            carried_so_far: 0,
            timed: (0, 0),
            told: Instant::now(),
        }
    }

    async fn carry_out(&mut self, from: LinesFrom) -> Result<(), Failed> {
        let mut ledger = self.our_record().await?;
        let own = ledger.own();
        let lines = self.waiting("waits for the statement", open(self.reconciler, self.plan, from)).await??;
        self.read(lines, &mut ledger).await?;
        self.is_of_this_day()?;
        self.is_there(own).await?;
        self.look_back(&mut ledger).await?;
        self.flush().await?;
        self.settle().await
    }

    /// What is looked up: our record of the day and of what is near to it, and what is known of it from other days.
    async fn our_record(&mut self) -> Result<Ledger, Failed> {
        let mut ledger = Ledger::new(self.plan.day);
        let (reconciler, plan) = (self.reconciler, self.plan);
        let mut bookings = self.waiting("reads our record", bookings(reconciler, plan)).await??;
        while let Some(page) = self.waiting("reads our record", bookings.next()).await? {
            page?.iter().for_each(|booking| ledger.book(booking));
            self.sign_of_life("reads our record").await?;
        }
        let before = std::iter::successors(date_before(&plan.id.date), |date| date_before(date)).take(APART);
        let after = std::iter::successors(date_after(&plan.id.date), |date| date_after(date)).take(APART);
        for (distance, date) in before.enumerate().chain((APART..).zip(after)) {
            self.known_from(date, distance == 0, &mut ledger).await?;
        }
        Ok(ledger)
    }

    /// What another day's run knows: lines that are booked on days that it was not about, and what the day just before has
    /// left to this one.
    async fn known_from(&mut self, date: String, is_just_before: bool, ledger: &mut Ledger) -> Result<(), Failed> {
        let other = ReconciliationId { date: date.into(), ..self.plan.id.clone() };
        let mut last = 0;
        loop {
            let page = self.reconciler.runs.carried(&other, last, PAGE).await?;
            let Some(end) = page.last() else { return Ok(()) };
            last = end.seq;
            for carried in page {
                match carried.side {
                    Side::Here if is_just_before => ledger.expect(&carried.movement),
                    Side::There if is_just_before => ledger.seen_before(&carried.movement),
                    Side::Here => {}
                    Side::There => ledger.seen_elsewhere(&carried.movement),
                }
            }
            self.sign_of_life("reads our record").await?;
        }
    }

    /// Looks each line up. Nothing is done about what differs before the last line.
    async fn read(&mut self, mut lines: Lines, ledger: &mut Ledger) -> Result<(), Failed> {
        loop {
            let next = self.waiting("reads the statement", lines.next()).await?;
            let Some(chunk) = next else { return Ok(()) };
            let chunk = chunk.map_err(Failed::Because)?;
            let mut strangers = Vec::new();
            for line in chunk {
                self.count(&line);
                match ledger.look_up(&line) {
                    Found::Same => self.matched(line),
                    Found::Amount(recorded) => self.differs(DifferenceKind::Amount, line, Some(recorded)),
                    Found::Repeated(recorded) => self.differs(DifferenceKind::Repeated, line, recorded),
                    Found::Nothing => strangers.push(line),
                }
            }
            self.by_number(strangers).await?;
            self.flush().await?;
        }
    }

    /// A file of another day would be all differences. A neighbouring day's file has some lines near midnight; most lines tell.
    fn is_of_this_day(&self) -> Result<(), Failed> {
        let (timed, of_the_day) = self.timed;
        if timed == 0 || of_the_day * 2 > timed {
            return Ok(());
        }
        let date = &self.plan.id.date;
        Err(Failed::Because(format!(
            "only {of_the_day} of {timed} lines are of {date}: this is the statement of another day"
        )))
    }

    /// A platform says "no statement" also while it has not made it yet, and a person may bring the file of another account, or
    /// of a test.
    async fn is_there(&mut self, own: usize) -> Result<(), Failed> {
        if self.tally.lines > 0 {
            return Ok(());
        }
        let date = &self.plan.id.date;
        if own == 0 {
            // Nor does it take back what it had said before.
            return match self.gone(&HashSet::new()).await?.len() {
                0 => Ok(()),
                open => Err(Failed::Because(format!(
                    "the statement of {date} is empty, but {open} cases from an earlier one are open: it is not made yet, or \
                     another account's; run it again later, or import the right file"
                ))),
            };
        }
        Err(Failed::Because(format!(
            "the statement of {date} is empty, but {own} movements are booked here: it is not made yet, or another \
             account's; run it again later, or import the right file"
        )))
    }

    fn count(&mut self, line: &Movement) {
        self.tally.lines += 1;
        if let Some(at) = line.occurred_at {
            self.timed.0 += 1;
            self.timed.1 += i64::from(self.plan.day.may_have(at));
        }
        let fees = self.tally.fees.entry(line.amount.currency()).or_default();
        *fees = fees.saturating_add(line.fee_minor);
    }

    /// The amount is right; the fee must be so too.
    fn matched(&mut self, line: Movement) {
        let agreed = self.plan.fee_basis_points.filter(|_| line.kind == MoneyKind::Payment);
        // Platforms round in more than one way: one minor unit is no difference.
        let is_told = line.fee_minor != 0 || !self.plan.platform.zero_fee_is_silence;
        if is_told && agreed.is_some_and(|points| (line.fee_minor - fee(line.amount, points)).abs() > 1) {
            let recorded = Some(line.amount);
            return self.differs(DifferenceKind::Fee, line, recorded);
        }
        self.tally.matched += 1;
    }

    /// Lines that our record of the day lacks are looked up by their numbers, whatever the day.
    async fn by_number(&mut self, lines: Vec<Movement>) -> Result<(), Failed> {
        if lines.is_empty() {
            return Ok(());
        }
        let wanted: Vec<_> = lines.iter().flat_map(|line| keys(self.plan, line)).collect();
        let found = self.reconciler.runs.bookings(&wanted).await?;
        let found: HashMap<MoneyKey, Booking> = found.into_iter().map(|b| (b.key.clone(), b)).collect();
        for line in lines {
            let keys = keys(self.plan, &line);
            // The day that it is booked on, now or once it is, shall not miss it. Without a number it might be taken for another.
            if !keys.is_empty() {
                self.carry(Side::There, line.clone());
            }
            let booked = keys.iter().filter_map(|key| found.get(key)).find(|booking| is_of_payment(booking, &line));
            match booked.map(|booking| booking.amount) {
                Some(amount) if amount == line.amount => self.matched(line),
                Some(amount) => self.differs(DifferenceKind::Amount, line, Some(amount)),
                None => self.differs(DifferenceKind::MissingHere, line, None),
            }
        }
        Ok(())
    }

    /// What is in our record and not on the statement. Our record is read a second time only if there is something.
    async fn look_back(&mut self, ledger: &mut Ledger) -> Result<(), Failed> {
        if !ledger.has_news() {
            return Ok(());
        }
        let (reconciler, plan) = (self.reconciler, self.plan);
        let mut bookings = self.waiting("looks back", bookings(reconciler, plan)).await??;
        while let Some(page) = self.waiting("looks back", bookings.next()).await? {
            for booking in page? {
                self.tell_fate(ledger.fate(&booking), &booking);
            }
            self.flush().await?;
        }
        Ok(())
    }

    fn tell_fate(&mut self, fate: Fate, booking: &Booking) {
        match fate {
            Fate::Settled => {}
            Fate::TellNextDay => self.carry(Side::There, ledger::movement(booking)),
            Fate::LeaveToNextDay => {
                self.tally.carried += 1;
                self.carry(Side::Here, ledger::movement(booking));
            }
            Fate::Missing => {
                self.differs(DifferenceKind::MissingThere, ledger::movement(booking), Some(booking.amount));
                self.differences.last_mut().map(|last| last.order_id.replace(booking.order_id.clone()));
            }
        }
    }

    fn differs(&mut self, kind: DifferenceKind, movement: Movement, recorded: Option<Money>) {
        self.tally.differences += 1;
        self.differences.push(Difference {
            seq: self.tally.differences,
            kind,
            movement,
            recorded,
            order_id: None,
            cause: String::new(),
            healed: false,
            case_id: None,
        });
    }

    fn carry(&mut self, side: Side, movement: Movement) {
        self.carried_so_far += 1;
        self.carried.push(Carried { seq: self.carried_so_far, side, movement });
    }

    /// Writes what was found so far.
    async fn flush(&mut self) -> Result<(), Failed> {
        let runs = &self.reconciler.runs;
        if !self.differences.is_empty() {
            runs.write_differences(self.run, &self.differences).await?;
            self.differences.clear();
        }
        if !self.carried.is_empty() {
            runs.carry(self.run, &self.carried).await?;
            self.carried.clear();
        }
        self.sign_of_life("matches").await
    }

    /// Waits, and gives signs of life meanwhile.
    pub(super) async fn waiting<T>(&mut self, doing: &str, what: impl Future<Output = T>) -> Result<T, Failed> {
        let mut what = pin!(what);
        let patience = Instant::now() + PATIENCE;
        while Instant::now() < patience {
            // Also before a short wait: many of them are a long one.
            self.sign_of_life(doing).await?;
            tokio::select! {
                done = &mut what => return Ok(done),
                () = sleep_until(self.told + SIGN_OF_LIFE) => {}
            }
        }
        Err(Failed::Because(format!("nothing happened for {} s while it {doing}; run it again", PATIENCE.as_secs())))
    }

    /// Keeps the run, if it is time to.
    async fn sign_of_life(&mut self, doing: &str) -> Result<(), Failed> {
        if self.told.elapsed() < SIGN_OF_LIFE {
            return Ok(());
        }
        self.is_ours(doing).await
    }

    /// Keeps the run; an error if it is lost.
    pub(super) async fn is_ours(&mut self, doing: &str) -> Result<(), Failed> {
        self.told = Instant::now();
        let ours = self.reconciler.runs.tell(self.run, &self.tally, doing, now().after(LEASE)).await?;
        if ours { Ok(()) } else { Err(Failed::Lost) }
    }
}

/// Our record of the day, widened.
async fn bookings(reconciler: &Reconciler, plan: &Plan) -> Result<Bookings, StoreError> {
    let (from, to) = plan.day.widened();
    reconciler.runs.booked_between(&plan.id.account, from, to).await
}

async fn open(reconciler: &Reconciler, plan: &Plan, from: LinesFrom) -> Result<Lines, Failed> {
    match (from, &reconciler.platform) {
        (LinesFrom::Import(lines), _) => Ok(lines),
        (LinesFrom::Platform, Some(platform)) => platform.statement(&plan.id).await.map_err(Failed::Because),
        (LinesFrom::Platform, None) => {
            Err(Failed::Because("no edge is configured that could fetch it: import it".into()))
        }
    }
}

/// Whether a booking under a number of the line's is of the same payment: Alipay counts the refunds of each trade anew. What one
/// of them does not say is no difference.
fn is_of_payment(booking: &Booking, line: &Movement) -> bool {
    let theirs = [&line.transaction_id, &line.out_trade_no];
    let ours = [
        booking.transaction_id.as_ref().map(TransactionId::as_str),
        booking.out_trade_no.as_ref().map(OutTradeNo::as_str),
    ];
    let said = ours.into_iter().zip(theirs).filter(|(_, number)| !number.is_empty());
    said.filter_map(|(ours, theirs)| Some(ours? == theirs.as_str())).all(|same| same)
}

/// Under which numbers our record may have a line.
pub(super) fn keys(plan: &Plan, line: &Movement) -> Vec<MoneyKey> {
    let key = |number: &SmolStr| MoneyKey {
        provider: plan.platform.name.into(),
        account: plan.id.account.clone(),
        kind: line.kind,
        number: number.clone(),
    };
    let numbers = match line.kind {
        MoneyKind::Payment => vec![&line.transaction_id],
        MoneyKind::Refund => vec![&line.refund_id, &line.out_refund_no],
    };
    numbers.into_iter().filter(|number| !number.is_empty()).map(key).collect()
}

/// What was agreed, rounded half up.
pub(super) fn fee(amount: Money, basis_points: u32) -> i64 {
    let ten_thousandths = i128::from(amount.minor()) * i128::from(basis_points);
    i64::try_from((ten_thousandths + 5_000) / 10_000).unwrap_or(i64::MAX)
}
