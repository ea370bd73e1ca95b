//! The commands, a file each.

mod alert;
mod bench;
mod case;
mod check;
mod demo;
mod dev;
mod events;
mod home;
mod migrate;
mod order;
mod reconcile;
mod remote;
mod retain;
mod role;
mod selection;
mod subscription;
mod verify;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::config::{Problem, Roles};

/// Keeps the payment state of a shop true.
#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Log one JSON object per line. `PAYSTATE_LOG` sets levels, e.g. `paystate_edge=debug`.
    #[arg(long, global = true)]
    pub(crate) log_json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Offers load at times fixed beforehand, and reports honestly what became of it.
    Bench(Box<bench::Options>),
    /// Edge, core and stand-in platforms in one process, on SQLite; until Ctrl-C.
    Dev(dev::Options),
    /// `dev` with scripted traffic, a table, and the invariants; exit 0 only if all hold.
    Demo(demo::Options),
    /// The core alone.
    Core(ConfigFile),
    /// The edge alone.
    Edge(ConfigFile),
    /// Hands events on to RabbitMQ.
    Relay(ConfigFile),
    /// The stand-in platforms alone.
    Sandbox(ConfigFile),
    /// Checks a configuration and names every problem at once.
    Check(ConfigFile),
    /// Sends a test case to each channel in `[alerts]`.
    Alert(alert::Options),
    /// Brings the schema of the core's database up to date.
    Migrate(migrate::Options),
    /// Drops messages, journal entries and recorded exchanges with platforms of old months (PostgreSQL).
    Retain(retain::Options),
    /// Checks the invariants that a database can show; exit 1 if one is broken, 2 if it cannot be checked.
    Verify(ConfigFile),
    /// Compares a platform's statement of a day with the record of a running core.
    Reconcile(Box<reconcile::Options>),
    /// What happens to orders, as a running core reports it.
    Events(events::Options),
    /// Durable subscriptions of a running core: what is waiting for them, and what they could not handle.
    Subscription(Box<subscription::Options>),
    /// An order of a running core: its story, and what may be done by hand.
    Order(Box<order::Options>),
    /// Cases of a running core: what a person must settle.
    Case(Box<case::Options>),
}

impl Cli {
    /// What is logged unless the environment says otherwise. The demo is attacked all the time, and shows in its table
    /// what came of it.
    pub(crate) fn log_levels(&self) -> &'static str {
        match self.command {
            Command::Demo(_) | Command::Bench(_) => "error",
            Command::Dev(_) | Command::Core(_) | Command::Edge(_) | Command::Sandbox(_) => {
                "warn,paystate=info,paystate_core=info,paystate_edge=info,paystate_sandbox=info"
            }
            // Lost streams are of interest to whoever waits for the next line.
            Command::Events(_) => "warn,paystate_client=info",
            Command::Check(_)
            | Command::Alert(_)
            | Command::Migrate(_)
            | Command::Retain(_)
            | Command::Verify(_)
            | Command::Reconcile(_)
            | Command::Subscription(_)
            | Command::Order(_)
            | Command::Case(_) => "warn",
            // The library warns of each message that goes to no queue, and shows its content.
            Command::Relay(_) => {
                "warn,paystate=info,paystate_relay=info,paystate_client=info,lapin::returned_messages=off"
            }
        }
    }
}

impl Cli {
    /// The exit code of a command that could not begin.
    pub(crate) fn not_begun(&self, why: &str) -> ExitCode {
        let code = fail(why);
        if matches!(self.command, Command::Verify(_)) { ExitCode::from(verify::UNCHECKED) } else { code }
    }
}

/// Which configuration.
#[derive(Debug, Args)]
pub(crate) struct ConfigFile {
    /// The TOML file; single values are overridden by `PAYSTATE__SECTION__KEY`.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(crate) async fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Bench(options) => bench::run(*options).await,
        Command::Dev(options) => dev::run(options).await,
        Command::Demo(options) => demo::run(options).await,
        Command::Core(file) => role::run(&file.config, Roles::CORE).await,
        Command::Edge(file) => role::run(&file.config, Roles::EDGE).await,
        Command::Relay(file) => role::run(&file.config, Roles::RELAY).await,
        Command::Sandbox(file) => role::run(&file.config, Roles::SANDBOX).await,
        Command::Check(file) => check::run(&file.config),
        Command::Alert(options) => alert::run(options).await,
        Command::Migrate(options) => migrate::run(options).await,
        Command::Retain(options) => retain::run(options).await,
        Command::Verify(file) => return verify::run(&file.config).await,
        Command::Reconcile(options) => reconcile::run(*options).await,
        Command::Events(options) => events::run(options).await,
        Command::Subscription(options) => subscription::run(*options).await,
        Command::Order(options) => order::run(*options).await,
        Command::Case(options) => case::run(*options).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

/// Says on standard error what went wrong.
#[allow(clippy::print_stderr, reason = "this is what a person reads when a command fails")]
pub(crate) fn fail(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::FAILURE
}

/// Prints what the command was asked for.
#[allow(clippy::print_stdout, reason = "this is what a person or a script asked for")]
fn say(text: &str) {
    println!("{text}");
}

/// A heading, then each problem on a line of its own.
fn problems(what: &str, problems: &[Problem]) -> String {
    let s = if problems.len() == 1 { "" } else { "s" };
    let mut text = format!("{what}: {} problem{s}; nothing was started", problems.len());
    for problem in problems {
        text.push_str(&format!("\n  {problem}"));
    }
    text
}
