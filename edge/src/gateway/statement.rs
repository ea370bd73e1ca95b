//! A day's statement of one account, as a stream of its lines.
//!
//! Contract: memory does not grow with the statement; files are kept in a temporary file without a name, which
//! disappears with the process. The stream ends cleanly only after the last line, and only if the statement as a whole
//! is sound: until then the reader must not rely on any of it. A reader that leaves ends everything.

use std::{
    collections::HashMap,
    io::{BufReader, Cursor, Read, Seek},
    sync::Arc,
    time::Duration,
};

use paystate_proto::v1::{FetchStatementResponse, PlatformAnswer, PlatformOutcome};
use paystate_providers::{
    api::{Request, Response, StatementNext},
    statement::{self, Day, FileFormat, StatementError},
};
use tokio::{
    sync::mpsc::{self, error::SendError},
    time::{sleep, timeout},
};
use tonic::{Code, Status};

use super::{
    ask::{self as convert, NotSent, Why},
    download::download,
    http::Failure,
    line::{Called, Line},
};
use crate::verify::now;

/// Lines in one message.
const LINES: usize = 1000;
/// How often one page is asked for while the platform says that this is too often.
const TRIES: u32 = 5;
/// Before the next try, if the platform does not say how long to wait.
const PAUSE: Duration = Duration::from_secs(5);
/// The longest wait before the next try, whatever the platform says: the reader is waiting.
const LONGEST_PAUSE: Duration = Duration::from_secs(2 * 60);
/// Messages that wait for the reader.
const WAITING: usize = 4;

/// The reader's end of a stream.
pub(crate) type Lines = mpsc::Receiver<Result<FetchStatementResponse, Status>>;
type Reader = mpsc::Sender<Result<FetchStatementResponse, Status>>;

/// Why a statement ends before its end.
enum Stop {
    /// The reader has left.
    Gone,
    /// It cannot be had; the reader is told why.
    Told(Status),
}

impl<T> From<SendError<T>> for Stop {
    fn from(_: SendError<T>) -> Self {
        Self::Gone
    }
}

impl From<StatementError> for Stop {
    fn from(why: StatementError) -> Self {
        let damaged = |why: &StatementError| error(Code::DataLoss, "STATEMENT_DAMAGED", &why.to_string());
        Self::Told(match why {
            StatementError::Damaged { .. } | StatementError::Other { .. } => damaged(&why),
            StatementError::Io { .. } => unavailable("DISK_FAILED", &why.to_string()),
        })
    }
}

/// Begins to fetch.
pub(crate) fn fetch(line: Arc<Line>, day: Day) -> Lines {
    let (reader, lines) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let fetched = tokio::select! {
            fetched = timeout(line.limits.statement, run(&line, day, &reader)) => fetched,
            () = reader.closed() => return,
        };
        let why = match fetched {
            Ok(Ok(())) => return tracing::info!(account = %line.account, ?day, "statement fetched"),
            Ok(Err(Stop::Gone)) => return,
            Ok(Err(Stop::Told(status))) => status,
            Err(_) => unavailable("TIMEOUT", "the statement took too long"),
        };
        tracing::warn!(account = %line.account, ?day, code = ?why.code(), why = ?why.message(), "no statement");
        // A reader that has left needs no reason.
        let _ = reader.send(Err(why)).await;
    });
    lines
}

/// Sends the lines, and in the end how many they were: a stream that this task left by a defect of ours ends like a whole one.
async fn run(line: &Line, day: Day, reader: &Reader) -> Result<(), Stop> {
    let sent = send(line, day, reader).await?;
    let line_count = Some(i64::try_from(sent).unwrap_or(i64::MAX));
    Ok(reader.send(Ok(FetchStatementResponse { lines: Vec::new(), line_count })).await?)
}

