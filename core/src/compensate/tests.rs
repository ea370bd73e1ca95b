//! What follows from answers; pure.

use std::time::Duration;

use super::{
    payment::{self, Known, Later},
    platforms::{Answer, Outcome},
    refund,
    schedule::{Schedule, jittered},
};
use crate::order::{
    AccountName, Command, Currency, Fact, Method, Money, Observation, Order, OrderId, OutRefundNo, OutTradeNo, Payment,
    PaymentFact, PaymentStatus, Refund, RefundStatus, Requested, Timestamp, TransactionId, decide, observe,
};

const PATIENCE: Duration = Duration::from_secs(45);
const MINUTE: i64 = 60;
const DAY: i64 = 24 * 3600;

fn at(second: i64) -> Timestamp {
    Timestamp(second * 1_000_000)
}

fn money() -> Money {
    Money::new(500, Currency::parse("CNY").unwrap()).unwrap()
}

fn account() -> AccountName {
    AccountName::parse("shop").unwrap()
}

fn number() -> OutTradeNo {
    OutTradeNo::parse("N1").unwrap()
}

/// An order of which one payment was begun at second 0, to be paid until `expires`.
fn order(expires: Option<i64>) -> Order {
    let order_id = OrderId::parse("o1").unwrap();
    let create =
        Command::Create { order_id: order_id.clone(), amount: money(), description: String::new(), expires_at: None };
    let order = after(None, &create);
    let start = Command::StartPayment {
        order_id,
        out_trade_no: number(),
        account: account(),
        provider: "alipay".into(),
        method: Method::AlipayPage,
        inputs: None,
        expires_at: expires.map(at),
    };
    after(Some(&order), &start)
}

fn after(order: Option<&Order>, command: &Command) -> Order {
    decide(order, None, command, at(0)).unwrap().events.pop().unwrap().after
}

fn told(order: &Order, status: PaymentStatus) -> Order {
    let transaction_id = (status == PaymentStatus::Succeeded).then(|| TransactionId::parse("T1").unwrap());
    let fact = PaymentFact { out_trade_no: Some(number()), transaction_id, status, amount: money(), occurred_at: None };
    let observation = Observation { account: account(), fact: Fact::Payment(fact) };
    observe(order, &observation, at(1)).unwrap().events.pop().unwrap().after
}

fn answer(outcome: Outcome) -> Answer {
    Answer {
        outcome,
        code: "CODE".into(),
        detail: String::new(),
        message: None,
        exchanges: Vec::new(),
        failed: false,
        spoken: false,
    }
}

fn known(answered: u32) -> Known {
    Known { answered, unpaid_since: None, turn: None, silent_since: None }
}

fn silent(answered: u32, since: i64) -> Known {
    Known { silent_since: Some(at(since)), ..known(answered) }
}

fn asked(outcome: Outcome) -> payment::Heard {
    payment::Heard { asked: Some(answer(outcome)), ..Default::default() }
}

fn step(order: &Order, known: &Known, heard: &payment::Heard, second: i64) -> payment::Step {
    let payment: &Payment = &order.payments[0];
    payment::step((order, payment), known, heard, &Schedule::payments(), PATIENCE, at(second))
}

fn later(step: payment::Step) -> Later {
    let payment::Step::Later(later) = step else { panic!("{step:?}") };
    later
}

#[test]
fn a_payment_is_asked_about_and_its_end_ends_the_task() {
    let order = order(Some(30 * MINUTE));
    assert_eq!(step(&order, &known(0), &payment::Heard::default(), 10), payment::Step::Ask);
    for status in [PaymentStatus::Succeeded, PaymentStatus::Closed] {
        let ended = told(&order, status);
        assert_eq!(step(&ended, &known(0), &payment::Heard::default(), 10), payment::Step::Done);
    }
    let failed = told(&order, PaymentStatus::Failed);
    assert_eq!(step(&failed, &known(0), &payment::Heard::default(), 10), payment::Step::Ask, "it may still be paid");
}

#[test]
fn not_yet_is_asked_again_by_the_schedule() {
    let order = order(Some(300 * MINUTE));
    for (answered, wait) in [(0, 60), (1, 300), (2, 900)] {
        let later = later(step(&order, &known(answered), &asked(Outcome::Answered), 10));
        assert_eq!((later.wait, later.known.answered), (Duration::from_secs(wait), answered + 1));
    }
}

