//! What a store owes tasks.

use std::time::Duration;

use futures_util::future::join_all;

use super::{Subject, account, closed, commit, created, id};
use crate::{
    order::{AccountName, OutTradeNo, TaskKey, TaskKind, Timestamp},
    store::{Cursor, NewTask, Overdue, Rate, Task, Tasks, Writes},
};

const LEASE: Duration = Duration::from_micros(30);
const ALL: &[TaskKind] = &TaskKind::ALL;

fn task(kind: TaskKind, subject: &str, due_at: i64) -> NewTask {
    let has_account = matches!(kind, TaskKind::Payment | TaskKind::Refund);
    NewTask {
        key: TaskKey { kind, subject: subject.into() },
        account: has_account.then(account),
        order_id: Some(id("o1")),
        due_at: Timestamp(due_at),
    }
}

fn payment(subject: &str, due_at: i64) -> NewTask {
    task(TaskKind::Payment, subject, due_at)
}

async fn want(store: &Subject, tasks: Vec<NewTask>) {
    commit(&**store, &Writes { tasks, ..Writes::default() }).await.unwrap();
}

async fn claim(tasks: &dyn Tasks, now: i64) -> Vec<Task> {
    tasks.claim(ALL, 9, Timestamp(now), LEASE).await.unwrap()
}

async fn one(tasks: &dyn Tasks, subject: &str, now: i64) -> Task {
    tasks.claim_of(&[&payment(subject, 0).key], 1, Timestamp(now), LEASE).await.unwrap().remove(0)
}

fn subjects(tasks: &[Task]) -> Vec<&str> {
    tasks.iter().map(|task| task.key.subject.as_str()).collect()
}

async fn due(tasks: &dyn Tasks, subject: &str) -> Option<i64> {
    tasks.due(&payment(subject, 0).key).await.unwrap().map(|at| at.0)
}

pub(crate) async fn a_task_comes_with_its_unit_and_is_claimed_when_it_is_due(store: Subject) {
    let tasks = store.tasks();
    // One is wanted twice in one unit, and once more: it is due when the first of them wants it.
    let wanted = vec![payment("p1", 20), payment("p2", 15), payment("p1", 10)];
    let mut unit = store.begin().await.unwrap();
    unit.write(&Writes { tasks: wanted.clone(), ..created("o1", 1) }).await.unwrap();
    drop(unit);
    assert!(claim(&*tasks, 99).await.is_empty(), "nothing of a dropped unit happened");
    commit(&*store, &Writes { tasks: wanted, ..created("o1", 1) }).await.unwrap();
    want(&store, vec![payment("p1", 30)]).await;
    assert!(claim(&*tasks, 9).await.is_empty());
    let claimed = claim(&*tasks, 20).await;
    assert_eq!(subjects(&claimed), ["p1", "p2"], "the longest due first");
    let Task { key, account: of, order_id, due_at, attempt, note, .. } = claimed[0].clone();
    assert_eq!((key, of, order_id), (payment("p1", 0).key, Some(account()), Some(id("o1"))));
    assert_eq!((due_at, attempt, note.as_str()), (Timestamp(10), 0, ""));
    assert!(claim(&*tasks, 20).await.is_empty(), "somebody is at it");

    assert!(tasks.put_off(&claimed[0], Timestamp(40), 3, "n").await.unwrap());
    assert_eq!(tasks.done(&claimed[1..]).await.unwrap(), 1);
    assert_eq!((due(&*tasks, "p1").await, due(&*tasks, "p2").await), (Some(40), None));
    assert!(claim(&*tasks, 39).await.is_empty());
    let again = claim(&*tasks, 40).await;
    assert_eq!((again.len(), again[0].attempt, again[0].note.as_str()), (1, 3, "n"));
    assert_eq!(tasks.done(&again).await.unwrap(), 1);
    assert!(claim(&*tasks, i64::MAX - 99).await.is_empty());
}

