//! Core, edge and stand-in platforms as three processes.

use paystate_proto::v1::OrderState;
use serde_json::json;

use crate::support::{Process, home, https, quiet_address, sandbox};

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_says_try_again_while_the_core_is_away_and_never_anything_else() {
    let (_dir, data) = home().await;
    let config = data.join("paystate.toml");
    let core_address = quiet_address().to_string();
    let core = Process::role("core", &config, &[("PAYSTATE__CORE__LISTEN", &core_address)], "core metrics").await;
    let core_url = format!("http://{core_address}");
    let edge = Process::role("edge", &config, &[("PAYSTATE__EDGE__CORE", &core_url)], "edge metrics").await;
    let edge_url = format!("https://{}", edge.address("edge"));
    let env = [("PAYSTATE__SANDBOX__EDGE_URL", edge_url.as_str()), ("PAYSTATE__SANDBOX__TIME_COMPRESSION", "60")];
    let platforms = Process::role("sandbox", &config, &env, "sandbox").await;
    core.shop().await.sell("o1", "unionpay", "ROLES00001", 500).await.unwrap();
    core.kill().await;

    let pay = json!({"account": "unionpay", "out_trade_no": "ROLES00001", "amount_minor": 500});
    sandbox(&platforms, &data, "pay", &pay).await.unwrap();
    let (status, body) = https(edge.address("edge"), &data, "GET /readyz", "").await.unwrap();
    assert_eq!(status, 503, "{body}");
    // A refused callback is refused with or without a core: nothing of it is worth another try.
    let (status, body) = https(edge.address("edge"), &data, "POST /callback/stripe/stripe", "{}").await.unwrap();
    assert_eq!(status, 400, "{body}");

    // The core is back at its address; the platform's retries do the rest.
    let core = Process::role("core", &config, &[("PAYSTATE__CORE__LISTEN", &core_address)], "core metrics").await;
    let order = core.shop().await.until("o1", OrderState::Paid).await;
    assert_eq!(order.version, 3);
    for process in [platforms, edge, core] {
        assert!(process.terminate().await);
    }
}
