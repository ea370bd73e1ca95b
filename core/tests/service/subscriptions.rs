//! Durable subscriptions, as their callers see them.

use std::{future::Future, time::Duration};

use paystate_proto::v1::{
    self, order_service_client::OrderServiceClient, stream_events_response::Message,
    subscription_service_client::SubscriptionServiceClient,
};
use paystate_rpc::Callers;
use tokio::time::timeout;
use tonic::{
    Code, Status, Streaming,
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

use crate::rig::{PATIENCE, Rig, order};

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it did not come in time")
}

/// How a call was refused.
fn refusal(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().unwrap_or_else(|| panic!("{status:?}")).reason)
}

fn refused<T: std::fmt::Debug>(answer: Result<T, Status>) -> (Code, String) {
    refusal(&answer.unwrap_err())
}

/// A shop and its subscription.
struct Shop {
    _rig: Rig,
    orders: OrderServiceClient<Channel>,
    subscriptions: SubscriptionServiceClient<Channel>,
}

/// A stream that has told where it begins.
struct Open {
    stream: Streaming<v1::StreamEventsResponse>,
    after: i64,
    lease: String,
}

impl Open {
    /// The events up to the end of the stream, which chain.
    async fn rest(mut self) -> (Vec<String>, i64) {
        let (mut ids, mut at) = (Vec::new(), self.after);
        while let Some(response) = soon(self.stream.message()).await.unwrap() {
            match response.message.unwrap() {
                Message::Batch(batch) => {
                    assert_eq!(batch.after_revision, at);
                    at = batch.up_to_revision;
                    ids.extend(batch.events.iter().map(place));
                }
                Message::Progress(progress) => at = progress.up_to_revision,
                other @ (Message::Opened(_) | Message::GoingAway(_)) => panic!("{other:?}"),
            }
        }
        (ids, at)
    }

    async fn end(mut self) -> Status {
        loop {
            match soon(self.stream.message()).await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it ended well"),
                Err(status) => return status,
            }
        }
    }
}

impl Shop {
    /// With the orders o1, o2 and o3, created and then closed: revisions 1 to 6.
    async fn open() -> Self {
        let rig = Rig::start(Callers::Anybody, Duration::ZERO).await;
        let channel = paystate_rpc::channel(Endpoint::from_shared(format!("http://{}", rig.address)).unwrap(), None);
        let (orders, subscriptions) =
            (OrderServiceClient::new(channel.clone()), SubscriptionServiceClient::new(channel));
        let mut shop = Self { _rig: rig, orders, subscriptions };
        for id in ["o1", "o2", "o3"] {
            shop.orders.create_order(order(id)).await.unwrap();
        }
        for id in ["o1", "o2", "o3"] {
            let close = v1::CloseOrderRequest { order_id: id.into(), ..Default::default() };
            shop.orders.close_order(close).await.unwrap();
        }
        shop
    }

    async fn subscribed(max_attempts: i32) -> Self {
        let mut shop = Self::open().await;
        shop.create(v1::CreateSubscriptionRequest { max_attempts, ..stock() }).await.unwrap();
        shop
    }

    async fn create(&mut self, request: v1::CreateSubscriptionRequest) -> Result<v1::Subscription, Status> {
        let made = self.subscriptions.create_subscription(request).await?;
        Ok(made.into_inner().subscription.unwrap())
    }

    async fn get(&mut self) -> v1::Subscription {
        let request = v1::GetSubscriptionRequest { name: "stock".into() };
        self.subscriptions.get_subscription(request).await.unwrap().into_inner().subscription.unwrap()
    }

    async fn stream(&mut self, stop_at_head: bool) -> Result<Open, Status> {
        let request = v1::StreamEventsRequest { subscription: "stock".into(), stop_at_head, ..Default::default() };
        let mut stream = self.subscriptions.stream_events(request).await?.into_inner();
        match soon(stream.message()).await?.and_then(|r| r.message) {
            Some(Message::Opened(opened)) => Ok(Open { stream, after: opened.after_revision, lease: opened.lease }),
            other => panic!("{other:?}"),
        }
    }

    /// All that there is, under a lease that is still good.
    async fn read(&mut self) -> (Vec<String>, String) {
        let open = self.stream(true).await.unwrap();
        let lease = open.lease.clone();
        (open.rest().await.0, lease)
    }

