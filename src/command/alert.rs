//! `paystate alert`: sends a test case to the channels that tell people of cases.

use std::path::PathBuf;

use clap::Args;
use paystate_core::compensate;

use super::{problems, say};
use crate::config::{self, Roles};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The core's TOML file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Only this channel of `[alerts]`.
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
}

pub(super) async fn run(options: Options) -> Result<(), String> {
    let name = options.config.display().to_string();
    let config = config::load(&options.config, Some(Roles::CORE)).map_err(|found| problems(&name, &found))?;
    let channels = config.core.map(|core| core.compensate.channels).unwrap_or_default();
    let wanted = |channel: &&compensate::Channel| options.channel.as_ref().is_none_or(|name| channel.name == *name);
    let mut failed = Vec::new();
    let mut found = false;
    for channel in channels.iter().filter(wanted) {
        found = true;
        match compensate::try_out(channel).await {
            Ok(()) => say(&format!("alerts.{}: took it", channel.name)),
            Err(why) => failed.push(format!("alerts.{}: {why}", channel.name)),
        }
    }
    match &options.channel {
        _ if !failed.is_empty() => Err(failed.join("\n")),
        Some(channel) if !found => Err(format!("{name}: there is no [alerts.{channel}]")),
        None if !found => Err(format!("{name}: there is no [alerts.NAME], so nobody is told of cases")),
        Some(_) | None => Ok(()),
    }
}
