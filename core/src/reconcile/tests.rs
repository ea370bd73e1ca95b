//! Runs on a real store: planted differences, and nothing but them.

use std::collections::BTreeMap;
use std::{sync::Mutex, time::Duration};

use futures_util::stream;
use proptest::prelude::*;
use smol_str::SmolStr;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::{
    ledger::{Fate, Found, Ledger},
    run::Working,
    *,
};
use crate::{
    clock,
    commit::{CommandRequest, Fact, Limits, Message},
    feed::Bell,
    guard::LocalGuard,
    order::{
        self, AccountName, CaseId, CaseState, Command, Currency, Method, Money, Observation, OrderId, OutRefundNo,
        OutTradeNo, PaymentFact, PaymentStatus, RefundFact, RefundStatus, Source, Timestamp, TransactionId,
    },
    platform::StatementDay,
    seal::Sealed,
    sha256::Sha256,
    store::{
        Booking, Bookings, Carried, CaseFilter, CaseRow, Difference, DifferenceKind, MoneyKey, MoneyKind, NoticeKey,
        NotificationRow, Reconciliation, ReconciliationState, RejectionRow, Run, Tally, sqlite::SqliteStore,
    },
};

const DATE: &str = "2026-11-22";
const NEXT: &str = "2026-11-23";
/// The beginning of [`DATE`] in Beijing, in seconds.
const MIDNIGHT: i64 = 1_795_276_800;
const NOON: i64 = MIDNIGHT + 12 * 3600;
const NEARLY_OVER: i64 = MIDNIGHT + 24 * 3600 - 60;

struct Rig {
    store: Arc<SqliteStore>,
    door: Door,
    _dir: tempfile::TempDir,
}

fn account() -> AccountName {
    AccountName::parse("a").unwrap()
}

fn money(minor: i64) -> Money {
    Money::new(minor, Currency::parse("CNY").unwrap()).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp(second * 1_000_000)
}

const BEIJING: StatementDay =
    StatementDay { utc_offset_hours: 8, before_midnight: Duration::ZERO, margin: Duration::from_secs(1_800) };

fn plan(date: &str) -> Plan {
    Plan {
        id: ReconciliationId { account: account(), date: date.into() },
        platform: PlatformRules { name: "alipay", ..PlatformRules::default() },
        day: Day::parse(date, &BEIJING).unwrap(),
        fee_basis_points: Some(60),
    }
}

async fn rig() -> Rig {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(&dir.path().join("t.db")).await.unwrap());
    let guard = Arc::new(LocalGuard::default());
    let door =
        Door::open(store.clone(), guard, Bell::default(), Limits::default(), Arc::default(), &TaskTracker::new());
    Rig { store, door, _dir: dir }
}

/// Payment `pN` of 10,000 minor units, with the fee that was agreed.
fn payment(n: u32, second: i64) -> Movement {
    Movement {
        kind: MoneyKind::Payment,
        number: i64::from(n),
        out_trade_no: format!("p{n}").into(),
        transaction_id: format!("t{n}").into(),
        out_refund_no: SmolStr::default(),
        refund_id: SmolStr::default(),
        amount: money(10_000),
        fee_minor: 60,
        occurred_at: Some(at(second)),
    }
}

fn refund(n: u32, second: i64) -> Movement {
    Movement {
        kind: MoneyKind::Refund,
        out_refund_no: format!("r{n}").into(),
        amount: money(4_000),
        fee_minor: -24,
        ..payment(n, second)
    }
}

fn observation(line: &Movement) -> Observation {
    let transaction_id = TransactionId::parse(line.transaction_id.clone()).ok();
    let out_trade_no = OutTradeNo::parse(line.out_trade_no.clone()).ok();
    let (amount, occurred_at) = (line.amount, line.occurred_at);
    let fact = match line.kind {
        MoneyKind::Payment => order::Fact::Payment(PaymentFact {
            out_trade_no,
            transaction_id,
            status: PaymentStatus::Succeeded,
            amount,
            occurred_at,
        }),
        MoneyKind::Refund => order::Fact::Refund(RefundFact {
            out_trade_no,
            transaction_id,
            out_refund_no: OutRefundNo::parse(line.out_refund_no.clone()).ok(),
            refund_id: None,
            status: RefundStatus::Succeeded,
            amount,
            cumulative: false,
            occurred_at,
        }),
    };
    Observation { account: account(), fact }
}

