//! The platforms, as reconciliation asks them: over the desk, whose budget it shares.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use paystate_proto::v1;
use tonic::{Code, Status};

use super::{Lines, Part, Platform, read_parts};
use crate::{
    compensate::{Answer, Desk, NotTakenIn, Outcome},
    order::{AccountName, Order, Payment, Refund},
    store::ReconciliationId,
};

/// How long a question waits for the account's budget.
const TURN: Duration = Duration::from_secs(30);

#[async_trait]
impl Platform for Desk {
    async fn statement(&self, id: &ReconciliationId) -> Result<Lines, String> {
        let request = v1::FetchStatementRequest { account: id.account.to_string(), date: id.date.to_string() };
        let stream = self.platforms().fetch_statement(request).await.map_err(|status| refused(&status))?;
        let parts = stream.map(|message| {
            let v1::FetchStatementResponse { lines, line_count } = message.map_err(|status| refused(&status))?;
            Ok(Part { lines, line_count })
        });
        Ok(read_parts(parts))
    }

    async fn ask_payment(&self, order: &Order, payment: &Payment) -> bool {
        self.may_ask(&payment.account).await && answered(self.ask_payment(order, payment).await)
    }

    async fn ask_refund(&self, order: &Order, refund: &Refund) -> bool {
        self.may_ask(&refund.account).await && answered(self.ask_refund(order, refund).await)
    }
}

impl Desk {
    async fn may_ask(&self, account: &AccountName) -> bool {
        matches!(self.turn(account, TURN).await, Ok(true))
    }
}

fn answered(answer: Result<Answer, NotTakenIn>) -> bool {
    match answer {
        Ok(answer) => answer.outcome == Outcome::Answered,
        Err(error) => {
            tracing::warn!(%error, "an answer was not taken in");
            false
        }
    }
}

/// What a person reads of a "no".
fn refused(status: &Status) -> String {
    let message = status.message();
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded => format!("it could not be fetched: {message}; run it again"),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Internal
        | Code::DataLoss
        | Code::Unauthenticated => message.to_owned(),
    }
}
