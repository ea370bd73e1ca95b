//! What becomes of payments and refunds of which nobody tells: against a platform that loses answers, on both databases.

mod channel;
mod platform;
mod shop;

use std::time::Duration;

use paystate_core::{
    commit::CasePolicy,
    compensate::{Channel as Alerts, Format, Schedule},
    order::{CaseKind, Resolution},
};
use paystate_proto::v1::{
    self, OrderState, ingest_service_client::IngestServiceClient, operations_service_client::OperationsServiceClient,
    order_service_client::OrderServiceClient,
};
use tonic::{Code, transport::Channel};
use tonic_types::StatusExt as _;

use self::{
    platform::Fault,
    shop::{Shop, again, begin, cases, is, money, order, until},
};

macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Shop::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(super::Shop::postgres().await).await;
            })*
        }
    };
}

on_both_databases!(
    a_payment_without_a_callback_is_found,
    a_lost_beginning_is_asked_about_before_it_is_repeated,
    a_closed_order_is_asked_closed_and_asked_again,
    a_payer_who_is_faster_than_the_closing_has_paid,
    a_refund_is_carried_out_once_whatever_is_lost,
    a_refused_refund_becomes_a_case_and_people_are_told,
    what_an_edge_turned_away_unread_is_asked_for,
    a_silent_platform_does_not_keep_an_order_from_being_closed,
    a_silent_channel_takes_no_room_from_questions,
    the_budget_is_kept_and_a_backlog_comes_at_its_rate,
    an_outage_is_waited_out,
    two_cores_share_the_work,
    a_policy_gives_a_double_payment_back,
    a_person_asks_by_hand,
    an_edge_says_what_it_cannot_send,
    what_a_platform_cannot_be_asked_about_is_never_taken_for_unpaid,
    a_refund_that_is_never_done_is_for_a_person,
    what_was_begun_when_nobody_could_ask_is_followed_later,
    what_was_begun_before_there_were_tasks_comes_to_its_end,
    a_repetition_says_the_same_or_is_refused,
    a_number_that_the_platform_does_not_take_leaves_nothing_behind,
    what_went_back_adds_up_from_the_refunds,
);

