//! Guards that lie, hang, or say that an order is busy.

use super::*;

#[path = "../../../../tests/support/liar.rs"]
mod liar;
use liar::{Liar, Lie};

/// Says that everything was done before, and that somebody is at every order.
struct Contrary;

#[async_trait]
impl Guard for Contrary {
    async fn enter(&self, _: &Token, notices: &[&NoticeKey], locks: &[&LockName]) -> Entry {
        Entry { claims: vec![Claim::Done; notices.len()], held: vec![false; locks.len()] }
    }
    async fn leave(&self, _: &Token, _: &[&NoticeKey], _: &[&NoticeKey], _: &[&LockName]) {}
    fn backend(&self) -> Option<Backend> {
        None
    }
}

/// Never answers.
struct Hung;

#[async_trait]
impl Guard for Hung {
    async fn enter(&self, _: &Token, _: &[&NoticeKey], _: &[&LockName]) -> Entry {
        std::future::pending().await
    }
    async fn leave(&self, _: &Token, _: &[&NoticeKey], _: &[&NoticeKey], _: &[&LockName]) {
        std::future::pending().await
    }
    fn backend(&self) -> Option<Backend> {
        None
    }
}

#[tokio::test]
async fn a_guard_that_lies_or_hangs_loses_nothing() {
    let guards: [Arc<dyn Guard>; 2] = [Arc::new(Contrary), Arc::new(Hung)];
    for guard in guards {
        let rig = rig_with(guard.clone(), |store| store, Limits::default()).await;
        rig.sell("o1", "p1").await;
        let first = rig.door.observe(message(1, vec![paid(Some("p1"), "t1", DUE)])).await.unwrap();
        assert!(matches!(first, MessageOutcome::Stored(_)));
        let again = rig.door.observe(message(1, vec![paid(Some("p1"), "t1", DUE)])).await.unwrap();
        assert_eq!((again, rig.order("o1").await.state()), (MessageOutcome::Duplicate, State::Paid));
        // Another core has nothing but the guard and the store.
        let core = rig.other_core(guard);
        let again = core.observe(message(1, vec![paid(Some("p1"), "t1", DUE)])).await.unwrap();
        assert_eq!(again, MessageOutcome::Duplicate);
        let first = core.observe(message(2, vec![paid(Some("p1"), "t1", DUE)])).await.unwrap();
        assert!(matches!(first, MessageOutcome::Stored(_)), "{first:?}");
    }
}

#[tokio::test]
async fn an_input_whose_order_is_busy_waits_aside_and_then_goes_on() {
    let guard = Arc::new(LocalGuard::default());
    let rig = rig_with(guard.clone(), |store| store, Limits::default()).await;
    rig.sell("o1", "p1").await;
    rig.sell("o2", "p2").await;
    // Another core is at the first order, for a moment.
    let (other, lock) = (Token::random(), LockName::payment(&OutTradeNo::parse("p1").unwrap()));
    assert_eq!(guard.enter(&other, &[], &[&lock]).await.held, [true]);
    let pay = |n: usize| rig.door.observe(message(n, vec![paid(Some(&format!("p{n}")), &format!("t{n}"), DUE)]));
    let (mut busy, mut free) = (Box::pin(pay(1)), Box::pin(pay(2)));
    // Both are in one batch; the second does not wait for the first.
    let busy_first = tokio::select! {
        biased;
        _ = &mut busy => true,
        answer = &mut free => {
            assert!(matches!(answer, Ok(MessageOutcome::Stored(_))));
            false
        }
    };
    assert!(!busy_first);
    assert_eq!(rig.order("o1").await.state(), State::Pending);
    // It never leaves: the lock decides nothing.
    assert!(matches!(busy.await, Ok(MessageOutcome::Stored(_))));
    assert_eq!(guard.enter(&Token::random(), &[], &[&lock]).await.held, [false], "the lock is still the other's");
    rig.sound().await;
}

