//! `paystate migrate`: brings the schema of the core's database up to date. Safe to run again, and while
//! cores run.

use clap::Args;

use super::{ConfigFile, problems, say};
use crate::config::{self, Roles};

#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// Gives the log of events a new id, so that earlier resume tokens are refused: for a database that was set back to
    /// an earlier moment in a way that it cannot notice by itself.
    #[arg(long)]
    new_log: bool,
}

pub(super) async fn run(options: Options) -> Result<(), String> {
    let file = &options.file.config;
    let name = file.display().to_string();
    let config = config::load(file, Some(Roles::CORE)).map_err(|found| problems(&name, &found))?;
    let Some(core) = config.core else { return Err(format!("{name}: no [core]")) };
    core.database.migrate(options.new_log).await.map_err(|e| format!("{}: {e}", core.database))?;
    let and = if options.new_log { ", and its log has a new id" } else { "" };
    say(&format!("{}: the schema is up to date{and}", core.database));
    Ok(())
}