fn reason(status: &tonic::Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

async fn paid(core: &Channel, order_id: &str) {
    until("the payment", || is(core, order_id, OrderState::Paid)).await;
}

async fn a_payment_without_a_callback_is_found(mut shop: Shop) {
    let core = shop.core().await;
    let begun = begin(&core, "o1", "N1").await.unwrap();
    assert_eq!(begun.action, Some(v1::start_payment_response::Action::QrText("qr:N1".into())));
    assert!(begun.payment.unwrap().expire_time.is_some());
    shop.platform.pay("N1");
    paid(&core, "o1").await;
    let request = v1::ExplainOrderRequest { order_id: "o1".into(), ..Default::default() };
    let story = OperationsServiceClient::new(core.clone()).explain_order(request).await.unwrap().into_inner();
    let exchanges = story.entries.iter().filter(|e| matches!(e.record, Some(v1::explain_entry::Record::Exchange(_))));
    assert!(exchanges.count() >= 2, "{story:?}");
    assert!(story.entries.iter().any(|e| e.text.contains("answer on account shop accepted")), "{story:?}");
    shop.end().await;
}

/// Whether whatever was done a second time was asked about in between.
fn asked_between(story: &[&str], done: &str, asked: &str) -> bool {
    let places: Vec<_> = story.iter().enumerate().filter(|(_, op)| **op == done).map(|(i, _)| i).collect();
    places.windows(2).all(|pair| story[pair[0]..pair[1]].contains(&asked))
}

async fn a_lost_beginning_is_asked_about_before_it_is_repeated(mut shop: Shop) {
    let core = shop.core().await;
    for (order_id, number, fault) in [("o1", "N1", Fault::LostBefore), ("o2", "N2", Fault::LostAfter)] {
        shop.platform.fail("initiate", [fault]);
        let lost = begin(&core, order_id, number).await.unwrap_err();
        assert_eq!(reason(&lost), (Code::Unavailable, "PLATFORM_OUTCOME_UNKNOWN".into()));
        let found = again(&core, order_id, number).await.unwrap();
        assert!(found.action.is_some());
        let story = shop.platform.story(number);
        assert_eq!(story.iter().filter(|op| **op == "initiate").count(), 2);
        assert!(asked_between(&story, "initiate", "query"), "{story:?}");
        assert_eq!(order(&core, order_id).await.payments.len(), 1);
    }
    // Who has paid meanwhile is not sent to pay again.
    shop.platform.pay("N1");
    let late = again(&core, "o1", "N1").await.unwrap();
    assert_eq!((late.action.as_ref(), late.payment.unwrap().state()), (None, v1::PaymentState::Succeeded));
    shop.end().await;
}

async fn close(core: &Channel, order_id: &str) -> Result<v1::Order, tonic::Status> {
    let request = v1::CloseOrderRequest { order_id: order_id.into(), ..Default::default() };
    Ok(OrderServiceClient::new(core.clone()).close_order(request).await?.into_inner().order.unwrap())
}

async fn a_closed_order_is_asked_closed_and_asked_again(mut shop: Shop) {
    let core = shop.core().await;
    begin(&core, "o1", "N1").await.unwrap();
    // The close call is lost: what the platform says afterwards counts.
    shop.platform.fail("close", [Fault::LostAfter]);
    assert!(close(&core, "o1").await.unwrap().close_requested);
    until("the end", || is(&core, "o1", OrderState::Closed)).await;
    let story = shop.platform.story("N1");
    assert!(story.ends_with(&["query", "close", "query"]), "{story:?}");
    shop.end().await;
}

async fn a_payer_who_is_faster_than_the_closing_has_paid(mut shop: Shop) {
    let core = shop.core().await;
    shop.platform.with(|s| s.pays_while_closing.insert("N1".into()));
    begin(&core, "o1", "N1").await.unwrap();
    close(&core, "o1").await.unwrap();
    paid(&core, "o1").await;
    assert!(cases(&core).await.is_empty());
    let late = close(&core, "o1").await.unwrap_err();
    assert_eq!(reason(&late), (Code::FailedPrecondition, "ORDER_ALREADY_PAID".into()));
    shop.end().await;
}

async fn refund(core: &Channel, order_id: &str, number: &str, amount: i64) -> Result<v1::Refund, tonic::Status> {
    let request = v1::CreateRefundRequest {
        order_id: order_id.into(),
        out_refund_no: number.into(),
        amount: money().map(|m| v1::Money { amount_minor: amount, ..m }),
        reason: "returned".into(),
        ..Default::default()
    };
    Ok(OrderServiceClient::new(core.clone()).create_refund(request).await?.into_inner().refund.unwrap())
}

async fn refund_state(core: &Channel, number: &str) -> v1::RefundState {
    let request = v1::GetRefundRequest { out_refund_no: number.into() };
    OrderServiceClient::new(core.clone()).get_refund(request).await.unwrap().into_inner().refund.unwrap().state()
}

async fn a_refund_is_carried_out_once_whatever_is_lost(mut shop: Shop) {
    let core = shop.core().await;
    let stories: [(&str, &[Fault], &[Fault]); 4] = [
        ("REFUND01", &[], &[]),
        ("REFUND02", &[Fault::LostBefore], &[]),
        ("REFUND03", &[Fault::LostAfter], &[]),
        // It was sent, and the platform does not know it yet.
        ("REFUND04", &[], &[Fault::NotFound, Fault::NotFound, Fault::LostBefore]),
    ];
    for (n, (number, sent, asked)) in stories.into_iter().enumerate() {
        let (order_id, payment) = (format!("o{n}"), format!("N{n}"));
        begin(&core, &order_id, &payment).await.unwrap();
        shop.platform.pay(&payment);
        paid(&core, &order_id).await;
        shop.platform.fail("refund", sent.iter().copied());
        shop.platform.fail("query_refund", asked.iter().copied());
        refund(&core, &order_id, number, 1999).await.unwrap();
        refund(&core, &order_id, number, 1999).await.unwrap();
        until("the money", || is(&core, &order_id, OrderState::Refunded)).await;
        assert_eq!(refund_state(&core, number).await, v1::RefundState::Succeeded);
        let story = shop.platform.story(number);
        assert_eq!(story.first(), Some(&"query_refund"), "{story:?}");
        assert!(asked_between(&story, "refund", "query_refund"), "{story:?}");
        assert_eq!(shop.platform.with(|s| s.refunds[number]), (1999, 1));
    }
    let more = refund(&core, "o0", "REFUND09", 1).await.unwrap_err();
    assert_eq!(more.code(), Code::FailedPrecondition, "{more:?}");
    shop.end().await;
}

async fn a_refused_refund_becomes_a_case_and_people_are_told(mut shop: Shop) {
    let stand_in = channel::Channel::start(2).await;
    shop.settings.channels =
        vec![Alerts { name: "ops".into(), url: stand_in.url.parse().unwrap(), format: Format::Generic }];
    let core = shop.core().await;
    begin(&core, "o1", "N1").await.unwrap();
    shop.platform.pay("N1");
    paid(&core, "o1").await;
    shop.platform.fail("refund", [Fault::Refused]);
    refund(&core, "o1", "REFUND01", 500).await.unwrap();
    until("the case", || async { !cases(&core).await.is_empty() }).await;
    let case = cases(&core).await.remove(0);
    assert_eq!(case.kind(), v1::CaseKind::RefundStuck);
    assert_eq!(refund_state(&core, "REFUND01").await, v1::RefundState::Abnormal);
    assert_eq!(shop.platform.calls("refund"), 1, "it is not tried again by itself");
    let told = stand_in.told().await;
    assert!(told.contains(&case.case_id), "{told}");
    // Somebody has seen to the reason.
    let ruling = v1::ResolveCaseRequest {
        case_id: case.case_id,
        resolution: v1::CaseResolution::Refund.into(),
        reason: "the balance is filled up".into(),
        ..Default::default()
    };
    OperationsServiceClient::new(core.clone()).resolve_case(ruling).await.unwrap();
    let done = || async { refund_state(&core, "REFUND01").await == v1::RefundState::Succeeded };
    until("the refund", done).await;
    assert_eq!(shop.platform.with(|s| s.refunds.get("REFUND01").copied()), Some((500, 1)), "it went back once");
    assert!(asked_between(&shop.platform.story("REFUND01"), "refund", "query_refund"));
    shop.end().await;
}

async fn what_an_edge_turned_away_unread_is_asked_for(mut shop: Shop) {
    let an_hour = Duration::from_secs(3600);
    shop.settings.payments = Schedule::new(an_hour, [an_hour]);
    let core = shop.core().await;
    for n in 0..20 {
        begin(&core, &format!("o{n}"), &format!("N{n}")).await.unwrap();
    }
    assert_eq!(shop.platform.calls("query"), 0);
    // Nothing was refused, so there is no rejection to tell of.
    let shed = v1::RecordRejectionsRequest { shed_accounts: vec!["shop".into()], ..Default::default() };
    IngestServiceClient::new(core.clone()).record_rejections(shed).await.unwrap();
    until("a question, of twenty in a minute", || async { shop.platform.calls("query") > 0 }).await;
    shop.end().await;
}

async fn a_silent_platform_does_not_keep_an_order_from_being_closed(mut shop: Shop) {
    let an_hour = Duration::from_secs(3600);
    shop.settings.payments = Schedule::new(an_hour, [an_hour]);
    let core = shop.core().await;
    begin(&core, "o1", "N1").await.unwrap();
    for number in ["N2", "N3"] {
        again(&core, "o1", number).await.unwrap();
    }
    shop.platform.fail("query", [Fault::Silent; 3]);
    let close = v1::CloseOrderRequest { order_id: "o1".into(), payments_closed_by_caller: true, ..Default::default() };
    let closed = OrderServiceClient::new(core.clone()).close_order(close).await.unwrap().into_inner();
    assert!(closed.order.unwrap().close_requested, "it ends as soon as the platform speaks");
    assert_eq!(shop.platform.calls("query"), 3, "all were asked, at once");
    shop.end().await;
}

async fn a_silent_channel_takes_no_room_from_questions(mut shop: Shop) {
    let silent = channel::Silent::start().await;
    let alerts = |n| Alerts { name: format!("c{n}").into(), url: silent.url.parse().unwrap(), format: Format::Generic };
    shop.settings.channels = (0..4).map(alerts).collect();
    shop.settings.in_flight = 1;
    let core = shop.core().await;
    begin(&core, "o1", "N1").await.unwrap();
    again(&core, "o1", "N2").await.unwrap();
    shop.platform.pay("N1");
    shop.platform.pay("N2");
    // Paid twice, which is a case.
    silent.called().await;
    begin(&core, "o2", "N3").await.unwrap();
    shop.platform.pay("N3");
    paid(&core, "o2").await;
    assert_eq!(silent.gave_up(), 0, "the question waited for an alert");
    drop(silent);
    shop.end().await;
}

async fn the_budget_is_kept_and_a_backlog_comes_at_its_rate(mut shop: Shop) {
    const BURST: u32 = 5;
    const RATE: u32 = 40;
    shop.calls.rate_per_second = RATE;
    shop.calls.burst = BURST;
    // All have begun when the first ones are due.
    shop.settings.payments = Schedule::new(Duration::from_secs(1), [Duration::from_secs(1)]);
    let core = shop.core().await;
    let numbers: Vec<_> = (0..40).map(|n| format!("N{n}")).collect();
    for number in &numbers {
        begin(&core, &format!("o{number}"), number).await.unwrap();
        shop.platform.pay(number);
    }
    for number in &numbers {
        paid(&core, &format!("o{number}")).await;
    }
    let asked: Vec<_> =
        shop.platform.with(|s| s.calls.iter().filter(|(_, op, _)| *op == "query").map(|(at, ..)| *at).collect());
    for (i, from) in asked.iter().enumerate() {
        for (j, to) in asked.iter().enumerate().skip(i) {
            // What was let go in time may be late on a machine that has much to do.
            let within = to.duration_since(*from) + Duration::from_millis(250);
            let allowed = u128::from(BURST) + u128::from(RATE) * within.as_millis() / 1000;
            let asked = j - i + 1;
            assert!(asked as u128 <= allowed, "{asked} questions in {:?}", to.duration_since(*from));
        }
    }
    shop.end().await;
}

async fn an_outage_is_waited_out(mut shop: Shop) {
    let core = shop.core().await;
    let numbers: Vec<_> = (0..30).map(|n| format!("N{n}")).collect();
    for number in &numbers {
        begin(&core, &format!("o{number}"), number).await.unwrap();
    }
    shop.platform.with(|s| s.down = true);
    for number in &numbers {
        shop.platform.pay(number);
    }
    let before = shop.platform.calls("query");
    until("enough failures", || async { shop.platform.calls("query") > before + 8 }).await;
    shop.platform.with(|s| s.down = false);
    for number in &numbers {
        paid(&core, &format!("o{number}")).await;
    }
    assert!(cases(&core).await.is_empty());
    shop.end().await;
}

async fn two_cores_share_the_work(mut shop: Shop) {
    let (one, two) = (shop.core().await, shop.core().await);
    let numbers: Vec<_> = (0..40).map(|n| format!("N{n}")).collect();
    for (n, number) in numbers.iter().enumerate() {
        let core = if n.is_multiple_of(2) { &one } else { &two };
        begin(core, &format!("o{number}"), number).await.unwrap();
        shop.platform.pay(number);
    }
    for number in &numbers {
        paid(&two, &format!("o{number}")).await;
    }
    assert_eq!(shop.platform.with(|s| s.asked_twice_at_once), 0, "two asked about one payment at once");
    shop.end().await;
}

async fn a_policy_gives_a_double_payment_back(mut shop: Shop) {
    let policy = CasePolicy { settle: Some(Resolution::Refund), ..CasePolicy::default() };
    shop.settings.cases = [(CaseKind::DoublePayment, policy)].into();
    let core = shop.core().await;
    begin(&core, "o1", "N1").await.unwrap();
    again(&core, "o1", "N2").await.unwrap();
    shop.platform.pay("N1");
    shop.platform.pay("N2");
    let settled = || async {
        let cases = cases(&core).await;
        cases.first().is_some_and(|case| case.state() == v1::CaseState::Resolved)
    };
    until("the ruling", settled).await;
    let case = cases(&core).await.remove(0);
    assert_eq!((case.kind(), case.resolver.as_str()), (v1::CaseKind::DoublePayment, "policy"));
    let given_back =
        || async { order(&core, "o1").await.refunds.first().is_some_and(|r| r.state() == v1::RefundState::Succeeded) };
    until("the money", given_back).await;
    assert!(is(&core, "o1", OrderState::Paid).await);
    assert_eq!(shop.platform.with(|s| s.refunds.values().copied().collect::<Vec<_>>()), [(1999, 1)]);
    shop.end().await;
}

async fn a_person_asks_by_hand(mut shop: Shop) {
    let hour = Duration::from_secs(3600);
    shop.settings.payments = Schedule::new(hour, [hour]);
    let core = shop.core().await;
    begin(&core, "o1", "N1").await.unwrap();
    shop.platform.pay("N1");
    let mut operations = OperationsServiceClient::new(core.clone());
    let recheck = |number: &str| v1::RecheckPaymentRequest { out_trade_no: number.into() };
    shop.platform.fail("query", [Fault::LostBefore]);
    let silent = operations.recheck_payment(recheck("N1")).await.unwrap_err();
    assert_eq!(reason(&silent), (Code::Unavailable, "PLATFORM_OUTCOME_UNKNOWN".into()));
    let asked = operations.recheck_payment(recheck("N1")).await.unwrap().into_inner().order.unwrap();
    assert_eq!(asked.state(), OrderState::Paid);
    let unknown = operations.recheck_payment(recheck("N7")).await.unwrap_err();
    assert_eq!(reason(&unknown), (Code::NotFound, "PAYMENT_NOT_FOUND".into()));

    let external = v1::StartPaymentRequest {
        order_id: "o2".into(),
        account: "mute".into(),
        method: v1::PaymentMethod::External.into(),
        out_trade_no: "N2".into(),
        ..Default::default()
    };
    let mut orders = OrderServiceClient::new(core.clone());
    let create = v1::CreateOrderRequest { order_id: "o2".into(), amount: money(), ..Default::default() };
    orders.create_order(create).await.unwrap();
    orders.start_payment(external.clone()).await.unwrap();
    let mute = operations.recheck_payment(recheck("N2")).await.unwrap_err();
    assert_eq!(reason(&mute), (Code::FailedPrecondition, "NO_API".into()));
    let ours = v1::StartPaymentRequest { method: v1::PaymentMethod::AlipayPage.into(), ..external };
    assert_eq!(reason(&orders.start_payment(ours).await.unwrap_err()), (Code::FailedPrecondition, "NO_API".into()));
    shop.end().await;
}

async fn an_edge_says_what_it_cannot_send(mut shop: Shop) {
    let core = shop.core().await;
    for (order_id, number, outcome, expected) in [
        ("o1", "N1", v1::PlatformOutcome::BadInput, (Code::InvalidArgument, "INVALID_ARGUMENT")),
        ("o2", "N2", v1::PlatformOutcome::NoSuchOperation, (Code::InvalidArgument, "INVALID_ARGUMENT")),
        ("o3", "N3", v1::PlatformOutcome::NotSent, (Code::FailedPrecondition, "NO_API")),
    ] {
        shop.platform.fail("initiate", [Fault::NotSent(outcome, "SAID")]);
        let refused = begin(&core, order_id, number).await.unwrap_err();
        assert_eq!(reason(&refused), (expected.0, expected.1.to_owned()), "{outcome:?}");
    }
    // An edge that has lost its keys for a while costs nothing but time.
    let keyless = ["NO_API", "ACCOUNT_UNKNOWN"].map(|code| Fault::NotSent(v1::PlatformOutcome::NotSent, code));
    shop.platform.fail("query", keyless.into_iter().cycle().take(8));
    begin(&core, "o4", "N4").await.unwrap();
    shop.platform.pay("N4");
    paid(&core, "o4").await;
    assert!(cases(&core).await.is_empty());
    shop.end().await;
}

/// The shop began it itself, with a time that only the shop knows, and it is paid.
async fn what_a_platform_cannot_be_asked_about_is_never_taken_for_unpaid(mut shop: Shop) {
    let instant = Duration::from_millis(50);
    shop.settings.payments = Schedule::new(instant, [instant, instant]);
    shop.platform.with(|s| s.finds_by_time = true);
    let core = shop.core().await;
    begin(&core, "o1", "N1").await.unwrap();
    shop.platform.pay("N1");
    paid(&core, "o1").await;

    let create = v1::CreateOrderRequest { order_id: "o2".into(), amount: money(), ..Default::default() };
    let mut orders = OrderServiceClient::new(core.clone());
    orders.create_order(create).await.unwrap();
    let external = v1::StartPaymentRequest {
        order_id: "o2".into(),
        account: "shop".into(),
        method: v1::PaymentMethod::External.into(),
        out_trade_no: "N2".into(),
        ..Default::default()
    };
    orders.start_payment(external).await.unwrap();
    shop.platform.pay("N2");
    assert!(close(&core, "o2").await.unwrap().close_requested);
    until("the case", || async { !cases(&core).await.is_empty() }).await;
    let case = cases(&core).await.remove(0);
    assert_eq!((case.kind(), case.out_trade_no.as_str()), (v1::CaseKind::Stuck, "N2"));
    assert!(case.evidence.starts_with("asked ") && case.evidence.contains("NO_SUCH_OPERATION"), "{case:?}");
    assert!(is(&core, "o2", OrderState::Pending).await);
    let request = v1::RecheckPaymentRequest { out_trade_no: "N2".into() };
    let by_hand = OperationsServiceClient::new(core.clone()).recheck_payment(request).await.unwrap_err();
    assert_eq!(reason(&by_hand), (Code::FailedPrecondition, "NO_API".into()), "{by_hand:?}");
    shop.end().await;
}

async fn a_refund_that_is_never_done_is_for_a_person(mut shop: Shop) {
    let instant = Duration::from_millis(50);
    shop.settings.refunds = Schedule::new(instant, [instant, instant]);
    let core = shop.core().await;
    begin(&core, "o1", "N1").await.unwrap();
    shop.platform.pay("N1");
    // What cannot be taken in counts like an answer, and the next one that can is.
    shop.platform.fail("query", [Fault::Astray, Fault::Astray]);
    paid(&core, "o1").await;
    shop.platform.fail("refund", std::iter::repeat_n(Fault::NotNow, 100));
    refund(&core, "o1", "REFUND01", 500).await.unwrap();
    let stuck = || async { cases(&core).await.iter().any(|case| case.kind() == v1::CaseKind::RefundStuck) };
    until("the case", stuck).await;
    assert_eq!(shop.platform.calls("refund"), 4, "as often as the schedule says");
    // Settled without a ruling on the refund: it is asked about on, and whoever explains the order says so.
    let ignore = v1::ResolveCaseRequest {
        case_id: cases(&core).await.remove(0).case_id,
        resolution: v1::CaseResolution::Ignore.into(),
        reason: "the platform's console says that it is on its way".into(),
        ..Default::default()
    };
    let mut operations = OperationsServiceClient::new(core.clone());
    operations.resolve_case(ignore).await.unwrap();
    let request = v1::ExplainOrderRequest { order_id: "o1".into(), ..Default::default() };
    let story = operations.explain_order(request).await.unwrap().into_inner();
    assert!(story.next_step.contains("Refund REFUND01 is under way"), "{}", story.next_step);
    shop.end().await;
}

/// An order, perhaps one that ends in a second, and a payment that the caller begins.
async fn sell(core: &Channel, order_id: &str, number: &str, expires: bool) {
    let end = std::time::SystemTime::now() + Duration::from_secs(1);
    let mut orders = OrderServiceClient::new(core.clone());
    let expire_time = expires.then(|| end.into());
    let create =
        v1::CreateOrderRequest { order_id: order_id.into(), amount: money(), expire_time, ..Default::default() };
    orders.create_order(create).await.unwrap();
    let start = v1::StartPaymentRequest {
        order_id: order_id.into(),
        account: "shop".into(),
        method: v1::PaymentMethod::External.into(),
        out_trade_no: number.into(),
        ..Default::default()
    };
    orders.start_payment(start).await.unwrap();
}

async fn what_was_begun_when_nobody_could_ask_is_followed_later(mut shop: Shop) {
    let before = shop.core_without_platforms().await;
    sell(&before, "o1", "N1", false).await;
    sell(&before, "o2", "N2", false).await;
    shop.stop().await;
    shop.platform.pay("N1");
    shop.platform.pay("N2");
    // Two at once do no harm.
    let (one, two) = (shop.core().await, shop.core().await);
    paid(&one, "o1").await;
    paid(&two, "o2").await;
    shop.end().await;
}

async fn what_was_begun_before_there_were_tasks_comes_to_its_end(mut shop: Shop) {
    let before = shop.core_without_platforms().await;
    sell(&before, "o1", "N1", true).await;
    shop.stop().await;
    shop.drop_tasks().await;
    // The payer came, and left.
    shop.platform.with(|s| s.attempts.entry("N1".into()).or_default().begun = 1);
    let core = shop.core().await;
    until("the end", || is(&core, "o1", OrderState::Closed)).await;
    assert!(shop.platform.story("N1").contains(&"close"));
    shop.end().await;
}

async fn a_repetition_says_the_same_or_is_refused(mut shop: Shop) {
    let core = shop.core().await;
    let mut orders = OrderServiceClient::new(core.clone());
    let create = v1::CreateOrderRequest { order_id: "o1".into(), amount: money(), ..Default::default() };
    orders.create_order(create).await.unwrap();
    let start = |return_url: &str, client_ip: &str| v1::StartPaymentRequest {
        order_id: "o1".into(),
        account: "shop".into(),
        method: v1::PaymentMethod::AlipayPage.into(),
        out_trade_no: "N1".into(),
        return_url: return_url.into(),
        client_ip: client_ip.into(),
        ..Default::default()
    };
    orders.start_payment(start("https://shop/1", "192.0.2.1")).await.unwrap();
    // This method has no use for an address.
    orders.start_payment(start("https://shop/1", "192.0.2.2")).await.unwrap();
    let (before, calls) = (order(&core, "o1").await, shop.platform.with(|s| s.calls.len()));
    let other = orders.start_payment(start("https://shop/2", "192.0.2.1")).await.unwrap_err();
    assert_eq!(reason(&other), (Code::AlreadyExists, "OUT_TRADE_NO_TAKEN".into()));
    assert!(other.message().contains("return_url"), "{other:?}");
    assert_eq!((order(&core, "o1").await, shop.platform.calls("initiate")), (before, 2));
    assert!(shop.platform.with(|s| s.calls[calls..].iter().all(|(_, op, _)| *op == "query")));
    let keyed = |return_url| {
        let request_id = "r1".into();
        v1::StartPaymentRequest { request_id, out_trade_no: String::new(), ..start(return_url, "") }
    };
    orders.start_payment(keyed("https://shop/1")).await.unwrap();
    let other = orders.start_payment(keyed("https://shop/2")).await.unwrap_err();
    assert_eq!(reason(&other), (Code::AlreadyExists, "REQUEST_ID_REUSED".into()));
    shop.end().await;
}

async fn a_number_that_the_platform_does_not_take_leaves_nothing_behind(mut shop: Shop) {
    shop.rules.check_number = |number| if number.contains('-') { Err("no dashes") } else { Ok(()) };
    let core = shop.core().await;
    let refused = begin(&core, "o1", "N-1").await.unwrap_err();
    assert_eq!(reason(&refused), (Code::InvalidArgument, "INVALID_ARGUMENT".into()));
    assert_eq!(refused.message(), "out_trade_no: no dashes");
    assert_eq!((order(&core, "o1").await.payments.len(), shop.platform.calls("initiate")), (0, 0));
    again(&core, "o1", "N1").await.unwrap();
    // What the caller begins itself, the platform has taken.
    sell(&core, "o2", "N-2", false).await;
    shop.end().await;
}

/// Alipay tells of a refund in its answer, and of all that went back in its notices.
async fn what_went_back_adds_up_from_the_refunds(mut shop: Shop) {
    let core = shop.core().await;
    begin(&core, "o1", "N1").await.unwrap();
    shop.platform.pay("N1");
    paid(&core, "o1").await;
    refund(&core, "o1", "REFUND01", 500).await.unwrap();
    let done = || async { refund_state(&core, "REFUND01").await == v1::RefundState::Succeeded };
    until("the money", done).await;
    // The second one was given back at the platform's console.
    for (reached_by, total, refunds) in
        [("REFUND01", 500, &[("REFUND01", 500)][..]), ("C1", 700, &[("REFUND01", 500), ("C1", 200)])]
    {
        let messages = vec![platform::running_total("N1", reached_by, total)];
        let request = v1::RecordObservationsRequest { messages };
        let told = IngestServiceClient::new(core.clone()).record_observations(request).await.unwrap().into_inner();
        assert_eq!(told.results[0].outcome(), v1::RecordOutcome::Stored, "{told:?}");
        let order = order(&core, "o1").await;
        let shown: Vec<_> =
            order.refunds.iter().map(|r| (r.out_refund_no.as_str(), r.amount.as_ref().unwrap().amount_minor)).collect();
        assert_eq!(shown, refunds);
        assert_eq!(shown.iter().map(|(_, minor)| minor).sum::<i64>(), order.refunded_amount.unwrap().amount_minor);
    }
    shop.end().await;
}
