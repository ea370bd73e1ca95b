//! Cases, with what the configuration says about them.

use super::*;
use crate::order::CaseId;

#[tokio::test]
async fn a_case_that_is_opened_and_settled_at_once_keeps_what_it_was_about() {
    let rig = rig().await;
    rig.sell("o1", "p1").await;
    let refund = |status| {
        let fact = match refunded(Some("p1"), "t1", "r1", 10).fact {
            crate::order::Fact::Refund(fact) => RefundFact { status, ..fact },
            crate::order::Fact::Payment(_) => unreachable!("refunded makes refunds"),
        };
        Observation { account: account(), fact: crate::order::Fact::Refund(fact) }
    };
    let news = vec![refund(RefundStatus::Abnormal), refund(RefundStatus::Succeeded)];
    rig.door.observe(message(1, news)).await.unwrap();
    let case = rig.cases().await.remove(0).case;
    assert!(
        case.summary.contains("did not reach the payer") && case.state != crate::order::CaseState::Open,
        "{case:?}"
    );
}

fn ruling(case_id: &CaseId, resolution: Resolution) -> Command {
    Command::ResolveCase { case_id: case_id.clone(), resolution, reason: "why".to_owned(), by: Resolver::Operator }
}

/// An order that is paid twice.
async fn paid_twice() -> (Rig, CaseId) {
    let rig = rig_that_follows().await;
    rig.sell("o1", "p1").await;
    for n in [1, 2] {
        rig.door.observe(message(n, vec![paid(Some("p1"), &format!("t{n}"), DUE)])).await.unwrap();
    }
    let case = only(rig.cases().await);
    (rig, case.id)
}

#[tokio::test]
async fn a_case_that_opens_has_a_due_time_an_owner_and_its_tasks() {
    let (rig, id) = paid_twice().await;
    let case = only(rig.cases().await);
    assert_eq!((case.due_at, case.owner.as_str()), (Some(Timestamp(60_000_005)), "refunds"));
    for (kind, subject) in [(TaskKind::Alert, format!("ops/{id}")), (TaskKind::Policy, id.to_string())] {
        let due = rig.store.tasks().due(&TaskKey { kind, subject: subject.into() }).await.unwrap();
        assert_eq!(due, Some(Timestamp(5)), "{kind:?}");
    }
    let assign = Command::AssignCase { case_id: id, owner: "ann".to_owned() };
    let assigned = rig.door.command(request(assign, Some("q"))).await.unwrap();
    assert_eq!(assigned.case.unwrap().case.owner, "ann");
    assert_eq!(only(rig.cases().await).owner, "ann");
}

#[tokio::test]
async fn a_ruling_is_carried_out_once_and_asks_for_one_refund() {
    let (rig, id) = paid_twice().await;
    let first = rig.door.command(request(ruling(&id, Resolution::Refund), Some("q"))).await.unwrap();
    let (order, case) = (first.order.clone().unwrap(), first.case.clone().unwrap().case);
    assert_eq!((order.state(), order.open_cases.len(), order.refunds.len()), (State::Paid, 0, 1));
    let state = CaseState::Resolved { resolution: Resolution::Refund, at: Timestamp(3), by: Some(Resolver::Operator) };
    assert_eq!((case.state, case.reason.as_str(), case.owner.as_str()), (state, "why", "refunds"));
    assert_eq!(only(rig.cases().await), case);
    for key in [Some("q"), None, Some("z")] {
        assert_eq!(rig.door.command(request(ruling(&id, Resolution::Refund), key)).await.unwrap(), first);
    }
    let number = order.refunds[0].out_refund_no.clone().unwrap();
    assert_eq!(rig.store.order_of_refund(&number).await.unwrap(), Some(oid("o1")));
    let task = TaskKey { kind: TaskKind::Refund, subject: number.as_str().into() };
    assert_eq!(rig.store.tasks().due(&task).await.unwrap(), Some(Timestamp(3)));
    for (other, key) in [(Resolution::Ignore, None), (Resolution::Ignore, Some("q"))] {
        let refused = rig.door.command(request(ruling(&id, other), key)).await.unwrap_err();
        assert!(matches!(refused, DoorError::Refused(Refusal::CaseResolved(_) | Refusal::RequestIdReused(_))));
    }
    let unknown = rig.door.command(request(ruling(&"no such".into(), Resolution::Ignore), None)).await;
    assert!(matches!(unknown, Err(DoorError::Refused(Refusal::CaseNotFound(_)))));
    rig.sound().await;
}

