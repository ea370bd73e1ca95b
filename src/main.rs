//! `paystate`: one binary, a role per subcommand.

mod command;
mod config;
mod metrics_page;
mod signals;
mod stack;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;

/// glibc's allocator takes a sixth of the time that edge and core spend on a callback.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = command::Cli::parse();
    if let Err(why) = telemetry::init(cli.log_levels(), cli.log_json) {
        return cli.not_begun(&why);
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return cli.not_begun(&format!("cannot start threads: {error}")),
    };
    runtime.block_on(command::run(cli))
}
