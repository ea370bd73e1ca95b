//! Several cores behind one edge.

use paystate_edge::Limits;
use paystate_proto::v1::RecordOutcome;
use tokio::net::TcpListener;

use crate::{
    core::{Core, Mode, channel},
    rig::{PATH, Rig},
};

/// An address at which nobody listens.
async fn nowhere() -> String {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
}

#[tokio::test]
async fn a_core_that_is_away_costs_no_callback() {
    let (core, there) = Core::start().await;
    let away = channel(&nowhere().await);
    let rig = Rig::with_cores(Limits::default(), core, [away.clone(), there, away]).await;
    let mut client = rig.connect().await;
    for n in 1..=12 {
        assert_eq!(client.post(PATH, &format!("paid {n}")).await.status, 200, "callback {n}");
        assert_eq!(client.post(PATH, &format!("forged {n}")).await.status, 400);
    }
    let seen = rig.core.until(|seen| seen.rejections.len() == 12).await;
    assert_eq!((seen.messages.len(), seen.suppressed), (12, 0), "nothing twice, nothing lost");
    drop(seen);
    client.send("GET /readyz HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(client.answer().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_call_that_is_cut_is_made_again_at_another_core() {
    let (first, to_first) = Core::start().await;
    let (second, to_second) = Core::start().await;
    first.set(Mode::Panic);
    let rig = Rig::with_cores(Limits::default(), second, [to_first, to_second]).await;
    let mut client = rig.connect().await;
    for n in 1..=4 {
        assert_eq!(client.post(PATH, &format!("paid {n}")).await.status, 200, "callback {n}");
    }
    assert!(first.look(|seen| !seen.messages.is_empty()), "the first core was not asked, so nothing is proved");
    assert_eq!(rig.core.look(|seen| seen.messages.len()), 4);
}

/// It has answered, and its database is away, or it does not know the account yet.
#[tokio::test]
async fn what_one_core_cannot_store_another_one_does() {
    let (first, to_first) = Core::start().await;
    let (second, to_second) = Core::start().await;
    first.set(Mode::Answer(RecordOutcome::Unavailable));
    let rig = Rig::with_cores(Limits::default(), second, [to_first, to_second]).await;
    let mut client = rig.connect().await;
    for n in 1..=8 {
        assert_eq!(client.post(PATH, &format!("paid {n}")).await.status, 200, "callback {n}");
    }
    assert_eq!(first.look(|seen| seen.messages.len()), 1, "a core that cannot is left alone for a while");
    assert_eq!(rig.core.look(|seen| seen.messages.len()), 8);
}

#[tokio::test]
async fn what_no_core_can_store_is_refused_after_each_was_asked_once() {
    let (first, to_first) = Core::start().await;
    let (second, to_second) = Core::start().await;
    for core in [&first, &second] {
        core.set(Mode::Answer(RecordOutcome::Unavailable));
    }
    let rig = Rig::with_cores(Limits::default(), second, [to_first, to_second]).await;
    assert_eq!(rig.connect().await.post(PATH, "paid 1").await.status, 503);
    assert_eq!([first.look(|seen| seen.messages.len()), rig.core.look(|seen| seen.messages.len())], [1, 1]);
}
