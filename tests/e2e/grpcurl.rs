//! What an SRE types: the lines that `dev` prints, and those of docs/grpcurl.md, work as printed.

use std::path::{Path, PathBuf};

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

async fn shell(line: &str, grpcurl: &Path) -> (bool, String, String) {
    let mut command = Command::new("sh");
    let path = format!("{}:{}", grpcurl.parent().unwrap().display(), std::env::var("PATH").unwrap_or_default());
    command.args(["-c", line]).env("PATH", path).kill_on_drop(true);
    run(command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_lines_work_as_printed() {
    let grpcurl = grpcurl().expect("no grpcurl; tests/run installs it, or set PAYSTATE_GRPCURL");
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
    // What the order's state forbids has a reason of its own.
    let line = format!("grpcurl -plaintext -d '{{\"order_id\":\"A1\"}}' {core} paystate.v1.OrderService/CloseOrder");
    let (ok, _, error) = shell(&line, &grpcurl).await;
    assert!(!ok && error.contains("FailedPrecondition") && error.contains("ORDER_ALREADY_PAID"), "{error}");
    let page = format!("curl -s http://{}/metrics", dev.address("edge metrics"));
    let (ok, metrics, _) = shell(&page, &grpcurl).await;
    assert!(ok && metrics.contains(r#"paystate_callbacks_total{provider="alipay""#), "{metrics}");
    // Each call is counted by how it ended, and what an alert waits for is there before it happens.
    for (method, code) in [
        ("/paystate.v1.OrderService/CreateOrder", "OK"),
        ("/paystate.v1.OrderService/CreateOrder", "INVALID_ARGUMENT"),
        ("/paystate.v1.OrderService/CloseOrder", "FAILED_PRECONDITION"),
        ("/paystate.v1.ProviderGatewayService/Initiate", "OK"),
    ] {
        let line = format!(r#"paystate_grpc_calls_total{{method="{method}",code="{code}"}} "#);
        assert!(metrics.contains(&line), "{line} is missing in {metrics}");
    }
    for there in [
        r#"account="stripe",outcome="unavailable",reason="UNSUPPORTED"} 0"#,
        "paystate_build_info{version=",
        r#"paystate_certificate_expiry_seconds{certificate="edge.tls_certificate"}"#,
    ] {
        assert!(metrics.contains(there), "{there} is missing in {metrics}");
    }
    // Somebody who watches the health for ever does not keep the process from stopping.
    let mut watch = Command::new(&grpcurl);
    watch.args(["-plaintext", &core.to_string(), "grpc.health.v1.Health/Watch"]).kill_on_drop(true);
    let mut watch = watch.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut first = BufReader::new(watch.stdout.take().unwrap()).lines();
    assert!(first.next_line().await.unwrap().is_some());
    assert!(dev.terminate().await);
}

/// A block of docs/grpcurl.md, and what its answer contains, line by line.
#[derive(Default)]
struct Block {
    line: usize,
    typed: String,
    answer: Vec<String>,
}

fn blocks(page: &str) -> Vec<Block> {
    let (mut blocks, mut fence) = (Vec::<Block>::new(), None);
    for (line, text) in (1..).zip(page.lines()) {
        match (fence, text.strip_prefix("```")) {
            (None, Some("sh")) => {
                blocks.push(Block { line, ..Block::default() });
                fence = Some("sh");
            }
            (None, Some("json")) => fence = Some("json"),
            (None, Some(other)) => panic!("line {line}: a block of {other:?}"),
            (Some(_), Some(_)) => fence = None,
            (Some("sh"), None) => blocks.last_mut().unwrap().typed += &format!("{text}\n"),
            (Some(_), None) => blocks.last_mut().unwrap().answer.push(text.to_owned()),
            (None, None) => {}
        }
    }
    blocks
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_about_the_log_works_as_printed() {
    const CORE: &str = "CORE=127.0.0.1:50051\n";
    const NEXT: &str = "----- next block";
    let grpcurl = grpcurl().expect("no grpcurl; tests/run installs it, or set PAYSTATE_GRPCURL");
    let dir = tempfile::tempdir().unwrap();
    let dev = Process::dev(&dir.path().join("data"), &[]).await;
    let blocks = blocks(include_str!("../../docs/grpcurl.md"));
    assert!(blocks.len() > 10 && blocks[0].typed.starts_with(CORE), "the page has changed its form");
    // One shell, as on the page; only the port is another one.
    let typed: Vec<_> = blocks.iter().map(|block| block.typed.clone()).collect();
    let script = typed.join(&format!("echo '{NEXT}'\n")).replace(CORE, &format!("CORE={}\n", dev.address("core")));
    let script = format!("set -eu\ncd '{}'\n{script}", dir.path().display());
    let (ok, out, err) = shell(&script, &grpcurl).await;
    assert!(ok, "{out}{err}");
    for (block, answer) in blocks.iter().zip(out.split(NEXT)) {
        let mut lines = answer.lines();
        for expected in &block.answer {
            let found = lines.any(|line| line.starts_with(expected.as_str()));
            assert!(
                found,
                "docs/grpcurl.md:{}: {expected:?} is missing, or not in this order, in {answer}",
                block.line
            );
        }
    }
    assert!(dev.terminate().await);
}
