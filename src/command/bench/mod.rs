//! `paystate bench`: an open-loop load generator that tells the truth.
//!
//! Callbacks are scheduled and signed beforehand, and are measured from when they were due: a stall is counted, not
//! hidden. Core and edge are processes of this binary, so that the CPU time of each is known. After every run each
//! acknowledged callback is looked up: a run with answers that were not true is a failure, whatever its figures.
//!
//! - `options`: the command line;
//! - `schedule`, `plan`, `prepare`: when, what, and the signed bytes; all before the clock starts;
//! - `history`: what the database took in before;
//! - `generator`, `wire`: the clock, connections and samples;
//! - `subscribers`: who follows the log meanwhile;
//! - `stats`: from samples to figures;
//! - `stack`, `orders`, `process`, `machine`, `database`: what is measured, and what it uses;
//! - `load`: one measured run of all that; `search`, `compare`, `burst`, `baseline`: what is made of runs;
//! - `report`: table, JSON, HTML.

#![allow(clippy::float_arithmetic, reason = "rates and percentiles; no amount of money is a float")]

mod baseline;
mod burst;
mod compare;
mod database;
mod generator;
mod history;
mod load;
mod machine;
mod options;
mod orders;
mod plan;
mod prepare;
mod process;
mod progress;
mod report;
mod schedule;
mod search;
mod stack;
mod stats;
mod subscribers;
mod wire;

use super::say;
use load::{Bench, Job, Run};
use machine::Part;
pub(super) use options::Options;
use options::Preset;
use report::Report;
use search::{Peak, Try};
use stack::Ground;

pub(super) async fn run(options: Options) -> Result<(), String> {
    let bench = Bench::new(&options).await?;
    let mut report = Report::new(&options, &bench);
    bench.migrate().await?;
    if let Some(callbacks) = options.history {
        say(&format!("history: up to {callbacks} stored callbacks"));
        report.history = Some(history::fill(&bench.database, callbacks).await?);
    }
    bench.pin_databases(Part::Service).await?;
    let outcome = experiment(&bench, &options, &mut report).await;
    bench.pin_databases(Part::Whole).await?;
    outcome?;
    say(&report::table::render(&report));
    if let Some(file) = &options.json {
        report::write(file, &report::json(&report)?)?;
    }
    if let Some(file) = &options.html {
        report::write(file, &report::html::render(&report))?;
    }
    match report.faults().count() {
        0 => Ok(()),
        count => Err(format!("{count} faults; see above: these figures are not to be trusted")),
    }
}

/// The runs that were asked for, then the baseline and the audit.
async fn experiment(bench: &Bench, options: &Options, report: &mut Report) -> Result<(), String> {
    if let Some(setting) = &options.compare {
        let (compare, runs) = compare::run(bench, options, setting).await?;
        report.runs.extend(runs);
        report.compare = Some(compare);
    } else {
        let mut stack = bench.ground.start().await?;
        let outcome = with_stack(bench, options, report, &mut stack).await;
        let stopped = stack.stop().await;
        outcome.and(stopped)?;
    }
    if options.baseline.is_some() {
        say("pgbench, the three writes of a callback a transaction");
        report.baseline = Some(baseline::run(&bench.database, report.best_goodput()).await?);
    }
    if !options.no_audit {
        report.audit = Some(bench.audit().await?);
    }
    Ok(())
}

async fn with_stack(
    bench: &Bench,
    options: &Options,
    report: &mut Report,
    stack: &mut stack::Stack,
) -> Result<(), String> {
    let seconds = options.seconds();
    let needed = options.find_peak || matches!(options.preset, Some(Preset::Half | Preset::Burst));
    let peak = match options.peak {
        _ if !needed => None,
        Some(rate) => Some(Peak { rate, tries: Vec::new() }),
        None => Some(bench.peak(stack, options).await?),
    };
    report.peak.clone_from(&peak);
    let (label, rate) = match (&peak, options.preset) {
        (Some(peak), Some(Preset::Burst)) => {
            let (burst, run) = burst::run(bench, stack, options, peak).await?;
            report.runs.push(run);
            report.burst = Some(burst);
            return Ok(());
        }
        (Some(peak), Some(Preset::Half)) => ("half of the peak", peak.rate / 2.0),
        (Some(peak), _) => ("at the peak", peak.rate),
        (None, Some(Preset::Rush)) => ("rush", options.rate()),
        (None, Some(Preset::Idle)) => ("idle", options.rate()),
        (None, Some(Preset::Half | Preset::Burst) | None) => ("run", options.rate()),
    };
    let job = Job { settle: true, ..Job::new(label, rate, seconds) };
    let run = bench.run(stack, &job).await?;
    report.runs.push(run);
    Ok(())
}

impl Bench {
    /// A measured run, announced.
    async fn run(&self, stack: &mut stack::Stack, job: &Job) -> Result<Run, String> {
        say(&format!("{}: {}", job.label, report::offered(&job.stretches)));
        Ok(self.measure(stack, job).await?.run)
    }

    /// A measured run on processes of its own.
    async fn run_on(&self, ground: &Ground, job: &Job) -> Result<Run, String> {
        let mut stack = ground.start().await?;
        let run = self.run(&mut stack, job).await;
        let stopped = stack.stop().await;
        run.and_then(|run| stopped.map(|()| run))
    }

    /// The peak of a stack. A rate at which something untrue was answered ends the search.
    async fn peak(&self, stack: &mut stack::Stack, options: &Options) -> Result<Peak, String> {
        let attempt = async |rate| {
            let run = self.measure(stack, &Job::new("search", rate, options.step_seconds)).await?.run;
            let tried = Try::of(rate, &run.summary);
            say(&report::table::tried(&tried, &run.summary));
            if run.faults.is_empty() { Ok(tried) } else { Err(run.faults.join("; ")) }
        };
        search::peak(attempt).await
    }

    async fn peak_on(&self, ground: &Ground, options: &Options) -> Result<Peak, String> {
        let mut stack = ground.start().await?;
        let peak = self.peak(&mut stack, options).await;
        let stopped = stack.stop().await;
        peak.and_then(|peak| stopped.map(|()| peak))
    }
}
