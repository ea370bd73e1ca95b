//! Logs go to standard error: what a person asked for goes to standard output, so the two never mix.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// Starts logging at `levels`, unless `PAYSTATE_LOG` says otherwise. `json` gives one object per line.
pub(crate) fn init(levels: &str, json: bool) {
    let filter = EnvFilter::try_from_env("PAYSTATE_LOG").unwrap_or_else(|_| EnvFilter::new(levels));
    let lines = fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    if json {
        registry.with(lines.json()).init();
    } else {
        registry.with(lines.with_ansi(std::io::stderr().is_terminal())).init();
    }
}
