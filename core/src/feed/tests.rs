//! Readers of a log in memory that can be changed, broken and dropped at will.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::{
    order::{Event, EventKind, OrderId},
    store::{Announcements, conformance::created},
};

/// Longer than anything that must happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Memory {
    events: Mutex<Vec<Arc<LogEntry>>>,
    oldest: Mutex<i64>,
    id: Mutex<u128>,
    failing: Mutex<bool>,
    slow: Mutex<Duration>,
    pages: AtomicUsize,
    /// What is committed just before somebody says that the log was set back.
    grows_meanwhile: Mutex<Vec<Arc<LogEntry>>>,
}

impl Memory {
    fn state_now(&self) -> LogState {
        let head = i64::try_from(self.events.lock().unwrap().len()).unwrap();
        LogState {
            id: LogId(Uuid::from_u128(*self.id.lock().unwrap())),
            head,
            oldest: (*self.oldest.lock().unwrap()).max(1),
        }
    }

    fn check(&self) -> Result<(), StoreError> {
        if *self.failing.lock().unwrap() { Err(StoreError::Unavailable("broken on purpose".into())) } else { Ok(()) }
    }

    fn append(&self, kinds: impl IntoIterator<Item = EventKind>) {
        let mut events = self.events.lock().unwrap();
        for kind in kinds {
            let revision = i64::try_from(events.len()).unwrap() + 1;
            // Three orders in turn.
            let mut row = created(&format!("o{}", revision % 3), revision).events.remove(0);
            (row.revision, row.event.kind) = (revision, kind);
            events.push(Arc::new(LogEntry { row, bytes: 500 }));
        }
    }
}

#[async_trait]
impl EventLog for Memory {
    async fn state(&self) -> Result<LogState, StoreError> {
        self.check()?;
        Ok(self.state_now())
    }

    async fn after(&self, revision: i64, limit: u32) -> Result<LogPage, StoreError> {
        self.check()?;
        self.pages.fetch_add(1, Ordering::SeqCst);
        let slow = *self.slow.lock().unwrap();
        tokio::time::sleep(slow).await;
        let state = self.state_now();
        let from = usize::try_from(revision.max(state.oldest - 1)).unwrap();
        let events = self.events.lock().unwrap();
        let entries = events.iter().skip(from).take(usize::try_from(limit).unwrap()).cloned().collect();
        Ok(LogPage { state, entries })
    }

    async fn first_at(&self, time: Timestamp) -> Result<i64, StoreError> {
        let events = self.events.lock().unwrap();
        let first = events.iter().find(|e| e.row.event.at >= time).map(|e| e.row.revision);
        Ok(first.unwrap_or_else(|| i64::try_from(events.len()).unwrap() + 1))
    }

    async fn set_back(&self, seen: LogId, revision: Option<i64>) -> Result<bool, StoreError> {
        let grown = std::mem::take(&mut *self.grows_meanwhile.lock().unwrap());
        self.events.lock().unwrap().extend(grown);
        let state = self.state_now();
        let renewed = state.id == seen && revision.is_none_or(|revision| state.head < revision);
        *self.id.lock().unwrap() += u128::from(renewed);
        Ok(renewed)
    }

    async fn announce(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn listen(&self) -> Result<Box<dyn Announcements>, StoreError> {
        Ok(Box::new(Silence))
    }
}

struct Silence;

#[async_trait]
impl Announcements for Silence {
    async fn heard(&mut self) -> Result<(), StoreError> {
        std::future::pending().await
    }
}

pub(super) struct Rig {
    log: Arc<Memory>,
    bell: Bell,
    pub(super) feed: Feed,
    stop: CancellationToken,
}

impl Rig {
    pub(super) fn start() -> Self {
        let (log, bell, stop) = (Arc::new(Memory::default()), Bell::default(), CancellationToken::new());
        let feed = Feed::start(log.clone(), &bell, &TaskTracker::new(), &stop);
        Self { log, bell, feed, stop }
    }

    /// The log cannot be read any more.
    pub(super) fn break_log(&self) {
        *self.log.failing.lock().unwrap() = true;
    }

    /// Each page of the log takes so long.
    pub(super) fn slow_down(&self, to: Duration) {
        *self.log.slow.lock().unwrap() = to;
    }

    pub(super) fn commit(&self, kinds: impl IntoIterator<Item = EventKind>) {
        self.log.append(kinds);
        self.bell.ring();
    }

    async fn reader(&self, position: Position) -> Reader {
        let place = self.feed.locate(position, &EventFilter::default()).await.unwrap();
        self.feed.reader(&place, |_| true)
    }

