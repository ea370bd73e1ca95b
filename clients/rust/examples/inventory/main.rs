//! A service that keeps stock: it deducts what an order holds when that is paid, and puts it back when all of the money
//! went back. Effects and position are stored in one transaction, so each happens exactly once, whenever this process,
//! a core or the database is killed.
//!
//!     cargo run -p paystate-client --example inventory -- --core http://127.0.0.1:50051 --database inventory.db
//!
//! Orders say what they contain in their description: `mug x2`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is what a person or a script asked for")]

mod stock;

use std::process::ExitCode;

use clap::Parser;
use paystate_client::{Connect, FollowError, Follower};

use self::stock::{Failure, Stock};

/// Keeps stock: exactly one deduction for each paid order.
#[derive(Debug, Parser)]
struct Options {
    /// URL of a core; again for each further one.
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    core: Vec<String>,
    /// A SQLite file, created when missing, or `postgres://…`.
    #[arg(long, default_value = "inventory.db")]
    database: String,
    /// Prints what was done so far as JSON, and ends.
    #[arg(long)]
    report: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    let mut stock = Stock::open(&options.database).await.map_err(|e| format!("{}: {e}", options.database))?;
    if options.report {
        println!("{}", stock.report().await?);
        return Ok(());
    }
    let [first, others @ ..] = options.core.as_slice() else { return Err("--core names no core".into()) };
    let connect = others.iter().fold(Connect::to(first), Connect::or);
    let follower = Follower::new(connect.lazy()?);
    eprintln!("following {}; Ctrl-C ends, and the next start goes on from there", options.core.join(", "));
    tokio::select! {
        ended = follow(follower, &mut stock) => Ok(ended?),
        // What is under way is rolled back, and comes again.
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn follow(follower: Follower, stock: &mut Stock) -> Result<(), FollowError<Failure>> {
    loop {
        match follower.clone().run(stock).await {
            // Whoever it was has stored a later position: go on from that.
            Err(FollowError::Handler(Failure::Overtaken { .. })) => {}
            ended => return ended,
        }
    }
}
