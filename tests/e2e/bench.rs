//! The load generator against its own stack: its figures add up, and agree with what the core says.

use serde_json::Value;

use crate::support::{paystate, run};

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
async fn nonsense_is_refused_before_anything_starts() {
    let cases: [(&[&str], &str); 5] = [
        (&["--mix", "paypal=1"], "alipay, wechatpay, unionpay, stripe"),
        (&["--rate", "0"], "0.1 to 1000000"),
        (&["--find-peak", "--rate", "5"], "cannot be used with"),
        (&["--cores", "2"], "SQLite has one core"),
        (&["--baseline", "pgbench", "--seconds", "1"], "needs a --database of PostgreSQL"),
    ];
    for (args, expected) in cases {
        let (ok, out, err) = run(paystate(&[&["bench"], args].concat())).await;
        assert!(!ok && out.is_empty() && err.contains(expected), "{args:?}: {out}{err}");
    }
}
