//! The figures for a terminal.

use std::fmt::Write as _;

use super::{
    super::{
        burst::Burst,
        compare::Compare,
        database::Work,
        history::History,
        load::Run,
        search::Try,
        stats::{Latency, Summary},
        subscribers::Deliveries,
    },
    Report,
};

/// A rate or a count with thousands apart.
pub(super) fn whole(n: f64) -> String {
    let digits = format!("{:.0}", n.max(0.0));
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn count(n: u64) -> String {
    whole(super::super::stats::float(n))
}

/// Milliseconds with as many digits as mean something.
pub(super) fn millis(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.2}"),
        ms if ms < 100.0 => format!("{ms:.1}"),
        ms => whole(ms),
    }
}

/// A step of a search.
pub(in crate::command::bench) fn tried(tried: &Try, summary: &Summary) -> String {
    let mark = if tried.held { "held    " } else { "not held" };
    format!(
        "  {mark} {:>8}/s offered {:>8}/s new   p99 {:>8} ms   unavailable {}, lost {}",
        whole(tried.rate),
        whole(tried.goodput_per_second),
        millis(tried.p99_ms),
        count(summary.unavailable),
        count(summary.no_answer + summary.not_sent)
    )
}

/// A burst, its retries aside.
pub(in crate::command::bench) fn during(during: &Summary, share_of_peak: f64) -> String {
    format!(
        "burst: {}/s offered, {}/s new: {:.0} % of the peak; unavailable {} with p99 {} ms",
        whole(during.offered_per_second),
        whole(during.goodput_per_second),
        share_of_peak * 100.0,
        count(during.unavailable),
        during.latency.unavailable.as_ref().map_or("-".to_owned(), |l| millis(l.p99_ms))
    )
}

/// All of it.
pub(in crate::command::bench) fn render(report: &Report) -> String {
    let m = &report.machine;
    let mut out = format!("\n{}\n{} x {}, Linux {}\n{}\n", report.command, m.cores, m.cpu, m.kernel, report.ground);
    report.history.iter().for_each(|h| history(&mut out, h));
    if !m.optimised {
        out.push_str("This binary was built without --release: its figures say nothing about speed.\n");
    }
    report.runs.iter().for_each(|r| run(&mut out, r));
    if let Some(peak) = &report.peak {
        let _ = writeln!(out, "\npeak {} callbacks/s (p99 <= 250 ms, nothing refused or lost)", whole(peak.rate));
    }
    report.burst.iter().for_each(|b| burst(&mut out, b));
    report.compare.iter().for_each(|c| compare(&mut out, c));
    if let Some(baseline) = &report.baseline {
        let tries = baseline.tries.iter().map(|(clients, rate)| format!("{clients}: {}", whole(*rate)));
        let tries = tries.collect::<Vec<_>>().join(", ");
        let _ = writeln!(out, "\npgbench, transactions/s by clients: {tries}");
        let _ = writeln!(out, "{:.2} x the best of them", baseline.ratio);
    }
    out.push('\n');
    match &report.audit {
        Some(None) => out.push_str("Every acknowledged callback's order is PAID; the invariants hold.\n"),
        None => out.push_str("Every acknowledged callback's order was looked up; the invariants were not checked.\n"),
        Some(Some(_)) => {}
    }
    report.faults().for_each(|fault| {
        let _ = writeln!(out, "FAULT: {fault}");
    });
    out.trim_end().to_owned()
}

fn run(out: &mut String, run: &Run) {
    let s = &run.summary;
    let _ = writeln!(out, "\n{}", run.label);
    let rates = [
        ("offered", s.offered, Some(s.offered_per_second)),
        ("sent", s.sent, None),
        ("new", s.new, Some(s.goodput_per_second)),
        ("duplicates", s.duplicates, Some(s.duplicates_per_second)),
        ("refused", s.refused, None),
        ("unavailable", s.unavailable, None),
        ("no answer", s.no_answer, None),
        ("not sent", s.not_sent, None),
        ("wrong", s.wrong, None),
    ];
    for (name, number, rate) in rates.iter().filter(|(name, n, _)| *n > 0 || matches!(*name, "new" | "no answer")) {
        let rate = rate.map(|r| format!("{:>10}/s", whole(r))).unwrap_or_default();
        let _ = writeln!(out, "  {name:<12}{:>12}{rate}", count(*number));
    }
    let statuses = s.statuses.iter().map(|(status, n)| format!("{status}: {}", count(*n)));
    let _ = writeln!(out, "  answers     {}", statuses.collect::<Vec<_>>().join(", "));
    let _ = writeln!(out, "  {:<12}{:>10}{:>10}{:>10}{:>10}", "ms", "p50", "p99", "p99.9", "max");
    let l = &s.latency;
    let rows = [
        ("new", &l.new),
        ("duplicate", &l.duplicate),
        ("refused", &l.refused),
        ("unavailable", &l.unavailable),
        ("wait to send", &s.waited),
    ];
    rows.iter().for_each(|(name, latency)| latencies(out, name, latency.as_ref()));
    run.subscribers.iter().for_each(|s| subscribers(out, s));
    if !run.processes.is_empty() {
        let _ = writeln!(out, "  {:<12}{:>10}{:>14}{:>12}", "process", "CPU s", "us/callback", "peak MiB");
    }
    for process in &run.processes {
        let mebibytes = super::super::stats::float(process.peak_memory_bytes) / 1_048_576.0;
        let (cpu, each) = (process.cpu_seconds, process.cpu_us_per_callback);
        let _ = writeln!(out, "  {:<12}{cpu:>10.2}{each:>14.1}{:>12}", process.name, whole(mebibytes));
    }
    let _ = writeln!(out, "  service CPU {:.1} us/callback (all but the generator)", run.service_cpu_us_per_callback);
    database(out, &run.database);
}

