//! Reads a statement from a file and sends its lines.
//!
//! Contract: the core never takes part of a file for the whole. Checks stand at the end of a file; only when they hold
//! is the last message sent, which says how many lines there were. Without it the core's run fails as well.

use std::{fs::File, io::BufReader, path::Path};

use futures_util::stream;
use paystate_client::v1;
use paystate_providers::statement::{self, FileFormat, Line, LineKind, StatementError};
use tokio::{sync::mpsc, task::spawn_blocking};
use tonic::Status;

use super::{Client, Day, bar, failed, get, show};

/// Lines of one message; the contract says so.
const LINES: usize = 1000;
/// Messages that may wait to be sent to the core.
const QUEUE: usize = 8;

type Sender = mpsc::Sender<v1::ImportStatementRequest>;

/// Sends a file; answers with the reconciliation's id.
pub(super) async fn send(mut client: Client, day: Day, file: &Path) -> Result<String, String> {
    let named = |problem: &dyn std::fmt::Display| format!("{}: {problem}", file.display());
    let mut input = File::open(file).map(BufReader::new).map_err(|e| named(&e))?;
    let format = FileFormat::guess(&mut input).map_err(|e| named(&e))?;
    let (sender, receiver) = mpsc::channel(QUEUE);
    let (account, date) = (day.account.clone(), day.date.clone());
    let first = v1::ImportStatementRequest { account, date, ..Default::default() };
    // There is room, because nothing was sent before.
    sender.send(first).await.map_err(|e| named(&e))?;
    let mut reading = spawn_blocking(move || read(&format, input, &sender));
    let messages = stream::unfold(receiver, async |mut queue| queue.recv().await.map(|message| (message, queue)));
    let mut watcher = client.clone();
    let mut call = Box::pin(client.import_statement(messages));
    let id = format!("{}/{}", day.account, day.date);
    tokio::select! {
        // The core refused before the last line.
        answer = &mut call => return answered(answer),
        read = &mut reading => match read {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(named(&error)),
            Err(_) => return Err(named(&"reading it ended in a panic")),
        },
        never = watch(&mut watcher, &id) => never,
    }
    tokio::select! {
        answer = &mut call => answered(answer),
        () = watch(&mut watcher, &id) => Err(String::new()),
    }
}

fn answered(answer: Result<tonic::Response<v1::ImportStatementResponse>, Status>) -> Result<String, String> {
    answer.map(|answer| answer.into_inner().reconciliation_id).map_err(failed)
}

/// Shows the progress, for ever.
async fn watch(client: &mut Client, id: &str) {
    let bar = bar();
    loop {
        if let Ok(now) = get(client, id, "").await {
            show(&bar, &now);
        }
        tokio::time::sleep(super::INTERVAL).await;
    }
}

fn read(format: &FileFormat, input: BufReader<File>, sender: &Sender) -> Result<(), StatementError> {
    let mut lines = statement::read(format, input)?;
    let mut count = 0;
    loop {
        let chunk: Vec<_> = lines.by_ref().take(LINES).map(|line| line.map(message)).collect::<Result<_, _>>()?;
        let is_last = chunk.is_empty();
        count += i64::try_from(chunk.len()).unwrap_or(i64::MAX);
        let line_count = is_last.then_some(count);
        let message = v1::ImportStatementRequest { lines: chunk, line_count, ..Default::default() };
        // A receiver that is gone has refused; its caller learns why.
        if sender.blocking_send(message).is_err() || is_last {
            return Ok(());
        }
    }
}

fn message(line: Line) -> v1::StatementLine {
    let kind = match line.kind {
        LineKind::Payment => v1::StatementLineKind::Payment,
        LineKind::Refund => v1::StatementLineKind::Refund,
    };
    v1::StatementLine {
        number: i64::try_from(line.number).unwrap_or(i64::MAX),
        out_trade_no: line.out_trade_no,
        transaction_id: line.transaction_id,
        out_refund_no: line.out_refund_no,
        refund_id: line.refund_id,
        amount: Some(v1::Money { amount_minor: line.amount.minor, currency: line.amount.currency.to_string() }),
        fee_minor: line.fee_minor,
        occur_time: line.occurred_at.map(|at| prost_types::Timestamp {
            seconds: at.seconds(),
            nanos: i32::try_from(at.micros().rem_euclid(1_000_000) * 1000).unwrap_or(0),
        }),
        kind: kind.into(),
    }
}