    async fn acknowledge(&mut self, lease: &str, up_to_revision: i64) -> Result<i64, Status> {
        let request = v1::AcknowledgeRequest { subscription: "stock".into(), lease: lease.into(), up_to_revision };
        Ok(self.subscriptions.acknowledge(request).await?.into_inner().acknowledged_revision)
    }

    async fn park(&mut self, lease: &str, event_id: &str) -> Result<(), Status> {
        let (subscription, lease, event_id) = ("stock".into(), lease.into(), event_id.into());
        let request = v1::ParkRequest { subscription, lease, event_id, reason: "no stock".into() };
        self.subscriptions.park(request).await.map(drop)
    }

    /// Ids and reasons, over pages of one.
    async fn parked(&mut self) -> Vec<(String, String)> {
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = v1::ListParkedRequest { subscription: "stock".into(), page_size: 1, page_token };
            let page = self.subscriptions.list_parked(request).await.unwrap().into_inner();
            assert!(page.parked_events.len() <= 1);
            all.extend(page.parked_events.into_iter().map(|p| (place(&p.event.unwrap()), p.reason)));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }

    async fn redrive(&mut self, event_ids: &[&str]) -> Result<i64, Status> {
        let event_ids = event_ids.iter().map(ToString::to_string).collect();
        let request = v1::RedriveRequest { subscription: "stock".into(), event_ids };
        Ok(self.subscriptions.redrive(request).await?.into_inner().redriven_count)
    }

    async fn seek(&mut self, at: v1::position::At) -> Result<v1::Subscription, Status> {
        let position = Some(v1::Position { at: Some(at) });
        let request = v1::SeekSubscriptionRequest { name: "stock".into(), position };
        Ok(self.subscriptions.seek_subscription(request).await?.into_inner().subscription.unwrap())
    }
}

