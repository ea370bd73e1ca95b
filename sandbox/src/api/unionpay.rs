//! UnionPay 5.1.0: forms in, `k=v&k=v` out, unescaped. The merchant names itself by `certId`; the platform sends its
//! certificate along.
//!
//! A payment is named by `orderId` and `txnTime` together, and so is a refund: another time under the same number is
//! another refund.

use std::{collections::BTreeMap, io::Write as _};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::ZlibEncoder};
use paystate_providers::Provider;

use super::{
    Answer, Call,
    fields::Fields,
    lens::{Lens, RefundView},
};
use crate::{
    DeliveryPlan, Operation, RefundRequest, Sandbox, SandboxError, Stamp,
    keyring::{UNIONPAY_MER_ID, pem},
    sandbox::teller::{Ask, Denied, GiveBack, Handle, Refusal, Repetition, Sight, Standing, unionpay_handle},
    statement::{self, Date},
};

const PROVIDER: Provider = Provider::UnionPay;
/// How far `txnTime` may be from now.
const WINDOW_SECONDS: u64 = 3600;

/// The fields of an answer, `signature` not yet among them.
type Said = BTreeMap<&'static str, String>;

/// Payments and refunds are asked for the same way; only the number tells them apart.
pub(super) fn operation(sandbox: &Sandbox, call: &Call<'_>) -> Option<Operation> {
    match call.path {
        "/gateway/api/queryTrans.do" => {
            let number = Fields::read(&[call.body])?.get("orderId").to_owned();
            let refund = !sandbox.refunds_of(PROVIDER, &number).is_empty();
            Some(if refund { Operation::QueryRefund } else { Operation::QueryPayment })
        }
        "/gateway/api/backTransReq.do" => Some(Operation::Refund),
        "/" => Some(Operation::Statement),
        // The payer's browser.
        _ => None,
    }
}

pub(super) fn answer(sandbox: &Sandbox, call: &Call<'_>, lens: Lens) -> Result<Answer, SandboxError> {
    let Some(fields) = Fields::read(&[call.body]) else { return say(sandbox, refuse("10", "报文格式错误")) };
    let front = call.path == "/gateway/api/frontTransReq.do";
    let said = if !is_merchant(sandbox, &fields) {
        refuse("11", "验签失败")
    } else if front {
        open(sandbox, &fields)?
    } else {
        match (call.path, fields.get("txnType")) {
            ("/gateway/api/queryTrans.do", "00") => query(sandbox, &fields, lens),
            ("/gateway/api/backTransReq.do", "04" | "31") => give_back(sandbox, &fields)?,
            ("/", "76") => file(sandbox, &fields, lens)?,
            _ => refuse("10", "报文交易要素错误"),
        }
    };
    if !front {
        return say(sandbox, echo(&fields, said));
    }
    let code = said.get("respCode").cloned().unwrap_or_default();
    let text = said.get("respMsg").cloned().unwrap_or_default();
    Ok(Answer::new(200, "text/html;charset=UTF-8", format!("<html><body>{code} {text}</body></html>")))
}

pub(super) fn rate_limited(sandbox: &Sandbox) -> Result<Answer, SandboxError> {
    say(sandbox, refuse("37", "已超过最大查询次数或操作过于频繁"))
}

pub(super) fn unsigned() -> Answer {
    Answer::new(200, "text/html;charset=UTF-8", "respCode=34&respMsg=查无此交易")
}

fn is_merchant(sandbox: &Sandbox, fields: &Fields) -> bool {
    let keys = sandbox.keys();
    let hashed = sha256_hex(&fields.signed_text("signature"));
    fields.get("version") == "5.1.0"
        && fields.get("signMethod") == "01"
        && fields.get("encoding").eq_ignore_ascii_case("utf-8")
        && fields.get("merId") == UNIONPAY_MER_ID
        && fields.get("certId") == keys.unionpay_merchant_cert_id
        && keys.unionpay_merchant.made(hashed.as_bytes(), fields.get("signature"))
}

fn say(sandbox: &Sandbox, mut said: Said) -> Result<Answer, SandboxError> {
    let keys = sandbox.keys();
    said.insert("version", "5.1.0".to_owned());
    said.insert("encoding", "UTF-8".to_owned());
    said.insert("signMethod", "01".to_owned());
    said.insert("signPubKeyCert", pem::with_crlf(&keys.unionpay_pem));
    let join = |said: &Said| {
        let pairs = said.iter().filter(|(_, value)| !value.is_empty());
        pairs.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    };
    let signature = keys.unionpay.sign(sha256_hex(&join(&said)).as_bytes())?;
    said.insert("signature", signature);
    Ok(Answer::new(200, "text/html;charset=UTF-8", join(&said)))
}