pub(crate) async fn tasks_are_claimed_by_kind_and_account(store: Subject) {
    let tasks = store.tasks();
    let elsewhere = AccountName::parse("b").unwrap();
    let mut wanted: Vec<_> = TaskKind::ALL.into_iter().map(|kind| task(kind, "x", 10)).collect();
    wanted.push(NewTask { account: Some(elsewhere.clone()), ..payment("p1", 5) });
    wanted.push(NewTask { account: Some(elsewhere.clone()), ..payment("p2", 60) });
    want(&store, wanted).await;
    let at = Timestamp(20);
    assert_eq!(tasks.accounts_due(Timestamp(7)).await.unwrap(), std::slice::from_ref(&elsewhere));
    assert_eq!(tasks.accounts_due(at).await.unwrap(), [account(), elsewhere.clone()]);
    let asked = [TaskKind::Payment, TaskKind::Refund];
    let of = async |who: &AccountName, kinds: &[TaskKind], limit| {
        let mut waiting = Vec::new();
        for kind in kinds {
            waiting.append(&mut tasks.waiting(who, *kind, Timestamp(0), limit, at).await.unwrap());
        }
        assert!(waiting.iter().all(|task| task.order_id == Some(id("o1")) && task.due_at > Timestamp(0)));
        let keys: Vec<_> = waiting.iter().map(|task| &task.key).collect();
        let claimed = tasks.claim_of(&keys, limit, at, LEASE).await.unwrap();
        assert!(keys.iter().eq(claimed.iter().map(|task| &task.key).collect::<Vec<_>>().iter()));
        claimed.into_iter().map(|task| task.key.kind).collect::<Vec<_>>()
    };
    assert_eq!(of(&elsewhere, &asked, 9).await, [TaskKind::Payment]);
    assert_eq!(of(&account(), &[TaskKind::Refund], 9).await, [TaskKind::Refund]);
    assert_eq!(of(&account(), &asked, 9).await, [TaskKind::Payment]);
    let others = [TaskKind::Alert, TaskKind::Expiry];
    let one = tasks.claim(&others, 1, at, LEASE).await.unwrap();
    let other = tasks.claim(&others, 1, at, LEASE).await.unwrap();
    assert_eq!((one.len(), other.len()), (1, 1));
    assert_ne!(one[0].key, other[0].key);
    let last = tasks.claim(ALL, 9, at, LEASE).await.unwrap();
    assert_eq!(last.iter().map(|task| task.key.kind).collect::<Vec<_>>(), [TaskKind::Policy]);
    assert_eq!(last[0].account, None);
}

pub(crate) async fn a_task_of_a_dead_worker_is_claimed_again_and_he_changes_nothing(store: Subject) {
    let tasks = store.tasks();
    want(&store, vec![payment("p1", 10)]).await;
    let dead = claim(&*tasks, 20).await.remove(0);
    assert!(claim(&*tasks, 49).await.is_empty());
    let heir = claim(&*tasks, 50).await.remove(0);
    assert!(!tasks.put_off(&dead, Timestamp(0), 9, "dead").await.unwrap());
    assert_eq!(tasks.done(&[dead]).await.unwrap(), 0);
    assert!(claim(&*tasks, 60).await.is_empty(), "it is still the heir's");
    assert!(tasks.put_off(&heir, Timestamp(70), 1, "").await.unwrap());
    assert!(!tasks.put_off(&heir, Timestamp(71), 2, "").await.unwrap(), "it is nobody's now");
    assert_eq!((tasks.done(&[heir]).await.unwrap(), due(&*tasks, "p1").await), (0, Some(70)));
}

pub(crate) async fn what_is_wanted_while_somebody_works_is_done_again(store: Subject) {
    let tasks = store.tasks();
    let wanted = |due_at| vec![payment("p1", due_at)];
    want(&store, wanted(10)).await;
    let mine = claim(&*tasks, 20).await.remove(0);
    want(&store, wanted(25)).await;
    want(&store, wanted(27)).await;
    assert!(claim(&*tasks, 40).await.is_empty(), "the lease holds");
    assert!(tasks.put_off(&mine, Timestamp(90), 1, "").await.unwrap());
    assert_eq!(due(&*tasks, "p1").await, Some(25));

    let mine = claim(&*tasks, 60).await;
    want(&store, wanted(65)).await;
    assert_eq!(tasks.done(&mine).await.unwrap(), 1);
    let anew = claim(&*tasks, 65).await;
    assert_eq!((anew.len(), anew[0].attempt), (1, 0));
    // What was wanted before a claim is done by it.
    assert_eq!(tasks.done(&anew).await.unwrap(), 1);
    assert_eq!(due(&*tasks, "p1").await, None);
}

