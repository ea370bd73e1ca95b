//! Durable subscriptions across processes: two cores on one PostgreSQL, and a consumer that dies, despairs and comes
//! back at either of them.

use std::collections::{BTreeMap, BTreeSet};

use paystate_proto::v1::{
    self, stream_events_response::Message, subscription_service_client::SubscriptionServiceClient,
};
use tokio::time::timeout;
use tonic::{Code, Status, Streaming, transport::Channel};
use tonic_types::StatusExt as _;

use crate::{feed::Cores, servers::Postgres, support::SOON};

const ORDERS: usize = 60;
const NAME: &str = "stock";

/// An inventory service with bad luck.
struct Consumer {
    cores: Vec<SubscriptionServiceClient<Channel>>,
    /// The last event of each order that took effect.
    effects: BTreeMap<String, i64>,
    /// Orders whose second event it cannot handle yet.
    poison: BTreeSet<String>,
    /// The same bad luck every time.
    luck: u64,
}

impl Consumer {
    fn dice(&mut self, sides: u64) -> u64 {
        self.luck = self.luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.luck >> 33) % sides
    }

    /// Some core; the calls of one stream go to both.
    fn core(&mut self) -> SubscriptionServiceClient<Channel> {
        let n = usize::try_from(self.dice(2)).unwrap();
        self.cores[n].clone()
    }

    async fn open(&mut self) -> (Streaming<v1::StreamEventsResponse>, v1::Opened) {
        let request = v1::StreamEventsRequest { subscription: NAME.into(), stop_at_head: true, ..Default::default() };
        let mut stream = self.core().stream_events(request).await.unwrap().into_inner();
        match next(&mut stream).await.unwrap().and_then(|r| r.message) {
            Some(Message::Opened(opened)) => (stream, opened),
            other => panic!("{other:?}"),
        }
    }

    async fn acknowledge(&mut self, lease: &str, up_to_revision: i64) {
        let request = v1::AcknowledgeRequest { subscription: NAME.into(), lease: lease.into(), up_to_revision };
        self.core().acknowledge(request).await.unwrap();
    }

    async fn get(&mut self) -> v1::Subscription {
        let request = v1::GetSubscriptionRequest { name: NAME.into() };
        self.core().get_subscription(request).await.unwrap().into_inner().subscription.unwrap()
    }

    /// The events that are put aside, as order and sequence.
    async fn parked(&mut self) -> BTreeSet<String> {
        let request = v1::ListParkedRequest { subscription: NAME.into(), page_size: 500, ..Default::default() };
        let page = self.core().list_parked(request).await.unwrap().into_inner();
        let place = |event: v1::Event| format!("{}.{}", event.order_id, event.sequence);
        page.parked_events.into_iter().map(|parked| place(parked.event.unwrap())).collect()
    }

    async fn redrive(&mut self) -> i64 {
        let request = v1::RedriveRequest { subscription: NAME.into(), event_ids: Vec::new() };
        self.core().redrive(request).await.unwrap().into_inner().redriven_count
    }

    /// Follows once, until the head, or until it dies, which it does sometimes if it is mortal.
    async fn follow(&mut self, mortal: bool) {
        let (mut stream, opened) = self.open().await;
        let mut position = opened.after_revision;
        while let Some(response) = next(&mut stream).await.unwrap() {
            let (after, up_to, events) = match response.message.unwrap() {
                Message::Batch(batch) => (batch.after_revision, batch.up_to_revision, batch.events),
                Message::Progress(progress) => (position, progress.up_to_revision, Vec::new()),
                other @ (Message::Opened(_) | Message::GoingAway(_)) => panic!("{other:?}"),
            };
            assert_eq!(after, position, "the chain is broken");
            position = up_to;
            for event in events {
                if mortal && self.dice(40) == 0 {
                    return;
                }
                if event.sequence == 2 && self.poison.contains(&event.order_id) {
                    // Half of the time it says so; otherwise it dies of it, until that was too often.
                    if self.dice(2) == 0 {
                        self.acknowledge(&opened.lease, event.revision - 1).await;
                        self.park(&opened.lease, &event.event_id).await;
                    }
                    return;
                }
                self.take_effect(&event);
            }
            self.acknowledge(&opened.lease, up_to).await;
        }
    }

    async fn park(&mut self, lease: &str, event_id: &str) {
        let (subscription, lease, event_id) = (NAME.into(), lease.into(), event_id.into());
        let request = v1::ParkRequest { subscription, lease, event_id, reason: "no stock".into() };
        self.core().park(request).await.unwrap();
    }

    /// I14: an event that comes for the first time is the next one of its order.
    fn take_effect(&mut self, event: &v1::Event) {
        let last = self.effects.entry(event.order_id.clone()).or_default();
        assert!(event.sequence <= *last + 1, "an event of {} was passed over", event.order_id);
        *last = (*last).max(event.sequence);
    }
}

