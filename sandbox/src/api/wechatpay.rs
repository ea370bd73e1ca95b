//! WeChat Pay v3: JSON over REST. The merchant signs method, path, time, nonce and body in `Authorization`; the platform
//! signs its answers like its notices, except errors of its own and the statement's file.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use paystate_providers::Provider;
use serde_json::{Value, json};

use super::{
    Answer, Call,
    fields::Fields,
    lens::{Lens, RefundView},
    ticket,
};
use crate::{
    DeliveryPlan, Operation, Refund, RefundRequest, Sandbox, SandboxError, Stamp, Trade,
    keyring::{WECHAT_APPID, WECHAT_MCHID, WECHAT_PUBLIC_KEY_ID, random},
    sandbox::teller::{Ask, Denied, GiveBack, Handle, Refusal, Repetition, Sight, Standing},
    statement::{self, Date},
};

const PROVIDER: Provider = Provider::WechatPay;
const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";
/// How far the merchant's clock may be off.
const SKEW_SECONDS: u64 = 300;

/// A refusal: status, code, text.
struct Problem(u16, &'static str, &'static str);

const PARAM_ERROR: Problem = Problem(400, "PARAM_ERROR", "参数错误");
const ORDER_NOT_EXIST: Problem = Problem(404, "ORDER_NOT_EXIST", "订单不存在");
const NO_RESOURCE: Problem = Problem(404, "RESOURCE_NOT_EXISTS", "退款单不存在");

/// Success: status and body; 204 has none.
type Said = Result<(u16, Value), Problem>;

