//! Logs go to standard error: what a person asked for goes to standard output, so the two never mix.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata};
use tracing_subscriber::{EnvFilter, filter::filter_fn, fmt, prelude::*};

/// What says otherwise which levels are logged.
const LEVELS: &str = "PAYSTATE_LOG";

/// Starts logging at `levels`, unless the environment says otherwise. `json` gives one object per line.
pub(crate) fn init(levels: &str, json: bool) -> Result<(), String> {
    let filter = match std::env::var(LEVELS) {
        Ok(wanted) => EnvFilter::try_new(&wanted)
            .map_err(|e| format!("{LEVELS}={wanted:?}: {e}; write for example \"info,paystate_edge=debug\""))?,
        Err(_) => EnvFilter::new(levels),
    };
    let lines = fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter).with(filter_fn(|event| !shows_secrets(event)));
    if json {
        registry.with(lines.json()).init();
    } else {
        registry.with(lines.with_ansi(std::io::stderr().is_terminal())).init();
    }
    Ok(())
}

/// The library for RabbitMQ shows its frames there, that with the password too.
fn shows_secrets(event: &Metadata<'_>) -> bool {
    event.target().starts_with("lapin") && *event.level() > Level::INFO
}
