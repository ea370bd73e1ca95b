//! What a round claims, on a real store.

use paystate_rpc::Servers;
use tonic::transport::Endpoint;

use super::*;
use crate::{
    commit::{self, Limits, Message},
    compensate::Platforms,
    feed::Bell,
    guard::LocalGuard,
    intake::{Account, Accounts, Calls, Intake},
    order::{
        Currency, Fact, Method, Money, Observation, OutRefundNo, PaymentFact, PaymentStatus, Source, Timestamp,
        TransactionId,
    },
    platform::PlatformRules,
    seal::{Sealed, Sealer},
    sha256::Sha256,
    store::{NoticeKey, NotificationRow, sqlite::SqliteStore},
};

/// A worker that nobody has started, and whose edge is not there.
struct Rig {
    worker: Arc<Worker>,
    _dir: tempfile::TempDir,
}

const BURST: u32 = 5;

fn account() -> AccountName {
    AccountName::parse("shop").unwrap()
}

fn other_account() -> AccountName {
    AccountName::parse("other").unwrap()
}

fn money() -> Money {
    Money::new(500, Currency::parse("CNY").unwrap()).unwrap()
}

fn task(number: &str) -> TaskKey {
    TaskKey { kind: TaskKind::Payment, subject: number.into() }
}

impl Rig {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&dir.path().join("t.db")).await.unwrap());
        let nowhere = Endpoint::from_static("http://127.0.0.1:9");
        let platforms = Platforms::new(Servers::new([("nobody".to_owned(), paystate_rpc::channel(nowhere, None))]));
        let calls =
            Calls { pay_timeout: Duration::from_secs(1800), rate_per_second: 1, burst: BURST, fee_basis_points: None };
        let accounts = [account(), other_account()].map(|name| {
            (
                name,
                Account {
                    platform: PlatformRules { name: "alipay", ..PlatformRules::default() },
                    calls: Some(calls.clone()),
                },
            )
        });
        let accounts = Accounts::from(accounts);
        let settings = Settings { platforms: Some(platforms.clone()), ..Settings::default() };
        let tracker = TaskTracker::new();
        let guard = Arc::new(LocalGuard::default());
        let policy = commit::Policy { first_question: Duration::ZERO, ..settings.policy(&accounts) };
        let door = Door::open(store.clone(), guard, Bell::default(), Limits::default(), Arc::new(policy), &tracker);
        let sealer = Sealer::new("k", &BTreeMap::from([("k".to_owned(), (0..32).collect::<Vec<u8>>())])).unwrap();
        let desk = Desk { platforms, store: store.clone(), door: door.clone(), intake: Intake::new(sealer, accounts) };
        let worker = Worker {
            store,
            door,
            desk: Some(desk),
            slots: Arc::new(Semaphore::new(settings.in_flight)),
            alert_slots: Arc::new(Semaphore::new(ALERTS)),
            settings,
            teller: Teller::new(),
            bell: Arc::default(),
            lanes: Mutex::default(),
            tracker,
        };
        Self { worker: Arc::new(worker), _dir: dir }
    }

    /// An order of which a payment was begun.
    async fn begin(&self, number: &str) {
        self.begin_at(number, account()).await;
    }

    async fn begin_at(&self, number: &str, account: AccountName) {
        let order_id = OrderId::parse(format!("o-{number}")).unwrap();
        let (amount, out_trade_no) = (money(), OutTradeNo::parse(number).unwrap());
        let create =
            Command::Create { order_id: order_id.clone(), amount, description: String::new(), expires_at: None };
        self.worker.command(create).await.unwrap();
        let start = Command::StartPayment {
            order_id,
            out_trade_no,
            account,
            provider: "alipay".into(),
            method: Method::AlipayPage,
            expires_at: Some(now().after(Duration::from_secs(1800))),
            inputs: None,
        };
        self.worker.command(start).await.unwrap();
    }

    /// A callback says that it is paid.
    async fn pay(&self, number: &str) {
        let fact = PaymentFact {
            out_trade_no: OutTradeNo::parse(number).ok(),
            transaction_id: TransactionId::parse(format!("T-{number}")).ok(),
            status: PaymentStatus::Succeeded,
            amount: money(),
            occurred_at: None,
        };
        let observation = Observation { account: account(), fact: Fact::Payment(fact) };
        let content_sha256 = Sha256::of(number.as_bytes());
        let message = Message {
            row: NotificationRow {
                id: uuid::Uuid::now_v7().to_string(),
                key: NoticeKey { provider: "alipay".into(), account: account(), content_sha256 },
                source: Source::Callback,
                event_type: "x".into(),
                platform_notice_id: String::new(),
                key_id: "k".into(),
                received_at: now(),
                body_size: 1,
                body_sha256: "b".into(),
                sealed: Sealed { key_id: "k".into(), bytes: vec![0] },
            },
            facts: vec![commit::Fact::new("alipay", observation, None, None)],
            at: now(),
        };
        self.worker.door.observe(message).await.unwrap();
    }

    /// Does what a round does for an account; answers how many questions it has begun to ask.
    async fn ask(&self, account: &AccountName) -> usize {
        let free = || self.worker.lane(account, |lane| lane.slots.available_permits());
        let before = free();
        let desk = self.worker.desk.as_ref().unwrap();
        assert!(!self.worker.questions(desk, account).await.unwrap(), "that was all");
        before - free()
    }

    async fn due(&self, number: &str) -> Option<Timestamp> {
        self.worker.store.tasks().due(&task(number)).await.unwrap()
    }
}

