//! Two cores and two edges on one PostgreSQL, while everything around them breaks: nothing that a platform was told is
//! lost, nothing happens twice, and in the end the database says the same as if nothing had been broken.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use paystate_proto::v1::{self, OrderState};
use rand::{SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use serde_json::json;
use tokio::{sync::OnceCell, time::sleep};

use crate::{
    cluster::{ACCOUNTS, Cluster, Script, Unsent, digest},
    liar::{Liar, Lie},
    proxy::{Fault, Proxy, Upstream},
    servers::{Postgres, Redis, psql},
    support::{A_MOMENT, Shop, assert_stored_once, http, until},
};

/// Cores, and edges.
const SIZE: usize = 2;
/// The waves of traffic of a test that compares its end with that of an undisturbed run.
const WAVES: usize = 4;
/// The time over which a wave's notices leave.
const WAVE: Duration = Duration::from_millis(1_500);
/// From the beginning of a wave to the fault in it.
const INTO_IT: Duration = Duration::from_millis(500);
/// From the moment at which the database is up to the moment at which everything is taken in again.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// A cluster that has taken in one callback, which it is told again to see whether it takes in anything.
async fn start(database: &str, redis: &[String]) -> (Cluster, Unsent) {
    let cluster = Cluster::start(database, redis, SIZE).await;
    let known = cluster.unsent("alipay", "KNOWN", 5).await;
    cluster.insist(0, async |shop| sell_known(shop, &known).await).await;
    assert!(cluster.send(&known, 0).await);
    (cluster, known)
}

async fn sell_known(mut shop: Shop, known: &Unsent) -> Result<(), tonic::Status> {
    shop.sell("known", "alipay", &known.number, 5).await
}

/// Every core takes a command, every edge a callback, and every edge says that it does, in bounded time from now.
async fn takes_in_again(cluster: &Cluster, known: &Unsent) {
    let begin = Instant::now();
    for n in 0..SIZE {
        until("a core", async || sell_known(cluster.shop(n), known).await.is_ok()).await;
        until("an edge", async || cluster.send(known, n).await).await;
    }
    cluster.all_ready(true).await;
    assert!(begin.elapsed() < BACK_WITHIN, "{:?}", begin.elapsed());
}

/// What the database says after an undisturbed run.
async fn undisturbed() -> &'static str {
    static DIGEST: OnceCell<String> = OnceCell::const_new();
    let run = async || {
        let postgres = Postgres::start().await;
        let (cluster, _) = start(&postgres.url(), &[]).await;
        for wave in 0..WAVES {
            Script::wave(wave, Duration::ZERO).play(&cluster).await;
        }
        cluster.assert_sound().await;
        digest(&postgres.url()).await
    };
    DIGEST.get_or_init(run).await
}

async fn assert_as_if_undisturbed(database: &str) {
    let (found, wanted) = (digest(database).await, undisturbed().await);
    let differ = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
    assert_eq!(differ, None, "with and without faults");
    assert_eq!(found.lines().count(), wanted.lines().count());
}

#[derive(Debug, Clone, Copy)]
enum End {
    Fast,
    Immediate,
    Backends,
    Killed,
}

