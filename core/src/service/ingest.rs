//! IngestService: what the edge hands over.

use std::ops::RangeInclusive;

use paystate_proto::v1::{self, ingest_service_server::IngestService};
use tonic::{Code, Request, Response, Status};
use uuid::Uuid;

use super::{Core, convert, error};
use crate::{
    clock::now,
    commit::MessageOutcome,
    intake::{clip, sealed_form},
    order::{AccountName, OutTradeNo, Source},
    sha256::Sha256,
    store::RejectionRow,
};

/// Items in one call at most.
const MAX_ITEMS: usize = 256;
/// Accounts that one call names at most; an edge names each of its own once.
const MAX_SHED: usize = 4_096;

fn check_count(what: &str, count: usize, allowed: RangeInclusive<usize>) -> Result<(), Status> {
    if allowed.contains(&count) {
        return Ok(());
    }
    let problem = format!("{count} {what}; a call takes {} to {}", allowed.start(), allowed.end());
    Err(error::status(Code::InvalidArgument, "INVALID_ARGUMENT", &problem))
}

impl Core {
    /// Has the message queued when it returns, unless it is known already; the future resolves with what became of it.
    fn record(&self, message: v1::VerifiedMessage) -> impl Future<Output = v1::RecordResult> + use<> {
        let queued = self.intake.key(&message).and_then(|key| {
            if self.door.knows(&key) {
                return Ok(None);
            }
            let message = self.intake.message(Source::Callback, key, message)?;
            Ok(Some(self.door.observe(message)))
        });
        async move {
            recorded(match queued {
                Ok(Some(waiting)) => waiting.await.map_err(|e| e.to_string()),
                Ok(None) => Ok(MessageOutcome::Duplicate),
                Err(why) => Err(why),
            })
        }
    }

    /// Brings questions forward: what was refused or turned away may have been about real money. It is only a hint, so
    /// a failure is no reason to have everything sent again.
    async fn hint(&self, refused: &[RejectionRow], shed: Vec<String>) {
        let numbers = refused.iter().filter_map(|r| OutTradeNo::parse(r.claimed_out_trade_no.as_str()).ok());
        let accounts = shed.into_iter().filter_map(|name| AccountName::parse(name).ok());
        let (numbers, accounts): (Vec<_>, Vec<_>) = (numbers.collect(), accounts.collect());
        let hinted = self.compensation.suspect(&numbers).await.and(self.compensation.shed(&accounts).await);
        if let Err(error) = hinted {
            tracing::warn!(%error, "payments are asked about no sooner");
        }
    }

    fn rejection(&self, r: v1::RejectedCallback) -> Result<RejectionRow, String> {
        let account = AccountName::parse(r.account).map_err(|e| e.to_string())?;
        let received_at = r.receive_time.as_ref().and_then(|t| convert::read_time(t).ok()).unwrap_or_else(now);
        let id = Uuid::now_v7().to_string();
        let body_sha256 = Sha256::of(&r.body).to_string();
        let sealed = self.intake.seal(&format!("rejection/{id}"), &sealed_form(r.headers, r.body))?;
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

fn recorded(outcome: Result<MessageOutcome, String>) -> v1::RecordResult {
    let (label, outcome, notification_id, detail) = match outcome {
        Ok(MessageOutcome::Stored(id)) => ("stored", v1::RecordOutcome::Stored, id, String::new()),
        Ok(MessageOutcome::Duplicate) => ("duplicate", v1::RecordOutcome::Duplicate, String::new(), String::new()),
        Err(detail) => ("unavailable", v1::RecordOutcome::Unavailable, String::new(), detail),
    };
    metrics::counter!("paystate_messages_total", "outcome" => label).increment(1);
    v1::RecordResult { outcome: outcome.into(), notification_id, detail }
}

#[tonic::async_trait]
impl IngestService for Core {
    async fn record_observations(
        &self,
        request: Request<v1::RecordObservationsRequest>,
    ) -> Result<Response<v1::RecordObservationsResponse>, Status> {
        let messages = request.into_inner().messages;
        check_count("messages", messages.len(), 1..=MAX_ITEMS)?;
        // All are queued before the first is awaited, so that they share a transaction.
        let queued: Vec<_> = messages.into_iter().map(|m| self.record(m)).collect();
        let mut results = Vec::with_capacity(queued.len());
        for message in queued {
            results.push(message.await);
        }
        // One line a call: a database that refuses everything must not fill the log as well.
        let mut refused = results.iter().filter(|r| r.outcome() == v1::RecordOutcome::Unavailable);
        if let Some(first) = refused.next() {
            let (refused, of, why) = (refused.count() + 1, results.len(), &first.detail);
            tracing::warn!(refused, of, why, "messages not stored; the platform will send them again");
        }
        Ok(Response::new(v1::RecordObservationsResponse { results }))
    }

    async fn record_rejections(
        &self,
        request: Request<v1::RecordRejectionsRequest>,
    ) -> Result<Response<v1::RecordRejectionsResponse>, Status> {
        let request = request.into_inner();
        // An edge that turned callbacks away unread may have accounts to name and no rejection.
        check_count("rejections", request.rejections.len(), 0..=MAX_ITEMS)?;
        check_count("shed accounts", request.shed_accounts.len(), 0..=MAX_SHED)?;
        let rows = request.rejections.into_iter().map(|r| self.rejection(r)).collect::<Result<Vec<_>, _>>();
        let rows = rows.map_err(|why| error::status(Code::InvalidArgument, "INVALID_ARGUMENT", &why))?;
        if request.suppressed_count > 0 {
            tracing::warn!(
                suppressed = request.suppressed_count,
                "refused callbacks that the edge did not send one by one"
            );
        }
        self.store.record_rejections(&rows).await.map_err(error::store)?;
        self.hint(&rows, request.shed_accounts).await;
        Ok(Response::new(v1::RecordRejectionsResponse {}))
    }
}
