//! A store that fails, and a door that is full.

use std::sync::atomic::AtomicUsize;

use super::*;

/// A store that fails on request.
struct Faulty {
    inner: Arc<dyn Store>,
    faults: Arc<Faults>,
}

#[derive(Default)]
struct Faults {
    /// The next commit happens, but its answer is lost (F5).
    lose_answer: AtomicBool,
    /// Nobody answers.
    away: AtomicBool,
    /// So many units lose against somebody else.
    conflicts: AtomicUsize,
    /// Units that write this order are refused.
    refuse_order: std::sync::Mutex<Option<OrderId>>,
}

struct FaultyUnit {
    inner: Box<dyn Unit>,
    faults: Arc<Faults>,
}

#[async_trait]
impl Unit for FaultyUnit {
    async fn claim(&mut self, rows: &[&NotificationRow], names: &Keys) -> Result<BTreeSet<NoticeKey>, StoreError> {
        self.inner.claim(rows, names).await
    }
    async fn load(&mut self, keys: &Keys) -> Result<Loaded, StoreError> {
        self.inner.load(keys).await
    }
    async fn write(&mut self, writes: &Writes) -> Result<(), StoreError> {
        let refused = self.faults.refuse_order.lock().unwrap().clone();
        if writes.orders.iter().any(|(order, _)| Some(&order.id) == refused.as_ref()) {
            return Err(StoreError::Refused("planted".into()));
        }
        let lost = self.faults.conflicts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if lost.is_ok() {
            return Err(StoreError::Conflict("planted".into()));
        }
        self.inner.write(writes).await
    }
    async fn rollback(self: Box<Self>) -> Result<(), StoreError> {
        self.inner.rollback().await
    }
    async fn commit(self: Box<Self>) -> Result<(), StoreError> {
        self.inner.commit().await?;
        if self.faults.lose_answer.swap(false, Ordering::SeqCst) {
            return Err(StoreError::Unavailable("connection lost in COMMIT".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Faulty {
    async fn begin(&self) -> Result<Box<dyn Unit>, StoreError> {
        if self.faults.away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("away".into()));
        }
        Ok(Box::new(FaultyUnit { inner: self.inner.begin().await?, faults: self.faults.clone() }))
    }
    async fn stored(&self, keys: &[NoticeKey]) -> Result<BTreeSet<NoticeKey>, StoreError> {
        if self.faults.away.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("away".into()));
        }
        self.inner.stored(keys).await
    }
    async fn orders(&self, ids: &[OrderId]) -> Result<BTreeMap<OrderId, Order>, StoreError> {
        self.inner.orders(ids).await
    }
    async fn list_orders(&self, f: &OrderFilter, c: Option<&Cursor>, l: u32) -> Result<Page<Order>, StoreError> {
        self.inner.list_orders(f, c, l).await
    }
    async fn unpaid_orders(&self, since: Timestamp, c: Option<&Cursor>, l: u32) -> Result<Page<Order>, StoreError> {
        self.inner.unpaid_orders(since, c, l).await
    }
    async fn order_of(&self, number: &OutTradeNo) -> Result<Option<OrderId>, StoreError> {
        self.inner.order_of(number).await
    }
    async fn journal(&self, id: &OrderId, limit: u32) -> Result<Vec<EventRow>, StoreError> {
        self.inner.journal(id, limit).await
    }
    fn subscriptions(&self) -> Arc<dyn crate::store::Subscriptions> {
        self.inner.subscriptions()
    }
    async fn count_open_cases(&self) -> Result<BTreeMap<CaseKind, u64>, StoreError> {
        self.inner.count_open_cases().await
    }
    async fn case(&self, id: &crate::order::CaseId) -> Result<Option<CaseRow>, StoreError> {
        self.inner.case(id).await
    }
    async fn order_of_refund(&self, number: &OutRefundNo) -> Result<Option<OrderId>, StoreError> {
        self.inner.order_of_refund(number).await
    }
    fn tasks(&self) -> Arc<dyn crate::store::Tasks> {
        self.inner.tasks()
    }
    fn exchanges(&self) -> Arc<dyn crate::store::Exchanges> {
        self.inner.exchanges()
    }
    fn reconciliations(&self) -> Arc<dyn crate::store::Reconciliations> {
        self.inner.reconciliations()
    }
    async fn notifications(
        &self,
        f: &NotificationFilter,
        c: Option<&Cursor>,
        l: u32,
    ) -> Result<Page<StoredNotification>, StoreError> {
        self.inner.notifications(f, c, l).await
    }
    async fn cases(&self, f: &CaseFilter, c: Option<&Cursor>, l: u32) -> Result<Page<CaseRow>, StoreError> {
        self.inner.cases(f, c, l).await
    }
    async fn record_rejections(&self, rows: &[RejectionRow]) -> Result<(), StoreError> {
        self.inner.record_rejections(rows).await
    }
    async fn audit(&self) -> Result<Vec<AuditResult>, StoreError> {
        self.inner.audit().await
    }
    fn log(&self) -> Arc<dyn EventLog> {
        self.inner.log()
    }
    fn outages(&self) -> u64 {
        self.inner.outages()
    }
    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
    async fn close(&self) {
        self.inner.close().await;
    }
}

async fn faulty(faults: &Arc<Faults>) -> Rig {
    let faults = faults.clone();
    rig_with(Arc::new(LocalGuard::default()), |inner| Arc::new(Faulty { inner, faults }), Limits::default()).await
}

#[tokio::test]
async fn a_lost_commit_answer_is_our_fault_and_the_retry_resolves_it() {
    let faults = Arc::new(Faults::default());
    let rig = faulty(&faults).await;
    rig.sell("o1", "p1").await;
    faults.lose_answer.store(true, Ordering::SeqCst);
    let pay = || rig.door.observe(message(1, vec![paid(Some("p1"), "t1", DUE)]));
    assert!(matches!(pay().await, Err(DoorError::Unavailable(_))));
    assert_eq!(pay().await, Ok(MessageOutcome::Duplicate));
    assert_eq!(rig.order("o1").await.version, 3);
    rig.sound().await;
}

#[tokio::test]
async fn a_race_that_was_lost_is_decided_again_a_bounded_number_of_times() {
    let faults = Arc::new(Faults::default());
    let rig = faulty(&faults).await;
    rig.sell("o1", "p1").await;
    let pay = || rig.door.observe(message(1, vec![paid(Some("p1"), "t1", DUE)]));
    faults.conflicts.store(5, Ordering::SeqCst);
    assert!(matches!(pay().await, Err(DoorError::Unavailable(_))));
    assert_eq!(rig.order("o1").await.state(), State::Pending);
    faults.conflicts.store(4, Ordering::SeqCst);
    assert!(matches!(pay().await, Ok(MessageOutcome::Stored(_))));
    assert_eq!((rig.order("o1").await.state(), rig.order("o1").await.version), (State::Paid, 3));
    rig.sound().await;
}

/// What this core committed itself it need not ask anybody about; what it may have lost in an outage, it must.
#[tokio::test]
async fn a_repetition_is_answered_from_memory_until_the_store_was_away() {
    let faults = Arc::new(Faults::default());
    let rig = faulty(&faults).await;
    rig.sell("o1", "p1").await;
    let pay = |n| rig.door.observe(message(n, vec![paid(Some("p1"), "t1", DUE)]));
    assert!(matches!(pay(1).await, Ok(MessageOutcome::Stored(_))));
    faults.away.store(true, Ordering::SeqCst);
    assert_eq!(pay(1).await, Ok(MessageOutcome::Duplicate));
    assert!(matches!(pay(2).await, Err(DoorError::Unavailable(_))));
    assert!(matches!(pay(1).await, Err(DoorError::Unavailable(_))));
    faults.away.store(false, Ordering::SeqCst);
    assert_eq!(pay(1).await, Ok(MessageOutcome::Duplicate));
    rig.sound().await;
}

#[tokio::test]
async fn one_input_that_cannot_be_written_does_not_take_the_others_with_it() {
    let faults = Arc::new(Faults::default());
    let rig = faulty(&faults).await;
    for n in 0..5 {
        rig.sell(&format!("o{n}"), &format!("p{n}")).await;
    }
    *faults.refuse_order.lock().unwrap() = Some(oid("o3"));
    let pay = |n: usize| rig.door.observe(message(n, vec![paid(Some(&format!("p{n}")), &format!("t{n}"), DUE)]));
    let answers = join_all((0..5).map(pay)).await;
    for (n, answer) in answers.iter().enumerate() {
        assert_eq!(answer.is_ok(), n != 3, "{n}: {answer:?}");
    }
    *faults.refuse_order.lock().unwrap() = None;
    assert!(matches!(pay(3).await, Ok(MessageOutcome::Stored(_))));
    rig.sound().await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused_at_once() {
    let limits = Limits { queue: 1, batch_max: 1, in_flight: 1 };
    let rig = rig_with(Arc::new(LocalGuard::default()), |store| store, limits).await;
    // The writer is taken: the first input is stuck in its batch, the second waits, the third does not fit.
    let writer = rig.store.begin().await.unwrap();
    let mut waiting = Vec::new();
    for n in 0..3 {
        let mut input = Box::pin(rig.door.observe(message(n, vec![])));
        match futures_util::poll!(&mut input) {
            std::task::Poll::Ready(answer) => {
                assert_eq!((n, answer), (2, Err(DoorError::Overloaded)));
                break;
            }
            std::task::Poll::Pending => waiting.push(input),
        }
        // Time for the committer to take the first one out of the queue.
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(waiting.len(), 2);
    drop(writer);
    for answer in join_all(waiting).await {
        assert!(matches!(answer, Ok(MessageOutcome::Stored(_))));
    }
}
