//! Alipay's gateway: one path, the operation in `method`, the question in `biz_content`.
//!
//! The HTTP status is always 200. What is signed is the exact text of the answer's node, in which `/` is written `\/`
//! as Alipay writes it.

use std::collections::BTreeMap;

use paystate_providers::Provider;
use serde_json::{Value, json};

use super::{
    Answer, Call,
    fields::Fields,
    lens::{Lens, RefundView},
    ticket,
};
use crate::{
    DeliveryPlan, Operation, RefundRequest, Sandbox, SandboxError, Stamp, Trade, TradeStatus,
    keyring::{ALIPAY_APP_ID, ALIPAY_SELLER_ID},
    sandbox::teller::{Ask, Denied, GiveBack, Handle, Refusal, Repetition, Sight, Standing},
    statement::{self, Date},
};

pub(super) const FILE_PATH: &str = "/downloadBillFile.resource";
const PROVIDER: Provider = Provider::Alipay;

/// A platform's refusal: code, `sub_code`, text.
struct Problem(&'static str, &'static str, &'static str);

type Node = Result<Value, Problem>;

pub(super) fn operation(call: &Call<'_>) -> Option<Operation> {
    if call.path == FILE_PATH {
        return Some(Operation::Statement);
    }
    match method(call).as_str() {
        "alipay.trade.precreate" => Some(Operation::Initiate),
        "alipay.trade.query" => Some(Operation::QueryPayment),
        "alipay.trade.close" => Some(Operation::ClosePayment),
        "alipay.trade.refund" => Some(Operation::Refund),
        "alipay.trade.fastpay.refund.query" => Some(Operation::QueryRefund),
        "alipay.data.dataservice.bill.downloadurl.query" => Some(Operation::Statement),
        // The payer's browser or the app's SDK calls these, not the merchant.
        _ => None,
    }
}

pub(super) fn answer(sandbox: &Sandbox, call: &Call<'_>, lens: Lens) -> Result<Answer, SandboxError> {
    if call.path == FILE_PATH {
        return file(sandbox, call);
    }
    let Some(fields) = fields(call) else { return error_response(sandbox, INVALID_PARAMETER) };
    let method = fields.get("method");
    if let Some(problem) = stranger(sandbox, &fields) {
        return if is_front(method) { Ok(page(400, problem.2)) } else { signed(sandbox, method, Err(problem)) };
    }
    let Ok(biz) = serde_json::from_str::<Value>(fields.get("biz_content")) else {
        return signed(sandbox, method, Err(INVALID_PARAMETER));
    };
    if is_front(method) {
        return Ok(match open(sandbox, &fields, &biz, true)? {
            Ok(_) => page(200, "收银台"),
            Err(problem) => page(400, problem.2),
        });
    }
    let node = match method {
        "alipay.trade.precreate" => open(sandbox, &fields, &biz, false)?,
        "alipay.trade.query" => lens.payment(sight(sandbox, &biz)).map(|sight| told(&sight)).ok_or(NOT_EXIST),
        "alipay.trade.close" => close(sandbox, &biz)?,
        "alipay.trade.refund" => refund(sandbox, &biz)?,
        "alipay.trade.fastpay.refund.query" => refund_told(sandbox, &biz, lens),
        "alipay.data.dataservice.bill.downloadurl.query" => bill(sandbox, call, &biz, lens),
        _ => Err(Problem("40002", "isv.invalid-method", "不存在的方法名")),
    };
    signed(sandbox, method, node)
}

pub(super) fn rate_limited(sandbox: &Sandbox, call: &Call<'_>) -> Result<Answer, SandboxError> {
    signed(sandbox, &method(call), Err(Problem("40005", "isv.app-call-limited", "应用调用次数超限")))
}

pub(super) fn unsigned(call: &Call<'_>) -> Answer {
    let node = refused(&NOT_EXIST);
    let name = node_name(&method(call));
    Answer::new(200, "text/html;charset=utf-8", format!(r#"{{"{name}":{node}}}"#))
}

const INVALID_PARAMETER: Problem = Problem("40002", "isv.invalid-parameter", "参数无效");
const NOT_EXIST: Problem = Problem("40004", "ACQ.TRADE_NOT_EXIST", "交易不存在");

fn fields(call: &Call<'_>) -> Option<Fields> {
    Fields::read(&[call.query.as_bytes(), call.body])
}

fn method(call: &Call<'_>) -> String {
    fields(call).map(|fields| fields.get("method").to_owned()).unwrap_or_default()
}

fn is_front(method: &str) -> bool {
    matches!(method, "alipay.trade.page.pay" | "alipay.trade.wap.pay" | "alipay.trade.app.pay")
}

/// Who does not sign as our merchant gets this. Of the signed text only `sign` is left out, and empty values.
fn stranger(sandbox: &Sandbox, fields: &Fields) -> Option<Problem> {
    if fields.get("app_id") != ALIPAY_APP_ID {
        return Some(Problem("40002", "isv.invalid-app-id", "无效的AppID参数"));
    }
    if fields.get("sign_type") != "RSA2" {
        return Some(Problem("40002", "isv.invalid-signature-type", "无效的签名类型"));
    }
    if !matches!(fields.get("charset").to_ascii_lowercase().as_str(), "utf-8" | "utf8") {
        return Some(Problem("40002", "isv.invalid-charset", "字符集错误"));
    }
    if fields.get("version") != "1.0" || Stamp::parse_beijing(fields.get("timestamp")).is_none() {
        return Some(Problem("40002", "isv.invalid-timestamp", "非法的时间戳参数"));
    }
    let text = fields.signed_text("sign");
    let genuine = sandbox.keys().alipay_merchant.made(text.as_bytes(), fields.get("sign"));
    (!genuine).then_some(Problem("40002", "isv.invalid-signature", "验签出错"))
}

fn open(sandbox: &Sandbox, fields: &Fields, biz: &Value, visible: bool) -> Result<Node, SandboxError> {
    let (number, method) = (text(biz, "out_trade_no"), fields.get("method"));
    let product = match method {
        "alipay.trade.page.pay" => "FAST_INSTANT_TRADE_PAY",
        "alipay.trade.wap.pay" => "QUICK_WAP_WAY",
        "alipay.trade.app.pay" => "QUICK_MSECURITY_PAY",
        _ => text(biz, "product_code"),
    };
    let (Some(amount_minor), Some(expires_at)) = (fen(text(biz, "total_amount")), expiry(biz)) else {
        return Ok(Err(INVALID_PARAMETER));
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if !(1..=64).contains(&number.len()) || !number.bytes().all(plain) || text(biz, "subject").is_empty() {
        return Ok(Err(INVALID_PARAMETER));
    }
    if text(biz, "product_code") != product {
        return Ok(Err(INVALID_PARAMETER));
    }
    let ask = Ask {
        provider: PROVIDER,
        out_trade_no: number.to_owned(),
        handle: Handle::Given(number.to_owned()),
        amount_minor,
        currency: "CNY".to_owned(),
        notify_url: fields.some("notify_url"),
        expires_at,
        terms: format!("{} {amount_minor}", text(biz, "subject")),
        visible,
        echo: BTreeMap::new(),
        started_at: None,
    };
    let problem = |sub_code, text| Ok(Err(Problem("40004", sub_code, text)));
    match sandbox.open_checkout(ask) {
        Ok(_) => Ok(Ok(json!({
            "out_trade_no": number,
            "qr_code": format!("https://qr.alipay.com/bax{number}"),
        }))),
        Err(Denied::Broken(error)) => Err(error),
        Err(Denied::Refused(Refusal::Different)) => problem("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改"),
        Err(Denied::Refused(Refusal::Paid)) => problem("ACQ.TRADE_HAS_SUCCESS", "交易已被支付"),
        Err(Denied::Refused(Refusal::Closed)) => problem("ACQ.TRADE_HAS_CLOSE", "交易已经关闭"),
        Err(Denied::Refused(Refusal::Unknown | Refusal::Unpaid | Refusal::TooMuch)) => Ok(Err(INVALID_PARAMETER)),
    }
}

/// `trade_no` wins over `out_trade_no`.
fn sight(sandbox: &Sandbox, biz: &Value) -> Option<Sight> {
    match text(biz, "trade_no") {
        "" => sandbox.sight(PROVIDER, text(biz, "out_trade_no"), text(biz, "out_trade_no")),
        id => sandbox.sight_by_id(PROVIDER, id),
    }
}

/// A trade that was wholly given back is closed too; only `send_pay_date` tells it from one that was never paid.
fn told(sight: &Sight) -> Value {
    let trade = &sight.trade;
    let mut node = json!({
        "out_trade_no": trade.out_trade_no,
        "trade_no": trade.transaction_id,
        "total_amount": yuan(trade.amount_minor),
        "trade_status": match (sight.status, trade.status) {
            (Standing::Waiting, _) => "WAIT_BUYER_PAY",
            (Standing::Paid, TradeStatus::Paid) => "TRADE_SUCCESS",
            (Standing::Paid, TradeStatus::Refunded | TradeStatus::Closed) | (Standing::Closed, _) => "TRADE_CLOSED",
        },
        "buyer_logon_id": "159****7734",
        "buyer_user_id": "2088622990000017",
        "point_amount": "0.00",
        "invoice_amount": "0.00",
    });
    if sight.status == Standing::Paid {
        let amount = yuan(trade.amount_minor);
        node["send_pay_date"] = trade.at.beijing().into();
        node["receipt_amount"] = amount.clone().into();
        node["buyer_pay_amount"] = amount.clone().into();
        node["fund_bill_list"] = json!([{ "amount": amount, "fund_channel": "ALIPAYACCOUNT" }]);
    }
    node
}

fn close(sandbox: &Sandbox, biz: &Value) -> Result<Node, SandboxError> {
    let Some(before) = sight(sandbox, biz) else { return Ok(Err(NOT_EXIST)) };
    let number = before.trade.out_trade_no;
    match sandbox.close_checkout(PROVIDER, &number) {
        Ok(_) if before.status == Standing::Closed => Ok(Err(Problem("40004", "ACQ.TRADE_HAS_CLOSE", "交易已经关闭"))),
        Ok(sight) => Ok(Ok(json!({ "out_trade_no": number, "trade_no": sight.trade.transaction_id }))),
        Err(Denied::Broken(error)) => Err(error),
        Err(Denied::Refused(Refusal::Unknown)) => Ok(Err(NOT_EXIST)),
        Err(Denied::Refused(
            Refusal::Paid | Refusal::Closed | Refusal::Different | Refusal::Unpaid | Refusal::TooMuch,
        )) => Ok(Err(Problem("40004", "ACQ.TRADE_STATUS_ERROR", "交易状态不合法"))),
    }
}

fn refund(sandbox: &Sandbox, biz: &Value) -> Result<Node, SandboxError> {
    let number = match text(biz, "out_request_no") {
        "" => text(biz, "out_trade_no"),
        number => number,
    };
    let Some(amount_minor) = fen(text(biz, "refund_amount")) else { return Ok(Err(INVALID_PARAMETER)) };
    let request = RefundRequest {
        provider: PROVIDER,
        out_trade_no: text(biz, "out_trade_no").to_owned(),
        transaction_id: some(biz, "trade_no"),
        out_refund_no: number.to_owned(),
        amount_minor,
        plan: DeliveryPlan::default(),
    };
    let ask = GiveBack {
        request,
        callbacks: sandbox.callbacks(PROVIDER),
        repetition: Repetition::NumberOfTrade,
        notify_url: None,
        started_at: None,
        void: false,
        echo: BTreeMap::new(),
    };
    let problem = |sub_code, text| Ok(Err(Problem("40004", sub_code, text)));
    match sandbox.give_back(ask) {
        Ok((refund, trade, new)) => Ok(Ok(json!({
            "out_trade_no": trade.out_trade_no,
            "trade_no": trade.transaction_id,
            "buyer_logon_id": "159****7734",
            "fund_change": if new { "Y" } else { "N" },
            "refund_fee": yuan(trade.refunded_minor),
            "send_back_fee": yuan(refund.amount_minor),
            "gmt_refund_pay": refund.at.beijing(),
        }))),
        Err(Denied::Broken(error)) => Err(error),
        Err(Denied::Refused(Refusal::Unknown)) => Ok(Err(NOT_EXIST)),
        Err(Denied::Refused(Refusal::Different)) => problem("ACQ.DISCORDANT_REPEAT_REQUEST", "不一致的请求"),
        Err(Denied::Refused(Refusal::TooMuch)) => problem("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限"),
        Err(Denied::Refused(Refusal::Unpaid | Refusal::Paid | Refusal::Closed)) => {
            problem("ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
        }
    }
}

/// A refund that is not there is no error: the answer just says nothing of it.
fn refund_told(sandbox: &Sandbox, biz: &Value, lens: Lens) -> Node {
    let trade = sight(sandbox, biz).ok_or(NOT_EXIST)?.trade;
    let mut node = json!({ "out_trade_no": trade.out_trade_no, "trade_no": trade.transaction_id });
    let of_trade = |other: &Trade| other.transaction_id == trade.transaction_id;
    let found = sandbox.refunds_of(PROVIDER, text(biz, "out_request_no"));
    if let Some((refund, _)) = found.into_iter().find(|(_, other)| of_trade(other))
        && lens.refund(refund.at) == RefundView::Done
    {
        node["out_request_no"] = refund.out_refund_no.into();
        node["refund_status"] = "REFUND_SUCCESS".into();
        node["total_amount"] = yuan(trade.amount_minor).into();
        node["refund_amount"] = yuan(refund.amount_minor).into();
        node["gmt_refund_pay"] = refund.at.beijing().into();
    }
    Ok(node)
}

fn bill(sandbox: &Sandbox, call: &Call<'_>, biz: &Value, lens: Lens) -> Node {
    let day = Date::parse(text(biz, "bill_date")).ok_or(INVALID_PARAMETER)?;
    if text(biz, "bill_type") != "trade" {
        return Err(INVALID_PARAMETER);
    }
    if !lens.ready || sandbox.statement(PROVIDER, day).is_empty() {
        return Err(Problem("40004", "isp.bill_not_exist", "账单不存在"));
    }
    let token = ticket::issue(sandbox.keys(), day);
    let (origin, seller) = (call.origin(), ALIPAY_SELLER_ID);
    let url = format!("{origin}{FILE_PATH}?bizType=trade&userId={seller}0156&fileType=csv.zip&token={token}");
    Ok(json!({ "bill_download_url": url }))
}

fn file(sandbox: &Sandbox, call: &Call<'_>) -> Result<Answer, SandboxError> {
    let token = fields(call).map(|fields| fields.get("token").to_owned()).unwrap_or_default();
    let Some(day) = ticket::redeem(sandbox.keys(), &token) else { return Ok(page(403, "链接已失效")) };
    let lines = sandbox.statement(PROVIDER, day);
    let mut zip = std::io::Cursor::new(Vec::new());
    statement::alipay(day, &lines, &mut zip).map_err(SandboxError::statement)?;
    Ok(Answer::new(200, "application/zip", zip.into_inner()))
}

fn signed(sandbox: &Sandbox, method: &str, node: Node) -> Result<Answer, SandboxError> {
    let name = node_name(method);
    let node = node.map_or_else(|problem| refused(&problem), succeeded);
    wrap(sandbox, &name, &node)
}

fn error_response(sandbox: &Sandbox, problem: Problem) -> Result<Answer, SandboxError> {
    wrap(sandbox, "error_response", &refused(&problem))
}

fn wrap(sandbox: &Sandbox, name: &str, node: &str) -> Result<Answer, SandboxError> {
    let sign = sandbox.keys().alipay.sign(node.as_bytes())?;
    Ok(Answer::new(200, "text/html;charset=utf-8", format!(r#"{{"{name}":{node},"sign":"{sign}"}}"#)))
}

fn node_name(method: &str) -> String {
    format!("{}_response", method.replace('.', "_"))
}

fn succeeded(mut node: Value) -> String {
    node["code"] = "10000".into();
    node["msg"] = "Success".into();
    slashed(&node)
}

fn refused(Problem(code, sub_code, text): &Problem) -> String {
    let msg = match *code {
        "40004" => "Business Failed",
        "40005" => "Call Limited",
        _ => "Invalid Arguments",
    };
    slashed(&json!({ "code": code, "msg": msg, "sub_code": sub_code, "sub_msg": text }))
}

/// A slash stands only inside strings.
fn slashed(node: &Value) -> String {
    node.to_string().replace('/', r"\/")
}

fn page(status: u16, text: &str) -> Answer {
    Answer::new(status, "text/html;charset=utf-8", format!("<html><body>{text}</body></html>"))
}

fn text<'a>(biz: &'a Value, name: &str) -> &'a str {
    biz.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn some(biz: &Value, name: &str) -> Option<String> {
    Some(text(biz, name).to_owned()).filter(|value| !value.is_empty())
}

/// `time_expire` is absolute, `timeout_express` is `15m`, `2h` or `1d`. `None`: neither reads.
fn expiry(biz: &Value) -> Option<Option<Stamp>> {
    match (text(biz, "time_expire"), text(biz, "timeout_express")) {
        ("", "") => Some(None),
        ("", relative) => {
            let (number, unit) = relative.split_at_checked(relative.len().checked_sub(1)?)?;
            let minutes = match unit {
                "m" => 1,
                "h" => 60,
                "d" => 24 * 60,
                _ => return None,
            };
            let seconds = number.parse::<i64>().ok()?.checked_mul(minutes * 60)?;
            Some(Some(Stamp::from_seconds(Stamp::now().seconds().checked_add(seconds)?)))
        }
        (absolute, _) => Stamp::parse_beijing(absolute).map(Some),
    }
}

fn yuan(fen: i64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}

/// Yuan with at most two decimals, more than nothing.
fn fen(yuan: &str) -> Option<i64> {
    let (whole, part) = yuan.split_once('.').unwrap_or((yuan, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > 2 {
        return None;
    }
    let part = format!("{part:0<2}");
    let fen = whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(part.parse().ok()?)?;
    (1..=10_000_000_000).contains(&fen).then_some(fen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_yuan_with_two_decimals_at_most() {
        for (text, value) in
            [("0.01", Some(1)), ("19.9", Some(1990)), ("5", Some(500)), ("100000000.00", Some(10_000_000_000))]
        {
            assert_eq!(fen(text), value, "{text}");
        }
        for text in ["", "0", "0.00", "-1", "1.", ".5x", "1.001", "1e3", "100000000.01"] {
            assert!(fen(text).is_none_or(|value| text == "1." && value == 100), "{text}");
        }
    }

    #[test]
    fn a_slash_is_written_as_alipay_writes_it() {
        assert_eq!(slashed(&json!({ "qr_code": "https://x/y" })), r#"{"qr_code":"https:\/\/x\/y"}"#);
    }
}
