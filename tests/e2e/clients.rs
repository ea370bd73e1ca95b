//! The clients' inventory examples, killed at random while orders are paid, and two of them on one database: each effect
//! happens exactly once.
//!
//! An example is a shell command in `PAYSTATE_INVENTORY_GO` (`_TYPESCRIPT`, ...), which tests/run builds and sets; it is
//! run in the repository's root. Every example understands the same:
//!
//! - `--core URL --database FILE` follows for ever and keeps stock, journal and position in FILE (SQLite).
//! - `--database FILE --report` prints `{"applied": {order: n}, "returned": {order: n}, "revision": n}`: how often
//!   stock was deducted and given back for each order, and how far the log was followed. Also while FILE is in use.

use std::{
    collections::BTreeMap,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use paystate_proto::v1::{self, OrderState};
use serde::Deserialize;
use serde_json::json;
use tokio::process::{Child, Command};

use crate::support::{Process, SOON, Shop, built, run, sandbox, until};

const KILLS: usize = 10;
/// At least; selling goes on until the disturbance is over.
const ORDERS: usize = 100;
/// Every so many orders the money goes back.
const REFUND_EVERY: usize = 5;
const AMOUNT: i64 = 1_999;
const ACCOUNTS: [&str; 4] = ["alipay", "wechatpay", "unionpay", "stripe"];
/// Orders that are sold at once: enough that an example is seldom idle when it is killed.
const AT_ONCE: usize = 4;
/// Longest life of an example after it has begun to work, and from one of its writes to its end: so short that the next
/// write, which must belong to the same transaction, may be missing.
const LIFE_MS: u64 = 200;
const WRITE_US: u64 = 1_000;

/// Up to this revision two of them work at once.
const TOGETHER: i64 = 200;

macro_rules! exactly_once {
    ($($disturb:ident: $($name:ident = $variable:literal),*;)*) => {$($(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            exactly_once($variable, $disturb).await;
        }
    )*)*};
}

exactly_once! {
    kill:
        rust_applies_each_effect_exactly_once = "PAYSTATE_INVENTORY_RUST",
        go_applies_each_effect_exactly_once = "PAYSTATE_INVENTORY_GO",
        typescript_applies_each_effect_exactly_once = "PAYSTATE_INVENTORY_TYPESCRIPT",
        java_applies_each_effect_exactly_once = "PAYSTATE_INVENTORY_JAVA",
        python_applies_each_effect_exactly_once = "PAYSTATE_INVENTORY_PYTHON";
    double:
        rust_applies_each_effect_exactly_once_two_at_once = "PAYSTATE_INVENTORY_RUST",
        go_applies_each_effect_exactly_once_two_at_once = "PAYSTATE_INVENTORY_GO",
        typescript_applies_each_effect_exactly_once_two_at_once = "PAYSTATE_INVENTORY_TYPESCRIPT",
        java_applies_each_effect_exactly_once_two_at_once = "PAYSTATE_INVENTORY_JAVA",
        python_applies_each_effect_exactly_once_two_at_once = "PAYSTATE_INVENTORY_PYTHON";
}

/// What an example says about its database.
#[derive(Debug, Deserialize)]
struct Report {
    applied: BTreeMap<String, u32>,
    returned: BTreeMap<String, u32>,
    revision: i64,
}

/// One example on one database.
struct Inventory {
    command: String,
    database: PathBuf,
    /// What its processes say; shown when the test fails.
    log: PathBuf,
}

