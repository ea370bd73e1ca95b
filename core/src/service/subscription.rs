//! SubscriptionService: the log as a stream, and durable subscriptions to it.

use paystate_proto::v1::{self, subscription_service_server::SubscriptionService};
use serde_json::json;
use tonic::{Code, Request, Response, Status};

use super::{
    Core, convert, error,
    error::Violations,
    events::{self, read_filter, read_position},
    now,
    order::{MAX_DESCRIPTION, request_id},
    page,
};
use crate::{
    feed::{DurableError, Lag, Position, Wanted},
    order::{OrderId, SubscriptionName, Timestamp},
    store::{EventRow, SubscriptionRequest},
    subscription::{Lease, MAX_PARKED, Parked, Refused, Subscription},
};

/// What this says about a subscription, on the wire.
fn shown(subscription: &Subscription, lag: &Lag, at: Timestamp) -> v1::Subscription {
    v1::Subscription {
        name: subscription.name.to_string(),
        filter: Some(convert::filter(&subscription.filter)),
        acknowledged_revision: subscription.position(),
        backlog_count: lag.backlog.count,
        backlog_age: lag.backlog.oldest.map(|oldest| convert::duration(oldest, at)),
        parked_count: lag.aside,
        max_attempts: i32::try_from(subscription.max_attempts).unwrap_or(i32::MAX),
        create_time: Some(convert::time(subscription.created_at)),
    }
}

/// What is parked with its reason; what is held, with that of the one in front of it.
fn put_aside(row: &EventRow, parked: &Parked) -> v1::ParkedEvent {
    let is_parked = row.revision == parked.revision;
    let front = || format!("held behind {}.{}", row.order_id, parked.sequence);
    v1::ParkedEvent {
        event: Some(convert::whole_event(row)),
        reason: if is_parked { parked.reason.clone() } else { front() },
        attempts: if is_parked { i32::try_from(parked.attempts).unwrap_or(i32::MAX) } else { 0 },
        park_time: Some(convert::time(parked.at)),
    }
}

fn name(violations: &mut Violations, field: &str, text: &str) -> Option<SubscriptionName> {
    violations.take(field, SubscriptionName::parse(text))
}

fn max_attempts(violations: &mut Violations, number: i32) -> Option<u32> {
    violations.take("max_attempts", u32::try_from(number).map_err(|_| "must not be negative"))
}

fn event_id(violations: &mut Violations, field: &str, text: &str) -> Option<(OrderId, i64)> {
    violations.take(field, EventRow::read_event_id(text).ok_or("is not the id of an event, e.g. o1.3-64a2c1f03b8e0"))
}

/// Recognises a repeated request. Stored, so it is written out by hand and does not change with the types.
fn fingerprint(request: &Wanted) -> String {
    let position = match request.position {
        Position::Earliest => json!("EARLIEST"),
        Position::Latest => json!("LATEST"),
        Position::After(revision) => json!(["AFTER", revision]),
        Position::Time(time) => json!(["TIME", time]),
        Position::Token(token) => json!(["TOKEN", token.to_string()]),
    };
    let said = json!([request.name, request.filter, position, request.max_attempts]).to_string();
    hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, said.as_bytes()))
}

fn create(request: &v1::CreateSubscriptionRequest) -> Result<Wanted, Status> {
    let mut v = Violations::default();
    let name = name(&mut v, "name", &request.name);
    let filter = read_filter(&mut v, request.filter.as_ref());
    let position = read_position(&mut v, request.position.as_ref())?;
    let max_attempts = max_attempts(&mut v, request.max_attempts);
    let key = request_id(&mut v, &request.request_id);
    let all = name.zip(position).zip(max_attempts).zip(key);
    let (((name, position), max_attempts), key) = v.finish(all)?;
    let wanted = Wanted { name, filter, position, max_attempts, request: None };
    let request = key.map(|id| SubscriptionRequest { id, fingerprint: fingerprint(&wanted) });
    Ok(Wanted { request, ..wanted })
}

impl Core {
    async fn with_lag(&self, subscription: &Subscription) -> Result<v1::Subscription, Status> {
        let lag = self.durable.lag(subscription).await.map_err(refused)?;
        Ok(shown(subscription, &lag, now()))
    }
}

/// A reason is often the text of an error and may contain anything; to refuse it would leave the event stuck for ever.
fn for_people(reason: &str) -> String {
    reason.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_DESCRIPTION).collect()
}