fn refuse(code: &str, text: &str) -> Said {
    BTreeMap::from([("respCode", code.to_owned()), ("respMsg", format!("{text}[{code}]"))])
}

fn accept() -> Said {
    BTreeMap::from([("respCode", "00".to_owned()), ("respMsg", "成功[0000000]".to_owned())])
}

const ECHOED: [&str; 10] = [
    "bizType",
    "txnType",
    "txnSubType",
    "accessType",
    "merId",
    "orderId",
    "txnTime",
    "settleDate",
    "fileType",
    "reqReserved",
];

/// The answer repeats what was asked.
fn echo(fields: &Fields, mut said: Said) -> Said {
    for name in ECHOED {
        if let Some(value) = fields.some(name) {
            said.entry(name).or_insert(value);
        }
    }
    said
}

fn open(sandbox: &Sandbox, fields: &Fields) -> Result<Said, SandboxError> {
    let (number, notify_url) = (fields.get("orderId"), fields.some("backUrl"));
    let wanted = [("txnType", "01"), ("txnSubType", "01"), ("bizType", "000201"), ("accessType", "0")];
    let complete = wanted.iter().all(|(name, value)| fields.get(name) == *value)
        && matches!(fields.get("channelType"), "07" | "08")
        && fields.get("currencyCode") == "156"
        && notify_url.is_some();
    let (Some(txn_time), Some(amount_minor)) = (time(fields), amount(fields)) else {
        return Ok(refuse("10", "报文格式错误"));
    };
    let end = fields.get("payTimeout");
    let expires_at = Stamp::parse_compact(end);
    if !complete || !numbered(number) || (expires_at.is_none() && !end.is_empty()) {
        return Ok(refuse("10", "报文格式错误"));
    }
    if txn_time.seconds().abs_diff(Stamp::now().seconds()) > WINDOW_SECONDS {
        return Ok(refuse("39", "交易不在受理时间范围内"));
    }
    let ask = Ask {
        provider: PROVIDER,
        out_trade_no: number.to_owned(),
        handle: Handle::Given(unionpay_handle(number, txn_time)),
        amount_minor,
        currency: "CNY".to_owned(),
        notify_url,
        expires_at,
        terms: amount_minor.to_string(),
        visible: true,
        echo: BTreeMap::new(),
        started_at: Some(txn_time),
    };
    match sandbox.open_checkout(ask) {
        Ok(_) => Ok(accept()),
        Err(Denied::Broken(error)) => Err(error),
        Err(Denied::Refused(Refusal::Closed)) => Ok(refuse("39", "交易已超时")),
        Err(Denied::Refused(
            Refusal::Paid | Refusal::Different | Refusal::Unknown | Refusal::Unpaid | Refusal::TooMuch,
        )) => Ok(refuse("12", "重复交易")),
    }
}

/// `respCode` is the fate of the question, `origRespCode` of what it asks about.
fn query(sandbox: &Sandbox, fields: &Fields, lens: Lens) -> Said {
    let number = fields.get("orderId");
    let Some(txn_time) = time(fields) else { return refuse("10", "报文格式错误") };
    let refund = sandbox
        .refunds_of(PROVIDER, number)
        .into_iter()
        .find(|(refund, _)| refund.started_at.unwrap_or(refund.at).compact() == txn_time.compact());
    if let Some((refund, trade)) = refund {
        let code = match lens.refund(refund.at) {
            RefundView::Unknown => return refuse("34", "查无此交易"),
            RefundView::Pending => "05",
            RefundView::Done => "00",
        };
        let mut said = transaction(&refund.refund_id, refund.amount_minor, refund.at, code);
        said.insert("txnType", if refund.void { "31" } else { "04" }.to_owned());
        said.insert("txnSubType", "00".to_owned());
        said.insert("origQryId", trade.transaction_id);
        return said;
    }
    let sight = sandbox.sight(PROVIDER, &unionpay_handle(number, txn_time), number);
    let Some(Sight { status, trade, .. }) = lens.payment(sight) else { return refuse("34", "查无此交易") };
    let code = match status {
        Standing::Waiting => "05",
        Standing::Paid => "00",
        Standing::Closed => "01",
    };
    let mut said = transaction(&trade.transaction_id, trade.amount_minor, trade.at, code);
    said.insert("txnType", "01".to_owned());
    said.insert("txnSubType", "01".to_owned());
    said
}

