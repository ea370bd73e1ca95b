//! A real `kill -9`: another process pays until it is killed in the middle, this one picks up its journal.

use std::{
    collections::HashSet,
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use aws_lc_rs::digest::{SHA256, digest};
use paystate_providers::Provider;
use paystate_sandbox::{Sandbox, Settings};

use super::support::{Edge, PATIENCE, data_dir, open, pay};

const DIR: &str = "PAYSTATE_SANDBOX_TEST_DIR";
const URL: &str = "PAYSTATE_SANDBOX_TEST_URL";
const CA: &str = "PAYSTATE_SANDBOX_TEST_CA";

/// The process that is killed.
#[tokio::test]
#[ignore = "started by the test below, in a process of its own"]
async fn pays_until_killed() {
    let variable = |name: &str| env::var(name).expect("set by the other test");
    let settings = Settings::new(PathBuf::from(variable(DIR)), variable(URL), variable(CA).into_bytes());
    let sandbox = Sandbox::open(settings).await.expect("a sandbox");
    for n in 0.. {
        sandbox.pay(pay(Provider::Alipay, &format!("T{n}"), 1)).await.expect("paid");
        tokio::task::yield_now().await;
    }
}

fn start_child(dir: &Path, edge: &Edge) -> std::process::Child {
    Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "kill::pays_until_killed", "--ignored"])
        .env(DIR, dir)
        .env(URL, &edge.url)
        .env(CA, &edge.ca_pem)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process")
}

#[tokio::test]
async fn nothing_that_was_sent_is_forgotten() {
    let dir = data_dir();
    // Half of the sends are refused at first, so that some notices are between two sends when the kill comes.
    let edge =
        Edge::start(|n, _| if n % 2 == 0 { (200, "success".to_owned()) } else { (503, "fail".to_owned()) }).await;
    let mut child = start_child(dir.path(), &edge);
    edge.until(50).await;
    child.kill().expect("SIGKILL");
    child.wait().expect("gone");

    let sandbox = open(dir.path(), &edge).await;
    let before: HashSet<_> = sandbox.ledger().notices.into_iter().map(|notice| notice.body_sha256).collect();
    let sent = edge.seen();
    assert!(sent.len() >= 50);
    for seen in sent {
        let hash = hex::encode(digest(&SHA256, &seen.body));
        assert!(before.contains(&hash), "a notice was sent before it was written");
    }
    assert!(sandbox.quiesce(PATIENCE).await);
    let ledger = sandbox.ledger();
    assert_eq!(ledger.trades.len(), ledger.notices.len(), "no trade without its notice");
    let seen: HashSet<_> = edge.seen().iter().map(|seen| hex::encode(digest(&SHA256, &seen.body))).collect();
    assert!(ledger.notices.iter().all(|notice| seen.contains(&notice.body_sha256)));
    assert!(ledger.notices.iter().all(|notice| notice.acked || notice.exhausted));
}