fn message(observation: Observation) -> Message {
    let id = uuid::Uuid::now_v7();
    Message {
        row: NotificationRow {
            id: id.to_string(),
            key: NoticeKey { provider: "alipay".into(), account: account(), content_sha256: Sha256::of(id.as_bytes()) },
            source: Source::Callback,
            event_type: "x".into(),
            platform_notice_id: String::new(),
            key_id: "k".into(),
            received_at: at(NOON),
            body_size: 1,
            body_sha256: "b".into(),
            sealed: Sealed { key_id: "k".into(), bytes: vec![0] },
        },
        facts: vec![Fact::new("alipay", observation, None, None)],
        at: at(NOON),
    }
}

/// A statement in chunks of two, which may end badly.
fn lines(lines: Vec<Movement>, end: Option<&str>) -> LinesFrom {
    let chunks: Vec<_> = lines.chunks(2).map(|chunk| Ok(chunk.to_vec())).collect();
    LinesFrom::Import(Box::pin(stream::iter(chunks.into_iter().chain(end.map(|why| Err(why.to_owned()))))))
}

impl Rig {
    async fn command(&self, command: Command) {
        self.door.command(CommandRequest { command, request_id: None, at: at(NOON) }).await.unwrap();
    }

    /// An order with payment `pN` begun.
    async fn begin(&self, n: u32) {
        let order_id = OrderId::parse(format!("o{n}")).unwrap();
        let amount = money(10_000);
        let create =
            Command::Create { order_id: order_id.clone(), amount, description: String::new(), expires_at: None };
        self.command(create).await;
        self.command(Command::StartPayment {
            order_id,
            out_trade_no: OutTradeNo::parse(format!("p{n}")).unwrap(),
            account: account(),
            provider: "alipay".into(),
            method: Method::External,
            inputs: None,
            expires_at: None,
        })
        .await;
    }

    async fn hear(&self, line: &Movement) {
        self.door.observe(message(observation(line))).await.unwrap();
    }

    /// An order whose payment is booked.
    async fn sell(&self, line: &Movement) {
        self.begin(u32::try_from(line.number).unwrap()).await;
        self.hear(line).await;
    }

    fn reconciler(&self, platform: Option<Arc<dyn Platform>>) -> Reconciler {
        Reconciler::new(self.store.clone(), self.door.clone(), platform, CancellationToken::new())
    }

    async fn run(&self, date: &str, from: LinesFrom) -> Reconciliation {
        self.run_with(None, date, from).await
    }

    async fn run_with(&self, platform: Option<Arc<dyn Platform>>, date: &str, from: LinesFrom) -> Reconciliation {
        let (reconciler, plan) = (self.reconciler(platform), plan(date));
        let run = reconciler.begin(&plan.id).await.unwrap().expect("nobody else runs it");
        reconciler.carry_out(&plan, &run, from).await;
        self.store.reconciliations().get(&plan.id).await.unwrap().unwrap()
    }

    async fn differences(&self, date: &str) -> Vec<Difference> {
        self.store.reconciliations().differences(&plan(date).id, 0, 100).await.unwrap()
    }

    async fn cases(&self) -> Vec<CaseRow> {
        self.store.cases(&CaseFilter::default(), None, 100).await.unwrap().rows
    }

    async fn open_cases(&self) -> usize {
        self.cases().await.iter().filter(|row| row.case.state == CaseState::Open).count()
    }

    async fn sound(&self) {
        for result in self.store.audit().await.unwrap() {
            assert!(result.violations.is_empty(), "{result:?}");
        }
    }
}

fn kinds(differences: &[Difference]) -> Vec<(DifferenceKind, &str)> {
    differences.iter().map(|d| (d.kind, d.movement.out_trade_no.as_str())).collect()
}

#[tokio::test]
async fn what_agrees_has_no_difference() {
    let rig = rig().await;
    let statement: Vec<_> = (1..6).map(|n| payment(n, NOON)).chain([refund(1, NOON + 60)]).collect();
    for line in &statement[..5] {
        rig.sell(line).await;
    }
    rig.hear(&statement[5]).await;
    let result = rig.run(DATE, lines(statement, None)).await;
    let fees = result.tally.fees.values().copied().collect::<Vec<_>>();
    assert_eq!((result.state, result.detail.as_str()), (ReconciliationState::Done, ""));
    assert_eq!((result.tally.lines, result.tally.matched, result.tally.differences, fees), (6, 6, 0, vec![276]));
    assert!(rig.cases().await.is_empty());
    rig.sound().await;
}