#[test]
fn a_question_out_of_turn_takes_no_place_in_the_schedule() {
    let order = order(Some(300 * MINUTE));
    let first = later(step(&order, &known(2), &asked(Outcome::Answered), 10));
    let turn = first.known.turn.unwrap();
    assert!(at(10) < turn && turn <= at(10).after(jittered(first.wait, 0)), "{turn:?}");
    let hint = later(step(&order, &first.known, &asked(Outcome::Answered), 20));
    assert_eq!(hint.known, first.known);
    assert!(at(20).after(jittered(hint.wait, 0)) >= turn, "the next one is in turn");
    let read = Known::read(first.known.answered, &first.known.note());
    assert_eq!(read, first.known, "the task remembers it");
    let next = later(step(&order, &first.known, &asked(Outcome::Answered), turn.0 / 1_000_000 + 1));
    assert_eq!(next.known.answered, 4);
}

#[test]
fn what_our_door_does_not_take_counts_like_an_answer() {
    let order = order(Some(30 * MINUTE));
    let heard = asked(Outcome::NotTakenIn);
    assert_eq!(later(step(&order, &known(2), &heard, 10)).known.answered, 3);
    assert!(matches!(step(&order, &known(7), &heard, 40 * MINUTE), payment::Step::GiveUp(_)));
    assert!(matches!(step(&order, &known(2), &heard, 40 * MINUTE), payment::Step::Later(_)), "it may be paid");
    let refund = refund::Heard { asked: Some(answer(Outcome::NotTakenIn)), ..Default::default() };
    assert_eq!(refund_step(RefundStatus::Pending, 0, &refund), answered(Duration::from_secs(10), 1));
    assert!(matches!(refund_step(RefundStatus::Pending, 17, &refund), refund::Step::GiveUp(_)));
}

#[test]
fn an_edge_without_keys_is_like_no_answer_and_what_can_never_be_asked_is_for_a_person() {
    let order = order(Some(30 * MINUTE));
    let mut sent = refund::Heard { asked: Some(answer(Outcome::NotSent)), ..Default::default() };
    assert_eq!(
        later(step(&order, &known(2), &asked(Outcome::NotSent), 10)),
        Later { wait: PATIENCE, known: silent(2, 10) }
    );
    assert_eq!(refund_step(RefundStatus::Pending, 2, &sent), unanswered(2));
    sent = refund::Heard { asked: Some(answer(Outcome::NotFound)), sent: Some(answer(Outcome::NotSent)), ..sent };
    assert_eq!(refund_step(RefundStatus::Pending, 2, &sent), unanswered(2), "nor is it refused");
    let misunderstood = later(step(&order, &known(2), &asked(Outcome::BadInput), 10));
    assert_eq!(misunderstood.known.answered, 3, "the next edge may be of our version");
    assert!(matches!(step(&order, &known(7), &asked(Outcome::BadInput), 40 * MINUTE), payment::Step::GiveUp(_)));
    for outcome in [Outcome::BadInput, Outcome::NoSuchOperation] {
        sent.sent = Some(answer(outcome));
        assert!(matches!(refund_step(RefundStatus::Pending, 2, &sent), refund::Step::Refused(..)));
    }
}

#[test]
fn no_answer_costs_no_place_in_the_schedule() {
    let order = order(Some(30 * MINUTE));
    for outcome in [Outcome::Unknown, Outcome::RateLimited(None)] {
        let later = later(step(&order, &known(2), &asked(outcome), 10));
        assert_eq!(later, Later { wait: PATIENCE, known: silent(2, 10) });
        assert_eq!(Known::read(2, &later.known.note()), later.known, "the task remembers it");
    }
    let patient = asked(Outcome::RateLimited(Some(Duration::from_secs(90))));
    assert_eq!(later(step(&order, &known(0), &patient, 10)).wait, Duration::from_secs(90));
    let lost = |since| step(&order, &silent(0, since), &asked(Outcome::Unknown), 3 * DAY);
    assert!(matches!(lost(10), payment::Step::GiveUp(_)), "an outage is waited out for a day and a schedule");
    later(lost(2 * DAY + 1));
    // It was begun long ago, and is asked about for the first time.
    let first = later(step(&order, &known(0), &asked(Outcome::NotSent), 20 * DAY));
    assert_eq!(first.known, silent(0, 20 * DAY));
    let answered = later(step(&order, &silent(0, 10), &asked(Outcome::Answered), 20));
    assert_eq!(answered.known.silent_since, None);
}

