//! Any news in any order, in any batches.

use super::*;

/// News about two orders, some of it by transaction alone, some for a number that is not registered yet.
fn any_news() -> impl Strategy<Value = Observation> {
    prop_oneof![
        Just(paid(Some("p1"), "t1", DUE)),
        Just(paid(Some("p1"), "t2", DUE)),
        Just(paid(Some("p2"), "t3", DUE)),
        Just(paid(Some("p2"), "t4", 5)),
        Just(paid(Some("p3"), "t5", DUE)),
        Just(paid(None, "t1", DUE)),
        Just(refunded(None, "t1", "r1", 400)),
        Just(refunded(None, "t1", "r2", 600)),
        Just(refunded(Some("p2"), "t3", "r3", DUE)),
        Just(refunded(None, "t5", "r4", 10)),
        Just(refunded(Some("p9"), "t3", "r5", 20)),
        Just(paid(Some("p9"), "t3", DUE)),
    ]
}

pub(super) type Digest = Vec<(String, State, i64, i64, BTreeSet<String>)>;

/// Plays news in batches of any size, with the payment of one order registered somewhere in between.
pub(super) async fn play(guard: Arc<dyn Guard>, news: &[(usize, Observation)], bind_at: usize) -> Digest {
    let rig = rig_with(guard, |store| store, Limits::default()).await;
    rig.sell("o1", "p1").await;
    rig.sell("o2", "p2").await;
    rig.door.command(request(create("o3"), None)).await.unwrap();
    let (before, after) = news.split_at(bind_at.min(news.len()));
    for (part, binds) in [(before, true), (after, false)] {
        // All at once: the door batches them as it likes.
        let sent = part.iter().map(|(n, o)| rig.door.observe(message(*n, vec![o.clone()])));
        for answer in join_all(sent).await {
            assert!(answer.is_ok(), "{answer:?}");
        }
        if binds {
            rig.door.command(request(start("o3", "p3"), None)).await.unwrap();
        }
    }
    rig.sound().await;
    let open = |order: &Order| order.open_cases.iter().map(|c| c.kind().unwrap().as_str().to_owned()).collect();
    let mut digest = Vec::new();
    for name in ["o1", "o2", "o3"] {
        let order = rig.order(name).await;
        digest.push((name.to_owned(), order.state(), order.paid().minor(), order.refunded().minor(), open(&order)));
    }
    digest
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// I11 through door and store: batches, parking and binding included.
    #[test]
    fn order_of_arrival_does_not_matter(
        (first, second) in proptest::collection::vec(any_news(), 0..10)
            .prop_map(|all| all.into_iter().enumerate().collect::<Vec<_>>())
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        bind_first in 0_usize..10,
        bind_second in 0_usize..10,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = || Arc::new(LocalGuard::default());
        let (a, b) = runtime.block_on(async {
            (play(local(), &first, bind_first).await, play(local(), &second, bind_second).await)
        });
        prop_assert_eq!(a, b);
    }
}