#[tokio::test]
async fn planted_differences_are_found_and_nothing_else_and_twice_adds_nothing() {
    use DifferenceKind::{Amount, Fee, MissingHere, MissingThere, Repeated, Status};
    let rig = rig().await;
    for n in [1, 2, 3, 4, 5] {
        rig.sell(&payment(n, NOON)).await;
    }
    rig.begin(6).await;
    rig.begin(7).await;
    rig.command(Command::Close { order_id: OrderId::parse("o7").unwrap(), payments_closed: true }).await;
    rig.begin(8).await;
    rig.store.record_rejections(&[rejection("p8")]).await.unwrap();
    let statement = || {
        let one = payment(1, NOON);
        let amount = Movement { amount: money(9_999), ..payment(2, NOON) };
        let fee = Movement { fee_minor: 99, ..payment(3, NOON) };
        let rest = [6, 7, 8, 99].map(|n| payment(n, NOON));
        [vec![one.clone(), amount, fee, payment(4, NOON), one], rest.to_vec()].concat()
    };
    let first = rig.run(DATE, lines(statement(), None)).await;
    let found = rig.differences(DATE).await;
    let expected = vec![
        (Amount, "p2"),
        (Fee, "p3"),
        (Repeated, "p1"),
        (MissingHere, "p6"),
        (Status, "p7"),
        (MissingHere, "p8"),
        (MissingHere, "p99"),
        (MissingThere, "p5"),
    ];
    assert_eq!(kinds(&found), expected);
    let cause = |index: usize| found[index].cause.as_str();
    assert_eq!(cause(3), "payment p6 of order o6 is PENDING here; no callback that names it ever came");
    assert_eq!(cause(4), "payment p7 of order o7 is CLOSED here; no callback that names it ever came");
    assert!(cause(5).contains("were refused, the last with SIGNATURE_INVALID (no)"), "{}", cause(5));
    assert!(cause(6).contains("unknown number"), "{}", cause(6));
    assert_eq!((first.tally.lines, first.tally.matched, first.tally.differences), (9, 2, 8));
    assert_eq!(found[7].order_id, OrderId::parse("o5").ok());
    assert_eq!(rig.open_cases().await, 8);
    rig.sound().await;

    let second = rig.run(DATE, lines(statement(), None)).await;
    assert_eq!(second.tally, first.tally);
    assert_eq!(rig.differences(DATE).await, found);
    assert_eq!(rig.cases().await.len(), 8);
    rig.sound().await;
}

fn rejection(claimed: &str) -> RejectionRow {
    RejectionRow {
        id: uuid::Uuid::now_v7().to_string(),
        provider: "alipay".into(),
        account: account(),
        reason: "SIGNATURE_INVALID".into(),
        detail: "no".into(),
        claimed_out_trade_no: claimed.into(),
        received_at: at(NOON),
        body_size: 1,
        body_sha256: "b".into(),
        remote_address: "::1".into(),
        sealed: Sealed { key_id: "k".into(), bytes: vec![0] },
    }
}

#[tokio::test]
async fn a_statement_that_breaks_off_or_is_of_another_day_changes_nothing() {
    let rig = rig().await;
    rig.begin(1).await;
    rig.run(DATE, lines(vec![payment(1, NOON)], None)).await;
    let (before, cases) = (rig.differences(DATE).await, rig.cases().await.len());
    assert_eq!((before.len(), cases), (1, 1));
    let unknown: Vec<_> = (10..20).map(|n| payment(n, NOON)).collect();
    let result = rig.run(DATE, lines(unknown, Some("the file is damaged"))).await;
    assert_eq!((result.state, result.detail.as_str()), (ReconciliationState::Failed, "the file is damaged"));
    // The next day's begins near midnight, and goes on.
    let next = [MIDNIGHT + 86_400, NOON + 86_400, NOON + 86_401].map(|second| payment(30, second)).to_vec();
    for other in [vec![payment(1, NOON - 7 * 86_400)], next] {
        let result = rig.run(DATE, lines(other, None)).await;
        assert!(result.detail.contains("statement of another day"), "{}", result.detail);
    }
    assert_eq!(rig.differences(DATE).await, before);
    assert_eq!(rig.cases().await.len(), cases);
    rig.sound().await;
}

#[tokio::test]
async fn what_moved_near_midnight_is_left_to_the_next_day() {
    let rig = rig().await;
    let (there_tomorrow, never, early) =
        (payment(1, NEARLY_OVER), payment(2, NEARLY_OVER), payment(3, NEARLY_OVER + 120));
    for line in [&there_tomorrow, &never, &early] {
        rig.sell(line).await;
    }
    let today = rig.run(DATE, lines(vec![early], None)).await;
    assert_eq!((today.tally.matched, today.tally.differences, today.tally.carried), (1, 0, 2));
    let tomorrow = rig.run(NEXT, lines(vec![there_tomorrow], None)).await;
    assert_eq!((tomorrow.tally.matched, tomorrow.tally.differences), (1, 1));
    assert_eq!(kinds(&rig.differences(NEXT).await), [(DifferenceKind::MissingThere, "p2")]);
    rig.sound().await;
}