fn transaction(query_id: &str, amount_minor: i64, at: Stamp, code: &str) -> Said {
    let amount = amount_minor.to_string();
    let mut said = accept();
    said.extend([
        ("bizType", "000000".to_owned()),
        ("queryId", query_id.to_owned()),
        ("origRespCode", code.to_owned()),
        ("origRespMsg", if code == "00" { "成功[0000000]".to_owned() } else { format!("交易状态[{code}]") }),
        ("txnAmt", amount.clone()),
        ("currencyCode", "156".to_owned()),
        ("traceNo", format!("{:06}", at.micros().rem_euclid(1_000_000))),
        ("traceTime", at.text("%m%d%H%M%S")),
    ]);
    if code == "00" {
        said.extend([
            ("settleAmt", amount),
            ("settleCurrencyCode", "156".to_owned()),
            ("settleDate", statement::settle_date(at)),
            ("accNo", "6226********0048".to_owned()),
            ("payCardType", "01".to_owned()),
        ]);
    }
    said
}

fn give_back(sandbox: &Sandbox, fields: &Fields) -> Result<Said, SandboxError> {
    let (number, void) = (fields.get("orderId"), fields.get("txnType") == "31");
    let (Some(txn_time), Some(amount_minor)) = (time(fields), amount(fields)) else {
        return Ok(refuse("10", "报文格式错误"));
    };
    if !numbered(number) || fields.some("origQryId").is_none() || fields.get("txnSubType") != "00" {
        return Ok(refuse("10", "报文格式错误"));
    }
    if void && let Some(problem) = no_void(sandbox, fields.get("origQryId"), amount_minor) {
        return Ok(problem);
    }
    let request = RefundRequest {
        provider: PROVIDER,
        out_trade_no: String::new(),
        transaction_id: fields.some("origQryId"),
        out_refund_no: number.to_owned(),
        amount_minor,
        plan: DeliveryPlan::default(),
    };
    let ask = GiveBack {
        request,
        callbacks: sandbox.callbacks(PROVIDER),
        repetition: Repetition::NumberAndTime,
        notify_url: fields.some("backUrl"),
        started_at: Some(txn_time),
        void,
        echo: BTreeMap::new(),
    };
    match sandbox.give_back(ask) {
        // The same number and time: what there is can be asked for.
        Ok((_, _, false)) => Ok(refuse("12", "重复交易")),
        Ok((refund, _, true)) => {
            let mut said = accept();
            said.insert("queryId", refund.refund_id);
            Ok(said)
        }
        Err(Denied::Broken(error)) => Err(error),
        Err(Denied::Refused(Refusal::Different)) => Ok(refuse("12", "重复交易")),
        Err(Denied::Refused(Refusal::TooMuch)) => Ok(refuse("36", "交易金额超限")),
        Err(Denied::Refused(Refusal::Unknown | Refusal::Unpaid | Refusal::Paid | Refusal::Closed)) => {
            Ok(refuse("35", "原交易不存在或状态不正确"))
        }
    }
}

/// A void takes back all of a payment of the same settlement day.
fn no_void(sandbox: &Sandbox, query_id: &str, amount_minor: i64) -> Option<Said> {
    let trade = sandbox.sight_by_id(PROVIDER, query_id)?.trade;
    if statement::settle_date(trade.at) != statement::settle_date(sandbox.clock()) {
        return Some(refuse("35", "原交易不存在或状态不正确"));
    }
    (trade.amount_minor != amount_minor).then(|| refuse("36", "交易金额不符"))
}

/// Base64 of zlib of the zip, as the file host answers.
fn file(sandbox: &Sandbox, fields: &Fields, lens: Lens) -> Result<Said, SandboxError> {
    let Some(day) = Date::latest(fields.get("settleDate")) else { return Ok(refuse("10", "报文格式错误")) };
    let lines = sandbox.statement(PROVIDER, day);
    if !lens.ready || lines.is_empty() || fields.get("fileType") != "00" {
        return Ok(refuse("98", "文件不存在"));
    }
    let mut zip = std::io::Cursor::new(Vec::new());
    statement::unionpay(day, &lines, &mut zip).map_err(SandboxError::statement)?;
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    let packed = zlib.write_all(&zip.into_inner()).and_then(|()| zlib.finish()).map_err(SandboxError::statement)?;
    let mut said = accept();
    said.insert("fileName", format!("{UNIONPAY_MER_ID}_{day}.zip"));
    said.insert("fileContent", STANDARD.encode(packed));
    Ok(said)
}

/// 8 to 40 letters and digits.
fn numbered(number: &str) -> bool {
    (8..=40).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn time(fields: &Fields) -> Option<Stamp> {
    Some(fields.get("txnTime")).filter(|text| text.len() == 14).and_then(Stamp::parse_compact)
}

/// Fen without leading zeros, more than nothing.
fn amount(fields: &Fields) -> Option<i64> {
    let text = fields.get("txnAmt");
    text.parse::<i64>().ok().filter(|amount| *amount > 0 && amount.to_string() == text)
}

fn sha256_hex(text: &str) -> String {
    hex::encode(digest(&SHA256, text.as_bytes()))
}
