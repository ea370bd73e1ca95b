//! `paystate demo`: scripted traffic with everything that goes wrong in real life, then proof.
use clap::Args;
#[derive(Debug, Args)]
pub(super) struct Options {}
pub(super) async fn run(_: Options) -> Result<(), String> {
    Ok(())
}