/// How many lines it sent.
async fn send(line: &Line, day: Day, reader: &Reader) -> Result<u64, Stop> {
    let mut next_page = None;
    let mut number = 0;
    loop {
        match ask(line, day, next_page.as_ref()).await? {
            StatementNext::Empty => return Ok(0),
            StatementNext::NotReady(said) => {
                let message = format!("the platform has not made it yet: {}", said.detail);
                return Err(Stop::Told(error(Code::FailedPrecondition, "STATEMENT_NOT_READY", &message)));
            }
            StatementNext::File(from, format) => {
                let file = timeout(line.limits.file, download(&line.http, from, &line.limits)).await;
                let file = file.unwrap_or(Err(Failure::Timeout)).map_err(|why| Stop::Told(undone(&why)))?;
                return parsed(file, format, reader.clone()).await;
            }
            StatementNext::Content(bytes, format) => return parsed(Cursor::new(bytes), format, reader.clone()).await,
            StatementNext::Page(mut page, next) => {
                // Each page counts from 1; the statement is all of them.
                for line in &mut page {
                    number += 1;
                    line.number = number;
                }
                let lines = page.into_iter().map(convert::statement_line).collect();
                reader.send(Ok(FetchStatementResponse { lines, line_count: None })).await?;
                let Some(next) = next else { return Ok(number) };
                next_page = Some(next);
            }
        }
    }
}

/// One answer: to the first question, or to the one for a page. If this is too fast for the platform, it is asked again
/// after the pause that it wants, so that the pages before are not wasted.
async fn ask(line: &Line, day: Day, page: Option<&Request>) -> Result<StatementNext, Stop> {
    let mut tries = TRIES;
    loop {
        let request = match page {
            Some(page) => page.clone(),
            // Written anew for each try: it may carry the time.
            None => line.api.statement(day, now()).map_err(|why| Stop::Told(not_sent(&why.into())))?,
        };
        let read = |answer: &Response<'_>| line.api.statement_next(day, answer, now());
        let Called { answer, value } = line.call("FetchStatement", request, line.limits.of_statement(), read).await;
        if let Some(value) = value {
            return Ok(value);
        }
        tries -= 1;
        if tries == 0 || answer.outcome() != PlatformOutcome::RateLimited {
            return Err(Stop::Told(unanswered(&answer)));
        }
        sleep(pause(&answer)).await;
    }
}

fn pause(answer: &PlatformAnswer) -> Duration {
    let asked = answer.retry_after.and_then(|after| Duration::try_from(after).ok());
    asked.map_or(PAUSE, |asked| asked.min(LONGEST_PAUSE))
}

/// Reads a file, which takes time and blocks, where blocking is allowed.
async fn parsed(file: impl Read + Seek + Send + 'static, format: FileFormat, reader: Reader) -> Result<u64, Stop> {
    let parsed = tokio::task::spawn_blocking(move || parse(BufReader::new(file), &format, &reader)).await;
    parsed.unwrap_or_else(|_| Err(Stop::Told(error(Code::Internal, "INTERNAL", "a defect of this edge"))))
}

fn parse(file: impl Read + Seek, format: &FileFormat, reader: &Reader) -> Result<u64, Stop> {
    let mut all = statement::read(format, file)?;
    let mut sent = 0;
    loop {
        let lines = all.by_ref().take(LINES).map(|line| line.map(convert::statement_line));
        let lines = lines.collect::<Result<Vec<_>, _>>()?;
        if lines.is_empty() {
            return Ok(sent);
        }
        sent += u64::try_from(lines.len()).unwrap_or(u64::MAX);
        reader.blocking_send(Ok(FetchStatementResponse { lines, line_count: None }))?;
    }
}

/// Nothing was asked of the platform.
pub(crate) fn not_sent(why: &NotSent) -> Status {
    let code = match why.why {
        Why::NoApi => Code::FailedPrecondition,
        Why::AccountUnknown | Why::NoSuchOperation | Why::BadInput => Code::InvalidArgument,
    };
    error(code, why.why.code(), &why.detail)
}

/// The platform gave no answer that helps.
fn unanswered(answer: &PlatformAnswer) -> Status {
    unavailable(&answer.code, &answer.detail)
}

/// The file did not come.
fn undone(failure: &Failure) -> Status {
    unavailable(failure.code(), &failure.to_string())
}

fn unavailable(code: &str, detail: &str) -> Status {
    let metadata = HashMap::from([("code".to_owned(), code.to_owned())]);
    paystate_rpc::status(Code::Unavailable, "STATEMENT_UNAVAILABLE", detail, metadata)
}

fn error(code: Code, reason: &str, message: &str) -> Status {
    paystate_rpc::status(code, reason, message, HashMap::new())
}
