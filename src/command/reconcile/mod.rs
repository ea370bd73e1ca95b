//! `paystate reconcile`: a platform's statement of a day against our record.
//!
//! Exit code 0 says that the statement was read whole and that no difference is left: none was found, or all were
//! healed. A timer that runs it needs no more.

mod import;
mod page;
mod report;

use std::{
    fs,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use paystate_client::{
    Channel,
    v1::{self, operations_service_client::OperationsServiceClient},
};
use tokio::time::sleep;

use super::{
    remote::{Remote, failed, json},
    say,
};

/// How often the core is asked for the progress.
const INTERVAL: Duration = Duration::from_millis(200);
/// Differences are read in pages of so many.
const PAGE: i32 = 500;

type Client = OperationsServiceClient<Channel>;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    remote: Remote,
    /// Prints the result as JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Also writes the result as an HTML page.
    #[arg(long, global = true, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fetches the statement of a day from the platform and reconciles it.
    Run(Day),
    /// Reconciles a day with the statement in a file, as the platform made it: packed if it was packed.
    Import {
        #[command(flatten)]
        day: Day,
        /// The statement's file.
        file: PathBuf,
    },
    /// Shows what the last run has found.
    Show(Day),
}

#[derive(Debug, Args)]
struct Day {
    /// The account's name in the configuration.
    #[arg(long, value_name = "NAME")]
    account: String,
    /// The day in the platform's time zone, `YYYY-MM-DD`.
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: String,
}

pub(super) async fn run(options: Options) -> Result<(), String> {
    let Options { remote, json: as_json, html, command } = options;
    html.as_deref().map_or(Ok(()), writable)?;
    let mut client = Client::new(remote.open().await?);
    let id = match command {
        Command::Run(Day { account, date }) => {
            let request = v1::RunReconciliationRequest { account, date };
            let begun = client.run_reconciliation(request).await.map_err(failed)?;
            begun.into_inner().reconciliation_id
        }
        Command::Import { day, file } => import::send(client.clone(), day, &file).await?,
        Command::Show(Day { account, date }) => format!("{account}/{date}"),
    };
    let result = result(&mut client, &id).await?;
    if let Some(file) = html {
        fs::write(&file, page::render(&result)).map_err(|e| unwritable(&file, &e))?;
    }
    say(&if as_json { json("GetReconciliationResponse", &result)? } else { report::text(&result) });
    verdict(&result)
}

/// A run takes long, and carries its cases out: that its page has no place is to be known before. What is there already
/// stays until there is something to write.
fn writable(file: &Path) -> Result<(), String> {
    let opened = fs::OpenOptions::new().write(true).create(true).truncate(false).open(file);
    opened.map(drop).map_err(|e| unwritable(file, &e))
}

fn unwritable(file: &Path, error: &io::Error) -> String {
    format!("--html: cannot write {}: {error}", file.display())
}

/// Reconciles a day with the statement in a file; answers with the result, whatever it says.
pub(super) async fn import(
    channel: Channel,
    account: &str,
    date: &str,
    file: &Path,
) -> Result<v1::GetReconciliationResponse, String> {
    let mut client = Client::new(channel);
    let day = Day { account: account.to_owned(), date: date.to_owned() };
    let id = import::send(client.clone(), day, file).await?;
    result(&mut client, &id).await
}

/// Waits for the end of a run; answers with all that came of it.
async fn result(client: &mut Client, id: &str) -> Result<v1::GetReconciliationResponse, String> {
    let first = ended(client, id).await?;
    whole(client, first, id).await
}

/// Waits for the end, and shows how far it is.
async fn ended(client: &mut Client, id: &str) -> Result<v1::GetReconciliationResponse, String> {
    let bar = bar();
    loop {
        let now = get(client, id, "").await?;
        if now.done {
            bar.finish_and_clear();
            return Ok(now);
        }
        show(&bar, &now);
        sleep(INTERVAL).await;
    }
}

/// The number of lines is not known in advance: the counts are what moves.
fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner:.green} {pos} lines {per_sec}  {msg}  {elapsed}");
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

fn show(bar: &ProgressBar, now: &v1::GetReconciliationResponse) {
    bar.set_position(u64::try_from(now.line_count).unwrap_or(0));
    bar.set_message(format!("{} match, {} differ: {}", now.matched_count, now.difference_count, now.detail));
}

async fn get(client: &mut Client, id: &str, page_token: &str) -> Result<v1::GetReconciliationResponse, String> {
    let (reconciliation_id, page_token) = (id.to_owned(), page_token.to_owned());
    let request = v1::GetReconciliationRequest { reconciliation_id, page_size: PAGE, page_token };
    client.get_reconciliation(request).await.map(tonic::Response::into_inner).map_err(failed)
}

/// The result with all of its pages.
async fn whole(
    client: &mut Client,
    mut result: v1::GetReconciliationResponse,
    id: &str,
) -> Result<v1::GetReconciliationResponse, String> {
    while !result.next_page_token.is_empty() {
        let page = get(client, id, &result.next_page_token).await?;
        result.differences.extend(page.differences);
        result.case_ids.extend(page.case_ids);
        result.next_page_token = page.next_page_token;
    }
    Ok(result)
}

fn verdict(result: &v1::GetReconciliationResponse) -> Result<(), String> {
    let (account, date) = (&result.account, &result.date);
    if result.state() != v1::ReconciliationState::Done {
        return Err(format!("{account} was not reconciled for {date}: {}", result.detail));
    }
    match result.differences.iter().filter(|difference| !difference.healed).count() {
        0 if !result.detail.is_empty() => Err(format!("{account}, {date}: {}", result.detail)),
        0 => Ok(()),
        left => Err(format!("{left} differences are left; each has a case: ListCases, ResolveCase")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_cannot_be_written_is_found_before_the_run() {
        let dir = tempfile::tempdir().unwrap();
        let nowhere = writable(&dir.path().join("nowhere/page.html")).unwrap_err();
        assert!(nowhere.starts_with("--html: cannot write "), "{nowhere}");
        assert!(writable(dir.path()).is_err(), "a directory is no page");
        let page = dir.path().join("page.html");
        fs::write(&page, "the last one").unwrap();
        writable(&page).unwrap();
        assert_eq!(fs::read_to_string(&page).unwrap(), "the last one");
    }
}
