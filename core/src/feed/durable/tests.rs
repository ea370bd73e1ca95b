//! How streams end, and what does not end them, with a store that holds one subscription and can be taken away.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;

use super::{
    super::tests::{PATIENCE, Rig, some},
    *,
};
use crate::{
    store::Existing,
    subscription::{Delivery, SILENCE},
};

const OPENED: Timestamp = Timestamp(1_000_000_000);

struct One {
    subscription: Mutex<Subscription>,
    away: AtomicBool,
}

impl One {
    fn check(&self) -> Result<(), StoreError> {
        if self.away.load(Ordering::SeqCst) { Err(StoreError::Unavailable("away".into())) } else { Ok(()) }
    }

    fn fails_at(&self) -> Option<Timestamp> {
        self.subscription.lock().unwrap().delivery.unwrap().fails_at
    }
}

#[async_trait]
impl Subscriptions for One {
    async fn create(&self, _: &Subscription, _: Option<&SubscriptionRequest>) -> Result<Option<Existing>, StoreError> {
        panic!("not asked here")
    }

    async fn get(&self, _: &SubscriptionName) -> Result<Option<Subscription>, StoreError> {
        self.check()?;
        Ok(Some(self.subscription.lock().unwrap().clone()))
    }

    async fn list(&self, _: Option<&Cursor>, _: u32) -> Result<Page<Subscription>, StoreError> {
        panic!("not asked here")
    }

    async fn update(&self, changed: &Subscription) -> Result<(), StoreError> {
        *self.subscription.lock().unwrap() = changed.clone();
        Ok(())
    }

    async fn delete(&self, _: &SubscriptionName) -> Result<bool, StoreError> {
        panic!("not asked here")
    }

    async fn note(&self, _: &SubscriptionName, note: Delivery) -> Result<bool, StoreError> {
        self.check()?;
        let mut subscription = self.subscription.lock().unwrap();
        let noted = subscription.delivery.as_mut().filter(|delivery| delivery.lease == note.lease);
        Ok(noted.map(|delivery| *delivery = Delivery { sent: delivery.sent.max(note.sent), ..note }).is_some())
    }

    async fn backlog(&self, _: &Subscription) -> Result<Backlog, StoreError> {
        panic!("not asked here")
    }

    async fn aside(&self, _: &Subscription, _: Option<&Cursor>, _: u32) -> Result<Page<EventRow>, StoreError> {
        panic!("not asked here")
    }

    async fn aside_count(&self, _: &Subscription) -> Result<i64, StoreError> {
        panic!("not asked here")
    }

    async fn event(&self, _: &OrderId, _: i64) -> Result<Option<EventRow>, StoreError> {
        panic!("not asked here")
    }
}

struct World {
    rig: Rig,
    store: Arc<One>,
    durable: Durable,
}

impl World {
    fn start() -> Self {
        let rig = Rig::start();
        let name = SubscriptionName::parse("stock").unwrap();
        let subscription = Mutex::new(Subscription::new(name, EventFilter::default(), 1, 0, OPENED));
        let store = Arc::new(One { subscription, away: AtomicBool::new(false) });
        let (tasks, closing) = (TaskTracker::new(), CancellationToken::new());
        let durable = Durable::new(rig.feed.clone(), store.clone(), tasks, closing);
        Self { rig, store, durable }
    }

    async fn open(&self) -> Deliveries {
        let name = SubscriptionName::parse("stock").unwrap();
        self.durable.open(&name, false, OPENED).await.unwrap()
    }

    /// Waits until it is noted how streams ended.
    async fn noted(&self) -> Option<Timestamp> {
        self.durable.tasks.close();
        tokio::time::timeout(PATIENCE, self.durable.tasks.wait()).await.unwrap();
        self.store.fails_at()
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_reads_lives_until_its_client_goes() {
    let world = World::start();
    let stream = world.open().await;
    sleep(Duration::from_secs(100)).await;
    assert!(world.store.fails_at() > Some(Timestamp(OPENED.0 + 100_000_000)));
    drop(stream);
    let end = world.noted().await.unwrap();
    assert_eq!((end.0 - OPENED.0) / 1_000_000, 100);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_we_end_never_fails() {
    let world = World::start();
    let stream = world.open().await;
    world.durable.closing.cancel();
    drop(stream);
    assert_eq!(world.noted().await, None);

    let world = World::start();
    world.rig.commit(some(1));
    let mut stream = world.open().await;
    world.rig.break_log();
    assert!(stream.next().await.is_err());
    drop(stream);
    assert_eq!(world.noted().await, None);
}

/// Without a note of ours: the core died.
#[tokio::test(start_paused = true)]
async fn a_silent_core_is_taken_for_dead() {
    let world = World::start();
    let stream = world.open().await;
    world.store.away.store(true, Ordering::SeqCst);
    drop(stream);
    assert_eq!(world.noted().await, Some(Timestamp(OPENED.0 + SILENCE)));
}

#[tokio::test(start_paused = true)]
async fn a_stream_outlives_a_store_that_is_away_for_a_while() {
    let world = World::start();
    let mut stream = world.open().await;
    world.store.away.store(true, Ordering::SeqCst);
    let (rig, store) = (&world.rig, &world.store);
    let step = async {
        loop {
            if let Some(Step::Batch(batch)) = stream.next().await.unwrap() {
                return batch.up_to;
            }
        }
    };
    let meanwhile = async {
        // Once while it is quiet, and once with something to send.
        sleep(Duration::from_secs(3)).await;
        rig.commit(some(1));
        sleep(Duration::from_secs(3)).await;
        store.away.store(false, Ordering::SeqCst);
    };
    let (up_to, ()) = tokio::time::timeout(PATIENCE, async { tokio::join!(step, meanwhile) }).await.unwrap();
    assert_eq!(up_to, 1);
    assert_eq!(world.store.subscription.lock().unwrap().delivery.unwrap().sent, 1);
}

/// Its client has other cores to go to.
#[tokio::test(start_paused = true)]
async fn a_stream_with_something_to_send_does_not_wait_for_ever_for_a_store() {
    let world = World::start();
    let mut stream = world.open().await;
    world.store.away.store(true, Ordering::SeqCst);
    world.rig.commit(some(1));
    let ended = async {
        loop {
            if let Err(error) = stream.next().await {
                return error;
            }
        }
    };
    let error = tokio::time::timeout(Duration::from_secs(15), ended).await.expect("it holds its client");
    assert!(is_passing(&error), "{error}");
}

/// It wants little, and confirmed no Progress: what its last stream failed at is far away, or nowhere.
#[tokio::test(start_paused = true)]
async fn a_stream_opens_whether_or_not_somebody_can_be_blamed_for_the_last_one() {
    let world = World::start();
    world.rig.commit(some(20_000));
    {
        let mut subscription = world.store.subscription.lock().unwrap();
        subscription.filter.order_id = Some(OrderId::parse("nobody").unwrap());
        subscription.delivery =
            Some(Delivery { lease: Lease(Uuid::now_v7()), sent: 20_000, fails_at: Some(Timestamp(OPENED.0 - 1)) });
    }
    world.rig.slow_down(Duration::from_millis(500));
    let begun = Instant::now();
    drop(world.open().await);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}
