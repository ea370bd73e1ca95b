//! Reconciliation with the binary: what was planted is found, and a day of a million lines is no trouble.
//!
//! `PAYSTATE_RECONCILE_LINES` sets the size of the largest day, e.g. 1000000; the bars hold for an optimised build:
//!
//!     PAYSTATE_RECONCILE_LINES=1000000 cargo test --release --test e2e -- --nocapture reconcile::

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use jiff::{Timestamp, ToSpan as _, civil::Date, tz};
use paystate_proto::v1::{self, OrderState};
use serde_json::{Value, json};

use crate::{
    servers::{Postgres, psql},
    support::{Process, home, paystate, quiet_address, run, sandbox},
};

/// Lines of the largest day, where nothing else is said.
const LINES: u64 = 3_000;
const BARS: (Duration, u64) = (Duration::from_secs(60), 300 << 20);

async fn ask(core: &Process, words: &[&str]) -> (bool, String, String) {
    let url = format!("http://{}", core.address("core"));
    run(paystate(&[words, &["--core", &url]].concat())).await
}

fn today() -> Date {
    tz::offset(8).to_datetime(Timestamp::now()).date()
}

/// WeChat Pay's statement of payments `L1` to `Ln`, spread over the day; `amount` says what each brought.
fn statement(file: &Path, day: Date, n: u64, amount: impl Fn(u64) -> i64) {
    let mut out = BufWriter::new(File::create(file).unwrap());
    let header = "交易时间,微信订单号,商户订单号,交易状态,货币种类,微信退款单号,商户退款单号,退款状态,商品名称,手续费,\
        订单金额,申请退款金额";
    writeln!(out, "\u{feff}{header}\r").unwrap();
    let yuan = |fen: i64| format!("{}.{:02}", fen / 100, fen % 100);
    for i in 1..=n {
        let second = i * 86_400 / (n + 1);
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        let amount = yuan(amount(i));
        let row = format!(
            "`{day} {h:02}:{m:02}:{s:02},`T{day}-{i},`L{day}-{i},`SUCCESS,`CNY,`0,`0,`,`rice,`0.06000,`{amount},`0.00\r"
        );
        writeln!(out, "{row}").unwrap();
    }
    let (paid, fees) = ((1..=n).map(amount).sum(), i64::try_from(n).unwrap() * 6);
    writeln!(out, "总交易单数,手续费总金额,订单总金额,申请退款总金额\r").unwrap();
    writeln!(out, "`{n}.0,`{},`{},`0.00\r", yuan(fees), yuan(paid)).unwrap();
    out.into_inner().unwrap().sync_all().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_planted_is_found_and_twice_adds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    // The configuration says where the platforms are, so their port must be known before.
    let sandbox_address = quiet_address();
    let (listen, alipay) = (sandbox_address.to_string(), format!("https://{sandbox_address}/gateway.do"));
    let env = [("PAYSTATE__SANDBOX__LISTEN", listen.as_str()), ("PAYSTATE__ACCOUNTS__ALIPAY__API__BASE_URL", &alipay)];
    let dev = Process::dev(&data, &env).await;
    let mut shop = dev.shop().await;
    for n in 1..=3 {
        shop.sell(&format!("R{n}"), "alipay", &format!("RECON0{n}"), 1_999).await.unwrap();
    }
    for n in [1, 2, 3, 9] {
        let pay = json!({"account": "alipay", "out_trade_no": format!("RECON0{n}"), "amount_minor": 1_999});
        sandbox(&dev, &data, "pay", &pay).await.unwrap();
    }
    for n in 1..=3 {
        shop.until(&format!("R{n}"), OrderState::Paid).await;
    }
    let spoil = json!({"account": "alipay", "number": "RECON02", "amount_minor": 2_999});
    sandbox(&dev, &data, "blemish", &spoil).await.unwrap();
    sandbox(&dev, &data, "blemish", &json!({"account": "alipay", "number": "RECON03"})).await.unwrap();

    let date = today().to_string();
    let page = dir.path().join("page.html");
    let day = ["--account", "alipay", "--date", &date];
    let words = |verb| [&["reconcile", verb], &day[..]].concat();
    let (ok, out, err) = ask(&dev, &[words("run"), vec!["--html", page.to_str().unwrap()]].concat()).await;
    assert!(!ok && out.contains("AMOUNT") && out.contains("MISSING_HERE"), "{out}{err}");
    let (_, shown, _) = ask(&dev, &[words("show"), vec!["--json"]].concat()).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let mut found: Vec<_> = shown["differences"].as_array().unwrap().iter().map(kind_and_number).collect();
    found.sort();
    // What was paid so late that the next day may have it is left to that day.
    if shown["carriedCount"] != "1" {
        assert!(found.contains(&("MISSING_THERE", "RECON03")), "{shown}");
        found.retain(|(kind, _)| *kind != "MISSING_THERE");
    }
    assert_eq!(found, [("AMOUNT", "RECON02"), ("MISSING_HERE", "RECON09")], "{shown}");
    assert!(fs::read_to_string(&page).unwrap().contains("RECON09"));

    let cases = cases(&mut shop).await;
    let (ok, again, err) = ask(&dev, &words("run")).await;
    assert!(!ok && again.contains("RECON09"), "{again}{err}");
    assert_eq!(self::cases(&mut shop).await, cases);
    assert!(dev.terminate().await);
}

fn kind_and_number(difference: &Value) -> (&str, &str) {
    let kind = difference["kind"].as_str().unwrap().trim_start_matches("DIFFERENCE_KIND_");
    (kind, difference["outTradeNo"].as_str().unwrap())
}

