//! IngestService: what the edge hands over.

use futures_util::future::join_all;
use paystate_proto::v1::{self, ingest_service_server::IngestService};
use prost::Message as _;
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use super::{Core, convert, error, now};
use crate::{
    commit::{Fact, Message, MessageOutcome},
    order::{AccountName, Source},
    seal::{self, Sealed},
    sha256::Sha256,
    store::{NoticeKey, NotificationRow, RejectionRow},
};

/// Items in one call at most.
const MAX_ITEMS: usize = 256;
/// Characters kept of each text that a refused callback carries.
const MAX_TEXT: usize = 300;

/// What is sealed of a message: headers and body, as one protobuf message.
fn sealed_form(headers: Vec<v1::Header>, body: Vec<u8>) -> Vec<u8> {
    v1::VerifiedMessage { headers, body, ..Default::default() }.encode_to_vec()
}

fn size(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

fn clip(text: String) -> String {
    if text.len() <= MAX_TEXT && !text.bytes().any(|b| b.is_ascii_control()) && text.is_ascii() {
        return text;
    }
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

fn check_count(count: usize) -> Result<(), Status> {
    if (1..=MAX_ITEMS).contains(&count) {
        return Ok(());
    }
    Err(error::status(
        Code::InvalidArgument,
        "INVALID_ARGUMENT",
        &format!("{count} items; a call takes 1 to {MAX_ITEMS}"),
    ))
}

impl Core {
    fn seal(&self, place: &str, plain: &[u8]) -> Result<Sealed, String> {
        self.sealer.seal(place, plain).map_err(|e| e.to_string())
    }

    /// The account must be one of ours, on this platform: the core does not take the edge's word for it.
    fn account(&self, provider: &str, account: &str) -> Result<AccountName, String> {
        let name = AccountName::parse(account).map_err(|e| e.to_string())?;
        match self.accounts.get(&name) {
            Some(known) if known == provider => Ok(name),
            Some(known) => Err(format!("account {account} is on {known} here, the edge says {provider}")),
            None => Err(format!("account {account} is not configured in the core")),
        }
    }

    fn message(&self, message: v1::VerifiedMessage) -> Result<Message, String> {
        let account = self.account(&message.provider, &message.account)?;
        let id = Uuid::now_v7().to_string();
        let places = (0..).map(|i| format!("payer/{id}/{i}"));
        let facts =
            message.observations.iter().zip(places).map(|(o, place)| self.fact(&message.provider, &account, o, &place));
        let facts = facts.collect::<Result<Vec<_>, _>>()?;
        if convert::read_source(message.source)? != Source::Callback {
            return Err("this version records callbacks only".into());
        }
        let content_sha256 = Sha256::parse(&message.content_sha256).map_err(|why| format!("content_sha256 {why}"))?;
        let received = message.receive_time.as_ref().map(convert::read_time);
        let received_at = received.ok_or("receive_time is missing")?.map_err(|e| format!("receive_time {e}"))?;
        let body_sha256 = Sha256::of(&message.body).to_string();
        let body_size = size(&message.body);
        let sealed = self.seal(&format!("notification/{id}"), &sealed_form(message.headers, message.body))?;
        let row = NotificationRow {
            id,
            key: NoticeKey { provider: message.provider.into(), account, content_sha256 },
            body_sha256,
            source: Source::Callback,
            event_type: clip(message.event_type),
            platform_notice_id: clip(message.platform_notice_id),
            key_id: clip(message.key_id),
            received_at,
            body_size,
            sealed,
        };
        Ok(Message { row, facts, at: now() })
    }

    fn fact(
        &self,
        provider: &str,
        account: &AccountName,
        observation: &v1::Observation,
        place: &str,
    ) -> Result<Fact, String> {
        let payer = match &observation.fact {
            Some(v1::observation::Fact::Payment(p)) if !p.payer_id.is_empty() => Some(p.payer_id.as_str()),
            Some(v1::observation::Fact::Payment(_) | v1::observation::Fact::Refund(_)) | None => None,
        };
        let observation = convert::read_observation(account, observation).map_err(|s| s.message().to_owned())?;
        let sealed_payer = payer.map(|p| self.seal(place, p.as_bytes())).transpose()?;
        Ok(Fact::new(provider, observation, payer.map(seal::mask), sealed_payer))
    }

    async fn record(&self, message: v1::VerifiedMessage) -> v1::RecordResult {
        let outcome = match self.message(message) {
            Ok(message) => self.door.observe(message).await.map_err(|e| e.to_string()),
            Err(why) => Err(why),
        };
        let (label, result) = match outcome {
            Ok(MessageOutcome::Stored(notification_id)) => (
                "stored",
                v1::RecordResult { outcome: v1::RecordOutcome::Stored.into(), notification_id, detail: String::new() },
            ),
            Ok(MessageOutcome::Duplicate) => {
                ("duplicate", v1::RecordResult { outcome: v1::RecordOutcome::Duplicate.into(), ..Default::default() })
            }
            Err(detail) => {
                tracing::warn!(detail, "message not stored; the platform will send it again");
                (
                    "unavailable",
                    v1::RecordResult { outcome: v1::RecordOutcome::Unavailable.into(), detail, ..Default::default() },
                )
            }
        };
        metrics::counter!("paystate_messages_total", "outcome" => label).increment(1);
        result
    }

    fn rejection(&self, r: v1::RejectedCallback) -> Result<RejectionRow, String> {
        let account = AccountName::parse(r.account).map_err(|e| e.to_string())?;
        let received_at = r.receive_time.as_ref().and_then(|t| convert::read_time(t).ok()).unwrap_or_else(now);
        let id = Uuid::now_v7().to_string();
        let body_sha256 = Sha256::of(&r.body).to_string();
        let sealed = self.seal(&format!("rejection/{id}"), &sealed_form(r.headers, r.body))?;
        Ok(RejectionRow {
            id,
            provider: clip(r.provider),
            account,
            reason: if r.reason.is_empty() { "UNKNOWN".to_owned() } else { clip(r.reason) },
            detail: clip(r.detail),
            claimed_out_trade_no: clip(r.claimed_out_trade_no),
            received_at,
            body_size: r.body_size,
            body_sha256,
            remote_address: clip(r.remote_address),
            sealed,
        })
    }
}

#[tonic::async_trait]
impl IngestService for Core {
    async fn record_observations(
        &self,
        request: Request<v1::RecordObservationsRequest>,
    ) -> Result<Response<v1::RecordObservationsResponse>, Status> {
        let messages = request.into_inner().messages;
        check_count(messages.len())?;
        let results = join_all(messages.into_iter().map(|m| self.record(m))).await;
        Ok(Response::new(v1::RecordObservationsResponse { results }))
    }

    async fn record_rejections(
        &self,
        request: Request<v1::RecordRejectionsRequest>,
    ) -> Result<Response<v1::RecordRejectionsResponse>, Status> {
        let request = request.into_inner();
        check_count(request.rejections.len())?;
        let rows = request.rejections.into_iter().map(|r| self.rejection(r)).collect::<Result<Vec<_>, _>>();
        let rows = rows.map_err(|why| error::status(Code::InvalidArgument, "INVALID_ARGUMENT", &why))?;
        if request.suppressed_count > 0 {
            tracing::warn!(
                suppressed = request.suppressed_count,
                "refused callbacks that the edge did not send one by one"
            );
        }
        self.store.record_rejections(&rows).await.map_err(error::store)?;
        Ok(Response::new(v1::RecordRejectionsResponse {}))
    }
}