/// A platform that is left alone is not asked; what callbacks have settled meanwhile need not wait for it.
#[tokio::test]
async fn what_is_settled_is_dropped_while_the_platform_is_left_alone() {
    let rig = Rig::start().await;
    for number in ["N1", "N2", "N3"] {
        rig.begin(number).await;
    }
    rig.pay("N1").await;
    rig.pay("N3").await;
    let an_hour = Duration::from_secs(3600);
    rig.worker.lane(&account(), |lane| {
        while !lane.breaker.is_open() {
            lane.breaker.failed();
        }
        lane.breaker.probed(Instant::now(), an_hour);
    });
    assert_eq!(rig.ask(&account()).await, 0, "it is left alone");
    assert_eq!((rig.due("N1").await, rig.due("N3").await), (None, None), "they need no question");
    assert!(rig.due("N2").await.is_some());
}

/// What the budget has no question for keeps its place: neither a flood of hints nor what is settled meanwhile can put
/// it behind others, and the budget is not idle while it waits.
#[tokio::test]
async fn what_is_not_asked_about_now_keeps_its_place_in_line() {
    let rig = Rig::start().await;
    let numbers: Vec<_> = (10..30).map(|n| format!("N{n}")).collect();
    for number in &numbers {
        rig.begin(number).await;
    }
    let mut before = Vec::new();
    for number in &numbers {
        before.push(rig.due(number).await.unwrap());
    }
    assert!(before.is_sorted());
    let burst = usize::try_from(BURST).unwrap();
    assert_eq!(rig.ask(&account()).await, burst);
    for (number, due) in numbers.iter().zip(before).skip(burst) {
        assert_eq!(rig.due(number).await, Some(due), "{number}");
    }
    let waiting =
        rig.worker.store.tasks().waiting(&account(), TaskKind::Payment, BEGINNING, BATCH, now()).await.unwrap();
    assert!(waiting.iter().map(|task| task.key.subject.as_str()).eq(numbers[burst..].iter().map(String::as_str)));
}

/// A platform that answers slowly takes nothing from the others.
#[tokio::test]
async fn each_account_has_slots_of_its_own() {
    let rig = Rig::start().await;
    rig.begin("N1").await;
    rig.begin_at("N2", other_account()).await;
    let slots = rig.worker.lane(&other_account(), |lane| lane.slots.clone());
    let all = u32::try_from(rig.worker.settings.in_flight).unwrap();
    let _busy = slots.acquire_many(all).await.unwrap();
    assert_eq!((rig.ask(&other_account()).await, rig.ask(&account()).await), (0, 1));
}