impl Drop for Inventory {
    #[allow(clippy::print_stderr, reason = "for whoever looks for the cause")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

impl Inventory {
    /// The process itself, not a shell around it: what is killed is what works.
    fn command(&self, more: &str) -> Command {
        let mut command = Command::new("sh");
        let line = format!("exec {} --database '{}' {more}", self.command, self.database.display());
        command.args(["-c", &line]).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    fn follow(&self, core: std::net::SocketAddr) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(&self.log).unwrap();
        self.command(&format!("--core http://{core}")).stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    /// Waits for the next write, which SQLite appends to the write-ahead log, and up to [`WRITE_US`] more. On a thread of its
    /// own: in the task of the sellers they would stop selling, and there might be nothing to write.
    async fn next_write(&self) {
        let log = self.database.with_extension("db-wal");
        tokio::task::spawn_blocking(move || {
            Self::wait_for_write(&log);
            std::thread::sleep(Duration::from_micros(rand::random_range(0..WRITE_US)));
        })
        .await
        .unwrap();
    }

    fn wait_for_write(log: &Path) {
        let written = || log.metadata().map(|file| (file.len(), file.modified().unwrap())).ok();
        let (before, begin) = (written(), Instant::now());
        while written() == before {
            assert!(begin.elapsed() < SOON, "the example writes nothing");
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    async fn report(&self) -> Report {
        let (ok, out, err) = run(self.command("--report")).await;
        assert!(ok, "{out}{err}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }
}

fn id(n: usize) -> String {
    format!("stock{n:06}")
}

/// Sells order `n`, waits until it is paid, and gives the money of some back.
async fn trade(mut shop: Shop, dev: &Process, data: &Path, n: usize) {
    let account = ACCOUNTS[n % ACCOUNTS.len()];
    let create = v1::CreateOrderRequest {
        order_id: id(n),
        amount: Some(v1::Money { amount_minor: AMOUNT, currency: "CNY".into() }),
        description: format!("mug x{}", 1 + n % 3),
        ..Default::default()
    };
    shop.orders.create_order(create).await.unwrap();
    let start = v1::StartPaymentRequest {
        order_id: id(n),
        account: account.into(),
        method: v1::PaymentMethod::External.into(),
        out_trade_no: id(n),
        ..Default::default()
    };
    shop.orders.start_payment(start).await.unwrap();
    let mut payment = json!({"account": account, "out_trade_no": id(n), "amount_minor": AMOUNT, "copies": 2});
    sandbox(dev, data, "pay", &payment).await.unwrap();
    shop.until(&id(n), OrderState::Paid).await;
    if n.is_multiple_of(REFUND_EVERY) {
        payment["out_refund_no"] = json!(format!("R{n:06}"));
        sandbox(dev, data, "refund", &payment).await.unwrap();
        shop.until(&id(n), OrderState::Refunded).await;
    }
}

/// Sells order after order until told to stop. Answers with how many.
async fn sell(dev: &Process, data: &Path, stop: &AtomicBool) -> usize {
    let shop = dev.shop().await;
    let begun = AtomicUsize::new(0);
    let seller = async || {
        while begun.load(Ordering::Relaxed) < ORDERS || !stop.load(Ordering::Relaxed) {
            trade(shop.clone(), dev, data, begun.fetch_add(1, Ordering::Relaxed)).await;
        }
    };
    join_all((0..AT_ONCE).map(|_| seller())).await;
    begun.into_inner()
}

/// Starts the example and kills it in the middle of its work, again and again.
async fn kill(inventory: &Inventory, core: std::net::SocketAddr) {
    for _ in 0..KILLS {
        let before = inventory.report().await.revision;
        let mut child = inventory.follow(core);
        until("progress of the example", async || inventory.report().await.revision > before).await;
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..LIFE_MS))).await;
        inventory.next_write().await;
        child.start_kill().unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(9), "it must not end by itself");
    }
}

/// Runs two of them on one database. One that is overtaken may end, and is started again, as whoever runs it would.
async fn double(inventory: &Inventory, core: std::net::SocketAddr) {
    let mut children = [inventory.follow(core), inventory.follow(core)];
    until("progress of the examples", async || {
        for child in &mut children {
            if child.try_wait().unwrap().is_some() {
                *child = inventory.follow(core);
            }
        }
        inventory.report().await.revision >= TOGETHER
    })
    .await;
    for child in &mut children {
        child.kill().await.unwrap();
    }
}

/// The last revision: each order's version counts its events, and the log has no gaps.
async fn head(mut shop: Shop) -> i64 {
    let (mut head, mut page_token) = (0, String::new());
    loop {
        let request = v1::ListOrdersRequest { page_size: 500, page_token, ..Default::default() };
        let page = shop.orders.list_orders(request).await.unwrap().into_inner();
        head += page.orders.iter().map(|order| order.version).sum::<i64>();
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return head;
        }
    }
}

async fn exactly_once(variable: &str, disturb: impl AsyncFnOnce(&Inventory, std::net::SocketAddr)) {
    let command = built(variable);
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let dev = Process::dev(&data, &[]).await;
    let core = dev.address("core");
    let inventory = Inventory { command, database: dir.path().join("inventory.db"), log: dir.path().join("log") };

    let stop = AtomicBool::new(false);
    let disturbance = async {
        disturb(&inventory, core).await;
        stop.store(true, Ordering::Relaxed);
    };
    let (sold, ()) = tokio::join!(sell(&dev, &data, &stop), disturbance);

    let mut child = inventory.follow(core);
    let head = head(dev.shop().await).await;
    until("the head of the log", async || inventory.report().await.revision >= head).await;
    child.kill().await.unwrap();

    let report = inventory.report().await;
    let once = |n: usize| (id(n), 1);
    assert_eq!(report.applied, (0..sold).map(once).collect());
    assert_eq!(report.returned, (0..sold).step_by(REFUND_EVERY).map(once).collect());
    assert_eq!(report.revision, head);
    assert!(dev.terminate().await);
}