fn stock() -> v1::CreateSubscriptionRequest {
    v1::CreateSubscriptionRequest { name: "stock".into(), request_id: "q1".into(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_made_once() {
    let mut shop = Shop::open().await;
    let made = shop.create(stock()).await.unwrap();
    assert_eq!((made.acknowledged_revision, made.backlog_count, made.parked_count), (0, 6, 0));
    assert!(made.backlog_age.is_some());
    assert_eq!(shop.create(stock()).await.unwrap().name, "stock");
    let other = v1::CreateSubscriptionRequest { max_attempts: 3, ..stock() };
    assert_eq!(refused(shop.create(other).await), (Code::AlreadyExists, "REQUEST_ID_REUSED".into()));
    let other = v1::CreateSubscriptionRequest { request_id: String::new(), ..stock() };
    assert_eq!(refused(shop.create(other).await), (Code::AlreadyExists, "SUBSCRIPTION_ALREADY_EXISTS".into()));

    let closed = v1::EventFilter { kinds: vec![v1::EventKind::OrderClosed.into()], ..Default::default() };
    let update =
        v1::UpdateSubscriptionRequest { name: "stock".into(), filter: Some(closed.clone()), max_attempts: Some(5) };
    let updated = shop.subscriptions.update_subscription(update).await.unwrap().into_inner().subscription.unwrap();
    assert_eq!((updated.filter, updated.max_attempts, updated.backlog_count), (Some(closed.clone()), 5, 3));
    // What is not said stays.
    let update = v1::UpdateSubscriptionRequest { name: "stock".into(), filter: None, max_attempts: Some(0) };
    let updated = shop.subscriptions.update_subscription(update).await.unwrap().into_inner().subscription.unwrap();
    assert_eq!((updated.filter, updated.max_attempts), (Some(closed.clone()), 0));
    let update = v1::UpdateSubscriptionRequest { name: "stock".into(), filter: None, max_attempts: Some(4) };
    shop.subscriptions.update_subscription(update).await.unwrap();
    let update = v1::UpdateSubscriptionRequest { name: "stock".into(), filter: Some(closed), max_attempts: None };
    let updated = shop.subscriptions.update_subscription(update).await.unwrap().into_inner().subscription.unwrap();
    assert_eq!(updated.max_attempts, 4);
    assert_eq!(shop.read().await.0, ["o1.2", "o2.2", "o3.2"]);

    let listed = shop.subscriptions.list_subscriptions(v1::ListSubscriptionsRequest::default()).await.unwrap();
    assert_eq!(listed.into_inner().subscriptions.len(), 1);
    let delete = v1::DeleteSubscriptionRequest { name: "stock".into() };
    shop.subscriptions.delete_subscription(delete.clone()).await.unwrap();
    let gone = (Code::NotFound, "SUBSCRIPTION_NOT_FOUND".to_owned());
    assert_eq!(refused(shop.subscriptions.delete_subscription(delete).await), gone);
    assert_eq!(refused(shop.acknowledge(&uuid(), 0).await), gone);
    assert_eq!(refused(shop.stream(true).await.map(|_| ())), gone);
}

/// A lease that nobody has.
/// An event's id without the moment, which no test can know.
fn place(event: &v1::Event) -> String {
    let (place, moment) = event.event_id.rsplit_once('-').unwrap();
    assert!(i64::from_str_radix(moment, 16).is_ok(), "{event:?}");
    place.to_owned()
}

fn uuid() -> String {
    "00000000-0000-0000-0000-000000000000".into()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused() {
    let mut shop = Shop::subscribed(0).await;
    let mut refused = async |request: v1::CreateSubscriptionRequest, field: &str| {
        let status =
            shop.create(v1::CreateSubscriptionRequest { request_id: String::new(), ..request }).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{field}: {status:?}");
        let bad = status.get_details_bad_request().unwrap().field_violations;
        assert_eq!(bad.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), [field], "{status:?}");
    };
    refused(v1::CreateSubscriptionRequest { name: "No Spaces".into(), ..stock() }, "name").await;
    refused(v1::CreateSubscriptionRequest { max_attempts: -1, ..stock() }, "max_attempts").await;
    let kinds = |n| Some(v1::EventFilter { kinds: vec![n], ..Default::default() });
    refused(v1::CreateSubscriptionRequest { filter: kinds(99), ..stock() }, "filter.kinds").await;
    refused(v1::CreateSubscriptionRequest { filter: kinds(0), ..stock() }, "filter.kinds").await;
    let states = Some(v1::EventFilter { to_states: vec![-1], ..Default::default() });
    refused(v1::CreateSubscriptionRequest { filter: states, ..stock() }, "filter.to_states").await;

    let both = v1::StreamEventsRequest {
        subscription: "stock".into(),
        filter: Some(v1::EventFilter::default()),
        position: Some(v1::Position::default()),
        ..Default::default()
    };
    let status = shop.subscriptions.stream_events(both).await.unwrap_err();
    assert_eq!(status.get_details_bad_request().unwrap().field_violations.len(), 2, "{status:?}");
    for (lease, up_to) in [("not a lease", 1), ("", 1), (uuid().as_str(), -1)] {
        assert_eq!(shop.acknowledge(lease, up_to).await.unwrap_err().code(), Code::InvalidArgument);
    }
    for event_id in ["", "o1", "o1.", "o1.x", "o1.01", "o1.0", "o1.1-", "o1.1-x", "no spaces.1"] {
        assert_eq!(shop.park(&uuid(), event_id).await.unwrap_err().code(), Code::InvalidArgument, "{event_id}");
        assert_eq!(shop.redrive(&[event_id]).await.unwrap_err().code(), Code::InvalidArgument, "{event_id}");
    }
    let many = vec!["o1.1"; 1_001];
    assert_eq!(shop.redrive(&many).await.unwrap_err().code(), Code::InvalidArgument, "more than can be parked");
    let nowhere = v1::SeekSubscriptionRequest { name: "stock".into(), position: None };
    assert_eq!(shop.subscriptions.seek_subscription(nowhere).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn confirming_is_cumulative_fenced_and_never_ahead() {
    let mut shop = Shop::subscribed(0).await;
    let (ids, lease) = shop.read().await;
    assert_eq!(ids, ["o1.1", "o2.1", "o3.1", "o1.2", "o2.2", "o3.2"]);
    assert_eq!(shop.acknowledge(&lease, 4).await.unwrap(), 4);
    assert_eq!(shop.acknowledge(&lease, 2).await.unwrap(), 4);
    let ahead = shop.acknowledge(&lease, 7).await.unwrap_err();
    assert_eq!(refusal(&ahead), (Code::FailedPrecondition, "ACKNOWLEDGE_AHEAD".into()));
    assert_eq!(ahead.get_details_error_info().unwrap().metadata["sent_revision"], "6");
    assert_eq!(shop.get().await.backlog_count, 2);

    let (ids, newer) = shop.read().await;
    assert_eq!(ids, ["o2.2", "o3.2"]);
    let lost = (Code::FailedPrecondition, "LEASE_LOST".to_owned());
    assert_eq!(refused(shop.acknowledge(&lease, 5).await), lost);
    assert_eq!(refused(shop.park(&lease, "o2.2").await), lost);
    assert_eq!(shop.acknowledge(&newer, 6).await.unwrap(), 6);
    let done = shop.get().await;
    assert_eq!((done.acknowledged_revision, done.backlog_count, done.backlog_age), (6, 0, None));
    assert!(shop.read().await.0.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_event_holds_its_order_until_it_is_redriven() {
    let mut shop = Shop::subscribed(0).await;
    let (_, lease) = shop.read().await;
    shop.acknowledge(&lease, 1).await.unwrap();
    for confirmed_or_unknown in ["o1.1", "o9.1", "o1.3"] {
        let refused = refused(shop.park(&lease, confirmed_or_unknown).await);
        assert_eq!(refused, (Code::FailedPrecondition, "EVENT_NOT_OUTSTANDING".into()), "{confirmed_or_unknown}");
    }
    shop.park(&lease, "o2.1").await.unwrap();
    // Its answer may have been lost.
    shop.park(&lease, "o2.1").await.unwrap();

    let (ids, lease) = shop.read().await;
    assert_eq!(ids, ["o3.1", "o1.2", "o3.2"], "o2.2 is held behind o2.1");
    let held = [("o2.1".to_owned(), "no stock".to_owned()), ("o2.2".to_owned(), "held behind o2.1".to_owned())];
    assert_eq!(shop.parked().await, held);
    let now = shop.get().await;
    assert_eq!((now.backlog_count, now.parked_count), (3, 2));
    assert_eq!(shop.acknowledge(&lease, 6).await.unwrap(), 6);
    assert!(shop.read().await.0.is_empty());

    assert_eq!(refused(shop.redrive(&["o3.1"]).await), (Code::NotFound, "EVENT_NOT_PARKED".into()));
    assert_eq!(shop.redrive(&["o2.2"]).await.unwrap(), 2, "what is held stands for what holds it");
    let now = shop.get().await;
    assert_eq!((now.acknowledged_revision, now.backlog_count, now.parked_count), (1, 2, 0));
    let open = shop.stream(true).await.unwrap();
    assert_eq!(open.after, 1);
    let lease = open.lease.clone();
    assert_eq!(open.rest().await, (vec!["o2.1".into(), "o2.2".into()], 6));
    // Half of it, and then the other half.
    assert_eq!(shop.acknowledge(&lease, 2).await.unwrap(), 2);
    let (ids, lease) = shop.read().await;
    assert_eq!(ids, ["o2.2"]);
    assert_eq!(shop.acknowledge(&lease, 6).await.unwrap(), 6);
    assert_eq!((shop.redrive(&[]).await.unwrap(), shop.get().await.backlog_count), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_fails_too_often_is_parked() {
    let mut shop = Shop::subscribed(1).await;
    // The first delivery ends with the stream: of which event, nobody knows. The second one is taken over.
    assert_eq!(shop.read().await.0.len(), 6);
    let mut second = shop.stream(false).await.unwrap();
    // Of what was sent once before, one at a time: who dies now, dies of that.
    for (n, expected) in (1..).zip(["o1.1", "o2.1"]) {
        let Some(Message::Batch(batch)) = soon(second.stream.message()).await.unwrap().unwrap().message else {
            panic!()
        };
        assert_eq!((batch.after_revision, batch.up_to_revision), (n - 1, n));
        assert_eq!(batch.events.iter().map(place).collect::<Vec<_>>(), [expected]);
    }
    assert_eq!(shop.read().await.0.len(), 6);
    assert_eq!(shop.parked().await, [], "a stream that lives has not failed");
    let ended = second.end().await;
    assert_eq!(refusal(&ended), (Code::Aborted, "LEASE_LOST".into()));
    let (ids, _) = shop.read().await;
    assert_eq!(ids, ["o2.1", "o3.1", "o2.2", "o3.2"]);
    let parked = shop.parked().await;
    assert_eq!(parked[0], ("o1.1".into(), "not confirmed after 1 deliveries".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_has_failed() {
    let mut shop = Shop::subscribed(1).await;
    assert_eq!(shop.read().await.0.len(), 6);
    timeout(PATIENCE, async {
        while shop.parked().await.is_empty() {
            let mut open = shop.stream(false).await.unwrap();
            soon(open.stream.message()).await.unwrap().unwrap();
            drop(open);
            // The core learns of it in its own time.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("who goes away again and again has what it was sent first put aside");
    assert_eq!(shop.parked().await[0].0, "o1.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_idle_learns_that_its_lease_has_ended() {
    let mut shop = Shop::subscribed(0).await;
    let (_, lease) = shop.read().await;
    shop.acknowledge(&lease, 6).await.unwrap();
    let idle = shop.stream(false).await.unwrap();
    let _newer = shop.stream(false).await.unwrap();
    assert_eq!(refusal(&idle.end().await), (Code::Aborted, "LEASE_LOST".into()));

    let idle = shop.stream(false).await.unwrap();
    shop.seek(v1::position::At::Earliest(true)).await.unwrap();
    assert_eq!(refusal(&idle.end().await), (Code::Aborted, "LEASE_LOST".into()));
    let idle = shop.stream(false).await.unwrap();
    shop.subscriptions.delete_subscription(v1::DeleteSubscriptionRequest { name: "stock".into() }).await.unwrap();
    assert_eq!(refusal(&idle.end().await), (Code::NotFound, "SUBSCRIPTION_NOT_FOUND".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_stream_delivers_what_comes() {
    let mut shop = Shop::subscribed(0).await;
    shop.seek(v1::position::At::Latest(true)).await.unwrap();
    let mut open = shop.stream(false).await.unwrap();
    assert_eq!(open.after, 6);
    shop.orders.create_order(order("o4")).await.unwrap();
    let Some(Message::Batch(batch)) = soon(open.stream.message()).await.unwrap().unwrap().message else { panic!() };
    assert_eq!((batch.after_revision, place(&batch.events[0]).as_str()), (6, "o4.1"));
    assert_eq!(batch.events[0].order.as_ref().unwrap().order_id, "o4", "the whole order is there");
    // What is confirmed while the stream goes on stays under its lease.
    assert_eq!(shop.acknowledge(&open.lease, batch.up_to_revision).await.unwrap(), 7);
    shop.orders.create_order(order("o5")).await.unwrap();
    let Some(Message::Batch(batch)) = soon(open.stream.message()).await.unwrap().unwrap().message else { panic!() };
    assert_eq!(batch.after_revision, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn seeking_goes_to_a_revision_a_time_or_a_token() {
    use v1::position::At;
    let mut shop = Shop::subscribed(0).await;
    let mut open = shop.stream(true).await.unwrap();
    let Some(Message::Batch(batch)) = soon(open.stream.message()).await.unwrap().unwrap().message else { panic!() };
    let third = batch.events[2].event_time.unwrap();
    assert_eq!(shop.seek(At::AfterRevision(4)).await.unwrap().backlog_count, 2);
    assert_eq!(shop.seek(At::Time(third)).await.unwrap().acknowledged_revision, 2);
    assert_eq!(shop.seek(At::ResumeToken(batch.resume_token)).await.unwrap().acknowledged_revision, 6);
    assert_eq!(shop.seek(At::Earliest(true)).await.unwrap().acknowledged_revision, 0);
    assert_eq!(shop.seek(At::Latest(true)).await.unwrap().acknowledged_revision, 6);
    assert_eq!(refused(shop.seek(At::AfterRevision(7)).await), (Code::OutOfRange, "REVISION_AHEAD".into()));
    let malformed = shop.seek(At::ResumeToken("nonsense".into())).await;
    assert_eq!(refused(malformed), (Code::InvalidArgument, "RESUME_TOKEN_MALFORMED".into()));
    assert_eq!(shop.get().await.acknowledged_revision, 6, "a refused seek changes nothing");
}