async fn cases(shop: &mut crate::support::Shop) -> Vec<String> {
    let listed = shop.operations.list_cases(v1::ListCasesRequest::default()).await.unwrap().into_inner();
    let mut ids: Vec<_> = listed.cases.into_iter().map(|case| case.case_id).collect();
    ids.sort();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_taken_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let dev = Process::dev(&data, &[]).await;
    let mut shop = dev.shop().await;
    let day = today().checked_sub(1.day()).unwrap();
    let file = dir.path().join("bill.csv");
    // More than waits on the way to the core: part of it is there when the end turns out to be missing.
    statement(&file, day, 100_000, |_| 100);
    let whole = fs::read(&file).unwrap();
    let date = day.to_string();
    let import = async |date: &str| {
        let file = file.to_str().unwrap();
        ask(&dev, &["reconcile", "import", "--account", "wechatpay", "--date", date, file]).await
    };

    fs::write(&file, &whole[..whole.len() - 30]).unwrap();
    let (ok, out, err) = import(&date).await;
    assert!(
        !ok && err.contains("bill.csv: the statement, line 100003:") && err.contains("fetch it again"),
        "{out}{err}"
    );
    assert_eq!(cases(&mut shop).await, Vec::<String>::new(), "a part was taken for the whole");
    let show = ["reconcile", "show", "--account", "wechatpay", "--date", &date];
    let (ok, out, err) = ask(&dev, &show).await;
    assert!(!ok && err.contains("it was not sent whole"), "{out}{err}");

    fs::write(&file, "hello").unwrap();
    let (ok, _, err) = import(&date).await;
    assert!(!ok && err.contains("bill.csv") && err.contains("no statement of a platform"), "{err}");
    fs::write(&file, &whole).unwrap();
    let (ok, _, err) = import(&today().to_string()).await;
    assert!(!ok && err.contains("not over"), "{err}");
    let (ok, out, err) = import(&day.checked_sub(1.day()).unwrap().to_string()).await;
    assert!(!ok && err.contains("statement of another day"), "{out}{err}");
    assert_eq!(cases(&mut shop).await, Vec::<String>::new());
    assert!(dev.terminate().await);
}

/// Our record of a day, as it stands after as many callbacks: what reconciliation reads of it. The rest of the rows would
/// take longer to make than all that is measured here.
async fn fill(url: &str, day: Date, n: u64) {
    let from = tz::offset(8).to_timestamp(day.at(0, 0, 0, 0)).unwrap().as_microsecond();
    let observations = format!(
        "INSERT INTO observation (fact_key, notification_id, provider, account, kind, out_trade_no, transaction_id, \
           status, amount_minor, currency, cumulative, occurred_at, recorded_at) \
         SELECT sha256(('{day}' || i)::bytea), gen_random_uuid(), 'wechatpay', 'wechatpay', 'PAYMENT', 'L{day}-' || i, \
           'T{day}-' || i, 'SUCCEEDED', 100, 'CNY', false, at, at \
         FROM generate_series(1, {n}) AS i, LATERAL (SELECT {from} + i * (86400000000 / ({n} + 1)) AS at) AS time"
    );
    let money = format!(
        "INSERT INTO payment_txn (transaction_id, account, provider, kind, order_id, amount_minor, currency, fact_key) \
         SELECT 'T{day}-' || i, 'wechatpay', 'wechatpay', 'PAYMENT', 'O{day}-' || i, 100, 'CNY', \
           sha256(('{day}' || i)::bytea) FROM generate_series(1, {n}) AS i"
    );
    let statements =
        ["SET session_replication_role = replica", &observations, &money, "ANALYZE observation, payment_txn"];
    psql(url, &statements).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stderr, reason = "says how long each day took")]
async fn a_large_day_takes_as_long_as_it_has_lines() {
    let largest = std::env::var("PAYSTATE_RECONCILE_LINES").ok();
    let wanted = largest.as_ref().map_or(LINES, |n| n.parse().expect("PAYSTATE_RECONCILE_LINES is a number"));
    let postgres = Postgres::start().await;
    let (home, data) = home().await;
    let config = data.join("paystate.toml");
    let written = fs::read_to_string(&config).unwrap().replace("sqlite:paystate.db", &postgres.url());
    fs::write(&config, written).unwrap();
    let (migrated, out, err) = run(paystate(&["migrate", "--config", config.to_str().unwrap()])).await;
    assert!(migrated, "{out}{err}");
    let core = Process::role("core", &config, &[], "core metrics").await;
    for (ago, n) in [(4, wanted / 100), (3, wanted / 10), (2, wanted)] {
        let day = today().checked_sub(ago.days()).unwrap();
        fill(&postgres.url(), day, n).await;
        let file = home.path().join("bill.csv");
        // One amount is wrong.
        statement(&file, day, n, |i| if i == 7 { 101 } else { 100 });
        let (begun, date) = (Instant::now(), day.to_string());
        let url = format!("http://{}", core.address("core"));
        let words = ["reconcile", "import", "--account", "wechatpay", "--date", &date, "--json", "--core", &url];
        let output = paystate(&[&words[..], &[file.to_str().unwrap()]].concat()).output().await.unwrap();
        let took = begun.elapsed();
        let result: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let peak = core.peak_bytes();
        eprintln!("{n:>8} lines: {:.2} s, at most {} MiB", took.as_secs_f64(), peak >> 20);
        assert_eq!(
            (&result["lineCount"], &result["matchedCount"]),
            (&json!(n.to_string()), &json!((n - 1).to_string()))
        );
        assert_eq!(result["differences"][0]["outTradeNo"], format!("L{day}-7"));
        assert_eq!(result["differenceCount"], "1");
        if largest.is_some() && !cfg!(debug_assertions) {
            assert!(took <= BARS.0 && peak <= BARS.1, "{took:?} {peak}");
        }
    }
    assert!(core.terminate().await);
}
