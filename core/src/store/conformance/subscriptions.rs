//! What a store owes durable subscriptions.

use uuid::Uuid;

use super::{Subject, closed, commit, created, id, only};
use crate::{
    order::{EventFilter, EventKind, RequestId, State, SubscriptionName, Timestamp},
    store::{Backlog, StoreError, SubscriptionRequest},
    subscription::{Delivery, Failures, Lease, Place, Subscription},
};

fn named(name: &str) -> Subscription {
    let filter = EventFilter {
        kinds: [EventKind::OrderCreated, EventKind::OrderClosed].into(),
        to_states: [State::Created, State::Closed].into(),
        order_id: Some(id("o1")),
    };
    Subscription::new(SubscriptionName::parse(name).unwrap(), filter, 3, 0, Timestamp(7))
}

fn lease(n: u128) -> Lease {
    Lease(Uuid::from_u128(n))
}

fn place(revision: i64, order: &str, sequence: i64) -> Place {
    Place { revision, order_id: id(order), sequence }
}

pub(crate) async fn a_subscription_reads_back_whole(store: Subject) {
    let all = store.subscriptions();
    let mut new = named("stock");
    assert_eq!(all.get(&new.name).await.unwrap(), None);
    new.open(lease(1), None, Timestamp(8));
    new.failures = Failures { revision: 4, count: 1, suspect: 5 };
    new.send(lease(1), 5).unwrap();
    new.park(lease(1), place(4, "o1", 2), "x".into(), Timestamp(9)).unwrap();
    new.redriven = [(id("o2"), 3)].into();
    assert_eq!(all.create(&new, None).await.unwrap(), None);
    let stored = all.get(&new.name).await.unwrap().unwrap();
    assert_eq!(stored, Subscription { version: 1, delivery: None, ..new });

    for name in ["a", "b", "c"] {
        all.create(&named(name), None).await.unwrap();
    }
    let page = all.list(None, 3).await.unwrap();
    assert_eq!(page.rows.iter().map(|s| s.name.to_string()).collect::<Vec<_>>(), ["a", "b", "c"]);
    let page = all.list(page.next.as_ref(), 3).await.unwrap();
    assert_eq!((page.rows, page.next), (vec![stored.clone()], None));
    assert!(all.delete(&stored.name).await.unwrap());
    assert!(!all.delete(&stored.name).await.unwrap());
    assert_eq!(all.get(&stored.name).await.unwrap(), None);
    assert!(matches!(all.update(&stored).await, Err(StoreError::Conflict(_))), "what is gone is not written");
}

pub(crate) async fn a_name_or_a_request_stands_in_the_way(store: Subject) {
    let all = store.subscriptions();
    let request =
        |n: u32| SubscriptionRequest { id: RequestId::parse(format!("q{n}")).unwrap(), fingerprint: "f".into() };
    all.create(&named("a"), Some(&request(1))).await.unwrap();
    all.create(&named("b"), None).await.unwrap();
    let there = async |name, request: Option<&_>| {
        let existing = all.create(&named(name), request).await.unwrap().unwrap();
        (existing.subscription.name.to_string(), existing.request)
    };
    assert_eq!(there("b", None).await, ("b".into(), None));
    assert_eq!(there("a", Some(&request(2))).await, ("a".into(), Some(request(1))));
    assert_eq!(there("c", Some(&request(1))).await, ("a".into(), Some(request(1))));
    // The request says more than the name: it was carried out.
    assert_eq!(there("b", Some(&request(1))).await, ("a".into(), Some(request(1))));
}