/// Ten at once want all that there is.
pub(crate) async fn claimers_at_once_never_share_a_task(store: Subject) {
    const TASKS: usize = 200;
    want(&store, (0..TASKS).map(|n| payment(&format!("p{n}"), 10)).collect()).await;
    let worker = async |of: Option<AccountName>| {
        let (tasks, mut mine) = (store.tasks(), Vec::new());
        let mut idle = 0;
        while idle < 3 {
            let (kinds, at) = (&[TaskKind::Payment], Timestamp(20));
            let some = match &of {
                None => tasks.claim(kinds, 7, at, LEASE).await.unwrap(),
                Some(of) => {
                    let waiting = tasks.waiting(of, TaskKind::Payment, Timestamp(0), 20, at).await.unwrap();
                    let keys: Vec<_> = waiting.iter().map(|task| &task.key).collect();
                    tasks.claim_of(&keys, 7, at, LEASE).await.unwrap()
                }
            };
            // Others may hold for a moment what they leave.
            idle = if some.is_empty() { idle + 1 } else { 0 };
            mine.extend(some.into_iter().map(|task| task.key.subject));
        }
        mine
    };
    let workers = (0..10).map(|n| worker((n % 2 == 0).then(account)));
    let mut all: Vec<_> = join_all(workers).await.into_iter().flatten().collect();
    all.sort_unstable();
    let claimed = all.len();
    all.dedup();
    assert_eq!((all.len(), claimed), (TASKS, TASKS), "each task once");
}

pub(crate) async fn of_tasks_that_are_named_those_are_claimed_that_are_due_and_free(store: Subject) {
    let tasks = store.tasks();
    want(&store, vec![payment("p1", 12), payment("p2", 11), payment("p3", 13), payment("p4", 99)]).await;
    want(&store, vec![payment("other", 1)]).await;
    let keys: Vec<_> = ["p1", "p2", "p3", "p4", "p5"].iter().map(|name| payment(name, 0).key).collect();
    let some =
        async |limit, at| tasks.claim_of(&keys.iter().collect::<Vec<_>>(), limit, Timestamp(at), LEASE).await.unwrap();
    let after = async |after, limit, at| {
        let waiting =
            tasks.waiting(&account(), TaskKind::Payment, Timestamp(after), limit, Timestamp(at)).await.unwrap();
        waiting.iter().map(|task| task.key.subject.to_string()).collect::<Vec<_>>()
    };
    let waiting = async |limit, at| after(0, limit, at).await;
    assert_eq!(
        (waiting(3, 20).await, waiting(9, 11).await),
        (vec!["other".into(), "p2".into(), "p1".into()], vec!["other".into(), "p2".into()])
    );
    let mine = some(2, 20).await;
    assert_eq!(subjects(&mine), ["p2", "p1"], "the longest due first");
    assert_eq!(waiting(9, 20).await, ["other", "p3"], "somebody is at the others");
    assert_eq!((after(1, 9, 20).await, after(13, 9, 20).await), (vec!["p3".to_owned()], vec![]));
    assert_eq!(subjects(&some(9, 20).await), ["p3"]);
    assert!(some(9, 20).await.is_empty());
    let heirs = some(9, 50).await;
    assert_eq!(subjects(&heirs), ["p2", "p1", "p3"], "their leases are over");
    assert_eq!((tasks.done(&mine).await.unwrap(), tasks.done(&heirs).await.unwrap()), (0, 3));
    assert_eq!(subjects(&some(9, 99).await), ["p4"]);
}

pub(crate) async fn tasks_are_hurried_now_and_then(store: Subject) {
    let tasks = store.tasks();
    want(&store, vec![payment("p1", 1000), payment("p2", 5), payment("p3", 1000), task(TaskKind::Refund, "p1", 1000)])
        .await;
    let numbers: Vec<_> = ["p1", "p2", "p4"].map(|n| OutTradeNo::parse(n).unwrap()).into();
    let hurry = async |due: i64, not_since: i64, now: i64| {
        tasks.hurry(&numbers, Timestamp(due), Timestamp(not_since), Timestamp(now)).await.unwrap()
    };
    assert_eq!(hurry(15, 0, 10).await, 1, "p2 is due before");
    assert_eq!((due(&*tasks, "p1").await, due(&*tasks, "p2").await), (Some(15), Some(5)));
    assert_eq!(due(&*tasks, "p3").await, Some(1000));
    let mine = one(&*tasks, "p1", 20).await;
    assert!(tasks.put_off(&mine, Timestamp(1000), 1, "").await.unwrap());
    assert_eq!(hurry(25, 9, 20).await, 0, "once in a while");
    assert_eq!(hurry(25, 10, 20).await, 1);
    // Somebody is working on it, and will do it again afterwards.
    let mine = one(&*tasks, "p1", 30).await;
    assert_eq!(hurry(35, 30, 32).await, 1);
    assert!(tasks.put_off(&mine, Timestamp(1000), 1, "").await.unwrap());
    assert_eq!(due(&*tasks, "p1").await, Some(35));
}

