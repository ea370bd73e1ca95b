//! A platform's API without cryptography: the first word of an answer says what reading it finds.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use paystate_edge::{Api, gateway::trust};
use paystate_providers::{
    Currency, Fact, Instant, Money, Notice, PaymentFact, PaymentStatus,
    api::{
        Action, Begin, Initiate, InitiateMethod, Initiated, PaymentRef, PlatformApi, Refund, Reply, Request, Response,
        Said, StatementNext, Unable,
    },
    statement::{Day, FileFormat, Line, LineKind},
};

/// The key that must never be seen but by the platform.
pub(crate) const KEY: &str = "Bearer sesame";

#[derive(Debug)]
pub(crate) struct Fake {
    base: String,
}

impl Fake {
    pub(crate) fn api(base: String, ca: &str) -> Api {
        Api { platform: std::sync::Arc::new(Self { base }), tls: trust(Some(ca.as_bytes())).unwrap() }
    }

    fn request(&self, method: Method, path: &str, body: &str) -> Request {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(KEY));
        Request { method, url: format!("{}{path}", self.base), headers, body: body.as_bytes().to_vec() }
    }
}

fn said(code: &str) -> Said {
    Said { code: code.to_owned(), detail: format!("{code}, says the platform") }
}

fn read<T>(answer: &Response<'_>, good: impl FnOnce(&str) -> Option<T>) -> Reply<T> {
    if answer.status != StatusCode::OK {
        return Reply::Unknown(said(&format!("HTTP_{}", answer.status.as_u16())));
    }
    let text = std::str::from_utf8(answer.body).unwrap();
    match text.split(' ').next() {
        Some("none") => Reply::NotFound(said("NO_SUCH_TRADE")),
        Some("refused") => Reply::Refused(said("PAID_ALREADY")),
        Some("busy") => Reply::RateLimited(said("BUSY"), Some(Duration::from_secs(2))),
        Some("panic") => panic!("on demand"),
        _ => good(text).map_or_else(|| Reply::Unknown(said("SIGNATURE_INVALID")), Reply::Answered),
    }
}

fn notice(ask: &PaymentRef<'_>, text: &str) -> Option<Option<Notice>> {
    let status = match text {
        "paid" => PaymentStatus::Succeeded,
        "waiting" => PaymentStatus::Pending,
        "nothing" => return Some(None),
        _ => return None,
    };
    let fact = PaymentFact {
        out_trade_no: Some(ask.out_trade_no.to_owned()),
        transaction_id: Some("t1".into()),
        status,
        amount: ask.amount,
        occurred_at: None,
        payer: None,
    };
    Some(Some(Notice {
        platform_notice_id: None,
        event_type: "QUERY".into(),
        content_sha256: "0".repeat(64),
        key_id: "k1".into(),
        facts: vec![Fact::Payment(fact)],
    }))
}

impl PlatformApi for Fake {
    fn initiate(&self, ask: &Initiate<'_>, _: Instant) -> Result<Begin, Unable> {
        if ask.method == InitiateMethod::UnionPayGateway {
            return Ok(Begin::Ready(Action::HtmlForm("<form>".into())));
        }
        if ask.method == InitiateMethod::WechatPayApp {
            return Err(Unable::BadInput { field: "method", problem: "is another platform's".into() });
        }
        Ok(Begin::Call(self.request(Method::POST, "/initiate", ask.out_trade_no)))
    }

    fn initiated(&self, _: &Initiate<'_>, answer: &Response<'_>) -> Reply<Initiated> {
        read(answer, |text| {
            let action = Action::SignedParameters(vec![("sign".into(), text.to_owned())]);
            Some(Initiated { action, reference: Some("pi_1".into()) })
        })
    }

    fn query_payment(&self, ask: &PaymentRef<'_>, _: Instant) -> Result<Request, Unable> {
        Ok(self.request(Method::GET, &format!("/trade?no={}", ask.out_trade_no), ""))
    }

    fn payment_answer(&self, ask: &PaymentRef<'_>, answer: &Response<'_>) -> Reply<Option<Notice>> {
        read(answer, |text| notice(ask, text))
    }

    fn close_payment(&self, _: &PaymentRef<'_>, _: Instant) -> Result<Request, Unable> {
        Err(Unable::NoSuchOperation("payments end by time alone here"))
    }

    fn payment_closed(&self, _: &PaymentRef<'_>, _: &Response<'_>) -> Reply<()> {
        unreachable!("nothing was sent")
    }

    fn refund(&self, ask: &Refund<'_>, _: Instant) -> Result<Request, Unable> {
        Ok(self.request(Method::POST, "/refund?v=1", ask.out_refund_no))
    }

    fn refunded(&self, _: &Refund<'_>, answer: &Response<'_>) -> Reply<Option<Notice>> {
        read(answer, |text| (text == "accepted").then_some(None))
    }

    fn query_refund(&self, ask: &Refund<'_>, _: Instant) -> Result<Request, Unable> {
        Ok(self.request(Method::GET, &format!("/refund?no={}", ask.out_refund_no), ""))
    }

    fn refund_answer(&self, _: &Refund<'_>, answer: &Response<'_>) -> Reply<Option<Notice>> {
        read(answer, |text| (text == "accepted").then_some(None))
    }

    fn statement(&self, day: Day, _: Instant) -> Result<Request, Unable> {
        Ok(self.request(Method::GET, &format!("/statement?day={}-{}-{}", day.year, day.month, day.day), ""))
    }

    fn statement_next(&self, _: Day, answer: &Response<'_>, _: Instant) -> Reply<StatementNext> {
        read(answer, |text| match text {
            "empty" => Some(StatementNext::Empty),
            "later" => Some(StatementNext::NotReady(said("NOT_YET"))),
            "file" => Some(StatementNext::File(self.request(Method::GET, "/file", ""), FileFormat::StripeJson)),
            "page" => {
                let next = self.request(Method::GET, "/statement?page=2", "");
                Some(StatementNext::Page(vec![line(1), line(2)], Some(next)))
            }
            "last" => Some(StatementNext::Page(vec![line(1)], None)),
            _ => Some(StatementNext::Content(text.as_bytes().to_vec(), FileFormat::StripeJson)),
        })
    }
}

fn line(number: u64) -> Line {
    Line {
        number,
        kind: LineKind::Payment,
        out_trade_no: "o".into(),
        transaction_id: "t".into(),
        out_refund_no: String::new(),
        refund_id: String::new(),
        amount: Money { minor: 5, currency: Currency::CNY },
        fee_minor: 1,
        occurred_at: None,
    }
}
