//! `paystate events`: the log of all events, as it grows.

use std::io::{self, Write as _};

use clap::{Args, Subcommand};
use paystate_client::{FollowError, Follower, Handler, Start, v1};

use super::{
    remote::{self, Remote, json, time},
    selection::{Filter, Place, bare},
};

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints events in the order of their commits, each once, and checks that none is missing; until Ctrl-C.
    Tail(Tail),
}

#[derive(Debug, Args)]
struct Tail {
    #[command(flatten)]
    remote: Remote,
    /// `earliest`, `latest`, the revision after which to begin, a time (2026-01-31T09:00:00Z), or a token that an
    /// earlier run has printed.
    #[arg(long, value_name = "PLACE", default_value = "latest", value_parser = Place::parse)]
    from: Place,
    #[command(flatten)]
    filter: Filter,
    /// Ends when everything that is there now has been printed.
    #[arg(long)]
    until_head: bool,
    /// Prints each batch as one line of JSON, with the token to go on from.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(options: Options) -> Result<(), String> {
    let Command::Tail(Tail { remote, from, filter, until_head, json }) = options.command;
    let (start, token) = match from {
        Place::Start(start) => (start, None),
        Place::Token(token) => (Start::default(), Some(token)),
    };
    let mut follower = Follower::new(remote.open().await?).filter(filter.into()).start(start);
    if until_head {
        follower = follower.until_head();
    }
    let mut printer = Printer { json, token, revision: None };
    let ended = tokio::select! {
        ended = follower.run(&mut printer) => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    match ended {
        Ok(()) => printer.end().or_else(of_pipe),
        Err(FollowError::Handler(error)) => of_pipe(error),
        Err(FollowError::Refused(refusal)) => Err(remote::refused(&refusal)),
        Err(error) => Err(error.to_string()),
    }
}

/// The reader of our output wants no more of it, which is no fault.
fn of_pipe(error: io::Error) -> Result<(), String> {
    match error.kind() == io::ErrorKind::BrokenPipe {
        true => Ok(()),
        false => Err(format!("cannot print: {error}")),
    }
}

/// Prints events, and remembers how far it got.
struct Printer {
    json: bool,
    token: Option<String>,
    revision: Option<i64>,
}

impl Handler for Printer {
    type Error = io::Error;

    async fn position(&mut self) -> io::Result<Option<String>> {
        Ok(self.token.clone())
    }

    async fn handle(&mut self, batch: v1::Batch) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", json("Batch", &batch).map_err(io::Error::other)?)?;
        } else {
            for event in &batch.events {
                writeln!(out, "{}", line(event))?;
            }
        }
        out.flush()?;
        (self.revision, self.token) = (Some(batch.up_to_revision), Some(batch.resume_token));
        Ok(())
    }
}

impl Printer {
    /// Says where to go on; in JSON every line has said so already.
    fn end(&self) -> io::Result<()> {
        match (&self.token, self.revision) {
            (Some(token), Some(revision)) if !self.json => {
                writeln!(io::stdout(), "up to revision {revision}; to go on: --from {token}")
            }
            (_, _) => Ok(()),
        }
    }
}

fn line(event: &v1::Event) -> String {
    let (from, to) = (bare(event.from_state().as_str_name()), bare(event.to_state().as_str_name()));
    let state = match from {
        "UNSPECIFIED" => to.to_owned(),
        _ if from == to => to.to_owned(),
        _ => format!("{from} -> {to}"),
    };
    let cases: Vec<_> = event.opened_case_ids.iter().map(|case| format!("  case {case}")).collect();
    let (revision, kind) = (event.revision, bare(event.kind().as_str_name()));
    let time = time(event.event_time.as_ref());
    format!("{revision:>8}  {time:<24}  {:<20}  {kind:<17}  {state}{}", event.order_id, cases.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_happened_to_which_order() {
        let event = v1::Event {
            revision: 42,
            order_id: "A1".into(),
            kind: v1::EventKind::PaymentHeld.into(),
            from_state: v1::OrderState::Closed.into(),
            to_state: v1::OrderState::Abnormal.into(),
            event_time: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 1_000_000 }),
            opened_case_ids: vec!["late-payment:T1".into()],
            ..Default::default()
        };
        assert_eq!(
            line(&event),
            "      42  2023-11-14T22:13:20.001Z  A1                    PAYMENT_HELD       CLOSED -> ABNORMAL  case \
             late-payment:T1"
        );
    }
}
