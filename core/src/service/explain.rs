//! ExplainOrder: the whole story of an order in time order.

use paystate_proto::v1::{self, explain_entry::Record};
use tonic::Status;

use super::{convert, error};
use crate::{
    compensate::{is_payment_final, is_refund_final},
    order::{AccountName, CaseState, Ending, Order, OrderId, Source, State, TaskKey, TaskKind, Timestamp},
    store::{CaseFilter, CaseRow, EventRow, Exchange, NotificationFilter, Store, StoredNotification},
};

/// Lines at most, of each kind and in all.
const MAX_LINES: u32 = 1_000;
/// Refused callbacks among them.
const MAX_REFUSED: u32 = 50;

/// `asked` says whether an account's platform is asked by us.
pub(super) async fn order(
    store: &dyn Store,
    id: &OrderId,
    asked: impl Fn(&AccountName) -> bool,
) -> Result<v1::ExplainOrderResponse, Status> {
    let mut found = store.orders(std::slice::from_ref(id)).await.map_err(error::store)?;
    let order = found.remove(id).ok_or_else(|| error::order_not_found(id))?;
    let journal = store.journal(id, MAX_LINES).await.map_err(error::store)?;
    let about = NotificationFilter {
        out_trade_nos: order.payments.iter().map(|p| p.out_trade_no.clone()).collect(),
        transaction_ids: order.transactions().map(|t| t.id.clone()).collect(),
        ..NotificationFilter::default()
    };
    let mut notifications = Vec::new();
    if !about.out_trade_nos.is_empty() {
        // Somebody who knows a number can have many forgeries refused under it: they must not push out what is true.
        for (accepted, limit) in [(true, MAX_LINES), (false, MAX_REFUSED)] {
            let about = NotificationFilter { accepted: Some(accepted), ..about.clone() };
            notifications.extend(store.notifications(&about, None, limit).await.map_err(error::store)?.rows);
        }
    }
    let mine = CaseFilter { order_id: Some(id.clone()), ..CaseFilter::default() };
    let cases = store.cases(&mine, None, MAX_LINES).await.map_err(error::store)?.rows;

    let exchanges = store.exchanges().of_order(id, MAX_LINES).await.map_err(error::store)?;

    let mut lines: Vec<(Timestamp, u8, v1::ExplainEntry)> = Vec::new();
    lines.extend(notifications.into_iter().map(|n| (n.received_at, 0, notification_line(n))));
    lines.extend(journal.iter().map(|e| (e.event.at, 1, event_line(e))));
    lines.extend(cases.iter().map(|c| (c.case.opened_at, 2, case_line(c))));
    lines.extend(exchanges.into_iter().map(|e| (e.started_at, 3, exchange_line(e))));
    // A case and the event that opened it have one time: cause first.
    lines.sort_by_key(|(at, rank, _)| (*at, *rank));
    // The newest, when there are too many.
    let extra = lines.len().saturating_sub(usize::try_from(MAX_LINES).unwrap_or(0));
    let entries = lines.into_iter().skip(extra).map(|(_, _, line)| line).collect();
    let questions = questions(store, &order).await?;
    Ok(v1::ExplainOrderResponse {
        next_step: next_step(&order, &cases, asked, questions),
        order: Some(convert::order(&order)),
        entries,
    })
}

fn notification_line(n: StoredNotification) -> v1::ExplainEntry {
    let text = if n.reason.is_empty() {
        let what = match n.source {
            Source::Callback => "callback",
            Source::Query => "answer",
            Source::Statement => "line of a statement",
            Source::Operator => "ruling",
        };
        format!("{} {what} on account {} accepted: {}", n.provider, n.account, n.event_type)
    } else {
        format!(
            "callback on account {} that claims {:?} REFUSED: {} ({})",
            n.account, n.out_trade_no, n.reason, n.detail
        )
    };
    let time = Some(convert::time(n.received_at));
    v1::ExplainEntry { time, text, record: Some(Record::Notification(convert::notification(n))) }
}