/// A refund to a bank card stands on the statement of the day on which it was asked for, and is booked days later.
#[tokio::test]
async fn what_is_booked_days_after_its_line_is_missing_on_no_day() {
    const DAY: i64 = 24 * 3600;
    let rig = rig().await;
    let paid = payment(1, NOON);
    let (line, booked) = (refund(1, NOON), refund(1, NOON + 3 * DAY));
    rig.sell(&paid).await;
    let statement = || lines(vec![paid.clone(), line.clone()], None);
    rig.run(DATE, statement()).await;
    assert_eq!(kinds(&rig.differences(DATE).await), [(DifferenceKind::MissingHere, "p1")]);
    rig.hear(&booked).await;
    let later = std::iter::successors(Some(DATE.to_owned()), |date| date_after(date)).nth(3).unwrap();
    let other = payment(2, NOON + 3 * DAY);
    rig.sell(&other).await;
    for _ in 0..2 {
        let result = rig.run(&later, lines(vec![other.clone()], None)).await;
        assert_eq!((result.tally.matched, result.tally.differences), (1, 0), "{}", result.detail);
        let again = rig.run(DATE, statement()).await;
        assert_eq!((again.tally.matched, again.tally.differences, rig.open_cases().await), (2, 0, 0));
    }
    rig.sound().await;
}

#[tokio::test]
async fn what_is_on_a_later_statement_than_it_is_booked_is_settled_by_the_next_run_of_its_day() {
    let rig = rig().await;
    let (early, late, other) = (payment(1, NOON), payment(2, NOON), payment(3, NOON + 24 * 3600));
    for line in [&early, &late, &other] {
        rig.sell(line).await;
    }
    rig.run(DATE, lines(vec![early.clone()], None)).await;
    assert_eq!(kinds(&rig.differences(DATE).await), [(DifferenceKind::MissingThere, "p2")]);
    let next = rig.run(NEXT, lines(vec![other, Movement { occurred_at: None, ..late }], None)).await;
    assert_eq!((next.tally.matched, next.tally.differences), (2, 0));
    let again = rig.run(DATE, lines(vec![early], None)).await;
    assert_eq!((again.tally.matched, again.tally.differences, rig.open_cases().await), (1, 0, 0));
    rig.sound().await;
}

