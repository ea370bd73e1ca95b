//! What a checkout does: it creates an order, says how it can be paid, and waits until its fate is known.
//!
//!     cargo run -p paystate-client --example order -- --goods "mug x2" --amount 1999

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is what a person asked for")]

use std::process::ExitCode;

use clap::Parser;
use paystate_client::{
    Channel, Connect, Refusal,
    v1::{self, order_service_client::OrderServiceClient},
};
use tonic::{Code, Status};

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
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let mut orders = OrderServiceClient::new(Connect::to(&options.core).open().await?);
    let unique: u64 = rand::random();
    let (order_id, number) = (format!("order-{unique:016x}"), format!("T{unique:016x}"));
    place(&mut orders, &options, &order_id, &number).await.map_err(Refusal::from)?;
    let Options { sandbox, account, goods, amount, .. } = options;
    println!("order {order_id}: {goods} for {}.{:02} CNY. Pay it:\n", amount / 100, amount % 100);
    let pay = format!(r#"{{"account":"{account}","out_trade_no":"{number}","amount_minor":{amount}}}"#);
    println!("  curl -sk {sandbox}/pay -d '{pay}'\n");
    Ok(wait(&mut orders, &order_id).await.map_err(Refusal::from)?)
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

/// Prints each change until nothing more is expected. A stream that is lost is opened again: it begins with the order as
/// it is.
async fn wait(orders: &mut OrderServiceClient<Channel>, order_id: &str) -> Result<(), Status> {
    loop {
        let request = v1::WatchOrderRequest { order_id: order_id.to_owned(), until_cancelled: false };
        let mut changes = orders.watch_order(request).await?.into_inner();
        let lost = loop {
            match changes.message().await {
                Ok(Some(change)) => {
                    let order = change.order.unwrap_or_default();
                    println!("version {}: {}", order.version, order.state().as_str_name());
                }
                Ok(None) => return Ok(()),
                Err(lost) => break lost,
            }
        };
        if !matches!(lost.code(), Code::Unavailable | Code::Unknown | Code::Internal) {
            return Err(lost);
        }
    }
}
