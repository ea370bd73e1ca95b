//! The shop's side: an order service that knows paystate by its contract alone.

use std::net::SocketAddr;

use paystate_proto::v1::{
    self, operations_service_client::OperationsServiceClient, order_service_client::OrderServiceClient,
};
use tonic::transport::{Channel, Endpoint};

use super::script::Story;

/// Rows of a page.
const PAGE: i32 = 500;

/// Clients of the core.
#[derive(Debug, Clone)]
pub(super) struct Shop {
    channel: Channel,
    orders: OrderServiceClient<Channel>,
    operations: OperationsServiceClient<Channel>,
}

pub(super) fn failed(status: tonic::Status) -> String {
    format!("the core answered {:?}: {}", status.code(), status.message())
}

impl Shop {
    pub(super) async fn connect(core: SocketAddr) -> Result<Self, String> {
        let endpoint = Endpoint::from_shared(format!("http://{core}")).map_err(|e| e.to_string())?;
        let channel = endpoint.connect().await.map_err(|e| format!("cannot reach the core at {core}: {e}"))?;
        Ok(Self {
            orders: OrderServiceClient::new(channel.clone()),
            operations: OperationsServiceClient::new(channel.clone()),
            channel,
        })
    }

    /// The way to the core, for the operator's commands.
    pub(super) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Creates the order and registers its payment.
    pub(super) async fn sell(&self, story: &Story) -> Result<(), String> {
        self.create(&story.order_id, story.amount_minor, story.currency).await?;
        let start = v1::StartPaymentRequest {
            order_id: story.order_id.clone(),
            account: story.provider.as_str().into(),
            method: v1::PaymentMethod::External.into(),
            out_trade_no: story.out_trade_no.clone(),
            ..Default::default()
        };
        self.start(start).await.map(drop).map_err(failed)
    }

    pub(super) async fn create(&self, order_id: &str, amount_minor: i64, currency: &str) -> Result<(), String> {
        let create = v1::CreateOrderRequest {
            order_id: order_id.into(),
            amount: Some(v1::Money { amount_minor, currency: currency.into() }),
            request_id: format!("create-{order_id}"),
            expire_time: None,
            description: "demo".into(),
        };
        self.orders.clone().create_order(create).await.map(drop).map_err(failed)
    }

    pub(super) async fn start(
        &self,
        request: v1::StartPaymentRequest,
    ) -> Result<v1::StartPaymentResponse, tonic::Status> {
        self.orders.clone().start_payment(request).await.map(tonic::Response::into_inner)
    }

    /// Ends the order. `vouched`: the shop has closed the payment at the platform itself.
    pub(super) async fn close(&self, order_id: &str, vouched: bool) -> Result<(), String> {
        let close = v1::CloseOrderRequest {
            order_id: order_id.into(),
            reason: "demo".into(),
            payments_closed_by_caller: vouched,
        };
        self.orders.clone().close_order(close).await.map(drop).map_err(failed)
    }

    pub(super) async fn refund(&self, request: v1::CreateRefundRequest) -> Result<(), String> {
        self.orders.clone().create_refund(request).await.map(drop).map_err(failed)
    }

    /// Waits until the order is in this state.
    pub(super) async fn until(&self, order_id: &str, state: v1::OrderState) -> Result<(), String> {
        let request = v1::WatchOrderRequest { order_id: order_id.into(), until_cancelled: true };
        let mut stream = self.orders.clone().watch_order(request).await.map_err(failed)?.into_inner();
        while let Some(change) = stream.message().await.map_err(failed)? {
            if change.order.is_some_and(|order| order.state() == state) {
                return Ok(());
            }
        }
        Err("the core ended the stream".to_owned())
    }

    pub(super) async fn orders(&self, ids: Vec<String>) -> Result<Vec<v1::Order>, String> {
        let mut found = Vec::new();
        for ids in ids.chunks(500) {
            let request = v1::BatchGetOrdersRequest { order_ids: ids.to_vec() };
            found.extend(self.orders.clone().batch_get_orders(request).await.map_err(failed)?.into_inner().orders);
        }
        Ok(found)
    }

    pub(super) async fn notifications(&self) -> Result<Vec<v1::Notification>, String> {
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = v1::ListNotificationsRequest { page_size: PAGE, page_token, ..Default::default() };
            let page = self.operations.clone().list_notifications(request).await.map_err(failed)?.into_inner();
            all.extend(page.notifications);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(all);
            }
        }
    }

    pub(super) async fn cases(&self) -> Result<Vec<v1::Case>, String> {
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = v1::ListCasesRequest { page_size: PAGE, page_token, ..Default::default() };
            let page = self.operations.clone().list_cases(request).await.map_err(failed)?.into_inner();
            all.extend(page.cases);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(all);
            }
        }
    }

    pub(super) async fn audit(&self) -> Result<Vec<v1::InvariantResult>, String> {
        let answer = self.operations.clone().verify_audit(v1::VerifyAuditRequest {}).await.map_err(failed)?;
        Ok(answer.into_inner().results)
    }
}