/// A platform that tells of payments when it is asked.
struct Asked {
    door: Door,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Platform for Asked {
    async fn statement(&self, _: &ReconciliationId) -> Result<Lines, String> {
        Ok(Box::pin(stream::iter([Ok(vec![payment(1, NOON), payment(2, NOON)])])))
    }

    async fn ask_payment(&self, _: &Order, payment: &Payment) -> bool {
        self.asked.lock().unwrap().push(payment.out_trade_no.to_string());
        if payment.out_trade_no.as_str() == "p2" {
            return false;
        }
        self.door.observe(message(observation(&self::payment(1, NOON)))).await.unwrap();
        true
    }

    async fn ask_refund(&self, _: &Order, _: &Refund) -> bool {
        false
    }
}

#[tokio::test]
async fn what_is_missing_here_heals_by_asking() {
    let rig = rig().await;
    rig.begin(1).await;
    rig.begin(2).await;
    let platform = Arc::new(Asked { door: rig.door.clone(), asked: Mutex::default() });
    let result = rig.run_with(Some(platform.clone()), DATE, LinesFrom::Platform).await;
    assert_eq!((result.tally.lines, result.tally.differences), (2, 2));
    let found = rig.differences(DATE).await;
    assert_eq!(
        found.iter().map(|d| (d.healed, d.case_id.is_some())).collect::<Vec<_>>(),
        [(true, false), (false, true)]
    );
    assert_eq!(found[0].cause, "payment p1 of order o1 is PENDING here; no callback that names it ever came");
    let mut asked = platform.asked.lock().unwrap().clone();
    asked.sort();
    assert_eq!(asked, ["p1", "p2"]);
    assert_eq!(rig.open_cases().await, 1);
    let again = rig.run_with(Some(platform), DATE, LinesFrom::Platform).await;
    assert_eq!((again.tally.matched, again.tally.differences), (1, 1));
    rig.sound().await;
}

#[tokio::test]
async fn a_case_whose_difference_is_gone_is_settled_by_the_next_run() {
    let rig = rig().await;
    rig.sell(&payment(1, NOON)).await;
    rig.begin(2).await;
    rig.run(DATE, lines(vec![payment(2, NOON)], None)).await;
    assert_eq!(rig.open_cases().await, 2);
    rig.hear(&payment(2, NOON)).await;
    let result = rig.run(DATE, lines(vec![payment(1, NOON), payment(2, NOON)], None)).await;
    assert_eq!((result.tally.matched, result.tally.differences), (2, 0));
    assert_eq!((rig.open_cases().await, rig.cases().await.len()), (0, 2));
    rig.sound().await;
}

/// A run that fails has opened cases, and leaves nothing else.
#[tokio::test]
async fn a_case_of_a_run_that_failed_is_settled_by_the_next_one() {
    let rig = rig().await;
    rig.sell(&payment(1, NOON)).await;
    rig.begin(2).await;
    let both = || lines(vec![payment(1, NOON), payment(2, NOON)], None);
    Watched { robbed: true, ..Watched::of(&rig) }.run(&rig, both()).await;
    assert_eq!((rig.open_cases().await, rig.differences(DATE).await), (1, vec![]));
    let id = plan(DATE).id;
    let later = clock::now().after(4 * run::LEASE);
    let run = rig.store.reconciliations().begin(&id, later, run::LEASE).await.unwrap().unwrap();
    rig.hear(&payment(2, NOON)).await;
    rig.reconciler(None).carry_out(&plan(DATE), &run, both()).await;
    assert_eq!((rig.open_cases().await, rig.cases().await.len()), (0, 1));
    rig.sound().await;
}

#[tokio::test]
async fn a_difference_that_was_gone_and_is_back_is_open_again() {
    let rig = rig().await;
    rig.sell(&payment(1, NOON)).await;
    rig.sell(&payment(2, NOON)).await;
    let (both, one) = (|| vec![payment(1, NOON), payment(2, NOON)], || vec![payment(1, NOON)]);
    for (statement, open, all) in [(one(), 1, 1), (both(), 0, 1), (one(), 1, 2), (one(), 1, 2), (both(), 0, 2)] {
        rig.run(DATE, lines(statement, None)).await;
        assert_eq!((rig.open_cases().await, rig.cases().await.len()), (open, all));
    }
    rig.sound().await;
}

#[tokio::test]
async fn a_statement_that_is_not_made_yet_is_no_empty_one() {
    struct Nothing;
    #[async_trait]
    impl Platform for Nothing {
        async fn statement(&self, _: &ReconciliationId) -> Result<Lines, String> {
            Ok(Box::pin(stream::iter([])))
        }
        async fn ask_payment(&self, _: &Order, _: &Payment) -> bool {
            false
        }
        async fn ask_refund(&self, _: &Order, _: &Refund) -> bool {
            false
        }
    }
    let rig = rig().await;
    let empty = rig.run_with(Some(Arc::new(Nothing)), DATE, LinesFrom::Platform).await;
    assert_eq!(empty.state, ReconciliationState::Done, "{}", empty.detail);
    rig.sell(&payment(1, NOON)).await;
    let result = rig.run_with(Some(Arc::new(Nothing)), DATE, LinesFrom::Platform).await;
    assert_eq!(result.state, ReconciliationState::Failed);
    assert!(result.detail.contains("but 1 movements are booked here"), "{}", result.detail);
    assert!(rig.cases().await.is_empty());
    // Nor does it settle what an earlier statement said.
    rig.run(NEXT, lines(vec![payment(9, NOON + 24 * 3600)], None)).await;
    assert_eq!(rig.open_cases().await, 1);
    let result = rig.run_with(Some(Arc::new(Nothing)), NEXT, LinesFrom::Platform).await;
    assert_eq!((result.state, rig.open_cases().await), (ReconciliationState::Failed, 1), "{}", result.detail);
    // Nor does an empty file that a person brings, as a query with the key of the test mode gives.
    let result = rig.run(NEXT, lines(Vec::new(), None)).await;
    assert_eq!((result.state, rig.open_cases().await), (ReconciliationState::Failed, 1), "{}", result.detail);
}

/// What is booked near the end may be on the next day's statement, which may be the only one of the two that there is.
#[tokio::test]
async fn a_quiet_day_with_one_late_booking_is_done() {
    let rig = rig().await;
    rig.sell(&payment(1, NEARLY_OVER)).await;
    let quiet = rig.run(DATE, lines(Vec::new(), None)).await;
    assert_eq!((quiet.state, quiet.tally.carried), (ReconciliationState::Done, 1), "{}", quiet.detail);
}

/// Alipay counts the refunds of each trade anew.
#[tokio::test]
async fn refunds_of_two_trades_may_have_one_number() {
    let refund_of = |trade: &str, minor: i64| Movement {
        kind: MoneyKind::Refund,
        transaction_id: trade.into(),
        out_trade_no: SmolStr::default(),
        out_refund_no: "1".into(),
        refund_id: SmolStr::default(),
        amount: money(minor),
        ..payment(1, NOON)
    };
    let booked = |ledger: &mut Ledger, movement: &Movement| {
        let key = MoneyKey {
            provider: "alipay".into(),
            account: account(),
            kind: MoneyKind::Refund,
            number: format!("{}/total/{}", movement.transaction_id, movement.amount.minor()).into(),
        };
        ledger.book(&Booking {
            key,
            order_id: OrderId::parse("o1").unwrap(),
            amount: movement.amount,
            out_trade_no: None,
            transaction_id: TransactionId::parse(movement.transaction_id.clone()).ok(),
            out_refund_no: OutRefundNo::parse("1").ok(),
            refund_id: None,
            occurred_at: Some(at(NOON)),
            recorded_at: at(NOON),
        });
    };
    let (one, other) = (refund_of("T1", 500), refund_of("T2", 700));
    let mut ledger = Ledger::new(plan(DATE).day);
    booked(&mut ledger, &one);
    booked(&mut ledger, &other);
    assert_eq!((ledger.look_up(&other), ledger.look_up(&one)), (Found::Same, Found::Same));
    assert_eq!(ledger.look_up(&one), Found::Repeated(Some(money(500))));
    assert_eq!(ledger.look_up(&refund_of("T3", 500)), Found::Nothing);
}

#[tokio::test]
async fn the_statement_of_another_account_settles_nothing() {
    let rig = rig().await;
    for n in 1..=10 {
        rig.sell(&payment(n, NOON)).await;
    }
    let other =
        || Plan { id: ReconciliationId { account: AccountName::parse("b").unwrap(), date: DATE.into() }, ..plan(DATE) };
    let run = async |statement: Vec<Movement>| {
        let (reconciler, plan) = (rig.reconciler(None), other());
        let run = reconciler.begin(&plan.id).await.unwrap().unwrap();
        reconciler.carry_out(&plan, &run, lines(statement, None)).await;
        rig.store.reconciliations().get(&plan.id).await.unwrap().unwrap()
    };
    let result = run((1..=10).map(|n| payment(n, NOON)).collect()).await;
    assert_eq!(result.state, ReconciliationState::Failed);
    assert!(result.detail.starts_with("this looks like the statement of another account"), "{}", result.detail);
    assert!(rig.cases().await.is_empty());
    // A line or two may be: they are missing on this account, whatever another one has.
    run(vec![payment(1, NOON)]).await;
    let found = rig.store.reconciliations().differences(&other().id, 0, 9).await.unwrap();
    assert_eq!(kinds(&found), [(DifferenceKind::MissingHere, "p1")]);
    assert!(!found[0].healed && found[0].cause.contains("is of account a"), "{}", found[0].cause);
}

#[tokio::test]
async fn the_statement_of_a_neighbouring_day_settles_nothing() {
    let rig = rig().await;
    let tomorrows = vec![payment(1, NEARLY_OVER + 120), payment(2, NOON + 86_400), payment(3, NOON + 86_400)];
    let result = rig.run(DATE, lines(tomorrows, None)).await;
    assert!(result.detail.contains("statement of another day"), "{}", result.detail);
    assert!(rig.cases().await.is_empty());
}

#[tokio::test]
async fn refunds_without_a_number_have_a_case_each() {
    let rig = rig().await;
    let nameless =
        |number, minor| Movement { number, amount: money(minor), out_refund_no: SmolStr::default(), ..refund(1, NOON) };
    let statement = || vec![nameless(1, 400), nameless(2, 400), nameless(3, 500)];
    rig.run(DATE, lines(statement(), None)).await;
    assert_eq!(rig.open_cases().await, 3);
    rig.run(DATE, lines(statement(), None)).await;
    assert_eq!(rig.cases().await.len(), 3);
    rig.sound().await;
}

/// The reconciliations of a store, watched at two places of a run.
struct Watched {
    inner: Arc<dyn Reconciliations>,
    /// Whoever reads our record gets it only after a sign of life.
    slow: bool,
    /// The lease is taken away when every difference has its case.
    robbed: bool,
    alive: watch::Sender<Option<Timestamp>>,
}

impl Watched {
    fn of(rig: &Rig) -> Self {
        let inner = rig.store.reconciliations();
        Self { inner, slow: false, robbed: false, alive: watch::Sender::new(None) }
    }

