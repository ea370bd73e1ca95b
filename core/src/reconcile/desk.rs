//! The platforms, as reconciliation asks them: over the desk, whose budget it shares.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use paystate_proto::v1;
use smol_str::SmolStr;
use tonic::{Code, Status, Streaming};

use super::{Lines, Platform};
use crate::{
    compensate::{Answer, Desk, NotTakenIn, Outcome},
    order::{AccountName, Order, Payment, Refund, Timestamp},
    store::{MoneyKind, Movement, ReconciliationId},
    wire,
};

/// How long a question waits for the account's budget.
const TURN: Duration = Duration::from_secs(30);

#[async_trait]
impl Platform for Desk {
    async fn statement(&self, id: &ReconciliationId) -> Result<Lines, String> {
        let request = v1::FetchStatementRequest { account: id.account.to_string(), date: id.date.to_string() };
        let stream = self.platforms().fetch_statement(request).await.map_err(|status| refused(&status))?;
        Ok(Box::pin(stream::unfold(Some(stream), next)))
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

type Stream = Streaming<v1::FetchStatementResponse>;

/// The next lines. After an error there are none.
async fn next(stream: Option<Stream>) -> Option<(Result<Vec<Movement>, String>, Option<Stream>)> {
    let mut stream = stream?;
    match stream.next().await? {
        Ok(message) => match message.lines.into_iter().map(read_line).collect() {
            Ok(lines) => Some((Ok(lines), Some(stream))),
            Err(problem) => Some((Err(format!("the edge sent a line that is none: {problem}")), None)),
        },
        Err(status) => Some((Err(refused(&status)), None)),
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

/// A line of a statement, as the edge or a person's command sends it.
pub(crate) fn read_line(line: v1::StatementLine) -> Result<Movement, String> {
    let place = line.number;
    let at = |problem: String| format!("line {place}: {problem}");
    let kind = match line.kind() {
        v1::StatementLineKind::Payment => MoneyKind::Payment,
        v1::StatementLineKind::Refund => MoneyKind::Refund,
        v1::StatementLineKind::Unspecified => return Err(at("kind is required".to_owned())),
    };
    let amount = line.amount.as_ref().ok_or_else(|| at("amount is required".to_owned()))?;
    let amount = wire::read_money(amount).map_err(|problem| at(format!("amount: {problem}")))?;
    let time = line.occur_time.as_ref().map(wire::read_time).transpose();
    let occurred_at: Option<Timestamp> = time.map_err(|problem| at(format!("occur_time {problem}")))?;
    let numbers = [line.out_trade_no, line.transaction_id, line.out_refund_no, line.refund_id];
    // They become keys, and words on a screen.
    if numbers.iter().any(|number| number.len() > MAX_NUMBER || !number.bytes().all(|b| b.is_ascii_graphic())) {
        return Err(at(format!("a number is not at most {MAX_NUMBER} visible ASCII characters")));
    }
    let [out_trade_no, transaction_id, out_refund_no, refund_id] = numbers.map(SmolStr::from);
    let (number, fee_minor) = (place, line.fee_minor);
    Ok(Movement {
        kind,
        number,
        out_trade_no,
        transaction_id,
        out_refund_no,
        refund_id,
        amount,
        fee_minor,
        occurred_at,
    })
}

/// As in the contract's other numbers.
const MAX_NUMBER: usize = 128;
