//! `paystate demo --chaos`: platforms that keep silent, answer late, break off, fail, lie and are paid twice; payments
//! and refunds begun by paystate itself. In the end every order is what the platforms' own ledger says, and a
//! reconciliation of the day finds what was planted in the statements and nothing else.
//!
//! Edge and core know nothing of this. Their configuration could be written into a file: schedules in seconds instead
//! of minutes, and a rule for double payments. The platforms' books are kept by a clock that is days behind, because a
//! day can be reconciled only when it is over.

mod faults;
mod play;
mod proof;
mod script;
mod statements;

use std::{net::SocketAddr, path::Path, time::Duration};

use jiff::{Timestamp, ToSpan as _, civil::Date, tz};
use paystate_core::{
    commit::CasePolicy,
    compensate::Schedule,
    order::{CaseKind, Resolution},
};
use paystate_sandbox::Sandbox;
use tokio::time::{Instant, sleep};

use super::{Options, QUIET_WITHIN, say, shop::Shop, table, verdict};
use crate::config::Config;

/// Every platform has payments enough to be wrong about.
pub(super) const FEWEST: u32 = 24;
/// How long everything may take to come to its end after the last story has been played.
const SETTLED_WITHIN: Duration = Duration::from_secs(90);
/// How often to check whether it has.
const LOOK: Duration = Duration::from_millis(500);
/// Payments and refunds are asked about every second at first, then every other second.
const PAUSES_S: [u64; 20] = [1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2];

/// Gives the configuration short waits; answers with the day on which the platforms date payments.
pub(super) fn prepare(config: &mut Config) -> Date {
    let now = Timestamp::now();
    let day = tz::offset(8).to_datetime(now).date().saturating_sub(2.days());
    // Noon in Beijing is the same day everywhere, and far from every day's end.
    let noon = tz::offset(8).to_timestamp(day.at(12, 0, 0, 0)).unwrap_or(now);
    if let Some(sandbox) = &mut config.sandbox {
        sandbox.clock_behind = Duration::try_from(now.duration_since(noon)).unwrap_or_default();
    }
    if let Some(core) = &mut config.core {
        let schedule = || Schedule::new(LOOK, PAUSES_S.map(Duration::from_secs));
        (core.compensate.payments, core.compensate.refunds) = (schedule(), schedule());
        (core.compensate.patience, core.compensate.probe) = (Duration::from_secs(1), Duration::from_secs(1));
        let refund = CasePolicy { settle: Some(Resolution::Refund), ..CasePolicy::default() };
        core.compensate.cases.insert(CaseKind::DoublePayment, refund);
    }
    day
}

pub(super) async fn perform(
    options: &Options,
    core: SocketAddr,
    sandbox: &Sandbox,
    day: &Date,
    dir: &Path,
) -> Result<(), String> {
    let stories = script::write(options.orders, options.seed);
    say(&format!("{} orders on four platforms in a bad mood, seed {}", stories.len(), options.seed));
    faults::plant(sandbox);
    let shop = Shop::connect(core).await?;
    play::all(&shop, sandbox, &stories).await?;
    let settled = settled(&shop, sandbox, &stories).await?;
    play::late_news(sandbox, &stories)?;
    let quiet = sandbox.quiesce(QUIET_WITHIN).await;
    let reconciled = statements::reconcile(&shop, sandbox, &stories, *day, dir).await?;
    let seen = proof::Seen::gather(&shop, sandbox, &stories).await?;
    say(&table::grid(proof::COLUMNS, proof::rows(&seen)));
    let mut checks = proof::checks(&seen, settled && quiet);
    checks.extend(statements::checks(&reconciled));
    super::proof::in_order(&mut checks);
    verdict(options, &checks)
}

/// Waits until every story is at its end; false if that takes too long.
async fn settled(shop: &Shop, sandbox: &Sandbox, stories: &[script::Story]) -> Result<bool, String> {
    let end = Instant::now() + SETTLED_WITHIN;
    loop {
        if proof::Seen::gather(shop, sandbox, stories).await?.all_ended() {
            return Ok(true);
        }
        if Instant::now() > end {
            return Ok(false);
        }
        sleep(LOOK).await;
    }
}