#[tokio::test]
async fn a_ruling_that_crosses_with_news_is_decided_after_or_before_it_and_never_beside_it() {
    // The wrong amount is accepted, and the right one comes: all at once, both are taken in.
    for news_first in [true, false] {
        let rig = rig_that_follows().await;
        rig.sell("o1", "p1").await;
        rig.door.observe(message(1, vec![paid(Some("p1"), "t1", 900)])).await.unwrap();
        let id = only(rig.cases().await).id;
        let news = async { rig.door.observe(message(2, vec![paid(Some("p1"), "t2", DUE)])).await };
        let ruled = rig.door.command(request(ruling(&id, Resolution::Accept), None));
        let (news, ruled) = if news_first {
            tokio::join!(news, ruled)
        } else {
            let (ruled, news) = tokio::join!(ruled, news);
            (news, ruled)
        };
        assert!(matches!(news, Ok(MessageOutcome::Stored(_))));
        let order = rig.order("o1").await;
        let open: Vec<_> = order.open_cases.iter().map(|id| id.kind().unwrap()).collect();
        let expected = if news_first { CaseKind::AmountMismatch } else { CaseKind::DoublePayment };
        assert_eq!((ruled.is_ok(), open, order.state()), (!news_first, vec![expected], State::Paid));
        rig.sound().await;
    }
}

#[tokio::test]
async fn an_accepted_amount_is_sound() {
    let rig = rig_that_follows().await;
    rig.sell("o1", "p1").await;
    rig.door.observe(message(1, vec![paid(Some("p1"), "t1", 900)])).await.unwrap();
    let id = only(rig.cases().await).id;
    rig.door.command(request(ruling(&id, Resolution::Accept), None)).await.unwrap();
    assert_eq!((rig.order("o1").await.state(), rig.order("o1").await.paid().minor()), (State::Paid, DUE));
    rig.door.observe(message(2, vec![refunded(None, "t1", "r1", 900)])).await.unwrap();
    assert_eq!((rig.order("o1").await.state(), rig.order("o1").await.refunded().minor()), (State::Refunded, DUE));
    rig.sound().await;
}

#[tokio::test]
async fn a_case_of_no_order_is_ruled_on_stays_ruled_and_is_bound_all_the_same() {
    let rig = rig_that_follows().await;
    rig.door.observe(message(1, vec![paid(Some("p1"), "t1", DUE)])).await.unwrap();
    let id = only(rig.cases().await).id;
    let done = rig.door.command(request(ruling(&id, Resolution::Ignore), Some("q"))).await.unwrap();
    assert_eq!((done.order.clone(), done.case.clone().unwrap().case.id), (None, id.clone()));
    assert_eq!(rig.door.command(request(ruling(&id, Resolution::Ignore), Some("q"))).await.unwrap(), done);
    // The same money is told again in other words.
    rig.door.observe(message(2, vec![paid(None, "t1", DUE)])).await.unwrap();
    assert!(matches!(only(rig.cases().await).state, CaseState::Resolved { resolution: Resolution::Ignore, .. }));
    rig.sell("o1", "p1").await;
    assert_eq!(rig.order("o1").await.state(), State::Paid);
    // Who ruled, and why, is not for news to wipe out; that it is on an order is said too.
    let ruled = only(rig.cases().await);
    assert_eq!((ruled.state, ruled.reason.as_str()), (done.case.unwrap().case.state, "why"));
    assert_eq!(ruled.order_id.as_ref().map(OrderId::as_str), Some("o1"));
    // That the same money shall be another order's too is another matter, which nobody has ruled on.
    rig.sell("o2", "p2").await;
    rig.door.observe(message(3, vec![paid(Some("p2"), "t1", DUE)])).await.unwrap();
    let contradiction = rig.cases().await.into_iter().map(|row| row.case).find(|case| case.id != id).unwrap();
    assert_eq!((contradiction.kind, contradiction.state), (CaseKind::UnknownOrder, CaseState::Open));
    assert_eq!(rig.order("o2").await.state(), State::Pending);
    rig.sound().await;
}

#[tokio::test]
async fn people_are_told_once_of_money_of_nobody_however_often_it_is_told() {
    let rig = rig_that_follows().await;
    let alerts = async || rig.store.tasks().claim(&[TaskKind::Alert], 9, Timestamp(9), Duration::ZERO).await.unwrap();
    rig.door.observe(message(1, vec![paid(Some("p1"), "t1", DUE)])).await.unwrap();
    let told = alerts().await;
    assert_eq!((told.len(), rig.store.tasks().done(&told).await.unwrap()), (1, 1));
    rig.door.observe(message(2, vec![paid(None, "t1", DUE)])).await.unwrap();
    assert_eq!((alerts().await, only(rig.cases().await).state), (Vec::new(), CaseState::Open));
    rig.door.command(request(ruling(&only(rig.cases().await).id, Resolution::Ignore), None)).await.unwrap();
    rig.door.observe(message(3, vec![paid(Some("p2"), "t1", DUE)])).await.unwrap();
    assert_eq!(alerts().await, Vec::new());
}