enum Route<'a> {
    Begin(&'a str),
    Query(&'a str),
    QueryById(&'a str),
    Close(&'a str),
    Refund,
    QueryRefund(&'a str),
    Bill,
    File,
}

fn route<'a>(call: &Call<'a>) -> Option<Route<'a>> {
    let pay = call.path.strip_prefix("/v3/pay/transactions/");
    let refunds = call.path.strip_prefix("/v3/refund/domestic/refunds");
    match (call.method.as_str(), call.path, pay, refunds) {
        ("POST", _, Some(kind @ ("native" | "jsapi" | "app" | "h5")), _) => Some(Route::Begin(kind)),
        ("GET", _, Some(rest), _) => match rest.split_once('/')? {
            ("out-trade-no", number) => Some(Route::Query(number)),
            ("id", id) => Some(Route::QueryById(id)),
            _ => None,
        },
        ("POST", _, Some(rest), _) => rest.strip_prefix("out-trade-no/")?.strip_suffix("/close").map(Route::Close),
        ("POST", _, _, Some("")) => Some(Route::Refund),
        ("GET", _, _, Some(rest)) => rest.strip_prefix('/').map(Route::QueryRefund),
        ("GET", "/v3/bill/tradebill", ..) => Some(Route::Bill),
        ("GET", "/v3/billdownload/file", ..) => Some(Route::File),
        _ => None,
    }
}

pub(super) fn operation(call: &Call<'_>) -> Option<Operation> {
    route(call).map(|route| match route {
        Route::Begin(_) => Operation::Initiate,
        Route::Query(_) | Route::QueryById(_) => Operation::QueryPayment,
        Route::Close(_) => Operation::ClosePayment,
        Route::Refund => Operation::Refund,
        Route::QueryRefund(_) => Operation::QueryRefund,
        Route::Bill | Route::File => Operation::Statement,
    })
}

pub(super) fn answer(sandbox: &Sandbox, call: &Call<'_>, lens: Lens) -> Result<Answer, SandboxError> {
    if !is_merchant(sandbox, call) {
        return Ok(unsigned_error(401, "SIGN_ERROR", "签名错误"));
    }
    let Some(route) = route(call) else { return Ok(unsigned_error(404, "NOT_FOUND", "接口不存在")) };
    let body = match call.method.as_str() {
        "GET" => Value::Null,
        _ => serde_json::from_slice(call.body).unwrap_or(Value::Null),
    };
    let query = Fields::read(&[call.query.as_bytes()]).unwrap_or_default();
    let said = match route {
        Route::Begin(kind) => begin(sandbox, kind, &body)?,
        Route::Query(number) => told(lens.payment(sandbox.sight(PROVIDER, number, number)), &query),
        Route::QueryById(id) => told(lens.payment(sandbox.sight_by_id(PROVIDER, id)), &query),
        Route::Close(number) => close(sandbox, number, &body)?,
        Route::Refund => refund(sandbox, &body)?,
        Route::QueryRefund(number) => refund_told(sandbox, number, lens),
        Route::Bill => bill(sandbox, call, &query, lens)?,
        Route::File => return file(sandbox, &query),
    };
    match said {
        Ok((204, _)) => signed(sandbox, call, 204, String::new()),
        Ok((status, value)) => signed(sandbox, call, status, value.to_string()),
        Err(Problem(status, code, text)) => signed(sandbox, call, status, error_body(code, text)),
    }
}

pub(super) fn rate_limited(sandbox: &Sandbox, call: &Call<'_>) -> Result<Answer, SandboxError> {
    signed(sandbox, call, 429, error_body("FREQUENCY_LIMITED", "频率限制"))
}

pub(super) fn unsigned_error(status: u16, code: &str, text: &str) -> Answer {
    Answer::new(status, "application/json", error_body(code, text))
}

fn error_body(code: &str, text: &str) -> String {
    json!({ "code": code, "message": text }).to_string()
}

/// Whether our merchant signed this very request, lately.
fn is_merchant(sandbox: &Sandbox, call: &Call<'_>) -> bool {
    let Some(header) = call.header("authorization").and_then(|text| text.strip_prefix(SCHEME)) else { return false };
    let parts: BTreeMap<&str, &str> = header
        .split(',')
        .filter_map(|part| part.trim().split_once('='))
        .map(|(name, value)| (name, value.trim_matches('"')))
        .collect();
    let part = |name: &str| parts.get(name).copied().unwrap_or_default();
    let keys = sandbox.keys();
    let fresh = part("timestamp").parse().is_ok_and(|at: i64| at.abs_diff(Stamp::now().seconds()) <= SKEW_SECONDS);
    let path = if call.query.is_empty() { call.path.to_owned() } else { format!("{}?{}", call.path, call.query) };
    let head = format!("{}\n{path}\n{}\n{}\n", call.method, part("timestamp"), part("nonce_str"));
    let message = [head.as_bytes(), call.body, b"\n"].concat();
    part("mchid") == WECHAT_MCHID
        && part("serial_no") == keys.wechat_merchant_serial
        && !part("nonce_str").is_empty()
        && fresh
        && keys.wechat_merchant.made(&message, part("signature"))
}

/// The key is the one that the request asks for; otherwise both take turns, as while a merchant migrates.
fn signed(sandbox: &Sandbox, call: &Call<'_>, status: u16, body: String) -> Result<Answer, SandboxError> {
    let keys = sandbox.keys();
    let by_certificate = match call.header("wechatpay-serial") {
        Some(serial) => serial == keys.wechat_serial,
        None => sandbox.next_turn(),
    };
    let (key, serial) = if by_certificate {
        (&keys.wechat_certificate, keys.wechat_serial.as_str())
    } else {
        (&keys.wechat_public, WECHAT_PUBLIC_KEY_ID)
    };
    let (time, nonce) = (Stamp::now().seconds(), random::text::<32>()?);
    let signature = key.sign(format!("{time}\n{nonce}\n{body}\n").as_bytes())?;
    let mut answer = Answer::new(status, "application/json; charset=utf-8", body);
    answer.headers.extend([
        ("wechatpay-timestamp", time.to_string()),
        ("wechatpay-nonce", nonce),
        ("wechatpay-serial", serial.to_owned()),
        ("wechatpay-signature", signature),
        ("wechatpay-signature-type", SCHEME.to_owned()),
        ("request-id", format!("08{}-0", random::text::<16>()?)),
    ]);
    Ok(answer)
}

fn begin(sandbox: &Sandbox, kind: &str, body: &Value) -> Result<Said, SandboxError> {
    let Some(ask) = read_order(kind, body) else { return Ok(Err(PARAM_ERROR)) };
    let invalid = |text| Ok(Err(Problem(400, "INVALID_REQUEST", text)));
    match sandbox.open_checkout(ask) {
        Ok(checkout) => {
            let id = checkout.transaction_id;
            Ok(Ok((
                200,
                match kind {
                    "native" => json!({ "code_url": format!("weixin://wxpay/bizpayurl?pr={id}") }),
                    "h5" => {
                        json!({ "h5_url": format!("https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx{id}") })
                    }
                    _ => json!({ "prepay_id": format!("wx{id}") }),
                },
            )))
        }
        Err(Denied::Broken(error)) => Err(error),
        Err(Denied::Refused(Refusal::Closed)) => Ok(Err(Problem(400, "ORDER_CLOSED", "订单已关闭"))),
        Err(Denied::Refused(Refusal::Paid)) => invalid("该订单已支付"),
        Err(Denied::Refused(Refusal::Different)) => invalid("商户订单号重复,参数不一致"),
        Err(Denied::Refused(Refusal::Unknown | Refusal::Unpaid | Refusal::TooMuch)) => Ok(Err(PARAM_ERROR)),
    }
}

/// `None`: something that the interface demands is missing or wrong.
fn read_order(kind: &str, body: &Value) -> Option<Ask> {
    let number = text(body, "/out_trade_no");
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'|' | b'*');
    let numbered = (6..=32).contains(&number.len()) && number.bytes().all(plain);
    let ours = text(body, "/mchid") == WECHAT_MCHID && text(body, "/appid") == WECHAT_APPID;
    let notify_url = text(body, "/notify_url");
    let complete = match kind {
        "jsapi" => !text(body, "/payer/openid").is_empty(),
        "h5" => {
            !text(body, "/scene_info/payer_client_ip").is_empty() && !text(body, "/scene_info/h5_info/type").is_empty()
        }
        _ => true,
    };
    let callable = notify_url.starts_with("http") && !notify_url.contains('?');
    let amount_minor = body.pointer("/amount/total")?.as_i64().filter(|total| *total >= 1)?;
    let described = !text(body, "/description").is_empty();
    if !(numbered && ours && complete && callable && described && matches!(text(body, "/amount/currency"), "" | "CNY"))
    {
        return None;
    }
    let expires_at = match text(body, "/time_expire") {
        "" => None,
        end => Some(Stamp::parse_rfc3339(end)?),
    };
    Some(Ask {
        provider: PROVIDER,
        out_trade_no: number.to_owned(),
        handle: Handle::Given(number.to_owned()),
        amount_minor,
        currency: "CNY".to_owned(),
        notify_url: Some(notify_url.to_owned()),
        expires_at,
        // All of it: another word under the same number is another order.
        terms: format!("{kind} {body}"),
        visible: true,
        echo: BTreeMap::new(),
        started_at: None,
    })
}

fn told(sight: Option<Sight>, query: &Fields) -> Said {
    if query.get("mchid") != WECHAT_MCHID {
        return Err(PARAM_ERROR);
    }
    let Sight { status, trade, .. } = sight.ok_or(ORDER_NOT_EXIST)?;
    let (state, text) = match status {
        Standing::Waiting => ("NOTPAY", "订单未支付"),
        Standing::Closed => ("CLOSED", "订单已关闭"),
        Standing::Paid if trade.refunded_minor > 0 => ("REFUND", "订单发生过退款"),
        Standing::Paid => ("SUCCESS", "支付成功"),
    };
    let mut said = json!({
        "appid": WECHAT_APPID,
        "mchid": WECHAT_MCHID,
        "out_trade_no": trade.out_trade_no,
        "trade_state": state,
        "trade_state_desc": text,
        "attach": "",
    });
    if status == Standing::Paid {
        said["transaction_id"] = trade.transaction_id.into();
        said["trade_type"] = "NATIVE".into();
        said["bank_type"] = "OTHERS".into();
        said["success_time"] = trade.at.rfc3339().into();
        said["payer"] = json!({ "openid": "oSandbox00000000000000000001" });
        said["amount"] = json!({
            "total": trade.amount_minor,
            "payer_total": trade.amount_minor,
            "currency": "CNY",
            "payer_currency": "CNY",
        });
    } else {
        said["amount"] = json!({ "total": trade.amount_minor, "currency": "CNY" });
    }
    Ok((200, said))
}

fn close(sandbox: &Sandbox, number: &str, body: &Value) -> Result<Said, SandboxError> {
    if text(body, "/mchid") != WECHAT_MCHID {
        return Ok(Err(PARAM_ERROR));
    }
    match sandbox.close_checkout(PROVIDER, number) {
        Ok(_) => Ok(Ok((204, Value::Null))),
        Err(Denied::Broken(error)) => Err(error),
        Err(Denied::Refused(Refusal::Unknown)) => Ok(Err(ORDER_NOT_EXIST)),
        Err(Denied::Refused(
            Refusal::Paid | Refusal::Closed | Refusal::Different | Refusal::Unpaid | Refusal::TooMuch,
        )) => Ok(Err(Problem(400, "INVALID_REQUEST", "该订单已支付"))),
    }
}

fn refund(sandbox: &Sandbox, body: &Value) -> Result<Said, SandboxError> {
    let amount = |name: &str| body.pointer(name).and_then(Value::as_i64);
    let (Some(amount_minor), Some(total)) = (amount("/amount/refund"), amount("/amount/total")) else {
        return Ok(Err(PARAM_ERROR));
    };
    let (number, id, refund_number) =
        (text(body, "/out_trade_no"), text(body, "/transaction_id"), text(body, "/out_refund_no"));
    let named = number.is_empty() != id.is_empty();
    let numbered = (1..=64).contains(&refund_number.len());
    if amount_minor < 1 || !named || !numbered || text(body, "/amount/currency") != "CNY" {
        return Ok(Err(PARAM_ERROR));
    }
    let different = || Ok(Err(Problem(400, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致")));
    let known = if id.is_empty() { sandbox.sight(PROVIDER, number, number) } else { sandbox.sight_by_id(PROVIDER, id) };
    if known.is_some_and(|sight| sight.trade.amount_minor != total) {
        return different();
    }
    let request = RefundRequest {
        provider: PROVIDER,
        out_trade_no: number.to_owned(),
        transaction_id: Some(id.to_owned()).filter(|id| !id.is_empty()),
        out_refund_no: refund_number.to_owned(),
        amount_minor,
        plan: DeliveryPlan::default(),
    };
    let ask = GiveBack {
        request,
        callbacks: sandbox.callbacks(PROVIDER),
        repetition: Repetition::Number,
        notify_url: Some(text(body, "/notify_url").to_owned()).filter(|url| !url.is_empty()),
        started_at: None,
        void: false,
        echo: BTreeMap::new(),
    };
    match sandbox.give_back(ask) {
        Ok((refund, trade, _)) => Ok(Ok((200, refund_body(&refund, &trade, RefundView::Pending)))),
        Err(Denied::Broken(error)) => Err(error),
        Err(Denied::Refused(Refusal::Unknown)) => Ok(Err(Problem(404, "RESOURCE_NOT_EXISTS", "订单不存在"))),
        Err(Denied::Refused(Refusal::Different)) => different(),
        Err(Denied::Refused(Refusal::TooMuch)) => Ok(Err(Problem(400, "INVALID_REQUEST", "申请退款金额大于可退金额"))),
        Err(Denied::Refused(Refusal::Unpaid | Refusal::Paid | Refusal::Closed)) => {
            Ok(Err(Problem(400, "INVALID_REQUEST", "订单未支付")))
        }
    }
}

fn refund_told(sandbox: &Sandbox, number: &str, lens: Lens) -> Said {
    let (refund, trade) = sandbox.refunds_of(PROVIDER, number).pop().ok_or(NO_RESOURCE)?;
    match lens.refund(refund.at) {
        RefundView::Unknown => Err(NO_RESOURCE),
        view @ (RefundView::Pending | RefundView::Done) => Ok((200, refund_body(&refund, &trade, view))),
    }
}

/// In a question's answer and in a request's the state is called `status`, in notices `refund_status`.
fn refund_body(refund: &Refund, trade: &Trade, view: RefundView) -> Value {
    let done = view == RefundView::Done;
    let mut body = json!({
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "transaction_id": trade.transaction_id,
        "out_trade_no": trade.out_trade_no,
        "channel": "ORIGINAL",
        "user_received_account": "招商银行信用卡0403",
        "create_time": refund.at.rfc3339(),
        "status": if done { "SUCCESS" } else { "PROCESSING" },
        "funds_account": "AVAILABLE",
        "amount": {
            "total": trade.amount_minor,
            "refund": refund.amount_minor,
            "payer_total": trade.amount_minor,
            "payer_refund": refund.amount_minor,
            "settlement_refund": refund.amount_minor,
            "settlement_total": trade.amount_minor,
            "discount_refund": 0,
            "currency": "CNY",
        },
    });
    if done {
        body["success_time"] = refund.at.rfc3339().into();
    }
    body
}

fn bill(sandbox: &Sandbox, call: &Call<'_>, query: &Fields, lens: Lens) -> Result<Said, SandboxError> {
    let Some(day) = Date::parse(query.get("bill_date")) else { return Ok(Err(PARAM_ERROR)) };
    if !matches!(query.get("bill_type"), "" | "ALL") || !matches!(query.get("tar_type"), "" | "GZIP") {
        return Ok(Err(PARAM_ERROR));
    }
    if !lens.ready {
        return Ok(Err(Problem(400, "STATEMENT_CREATING", "账单生成中")));
    }
    let plain = plain_file(sandbox, day)?;
    let Some(plain) = plain else { return Ok(Err(Problem(400, "NO_STATEMENT_EXIST", "账单不存在"))) };
    let zipped = if query.get("tar_type").is_empty() { "" } else { "&tartype=gzip" };
    let token = ticket::issue(sandbox.keys(), day);
    Ok(Ok((
        200,
        json!({
            "hash_type": "SHA1",
            "hash_value": hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &plain)),
            "download_url": format!("{}/v3/billdownload/file?token={token}{zipped}", call.origin()),
        }),
    )))
}

/// Nobody signs the file.
fn file(sandbox: &Sandbox, query: &Fields) -> Result<Answer, SandboxError> {
    let day = ticket::redeem(sandbox.keys(), query.get("token"));
    let plain = day.map_or(Ok(None), |day| plain_file(sandbox, day))?;
    let Some(plain) = plain else { return Ok(unsigned_error(400, "INVALID_REQUEST", "请求链接已失效")) };
    if query.get("tartype") != "gzip" {
        return Ok(Answer::new(200, "text/plain", plain));
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let zipped = std::io::Write::write_all(&mut gzip, &plain).and_then(|()| gzip.finish());
    Ok(Answer::new(200, "application/x-gzip", zipped.map_err(SandboxError::statement)?))
}

fn plain_file(sandbox: &Sandbox, day: Date) -> Result<Option<Vec<u8>>, SandboxError> {
    let lines = sandbox.statement(PROVIDER, day);
    if lines.is_empty() {
        return Ok(None);
    }
    let mut plain = Vec::new();
    statement::wechatpay(&lines, &mut plain).map_err(SandboxError::statement)?;
    Ok(Some(plain))
}

fn text<'a>(body: &'a Value, pointer: &str) -> &'a str {
    body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
