//! What a store owes cases and refunds that were asked for.

use super::{Subject, account, cny, commit, created, id};
use crate::{
    order::{
        Case, CaseKind, CaseState, OutRefundNo, OutTradeNo, RequestId, Resolution, Resolver, Timestamp, TransactionId,
    },
    store::{CaseFilter, CaseRow, Keys, RequestRow, Writes},
};

fn open(name: &str) -> CaseRow {
    let case = Case {
        id: name.into(),
        kind: CaseKind::LatePayment,
        state: CaseState::Open,
        order_id: Some(id("o1")),
        account: account(),
        out_trade_no: Some(OutTradeNo::parse("p1").unwrap()),
        transaction_id: Some(TransactionId::parse("t1").unwrap()),
        expected: Some(cny(500)),
        observed: Some(cny(400)),
        summary: "s".into(),
        evidence: "e".into(),
        opened_at: Timestamp(5),
        due_at: Some(Timestamp(50)),
        owner: "first".into(),
        reason: String::new(),
    };
    CaseRow { case, notification_id: "n1".into() }
}

fn settled(row: &CaseRow, resolution: Resolution, by: Option<Resolver>) -> CaseRow {
    let reason = if by.is_some() { "because" } else { "" };
    let state = CaseState::Resolved { resolution, at: Timestamp(60), by };
    CaseRow { case: Case { state, reason: reason.into(), ..row.case.clone() }, ..row.clone() }
}

async fn write(store: &Subject, row: &CaseRow) -> CaseRow {
    commit(&**store, &Writes { cases: vec![row.clone()], ..Writes::default() }).await.unwrap();
    store.case(&row.case.id).await.unwrap().unwrap()
}

pub(crate) async fn a_case_reads_back_whole(store: Subject) {
    commit(&*store, &created("o1", 1)).await.unwrap();
    let first = open("c1");
    assert_eq!(write(&store, &first).await, first);
    assert_eq!(store.case(&"c2".into()).await.unwrap(), None);
    for resolution in Resolution::ALL {
        for by in [None, Some(Resolver::Operator), Some(Resolver::Policy)] {
            let row = settled(&open(&format!("{resolution:?} {by:?}")), resolution, by);
            assert_eq!(write(&store, &row).await, row);
        }
    }
    assert_eq!(store.count_open_cases().await.unwrap(), [(CaseKind::LatePayment, 1)].into());
    // News says more of what is open; its time and its owner stay.
    let mut more = first.clone();
    more.case.summary = "more".into();
    more.case.observed = Some(cny(300));
    more.case.evidence = String::new();
    let known = Case { evidence: "e".into(), ..more.case.clone() };
    more.case.due_at = Some(Timestamp(99));
    more.case.owner = "other".into();
    assert_eq!(write(&store, &more).await.case, known);
    let owners = vec![("c1".into(), "second".to_owned())];
    commit(&*store, &Writes { owners, ..Writes::default() }).await.unwrap();
    assert_eq!(store.case(&"c1".into()).await.unwrap().unwrap().case.owner, "second");
    // What news has settled, news opens anew: with a time and an owner of its own.
    let gone = settled(&more, Resolution::Overtaken, None);
    let Case { owner, due_at, evidence, .. } = write(&store, &gone).await.case;
    assert_eq!((owner.as_str(), due_at, evidence.as_str()), ("second", Some(Timestamp(50)), "e"));
    let again = write(&store, &more).await.case;
    assert_eq!((again.state, again.owner.as_str(), again.due_at), (CaseState::Open, "other", Some(Timestamp(99))));
    assert_eq!(
        store.cases(&CaseFilter { open: Some(true), ..CaseFilter::default() }, None, 9).await.unwrap().rows.len(),
        1
    );
}

pub(crate) async fn open_cases_are_found_by_their_ids(store: Subject) {
    commit(&*store, &created("o1", 1)).await.unwrap();
    for name in ["k:a:1 one", "k:a:1 Two", "k:a:1 zwölf", "k:a:10 x", "k:b:1 one", "k:a:1", "k:a:1 over"] {
        write(&store, &open(name)).await;
    }
    write(&store, &settled(&open("k:a:1 over"), Resolution::Ignore, Some(Resolver::Policy))).await;
    let all = store.reconciliations();
    let found = async |after: &str, limit| all.open_cases(&after.into(), &"k:a:1!".into(), limit).await.unwrap();
    assert_eq!(found("k:a:1 ", 9).await, ["k:a:1 Two", "k:a:1 one", "k:a:1 zwölf"]);
    assert_eq!(found("k:a:1 ", 2).await, ["k:a:1 Two", "k:a:1 one"]);
    assert_eq!(found("k:a:1 one", 2).await, ["k:a:1 zwölf"]);
}

