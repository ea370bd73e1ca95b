//! Verified messages of the edge, as the door takes them: facts parsed, body and payer sealed.
//!
//! Contract: the core does not take the edge's word for which platform an account is on. A message is taken in only
//! where its source belongs: what the edge hands over is a callback, what the gateway answers is an answer.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use paystate_proto::v1;
use prost::Message as _;
use uuid::Uuid;

use crate::{
    clock::now,
    commit::{Fact, Message},
    order::{
        self, AccountName, Observation, OutRefundNo, OutTradeNo, PaymentFact, PaymentStatus, RefundFact, RefundId,
        RefundStatus, Source, Timestamp, TransactionId,
    },
    platform::PlatformRules,
    seal::{self, Sealed, Sealer},
    sha256::Sha256,
    store::{NoticeKey, NotificationRow},
    wire,
};

/// Characters kept of each text that is stored for people; control characters are dropped.
const MAX_TEXT: usize = 300;

/// What the core knows of an account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its platform.
    pub platform: PlatformRules,
    /// How it is called; `None` where the edge has no keys for calls on it.
    pub calls: Option<Calls>,
}

/// How the platform of an account is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calls {
    /// From the start of a payment to when the platform refuses it.
    pub pay_timeout: Duration,
    /// Questions each second at most, on average, of all cores together.
    pub rate_per_second: u32,
    /// Questions at once after a rest, of all cores together.
    pub burst: u32,
    /// The fee that was agreed, in hundredths of a percent of what is paid; unknown where none is written.
    pub fee_basis_points: Option<u32>,
}

/// Every account that is configured.
pub type Accounts = BTreeMap<AccountName, Account>;

/// What messages are taken in with.
#[derive(Clone)]
pub(crate) struct Intake {
    sealer: Arc<Sealer>,
    accounts: Arc<Accounts>,
}

/// What is sealed of a message: headers and body, as one protobuf message.
pub(crate) fn sealed_form(headers: Vec<v1::Header>, body: Vec<u8>) -> Vec<u8> {
    v1::VerifiedMessage { headers, body, ..Default::default() }.encode_to_vec()
}

/// A text as it is stored: bounded, without control characters.
pub(crate) fn clip(text: String) -> String {
    if text.len() <= MAX_TEXT && !text.bytes().any(|b| b.is_ascii_control()) && text.is_ascii() {
        return text;
    }
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

impl Intake {
    pub(crate) fn new(sealer: Sealer, accounts: Accounts) -> Self {
        Self { sealer: Arc::new(sealer), accounts: Arc::new(accounts) }
    }

    pub(crate) fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// How an account is called, if it can be.
    pub(crate) fn calls(&self, account: &AccountName) -> Option<&Calls> {
        self.accounts.get(account).and_then(|a| a.calls.as_ref())
    }

    pub(crate) fn seal(&self, place: &str, plain: &[u8]) -> Result<Sealed, String> {
        self.sealer.seal(place, plain).map_err(|e| e.to_string())
    }

    /// The account must be one of ours, on this platform.
    fn account(&self, provider: &str, account: &str) -> Result<AccountName, String> {
        let name = AccountName::parse(account).map_err(|e| e.to_string())?;
        match self.accounts.get(&name).map(|a| a.platform.name) {
            Some(known) if known == provider => Ok(name),
            Some(known) => Err(format!("account {account} is on {known} here, the edge says {provider}")),
            None => Err(format!("account {account} is not configured in the core")),
        }
    }

    /// What makes it this message and no other.
    pub(crate) fn key(&self, message: &v1::VerifiedMessage) -> Result<NoticeKey, String> {
        let account = self.account(&message.provider, &message.account)?;
        let content_sha256 = Sha256::parse(&message.content_sha256).map_err(|why| format!("content_sha256 {why}"))?;
        Ok(NoticeKey { provider: message.provider.as_str().into(), account, content_sha256 })
    }

    /// The message as the door takes it, if it is from `source`. For a duplicate, this would cost more than everything
    /// else that is done with it.
    pub(crate) fn message(
        &self,
        source: Source,
        key: NoticeKey,
        message: v1::VerifiedMessage,
    ) -> Result<Message, String> {
        let id = Uuid::now_v7().to_string();
        let places = (0..).map(|i| format!("payer/{id}/{i}"));
        let facts = message.observations.iter().zip(places).map(|(o, place)| self.fact(&key, o, &place));
        let facts = facts.collect::<Result<Vec<_>, _>>()?;
        if read_source(message.source)? != source {
            return Err(format!("its source is not {}, which is all that is taken here", source.as_str()));
        }
        let received = message.receive_time.as_ref().map(wire::read_time);
        let received_at = received.ok_or("receive_time is missing")?.map_err(|e| format!("receive_time {e}"))?;
        let body_sha256 = Sha256::of(&message.body).to_string();
        let body_size = i64::try_from(message.body.len()).unwrap_or(i64::MAX);
        let sealed = self.seal(&format!("notification/{id}"), &sealed_form(message.headers, message.body))?;
        let row = NotificationRow {
            id,
            key,
            body_sha256,
            source,
            event_type: clip(message.event_type),
            platform_notice_id: clip(message.platform_notice_id),
            key_id: clip(message.key_id),
            received_at,
            body_size,
            sealed,
        };
        Ok(Message { row, facts, at: now() })
    }

    fn fact(&self, notice: &NoticeKey, observation: &v1::Observation, place: &str) -> Result<Fact, String> {
        let payer = match &observation.fact {
            Some(v1::observation::Fact::Payment(p)) if !p.payer_id.is_empty() => Some(p.payer_id.as_str()),
            Some(v1::observation::Fact::Payment(_) | v1::observation::Fact::Refund(_)) | None => None,
        };
        let fact = match &observation.fact {
            Some(v1::observation::Fact::Payment(p)) => payment_fact(p).map(order::Fact::Payment),
            Some(v1::observation::Fact::Refund(r)) => refund_fact(r).map(order::Fact::Refund),
            None => Err("fact: is required".to_owned()),
        };
        let observation = Observation { account: notice.account.clone(), fact: fact? };
        let sealed_payer = payer.map(|p| self.seal(place, p.as_bytes())).transpose()?;
        Ok(Fact::new(&notice.provider, observation, payer.map(seal::mask), sealed_payer))
    }
}

fn read_source(number: i32) -> Result<Source, &'static str> {
    match v1::ObservationSource::try_from(number) {
        Ok(v1::ObservationSource::Callback) => Ok(Source::Callback),
        Ok(v1::ObservationSource::Query) => Ok(Source::Query),
        Ok(v1::ObservationSource::Statement) => Ok(Source::Statement),
        Ok(v1::ObservationSource::Operator) => Ok(Source::Operator),
        Ok(v1::ObservationSource::Unspecified) | Err(_) => Err("source: is not a source"),
    }
}