    /// Waits until the tail has begun; before, every reader looks into the store.
    async fn followed(&self) {
        let mut ring = self.feed.shared.ring.subscribe();
        timeout(PATIENCE, ring.wait_for(|ring| ring.log_id().is_some())).await.unwrap().unwrap();
    }

    async fn refused(&self, position: Position) -> FeedError {
        self.feed.locate(position, &EventFilter::default()).await.unwrap_err()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The next stretch, once there is one.
async fn next(reader: &mut Reader) -> Result<Stretch, FeedError> {
    let waiting = async {
        loop {
            if let Some(stretch) = reader.next().await? {
                return Ok(stretch);
            }
            reader.grown().await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("it does not come")
}

/// Reads up to a revision; the stretches must follow each other.
async fn up_to(reader: &mut Reader, end: i64) -> Vec<i64> {
    let mut revisions = Vec::new();
    while reader.position() < end {
        let after = reader.position();
        let stretch = next(reader).await.unwrap();
        assert_eq!((stretch.after, stretch.up_to), (after, reader.position()));
        assert!(stretch.events.len() <= STRETCH_EVENTS);
        revisions.extend(stretch.events.iter().map(|e| e.row.revision));
    }
    revisions
}

pub(super) fn some(count: usize) -> impl Iterator<Item = EventKind> {
    std::iter::repeat_n(EventKind::OrderCreated, count)
}

#[tokio::test]
async fn a_reader_gets_what_was_before_and_what_comes() {
    let rig = Rig::start();
    rig.commit(some(600));
    let mut early = rig.reader(Position::Earliest).await;
    let mut late = rig.reader(Position::Latest).await;
    assert_eq!(up_to(&mut early, 600).await, (1..=600).collect::<Vec<_>>());
    assert_eq!(early.next().await.unwrap(), None);
    rig.commit(some(3));
    assert_eq!(up_to(&mut early, 603).await, [601, 602, 603]);
    assert_eq!(up_to(&mut late, 603).await, [601, 602, 603]);
}

#[tokio::test]
async fn a_commit_that_rang_no_bell_is_found_all_the_same() {
    let rig = Rig::start();
    let mut reader = rig.reader(Position::Latest).await;
    rig.log.append(some(1));
    assert_eq!(up_to(&mut reader, 1).await, [1]);
}

#[tokio::test]
async fn many_readers_cost_one_read() {
    let rig = Rig::start();
    let mut readers = Vec::new();
    for _ in 0..100 {
        readers.push(rig.reader(Position::Latest).await);
    }
    rig.commit(some(1));
    for reader in &mut readers {
        up_to(reader, 1).await;
    }
    let before = rig.log.pages.load(Ordering::SeqCst);
    rig.commit(some(1));
    for reader in &mut readers {
        up_to(reader, 2).await;
    }
    let pages = rig.log.pages.load(Ordering::SeqCst) - before;
    assert!(pages <= 4, "{pages} reads for 100 readers");
}

#[tokio::test]
async fn without_readers_nothing_is_read_or_kept() {
    let rig = Rig::start();
    let mut reader = rig.reader(Position::Latest).await;
    rig.commit(some(9));
    up_to(&mut reader, 9).await;
    drop(reader);
    let gone = async {
        while rig.feed.shared.ring.borrow().end() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap();
    let before = rig.log.pages.load(Ordering::SeqCst);
    rig.commit(some(9));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(rig.log.pages.load(Ordering::SeqCst), before);
    let mut reader = rig.reader(Position::After(10)).await;
    assert_eq!(up_to(&mut reader, 18).await, (11..=18).collect::<Vec<_>>());
}

/// A reader that stops for long falls out of the ring, which stays bounded, and catches up from the store.
#[tokio::test]
async fn a_stalled_reader_falls_out_and_catches_up() {
    let rig = Rig::start();
    let mut stalled = rig.reader(Position::Latest).await;
    let mut quick = rig.reader(Position::Latest).await;
    rig.followed().await;
    let end = 20_000;
    for _ in 0..20 {
        rig.commit(some(1_000));
        let head = rig.log.state_now().head;
        up_to(&mut quick, head).await;
    }
    let held = rig.log.events.lock().unwrap().iter().filter(|e| Arc::strong_count(e) > 1).count();
    assert!((4_000..=4_096 + 256).contains(&held), "{held} events are in memory");
    assert_eq!(up_to(&mut stalled, end).await, (1..=end).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stretch_is_bounded_in_bytes() {
    let rig = Rig::start();
    rig.log.append(some(10));
    for entry in rig.log.events.lock().unwrap().iter_mut() {
        *entry = Arc::new(LogEntry { bytes: STRETCH_BYTES / 3, ..LogEntry::clone(entry) });
    }
    let mut reader = rig.reader(Position::Earliest).await;
    assert_eq!(next(&mut reader).await.unwrap().events.len(), 3);
    for entry in rig.log.events.lock().unwrap().iter_mut() {
        *entry = Arc::new(LogEntry { bytes: STRETCH_BYTES * 3, ..LogEntry::clone(entry) });
    }
    let mut reader = rig.reader(Position::Earliest).await;
    assert_eq!(next(&mut reader).await.unwrap().events.len(), 1);
}

#[tokio::test]
async fn positions_that_the_log_does_not_have_are_refused() {
    let rig = Rig::start();
    rig.log.append(some(9));
    assert_eq!(rig.refused(Position::After(10)).await, FeedError::BeyondHead { head: 9 });
    assert_eq!(rig.reader(Position::After(9)).await.position(), 9);
    *rig.log.oldest.lock().unwrap() = 4;
    let compacted = FeedError::Compacted { oldest: 4 };
    assert_eq!(rig.refused(Position::After(2)).await, compacted);
    assert_eq!(rig.reader(Position::After(3)).await.position(), 3);
    assert_eq!(rig.reader(Position::Earliest).await.position(), 3);
    assert_eq!(rig.refused(Position::Time(Timestamp(-5))).await, compacted);
    assert_eq!(rig.reader(Position::Time(Timestamp(7))).await.position(), 6);
    assert_eq!(rig.reader(Position::Time(Timestamp(70))).await.position(), 9);

    let filter = EventFilter { kinds: [EventKind::OrderClosed].into(), ..EventFilter::default() };
    let log_id = rig.log.state_now().id;
    let token = |revision| Position::Token(Token { log_id, revision, fingerprint: filter.fingerprint() });
    assert_eq!(rig.feed.locate(token(5), &filter).await.unwrap().after, 5);
    assert_eq!(rig.refused(token(5)).await, FeedError::FilterChanged);
    assert_eq!(rig.feed.locate(token(2), &filter).await, Err(compacted));
    assert_eq!(rig.feed.locate(token(10), &filter).await, Err(FeedError::BeyondHead { head: 9 }));
    *rig.log.id.lock().unwrap() = 1;
    let now = rig.log.state_now().id;
    assert_eq!(rig.feed.locate(token(5), &filter).await, Err(FeedError::LogChanged { now }));
}

/// Both at the tail and where a reader looks by itself.
#[tokio::test]
async fn a_log_that_became_another_one_ends_its_readers() {
    let rig = Rig::start();
    rig.commit(some(900));
    let mut at_the_tail = rig.reader(Position::Latest).await;
    rig.followed().await;
    let mut behind = rig.reader(Position::Earliest).await;
    rig.commit(some(1));
    up_to(&mut at_the_tail, 901).await;
    next(&mut behind).await.unwrap();
    *rig.log.id.lock().unwrap() = 1;
    let changed = FeedError::LogChanged { now: rig.log.state_now().id };
    assert_eq!(next(&mut behind).await.unwrap_err(), changed);
    rig.commit(some(1));
    assert_eq!(next(&mut at_the_tail).await.unwrap_err(), changed);
}

/// As after a failover to a standby that lacks the last commits.
#[tokio::test]
async fn a_log_that_was_set_back_ends_its_readers() {
    let rig = Rig::start();
    let mut reader = rig.reader(Position::Latest).await;
    rig.commit(some(9));
    up_to(&mut reader, 9).await;
    let log_id = rig.log.state_now().id;
    let token = Token { log_id, revision: 4, fingerprint: EventFilter::default().fingerprint() };
    rig.log.events.lock().unwrap().truncate(5);
    // The tail says the one; a reader that looks before the tail does says the other.
    let ended = next(&mut reader).await;
    assert!(matches!(ended, Err(FeedError::LogChanged { .. } | FeedError::BeyondHead { .. })), "{ended:?}");
    // Whoever was told something of before hears that it is another log, however far this one grows.
    let renewed = async {
        while rig.log.state_now().id == log_id {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, renewed).await.unwrap();
    let now = rig.log.state_now().id;
    assert_eq!(rig.refused(Position::Token(token)).await, FeedError::LogChanged { now });
    let mut reader = rig.reader(Position::Latest).await;
    rig.commit(some(1));
    assert_eq!(up_to(&mut reader, 6).await, [6]);
}

/// The same, where the retried callbacks came before anybody looked: then the log is as long as it was, and longer.
#[tokio::test]
async fn a_log_that_was_set_back_and_has_grown_again_ends_its_readers() {
    let rig = Rig::start();
    rig.log.append(some(9));
    let mut reader = rig.reader(Position::Latest).await;
    rig.followed().await;
    let log_id = rig.log.state_now().id;
    {
        let mut events = rig.log.events.lock().unwrap();
        let lost = events.split_off(5);
        events.extend(others_like(&lost));
    }
    rig.commit(some(3));
    let ended = next(&mut reader).await;
    assert!(matches!(ended, Err(FeedError::LogChanged { .. })), "{ended:?}");
    assert_ne!(rig.log.state_now().id, log_id);
    let mut again = rig.reader(Position::Earliest).await;
    assert_eq!(up_to(&mut again, 12).await, (1..=12).collect::<Vec<_>>());
}

/// The same, where they came while it was looked at: it was shorter, and is not any more when it is to get a new id.
#[tokio::test]
async fn a_log_that_was_set_back_and_grows_while_it_is_noticed_ends_its_readers() {
    let rig = Rig::start();
    rig.log.append(some(9));
    let _reader = rig.reader(Position::Latest).await;
    rig.followed().await;
    let log_id = rig.log.state_now().id;
    let token = Token { log_id, revision: 9, fingerprint: EventFilter::default().fingerprint() };
    {
        let mut events = rig.log.events.lock().unwrap();
        let lost = events.split_off(5);
        *rig.log.grows_meanwhile.lock().unwrap() = others_like(&lost);
    }
    let renewed = async {
        while rig.log.state_now().id == log_id {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, renewed).await.unwrap();
    assert_eq!(rig.log.state_now().head, 9, "it is as long as it was");
    let now = rig.log.state_now().id;
    assert_eq!(rig.refused(Position::Token(token)).await, FeedError::LogChanged { now });
}

/// Events that stand where others stood.
fn others_like(lost: &[Arc<LogEntry>]) -> Vec<Arc<LogEntry>> {
    let other = |entry: &Arc<LogEntry>| {
        let event = Event { at: Timestamp(entry.row.event.at.0 + 1), ..entry.row.event.clone() };
        Arc::new(LogEntry { row: EventRow { event, ..entry.row.clone() }, bytes: 1 })
    };
    lost.iter().map(other).collect()
}

#[tokio::test]
async fn a_gap_is_an_error_and_is_never_passed_over() {
    let rig = Rig::start();
    rig.log.append(some(9));
    let gap = rig.log.events.lock().unwrap()[6].clone();
    rig.log.events.lock().unwrap()[4] = gap;
    let mut reader = rig.reader(Position::Earliest).await;
    let broken = next(&mut reader).await.unwrap_err();
    assert!(matches!(&broken, FeedError::Store(StoreError::Damaged(why)) if why.contains("I17")), "{broken:?}");
}

#[tokio::test]
async fn compaction_under_a_reader_is_said() {
    let rig = Rig::start();
    rig.log.append(some(900));
    let mut reader = rig.reader(Position::Earliest).await;
    next(&mut reader).await.unwrap();
    *rig.log.oldest.lock().unwrap() = 800;
    assert_eq!(next(&mut reader).await.unwrap_err(), FeedError::Compacted { oldest: 800 });
}

#[tokio::test(start_paused = true)]
async fn a_quiet_log_gives_signs_of_life_and_a_broken_one_does_not() {
    let rig = Rig::start();
    let mut follow = Follow::new(rig.reader(Position::Latest).await, None);
    assert_eq!(follow.next().await.unwrap(), Some(Step::Progress { up_to: 0 }));
    rig.commit(some(1));
    assert!(matches!(follow.next().await.unwrap(), Some(Step::Batch(_))));
    *rig.log.failing.lock().unwrap() = true;
    assert!(matches!(follow.next().await, Err(FeedError::Store(StoreError::Unavailable(_)))));
    *rig.log.failing.lock().unwrap() = false;
    let mut follow = Follow::new(rig.reader(Position::Latest).await, None);
    rig.commit(some(1));
    assert!(matches!(follow.next().await.unwrap(), Some(Step::Batch(_))));
}

/// Nothing that is wanted, for long: the position goes on, and the next batch chains to it.
/// Who is given up again and again still gets a page that takes longer, and signs of life meanwhile.
#[tokio::test(start_paused = true)]
async fn a_slow_page_arrives() {
    let rig = Rig::start();
    rig.commit(some(1));
    *rig.log.slow.lock().unwrap() = Duration::from_millis(5_500);
    let mut follow = Follow::new(rig.reader(Position::Earliest).await, None);
    let mut steps = Vec::new();
    for _ in 0..20 {
        if let Ok(step) = timeout(Duration::from_secs(1), follow.next()).await {
            steps.push(step.unwrap().unwrap());
        }
    }
    assert_eq!(steps[0], Step::Progress { up_to: 0 });
    assert!(matches!(&steps[1], Step::Batch(batch) if batch.up_to == 1), "{steps:?}");
}

#[tokio::test(start_paused = true)]
async fn progress_moves_on_under_a_filter() {
    let rig = Rig::start();
    let place = rig.feed.locate(Position::Latest, &EventFilter::default()).await.unwrap();
    let closed = |row: &EventRow| row.event.kind == EventKind::OrderClosed;
    let mut follow = Follow::new(rig.feed.reader(&place, closed), None);
    rig.commit(some(7));
    assert_eq!(follow.next().await.unwrap(), Some(Step::Progress { up_to: 7 }));
    rig.commit([EventKind::OrderCreated, EventKind::OrderClosed]);
    let Some(Step::Batch(batch)) = follow.next().await.unwrap() else { panic!("a batch") };
    assert_eq!((batch.after, batch.up_to, batch.events.len()), (7, 9, 1));
}

fn any_kinds(count: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<EventKind>> {
    prop::collection::vec(prop::sample::select(EventKind::ALL.to_vec()), count)
}

fn any_filter() -> impl Strategy<Value = EventFilter> {
    let kinds = prop::collection::btree_set(prop::sample::select(EventKind::ALL.to_vec()), 0..3);
    let order = prop::option::of(0..4_i32);
    (kinds, order).prop_map(|(kinds, order)| EventFilter {
        kinds,
        to_states: [].into(),
        order_id: order.map(|n| OrderId::parse(format!("o{n}")).unwrap()),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is committed before and during reading, and whatever is wanted: the steps chain, hold exactly what is
    /// wanted of each stretch, and a reader that comes back with the token of any step goes on there.
    #[test]
    fn steps_chain_under_any_filter(
        before in prop_oneof![any_kinds(0..9), any_kinds(0..700)],
        during in prop::collection::vec(prop_oneof![any_kinds(0..4), any_kinds(0..400)], 0..6),
        filter in any_filter(),
        from in any::<prop::sample::Index>(),
        leave_after in 1..5_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let rig = Rig::start();
            rig.commit(before.iter().copied());
            let all: usize = before.len() + during.iter().map(Vec::len).sum::<usize>();
            let all = i64::try_from(all).unwrap();
            let start = i64::try_from(from.index(before.len() + 1)).unwrap();
            let mut position = Position::After(start);
            let (mut told, mut got, mut during) = (start, Vec::new(), during.into_iter());
            loop {
                let place = rig.feed.locate(position, &filter).await.unwrap();
                assert_eq!(place.after, told);
                let wanted = filter.clone();
                let mut follow = Follow::new(rig.feed.reader(&place, move |row| wanted.wants(&row.event)), Some(place.head));
                for kinds in during.by_ref().take(1) {
                    rig.commit(kinds);
                }
                let mut steps = 0;
                while steps < leave_after && let Some(step) = timeout(PATIENCE, follow.next()).await.unwrap().unwrap() {
                    match step {
                        Step::Batch(batch) => {
                            assert_eq!(batch.after, told);
                            let events = batch.events.iter().map(|e| e.row.revision);
                            assert!(events.clone().all(|r| (batch.after + 1..=batch.up_to).contains(&r)));
                            assert!(!batch.events.is_empty() && batch.events.len() <= STRETCH_EVENTS);
                            got.extend(events);
                            told = batch.up_to;
                        }
                        Step::Progress { up_to } => {
                            assert!(up_to >= told);
                            told = up_to;
                        }
                    }
                    steps += 1;
                }
                if told == all {
                    break;
                }
                let token = Token { log_id: place.log_id, revision: told, fingerprint: filter.fingerprint() };
                position = Position::Token(Token::parse(&token.to_string()).unwrap());
            }
            let events = rig.log.events.lock().unwrap();
            let wanted = events.iter().skip(usize::try_from(start).unwrap()).filter(|e| filter.wants(&e.row.event));
            assert_eq!(got, wanted.map(|e| e.row.revision).collect::<Vec<_>>());
        });
    }
}