pub(crate) async fn what_was_ruled_on_stays_settled(store: Subject) {
    commit(&*store, &created("o1", 1)).await.unwrap();
    let first = open("c1");
    write(&store, &first).await;
    let ruled = settled(&first, Resolution::Close, Some(Resolver::Operator));
    assert_eq!(write(&store, &ruled).await, ruled);
    assert_eq!(write(&store, &first).await, ruled, "news does not open it again");
}

/// A unit writes a case whose row it may not have read; what the database makes of the two is what the code would.
pub(crate) async fn a_case_follows_its_earlier_state(store: Subject) {
    commit(&*store, &created("o1", 1)).await.unwrap();
    let states = |name: &str, at: i64| {
        let mut first = open(name);
        first.case.opened_at = Timestamp(at);
        first.case.due_at = Some(Timestamp(at + 50));
        first.case.owner = format!("owner {at}");
        first.case.summary = format!("summary {at}");
        first.case.expected = Some(cny(at));
        first.case.observed = Some(cny(at + 1));
        first.case.evidence = format!("evidence {at}");
        first.notification_id = format!("n{at}");
        let mut bare = first.clone();
        bare.case.evidence.clear();
        (bare.case.order_id, bare.case.out_trade_no, bare.case.transaction_id) = (None, None, None);
        (bare.case.expected, bare.case.observed) = (None, None);
        let gone = settled(&first, Resolution::Overtaken, None);
        let bound = settled(&bare, Resolution::Bound, None);
        let ruled = settled(&first, Resolution::Ignore, Some(Resolver::Operator));
        [first, bare, gone, bound, ruled]
    };
    for was in 0..5 {
        for is in 0..5 {
            let name = format!("c {was} {is}");
            let (known, later) = (states(&name, 5)[was].clone(), states(&name, 9)[is].clone());
            write(&store, &known).await;
            assert_eq!(write(&store, &later).await, known.followed_by(later), "{name}");
        }
    }
}

pub(crate) async fn a_unit_finds_cases_and_refunds_with_their_orders(store: Subject) {
    let (number, other) = (OutRefundNo::parse("r1").unwrap(), OutRefundNo::parse("r2").unwrap());
    let request = RequestRow { id: RequestId::parse("q1").unwrap(), fingerprint: "f".into(), order_id: None };
    let nobodys = CaseRow { case: Case { order_id: None, ..open("c2").case }, ..open("c2") };
    let writes = Writes {
        cases: vec![open("c1"), nobodys.clone()],
        refunds: vec![(number.clone(), id("o1"))],
        requests: vec![request.clone()],
        ..created("o1", 1)
    };
    commit(&*store, &writes).await.unwrap();
    let find = async |keys: Keys| store.begin().await.unwrap().load(&keys).await.unwrap();
    let found = find(Keys { refunds: [number.clone(), other].into(), ..Keys::default() }).await;
    assert_eq!((found.refunds, found.orders.len()), ([(number.clone(), id("o1"))].into(), 1));
    let found = find(Keys { cases: ["c1".into(), "c3".into()].into(), ..Keys::default() }).await;
    assert_eq!((found.cases, found.orders.len()), ([("c1".into(), open("c1"))].into(), 1));
    let found = find(Keys { cases: ["c2".into()].into(), ..Keys::default() }).await;
    assert_eq!((found.cases, found.orders.len()), ([("c2".into(), nobodys)].into(), 0));
    let found = find(Keys { requests: [request.id.clone()].into(), ..Keys::default() }).await;
    assert_eq!((found.requests.get(&request.id), found.orders.len()), (Some(&request), 0));
    assert_eq!(store.order_of_refund(&number).await.unwrap(), Some(id("o1")));
    // A number is one order's, for ever.
    let again = Writes { refunds: vec![(number, id("o2"))], ..created("o2", 2) };
    assert!(commit(&*store, &again).await.is_err());
}
