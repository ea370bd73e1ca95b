//! OrderService.

use std::time::Duration;

use paystate_proto::v1::{self, order_service_server::OrderService};
use tonic::{Code, Request, Response, Status};

use super::{Core, audit, convert, error, error::Violations, now, page, watch};
use crate::{
    commit::CommandRequest,
    feed::{Follow, Position},
    order::{Command, EventFilter, OrderId, RequestId, State},
    store::OrderFilter,
};

/// Characters of a description at most.
pub(super) const MAX_DESCRIPTION: usize = 256;
/// How long a waiting caller waits for the budget of questions.
pub(super) const ASK_PATIENCE: Duration = Duration::from_secs(2);
/// Orders in one BatchGetOrders at most.
const MAX_BATCH: usize = 500;

impl Core {
    pub(super) async fn command(
        &self,
        command: Command,
        request_id: Option<RequestId>,
    ) -> Result<crate::order::Order, Status> {
        let done = self.door.command(CommandRequest { command, request_id, at: now() }).await.map_err(error::door)?;
        done.order.ok_or_else(|| Status::internal("a command on an order answered without it"))
    }

    pub(super) async fn order(&self, id: &OrderId) -> Result<crate::order::Order, Status> {
        let mut found = self.store.orders(std::slice::from_ref(id)).await.map_err(error::store)?;
        found.remove(id).ok_or_else(|| error::order_not_found(id))
    }
}

pub(super) fn order_id(violations: &mut Violations, text: &str) -> Option<OrderId> {
    violations.take("order_id", OrderId::parse(text))
}

pub(super) fn request_id(violations: &mut Violations, text: &str) -> Option<Option<RequestId>> {
    if text.is_empty() { Some(None) } else { violations.take("request_id", RequestId::parse(text)).map(Some) }
}

pub(super) fn description(violations: &mut Violations, field: &str, text: &str) {
    self::text(violations, field, text, MAX_DESCRIPTION);
}

pub(super) fn text(violations: &mut Violations, field: &str, text: &str, most: usize) {
    if text.chars().count() > most || text.chars().any(char::is_control) {
        violations.add(field, format!("must be at most {most} characters without control characters"));
    }
}

fn create(request: v1::CreateOrderRequest) -> Result<(Command, Option<RequestId>), Status> {
    let mut v = Violations::default();
    let id = order_id(&mut v, &request.order_id);
    let key = request_id(&mut v, &request.request_id);
    description(&mut v, "description", &request.description);
    let amount = convert::read_money(&mut v, "amount", request.amount.as_ref());
    if amount.is_some_and(|a| a.is_zero()) {
        v.add("amount.amount_minor", "must be more than zero");
    }
    let expires_at = request.expire_time.as_ref().and_then(|t| v.take("expire_time", convert::read_time(t)));
    let (order_id, amount, key) = v.finish(id.zip(amount).zip(key).map(|((i, a), k)| (i, a, k)))?;
    Ok((Command::Create { order_id, amount, description: request.description, expires_at }, key))
}

impl Core {
    async fn close(&self, request: &v1::CloseOrderRequest) -> Result<v1::CloseOrderResponse, Status> {
        let mut v = Violations::default();
        let id = order_id(&mut v, &request.order_id);
        description(&mut v, "reason", &request.reason);
        let (order_id, payments_closed) = (v.finish(id)?, request.payments_closed_by_caller);
        // The caller that vouches may be wrong: what a platform can say counts first. A silent platform does not
        // prevent the call.
        if payments_closed && let Some(desk) = self.compensation.any_desk() {
            let order = self.order(&order_id).await?;
            if matches!(order.state(), State::Created | State::Pending) {
                desk.ask_open(&order, None, ASK_PATIENCE).await.map_err(error::not_taken_in)?;
            }
        }
        let order = self.command(Command::Close { order_id, payments_closed }, None).await?;
        self.compensation.nudge();
        Ok(v1::CloseOrderResponse { order: Some(convert::order(&order)) })
    }
}

#[tonic::async_trait]
impl OrderService for Core {
    type WatchOrderStream = watch::WatchOrderStream;

    async fn create_order(
        &self,
        request: Request<v1::CreateOrderRequest>,
    ) -> Result<Response<v1::CreateOrderResponse>, Status> {
        let (command, key) = create(request.into_inner())?;
        let order = self.command(command, key).await?;
        Ok(Response::new(v1::CreateOrderResponse { order: Some(convert::order(&order)) }))
    }

