//! `paystate dev`: everything in one process, for a look around and for development.

use std::path::PathBuf;

use clap::Args;

use super::{
    home::{self, Platforms},
    problems, role, say,
};
use crate::{
    config::{self, Roles},
    signals::Signals,
    stack,
};

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Where keys, configuration and database are kept.
    #[arg(long, value_name = "DIR", default_value = "paystate-data")]
    data: PathBuf,
}

pub(super) async fn run(options: Options) -> Result<(), String> {
    let dir = options.data.clone();
    let file = tokio::task::spawn_blocking(move || home::prepare(&dir, Platforms::Called))
        .await
        .map_err(|e| e.to_string())??;
    let name = file.display().to_string();
    let load = |bound| config::load_bound(&file, Some(Roles::ALL), bound).map_err(|found| problems(&name, &found));
    let config = load(None)?;
    let plaintext = config.core.as_ref().is_some_and(|core| core.is_plaintext());
    let listeners = stack::bind(&config).await.map_err(|found| problems(&name, &found))?;
    let config = load(listeners.bound())?;
    let stack = stack::start(config, listeners).await.map_err(|found| problems(&name, &found))?;
    let signals = Signals::listen()?;
    say(&format!("paystate dev: data in {}\n\n{}\n", options.data.display(), role::addresses(&stack.addresses)));
    match (stack.addresses.core, stack.addresses.sandbox) {
        // The lines are to work as printed.
        (Some(core), Some(sandbox)) if plaintext => say(&tour(&core.to_string(), &sandbox.to_string())),
        (_, _) => say("Ctrl-C stops."),
    }
    role::until_stopped(stack, signals).await
}

fn tour(core: &str, sandbox: &str) -> String {
    let call = |service: &str, json: &str| format!("  grpcurl -plaintext -d '{json}' {core} paystate.v1.{service}");
    let order =
        call("OrderService/CreateOrder", r#"{"order_id":"A1","amount":{"amount_minor":1999,"currency":"CNY"}}"#);
    let start = call(
        "OrderService/StartPayment",
        r#"{"order_id":"A1","account":"alipay","method":"PAYMENT_METHOD_ALIPAY_PRECREATE","out_trade_no":"T1001"}"#,
    );
    let explain = call("OperationsService/ExplainOrder", r#"{"order_id":"A1"}"#);
    let pay = format!(
        "  curl -sk https://{sandbox}/pay -d '{}'",
        r#"{"account":"alipay","out_trade_no":"T1001","amount_minor":1999,"copies":3}"#
    );
    format!(
        "Try, in another terminal: an order, its payment, the payer pays, the whole story.\n\n{order}\n{start}\n{pay}\n{explain}\n\nCtrl-C stops."
    )
}
