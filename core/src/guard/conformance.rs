//! The contract of [`Guard`] as tests. Every guard runs the same ones: [`conformance!`] makes a test of each
//! for a way to make an empty guard.

use std::{future::Future, sync::Arc, time::Duration};

use futures_util::future::join_all;

use super::*;
use crate::order::AccountName;

pub(crate) type Subject = Arc<dyn Guard>;

/// Nothing ends by itself while a test looks at it, however slow the machine is.
pub(crate) const PATIENT: Limits = Limits {
    command: Duration::from_secs(10),
    claim: Duration::from_secs(600),
    lock: Duration::from_secs(600),
    done: Duration::from_secs(600),
};

/// Claims and locks end while a test waits for it.
pub(crate) const SHORT: Limits =
    Limits { claim: Duration::from_millis(30), lock: Duration::from_millis(30), ..PATIENT };

pub(crate) fn notice(n: usize) -> NoticeKey {
    let account = AccountName::parse("a").unwrap();
    NoticeKey { provider: "alipay".into(), account, content_sha256: crate::sha256::Sha256::of(&n.to_be_bytes()) }
}

pub(crate) fn lock(name: &str) -> LockName {
    LockName::order(&OrderId::parse(name).unwrap())
}

async fn claim(guard: &dyn Guard, token: &Token, n: usize) -> Claim {
    guard.enter(token, &[&notice(n)], &[]).await.claims[0]
}

async fn hold(guard: &dyn Guard, token: &Token, name: &str) -> bool {
    guard.enter(token, &[], &[&lock(name)]).await.held[0]
}

/// Until it is so. A test that waits in vain fails.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, so: impl Fn() -> F) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !so().await {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn a_notice_is_new_once(guard: Subject) {
    let (one, two) = (Token::random(), Token::random());
    let entry = guard.enter(&one, &[&notice(1), &notice(2), &notice(1)], &[]).await;
    assert_eq!(entry.claims, [Claim::New, Claim::New, Claim::InFlight]);
    let entry = guard.enter(&two, &[&notice(3), &notice(2)], &[]).await;
    assert_eq!(entry.claims, [Claim::New, Claim::InFlight]);
}

pub(crate) async fn of_many_at_once_one_is_first(guard: Subject) {
    let entries = join_all((0..16).map(|_| {
        let guard = guard.clone();
        async move { guard.enter(&Token::random(), &[&notice(1)], &[&lock("o1")]).await }
    }))
    .await;
    assert_eq!(entries.iter().filter(|e| e.claims == [Claim::New]).count(), 1);
    assert_eq!(entries.iter().filter(|e| e.held == [true]).count(), 1);
}

pub(crate) async fn what_is_done_stays_done(guard: Subject) {
    let (one, two) = (Token::random(), Token::random());
    assert_eq!(claim(&*guard, &one, 1).await, Claim::New);
    // Also what it never claimed: somebody else may have claimed it and died.
    guard.leave(&one, &[&notice(1), &notice(2)], &[], &[]).await;
    for token in [&one, &two] {
        assert_eq!(guard.enter(token, &[&notice(2), &notice(1)], &[]).await.claims, [Claim::Done; 2]);
        guard.leave(token, &[], &[&notice(1)], &[]).await;
    }
    assert_eq!(claim(&*guard, &two, 1).await, Claim::Done);
}

pub(crate) async fn what_was_not_stored_is_new_again(guard: Subject) {
    let one = Token::random();
    guard.enter(&one, &[&notice(1), &notice(2)], &[]).await;
    guard.leave(&one, &[&notice(1)], &[&notice(2)], &[]).await;
    let entry = guard.enter(&Token::random(), &[&notice(1), &notice(2)], &[]).await;
    assert_eq!(entry.claims, [Claim::Done, Claim::New]);
}

pub(crate) async fn a_lock_is_held_by_one_until_it_leaves(guard: Subject) {
    let (one, two) = (Token::random(), Token::random());
    assert_eq!(guard.enter(&one, &[], &[&lock("o1"), &lock("o2")]).await.held, [true, true]);
    assert_eq!(guard.enter(&two, &[], &[&lock("o3"), &lock("o2")]).await.held, [true, false]);
    assert!(hold(&*guard, &one, "o2").await, "who holds it keeps it");
    guard.leave(&one, &[], &[], &[&lock("o2")]).await;
    assert_eq!(guard.enter(&two, &[], &[&lock("o1"), &lock("o2")]).await.held, [false, true]);
}

