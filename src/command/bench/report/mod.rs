//! What a command found out, and how it is shown.

pub(super) mod html;
pub(super) mod table;

use std::path::Path;

use serde::Serialize;

use super::{
    baseline::Baseline,
    burst::Burst,
    compare::Compare,
    history::History,
    load::{Bench, Run},
    machine::Machine,
    options::Options,
    schedule::Stretch,
    search::Peak,
};

/// Everything, with the command that gives it again.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) command: String,
    pub(super) version: &'static str,
    /// When it was begun, UTC.
    pub(super) at: String,
    pub(super) machine: Machine,
    pub(super) ground: String,
    /// What was filled in before, if that was asked for.
    pub(super) history: Option<History>,
    pub(super) peak: Option<Peak>,
    pub(super) runs: Vec<Run>,
    pub(super) burst: Option<Burst>,
    pub(super) compare: Option<Compare>,
    pub(super) baseline: Option<Baseline>,
    /// Absent when the invariants were not checked; otherwise what does not hold of them, if anything.
    pub(super) audit: Option<Option<String>>,
}

impl Report {
    pub(super) fn new(options: &Options, bench: &Bench) -> Self {
        let database = if bench.database.starts_with("sqlite:") { "SQLite" } else { "PostgreSQL" };
        let redis = if options.redis.is_some() { ", Redis" } else { "" };
        let shape = &bench.shape;
        let connections = if shape.new_connections { "new connections, at most" } else { "kept-alive connections," };
        Self {
            command: command(std::env::args()),
            version: env!("CARGO_PKG_VERSION"),
            at: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string(),
            machine: Machine::here(),
            ground: format!(
                "{database}{redis}, {} core(s), {} edge(s), {connections} {}",
                options.cores, options.edges, shape.connections
            ),
            history: None,
            peak: None,
            runs: Vec::new(),
            burst: None,
            compare: None,
            baseline: None,
            audit: None,
        }
    }

    /// The highest rate of new callbacks that a run saw.
    pub(super) fn best_goodput(&self) -> f64 {
        self.runs.iter().map(|r| r.summary.goodput_per_second).fold(0.0, f64::max)
    }

    /// Everything that was answered and is not so.
    pub(super) fn faults(&self) -> impl Iterator<Item = &str> {
        let audit = self.audit.iter().flatten().map(String::as_str);
        self.runs.iter().flat_map(|r| r.faults.iter().map(String::as_str)).chain(audit)
    }
}

/// The command line with passwords in URLs taken out.
fn command(args: impl Iterator<Item = String>) -> String {
    let shown = |arg: String| match arg.split_once("://").and_then(|(s, rest)| Some((s, rest.split_once('@')?))) {
        Some((scheme, (user, rest))) => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{rest}")
        }
        None => arg,
    };
    let name = |first: String| Path::new(&first).file_name().map_or(first.clone(), |n| n.to_string_lossy().into());
    let mut args = args;
    let program = args.next().map(name);
    program.into_iter().chain(args.map(shown)).collect::<Vec<_>>().join(" ")
}

/// What is offered, in words.
pub(super) fn offered(stretches: &[Stretch]) -> String {
    let one = |s: &Stretch| format!("{:.0}/s for {:.0} s", s.rate, s.seconds);
    stretches.iter().map(one).collect::<Vec<_>>().join(", then ")
}

pub(super) fn json(report: &Report) -> Result<String, String> {
    serde_json::to_string_pretty(report).map(|text| text + "\n").map_err(|e| e.to_string())
}

pub(super) fn write(file: &Path, text: &str) -> Result<(), String> {
    std::fs::write(file, text).map_err(|e| format!("cannot write {}: {e}", file.display()))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::command::bench::{
        database::Work,
        search::Try,
        stats::{Latency, Second, Summary},
        subscribers::Deliveries,
    };

    pub(crate) fn sample() -> Report {
        let latency = Latency::of((1..=2000).map(|n| n * 10).collect());
        let mut summary = Summary { seconds: 2.0, offered: 2000, sent: 2000, new: 2000, ..Summary::default() };
        summary.latency.acknowledged.clone_from(&latency);
        summary.latency.new.clone_from(&latency);
        let subscribers = Deliveries { living: 9, stalled: 1, delivered: 18_000, latency, ..Deliveries::default() };
        let second = |second| Second { second, offered: 1000, new: 1000, p99_ms: Some(19.8), ..Second::default() };
        let database = Work { commits: 100, inputs_per_commit: 20.0, commits_per_callback: 0.05, postgres: None };
        let run = Run {
            label: "run <1>".into(),
            summary,
            processes: Vec::new(),
            service_cpu_us_per_callback: 120.0,
            database,
            subscribers: Some(subscribers),
            timeline: vec![second(0), second(1)],
            faults: Vec::new(),
        };
        let tried = Try { rate: 1000.0, held: true, goodput_per_second: 998.0, p99_ms: 19.8 };
        Report {
            command: "paystate bench".into(),
            version: "0",
            at: "2026-11-22 10:00:00".into(),
            machine: Machine::here(),
            ground: "SQLite".into(),
            history: Some(History { callbacks: 10_000, filled: 10_000, seconds: 1.0, database_bytes: 1 << 24 }),
            peak: Some(Peak { rate: 1000.0, tries: vec![tried] }),
            runs: vec![run],
            burst: None,
            compare: None,
            baseline: None,
            audit: Some(None),
        }
    }

    #[test]
    fn json_has_the_names_that_scripts_read() {
        let value: serde_json::Value = serde_json::from_str(&json(&sample()).unwrap()).unwrap();
        let run = &value["runs"][0];
        for name in ["offered", "sent", "new", "duplicates", "refused", "unavailable", "no_answer", "not_sent", "wrong"]
        {
            assert!(run[name].is_u64(), "{name}: {run}");
        }
        assert_eq!(run["latency"]["new"]["p99_ms"], 19.8);
        assert_eq!(value["peak"]["rate"], 1000.0);
        assert_eq!(value["history"]["callbacks"], 10_000);
        let subscribers = &run["subscribers"];
        for name in ["living", "stalled", "delivered", "missing", "repeated", "ended"] {
            assert!(subscribers[name].is_u64(), "{name}: {run}");
        }
        assert_eq!(subscribers["latency"]["p99_ms"], 19.8);
        assert!(run["timeline"][1]["p99_ms"].is_f64() && run["faults"].as_array().unwrap().is_empty());
        assert!(value["machine"]["cores"].is_u64());
    }

    #[test]
    fn the_command_is_told_without_its_passwords() {
        let args = ["/a/b/paystate", "bench", "--database", "postgres://me:secret@h/d"].map(str::to_owned);
        assert_eq!(command(args.into_iter()), "paystate bench --database postgres://me@h/d");
        let args = ["paystate", "--redis=redis://:secret@h"].map(str::to_owned);
        assert_eq!(command(args.into_iter()), "paystate --redis=redis://@h");
    }

    #[test]
    fn a_fault_of_any_run_or_of_the_database_is_a_fault() {
        let mut report = sample();
        assert_eq!(report.faults().count(), 0);
        report.runs[0].faults.push("lost".into());
        report.audit = Some(Some("I3 BROKEN".into()));
        assert_eq!(report.faults().collect::<Vec<_>>(), ["lost", "I3 BROKEN"]);
    }
}