#[test]
fn what_must_not_be_paid_any_more_is_asked_closed_and_asked_again() {
    let order = order(Some(30 * MINUTE));
    let close = Command::Close { order_id: order.id.clone(), payments_closed: false };
    let closing = after(Some(&order), &close);
    for (order, second) in [(&closing, 10), (&order, 31 * MINUTE)] {
        assert_eq!(step(order, &known(0), &payment::Heard::default(), second), payment::Step::Ask);
        let mut heard = asked(Outcome::Answered);
        assert_eq!(step(order, &known(0), &heard, second), payment::Step::Close);
        for outcome in [Outcome::Answered, Outcome::Refused, Outcome::Unknown, Outcome::NotFound] {
            heard.closed = Some(answer(outcome));
            heard.asked_again = false;
            assert_eq!(step(order, &known(0), &heard, second), payment::Step::Ask, "what it said is no fact");
            heard.asked_again = true;
            assert!(matches!(step(order, &known(0), &heard, second), payment::Step::Later(_)));
        }
    }
    let paid = told(&order, PaymentStatus::Succeeded);
    let late = payment::Heard { closed: Some(answer(Outcome::Refused)), ..asked(Outcome::Answered) };
    assert_eq!(step(&paid, &known(0), &late, 10), payment::Step::Done, "the payer was faster");
}

#[test]
fn an_open_payment_of_a_paid_order_is_closed() {
    let mut order = order(Some(30 * MINUTE));
    let second = Payment { out_trade_no: OutTradeNo::parse("N2").unwrap(), ..order.payments[0].clone() };
    order = told(&order, PaymentStatus::Succeeded);
    order.payments.insert(0, second);
    assert_eq!(step(&order, &known(0), &asked(Outcome::Answered), 10), payment::Step::Close);
}

#[test]
fn not_found_is_believed_the_second_time_after_the_payment_s_own_time() {
    let order = order(Some(30 * MINUTE));
    let early = later(step(&order, &known(5), &asked(Outcome::NotFound), 10));
    assert_eq!((early.known.answered, early.known.unpaid_since), (6, None));
    assert!(early.wait <= Duration::from_secs(35 * 60), "it looks again when the time is over");
    let over = 35 * MINUTE + 1;
    let first = later(step(&order, &known(5), &asked(Outcome::NotFound), over));
    assert_eq!(first.known.unpaid_since, Some(at(over)));
    assert!(matches!(step(&order, &first.known, &asked(Outcome::NotFound), over + 59), payment::Step::Later(_)));
    assert_eq!(step(&order, &first.known, &asked(Outcome::NotFound), over + 60), payment::Step::ConcludeUnpaid);
    let read = Known::read(5, &first.known.note());
    assert_eq!(read, first.known, "the task remembers it");
}

#[test]
fn what_closes_by_time_alone_ends_by_time() {
    let order = order(Some(30 * MINUTE));
    let says = |failed| {
        let asked = Some(Answer { failed, ..answer(Outcome::Answered) });
        payment::Heard { closed: Some(answer(Outcome::NoSuchOperation)), asked, asked_again: false }
    };
    let failed = says(true);
    let early = later(step(&order, &known(0), &failed, 31 * MINUTE));
    assert_eq!(early.known.unpaid_since, None, "the grace is not over");
    let first = later(step(&order, &known(0), &failed, 36 * MINUTE));
    assert_eq!(step(&order, &first.known, &failed, 38 * MINUTE), payment::Step::ConcludeUnpaid);
    let between = later(step(&order, &first.known, &says(false), 38 * MINUTE));
    assert_eq!(between.known.unpaid_since, None, "what was heard in between counts");
    let keyless = payment::Heard { closed: Some(answer(Outcome::NotSent)), asked_again: true, ..failed };
    assert_ne!(step(&order, &first.known, &keyless, 38 * MINUTE), payment::Step::ConcludeUnpaid);
}

