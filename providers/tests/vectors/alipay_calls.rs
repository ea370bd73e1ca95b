//! Alipay's answers, read as the answers to our calls.

use std::sync::Arc;

use aws_lc_rs::{encoding::AsDer as _, rsa};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, StatusCode};
use paystate_providers::{
    Currency, Fact, Instant, Money, Notice, PaymentStatus, RefundAmount,
    alipay::{Alipay, AlipayApi, AlipayApiSettings},
    api::{Action, Initiate, InitiateMethod, Initiated, PaymentRef, PlatformApi, Refund, Reply, Response},
    money::parse_yuan,
};
use serde_json::Value;

use super::support::{Verdict, text};

/// The same answer, read as the answer to a call about what it names.
pub(crate) fn meaning(method: &str, body: &str, signed: &str, account: Alipay) -> Verdict {
    let node: Value = serde_json::from_str(signed).expect("JSON");
    let api = api(account);
    let headers = HeaderMap::new();
    let now = Instant::from_seconds(0);
    let answer = Response { status: StatusCode::OK, headers: &headers, body: body.as_bytes(), received_at: now };
    let number = text(&node, "out_trade_no");
    let fen = |name| Money { minor: parse_yuan(text(&node, name)).unwrap_or(1), currency: Currency::CNY };
    let payment = PaymentRef {
        out_trade_no: number,
        started_at: Some(now),
        expires_at: None,
        reference: "",
        amount: fen("total_amount"),
    };
    let refund = Refund {
        out_trade_no: number,
        transaction_id: text(&node, "trade_no"),
        out_refund_no: node["out_request_no"].as_str().unwrap_or("R1"),
        refund_id: "",
        amount: fen("refund_fee"),
        paid: fen("total_amount"),
        reason: "",
        paid_at: None,
        started_at: now,
    };
    match method {
        "alipay_trade_query" => {
            let paid = |fact: &Fact| matches!(fact, Fact::Payment(p) if p.status == PaymentStatus::Succeeded && p.amount == fen("total_amount"));
            let reply = api.payment_answer(&payment, &answer);
            Verdict::check(
                matches!(&reply, Reply::Answered(Some(n)) if n.facts.len() == 1 && paid(&n.facts[0])),
                "paid",
            )
        }
        "alipay_trade_close" => Verdict::check(api.payment_closed(&payment, &answer) == Reply::Answered(()), "closed"),
        "alipay_trade_refund" => refunded(api.refunded(&refund, &answer), fen("refund_fee")),
        "alipay_trade_fastpay_refund_query" => refunded(api.refund_answer(&refund, &answer), fen("refund_amount")),
        "alipay_trade_precreate" => {
            let ask = Initiate {
                method: InitiateMethod::AlipayPrecreate,
                out_trade_no: number,
                amount: fen("total_amount"),
                description: "x",
                started_at: now,
                expires_at: None,
                payer_id: "",
                client_ip: "",
                return_url: "",
            };
            let expected = Initiated { action: Action::QrText(text(&node, "qr_code").to_owned()), reference: None };
            Verdict::check(api.initiated(&ask, &answer) == Reply::Answered(expected), "a QR code")
        }
        _ => Verdict::Ran("no call of ours".to_owned()),
    }
}

fn refunded(reply: Reply<Option<Notice>>, amount: Money) -> Verdict {
    let done = |fact: &Fact| matches!(fact, Fact::Refund(r) if r.amount == RefundAmount::Single(amount));
    Verdict::check(matches!(&reply, Reply::Answered(Some(n)) if n.facts.iter().all(done)), "given back")
}

/// Only reads here, so that any key of our own will do.
fn api(account: Alipay) -> AlipayApi {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key");
    let pkcs8 = pair.as_der().expect("its encoding");
    let settings = AlipayApiSettings {
        base_url: None,
        notify_url: Some("https://pay.example/notify".into()),
        private_key: STANDARD.encode(pkcs8.as_ref()),
    };
    AlipayApi::new(Arc::new(account), settings).expect("usable settings")
}