/// Why a call about a subscription does nothing.
pub(super) fn refused(error: DurableError) -> Status {
    let message = error.to_string();
    let plain = |code, reason| error::status(code, reason, &message);
    match error {
        DurableError::NotFound(_) => plain(Code::NotFound, "SUBSCRIPTION_NOT_FOUND"),
        DurableError::Exists(_) => plain(Code::AlreadyExists, "SUBSCRIPTION_ALREADY_EXISTS"),
        DurableError::RequestIdReused(_) => plain(Code::AlreadyExists, "REQUEST_ID_REUSED"),
        DurableError::Feed(why) => error::feed(why),
        DurableError::Refused(Refused::LeaseLost) => plain(Code::FailedPrecondition, "LEASE_LOST"),
        DurableError::Refused(Refused::Ahead { sent, .. }) => {
            let metadata = [("sent_revision".to_owned(), sent.to_string())].into();
            paystate_rpc::status(Code::FailedPrecondition, "ACKNOWLEDGE_AHEAD", &message, metadata)
        }
        DurableError::Refused(Refused::NotOutstanding { .. }) => {
            plain(Code::FailedPrecondition, "EVENT_NOT_OUTSTANDING")
        }
        DurableError::Refused(Refused::NotParked { .. }) => plain(Code::NotFound, "EVENT_NOT_PARKED"),
        DurableError::Refused(Refused::TooManyParked) => plain(Code::FailedPrecondition, "TOO_MANY_PARKED"),
    }
}

/// The status with which a subscription's stream ends. A client must cope with being taken over, so that is ABORTED.
pub(super) fn cut_off(error: DurableError) -> Status {
    if error == DurableError::Refused(Refused::LeaseLost) {
        return error::status(Code::Aborted, "LEASE_LOST", &error.to_string());
    }
    refused(error)
}

#[tonic::async_trait]
impl SubscriptionService for Core {
    type StreamEventsStream = events::StreamEventsStream;

    async fn stream_events(
        &self,
        request: Request<v1::StreamEventsRequest>,
    ) -> Result<Response<Self::StreamEventsStream>, Status> {
        let request = request.into_inner();
        let stream = if request.subscription.is_empty() {
            self.follow_events(request).await?
        } else {
            self.deliver_events(&request).await?
        };
        Ok(Response::new(stream))
    }

    async fn create_subscription(
        &self,
        request: Request<v1::CreateSubscriptionRequest>,
    ) -> Result<Response<v1::CreateSubscriptionResponse>, Status> {
        let wanted = create(request.get_ref())?;
        let subscription = self.durable.create(wanted, now()).await.map_err(refused)?;
        let subscription = Some(self.with_lag(&subscription).await?);
        Ok(Response::new(v1::CreateSubscriptionResponse { subscription }))
    }

    async fn get_subscription(
        &self,
        request: Request<v1::GetSubscriptionRequest>,
    ) -> Result<Response<v1::GetSubscriptionResponse>, Status> {
        let mut v = Violations::default();
        let name = name(&mut v, "name", &request.get_ref().name);
        let subscription = self.durable.get(&v.finish(name)?).await.map_err(refused)?;
        let subscription = Some(self.with_lag(&subscription).await?);
        Ok(Response::new(v1::GetSubscriptionResponse { subscription }))
    }

