//! Telling people of a case: one POST to a channel, repeated until it is accepted or a day has passed.
//!
//! A receiver that must not be told twice deduplicates by the case's id, which is in every format. A channel is told
//! nothing that ListCases does not show; the payer is not in it.

use std::{sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, StatusCode, Uri, body::Bytes, header::CONTENT_TYPE};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use serde_json::{Value, json};
use smol_str::SmolStr;
use tokio::time::timeout;

use crate::{
    clock::now,
    order::{AccountName, Case, CaseId, CaseKind},
    store::CaseRow,
};

/// From the beginning of a call to the end of its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer; what chat platforms say is far shorter.
const MAX_ANSWER: usize = 64 * 1024;
/// For this long after a case opened, telling is tried again.
pub(super) const GIVE_UP: Duration = Duration::from_secs(24 * 3600);
/// Between two tries, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(3600));

/// Where people are told of cases.
#[derive(Clone)]
pub struct Channel {
    /// Its name in the configuration.
    pub name: SmolStr,
    /// The address to post to; a secret, because whoever has it can write there.
    pub url: Uri,
    /// The format that it understands.
    pub format: Format,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channel").field("name", &self.name).field("format", &self.format).finish_non_exhaustive()
    }
}

/// What a channel understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The case as JSON, for programs.
    Generic,
    /// A robot of DingTalk.
    Dingtalk,
    /// A robot of Feishu.
    Feishu,
    /// An incoming webhook of Slack.
    Slack,
}

/// Why a channel was not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotTold {
    #[error("it cannot be reached: {0}")]
    Unreached(String),
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error("it refuses: {0}")]
    Refused(String),
}

/// The way out.
#[derive(Clone)]
pub(super) struct Teller {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Teller {
    /// Trusts the system's certificate authorities.
    #[allow(clippy::expect_used, reason = "the provider is a constant of this build; a test builds one")]
    pub(super) fn new() -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        Self { client: Client::builder(TokioExecutor::new()).build(connector) }
    }

    pub(super) async fn tell(&self, channel: &Channel, row: &CaseRow) -> Result<(), NotTold> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(channel.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body(channel.format, &row.case).to_string()))
            .map_err(|e| NotTold::Unreached(e.to_string()))?;
        let call = async {
            // The library's error names the address, which is a secret.
            let unreached = |e: hyper_util::client::legacy::Error| {
                NotTold::Unreached(if e.is_connect() { "no connection" } else { "the connection broke" }.to_owned())
            };
            let answer = self.client.request(request).await.map_err(unreached)?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
            Ok((status, body.map(http_body_util::Collected::to_bytes).unwrap_or_default()))
        };
        let (status, said) =
            timeout(PATIENCE, call).await.unwrap_or_else(|_| Err(NotTold::Unreached("no answer in time".into())))?;
        if !status.is_success() {
            return Err(NotTold::Status(status));
        }
        taken(channel.format, &said)
    }
}

/// Sends a test case to a channel, so that it is known beforehand whether anybody hears of a real one.
///
/// # Errors
/// Why it was not told: no connection, no answer within 10 s, or a refusal. Never names the address.
pub async fn try_out(channel: &Channel) -> Result<(), String> {
    let account = AccountName::parse("test").map_err(|e| e.to_string())?;
    let (kind, summary) = (CaseKind::UnknownOrder, "a test of this channel; nothing has happened".to_owned());
    let case = Case::open(CaseId::of(kind, &account, "a test"), kind, &account, summary, now());
    let row = CaseRow { case, notification_id: String::new() };
    Teller::new().tell(channel, &row).await.map_err(|why| why.to_string())
}

/// Whether a channel that answers 200 has accepted the message: robots report errors in the body.
fn taken(format: Format, said: &[u8]) -> Result<(), NotTold> {
    let field = match format {
        Format::Generic | Format::Slack => return Ok(()),
        Format::Dingtalk => "errcode",
        Format::Feishu => "code",
    };
    let answer: Value = serde_json::from_slice(said).unwrap_or_default();
    match answer.get(field).and_then(Value::as_i64) {
        Some(0) => Ok(()),
        Some(code) => Err(NotTold::Refused(format!("{field} {code}"))),
        None => Err(NotTold::Refused(format!("an answer without {field}"))),
    }
}

