//! `paystate demo`: everything that goes wrong in real life, scripted, then proof that the money is true.
//!
//! `--chaos` is about the platforms' other half ([`chaos`]): what they do not tell, and what they are asked for.
//!
//! The same roles as `dev` on ports of their own and a directory that is removed afterwards. Orders are
//! created and read over gRPC as a shop's services would; callbacks come over HTTPS from the stand-in
//! platforms. Every number in the table was counted on one side and is checked against the other.

mod chaos;
mod play;
mod progress;
mod proof;
mod script;
mod shop;
mod table;

use std::{net::SocketAddr, path::Path, time::Duration};

use clap::Args;
use paystate_sandbox::Sandbox;

use super::{
    home::{self, Platforms},
    problems, say,
};
use crate::{
    config::{self, Bound, Config, Roles},
    stack,
};
use proof::Check;
use shop::Shop;

/// How long the platforms' (time-compressed) retries may take to bring in everything.
const QUIET_WITHIN: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(super) struct Options {
    /// Orders, spread over the four platforms.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(4..=100_000))]
    orders: u32,
    /// What happens to which order; the same seed gives the same traffic.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Platforms that do not tell, tell too late, break off, lie and are paid twice; then a reconciliation.
    #[arg(long)]
    chaos: bool,
}

pub(super) async fn run(options: Options) -> Result<(), String> {
    if options.chaos && options.orders < chaos::FEWEST {
        return Err(format!(
            "--chaos needs at least {} orders: each platform's statement has something wrong",
            chaos::FEWEST
        ));
    }
    let dir = tempfile::tempdir().map_err(|e| format!("cannot make a temporary directory: {e}"))?;
    let home = dir.path().to_owned();
    let file = tokio::task::spawn_blocking(move || home::prepare(&home, Platforms::Called))
        .await
        .map_err(|e| e.to_string())??;
    let listeners = stack::bind(&load(&file, None)?).await.map_err(|found| problems("demo", &found))?;
    let mut config = load(&file, listeners.bound())?;
    let day = options.chaos.then(|| chaos::prepare(&mut config));
    let mut stack = stack::start(config, listeners).await.map_err(|found| problems("demo", &found))?;
    let (Some(core), Some(sandbox)) = (stack.addresses.core, stack.sandbox.clone()) else {
        return Err("the demo needs core and sandbox".into());
    };
    let performance = async {
        match &day {
            Some(day) => chaos::perform(&options, core, &sandbox, day, dir.path()).await,
            None => perform(&options, core, &sandbox).await,
        }
    };
    let outcome = tokio::select! {
        outcome = performance => outcome,
        why = stack.failed() => Err(why),
    };
    let stopped = stack.stop().await;
    outcome.and(stopped)
}

fn load(file: &Path, bound: Option<Bound>) -> Result<Config, String> {
    config::load_bound(file, Some(Roles::ALL), bound).map(on_free_ports).map_err(|found| problems("demo", &found))
}

fn on_free_ports(mut config: Config) -> Config {
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    if let Some(core) = &mut config.core {
        (core.listen, core.metrics_listen) = (free, free);
    }
    if let Some(edge) = &mut config.edge {
        (edge.listen, edge.gateway_listen, edge.metrics_listen) = (free, free, free);
    }
    if let Some(sandbox) = &mut config.sandbox {
        sandbox.listen = free;
    }
    config
}

async fn perform(options: &Options, core: SocketAddr, sandbox: &Sandbox) -> Result<(), String> {
    let stories = script::write(options.orders, options.seed);
    say(&format!("{} orders on four platforms, seed {}", stories.len(), options.seed));
    let shop = Shop::connect(core).await?;
    play::all(&shop, sandbox, &stories).await?;
    for stray in script::strays(options.seed) {
        play::stray(sandbox, &stray).await?;
    }
    let quiet = sandbox.quiesce(QUIET_WITHIN).await;
    let seen = proof::Seen::gather(&shop, sandbox, &stories).await?;
    say(&table::render(&seen));
    verdict(options, &proof::checks(&seen, quiet))
}

/// Says what holds, and fails unless all does.
fn verdict(options: &Options, checks: &[Check]) -> Result<(), String> {
    say(&table::checks(checks));
    match checks.iter().filter(|c| !c.violations.is_empty()).count() {
        0 => Ok(()),
        broken => Err(format!(
            "{broken} of {} checks failed; run again with --seed {} to see it again",
            checks.len(),
            options.seed
        )),
    }
}