impl End {
    /// The shorter ends may pass unnoticed: whoever finds the door shut knocks again. Of a kill a platform hears.
    async fn strike(self, postgres: &mut Postgres, cluster: &Cluster) {
        match self {
            Self::Fast => postgres.restart_fast().await,
            Self::Immediate => postgres.restart_immediate().await,
            Self::Backends => assert!(postgres.kill_backends().await >= SIZE),
            Self::Killed => {
                let failed = cluster.failed_attempts().await;
                postgres.kill().await;
                cluster.all_ready(false).await;
                until("a platform that heard of it", async || cluster.failed_attempts().await > failed).await;
                postgres.start_again().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_ends_the_database_nothing_is_lost_and_it_goes_on_by_itself() {
    let mut postgres = Postgres::start().await;
    let (cluster, known) = start(&postgres.url(), &[]).await;
    for (wave, end) in [End::Fast, End::Immediate, End::Backends, End::Killed].into_iter().enumerate() {
        let fault = async {
            sleep(INTO_IT).await;
            end.strike(&mut postgres, &cluster).await;
            assert!(!cluster.is_quiet().await, "{end:?} must hit traffic, otherwise it proves nothing");
            takes_in_again(&cluster, &known).await;
        };
        tokio::join!(Script::wave(wave, WAVE).play(&cluster), fault);
        cluster.assert_sound().await;
    }
    assert_as_if_undisturbed(&postgres.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_without_an_answer_is_taken_in_once() {
    /// In each wave; afterwards the network is sound, so that no platform gives up.
    const LOST: u64 = 5;
    let postgres = Postgres::start().await;
    let proxy = Proxy::start(Upstream::Postgres(postgres.socket())).await;
    let database = format!("postgres://postgres@{}/postgres", proxy.address());
    let (cluster, known) = start(&database, &[]).await;
    for wave in 0..WAVES {
        let (lost, failed) = (proxy.lost_replies(), cluster.failed_attempts().await);
        let fault = async {
            sleep(INTO_IT).await;
            proxy.set(Fault::LoseCommitReply { every: 2 });
            // The core's own work loses replies too.
            let heard = async || cluster.failed_attempts().await > failed;
            until("a lost reply that a platform hears of", async || {
                proxy.lost_replies() >= lost + LOST && heard().await
            })
            .await;
            proxy.set(Fault::None);
            takes_in_again(&cluster, &known).await;
        };
        tokio::join!(Script::wave(wave, WAVE).play(&cluster), fault);
        cluster.assert_sound().await;
        let failed = cluster.failed_attempts().await - failed;
        assert!(failed > 0, "no platform heard of it, so nothing was proven");
    }
    assert_as_if_undisturbed(&postgres.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_that_stood_still_for_a_while_does_nothing_twice() {
    const STILL: Duration = Duration::from_secs(10);
    let postgres = Postgres::start().await;
    let (cluster, known) = start(&postgres.url(), &[]).await;
    let fault = async {
        sleep(INTO_IT).await;
        cluster.cores[1].pause().await;
        sleep(STILL).await;
        cluster.cores[1].resume().await;
        takes_in_again(&cluster, &known).await;
    };
    tokio::join!(Script::wave(0, WAVE).play(&cluster), fault);
    for wave in 1..WAVES {
        Script::wave(wave, Duration::ZERO).play(&cluster).await;
    }
    cluster.assert_sound().await;
    assert_as_if_undisturbed(&postgres.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_at_both_edges_and_at_both_cores_at_once_has_one_effect() {
    const ORDERS: usize = 40;
    const COPIES: u8 = 6;
    const EARLY: usize = 4;
    const AMOUNT: i64 = 700;
    let postgres = Postgres::start().await;
    let cluster = Cluster::start(&postgres.url(), &[], SIZE).await;

    // Two of the platforms sign in the body: theirs go to both edges in the same moment, and in no order.
    let (mut sold, mut sends) = (Vec::new(), Vec::new());
    for n in 0..ORDERS / 2 {
        let notice = cluster.unsent(["alipay", "unionpay"][n % 2], &n.to_string(), AMOUNT).await;
        sold.push((["alipay", "unionpay"][n % 2], notice.number.clone()));
        sends.extend((0..usize::from(COPIES)).map(|copy| (notice.clone(), copy)));
    }
    sends.shuffle(&mut StdRng::seed_from_u64(1));
    // The first few come long before the shop has said what they are for.
    for (notice, copy) in &sends[..EARLY] {
        assert!(cluster.send(notice, *copy).await);
    }
    let by_hand = sends.iter().map(|(notice, copy)| until("success", async || cluster.send(notice, *copy).await));
    // The others travel as they do in life, through the balancer.
    let paid: Vec<_> = (0..ORDERS / 2).map(|n| (ACCOUNTS[n % ACCOUNTS.len()], format!("PAID{n:06}"))).collect();
    let pay = |(account, number): &(_, _)| json!({"account": account, "out_trade_no": number, "amount_minor": AMOUNT, "copies": COPIES});
    let pays: Vec<_> = paid.iter().map(pay).collect();
    // Meanwhile the shop says the same to both cores.
    sold.extend(paid.iter().cloned());
    let sells = sold.iter().flat_map(|order| (0..SIZE).map(move |core| (order, core)));
    let sells = sells.map(|((account, number), core)| {
        cluster
            .insist(core, async move |mut shop: Shop| shop.sell(&format!("o-{number}"), account, number, AMOUNT).await)
    });
    tokio::join!(join_all(by_hand), join_all(pays.iter().map(|pay| cluster.pay(pay))), join_all(sells));
    cluster.quiet().await;

    let mut shop = cluster.shop(0);
    for (_, number) in &sold {
        let order = shop.until(&format!("o-{number}"), OrderState::Paid).await;
        let transactions: Vec<_> = order.payments.iter().flat_map(|p| &p.transactions).collect();
        assert_eq!((transactions.len(), order.open_case_ids.len()), (1, 0), "{order:?}");
    }
    let cases = shop.operations.list_cases(v1::ListCasesRequest::default()).await.unwrap().into_inner().cases;
    assert!(!cases.is_empty(), "some callbacks were faster than the shop");
    assert!(cases.iter().all(|case| case.state() == v1::CaseState::Resolved), "{cases:?}");
    let ledger = cluster.ledger().await;
    let notices = ledger["notices"].as_array().unwrap();
    assert!(assert_stored_once(notices.iter(), &shop.accepted().await) >= ORDERS);
    cluster.assert_sound().await;
    for edge in 0..SIZE {
        let (stored, duplicate) = (cluster.callbacks(edge, "STORED").await, cluster.callbacks(edge, "DUPLICATE").await);
        assert!(stored > 0 && duplicate > 0, "edge {edge}: {stored} stored, {duplicate} duplicates");
    }

    let booked = postgres.sql("SELECT count(*), count(DISTINCT order_id) FROM payment_txn").await;
    assert_eq!(booked, format!("{ORDERS}|{ORDERS}"));
    // Sessions tell what they counted when they end.
    cluster.terminate().await;
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(postgres.sql(deadlocks).await, "0");
}

/// How a callback fared that was sent until it was taken in.
#[derive(Debug)]
struct Answers {
    /// From each send to the plea to try again.
    refusals: Vec<Duration>,
    /// From the first send to success.
    success: Duration,
}

async fn send_until_success(cluster: &Cluster, notice: &Unsent, edge: usize, wait: Duration) -> Answers {
    sleep(wait).await;
    let (begin, mut refusals) = (Instant::now(), Vec::new());
    loop {
        let sent = Instant::now();
        if cluster.send(notice, edge).await {
            return Answers { refusals, success: begin.elapsed() };
        }
        refusals.push(sent.elapsed());
        sleep(A_MOMENT).await;
    }
}

/// Sells as many orders; answers with the callbacks of their payments, which nobody has sent yet.
async fn sell(cluster: &Cluster, orders: usize) -> Vec<Unsent> {
    let mut notices = Vec::new();
    for n in 0..orders {
        let notice = cluster.unsent("alipay", &n.to_string(), 5).await;
        let sell = async |mut shop: Shop| shop.sell(&format!("o{n}"), "alipay", &notice.number, 5).await;
        cluster.insist(n, sell).await;
        notices.push(notice);
    }
    notices
}

/// Sends while somebody at the database holds `rows` for some seconds: half of the callbacks in the same moment, and the
/// others after it, one each 200 ms.
async fn send_while_held(
    postgres: &Postgres,
    cluster: &Cluster,
    notices: &[Unsent],
    rows: &str,
    seconds: &str,
) -> Vec<Answers> {
    let lock = format!("SELECT FROM {rows} FOR UPDATE");
    let sleep = format!("SELECT pg_sleep({seconds})");
    let url = postgres.url();
    let hold = ["BEGIN", &lock, &sleep, "COMMIT"];
    let held = format!("SELECT count(*) FROM pg_stat_activity WHERE query = '{sleep}'");
    let work = async {
        until("the lock", async || postgres.sql(&held).await == "1").await;
        let at_once = notices.len() / 2;
        let late = |n: usize| Duration::from_millis(200) * u32::try_from(n.saturating_sub(at_once)).unwrap();
        let sends = notices.iter().enumerate().map(|(n, notice)| send_until_success(cluster, notice, n, late(n)));
        join_all(sends).await
    };
    let (held, answers) = tokio::join!(psql(&url, &hold), work);
    held.unwrap();
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_order_is_waited_for_a_bounded_time() {
    /// The lock timeout of the store (1 s), and a moment for each by itself. Long after the moment in which an edge leaves.
    const BOUND: Duration = Duration::from_millis(3_500);
    /// Several in each batch: if each were waited for by itself, no time was left for the others.
    const HELD: usize = 12;
    let postgres = Postgres::start().await;
    let cluster = Cluster::start(&postgres.url(), &[], SIZE).await;
    let notices = sell(&cluster, 41).await;
    let held: Vec<_> = (0..HELD).map(|n| format!("'o{n}'")).collect();
    let held = format!("orders WHERE order_id IN ({})", held.join(", "));
    let answers = send_while_held(&postgres, &cluster, &notices, &held, "6").await;
    let (locked, others) = answers.split_at(HELD);
    assert!(locked.iter().all(|l| !l.refusals.is_empty()), "they were not held up, so nothing was proven");
    let slowest = answers.iter().flat_map(|answers| &answers.refusals).max();
    assert!(slowest < Some(&BOUND), "{answers:?}");
    // Who shares a transaction with the locked one waits as long as it once, and is taken in.
    let harmed: Vec<_> = others.iter().filter(|a| !a.refusals.is_empty() || a.success > BOUND).collect();
    assert!(harmed.is_empty(), "{harmed:?}");
    cluster.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_the_log_held_for_a_second_waits_and_is_taken_in() {
    let postgres = Postgres::start().await;
    let cluster = Cluster::start(&postgres.url(), &[], SIZE).await;
    let notices = sell(&cluster, 24).await;
    // As a commit does that stands at a slow disk. Longer than the lock timeout, and shorter than an edge waits.
    let answers = send_while_held(&postgres, &cluster, &notices, "log WHERE id = 1", "1.8").await;
    assert!(answers.iter().any(|a| a.success > Duration::from_secs(1)), "it was not held up, so nothing was proven");
    let harmed: Vec<_> = answers.iter().filter(|a| !a.refusals.is_empty()).collect();
    assert!(harmed.is_empty(), "{harmed:?}");
    cluster.assert_sound().await;
    // Who is woken for it sees it.
    let page = http(cluster.cores[0].address("core metrics"), "GET /metrics").await;
    let count = |name: &str| page.lines().find_map(|l| l.strip_prefix(name)).unwrap().trim().parse::<u32>().unwrap();
    let (quick, all) = (count("paystate_commit_seconds_bucket{le=\"1\"}"), count("paystate_commit_seconds_count"));
    assert!(quick < all, "{quick} of {all}");
}

#[derive(Debug, Clone, Copy)]
enum Trouble {
    Killed,
    Flushed,
    Paused,
    Full,
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_redis_the_database_says_the_same() {
    let (postgres, mut redis) = (Postgres::start().await, Redis::start().await);
    let url = format!("unix:{}", redis.socket().display());
    let (cluster, known) = start(&postgres.url(), &[url.clone(), url]).await;
    let troubles = [Trouble::Killed, Trouble::Flushed, Trouble::Paused, Trouble::Full];
    for (wave, trouble) in troubles.into_iter().enumerate() {
        let fault = async {
            sleep(INTO_IT).await;
            until("a key", async || redis.command(&["DBSIZE"]).await != "0").await;
            match trouble {
                Trouble::Killed => redis.kill().await,
                Trouble::Flushed => redis.flush_all().await,
                Trouble::Paused => redis.pause_clients(Duration::from_secs(3)).await,
                Trouble::Full => redis.limit_memory(1).await,
            }
            assert!(!cluster.is_quiet().await, "{trouble:?} must hit traffic, otherwise it proves nothing");
            takes_in_again(&cluster, &known).await;
        };
        tokio::join!(Script::wave(wave, WAVE).play(&cluster), fault);
        cluster.assert_sound().await;
        if let Trouble::Killed = trouble {
            redis.start_again().await;
        }
    }
    assert_as_if_undisturbed(&postgres.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_redis_says_the_database_says_the_same() {
    const DONE: &str = "done:DUPLICATE";
    for lie in [Lie::EverybodyIsFirst, Lie::EverythingIsDone] {
        let postgres = Postgres::start().await;
        let liar = Liar::start(lie, DONE).await;
        let (cluster, known) = start(&postgres.url(), &[liar.url.clone(), liar.url.clone()]).await;
        let mut lies = 0;
        for wave in 0..WAVES {
            // A core that finds the liar slow leaves it alone for a second. Each wave begins with all asking.
            for n in 0..SIZE {
                let before = liar.asked();
                let asks = async || sell_known(cluster.shop(n), &known).await.is_ok() && liar.asked() > before;
                until("a question", asks).await;
            }
            let before = liar.lies();
            Script::wave(wave, Duration::ZERO).play(&cluster).await;
            lies += liar.lies() - before;
        }
        assert!(lies > 0, "{lie:?}: who is not asked proves nothing");
        cluster.assert_sound().await;
        assert_as_if_undisturbed(&postgres.url()).await;
    }
}