/// Between the look at an order and the claim of its task a command may have wanted it anew.
#[tokio::test]
async fn a_task_that_has_something_to_do_again_is_not_dropped() {
    let rig = Rig::start().await;
    rig.begin("N1").await;
    rig.begin("N2").await;
    rig.pay("N2").await;
    let due = rig.due("N1").await;
    rig.worker.drop_settled(&BTreeSet::from([task("N1"), task("N2")])).await.unwrap();
    assert_eq!((rig.due("N1").await, rig.due("N2").await), (due, None));
    assert_eq!(rig.ask(&account()).await, 1, "nobody is at it");
}

/// One order that cannot be read must not keep the others of its account from what is due to them.
#[tokio::test]
async fn an_order_that_cannot_be_read_waits_alone() {
    let rig = Rig::start().await;
    for number in ["N1", "N2", "N3"] {
        rig.begin(number).await;
    }
    rig.pay("N3").await;
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(rig._dir.path().join("t.db"));
    let mut db = sqlx::SqlitePool::connect_with(file).await.unwrap().acquire().await.unwrap();
    sqlx::query("UPDATE orders SET doc = '{' WHERE order_id = 'o-N2'").execute(&mut *db).await.unwrap();
    assert_eq!(rig.ask(&account()).await, 1, "N1 is asked about");
    assert_eq!(rig.due("N3").await, None, "it is settled");
    assert!(rig.due("N2").await.unwrap() > now().after(UNREADABLE_PAUSE / 2));
}

/// The head of the line may be all that a platform is not asked about for a while.
#[tokio::test]
async fn what_is_settled_is_found_behind_what_waits() {
    let rig = Rig::start().await;
    let batch = usize::try_from(BATCH).unwrap();
    for n in 0..batch {
        rig.begin(&format!("N{n}")).await;
    }
    for number in ["P1", "P2"] {
        rig.begin(number).await;
    }
    rig.pay("P1").await;
    rig.worker.lane(&account(), |lane| lane.breaker.wait(Instant::now() + Duration::from_secs(60)));
    assert_eq!(rig.ask(&account()).await, 0, "the platform wants nothing now");
    assert_eq!((rig.due("P1").await, rig.due("P2").await.is_some()), (None, true));
    assert_eq!(rig.worker.lane(&account(), |lane| lane.swept), BEGINNING, "that was the end of the line");
}

/// Strangers can make every payment of an account due, and no refund.
#[tokio::test]
async fn refunds_do_not_stand_behind_payments() {
    let rig = Rig::start().await;
    for n in 0..20 {
        rig.begin(&format!("N{n}")).await;
    }
    rig.begin("P1").await;
    rig.pay("P1").await;
    let refund = Command::RequestRefund {
        order_id: OrderId::parse("o-P1").unwrap(),
        out_trade_no: None,
        transaction_id: None,
        out_refund_no: OutRefundNo::parse("R1").unwrap(),
        amount: money(),
        reason: String::new(),
    };
    rig.worker.command(refund).await.unwrap();
    rig.ask(&account()).await;
    let waiting =
        async |kind| rig.worker.store.tasks().waiting(&account(), kind, BEGINNING, BATCH, now()).await.unwrap();
    assert!(waiting(TaskKind::Refund).await.is_empty());
    assert_eq!(waiting(TaskKind::Payment).await.len(), 20 - usize::try_from(BURST - 1).unwrap());
}

/// However little is granted at once, neither kind takes all of it.
#[test]
fn refunds_have_half_of_what_is_granted() {
    let mut lane = Lane::new(1);
    assert_eq!([1, 1, 1, 1].map(|granted| lane.half(granted)), [1, 0, 1, 0]);
    assert_eq!([5, 4, 5, 0].map(|granted| lane.half(granted)), [3, 2, 2, 0]);
}
