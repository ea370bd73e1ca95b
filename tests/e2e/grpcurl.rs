//! What an SRE types: the lines that `dev` prints work as printed.

use std::path::PathBuf;

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

use crate::support::{Process, run};

/// grpcurl, from `PAYSTATE_GRPCURL` or the search path.
fn grpcurl() -> Option<PathBuf> {
    let named = std::env::var_os("PAYSTATE_GRPCURL").map(PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    named.or_else(|| std::env::split_paths(&paths).map(|p| p.join("grpcurl")).find(|p| p.is_file()))
}

async fn shell(line: &str, grpcurl: &std::path::Path) -> (bool, String, String) {
    let mut command = Command::new("sh");
    let path = format!("{}:{}", grpcurl.parent().unwrap().display(), std::env::var("PATH").unwrap_or_default());
    command.args(["-c", line]).env("PATH", path).kill_on_drop(true);
    run(command).await
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stderr, reason = "says plainly that it was skipped")]
async fn the_printed_lines_work_as_printed() {
    let Some(grpcurl) = grpcurl() else {
        eprintln!("skipped: no grpcurl; tests/run installs it, or set PAYSTATE_GRPCURL");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let dev = Process::dev(&dir.path().join("data"), &[]).await;
    let core = dev.address("core");
    let lines: Vec<_> = dev.printed.lines().filter(|l| l.contains("grpcurl ") || l.contains("curl ")).collect();
    assert_eq!(lines.len(), 4, "{}", dev.printed);
    for line in &lines[..3] {
        let (ok, out, err) = shell(line, &grpcurl).await;
        assert!(ok, "{line}\n{out}{err}");
    }
    dev.shop().await.until("A1", paystate_proto::v1::OrderState::Paid).await;
    let (ok, story, err) = shell(lines[3], &grpcurl).await;
    assert!(ok, "{err}");
    for expected in ["ORDER_STATE_PAID", "PAYMENT_STARTED", "TRADE_SUCCESS", "nextStep", "****"] {
        assert!(story.contains(expected), "{expected:?} is missing in {story}");
    }

    let (ok, services, _) = shell(&format!("grpcurl -plaintext {core} list"), &grpcurl).await;
    assert!(ok && services.contains("paystate.v1.OrderService") && !services.contains("ProviderGateway"), "{services}");
    let describe = format!("grpcurl -plaintext {core} describe paystate.v1.OrderService.CreateOrder");
    let (ok, text, _) = shell(&describe, &grpcurl).await;
    assert!(ok && text.contains("CreateOrderRequest"), "{text}");

    // An error says what, where, and what to do, in details that a program can read too.
    let bad = r#"{"order_id":"no spaces","amount":{"amount_minor":-1,"currency":"cny"}}"#;
    let line = format!("grpcurl -plaintext -d '{bad}' {core} paystate.v1.OrderService/CreateOrder");
    let (ok, _, error) = shell(&line, &grpcurl).await;
    assert!(!ok);
    for expected in
        ["InvalidArgument", "google.rpc.BadRequest", "order_id", "amount.currency", "\"domain\": \"paystate\""]
    {
        assert!(error.contains(expected), "{expected:?} is missing in {error}");
    }
    let line = format!("grpcurl -plaintext -d '{{}}' {core} paystate.v1.OperationsService/ResolveCase");
    let (_, _, error) = shell(&line, &grpcurl).await;
    assert!(error.contains("Unimplemented") && error.contains("not available in this version"), "{error}");
    let page = format!("curl -s http://{}/metrics", dev.address("edge metrics"));
    let (ok, metrics, _) = shell(&page, &grpcurl).await;
    assert!(ok && metrics.contains(r#"paystate_callbacks_total{provider="alipay""#), "{metrics}");
    // Somebody who watches the health for ever does not keep the process from stopping.
    let mut watch = Command::new(&grpcurl);
    watch.args(["-plaintext", &core.to_string(), "grpc.health.v1.Health/Watch"]).kill_on_drop(true);
    let mut watch = watch.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut first = BufReader::new(watch.stdout.take().unwrap()).lines();
    assert!(first.next_line().await.unwrap().is_some());
    assert!(dev.terminate().await);
}
