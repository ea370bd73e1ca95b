//! `paystate retain`: drops the messages, journal entries and exchanges with platforms of old months.

use std::path::{Path, PathBuf};

use clap::Args;
use paystate_core::store::postgres::{self, Robbing};

use super::{problems, say};
use crate::config::{self, Database, Roles};

/// What to drop.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The TOML file; single values are overridden by `PAYSTATE__SECTION__KEY`.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The first month to keep (UTC), e.g. 2026-01. Orders, money, facts and the identities of callbacks stay.
    #[arg(long, value_name = "YYYY-MM")]
    before: String,
    /// Only says what would be dropped.
    #[arg(long)]
    dry_run: bool,
    /// Also drops what a subscription has yet to see or has parked, and what hides events of kept months. Move such a
    /// subscription with SeekSubscription afterwards, and redrive what is parked.
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(options: Options) -> Result<(), String> {
    let file: &Path = &options.config;
    let name = file.display().to_string();
    let config = config::load(file, Some(Roles::CORE)).map_err(|found| problems(&name, &found))?;
    let Some(core) = config.core else { return Err(format!("{name}: no [core]")) };
    let Database::Postgres(address) = &core.database else {
        return Err(format!("{}: SQLite keeps everything; retention needs PostgreSQL", core.database));
    };
    let robbing = match options {
        Options { dry_run: true, .. } => Robbing::Planned,
        Options { force: true, .. } => Robbing::Forced,
        Options { .. } => Robbing::Refused,
    };
    let retained = postgres::drop_before(address, &options.before, robbing).await;
    let retained = retained.map_err(|e| format!("{}: {e}", core.database))?;
    let verb = if options.dry_run { "would drop" } else { "dropped" };
    for partition in &retained.dropped {
        say(&format!("{verb} {partition}"));
    }
    if retained.hidden > 0 {
        let hidden = retained.hidden;
        say(&format!(
            "{hidden} events of kept months come before one that a wrong clock put into a dropped one; nobody can read them"
        ));
    }
    for name in &retained.robbed {
        say(&format!("subscription {name} has yet to see, or has parked, some of it"));
    }
    let count = retained.dropped.len();
    say(&format!("{verb} {count} partitions; the log begins at revision {}", retained.oldest_revision));
    Ok(())
}
