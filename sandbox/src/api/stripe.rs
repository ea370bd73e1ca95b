//! Stripe: forms in, JSON out, a secret key instead of signatures.
//!
//! Nothing in a request makes it a repetition but its `Idempotency-Key`: the first answer under a key is kept, a failure
//! of ours included, and given again. Without a key every POST is new.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use paystate_providers::{Currency, Provider};
use serde_json::{Value, json};

use super::{
    Answer, Call,
    fields::Fields,
    lens::{Lens, RefundView},
};
use crate::{
    DeliveryPlan, Operation, Refund, RefundRequest, Sandbox, SandboxError, Stamp, Trade,
    platform::stripe::{self as objects, IntentStatus, SessionStatus},
    sandbox::teller::{Ask, Denied, GiveBack, Handle, Refusal, Repetition, Sight, Standing},
    statement,
};

const PROVIDER: Provider = Provider::Stripe;
/// A session lives from half an hour to a day.
const SESSION_SECONDS: std::ops::RangeInclusive<i64> = 1_800..=86_400;

enum Route<'a> {
    NewIntent,
    Intent(&'a str),
    CancelIntent(&'a str),
    SearchIntents,
    NewSession,
    Session(&'a str),
    ExpireSession(&'a str),
    NewRefund,
    Refund(&'a str),
    Refunds,
    BalanceTransactions,
}

fn route<'a>(call: &Call<'a>) -> Option<Route<'a>> {
    let path = call.path.strip_prefix("/v1/")?;
    let post = match call.method.as_str() {
        "POST" => true,
        "GET" => false,
        _ => return None,
    };
    if let Some(rest) = path.strip_prefix("payment_intents") {
        return match (post, rest.strip_prefix('/'), rest) {
            (true, None, "") => Some(Route::NewIntent),
            (true, Some(rest), _) => rest.strip_suffix("/cancel").map(Route::CancelIntent),
            (false, Some("search"), _) => Some(Route::SearchIntents),
            (false, Some(id), _) => Some(Route::Intent(id)),
            (_, None, _) => None,
        };
    }
    if let Some(rest) = path.strip_prefix("checkout/sessions") {
        return match (post, rest.strip_prefix('/'), rest) {
            (true, None, "") => Some(Route::NewSession),
            (true, Some(rest), _) => rest.strip_suffix("/expire").map(Route::ExpireSession),
            (false, Some(id), _) => Some(Route::Session(id)),
            (_, None, _) => None,
        };
    }
    match (post, path) {
        (true, "refunds") => Some(Route::NewRefund),
        (false, "refunds") => Some(Route::Refunds),
        (false, "balance_transactions") => Some(Route::BalanceTransactions),
        (false, other) => other.strip_prefix("refunds/").map(Route::Refund),
        (true, _) => None,
    }
}

pub(super) fn operation(call: &Call<'_>) -> Option<Operation> {
    route(call).map(|route| match route {
        Route::NewIntent | Route::NewSession => Operation::Initiate,
        Route::Intent(_) | Route::SearchIntents | Route::Session(_) => Operation::QueryPayment,
        Route::CancelIntent(_) | Route::ExpireSession(_) => Operation::ClosePayment,
        Route::NewRefund => Operation::Refund,
        Route::Refund(_) | Route::Refunds => Operation::QueryRefund,
        Route::BalanceTransactions => Operation::Statement,
    })
}

pub(super) async fn answer(sandbox: &Sandbox, call: &Call<'_>, lens: Lens) -> Result<Answer, SandboxError> {
    if !is_merchant(sandbox, call) {
        return Ok(error(401, "invalid_request_error", None, "Invalid API Key provided"));
    }
    let Some(route) = route(call) else {
        return Ok(error(404, "invalid_request_error", None, "Unrecognized request URL"));
    };
    let Some(key) = call.header("idempotency-key").filter(|_| call.method == http::Method::POST) else {
        return carry_out(sandbox, call, route, lens);
    };
    if key.is_empty() || key.len() > 255 {
        return Ok(error(400, "invalid_request_error", None, "Idempotency-Key: use 1 to 255 characters"));
    }
    // From looking at the key to keeping the answer nobody else may act under it.
    let turn = sandbox.stripe_turn().lock().await;
    if let Some(kept) = sandbox.kept_answer(key) {
        return Ok(if kept.request_sha256 == fingerprint(call) {
            Answer::new(kept.status, "application/json", kept.body)
        } else {
            let text =
                "Keys for idempotent requests can only be used with the same parameters they were first used with.";
            error(400, "idempotency_error", None, text)
        });
    }
    let answer = carry_out(sandbox, call, route, lens)?;
    sandbox.keep_answer(key, fingerprint(call), answer.status, &String::from_utf8_lossy(&answer.body))?;
    drop(turn);
    Ok(answer)
}

/// A failure of ours is kept under the key too: whoever repeats the request meets it again.
pub(super) fn remember_failure(sandbox: &Sandbox, call: &Call<'_>) -> Result<(), SandboxError> {
    let Some(key) = call.header("idempotency-key").filter(|_| is_merchant(sandbox, call)) else { return Ok(()) };
    let failure = super::internal_error(PROVIDER);
    sandbox.keep_answer(key, fingerprint(call), failure.status, &String::from_utf8_lossy(&failure.body))
}

pub(super) fn error(status: u16, kind: &str, code: Option<&str>, text: &str) -> Answer {
    Answer::json(status, &json!({ "error": { "type": kind, "code": code, "message": text } }))
}

fn missing(what: &str, id: &str) -> Answer {
    error(404, "invalid_request_error", Some("resource_missing"), &format!("No such {what}: '{id}'"))
}

fn invalid(text: &str) -> Answer {
    error(400, "invalid_request_error", Some("parameter_invalid"), text)
}

fn ok(value: &Value) -> Answer {
    Answer::json(200, value)
}

fn fingerprint(call: &Call<'_>) -> String {
    hex::encode(digest(&SHA256, &[call.path.as_bytes(), b"\n", call.body].concat()))
}

/// `Bearer sk_…`, or Basic with the key as the user's name.
fn is_merchant(sandbox: &Sandbox, call: &Call<'_>) -> bool {
    let key = &sandbox.keys().stripe_secret_key;
    let Some(header) = call.header("authorization") else { return false };
    match header.split_once(' ') {
        Some(("Bearer", given)) => given == key,
        Some(("Basic", given)) => STANDARD.decode(given).is_ok_and(|given| given == format!("{key}:").into_bytes()),
        _ => false,
    }
}

fn carry_out(sandbox: &Sandbox, call: &Call<'_>, route: Route<'_>, lens: Lens) -> Result<Answer, SandboxError> {
    let source = if call.method == http::Method::POST { call.body } else { call.query.as_bytes() };
    let Some(fields) = Fields::read(&[source]) else { return Ok(invalid("the form cannot be read")) };
    Ok(match route {
        Route::NewIntent => new_intent(sandbox, &fields)?,
        Route::Intent(id) => match lens.payment(intent(sandbox, id)) {
            Some(sight) => ok(&intent_body(&sight, &fields)),
            None => missing("payment_intent", id),
        },
        Route::SearchIntents => search(sandbox, &fields, lens),
        Route::CancelIntent(id) => match intent(sandbox, id) {
            Some(sight) => cancel(sandbox, id, &sight, &fields)?,
            None => missing("payment_intent", id),
        },
        Route::NewSession => new_session(sandbox, &fields)?,
        Route::Session(id) => match lens.payment(session(sandbox, id)) {
            Some(sight) => session_told(&sight, &fields),
            None => missing("checkout.session", id),
        },
        Route::ExpireSession(id) => match session(sandbox, id) {
            Some(sight) => expire(sandbox, id, &sight, &fields)?,
            None => missing("checkout.session", id),
        },
        Route::NewRefund => new_refund(sandbox, &fields)?,
        Route::Refund(id) => refund_told(sandbox, id, lens),
        Route::Refunds => refunds(sandbox, &fields, lens),
        Route::BalanceTransactions => balance_transactions(sandbox, &fields, lens),
    })
}

fn new_intent(sandbox: &Sandbox, fields: &Fields) -> Result<Answer, SandboxError> {
    let Some((amount_minor, currency)) = money(fields.get("amount"), fields.get("currency")) else {
        return Ok(invalid("amount and currency: use minor units and three lower-case letters"));
    };
    match open(sandbox, fields, Handle::Intent, (amount_minor, currency), None)? {
        Ok(id) => Ok(match intent(sandbox, &id) {
            Some(sight) => ok(&intent_body(&sight, fields)),
            None => missing("payment_intent", &id),
        }),
        Err(answer) => Ok(answer),
    }
}

fn new_session(sandbox: &Sandbox, fields: &Fields) -> Result<Answer, SandboxError> {
    let item = |name: &str| fields.get(&format!("line_items[0]{name}"));
    let one = matches!(item("[quantity]"), "1");
    let money = money(item("[price_data][unit_amount]"), item("[price_data][currency]"));
    let named = !item("[price_data][product_data][name]").is_empty();
    let (Some(money), true, true, "payment") = (money, one, named, fields.get("mode")) else {
        return Ok(invalid("use mode=payment and one line_items[0] with price_data and quantity 1"));
    };
    if fields.get("success_url").is_empty() && fields.get("ui_mode").is_empty() {
        return Ok(invalid("success_url is missing"));
    }
    let now = Stamp::now().seconds();
    let end = match fields.some("expires_at") {
        None => now + SESSION_SECONDS.end(),
        Some(text) => match text.parse::<i64>() {
            Ok(end) if SESSION_SECONDS.contains(&(end - now)) => end,
            _ => return Ok(invalid("expires_at must be between 30 minutes and 24 hours from now")),
        },
    };
    match open(sandbox, fields, Handle::Session, money, Some(Stamp::from_seconds(end)))? {
        Ok(id) => Ok(match session(sandbox, &id) {
            Some(sight) => session_told(&sight, fields),
            None => missing("checkout.session", &id),
        }),
        Err(answer) => Ok(answer),
    }
}

/// The id of what was opened, or a refusal.
fn open(
    sandbox: &Sandbox,
    fields: &Fields,
    handle: Handle,
    (amount_minor, currency): (i64, Currency),
    expires_at: Option<Stamp>,
) -> Result<Result<String, Answer>, SandboxError> {
    let mut echo: BTreeMap<String, String> = ["metadata[", "payment_intent_data[metadata]["]
        .iter()
        .flat_map(|prefix| fields.beginning(prefix))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    echo.extend(fields.some("client_reference_id").map(|id| ("client_reference_id".to_owned(), id)));
    let names = ["metadata[out_trade_no]", "payment_intent_data[metadata][out_trade_no]", "client_reference_id"];
    let out_trade_no = names.iter().find_map(|name| fields.some(name)).unwrap_or_default();
    let ask = Ask {
        provider: PROVIDER,
        out_trade_no,
        handle,
        amount_minor,
        currency: currency.as_str().to_owned(),
        notify_url: None,
        expires_at,
        terms: String::new(),
        visible: true,
        echo,
        started_at: None,
    };
    match sandbox.open_checkout(ask) {
        Ok(checkout) => Ok(Ok(checkout.handle)),
        Err(Denied::Broken(error)) => Err(error),
        // A new handle meets nothing that is there.
        Err(Denied::Refused(_)) => Ok(Err(invalid("refused"))),
    }
}

fn intent(sandbox: &Sandbox, id: &str) -> Option<Sight> {
    sandbox.sight(PROVIDER, id, "").or_else(|| sandbox.sight_by_id(PROVIDER, id))
}

fn session(sandbox: &Sandbox, id: &str) -> Option<Sight> {
    sandbox.sight(PROVIDER, id, "").filter(|sight| sight.origin.as_ref().is_some_and(objects::is_session))
}

/// Whether the caller wants an object where its id would stand, or something within it.
fn expands(fields: &Fields, name: &str) -> bool {
    fields
        .beginning("expand[")
        .any(|(_, value)| value.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
}

fn intent_body(sight: &Sight, fields: &Fields) -> Value {
    intent_object(sight, expands(fields, "latest_charge"))
}

fn intent_object(sight: &Sight, with_charge: bool) -> Value {
    let status = match sight.status {
        Standing::Waiting => IntentStatus::Open,
        Standing::Paid => IntentStatus::Succeeded,
        Standing::Closed => IntentStatus::Canceled,
    };
    let mut body = objects::intent(&sight.trade, sight.origin.as_ref(), status);
    if with_charge && status == IntentStatus::Succeeded {
        body["latest_charge"] = objects::charge(&sight.trade, sight.origin.as_ref());
    }
    body
}

fn session_told(sight: &Sight, fields: &Fields) -> Answer {
    let status = match sight.status {
        Standing::Waiting => SessionStatus::Open,
        Standing::Paid => SessionStatus::Complete,
        Standing::Closed => SessionStatus::Expired,
    };
    let Some(origin) = &sight.origin else { return missing("checkout.session", "") };
    let mut body = objects::session(origin, status);
    if expands(fields, "payment_intent") && status == SessionStatus::Complete {
        body["payment_intent"] = intent_object(sight, expands(fields, "payment_intent.latest_charge"));
    }
    ok(&body)
}

/// The index of metadata; real searches lag behind by a minute or so.
fn search(sandbox: &Sandbox, fields: &Fields, lens: Lens) -> Answer {
    let query = fields.get("query").replace('"', "'");
    let number = query.strip_prefix("metadata['out_trade_no']:'").and_then(|rest| rest.strip_suffix('\''));
    let Some(number) = number else { return invalid("query: only metadata['out_trade_no']:'…' is known here") };
    let mut found: Vec<_> =
        sandbox.checkout_handles(PROVIDER, number).iter().filter_map(|id| intent(sandbox, id)).collect();
    // One that the shop's own code began has the number in its metadata, too.
    let known = |outside: &Sight| found.iter().any(|sight| sight.trade.transaction_id == outside.trade.transaction_id);
    let outside = sandbox.sight(PROVIDER, "", number).filter(|outside| !known(outside));
    found.extend(outside);
    let found = found.into_iter().filter_map(|sight| lens.payment(Some(sight)));
    let data: Vec<_> = found.map(|sight| intent_body(&sight, fields)).collect();
    ok(&json!({ "object": "search_result", "data": data, "has_more": false, "next_page": null }))
}

fn cancel(sandbox: &Sandbox, id: &str, before: &Sight, fields: &Fields) -> Result<Answer, SandboxError> {
    let unexpected = || {
        let text = "You cannot cancel this PaymentIntent because it has a status of succeeded or canceled.";
        error(400, "invalid_request_error", Some("payment_intent_unexpected_state"), text)
    };
    if before.status == Standing::Closed {
        return Ok(unexpected());
    }
    match sandbox.close_checkout(PROVIDER, id) {
        Ok(sight) => Ok(ok(&intent_body(&sight, fields))),
        Err(Denied::Broken(error)) => Err(error),
        Err(Denied::Refused(_)) => Ok(unexpected()),
    }
}

fn expire(sandbox: &Sandbox, id: &str, before: &Sight, fields: &Fields) -> Result<Answer, SandboxError> {
    let unexpected = || {
        let text = "Only Checkout Sessions with a status in [\"open\"] can be expired.";
        error(400, "invalid_request_error", None, text)
    };
    if before.status == Standing::Closed {
        return Ok(unexpected());
    }
    match sandbox.close_checkout(PROVIDER, id) {
        Ok(sight) => Ok(session_told(&sight, fields)),
        Err(Denied::Broken(error)) => Err(error),
        Err(Denied::Refused(_)) => Ok(unexpected()),
    }
}

fn new_refund(sandbox: &Sandbox, fields: &Fields) -> Result<Answer, SandboxError> {
    let id = fields.get("payment_intent");
    let Some(sight) = intent(sandbox, id) else { return Ok(missing("payment_intent", id)) };
    let left = sight.trade.amount_minor - sight.trade.refunded_minor;
    let amount_minor = match fields.some("amount") {
        None => left,
        Some(text) => match text.parse::<i64>() {
            Ok(amount) if amount > 0 => amount,
            _ => return Ok(invalid("amount: use minor units, more than 0")),
        },
    };
    let refused = |code, text| Ok(error(400, "invalid_request_error", code, text));
    if sight.status == Standing::Paid && left == 0 {
        return refused(Some("charge_already_refunded"), "Charge has already been refunded.");
    }
    let echo = fields.beginning("metadata[").map(|(name, value)| (name.clone(), value.clone())).collect();
    let request = RefundRequest {
        provider: PROVIDER,
        out_trade_no: String::new(),
        transaction_id: Some(id.to_owned()),
        out_refund_no: fields.get("metadata[out_refund_no]").to_owned(),
        amount_minor,
        plan: DeliveryPlan::default(),
    };
    let ask = GiveBack {
        request,
        callbacks: sandbox.callbacks(PROVIDER),
        repetition: Repetition::Never,
        notify_url: None,
        started_at: None,
        void: false,
        echo,
    };
    match sandbox.give_back(ask) {
        Ok((refund, trade, _)) => Ok(ok(&objects::refund_object(&trade, &refund, "pending"))),
        Err(Denied::Broken(error)) => Err(error),
        Err(Denied::Refused(Refusal::TooMuch)) => {
            refused(None, "Refund amount is greater than unrefunded amount on charge.")
        }
        Err(Denied::Refused(
            Refusal::Unpaid | Refusal::Unknown | Refusal::Paid | Refusal::Closed | Refusal::Different,
        )) => refused(None, "This PaymentIntent does not have a successful charge to refund."),
    }
}

fn refund_told(sandbox: &Sandbox, id: &str, lens: Lens) -> Answer {
    let found = sandbox.refund_by_id(PROVIDER, id).and_then(|(refund, trade)| refund_body(&refund, &trade, lens));
    found.map_or_else(|| missing("refund", id), |body| ok(&body))
}

/// Newest first, as Stripe lists.
fn refunds(sandbox: &Sandbox, fields: &Fields, lens: Lens) -> Answer {
    let of = sandbox.refunds_of_trade(PROVIDER, fields.get("payment_intent"));
    let bodies = of.iter().rev().filter_map(|(refund, trade)| refund_body(refund, trade, lens)).collect();
    page(bodies, fields, "/v1/refunds")
}

fn refund_body(refund: &Refund, trade: &Trade, lens: Lens) -> Option<Value> {
    match lens.refund(refund.at) {
        RefundView::Unknown => None,
        RefundView::Pending => Some(objects::refund_object(trade, refund, "pending")),
        RefundView::Done => Some(objects::refund_object(trade, refund, "succeeded")),
    }
}

fn balance_transactions(sandbox: &Sandbox, fields: &Fields, lens: Lens) -> Answer {
    let bound = |name: &str, otherwise: i64| fields.get(name).parse().unwrap_or(otherwise);
    let (from, to) = (bound("created[gte]", i64::MIN), bound("created[lt]", i64::MAX));
    let kind = fields.get("type");
    let expand = fields.beginning("expand[").any(|(_, value)| value == "data.source");
    let lines = if lens.ready { sandbox.statement_between(PROVIDER, from, to) } else { Vec::new() };
    let bodies = lines.iter().rev().map(|line| statement::stripe_object(line, expand));
    page(bodies.filter(|body| kind.is_empty() || body["type"] == kind).collect(), fields, "/v1/balance_transactions")
}

/// A page of a list: up to `limit` after the object that `starting_after` names.
fn page(all: Vec<Value>, fields: &Fields, url: &str) -> Answer {
    let limit = fields.get("limit").parse::<usize>().unwrap_or(10);
    if !(1..=100).contains(&limit) {
        return invalid("limit: use 1 to 100");
    }
    let skip = match fields.get("starting_after") {
        "" => 0,
        id => match all.iter().position(|body| body["id"] == id) {
            Some(place) => place + 1,
            None => return missing("object", id),
        },
    };
    let more = all.len() > skip + limit;
    let data: Vec<_> = all.into_iter().skip(skip).take(limit).collect();
    ok(&json!({ "object": "list", "url": url, "has_more": more, "data": data }))
}

/// Minor units and a currency in lower-case letters.
fn money(amount: &str, currency: &str) -> Option<(i64, Currency)> {
    let amount = amount.parse::<i64>().ok().filter(|amount| (1..=99_999_999_999).contains(amount))?;
    let lower = currency.bytes().all(|b| b.is_ascii_lowercase());
    Some((amount, Currency::parse(currency).ok().filter(|_| lower)?))
}
