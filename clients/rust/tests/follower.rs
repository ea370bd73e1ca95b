//! The followers against a core that does what a script says, also what no real core should ever do.
//!
//! Everything is in memory and time stands still while somebody works, so waits cost nothing and are exact.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails should say so at once")]

mod script;

use std::time::Duration;

use paystate_client::{
    ChainBroken, FollowError, Follower, Handler, Start, Subscriber, SubscriptionHandler, Unhandled, v1,
};
use tokio::time::Instant;
use tonic::{Code, Status};
use v1::position::At;

use self::script::{Core, Step, batch, going_away, opened, opened_with_lease, progress, refusal};

/// A database in memory: what is in it is what was committed.
#[derive(Default)]
struct Journal {
    token: Option<String>,
    applied: Vec<i64>,
    chain: Vec<(i64, i64)>,
    /// Fails when this revision comes.
    fails_at: Option<i64>,
}

impl Handler for Journal {
    type Error = String;

    async fn position(&mut self) -> Result<Option<String>, String> {
        Ok(self.token.clone())
    }

    async fn handle(&mut self, batch: v1::Batch) -> Result<(), String> {
        if batch.events.iter().any(|e| Some(e.revision) == self.fails_at) {
            return Err("full".to_owned());
        }
        self.applied.extend(batch.events.iter().map(|e| e.revision));
        self.chain.push((batch.after_revision, batch.up_to_revision));
        self.token = Some(batch.resume_token);
        Ok(())
    }
}

/// Follows until the handler fails at `last`, which the script must get to.
async fn follow(core: &Core, journal: &mut Journal, last: i64) {
    journal.fails_at = Some(last);
    match Follower::new(core.channel()).run(journal).await {
        Err(FollowError::Handler(error)) => assert_eq!(error, "full"),
        other => panic!("{other:?}"),
    }
}

fn token(token: &str) -> Option<At> {
    Some(At::ResumeToken(token.to_owned()))
}

#[tokio::test(start_paused = true)]
async fn what_is_lost_on_the_way_is_asked_for_again_and_nothing_is_handled_twice() {
    let core = Core::start([
        vec![Step::Fail(Status::unavailable("starting"))],
        vec![opened(0), batch(0, &[1, 2], 2, "t2"), Step::Fail(Status::unknown("the connection broke"))],
        vec![opened(2), batch(2, &[], 5, "t5"), batch(5, &[7], 7, "t7"), going_away()],
        vec![opened(7), progress(9, "t9"), Step::End],
        vec![opened(9), batch(9, &[10], 10, "t10"), Step::Fail(Status::resource_exhausted("too many streams"))],
        vec![Step::Fail(Status::deadline_exceeded("slow")), Step::End],
        vec![opened(10), batch(10, &[11], 11, "t11")],
    ]);
    let mut journal = Journal::default();
    follow(&core, &mut journal, 11).await;
    assert_eq!(journal.applied, [1, 2, 7, 10]);
    assert_eq!(journal.chain, [(0, 2), (2, 5), (5, 7), (7, 9), (9, 10)]);
    let asked = core.asked();
    let start = Some(At::Earliest(true));
    assert_eq!(
        asked.iter().map(|r| r.position.clone().unwrap().at).collect::<Vec<_>>(),
        [start.clone(), start, token("t2"), token("t7"), token("t9"), token("t10"), token("t10")]
    );
    assert!(asked.iter().all(|r| r.subscription.is_empty() && !r.stop_at_head));
}

#[tokio::test(start_paused = true)]
async fn the_next_run_begins_with_the_stored_position() {
    let core = Core::start([vec![opened(7), batch(7, &[8], 8, "t8"), batch(8, &[9], 9, "t9")]]);
    let mut journal = Journal { token: Some("t7".to_owned()), ..Default::default() };
    follow(&core, &mut journal, 9).await;
    assert_eq!((journal.applied.as_slice(), journal.token.as_deref()), ([8].as_slice(), Some("t8")));
    assert_eq!(core.asked()[0].position.clone().unwrap().at, token("t7"));
}