async fn next(stream: &mut Streaming<v1::StreamEventsResponse>) -> Result<Option<v1::StreamEventsResponse>, Status> {
    timeout(SOON, stream.message()).await.expect("it comes")
}

/// I13, I14: whatever happens to the consumer, every event takes effect, in order per order.
#[tokio::test(flavor = "multi_thread")]
async fn every_event_takes_effect_in_order_whatever_happens_to_its_consumer() {
    let postgres = Postgres::start().await;
    let cores = Cores::start(&postgres.url(), 2).await;
    let mut clients = Vec::new();
    for n in 0..2 {
        let address = format!("http://{}", cores.address(n));
        let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
        clients.push(SubscriptionServiceClient::new(channel));
    }
    let create = v1::CreateSubscriptionRequest { name: NAME.into(), max_attempts: 3, ..Default::default() };
    clients[0].create_subscription(create).await.unwrap();

    let poison = (0..ORDERS).filter(|n| n % 7 == 3).map(|n| format!("o{n}")).collect();
    let mut consumer = Consumer { cores: clients, effects: BTreeMap::new(), poison, luck: 7 };
    let mut shops = [cores.shop(0).await, cores.shop(1).await];
    let writing = tokio::spawn(async move {
        for n in 0..ORDERS {
            shops[n % 2].sell(&format!("o{n}"), "alipay", &format!("t{n}"), 1_999).await.unwrap();
        }
    });
    while !writing.is_finished() {
        consumer.follow(true).await;
        if consumer.dice(8) == 0 {
            consumer.redrive().await;
        }
    }
    writing.await.unwrap();
    // Poison parks one after the other, and everything else goes on.
    while consumer.get().await.backlog_count > 0 {
        consumer.follow(true).await;
    }
    // Who dies often enough of something else parks what was not to blame, too. It is put aside, not lost.
    let parked = consumer.parked().await;
    for order_id in &consumer.poison {
        assert!(parked.contains(&format!("{order_id}.2")), "{order_id} is not parked");
    }
    for n in 0..ORDERS {
        for sequence in 1..=2 {
            let handled = consumer.effects.get(&format!("o{n}")).is_some_and(|last| sequence <= *last);
            assert!(handled || parked.contains(&format!("o{n}.{sequence}")), "o{n}.{sequence} is lost");
        }
    }

    // A stream that was taken over confirms nothing more, at whichever core.
    let (_, older) = consumer.open().await;
    let (_, newer) = consumer.open().await;
    let mut stale = v1::AcknowledgeRequest { subscription: NAME.into(), lease: older.lease, up_to_revision: 1 };
    for core in &mut consumer.cores {
        let refused = core.acknowledge(stale.clone()).await.unwrap_err();
        let reason = refused.get_details_error_info().unwrap().reason;
        assert_eq!((refused.code(), reason.as_str()), (Code::FailedPrecondition, "LEASE_LOST"));
    }
    stale.lease = newer.lease;
    consumer.core().acknowledge(stale).await.unwrap();

    // Mended, it gets what was put aside.
    consumer.poison.clear();
    assert_eq!(consumer.redrive().await, i64::try_from(parked.len()).unwrap());
    consumer.follow(false).await;
    assert!(consumer.effects.len() == ORDERS && consumer.effects.values().all(|last| *last == 2));
    let (end, head) = (consumer.get().await, i64::try_from(2 * ORDERS).unwrap());
    assert_eq!((end.backlog_count, end.parked_count, end.acknowledged_revision), (0, 0, head));
    cores.stop().await;
}
