//! Calls to platforms: what the core is answered, whatever the platform does.

mod calls;
mod platform;
mod server;
mod statements;

use std::{sync::Arc, time::Duration};

use paystate_edge::{
    Account, Accounts,
    gateway::{Gateway, GatewayLimits, serve_gateway},
};
use paystate_proto::v1::{
    Money, PlatformAnswer, QueryPaymentRequest, RefundRequest,
    provider_gateway_service_client::ProviderGatewayServiceClient,
};
use paystate_providers::Provider;
use paystate_rpc::Callers;
use prost_types::Timestamp;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use self::{
    platform::Fake,
    server::{Server, Step},
};
use crate::core::channel;

/// A gateway with one account that can be called, `shop`, and one that cannot, `mute`.
struct Rig {
    client: ProviderGatewayServiceClient<Channel>,
    channel: Channel,
    server: Server,
    shutdown: CancellationToken,
    served: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl Rig {
    async fn start(script: impl IntoIterator<Item = Step>) -> Self {
        Self::with(GatewayLimits::default(), script).await
    }

    async fn with(limits: GatewayLimits, script: impl IntoIterator<Item = Step>) -> Self {
        let server = Server::start(script).await;
        let api = Fake::api(server.base.clone(), &server.ca);
        Self::around(limits, server, api).await
    }

    async fn around(limits: GatewayLimits, server: Server, api: paystate_edge::Api) -> Self {
        let platform = Arc::new(crate::platform::Fake { asked: watch::Sender::new(0) });
        let account = |api| Account { provider: Provider::Alipay, platform: platform.clone(), api };
        let accounts = Accounts::from([("shop".to_owned(), account(Some(api))), ("mute".to_owned(), account(None))]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let channel = channel(&listener.local_addr().unwrap().to_string());
        let shutdown = CancellationToken::new();
        let gateway = Gateway::new(accounts, limits);
        let served = tokio::spawn(serve_gateway(listener, Callers::Anybody, gateway, shutdown.clone(), Duration::ZERO));
        Self { client: ProviderGatewayServiceClient::new(channel.clone()), channel, server, shutdown, served }
    }

    /// Asks how payment `o1` stands.
    async fn query(&mut self) -> PlatformAnswer {
        self.client.query_payment(query("shop")).await.unwrap().into_inner().answer.unwrap()
    }
}

fn money(minor: i64) -> Option<Money> {
    Some(Money { amount_minor: minor, currency: "CNY".to_owned() })
}

fn time() -> Option<Timestamp> {
    Some(Timestamp { seconds: 1_795_312_800, nanos: 0 })
}

fn query(account: &str) -> QueryPaymentRequest {
    QueryPaymentRequest {
        account: account.to_owned(),
        out_trade_no: "o1".to_owned(),
        start_time: time(),
        amount: money(1230),
        ..Default::default()
    }
}

fn refund() -> RefundRequest {
    RefundRequest {
        account: "shop".to_owned(),
        out_trade_no: "o1".to_owned(),
        out_refund_no: "r1".to_owned(),
        amount: money(30),
        paid_amount: money(1230),
        start_time: time(),
        ..Default::default()
    }
}