/// A bank may still be at it: whoever concludes loses the payer's money.
#[test]
fn what_is_under_way_is_never_taken_for_unpaid() {
    let order = order(Some(30 * MINUTE));
    let heard = payment::Heard { closed: Some(answer(Outcome::NoSuchOperation)), ..asked(Outcome::Answered) };
    let mut known = known(0);
    for n in 0..7 {
        let second = (36 + n * 400) * MINUTE;
        known = later(step(&order, &known, &heard, second)).known;
        assert_eq!(known.unpaid_since, None);
    }
    assert!(matches!(step(&order, &known, &heard, 40_000 * MINUTE), payment::Step::GiveUp(_)), "a person is told");
}

#[test]
fn a_person_is_told_when_the_schedule_ends_but_not_while_it_can_be_paid() {
    let (order, external) = (order(Some(30 * MINUTE)), order(None));
    let mut heard = asked(Outcome::Answered);
    heard.closed = Some(answer(Outcome::Refused));
    heard.asked_again = true;
    assert!(matches!(step(&order, &known(7), &heard, 40 * MINUTE), payment::Step::GiveUp(_)));
    assert!(matches!(step(&order, &known(7), &heard, 20 * MINUTE), payment::Step::Later(_)));
    assert!(matches!(step(&external, &known(7), &asked(Outcome::NotFound), MINUTE), payment::Step::Later(_)));
    let old = 16 * 24 * 3600;
    assert!(matches!(step(&external, &known(7), &asked(Outcome::NotFound), old), payment::Step::GiveUp(_)));
}

#[test]
fn what_the_caller_began_and_the_platform_does_not_know_is_for_a_person_when_the_order_ends() {
    let external = order(None);
    let close = Command::Close { order_id: external.id.clone(), payments_closed: false };
    let closing = after(Some(&external), &close);
    let heard = payment::Heard { closed: Some(answer(Outcome::NotFound)), ..asked(Outcome::NotFound) };
    assert!(matches!(step(&closing, &known(6), &heard, MINUTE), payment::Step::Later(_)));
    assert!(matches!(step(&closing, &known(7), &heard, MINUTE), payment::Step::GiveUp(_)));
}

/// UnionPay, of what the caller began itself: it may be paid for all we know.
#[test]
fn what_cannot_be_asked_about_waits_for_callbacks_and_then_for_a_person() {
    let (external, ours) = (order(None), order(Some(30 * MINUTE)));
    let heard = asked(Outcome::NoSuchOperation);
    assert_eq!(later(step(&external, &known(0), &heard, MINUTE)).known.answered, 1);
    assert!(matches!(step(&external, &known(7), &heard, MINUTE), payment::Step::Later(_)), "it may still be paid");
    let close = Command::Close { order_id: external.id.clone(), payments_closed: false };
    for over in [after(Some(&external), &close), ours] {
        let heard_before = Known { unpaid_since: Some(at(MINUTE)), ..known(6) };
        let next = later(step(&over, &heard_before, &heard, 60 * MINUTE)).known;
        assert_eq!((next.answered, next.unpaid_since), (7, None), "nothing is concluded by time");
        assert!(matches!(step(&over, &known(7), &heard, 60 * MINUTE), payment::Step::GiveUp(_)));
    }
}

fn a_refund(status: RefundStatus) -> Refund {
    Refund {
        account: account(),
        out_trade_no: Some(number()),
        transaction_id: Some(TransactionId::parse("T1").unwrap()),
        out_refund_no: Some(OutRefundNo::parse("R1").unwrap()),
        refund_id: None,
        status,
        amount: money(),
        cumulative: false,
        updated_at: at(0),
        requested: Some(Requested { at: at(0), amount: money(), reason: String::new() }),
        given_up: None,
        elsewhere: None,
        inferred: false,
    }
}

fn refund_step(status: RefundStatus, answered: u32, heard: &refund::Heard) -> refund::Step {
    let known = refund::Known { answered, silent_since: None };
    refund::step(&a_refund(status), known, heard, &Schedule::refunds(), PATIENCE, at(10))
}