fn latencies(out: &mut String, name: &str, latency: Option<&Latency>) {
    if let Some(l) = latency {
        let [p50, p99, p999, max] = [l.p50_ms, l.p99_ms, l.p999_ms, l.max_ms].map(millis);
        let _ = writeln!(out, "  {name:<12}{p50:>10}{p99:>10}{p999:>10}{max:>10}");
    }
}

fn subscribers(out: &mut String, seen: &Deliveries) {
    latencies(out, "event", seen.latency.as_ref());
    let _ = write!(
        out,
        "  events      {} delivered to {} streams ({}/s), {} missing",
        count(seen.delivered),
        count(seen.living),
        whole(seen.delivered_per_second),
        count(seen.missing)
    );
    let more =
        [(seen.repeated, "twice"), (seen.ended, "streams ended"), (seen.stalled, "more streams that read nothing")];
    for (n, what) in more.iter().filter(|(n, _)| *n > 0) {
        let _ = write!(out, ", {} {what}", count(*n));
    }
    out.push('\n');
}

fn history(out: &mut String, history: &History) {
    let mebibytes = super::super::stats::float(history.database_bytes) / 1_048_576.0;
    let _ = writeln!(
        out,
        "{} callbacks in the database before the first run, {} of them filled in within {:.0} s; {} MiB",
        count(history.callbacks),
        count(history.filled),
        history.seconds,
        whole(mebibytes)
    );
}

fn database(out: &mut String, work: &Work) {
    let _ = writeln!(
        out,
        "  commits     {} of {:.1} inputs, {:.3} a callback",
        count(work.commits),
        work.inputs_per_commit,
        work.commits_per_callback
    );
    let Some(postgres) = &work.postgres else { return };
    let _ = write!(
        out,
        "  PostgreSQL  {} transactions, {} rolled back, {} deadlocks",
        postgres.transactions, postgres.rollbacks, postgres.deadlocks
    );
    let each = [
        (postgres.wal_syncs_per_callback, "WAL syncs"),
        (postgres.wal_bytes_per_callback, "WAL bytes"),
        (postgres.statements_per_callback, "statements"),
    ];
    for (n, what) in each.iter().filter_map(|(n, what)| n.map(|n| (n, what))) {
        let _ = write!(out, ", {n:.3} {what}");
    }
    out.push_str(" a callback\n");
}

fn burst(out: &mut String, burst: &Burst) {
    let _ = writeln!(out, "\n{}", during(&burst.during, burst.share_of_peak));
    if burst.nothing_left > 0 {
        let _ = writeln!(out, "{} sends found nothing left to send: less was offered", count(burst.nothing_left));
    }
    let normal = burst.normal_after_seconds.map_or("not back to normal".to_owned(), |s| format!("normal after {s} s"));
    let steps = burst.ladder.iter().map(|s| format!("{} of {}", count(s.acknowledged), count(s.sends)));
    let _ = writeln!(
        out,
        "{normal}; retries acknowledged: {}; {} orders unpaid",
        steps.collect::<Vec<_>>().join(", "),
        count(burst.unpaid)
    );
}

fn compare(out: &mut String, compare: &Compare) {
    let _ = writeln!(
        out,
        "\n{}/s as it is (peak {}), {}/s with {} (peak {}): {:.2} x",
        whole(compare.goodput_per_second),
        whole(compare.peak.rate),
        whole(compare.goodput_with_setting_per_second),
        compare.setting,
        whole(compare.peak_with_setting.rate),
        compare.ratio
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!([0.0, 999.4, 1000.0, 10_000_000.0].map(whole), ["0", "999", "1,000", "10,000,000"]);
        assert_eq!([0.123, 12.34, 1234.5].map(millis), ["0.12", "12.3", "1,234"]);
    }

    #[test]
    fn the_table_says_what_was_found() {
        let text = render(&super::super::tests::sample());
        let events = "18,000 delivered to 9 streams (0/s), 0 missing, 1 more streams that read nothing";
        let past = "10,000 callbacks in the database before the first run";
        for expected in ["run <1>", "2,000", "p99.9", events, past, "peak 1,000 callbacks/s", "the invariants hold"] {
            assert!(text.contains(expected), "{expected:?} is missing in {text}");
        }
    }
}