#[tokio::test(start_paused = true)]
async fn latest_is_the_same_place_after_a_reconnect() {
    let core = Core::start([
        vec![opened(40), Step::Fail(Status::unavailable("restart"))],
        vec![opened(40), progress(40, "t40"), progress(40, "t40"), Step::End],
        vec![opened(40), batch(40, &[41], 41, "t41")],
    ]);
    let mut journal = Journal { fails_at: Some(41), ..Default::default() };
    let follower = Follower::new(core.channel()).start(Start::Latest);
    follower.run(&mut journal).await.unwrap_err();
    let positions: Vec<_> = core.asked().into_iter().map(|r| r.position.unwrap().at).collect();
    assert_eq!(positions, [Some(At::Latest(true)), Some(At::AfterRevision(40)), token("t40")]);
    assert_eq!(journal.chain, [(40, 40)], "the place is stored once, and a mere sign of life is not");
}

#[tokio::test(start_paused = true)]
async fn a_broken_chain_ends_it_and_nothing_of_it_is_handed_on() {
    let gap = ChainBroken::Gap { expected: 2, found: 3 };
    let other_log = ChainBroken::OtherLog { expected: "log-1".into(), found: "log-2".into() };
    let begin = || vec![opened(0), batch(0, &[1, 2], 2, "t2")];
    let then = |steps: Vec<Step>| vec![[begin(), steps].concat()];
    let again = |steps: Vec<Step>| vec![[begin(), vec![Step::End]].concat(), steps];
    for (script, why) in [
        (then(vec![batch(3, &[4], 4, "t4")]), gap.clone()),
        (then(vec![batch(0, &[1, 2], 2, "t2")]), ChainBroken::Gap { expected: 2, found: 0 }),
        (then(vec![batch(2, &[3, 3], 4, "t4")]), ChainBroken::OutOfPlace { revision: 3, above: 3, at_most: 4 }),
        (then(vec![progress(1, "t1")]), ChainBroken::Backwards { after: 2, up_to: 1 }),
        (then(vec![opened(2)]), ChainBroken::Malformed("it says Opened twice")),
        (again(vec![opened(3)]), gap),
        (again(vec![opened(1)]), ChainBroken::Gap { expected: 2, found: 1 }),
        (again(vec![batch(2, &[3], 3, "t3")]), ChainBroken::Malformed("it does not begin with Opened")),
        (again(vec![script::opened_of("log-2", 2)]), other_log),
    ] {
        let core = Core::start(script);
        let mut journal = Journal::default();
        match Follower::new(core.channel()).run(&mut journal).await {
            Err(FollowError::ChainBroken(broken)) => assert_eq!(broken, why),
            other => panic!("{other:?}, expected {why:?}"),
        }
        assert_eq!(journal.applied, [1, 2]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_only_a_newer_core_says_is_passed_over() {
    let core = Core::start([vec![
        Step::Unknown,
        opened(0),
        Step::Unknown,
        batch(0, &[1], 1, "t1"),
        Step::Unknown,
        batch(1, &[2], 2, "t2"),
    ]]);
    let mut journal = Journal::default();
    follow(&core, &mut journal, 2).await;
    assert_eq!((journal.applied, core.asked().len()), (vec![1], 1));
}

#[tokio::test(start_paused = true)]
async fn what_would_be_refused_again_is_handed_to_the_caller_with_its_reason() {
    for (code, reason) in [
        (Code::FailedPrecondition, "LOG_ID_CHANGED"),
        (Code::OutOfRange, "EVENTS_COMPACTED"),
        (Code::InvalidArgument, "RESUME_TOKEN_MALFORMED"),
        (Code::PermissionDenied, "ROLE_REQUIRED"),
        (Code::Unauthenticated, "IDENTITY_MISSING"),
        (Code::NotFound, "SUBSCRIPTION_NOT_FOUND"),
        (Code::Unimplemented, "UNIMPLEMENTED"),
    ] {
        let core = Core::start([vec![Step::Fail(refusal(code, reason))]]);
        let mut journal = Journal { token: Some("t".to_owned()), ..Default::default() };
        match Follower::new(core.channel()).run(&mut journal).await {
            Err(FollowError::Refused(refusal)) => {
                assert_eq!((refusal.code, refusal.reason.as_str()), (code, reason));
                assert_eq!(refusal.oldest_revision(), Some(7));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(core.asked().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_on_which_nothing_comes_is_opened_again() {
    let core = Core::start([
        vec![Step::Silence],
        vec![opened(0), Step::Silence],
        vec![opened(0), batch(0, &[1], 1, "t1"), Step::Silence],
        vec![opened(1), batch(1, &[2], 2, "t2")],
    ]);
    let begin = Instant::now();
    follow(&core, &mut Journal::default(), 2).await;
    let took = begin.elapsed();
    assert!((Duration::from_secs(90)..Duration::from_secs(91)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn waits_grow_while_the_core_is_away_and_never_end() {
    let away = |_| vec![Step::Fail(Status::unavailable("away"))];
    let back = vec![opened(0), batch(0, &[1], 1, "t1")];
    let core = Core::start((0..60).map(away).chain([back]));
    let begin = Instant::now();
    follow(&core, &mut Journal::default(), 1).await;
    // On average half of 10 s for each but the first few.
    let took = begin.elapsed();
    assert!((Duration::from_secs(150)..Duration::from_secs(450)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn until_the_head_it_follows_over_losses_and_then_ends() {
    let core = Core::start([
        vec![opened(0), batch(0, &[1], 1, "t1"), going_away()],
        vec![opened(1), batch(1, &[2], 2, "t2"), Step::End],
    ]);
    let mut journal = Journal::default();
    Follower::new(core.channel()).until_head().run(&mut journal).await.unwrap();
    assert_eq!(journal.applied, [1, 2]);
    assert!(core.asked().iter().all(|r| r.stop_at_head));
}

/// Handles at most once what it can.
#[derive(Default)]
struct Mails {
    sent: Vec<i64>,
    /// Where each batch ended.
    seen: Vec<i64>,
    poison: Option<i64>,
    broken: bool,
}

impl SubscriptionHandler for Mails {
    type Error = String;

    async fn handle(&mut self, batch: v1::Batch) -> Result<(), Unhandled<String>> {
        if self.broken {
            Err("no mail server".to_owned())?;
        }
        self.seen.push(batch.up_to_revision);
        for event in batch.events {
            if self.poison == Some(event.revision) {
                return Err(Unhandled::Unprocessable { event_id: event.event_id, reason: "no address".to_owned() });
            }
            self.sent.push(event.revision);
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_acknowledges_under_the_lease_of_each_stream_and_parks_what_cannot_be_handled() {
    let gone = || Step::Fail(refusal(Code::NotFound, "SUBSCRIPTION_NOT_FOUND"));
    let lost = || Step::Fail(refusal(Code::Aborted, "LEASE_LOST"));
    let core = Core::start([
        vec![opened_with_lease(4, "a"), batch(4, &[5, 6], 6, ""), progress(6, ""), progress(9, ""), lost()],
        vec![opened_with_lease(9, "b"), batch(9, &[10, 11], 11, ""), Step::Silence],
        // An operator has moved it.
        vec![opened_with_lease(2, "c"), batch(2, &[3], 3, ""), gone()],
    ]);
    let mut mails = Mails { poison: Some(11), ..Default::default() };
    match Subscriber::new(core.channel(), "mails").run(&mut mails).await {
        Err(FollowError::Refused(refusal)) => assert_eq!(refusal.reason, "SUBSCRIPTION_NOT_FOUND"),
        other => panic!("{other:?}"),
    }
    assert_eq!(mails.sent, [5, 6, 10, 3]);
    assert_eq!(mails.seen, [6, 9, 11, 3], "a place without events is handed on, and a mere sign of life is not");
    assert_eq!(core.confirmed(), ["a: 6", "a: 9", "b: parked event-11, no address", "c: 3"]);
    assert!(core.asked().iter().all(|r| r.subscription == "mails" && r.position.is_none() && r.filter.is_none()));
}

#[tokio::test(start_paused = true)]
async fn an_acknowledgement_of_a_lost_lease_opens_the_stream_again_and_another_refusal_ends_it() {
    let core = Core::start([
        vec![opened_with_lease(0, "stale"), batch(0, &[1], 1, ""), Step::Silence],
        vec![opened_with_lease(0, "ahead"), batch(0, &[1], 1, ""), Step::Silence],
    ]);
    let mut mails = Mails::default();
    match Subscriber::new(core.channel(), "mails").run(&mut mails).await {
        Err(FollowError::Refused(refusal)) => assert_eq!(refusal.reason, "ACKNOWLEDGE_AHEAD"),
        other => panic!("{other:?}"),
    }
    assert_eq!((mails.sent, core.confirmed().len()), (vec![1, 1], 0));
}

#[tokio::test(start_paused = true)]
async fn what_the_handler_fails_with_ends_a_subscriber_and_acknowledges_nothing() {
    let core = Core::start([vec![opened_with_lease(0, "a"), batch(0, &[1], 1, "")]]);
    let mut mails = Mails { broken: true, ..Default::default() };
    match Subscriber::new(core.channel(), "mails").run(&mut mails).await {
        Err(FollowError::Handler(error)) => assert_eq!(error, "no mail server"),
        other => panic!("{other:?}"),
    }
    assert!(core.confirmed().is_empty());
}

/// Follows until the subscription is gone. Answers with how long it took.
async fn subscribe(core: &Core, mails: &mut Mails) -> Duration {
    let begin = Instant::now();
    match Subscriber::new(core.channel(), "mails").run(mails).await {
        Err(FollowError::Refused(refusal)) => assert_eq!(refusal.reason, "SUBSCRIPTION_NOT_FOUND"),
        other => panic!("{other:?}"),
    }
    begin.elapsed()
}

#[tokio::test(start_paused = true)]
async fn only_what_is_acknowledged_makes_the_waits_of_a_subscriber_short_again() {
    // Another reader takes the subscription over before we have acknowledged anything; or after.
    for (lease, least, most) in [("stale", 75, 300), ("a", 0, 2)] {
        let taken = |_| {
            let lost = Step::Fail(refusal(Code::Aborted, "LEASE_LOST"));
            vec![opened_with_lease(0, lease), progress(0, ""), batch(0, &[1], 1, ""), lost]
        };
        let gone = vec![Step::Fail(refusal(Code::NotFound, "SUBSCRIPTION_NOT_FOUND"))];
        let core = Core::start((0..40).map(taken).chain([gone]));
        let took = subscribe(&core, &mut Mails::default()).await;
        assert!((Duration::from_secs(least)..=Duration::from_secs(most)).contains(&took), "{lease}: {took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_core_that_does_not_answer_is_left_after_30_s() {
    for poison in [None, Some(1)] {
        let core = Core::start([
            vec![opened_with_lease(0, "silent"), batch(0, &[1], 1, ""), Step::Silence],
            vec![Step::Fail(refusal(Code::NotFound, "SUBSCRIPTION_NOT_FOUND"))],
        ]);
        let took = subscribe(&core, &mut Mails { poison, ..Default::default() }).await;
        assert!((Duration::from_secs(30)..Duration::from_secs(31)).contains(&took), "{took:?}");
    }
}
