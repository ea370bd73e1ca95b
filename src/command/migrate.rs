//! `paystate migrate`: brings the schema of the core's database up to date. Safe to run again, and while
//! cores run.

use std::path::Path;

use super::{problems, say};
use crate::config::{self, Roles};

pub(super) async fn run(file: &Path) -> Result<(), String> {
    let name = file.display().to_string();
    let config = config::load(file, Some(Roles::CORE)).map_err(|found| problems(&name, &found))?;
    let Some(core) = config.core else { return Err(format!("{name}: no [core]")) };
    core.database.migrate().await.map_err(|e| format!("{}: {e}", core.database))?;
    say(&format!("{}: the schema is up to date", core.database));
    Ok(())
}
