//! Redis comes and goes; the service stays, and says how it is.

use std::{path::Path, process::Stdio, time::Instant};

use paystate_proto::v1::OrderState;
use serde_json::json;
use tokio::process::{Child, Command};

use crate::support::{Process, SOON, https, sandbox};

fn redis(socket: &Path) -> Child {
    let mut command = Command::new("redis-server");
    command.args(["--port", "0", "--save", "", "--unixsocket"]).arg(socket).stdout(Stdio::null());
    command.kill_on_drop(true).spawn().expect("redis-server starts")
}

async fn ready(process: &Process, data: &Path, expected: &str) {
    let begun = Instant::now();
    loop {
        let (status, body) = https(process.address("edge"), data, "GET /readyz", "").await.unwrap();
        assert_eq!(status, 200, "{body}");
        if body == expected {
            return;
        }
        assert!(begun.elapsed() < SOON, "{expected:?} is expected, not {body:?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_goes_on_without_redis_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (data, socket) = (dir.path().join("data"), dir.path().join("redis.sock"));
    let urls = format!("['unix:{}']", socket.display());
    let dev = Process::dev(&data, &[("PAYSTATE__CORE__REDIS__URLS", &urls)]).await;
    let pay = async |number: &str| {
        let order_id = format!("order-{number}");
        dev.shop().await.sell(&order_id, "unionpay", number, 500).await.unwrap();
        let payment = json!({"account": "unionpay", "out_trade_no": number, "amount_minor": 500});
        sandbox(&dev, &data, "pay", &payment).await.unwrap();
        dev.shop().await.until(&order_id, OrderState::Paid).await;
    };

    ready(&dev, &data, "ok degraded=redis\n").await;
    pay("WITHOUT00001").await;
    let mut server = redis(&socket);
    ready(&dev, &data, "ok\n").await;
    pay("WITH00000001").await;
    server.kill().await.unwrap();
    ready(&dev, &data, "ok degraded=redis\n").await;
    pay("WITHOUT00002").await;
    assert!(dev.terminate().await);
}
