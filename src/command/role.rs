//! `paystate core | edge | relay | sandbox`: the roles that a configuration file describes, until told to stop.

use std::path::Path;

use super::{problems, say};
use crate::{
    config::{self, Roles},
    signals::Signals,
    stack::{self, Addresses, Stack},
};

pub(super) async fn run(file: &Path, roles: Roles) -> Result<(), String> {
    let name = file.display().to_string();
    let config = config::load(file, Some(roles)).map_err(|found| problems(&name, &found))?;
    let listeners = stack::bind(&config).await.map_err(|found| problems(&name, &found))?;
    let stack = stack::start(config, listeners).await.map_err(|found| problems(&name, &found))?;
    let signals = Signals::listen()?;
    say(&addresses(&stack.addresses));
    until_stopped(stack, signals).await
}

/// Where the roles are reached, a line each.
pub(super) fn addresses(a: &Addresses) -> String {
    let lines = [
        ("core", "grpc", a.core, ""),
        ("edge", "https", a.edge, "   POST /callback/{provider}/{account}"),
        ("gateway", "grpc", a.gateway, ""),
        ("sandbox", "https", a.sandbox, "   GET / explains how to pay"),
        ("core metrics", "http", a.core_metrics, "   GET /metrics"),
        ("edge metrics", "http", a.edge_metrics, "   GET /metrics"),
        ("relay metrics", "http", a.relay_metrics, "   GET /metrics, /readyz"),
    ];
    let lines = lines
        .iter()
        .filter_map(|(name, scheme, address, note)| Some(format!("  {name:<14}{scheme:<7}{}{note}", (*address)?)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Waits for a signal, then drains. Listen before anybody learns that the roles are up: they may be told to stop at
/// once.
pub(super) async fn until_stopped(mut stack: Stack, mut signals: Signals) -> Result<(), String> {
    let failure = tokio::select! {
        () = signals.stop() => None,
        why = stack.failed() => Some(why),
    };
    tracing::info!("stopping");
    let stopped = tokio::select! {
        stopped = stack.stop() => stopped,
        () = signals.stop() => Err("stopped at once by a second signal".to_owned()),
    };
    failure.map_or(stopped, Err)
}