/// A field, or what is wrong with it.
fn read<T, E: ToString>(field: &str, value: Result<T, E>) -> Result<T, String> {
    value.map_err(|problem| format!("{field}: {}", problem.to_string()))
}

/// A number that may be empty.
fn optional<T, E: ToString>(
    field: &str,
    text: &str,
    parse: impl Fn(String) -> Result<T, E>,
) -> Result<Option<T>, String> {
    if text.is_empty() { Ok(None) } else { read(field, parse(text.to_owned())).map(Some) }
}

fn amount(money: Option<&v1::Money>) -> Result<order::Money, String> {
    read("amount", money.ok_or_else(|| "is required".to_owned()).and_then(wire::read_money))
}

fn occurred(time: Option<&prost_types::Timestamp>) -> Result<Option<Timestamp>, String> {
    time.map(|t| read("occur_time", wire::read_time(t))).transpose()
}

fn payment_fact(p: &v1::PaymentFact) -> Result<PaymentFact, String> {
    let status = match p.state() {
        v1::PaymentState::Pending => PaymentStatus::Pending,
        v1::PaymentState::Failed => PaymentStatus::Failed,
        v1::PaymentState::Closed => PaymentStatus::Closed,
        v1::PaymentState::Succeeded => PaymentStatus::Succeeded,
        v1::PaymentState::Unspecified => return Err("state: is required".to_owned()),
    };
    if p.out_trade_no.is_empty() && p.transaction_id.is_empty() {
        return Err("out_trade_no: is required without transaction_id".to_owned());
    }
    if status == PaymentStatus::Succeeded && p.transaction_id.is_empty() {
        return Err("transaction_id: is required for a success".to_owned());
    }
    Ok(PaymentFact {
        out_trade_no: optional("out_trade_no", &p.out_trade_no, OutTradeNo::parse)?,
        transaction_id: optional("transaction_id", &p.transaction_id, TransactionId::parse)?,
        status,
        amount: amount(p.amount.as_ref())?,
        occurred_at: occurred(p.occur_time.as_ref())?,
    })
}

fn refund_fact(r: &v1::RefundFact) -> Result<RefundFact, String> {
    let status = match r.state() {
        v1::RefundState::Pending => RefundStatus::Pending,
        v1::RefundState::Abnormal => RefundStatus::Abnormal,
        v1::RefundState::Succeeded => RefundStatus::Succeeded,
        v1::RefundState::Failed => RefundStatus::Failed,
        v1::RefundState::Unspecified => return Err("state: is required".to_owned()),
    };
    if r.out_trade_no.is_empty() && r.transaction_id.is_empty() {
        return Err("transaction_id: is required without out_trade_no".to_owned());
    }
    if !r.cumulative && r.out_refund_no.is_empty() && r.refund_id.is_empty() {
        return Err("refund_id: is required without out_refund_no".to_owned());
    }
    Ok(RefundFact {
        out_trade_no: optional("out_trade_no", &r.out_trade_no, OutTradeNo::parse)?,
        transaction_id: optional("transaction_id", &r.transaction_id, TransactionId::parse)?,
        out_refund_no: optional("out_refund_no", &r.out_refund_no, OutRefundNo::parse)?,
        refund_id: optional("refund_id", &r.refund_id, RefundId::parse)?,
        status,
        amount: amount(r.amount.as_ref())?,
        cumulative: r.cumulative,
        occurred_at: occurred(r.occur_time.as_ref())?,
    })
}
