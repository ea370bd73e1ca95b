//! `paystate verify`: the invariants that a database can show.

use std::{path::Path, process::ExitCode};

use paystate_core::store::AuditResult;

use super::{fail, problems, say};
use crate::config::{self, Database, Roles};

/// Exit code when something could not be checked, which is not a broken invariant: a script that wakes somebody must
/// tell the two apart.
pub(super) const UNCHECKED: u8 = 2;

pub(super) async fn run(file: &Path) -> ExitCode {
    let results = match audit(file).await {
        Ok(results) => results,
        Err(why) => {
            fail(&why);
            return ExitCode::from(UNCHECKED);
        }
    };
    for result in &results {
        say(&line(result));
    }
    match results.iter().filter(|r| !r.violations.is_empty()).count() {
        0 => ExitCode::SUCCESS,
        broken => fail(&format!("{broken} of {} invariants do not hold", results.len())),
    }
}

async fn audit(file: &Path) -> Result<Vec<AuditResult>, String> {
    let name = file.display().to_string();
    let config = config::load(file, Some(Roles::CORE)).map_err(|found| problems(&name, &found))?;
    let Some(core) = config.core else { return Err(format!("{name}: no [core]")) };
    if let Database::Sqlite(file) = &core.database
        && !file.exists()
    {
        return Err(format!("{}: there is no database", core.database));
    }
    let store = core.database.open_existing().await.map_err(|e| format!("{}: {e}", core.database))?;
    let results = store.audit().await.map_err(|e| e.to_string())?;
    store.close().await;
    Ok(results)
}

fn line(result: &AuditResult) -> String {
    let mark = if result.violations.is_empty() { "holds " } else { "BROKEN" };
    let mut line = format!("{:<4} {mark} {}", result.name, result.statement);
    for violation in &result.violations {
        line.push_str(&format!("\n       {violation}"));
    }
    line
}