fn answered(wait: Duration, answered: u32) -> refund::Step {
    refund::Step::Later(wait, refund::Known { answered, silent_since: None })
}

fn unanswered(answered: u32) -> refund::Step {
    refund::Step::Later(PATIENCE, refund::Known { answered, silent_since: Some(at(10)) })
}

#[test]
fn a_refund_is_asked_about_before_it_is_sent() {
    let pending = |heard: &refund::Heard| refund_step(RefundStatus::Pending, 0, heard);
    let mut heard = refund::Heard::default();
    assert_eq!(pending(&heard), refund::Step::Ask);
    heard.asked = Some(answer(Outcome::NotFound));
    assert_eq!(pending(&heard), refund::Step::Send);
    heard.sent = Some(answer(Outcome::Answered));
    assert_eq!(pending(&heard), answered(Duration::from_secs(10), 1));
    heard.sent = Some(answer(Outcome::Unknown));
    assert_eq!(pending(&heard), unanswered(0), "and then it is asked about first");
    heard.sent = Some(Answer { spoken: true, ..answer(Outcome::Unknown) });
    assert_eq!(pending(&heard), answered(Duration::from_secs(10), 1), "not now is an answer");
    assert!(matches!(refund_step(RefundStatus::Pending, 17, &heard), refund::Step::GiveUp(_)));
    heard.asked = Some(answer(Outcome::Unknown));
    heard.sent = None;
    assert_eq!(pending(&heard), unanswered(0), "nothing is sent into the dark");
}

#[test]
fn a_refusal_counts_when_the_platform_still_does_not_know_the_refund() {
    let mut heard = refund::Heard {
        asked: Some(answer(Outcome::NotFound)),
        sent: Some(answer(Outcome::Refused)),
        asked_again: false,
    };
    assert_eq!(refund_step(RefundStatus::Pending, 0, &heard), refund::Step::Ask);
    heard.asked_again = true;
    let refused = refund::Step::Refused("CODE".into(), String::new());
    assert_eq!(refund_step(RefundStatus::Pending, 0, &heard), refused);
    heard.asked = Some(answer(Outcome::Answered));
    assert!(matches!(refund_step(RefundStatus::Pending, 0, &heard), refund::Step::Later(..)), "it knows it after all");
}

#[test]
fn a_refund_that_a_person_may_have_paid_is_not_sent_again() {
    let heard = refund::Heard { asked: Some(answer(Outcome::NotFound)), ..Default::default() };
    for status in [RefundStatus::Abnormal, RefundStatus::Abandoned] {
        assert_eq!(refund_step(status, 0, &refund::Heard::default()), refund::Step::Ask);
        assert!(matches!(refund_step(status, 0, &heard), refund::Step::Later(..)));
    }
    for status in [RefundStatus::Succeeded, RefundStatus::Failed] {
        assert_eq!(refund_step(status, 0, &refund::Heard::default()), refund::Step::Done);
    }
    let last = refund::Heard { asked: Some(answer(Outcome::Answered)), ..Default::default() };
    assert!(matches!(refund_step(RefundStatus::Pending, 17, &last), refund::Step::GiveUp(_)));
}

#[test]
fn who_asks_about_a_refund_late_and_is_not_answered_waits_for_a_day_before_a_person_is_told() {
    let (refund, schedule) = (a_refund(RefundStatus::Pending), Schedule::refunds());
    let heard = refund::Heard { asked: Some(answer(Outcome::Unknown)), ..Default::default() };
    let (late, hour) = (30 * 24 * 3600, 3600);
    let step = |known, second| refund::step(&refund, known, &heard, &schedule, PATIENCE, at(second));
    let refund::Step::Later(_, known) = step(refund::Known::default(), late) else { panic!("the first question") };
    assert_eq!(refund::Known::read(known.answered, &known.note()), known, "the task remembers it");
    assert!(matches!(step(known, late + 23 * hour), refund::Step::Later(_, again) if again == known));
    assert!(matches!(step(known, late + 25 * hour), refund::Step::GiveUp(_)));
    let misunderstood = refund::Heard { asked: Some(answer(Outcome::BadInput)), ..Default::default() };
    assert_eq!(refund_step(RefundStatus::Pending, 0, &misunderstood), answered(Duration::from_secs(10), 1));
}