fn event_line(row: &EventRow) -> v1::ExplainEntry {
    let event = &row.event;
    let to = event.after.state();
    let moved = match event.from {
        None => format!("the order is {}", to.as_str()),
        Some(from) if from == to => format!("the order stays {}", to.as_str()),
        Some(from) => format!("the order goes from {} to {}", from.as_str(), to.as_str()),
    };
    v1::ExplainEntry {
        time: Some(convert::time(event.at)),
        text: format!("{}: {moved}", event.kind.as_str()),
        record: Some(Record::Event(convert::event(row))),
    }
}

fn case_line(row: &CaseRow) -> v1::ExplainEntry {
    let state = match row.case.state {
        CaseState::Open => "open",
        CaseState::Resolved { .. } => "settled",
    };
    v1::ExplainEntry {
        time: Some(convert::time(row.case.opened_at)),
        text: format!("case {} ({state}): {}", row.case.kind.as_str(), row.case.summary),
        record: Some(Record::Case(convert::case(row))),
    }
}

fn exchange_line(e: Exchange) -> v1::ExplainEntry {
    let took = e.duration_us / 1_000;
    let code = if e.code.is_empty() { String::new() } else { format!(" ({})", e.code) };
    let text = format!(
        "{} to {} on account {}: {}{code} after {took} ms",
        e.operation,
        e.provider,
        e.account,
        e.outcome.as_str()
    );
    let time = Some(convert::time(e.started_at));
    v1::ExplainEntry { time, text, record: Some(Record::Exchange(convert::exchange(e))) }
}

/// When the platform is asked next about one of the order's payments or refunds.
async fn questions(store: &dyn Store, order: &Order) -> Result<Option<Timestamp>, Status> {
    let key = |kind, subject: &str| TaskKey { kind, subject: subject.into() };
    let payments = order.payments.iter().filter(|p| !is_payment_final(p));
    let payments = payments.map(|p| key(TaskKind::Payment, p.out_trade_no.as_str()));
    let refunds = order.refunds.iter().filter(|r| r.requested.is_some() && !is_refund_final(r));
    let refunds = refunds.filter_map(|r| r.out_refund_no.as_ref()).map(|number| key(TaskKind::Refund, number.as_str()));
    let mut next: Option<Timestamp> = None;
    for key in payments.chain(refunds) {
        let due = store.tasks().due(&key).await.map_err(error::store)?;
        next = next.into_iter().chain(due).min();
    }
    Ok(next)
}

/// For people, to the second.
fn said(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_microsecond(at.0).unwrap_or(jiff::Timestamp::MAX);
    format!("{at:.0}")
}

fn next_step(
    order: &Order,
    cases: &[CaseRow],
    asked: impl Fn(&AccountName) -> bool,
    question: Option<Timestamp>,
) -> String {
    let when = question.map_or_else(String::new, |at| format!(" The next question is due at {}.", said(at)));
    if let Some(open) = cases.iter().find(|c| c.case.state == CaseState::Open) {
        return format!("A person must settle case {}: {}.", open.case.id, open.case.summary);
    }
    if let Some(refund) = order.refunds.iter().find(|r| r.requested.is_some() && !is_refund_final(r)) {
        let number = refund.out_refund_no.as_ref().map(ToString::to_string).unwrap_or_default();
        return format!("Refund {number} is under way: paystate asks the platform until its end is known.{when}");
    }
    let unasked = order.payments.iter().find(|p| !is_payment_final(p) && !asked(&p.account));
    match (order.state(), order.ending, unasked) {
        (State::Created, ..) => "Waits for StartPayment, or CloseOrder.".into(),
        (State::Pending, _, Some(payment)) => format!(
            "Waits for news of payment {}, which nobody asks for: account {} cannot be called. If no callback comes, look at \
             the platform; CloseOrder can vouch that it is closed.",
            payment.out_trade_no, payment.account
        ),
        (State::Pending, Ending::Requested(_), None) => {
            format!("Is being closed: paystate asks the platforms, closes the payments there, and asks again.{when}")
        }
        (State::Pending, Ending::Open | Ending::Closed(_), None) => {
            format!("Waits for a callback; paystate asks the platform if none comes.{when}")
        }
        (State::Paid | State::PartiallyRefunded, ..) => {
            "Paid. Nothing is open; refund notices are still taken in.".into()
        }
        (State::Refunded | State::Closed, ..) => "Ended. Nothing is open.".into(),
        (State::Abnormal, ..) => "Held, and its cases were settled without a ruling on the order.".into(),
    }
}
