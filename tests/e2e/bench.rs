//! The load generator against its own stack: its figures add up, and agree with what the core says.

use serde_json::Value;

use crate::{
    servers::Postgres,
    support::{home, paystate, run},
};

async fn bench(args: &[&str]) -> (Value, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let (json, html) = (dir.path().join("b.json"), dir.path().join("b.html"));
    let files = ["--json", json.to_str().unwrap(), "--html", html.to_str().unwrap()];
    let (ok, out, err) = run(paystate(&[&["bench"], args, &files].concat())).await;
    assert!(ok, "{out}{err}");
    let value = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    (value, std::fs::read_to_string(html).unwrap(), out)
}

#[tokio::test]
async fn figures_add_up_and_every_acknowledged_order_is_paid() {
    let load = ["--rate", "200", "--seconds", "3", "--connections", "32"];
    let shares = ["--duplicates", "0.5", "--forgeries", "0.1", "--mix", "alipay=1,wechatpay=1,unionpay=1,stripe=1"];
    let (value, html, out) = bench(&[&load[..], &shares].concat()).await;
    let run = &value["runs"][0];
    let n = |name: &str| run[name].as_u64().unwrap_or_else(|| panic!("{name}: {run}"));
    assert!((450..750).contains(&n("offered")), "{run}");
    assert_eq!(n("offered"), n("sent") + n("not_sent"), "{run}");
    let ends = ["new", "duplicates", "refused", "unavailable", "no_answer", "wrong"];
    assert_eq!(n("sent"), ends.into_iter().map(n).sum::<u64>(), "{run}");
    assert!(n("new") > 100 && n("duplicates") > 100 && n("refused") > 20 && n("wrong") == 0, "{run}");
    let statuses = run["statuses"].as_object().unwrap().values().map(|v| v.as_u64().unwrap()).sum::<u64>();
    assert_eq!(statuses, n("sent") - n("no_answer"), "{run}");

    let timeline = run["timeline"].as_array().unwrap();
    let sum = |name: &str| timeline.iter().map(|s| s[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("offered"), sum("new"), sum("duplicates")), (n("offered"), n("new"), n("duplicates")), "{run}");
    let latency = &run["latency"]["new"];
    assert_eq!(latency["count"].as_u64(), Some(n("new")), "{run}");
    let ms = |name: &str| latency[name].as_f64().unwrap();
    assert!(0.0 < ms("p50_ms") && ms("p50_ms") <= ms("p99_ms") && ms("p99_ms") <= ms("max_ms"), "{latency}");

    // What came in through the core's door is what was answered; the guard may answer a duplicate before it.
    let inputs = run["database"]["inputs_per_commit"].as_f64().unwrap() * run["database"]["commits"].as_f64().unwrap();
    assert!(inputs.round() >= run["new"].as_f64().unwrap(), "{run}");
    let names: Vec<_> = run["processes"].as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["generator", "edge", "core"]);
    assert!(run["processes"].as_array().unwrap().iter().all(|p| p["cpu_seconds"].as_f64().unwrap() > 0.0), "{run}");
    assert!(out.contains("the invariants hold") && html.contains("<svg") && !html.contains("http"), "{out}");
}

#[tokio::test]
async fn a_service_that_refuses_is_reported_and_not_hidden() {
    // One callback at a time in the edge: most of these find no place.
    let load = ["--rate", "600", "--seconds", "2", "--connections", "64", "--new-connections"];
    let (value, _, out) = bench(&[&load[..], &["--set", "edge.limits.max_in_flight=1"]].concat()).await;
    let run = &value["runs"][0];
    assert!(run["unavailable"].as_u64().unwrap() > 0 && run["statuses"]["503"].as_u64().unwrap() > 0, "{run}");
    assert!(out.contains("unavailable") && run["latency"]["unavailable"]["count"] == run["unavailable"], "{out}");
}