#[tokio::test]
async fn what_another_core_stored_meanwhile_is_answered_without_a_transaction() {
    let guard = Arc::new(LocalGuard::default());
    let rig = rig_with(guard.clone(), |store| store, Limits::default()).await;
    rig.sell("o1", "p1").await;
    let news = || message(1, vec![paid(Some("p1"), "t1", DUE)]);
    let core = rig.other_core(guard.clone());
    assert!(!core.knows(&news().row.key));
    assert!(matches!(core.observe(news()).await, Ok(MessageOutcome::Stored(_))));
    assert!(core.knows(&news().row.key) && !core.knows(&message(2, vec![]).row.key));
    // It tells the guard after it has answered.
    while guard.enter(&Token::random(), &[&news().row.key], &[]).await.claims != [Claim::Done] {
        tokio::task::yield_now().await;
    }
    assert!(!rig.door.knows(&news().row.key));
    let (other, lock) = (Token::random(), LockName::payment(&OutTradeNo::parse("p1").unwrap()));
    guard.enter(&other, &[], &[&lock]).await;
    // The writer is taken, so whatever asks for a transaction hangs; a duplicate does not.
    let _writer = rig.store.begin().await.unwrap();
    assert_eq!(rig.door.observe(news()).await, Ok(MessageOutcome::Duplicate));
}

#[tokio::test]
async fn busy_inputs_that_find_no_place_to_wait_go_on_at_once() {
    let guard = Arc::new(LocalGuard::default());
    let limits = Limits { batch_max: 1, ..Limits::default() };
    let rig = rig_with(guard.clone(), |store| store, limits).await;
    let other = Token::random();
    let many = 4 * batch::WAITING;
    let locks: Vec<_> = (0..many).map(|n| LockName::payment(&OutTradeNo::parse(format!("p{n}")).unwrap())).collect();
    guard.enter(&other, &[], &locks.iter().collect::<Vec<_>>()).await;
    let pay = |n: usize| rig.door.observe(message(n, vec![paid(Some(&format!("p{n}")), &format!("t{n}"), DUE)]));
    for answer in join_all((0..many).map(pay)).await {
        assert!(matches!(answer, Ok(MessageOutcome::Stored(_))));
    }
    rig.sound().await;
}

/// Each message three times, some of it at once, some later: what a guard is there for.
fn repeated() -> Vec<(usize, Observation)> {
    let news = [
        paid(Some("p1"), "t1", DUE),
        refunded(None, "t1", "r1", 400),
        paid(Some("p2"), "t4", 5),
        paid(Some("p2"), "t3", DUE),
        paid(Some("p3"), "t5", DUE),
        refunded(Some("p9"), "t3", "r5", 20),
    ];
    let messages: Vec<_> = news.into_iter().enumerate().collect();
    [messages.clone(), messages.clone(), messages].concat()
}

/// I21: whatever Redis says, the tables are the same.
#[tokio::test]
async fn a_redis_that_lies_changes_nothing() {
    let honest = properties::play(Arc::new(LocalGuard::default()), &repeated(), 7).await;
    for lie in Lie::ALL {
        let liar = Liar::start(lie, "done:DUPLICATE").await;
        let limits = guard::Limits { command: std::time::Duration::from_millis(200), ..guard::Limits::default() };
        let guard = Arc::new(RedisGuard::start(redis::tests::settings(&liar.url).check().unwrap(), limits));
        until("the liar is believed to be Redis", || async { guard.backend().unwrap().well }).await;
        assert_eq!(properties::play(guard, &repeated(), 7).await, honest, "{lie:?}");
        assert!(liar.asked() > 0, "{lie:?}: who is not asked proves nothing");
        assert_eq!(liar.lies() > 0, lie != Lie::None, "{lie:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_under_way_holds_up_the_next_one_for_a_while_and_no_whole_batch() {
    let (sender, queue) = mpsc::channel(8);
    let begun = Instant::now();
    let waited = async {
        turn_is_over(&queue, 2).await;
        begun.elapsed()
    };
    assert_eq!(waited.await, TURN, "nothing waits");
    sender.try_send(()).unwrap();
    let begun = Instant::now();
    let (at_once, ()) = tokio::join!(
        async {
            turn_is_over(&queue, 2).await;
            begun.elapsed()
        },
        async {
            sleep(LOOK * 5).await;
            sender.try_send(()).unwrap();
        }
    );
    assert!(at_once <= LOOK * 6, "{at_once:?}");
}