pub(crate) async fn the_tasks_of_an_account_are_hurried_over_a_while(store: Subject) {
    let tasks = store.tasks();
    let elsewhere = NewTask { account: Some(AccountName::parse("b").unwrap()), ..payment("q1", 100_000) };
    let mut wanted: Vec<_> = (0..100).map(|n| payment(&format!("p{n}"), 100_000)).collect();
    wanted.extend([elsewhere, payment("soon", 500), task(TaskKind::Refund, "r1", 100_000)]);
    want(&store, wanted).await;
    let hurry = async |not_since: i64, now: i64| {
        let within = Duration::from_micros(1000);
        tasks.hurry_account(&account(), within, Timestamp(not_since), Timestamp(now)).await.unwrap()
    };
    assert_eq!(hurry(0, 10).await, 100);
    let mut times = Vec::new();
    for n in 0..100 {
        times.extend(due(&*tasks, &format!("p{n}")).await);
    }
    times.sort_unstable();
    assert!(times[0] >= 10 && times[99] < 1010 && times[99] - times[0] > 100, "{times:?}");
    assert_eq!((due(&*tasks, "soon").await, due(&*tasks, "q1").await), (Some(500), Some(100_000)));
    let mine = one(&*tasks, "p1", 2000).await;
    assert!(tasks.put_off(&mine, Timestamp(100_000), 1, "").await.unwrap());
    assert_eq!(hurry(9, 30).await, 0, "once in a while");
    assert_eq!(hurry(10, 30).await, 1);
}

pub(crate) async fn overdue_tasks_are_counted(store: Subject) {
    let tasks = store.tasks();
    let overdue = async |before: i64, now: i64| tasks.overdue(Timestamp(before), Timestamp(now)).await.unwrap();
    assert_eq!(overdue(100, 100).await, Overdue::default());
    want(&store, vec![payment("p1", 10), task(TaskKind::Alert, "a", 20), payment("p2", 30)]).await;
    assert_eq!(overdue(30, 40).await, Overdue { count: 2, oldest: Some(Timestamp(10)) });
    tasks.claim(&[TaskKind::Payment], 1, Timestamp(40), LEASE).await.unwrap();
    assert_eq!(overdue(30, 50).await, Overdue { count: 1, oldest: Some(Timestamp(20)) });
    assert_eq!(overdue(30, 70).await.count, 2, "he is dead");
}

pub(crate) async fn a_budget_is_a_rate_and_a_burst(store: Subject) {
    let tasks = store.tasks();
    // A question takes a tenth of a second.
    let rate = Rate { per_second: 10, burst: 5 };
    let take = async |want: u32, at: i64| tasks.budget(&account(), rate, want, Timestamp(at)).await.unwrap();
    let second = 1_000_000;
    assert_eq!(take(3, 0).await, 3);
    assert_eq!(take(9, 0).await, 2);
    assert_eq!(take(9, 0).await, 0);
    assert_eq!(take(1, 99_999).await, 0);
    assert_eq!(take(9, 100_000).await, 1);
    assert_eq!(take(9, 50_000).await, 0, "a clock that is behind gets nothing by it");
    assert_eq!(take(0, 9 * second).await, 0);
    assert_eq!(take(99, 9 * second).await, 5, "rest does not count for more than the burst");
    assert_eq!(take(2, 9 * second + 250_000).await, 2);
    let other = AccountName::parse("b").unwrap();
    assert_eq!(tasks.budget(&other, rate, 9, Timestamp(0)).await.unwrap(), 5, "each account has its own");
}

/// However many take at once, and whatever they want, together they get what one would.
pub(crate) async fn takers_at_once_share_one_budget(store: Subject) {
    let rate = Rate { per_second: 1000, burst: 50 };
    const ROUNDS: i64 = 25;
    let taker = async |n: u32| {
        let (tasks, mut got) = (store.tasks(), 0);
        for round in 0..ROUNDS {
            got += tasks.budget(&account(), rate, n % 7 + 1, Timestamp(round * 1000)).await.unwrap();
        }
        got
    };
    let got: u32 = join_all((0..8).map(taker)).await.into_iter().sum();
    // One more for each millisecond after the first.
    assert_eq!(i64::from(got), 50 + ROUNDS - 1);
}