    async fn get_order(&self, request: Request<v1::GetOrderRequest>) -> Result<Response<v1::GetOrderResponse>, Status> {
        let mut v = Violations::default();
        let id = order_id(&mut v, &request.into_inner().order_id);
        let order = self.order(&v.finish(id)?).await?;
        Ok(Response::new(v1::GetOrderResponse { order: Some(convert::order(&order)) }))
    }

    async fn batch_get_orders(
        &self,
        request: Request<v1::BatchGetOrdersRequest>,
    ) -> Result<Response<v1::BatchGetOrdersResponse>, Status> {
        let texts = request.into_inner().order_ids;
        let mut v = Violations::default();
        if texts.is_empty() || texts.len() > MAX_BATCH {
            v.add("order_ids", format!("needs 1 to {MAX_BATCH} ids"));
        }
        let ids: Vec<_> =
            texts.iter().take(MAX_BATCH).filter_map(|t| v.take("order_ids", OrderId::parse(t.as_str()))).collect();
        v.check()?;
        let found = self.store.orders(&ids).await.map_err(error::store)?;
        let missing_order_ids = ids.iter().filter(|id| !found.contains_key(id)).map(ToString::to_string).collect();
        let orders = ids.iter().filter_map(|id| found.get(id)).map(convert::order).collect();
        Ok(Response::new(v1::BatchGetOrdersResponse { orders, missing_order_ids }))
    }

    async fn list_orders(
        &self,
        request: Request<v1::ListOrdersRequest>,
    ) -> Result<Response<v1::ListOrdersResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::default();
        let states = request.states.iter().filter_map(|s| v.take("states", convert::read_state(*s))).collect();
        let page = page::request(&mut v, request.page_size, &request.page_token);
        let page = v.finish(page)?;
        let listed = self
            .store
            .list_orders(&OrderFilter { states }, page.after.as_ref(), page.limit)
            .await
            .map_err(error::store)?;
        Ok(Response::new(v1::ListOrdersResponse {
            orders: listed.rows.iter().map(convert::order).collect(),
            next_page_token: page::token(listed.next.as_ref()),
        }))
    }

    async fn watch_order(
        &self,
        request: Request<v1::WatchOrderRequest>,
    ) -> Result<Response<Self::WatchOrderStream>, Status> {
        let request = request.into_inner();
        let mut v = Violations::default();
        let id = order_id(&mut v, &request.order_id);
        let id = v.finish(id)?;
        let open = self.watches.clone().try_acquire_owned().map_err(|_| {
            let most = watch::MAX_WATCHES;
            let message = format!("this core has {most} orders watched already; try another one, or later");
            error::status(Code::ResourceExhausted, "TOO_MANY_STREAMS", &message)
        })?;
        // First the place in the log, then the order: a change in between is not missed.
        let filter = EventFilter { order_id: Some(id.clone()), ..EventFilter::default() };
        let place = self.feed.locate(Position::Latest, &filter).await.map_err(error::feed)?;
        let follow = Follow::new(self.feed.reader(&place, move |row| filter.wants(&row.event)), None);
        let order = self.order(&id).await?;
        Ok(Response::new(watch::stream(follow, order, request.until_cancelled, self.closing.clone(), open)))
    }

    async fn start_payment(
        &self,
        request: Request<v1::StartPaymentRequest>,
    ) -> Result<Response<v1::StartPaymentResponse>, Status> {
        self.begin_payment(request.into_inner()).await.map(Response::new)
    }

    async fn close_order(
        &self,
        request: Request<v1::CloseOrderRequest>,
    ) -> Result<Response<v1::CloseOrderResponse>, Status> {
        let asked = request.get_ref();
        let call = audit::Call::begin(&request, "CloseOrder", &asked.order_id, &asked.reason);
        call.ended(self.close(asked).await)
    }

    async fn create_refund(
        &self,
        request: Request<v1::CreateRefundRequest>,
    ) -> Result<Response<v1::CreateRefundResponse>, Status> {
        let asked = request.get_ref();
        let call = audit::Call::begin(&request, "CreateRefund", &asked.order_id, &asked.reason);
        call.ended(self.request_refund(asked).await)
    }

    async fn get_refund(
        &self,
        request: Request<v1::GetRefundRequest>,
    ) -> Result<Response<v1::GetRefundResponse>, Status> {
        self.show_refund(request.get_ref()).await.map(Response::new)
    }
}
