//! What a checkout does: it creates an order, says how it can be paid, and waits until its fate is known.
//!
//!     cargo run -p paystate-client --example order -- --goods "mug x2" --amount 1999

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is what a person asked for")]

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use paystate_client::{
    Backoff, Channel, Connect, Refusal,
    v1::{self, OrderState, order_service_client::OrderServiceClient},
};
use tokio::time::sleep;
use tonic::Status;

/// Creates an order and waits for its payment.
#[derive(Debug, Parser)]
struct Options {
    /// URL of the core.
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    core: String,
    /// URL of the stand-in platforms, for the line that pays.
    #[arg(long, default_value = "https://127.0.0.1:7443")]
    sandbox: String,
    /// Through which account.
    #[arg(long, default_value = "alipay")]
    account: String,
    /// What is sold: SKU xQUANTITY.
    #[arg(long, default_value = "mug x2")]
    goods: String,
    /// The price in minor units of CNY.
    #[arg(long, default_value_t = 1999)]
    amount: i64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(OrderState::Paid) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<OrderState, Box<dyn std::error::Error>> {
    let mut orders = OrderServiceClient::new(Connect::to(&options.core).open().await?);
    let unique: u64 = rand::random();
    let (order_id, number) = (format!("order-{unique:016x}"), format!("T{unique:016x}"));
    place(&mut orders, &options, &order_id, &number).await.map_err(Refusal::from)?;
    let Options { sandbox, account, goods, amount, .. } = options;
    println!("order {order_id}: {goods} for {}.{:02} CNY. Pay it:\n", amount / 100, amount % 100);
    let pay = format!(r#"{{"account":"{account}","out_trade_no":"{number}","amount_minor":{amount}}}"#);
    println!("  curl -sk {sandbox}/pay -d '{pay}'\n");
    Ok(settled(&mut orders, &order_id).await?)
}

/// Makes the order and its payment known. A real shop would also start the payment at the platform, under `number`.
async fn place(
    orders: &mut OrderServiceClient<Channel>,
    options: &Options,
    order_id: &str,
    number: &str,
) -> Result<(), Status> {
    let order = v1::CreateOrderRequest {
        order_id: order_id.to_owned(),
        amount: Some(v1::Money { amount_minor: options.amount, currency: "CNY".to_owned() }),
        description: options.goods.clone(),
        // Makes it safe to repeat the call, should its answer be lost.
        request_id: format!("create-{order_id}"),
        ..Default::default()
    };
    orders.create_order(order).await?;
    let payment = v1::StartPaymentRequest {
        order_id: order_id.to_owned(),
        account: options.account.clone(),
        method: v1::PaymentMethod::External.into(),
        out_trade_no: number.to_owned(),
        request_id: format!("start-{order_id}"),
        ..Default::default()
    };
    orders.start_payment(payment).await?;
    Ok(())
}

/// Watches until nothing more is expected, and answers with the state. Only a final state says so, never the end of a
/// stream: a core that stops ends it too, and so does what is in between. Opened again, it begins with the order as it is.
async fn settled(orders: &mut OrderServiceClient<Channel>, order_id: &str) -> Result<OrderState, Refusal> {
    // Random waits, so that not all who lost the same core come back at once.
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    loop {
        match watch(orders, order_id).await.map_err(Refusal::from) {
            Ok(state) if is_final(state) => return Ok(state),
            Err(refusal) if !refusal.may_pass() => return Err(refusal),
            Ok(_) | Err(_) => sleep(backoff.wait()).await,
        }
    }
}

/// One stream, to its end: prints each change, and answers with the last state.
async fn watch(orders: &mut OrderServiceClient<Channel>, order_id: &str) -> Result<OrderState, Status> {
    let request = v1::WatchOrderRequest { order_id: order_id.to_owned(), until_cancelled: false };
    let mut changes = orders.watch_order(request).await?.into_inner();
    let mut state = OrderState::Unspecified;
    while let Some(change) = changes.message().await? {
        let order = change.order.unwrap_or_default();
        state = order.state();
        println!("version {}: {}", order.version, state.as_str_name());
    }
    Ok(state)
}

/// Whether nothing more is expected without somebody's doing.
fn is_final(state: OrderState) -> bool {
    match state {
        OrderState::Unspecified | OrderState::Created | OrderState::Pending => false,
        OrderState::Paid
        | OrderState::PartiallyRefunded
        | OrderState::Refunded
        | OrderState::Closed
        | OrderState::Abnormal => true,
    }
}