pub(crate) async fn nobody_ends_what_is_anothers(guard: Subject) {
    let (one, two) = (Token::random(), Token::random());
    guard.enter(&one, &[&notice(1)], &[&lock("o1")]).await;
    guard.leave(&two, &[], &[&notice(1)], &[&lock("o1")]).await;
    let entry = guard.enter(&two, &[&notice(1)], &[&lock("o1")]).await;
    assert_eq!(entry, Entry { claims: vec![Claim::InFlight], held: vec![false] });
}

pub(crate) async fn names_do_not_run_into_each_other(guard: Subject) {
    let account = |name: &str| AccountName::parse(name).unwrap();
    let of = |provider: &str, name: &str| NoticeKey { provider: provider.into(), account: account(name), ..notice(1) };
    let notices = [notice(1), notice(2), of("alipay", "b"), of("stripe", "a"), of("stripe", "b")];
    let number = OutTradeNo::parse("o1").unwrap();
    let odd = ["a}b", "{a}", "a/b", "a:b", "a\"b", "a'b"].map(|n| LockName::payment(&OutTradeNo::parse(n).unwrap()));
    let locks = [lock("o1"), lock("o2"), LockName::payment(&number)].into_iter().chain(odd).collect::<Vec<_>>();
    let (notices, locks) = (notices.iter().collect::<Vec<_>>(), locks.iter().collect::<Vec<_>>());
    let entry = guard.enter(&Token::random(), &notices, &locks).await;
    assert_eq!(entry, Entry::unknown(notices.len(), locks.len()));
    let entry = guard.enter(&Token::random(), &notices, &locks).await;
    assert_eq!(entry, Entry { claims: vec![Claim::InFlight; notices.len()], held: vec![false; locks.len()] });
}

pub(crate) async fn a_large_batch_is_answered_in_its_order(guard: Subject) {
    let notices: Vec<_> = (0..256).map(notice).collect();
    let locks: Vec<_> = (0..256).map(|n| lock(&format!("o{n}"))).collect();
    let every = |n: usize| notices.iter().step_by(n).collect::<Vec<_>>();
    let every_lock = |n: usize| locks.iter().step_by(n).collect::<Vec<_>>();
    let one = Token::random();
    guard.enter(&one, &every(3), &every_lock(5)).await;
    guard.leave(&one, &every(6), &[], &[]).await;
    let entry = guard.enter(&Token::random(), &every(1), &every_lock(1)).await;
    for (n, claim) in entry.claims.iter().enumerate() {
        let expected = match (n % 6, n % 3) {
            (0, _) => Claim::Done,
            (_, 0) => Claim::InFlight,
            _ => Claim::New,
        };
        assert_eq!(*claim, expected, "{n}");
    }
    for (n, held) in entry.held.iter().enumerate() {
        assert_eq!(*held, n % 5 != 0, "{n}");
    }
}

pub(crate) async fn nothing_in_nothing_out(guard: Subject) {
    assert_eq!(guard.enter(&Token::random(), &[], &[]).await, Entry::unknown(0, 0));
    guard.leave(&Token::random(), &[], &[], &[]).await;
}

/// The rule of a guard with [`SHORT`] limits.
pub(crate) async fn what_nobody_ends_ends_by_itself(guard: Subject) {
    guard.enter(&Token::random(), &[&notice(1)], &[&lock("o1")]).await;
    guard.leave(&Token::random(), &[&notice(2)], &[], &[]).await;
    until("the claim ends", || async { claim(&*guard, &Token::random(), 1).await == Claim::New }).await;
    until("the lock ends", || async { hold(&*guard, &Token::random(), "o1").await }).await;
    assert_eq!(claim(&*guard, &Token::random(), 2).await, Claim::Done, "what is done lasts");
}

/// A test of each rule for one guard. `$make` makes an empty guard from limits.
macro_rules! conformance {
    ($make:expr) => {
        $crate::guard::conformance::conformance!($make, PATIENT;
            a_notice_is_new_once
            of_many_at_once_one_is_first
            what_is_done_stays_done
            what_was_not_stored_is_new_again
            a_lock_is_held_by_one_until_it_leaves
            nobody_ends_what_is_anothers
            names_do_not_run_into_each_other
            a_large_batch_is_answered_in_its_order
            nothing_in_nothing_out
        );
        $crate::guard::conformance::conformance!($make, SHORT; what_nobody_ends_ends_by_itself);
    };
    ($make:expr, $limits:ident; $($rule:ident)*) => {
        $(
            #[tokio::test]
            async fn $rule() {
                let guard = ($make)($crate::guard::conformance::$limits).await;
                $crate::guard::conformance::$rule(std::sync::Arc::new(guard)).await;
            }
        )*
    };
}
pub(crate) use conformance;