    async fn run(self, rig: &Rig, from: LinesFrom) -> Option<Timestamp> {
        let (runs, plan) = (Arc::new(self), plan(DATE));
        let reconciler = Reconciler { runs: runs.clone(), ..rig.reconciler(None) };
        let run = reconciler.begin(&plan.id).await.unwrap().unwrap();
        let all = reconciler.carry_out(&plan, &run, from);
        tokio::time::timeout(Duration::from_secs(20), all).await.expect("nothing was told while our record was read");
        *runs.alive.borrow()
    }
}

#[async_trait]
impl Reconciliations for Watched {
    async fn begin(&self, id: &ReconciliationId, now: Timestamp, lease: Duration) -> Result<Option<Run>, StoreError> {
        self.inner.begin(id, now, lease).await
    }
    async fn tell(&self, run: &Run, tally: &Tally, detail: &str, until: Timestamp) -> Result<bool, StoreError> {
        let ours = self.inner.tell(run, tally, detail, until).await?;
        self.alive.send_replace(Some(until));
        Ok(ours)
    }
    async fn write_differences(&self, run: &Run, differences: &[Difference]) -> Result<(), StoreError> {
        self.inner.write_differences(run, differences).await
    }
    async fn open_cases(&self, after: &CaseId, end: &CaseId, limit: u32) -> Result<Vec<CaseId>, StoreError> {
        self.inner.open_cases(after, end, limit).await
    }
    async fn found(&self, run: &Run, after: i64, limit: u32) -> Result<Vec<Difference>, StoreError> {
        let found = self.inner.found(run, after, limit).await?;
        if self.robbed && found.is_empty() {
            let later = clock::now().after(2 * run::LEASE);
            self.inner.begin(&run.id, later, run::LEASE).await?.expect("the lease is over by then");
        }
        Ok(found)
    }
    async fn carry(&self, run: &Run, carried: &[Carried]) -> Result<(), StoreError> {
        self.inner.carry(run, carried).await
    }
    async fn end(
        &self,
        run: &Run,
        result: Result<(), &str>,
        tally: &Tally,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.inner.end(run, result, tally, now).await
    }
    async fn latest(&self) -> Result<BTreeMap<AccountName, String>, StoreError> {
        self.inner.latest().await
    }
    async fn get(&self, id: &ReconciliationId) -> Result<Option<Reconciliation>, StoreError> {
        self.inner.get(id).await
    }
    async fn differences(&self, id: &ReconciliationId, after: i64, limit: u32) -> Result<Vec<Difference>, StoreError> {
        self.inner.differences(id, after, limit).await
    }
    async fn carried(&self, id: &ReconciliationId, after: i64, limit: u32) -> Result<Vec<Carried>, StoreError> {
        self.inner.carried(id, after, limit).await
    }
    async fn bookings(&self, keys: &[MoneyKey]) -> Result<Vec<Booking>, StoreError> {
        self.inner.bookings(keys).await
    }
    async fn booked_between(&self, of: &AccountName, from: Timestamp, to: Timestamp) -> Result<Bookings, StoreError> {
        if self.slow {
            self.alive.subscribe().wait_for(Option::is_some).await.unwrap();
        }
        self.inner.booked_between(of, from, to).await
    }
}

#[tokio::test]
async fn a_run_keeps_its_lease_while_our_record_is_read() {
    let rig = rig().await;
    rig.sell(&payment(1, NOON)).await;
    let first_lease = clock::now().after(run::LEASE);
    let kept = Watched { slow: true, ..Watched::of(&rig) }.run(&rig, lines(vec![payment(1, NOON)], None)).await;
    assert!(kept.unwrap() > first_lease, "{kept:?} is no longer than {first_lease:?}");
    let result = rig.store.reconciliations().get(&plan(DATE).id).await.unwrap().unwrap();
    assert_eq!((result.state, result.tally.matched), (ReconciliationState::Done, 1));
}

#[tokio::test]
async fn a_run_keeps_its_lease_through_many_short_waits() {
    let rig = rig().await;
    let (watched, plan) = (Arc::new(Watched::of(&rig)), plan(DATE));
    let reconciler = Reconciler { runs: watched.clone(), ..rig.reconciler(None) };
    let run = reconciler.begin(&plan.id).await.unwrap().unwrap();
    let mut working = Working::new(&reconciler, &plan, &run);
    for _ in 0..8 {
        working.waiting("settles differences", tokio::time::sleep(Duration::from_millis(400))).await.unwrap();
    }
    assert!(watched.alive.borrow().is_some(), "none of the waits was long, all together were");
}

#[tokio::test]
async fn a_run_that_is_lost_settles_no_case() {
    let rig = rig().await;
    rig.sell(&payment(1, NOON)).await;
    rig.sell(&payment(2, NOON)).await;
    rig.run(DATE, lines(vec![payment(1, NOON)], None)).await;
    assert_eq!(rig.open_cases().await, 1);
    let both = || lines(vec![payment(1, NOON), payment(2, NOON)], None);
    Watched { robbed: true, ..Watched::of(&rig) }.run(&rig, both()).await;
    assert_eq!(rig.open_cases().await, 1, "whoever has the day now decides");
}

#[tokio::test]
async fn a_day_runs_once_at_a_time_and_without_an_edge_says_so() {
    let rig = rig().await;
    let (reconciler, plan) = (rig.reconciler(None), plan(DATE));
    let run = reconciler.begin(&plan.id).await.unwrap().unwrap();
    assert!(reconciler.begin(&plan.id).await.unwrap().is_none());
    reconciler.carry_out(&plan, &run, LinesFrom::Platform).await;
    let result = rig.store.reconciliations().get(&plan.id).await.unwrap().unwrap();
    assert_eq!(result.state, ReconciliationState::Failed);
    assert!(result.detail.contains("no edge"), "{}", result.detail);
    assert!(reconciler.begin(&plan.id).await.unwrap().is_some());
}

/// A running total is no refund: its number explains no more than what is booked of it.
#[tokio::test]
async fn a_line_with_the_number_of_a_running_total_is_booked_as_far_as_that_goes() {
    let rig = rig().await;
    rig.sell(&payment(1, NOON)).await;
    let Observation { account: on, fact } = observation(&Movement { amount: money(300), ..refund(1, NOON) });
    let order::Fact::Refund(fact) = fact else { unreachable!("it is a refund") };
    let total = order::Fact::Refund(RefundFact { cumulative: true, ..fact });
    rig.door.observe(message(Observation { account: on, fact: total })).await.unwrap();
    // Settled three days later than the platform told us.
    let late = NOON + 3 * 86_400;
    for (minor, open) in [(300, 0), (301, 1)] {
        let line = Movement { amount: money(minor), ..refund(1, late) };
        rig.run("2026-11-25", lines(vec![line], None)).await;
        assert_eq!(rig.open_cases().await, open, "{minor}");
    }
    // On its day the amounts are compared.
    let same = Movement { amount: money(300), ..refund(1, NOON) };
    let result = rig.run(DATE, lines(vec![payment(1, NOON), same], None)).await;
    assert_eq!((result.tally.matched, result.tally.differences), (2, 0));
    rig.sound().await;
}

fn booking(line: &Movement) -> Booking {
    let number = match line.kind {
        MoneyKind::Payment => line.transaction_id.clone(),
        MoneyKind::Refund => line.out_refund_no.clone(),
    };
    Booking {
        key: MoneyKey { provider: "alipay".into(), account: account(), kind: line.kind, number },
        order_id: OrderId::parse("o").unwrap(),
        amount: line.amount,
        out_trade_no: OutTradeNo::parse(line.out_trade_no.clone()).ok(),
        transaction_id: TransactionId::parse(line.transaction_id.clone()).ok(),
        out_refund_no: OutRefundNo::parse(line.out_refund_no.clone()).ok(),
        refund_id: None,
        occurred_at: line.occurred_at,
        recorded_at: at(NOON),
    }
}

#[test]
fn refunds_without_a_number_are_told_apart_by_how_many_there_are() {
    let nameless = Movement { out_refund_no: SmolStr::default(), ..refund(1, NOON) };
    let mut ledger = Ledger::new(plan(DATE).day);
    (0..3).for_each(|_| ledger.book(&booking(&nameless)));
    assert_eq!(ledger.look_up(&refund(1, NOON)), Found::Same);
    assert_eq!(ledger.look_up(&Movement { out_refund_no: "r2".into(), ..refund(1, NOON) }), Found::Same);
    let fates: Vec<_> = (0..3).map(|_| ledger.fate(&booking(&nameless))).collect();
    assert_eq!(fates.iter().filter(|fate| **fate == Fate::Missing).count(), 1, "{fates:?}");
}

proptest! {
    /// Against the plain definition: what is on one side only, for any two sets.
    #[test]
    fn the_ledger_says_what_is_on_one_side_only(here in prop::collection::btree_set(0..40_u32, 0..30), there in prop::collection::vec(0..40_u32, 0..30)) {
        let mut ledger = Ledger::new(plan(DATE).day);
        here.iter().for_each(|n| ledger.book(&booking(&payment(*n, NOON))));
        let mut seen = std::collections::BTreeSet::new();
        for n in &there {
            let expected = match (seen.insert(*n), here.contains(n)) {
                (true, true) => Found::Same,
                (true, false) => Found::Nothing,
                (false, true) => Found::Repeated(Some(money(10_000))),
                (false, false) => Found::Repeated(None),
            };
            prop_assert_eq!(ledger.look_up(&payment(*n, NOON)), expected);
        }
        prop_assert_eq!(ledger.has_news(), here.iter().any(|n| !seen.contains(n)));
        for n in &here {
            let expected = if seen.contains(n) { Fate::Settled } else { Fate::Missing };
            prop_assert_eq!(ledger.fate(&booking(&payment(*n, NOON))), expected);
        }
    }
}