#[tokio::test]
async fn every_subscriber_sees_every_event_beside_some_that_read_nothing() {
    let load = ["--rate", "200", "--seconds", "3", "--connections", "32", "--duplicates", "0.5"];
    let (value, html, out) = bench(&[&load[..], &["--subscribers", "12", "--stalled", "3"]].concat()).await;
    let (run, seen) = (&value["runs"][0], &value["runs"][0]["subscribers"]);
    let n = |name: &str| seen[name].as_u64().unwrap_or_else(|| panic!("{name}: {run}"));
    assert_eq!((n("living"), n("stalled"), n("missing"), n("repeated"), n("ended")), (9, 3, 0, 0, 0), "{run}");
    // The orders were made before: in the run each is paid once, and that is one event.
    assert_eq!(n("delivered"), 9 * run["new"].as_u64().unwrap(), "{run}");
    assert_eq!(seen["latency"]["count"], seen["delivered"], "{run}");
    assert!(seen["latency"]["p50_ms"].as_f64().unwrap() > 0.0, "{run}");
    assert!(out.contains("3 more streams that read nothing") && html.matches("<svg").count() == 4, "{out}");
}

/// Constraints, indexes and options of all tables but those of a month.
const KEYS: &str = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename !~ '[0-9]{4}_[0-9]{2}$' \
     UNION ALL SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint \
     WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text !~ '[0-9]{4}_[0-9]{2}$' \
     UNION ALL SELECT relname || ' ' || reloptions::text FROM pg_class \
     WHERE relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL AND relname !~ '[0-9]{4}_[0-9]{2}$' ORDER BY 1";

#[tokio::test]
async fn a_past_is_filled_in_over_which_the_invariants_hold() {
    let postgres = Postgres::start().await;
    let (url, (_home, data)) = (postgres.url(), home().await);
    let config = data.join("paystate.toml");
    let mut migrate = paystate(&["migrate", "--config", config.to_str().unwrap()]);
    migrate.env("PAYSTATE__CORE__DATABASE", &url);
    let (migrated, _, err) = run(migrate).await;
    assert!(migrated, "{err}");
    let keys = postgres.sql(KEYS).await;

    // A first past, one that is added to it, and one that is there already.
    for history in [999_u64, 25_000, 100] {
        let load = ["--rate", "50", "--seconds", "1", "--connections", "4", "--mix", "stripe=1", "--database", &url];
        let follow = ["--cores", "2", "--subscribers", "3", "--history", &history.to_string()];
        let before = postgres.sql("SELECT count(*) FROM notice").await.parse::<u64>().unwrap();
        let (value, _, out) = bench(&[&load[..], &follow].concat()).await;
        let (past, run) = (&value["history"], &value["runs"][0]);
        assert_eq!(past["filled"].as_u64(), Some(history.saturating_sub(before)), "{past}");
        assert_eq!(past["callbacks"].as_u64(), Some(before.max(history)), "{past}");
        assert_eq!(run["subscribers"]["missing"].as_u64(), Some(0), "{run}");
        assert!(out.contains("the invariants hold"), "{out}");
        assert_eq!(postgres.sql(KEYS).await, keys);
    }
    for table in ["notice", "notification", "observation", "payment_txn", "payment", "orders"] {
        let stored = postgres.sql(&format!("SELECT count(*) >= 25000 FROM {table}")).await;
        assert_eq!(stored, "t", "{table}");
    }
    assert_eq!(postgres.sql("SELECT count(*) FROM order_event_other").await, "0");
}

#[tokio::test]
async fn nonsense_is_refused_before_anything_starts() {
    let cases: [(&[&str], &str); 8] = [
        (&["--mix", "paypal=1"], "alipay, wechatpay, unionpay, stripe"),
        (&["--rate", "0"], "0.1 to 1000000"),
        (&["--find-peak", "--rate", "5"], "cannot be used with"),
        (&["--cores", "2"], "SQLite has one core"),
        (&["--baseline", "pgbench", "--seconds", "1"], "needs a --database of PostgreSQL"),
        (&["--history", "10"], "--history needs a --database of PostgreSQL"),
        (&["--stalled", "1"], "--subscribers"),
        (&["--subscribers", "1", "--stalled", "2"], "--stalled: these are some of the --subscribers"),
    ];
    for (args, expected) in cases {
        let (ok, out, err) = run(paystate(&[&["bench"], args].concat())).await;
        assert!(!ok && out.is_empty() && err.contains(expected), "{args:?}: {out}{err}");
    }
}