    async fn list_subscriptions(
        &self,
        request: Request<v1::ListSubscriptionsRequest>,
    ) -> Result<Response<v1::ListSubscriptionsResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::default();
        let page = page::request(&mut v, request.page_size, &request.page_token);
        let page = v.finish(page)?;
        let listed = self.durable.list(page.after.as_ref(), page.limit).await.map_err(refused)?;
        let mut subscriptions = Vec::with_capacity(listed.rows.len());
        for subscription in &listed.rows {
            subscriptions.push(self.with_lag(subscription).await?);
        }
        let next_page_token = page::token(listed.next.as_ref());
        Ok(Response::new(v1::ListSubscriptionsResponse { subscriptions, next_page_token }))
    }

    async fn update_subscription(
        &self,
        request: Request<v1::UpdateSubscriptionRequest>,
    ) -> Result<Response<v1::UpdateSubscriptionResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::default();
        let name = name(&mut v, "name", &request.name);
        let filter = request.filter.as_ref().map(|filter| read_filter(&mut v, Some(filter)));
        let max_attempts = request.max_attempts.and_then(|number| max_attempts(&mut v, number));
        let name = v.finish(name)?;
        let configured = self.durable.configure(&name, filter.as_ref(), max_attempts).await.map_err(refused)?;
        let subscription = Some(self.with_lag(&configured).await?);
        Ok(Response::new(v1::UpdateSubscriptionResponse { subscription }))
    }

    async fn delete_subscription(
        &self,
        request: Request<v1::DeleteSubscriptionRequest>,
    ) -> Result<Response<v1::DeleteSubscriptionResponse>, Status> {
        let mut v = Violations::default();
        let name = name(&mut v, "name", &request.get_ref().name);
        self.durable.delete(&v.finish(name)?).await.map_err(refused)?;
        Ok(Response::new(v1::DeleteSubscriptionResponse {}))
    }

    async fn seek_subscription(
        &self,
        request: Request<v1::SeekSubscriptionRequest>,
    ) -> Result<Response<v1::SeekSubscriptionResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::default();
        let name = name(&mut v, "name", &request.name);
        // To go back to the beginning by forgetting a field would be a bad surprise.
        if request.position.as_ref().is_none_or(|position| position.at.is_none()) {
            v.add("position", "is required");
        }
        let position = read_position(&mut v, request.position.as_ref())?;
        let (name, position) = v.finish(name.zip(position))?;
        let moved = self.durable.seek(&name, position).await.map_err(refused)?;
        let subscription = Some(self.with_lag(&moved).await?);
        Ok(Response::new(v1::SeekSubscriptionResponse { subscription }))
    }

    async fn acknowledge(
        &self,
        request: Request<v1::AcknowledgeRequest>,
    ) -> Result<Response<v1::AcknowledgeResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::default();
        let name = name(&mut v, "subscription", &request.subscription);
        let lease = v.take("lease", Lease::parse(&request.lease));
        if request.up_to_revision < 0 {
            v.add("up_to_revision", "must not be negative");
        }
        let (name, lease) = v.finish(name.zip(lease))?;
        let confirmed = self.durable.acknowledge(&name, lease, request.up_to_revision).await;
        let acknowledged_revision = confirmed.map_err(refused)?;
        Ok(Response::new(v1::AcknowledgeResponse { acknowledged_revision }))
    }

    async fn park(&self, request: Request<v1::ParkRequest>) -> Result<Response<v1::ParkResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::default();
        let name = name(&mut v, "subscription", &request.subscription);
        let lease = v.take("lease", Lease::parse(&request.lease));
        let event = event_id(&mut v, "event_id", &request.event_id);
        let ((name, lease), event) = v.finish(name.zip(lease).zip(event))?;
        self.durable.park(&name, lease, event, &for_people(&request.reason), now()).await.map_err(refused)?;
        Ok(Response::new(v1::ParkResponse {}))
    }

    async fn list_parked(
        &self,
        request: Request<v1::ListParkedRequest>,
    ) -> Result<Response<v1::ListParkedResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::default();
        let name = name(&mut v, "subscription", &request.subscription);
        let page = page::request(&mut v, request.page_size, &request.page_token);
        let (name, page) = v.finish(name.zip(page))?;
        let (subscription, listed) =
            self.durable.aside(&name, page.after.as_ref(), page.limit).await.map_err(refused)?;
        let shown = |row: &EventRow| subscription.parked.get(&row.order_id).map(|parked| put_aside(row, parked));
        Ok(Response::new(v1::ListParkedResponse {
            parked_events: listed.rows.iter().filter_map(shown).collect(),
            next_page_token: page::token(listed.next.as_ref()),
        }))
    }

    async fn redrive(&self, request: Request<v1::RedriveRequest>) -> Result<Response<v1::RedriveResponse>, Status> {
        let request = request.into_inner();
        let mut v = Violations::default();
        let name = name(&mut v, "subscription", &request.subscription);
        if request.event_ids.len() > MAX_PARKED {
            v.add(
                "event_ids",
                format!("has more than {MAX_PARKED} ids, and no more can be parked; name none to redrive all"),
            );
        }
        let chosen = request.event_ids.iter().take(MAX_PARKED);
        let events: Vec<_> = chosen.filter_map(|text| event_id(&mut v, "event_ids", text)).collect();
        let redriven = self.durable.redrive(&v.finish(name)?, &events).await.map_err(refused)?;
        let dropped_event_ids = redriven.dropped.iter().map(|(order_id, n)| format!("{order_id}.{n}")).collect();
        Ok(Response::new(v1::RedriveResponse { redriven_count: redriven.count, dropped_event_ids }))
    }
}
