//! `paystate check`: names every problem of a configuration at once.

use std::path::Path;

use paystate_core::{Account, order::AccountName};

use super::{problems, say};
use crate::config;

pub(super) fn run(file: &Path) -> Result<(), String> {
    let name = file.display().to_string();
    let config = config::load(file, None).map_err(|found| problems(&name, &found))?;
    let sections = [
        ("core", config.core.is_some()),
        ("edge", config.edge.is_some()),
        ("relay", config.relay.is_some()),
        ("sandbox", config.sandbox.is_some()),
    ];
    let there: Vec<_> = sections.iter().filter(|(_, is)| *is).map(|(n, _)| *n).collect();
    let account = |(name, known): (&AccountName, &Account)| match known.calls {
        Some(_) => format!("{name} ({})", known.platform.name),
        None => format!("{name} ({}, callbacks only)", known.platform.name),
    };
    let accounts: Vec<_> = config.known.iter().map(account).collect();
    say(&format!("{name}: sound. Sections: {}. Accounts: {}.", there.join(", "), accounts.join(", ")));
    for certificate in &config.certificates {
        match certificate.warning(jiff::Timestamp::now()) {
            Some(warning) => say(&format!("warning: {warning}")),
            None => say(&format!("{}: ends at {}", certificate.at, certificate.ends)),
        }
    }
    Ok(())
}