pub(crate) async fn a_subscription_is_written_over_the_version_that_was_read(store: Subject) {
    let all = store.subscriptions();
    all.create(&named("a"), None).await.unwrap();
    let name = named("a").name;
    let read = async || all.get(&name).await.unwrap().unwrap();
    let mut first = read().await;
    let second = read().await;
    first.open(lease(1), None, Timestamp(8));
    all.update(&first).await.unwrap();
    assert!(matches!(all.update(&second).await, Err(StoreError::Conflict(_))));
    assert_eq!(read().await, Subscription { version: 2, ..first });

    // What was sent makes nobody decide again, and only grows.
    let before = read().await;
    let note = |n, sent, fails_at| Delivery { lease: lease(n), sent, fails_at };
    assert!(all.note(&name, note(1, 5, Some(Timestamp(50)))).await.unwrap());
    assert!(all.note(&name, note(1, 3, Some(Timestamp(60)))).await.unwrap());
    assert!(!all.note(&name, note(2, 9, None)).await.unwrap(), "another lease");
    all.update(&Subscription { confirmed: 2, ..before }).await.unwrap();
    let after = read().await;
    assert_eq!((after.confirmed, after.delivery), (2, Some(note(1, 5, Some(Timestamp(60))))));
    assert!(all.note(&name, note(1, 0, None)).await.unwrap());
    assert_eq!(read().await.delivery, Some(note(1, 5, None)));
    // A new lease begins with what it says itself; without one nothing is sent.
    let taken = note(2, 1, Some(Timestamp(70)));
    all.update(&Subscription { delivery: Some(taken), ..after }).await.unwrap();
    assert_eq!(read().await.delivery, Some(taken));
    all.update(&Subscription { delivery: None, ..read().await }).await.unwrap();
    assert_eq!(read().await.delivery, None);
    assert!(!all.note(&name, note(2, 9, None)).await.unwrap());
}

pub(crate) async fn what_a_subscription_has_yet_to_see_is_counted(store: Subject) {
    let all = store.subscriptions();
    let everything = Subscription { filter: EventFilter::default(), ..named("a") };
    let backlog = async |of: &Subscription| {
        let Backlog { count, oldest } = all.backlog(of).await.unwrap();
        (count, oldest.map(|at| at.0))
    };
    assert_eq!(backlog(&everything).await, (0, None));
    // Revisions 1 to 5: o1 and o2 created, o1 closed, o3 created, o2 closed.
    for (name, at) in [("o1", 1), ("o2", 2)] {
        commit(&*store, &created(name, at)).await.unwrap();
    }
    commit(&*store, &closed(&only(&*store, "o1").await)).await.unwrap();
    commit(&*store, &created("o3", 3)).await.unwrap();
    commit(&*store, &closed(&only(&*store, "o2").await)).await.unwrap();
    assert_eq!(backlog(&everything).await, (5, Some(1)));
    assert_eq!(backlog(&Subscription { confirmed: 3, ..everything.clone() }).await, (2, Some(3)));
    let with = |filter: EventFilter| Subscription { filter, ..everything.clone() };
    let kinds = with(EventFilter { kinds: [EventKind::OrderClosed].into(), ..EventFilter::default() });
    assert_eq!(backlog(&kinds).await, (2, Some(50)));
    let states = with(EventFilter { to_states: [State::Created].into(), ..EventFilter::default() });
    assert_eq!(backlog(&states).await, (3, Some(1)));
    let one = with(EventFilter { order_id: Some(id("o1")), ..EventFilter::default() });
    assert_eq!(backlog(&one).await, (2, Some(1)));

    // o1 is parked from its first event on, and the rest confirmed.
    let mut parked = everything.clone();
    parked.open(lease(1), None, Timestamp(9));
    parked.send(lease(1), 5).unwrap();
    parked.park(lease(1), place(1, "o1", 1), "x".into(), Timestamp(9)).unwrap();
    assert_eq!(backlog(&parked).await, (3, Some(2)), "what is held is no backlog");
    parked.confirmed = 4;
    assert_eq!(backlog(&parked).await, (1, Some(50)));
    let listed = async |of: &Subscription, after: Option<&_>| {
        let page = all.aside(of, after, 1).await.unwrap();
        (page.rows.iter().map(|e| e.revision).collect::<Vec<_>>(), page.next)
    };
    let (rows, next) = listed(&parked, None).await;
    assert_eq!(rows, [1]);
    assert_eq!(listed(&parked, next.as_ref()).await, (vec![3], None));
    assert_eq!(all.aside_count(&parked).await.unwrap(), 2);
    // What is parked is shown whatever the filter wants by now.
    let narrowed = Subscription { filter: kinds.filter, ..parked.clone() };
    assert_eq!(all.aside_count(&narrowed).await.unwrap(), 2);
    let narrowed = Subscription { filter: states.filter, ..parked.clone() };
    assert_eq!(all.aside_count(&narrowed).await.unwrap(), 1);

    parked.redrive(&[(id("o1"), 1)], 1).unwrap();
    assert_eq!((backlog(&parked).await, all.aside_count(&parked).await.unwrap()), ((3, Some(1)), 0));
    assert_eq!(all.event(&id("o2"), 2).await.unwrap().map(|e| e.revision), Some(5));
    assert!(all.event(&id("o2"), 3).await.unwrap().is_none());
}