/// How long to wait after this many failed tries: 5 s, doubled each time, at most an hour.
pub(super) fn pause(failed: u32) -> Duration {
    let (first, most) = PAUSES;
    first.saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1).min(16))).min(most)
}

/// What is sent.
fn body(format: Format, case: &Case) -> Value {
    let title = format!("paystate: {}", case.kind.as_str());
    let text = lines(case).join("\n");
    match format {
        Format::Generic => generic(case),
        Format::Dingtalk => {
            let text = format!("### {title}\n\n{}", lines(case).join("\n\n"));
            json!({"msgtype": "markdown", "markdown": {"title": title, "text": text}})
        }
        Format::Feishu => json!({"msg_type": "text", "content": {"text": format!("{title}\n{text}")}}),
        Format::Slack => json!({"text": escaped(&format!("{title}\n{text}"))}),
    }
}

/// What a person wants to know, a line for each.
fn lines(case: &Case) -> Vec<String> {
    let mut lines = vec![case.summary.clone(), format!("case {}", case.id)];
    lines.extend(case.order_id.as_ref().map(|id| format!("order {id}")));
    lines.push(format!("account {}", case.account));
    if !case.owner.is_empty() {
        lines.push(format!("owner {}", case.owner));
    }
    lines
}

fn generic(case: &Case) -> Value {
    let money = |m: &Option<crate::order::Money>| {
        m.map(|m| json!({"amount_minor": m.minor(), "currency": m.currency()})).unwrap_or_default()
    };
    json!({
        "dedupe_key": case.id,
        "case_id": case.id,
        "kind": case.kind.as_str(),
        "summary": case.summary,
        "order_id": case.order_id,
        "account": case.account,
        "out_trade_no": case.out_trade_no,
        "transaction_id": case.transaction_id,
        "expected": money(&case.expected),
        "observed": money(&case.observed),
        "owner": case.owner,
        "open_time_us": case.opened_at.0,
        "due_time_us": case.due_at.map(|t| t.0),
    })
}

/// Slack reads `<…>` and `&` as commands.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::Timestamp;

    fn case() -> Case {
        let (kind, account) = (CaseKind::DoublePayment, AccountName::parse("shop").unwrap());
        let id = CaseId::of(kind, &account, 42);
        Case {
            owner: "finance".into(),
            ..Case::open(id, kind, &account, "paid twice <@everyone>".into(), Timestamp(7))
        }
    }

    #[test]
    fn every_form_names_the_case_and_says_what_happened() {
        for format in [Format::Generic, Format::Dingtalk, Format::Feishu, Format::Slack] {
            let said = body(format, &case()).to_string();
            assert!(said.contains("double-payment:shop:42") && said.contains("paid twice"), "{said}");
        }
        assert!(body(Format::Slack, &case()).to_string().contains("&lt;@everyone&gt;"), "it would call everyone");
        assert_eq!(body(Format::Generic, &case())["dedupe_key"], "double-payment:shop:42");
    }

    #[test]
    fn a_teller_builds() {
        drop(Teller::new());
    }

    #[test]
    fn robots_say_no_in_the_body() {
        assert_eq!(taken(Format::Dingtalk, br#"{"errcode":0,"errmsg":"ok"}"#), Ok(()));
        assert!(taken(Format::Dingtalk, br#"{"errcode":310000}"#).is_err());
        assert!(taken(Format::Feishu, b"<html>").is_err());
        assert_eq!(taken(Format::Slack, b"ok"), Ok(()));
    }

    #[test]
    fn pauses_grow_to_an_hour() {
        assert_eq!(pause(1), Duration::from_secs(5));
        assert_eq!(pause(2), Duration::from_secs(10));
        assert_eq!(pause(40), Duration::from_secs(3600));
    }
}