pub(crate) async fn a_clock_that_was_far_ahead_holds_nobody_up(store: Subject) {
    let tasks = store.tasks();
    let (rate, minute) = (Rate { per_second: 10, burst: 5 }, 60_000_000);
    let take = async |at: i64| tasks.budget(&account(), rate, 9, Timestamp(at)).await.unwrap();
    assert_eq!(take(60 * minute).await, 5, "a clock an hour ahead");
    assert_eq!(take(59 * minute).await, 0, "a minute is no fault: the latest clock counts");
    assert_eq!(take(minute).await, 5);
    assert_eq!(take(minute).await, 0);
    assert_eq!(take(minute + 100_000).await, 1, "and from there on at its rate");

    want(&store, vec![payment("p1", 10)]).await;
    let claim = async |at: i64| tasks.claim(ALL, 9, Timestamp(at), Duration::from_secs(60)).await.unwrap();
    let ahead = claim(60 * minute).await;
    assert!(claim(51 * minute).await.is_empty(), "ten minutes are no fault");
    assert_eq!(tasks.overdue(Timestamp(minute), Timestamp(minute)).await.unwrap().count, 1);
    let heir = claim(minute).await;
    assert_eq!(subjects(&heir), ["p1"]);
    assert_eq!(tasks.done(&ahead).await.unwrap(), 0);
    assert!(claim(minute).await.is_empty());
    assert_eq!(tasks.done(&heir).await.unwrap(), 1);
}

pub(crate) async fn tasks_that_are_missing_are_added_and_the_others_stay_as_they_are(store: Subject) {
    let tasks = store.tasks();
    want(&store, vec![payment("p2", 50), payment("p3", 10)]).await;
    let mine = one(&*tasks, "p3", 20).await;
    let expiry = task(TaskKind::Expiry, "o1", 7);
    let all = [payment("p3", 5), payment("p1", 5), payment("p2", 5), expiry.clone()];
    assert_eq!(tasks.add_missing(&all).await.unwrap(), 2);
    assert_eq!(tasks.add_missing(&all).await.unwrap(), 0, "two cores may do so");
    assert_eq!((due(&*tasks, "p1").await, due(&*tasks, "p2").await), (Some(5), Some(50)));
    // Whoever is at one goes on, and nothing is wanted of it again.
    assert_eq!(tasks.done(&[mine]).await.unwrap(), 1);
    assert_eq!(due(&*tasks, "p3").await, None);
    let claimed = claim(&*tasks, 8).await;
    assert_eq!(subjects(&claimed), ["p1", "o1"]);
    let Task { key, account: of, order_id, .. } = claimed[0].clone();
    assert_eq!((key, of, order_id), (payment("p1", 0).key, Some(account()), Some(id("o1"))));
    assert_eq!((&claimed[1].key, &claimed[1].account), (&expiry.key, &None));
}

pub(crate) async fn what_is_adopted_is_known_until_it_is_forgotten(store: Subject) {
    let tasks = store.tasks();
    let adopted = async |of: &[&str]| {
        let adopted = tasks.adopted(of).await.unwrap();
        adopted.into_iter().map(|(name, at)| format!("{name} {}", at.0)).collect::<Vec<_>>()
    };
    assert!(adopted(&["", "a"]).await.is_empty());
    tasks.note_adopted(&["", "a"], Timestamp(5)).await.unwrap();
    tasks.note_adopted(&["a", "b"], Timestamp(6)).await.unwrap();
    assert_eq!(adopted(&["", "a", "b", "c"]).await, [" 5", "a 5", "b 6"], "the first time counts");
    assert_eq!(adopted(&["a"]).await, ["a 5"]);
    assert_eq!(adopted(&["", "a", "b"]).await, ["a 5"]);
    assert!(adopted(&[]).await.is_empty());
}

pub(crate) async fn unpaid_orders_are_looked_for_page_by_page(store: Subject) {
    for (name, at) in [("o1", 10), ("o2", 20), ("o3", 30), ("o4", 40), ("o5", 40)] {
        commit(&*store, &created(name, at)).await.unwrap();
    }
    for name in ["o3", "o4"] {
        let order = store.orders(&[id(name)]).await.unwrap().remove(&id(name)).unwrap();
        commit(&*store, &closed(&order)).await.unwrap();
    }
    let page = async |after: Option<&Cursor>| {
        let page = store.unpaid_orders(Timestamp(20), after, 1).await.unwrap();
        (page.rows.into_iter().map(|order| order.id.to_string()).collect::<Vec<_>>(), page.next)
    };
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let (rows, next) = page(after.as_ref()).await;
        found.push(rows.join(","));
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, ["o5", "", "", "o2", ""], "a page without any is not the last one");
    let whole = store.unpaid_orders(Timestamp(0), None, 99).await.unwrap();
    assert_eq!((whole.rows.len(), whole.next), (3, None));
}
