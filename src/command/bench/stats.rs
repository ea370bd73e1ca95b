//! From samples to figures. Exact: every sample is kept, nothing is estimated from buckets.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    generator::{End, Sample},
    prepare::Callback,
};

/// What a send turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// The first acknowledgement of a callback.
    New,
    /// A further one.
    Duplicate,
    /// A forgery that was refused for good.
    Refused,
    /// Told to try again: 503 and the like.
    Unavailable,
    /// Sent, and no answer came in time.
    NoAnswer,
    /// No connection was free in time.
    NotSent,
    /// A forgery that was acknowledged, or a genuine callback that was refused for good.
    Wrong,
}

/// A sample and what it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged {
    pub(super) sample: Sample,
    pub(super) class: Class,
}

/// Says what each sample was. Sends that had nothing to send are left out: nothing was offered.
pub(super) fn judge(mut samples: Vec<Sample>, callbacks: &[Callback]) -> Vec<Judged> {
    // The first acknowledgement is the one that ended first.
    samples.sort_unstable_by_key(Sample::ended);
    let mut known = vec![false; callbacks.len()];
    let class = |sample: Sample| {
        let index = usize::try_from(sample.callback).unwrap_or(usize::MAX);
        let genuine = callbacks.get(index).is_some_and(|c| c.genuine);
        let class = match (sample.end, genuine) {
            (End::NothingLeft, _) => return None,
            (End::NotSent, _) => Class::NotSent,
            (End::NoAnswer, _) => Class::NoAnswer,
            (End::Answered { acknowledged: true, .. }, true) => {
                let known = known.get_mut(index).map(|known| std::mem::replace(known, true));
                if known == Some(true) { Class::Duplicate } else { Class::New }
            }
            (End::Answered { acknowledged: true, .. }, false) => Class::Wrong,
            (End::Answered { status: 408 | 429 | 500.., .. }, _) => Class::Unavailable,
            (End::Answered { .. }, false) => Class::Refused,
            (End::Answered { .. }, true) => Class::Wrong,
        };
        Some(Judged { sample, class })
    };
    samples.into_iter().filter_map(class).collect()
}

/// Figures of a time.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Summary {
    pub(super) seconds: f64,
    /// Sends that were due.
    pub(super) offered: u64,
    pub(super) sent: u64,
    pub(super) new: u64,
    pub(super) duplicates: u64,
    pub(super) refused: u64,
    pub(super) unavailable: u64,
    pub(super) no_answer: u64,
    pub(super) not_sent: u64,
    pub(super) wrong: u64,
    pub(super) statuses: BTreeMap<u16, u64>,
    pub(super) offered_per_second: f64,
    /// Callbacks acknowledged for the first time within the time, a second.
    pub(super) goodput_per_second: f64,
    pub(super) duplicates_per_second: f64,
    pub(super) latency: Latencies,
    /// Of all that were answered: from due to sent. High means that connections, or the generator, were short.
    pub(super) waited: Option<Latency>,
}

/// From due to answered, by what the answer was.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Latencies {
    pub(super) acknowledged: Option<Latency>,
    pub(super) new: Option<Latency>,
    pub(super) duplicate: Option<Latency>,
    pub(super) refused: Option<Latency>,
    pub(super) unavailable: Option<Latency>,
}

/// Milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Latency {
    pub(super) count: u64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
    pub(super) max_ms: f64,
    /// Percentile and latency, for a curve.
    pub(super) curve: Vec<(f64, f64)>,
}

/// Percentiles of a curve; each step halves or so what lies above.
const CURVE: [f64; 17] =
    [0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.8, 99.9, 99.95, 99.98, 99.99, 99.999, 100.0];

fn millis(micros: u32) -> f64 {
    f64::from(micros) / 1000.0
}

/// The smallest value that is not exceeded by this share of a sorted list.
fn percentile(sorted: &[u32], percent: f64) -> f64 {
    let above = (100.0 - percent) / 100.0 * count(sorted.len());
    // Counted from the top and rounded up, so that a percentile is never better than what was seen.
    // The least bit more, because 100 - 99.9 is a little under 0.1.
    let above = std::time::Duration::try_from_secs_f64((above + 1e-6).floor()).unwrap_or_default().as_secs();
    let index = sorted.len().saturating_sub(1).saturating_sub(usize::try_from(above).unwrap_or(usize::MAX));
    sorted.get(index).copied().map_or(0.0, millis)
}

/// Exact up to 2^53, which nothing here reaches.
pub(super) fn float(n: u64) -> f64 {
    n as f64
}

fn count(n: usize) -> f64 {
    float(count_of(n))
}

/// How many, as figures are counted.
pub(super) fn count_of(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

impl Latency {
    /// `None` without a value.
    pub(super) fn of(mut micros: Vec<u32>) -> Option<Self> {
        if micros.is_empty() {
            return None;
        }
        micros.sort_unstable();
        let at = |percent| percentile(&micros, percent);
        // A percentile that fewer than one value lies above says nothing that 100 does not.
        let meant = |p: &&f64| **p >= 100.0 || (100.0 - **p) / 100.0 * count(micros.len()) >= 1.0;
        Some(Self {
            count: count_of(micros.len()),
            p50_ms: at(50.0),
            p99_ms: at(99.0),
            p999_ms: at(99.9),
            max_ms: at(100.0),
            curve: CURVE.iter().filter(meant).map(|p| (*p, at(*p))).collect(),
        })
    }
}

fn latencies<'a>(judged: impl Iterator<Item = &'a Judged>) -> Option<Latency> {
    Latency::of(judged.map(|j| j.sample.latency).collect())
}

impl Summary {
    /// Of what was due in `from..to`, in microseconds from the start. The rates count what also ended in it, so
    /// that a backlog that is worked off later does not look like speed.
    pub(super) fn of(all: &[Judged], from: u32, to: u32) -> Self {
        let due = |j: &&Judged| (from..to).contains(&j.sample.due);
        let number = |class: Class| all.iter().filter(due).filter(|j| j.class == class).count();
        let total = |class: Class| count_of(number(class));
        let of = |class: Class| latencies(all.iter().filter(due).filter(|j| j.class == class));
        let seconds = f64::from(to.saturating_sub(from)) / 1e6;
        let ended = |class: Class| {
            let window = u64::from(from)..u64::from(to);
            count(all.iter().filter(|j| j.class == class && window.contains(&j.sample.ended())).count()) / seconds
        };
        let offered = all.iter().filter(due).count();
        let mut statuses = BTreeMap::new();
        for judged in all.iter().filter(due) {
            if let End::Answered { status, .. } = judged.sample.end {
                *statuses.entry(status).or_insert(0) += 1;
            }
        }
        let answered = |j: &&Judged| matches!(j.sample.end, End::Answered { .. });
        Self {
            seconds,
            offered: count_of(offered),
            sent: count_of(offered - number(Class::NotSent)),
            new: total(Class::New),
            duplicates: total(Class::Duplicate),
            refused: total(Class::Refused),
            unavailable: total(Class::Unavailable),
            no_answer: total(Class::NoAnswer),
            not_sent: total(Class::NotSent),
            wrong: total(Class::Wrong),
            statuses,
            offered_per_second: count(offered) / seconds,
            goodput_per_second: ended(Class::New),
            duplicates_per_second: ended(Class::Duplicate),
            latency: Latencies {
                acknowledged: latencies(
                    all.iter().filter(due).filter(|j| matches!(j.class, Class::New | Class::Duplicate)),
                ),
                new: of(Class::New),
                duplicate: of(Class::Duplicate),
                refused: of(Class::Refused),
                unavailable: of(Class::Unavailable),
            },
            waited: Latency::of(all.iter().filter(due).filter(answered).map(|j| j.sample.waited).collect()),
        }
    }

    /// Whether everything that was offered came to its right end.
    pub(super) fn clean(&self) -> bool {
        self.unavailable + self.no_answer + self.not_sent + self.wrong == 0
    }
}

/// One second.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Second {
    pub(super) second: usize,
    /// Due in it.
    pub(super) offered: u64,
    /// Ended in it.
    pub(super) new: u64,
    pub(super) duplicates: u64,
    pub(super) refused: u64,
    pub(super) unavailable: u64,
    /// Given up in it, sent or not.
    pub(super) lost: u64,
    /// Of what was due in it and acknowledged; absent when nothing was.
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
}

/// The run second by second, until everything has ended.
pub(super) fn timeline(all: &[Judged]) -> Vec<Second> {
    let second = |micros: u64| usize::try_from(micros / 1_000_000).unwrap_or(usize::MAX);
    let last = all.iter().map(|j| second(j.sample.ended())).max().unwrap_or(0);
    let mut seconds: Vec<Second> = (0..=last).map(|second| Second { second, ..Second::default() }).collect();
    let mut latencies = vec![Vec::new(); seconds.len()];
    for judged in all {
        let due = second(judged.sample.due.into());
        if let Some(at) = seconds.get_mut(due) {
            at.offered += 1;
        }
        if let Some(at) = seconds.get_mut(second(judged.sample.ended())) {
            *match judged.class {
                Class::New => &mut at.new,
                Class::Duplicate => &mut at.duplicates,
                Class::Refused => &mut at.refused,
                Class::Unavailable => &mut at.unavailable,
                Class::NoAnswer | Class::NotSent | Class::Wrong => &mut at.lost,
            } += 1;
        }
        if let (Class::New | Class::Duplicate, Some(at)) = (judged.class, latencies.get_mut(due)) {
            at.push(judged.sample.latency);
        }
    }
    for (second, latencies) in seconds.iter_mut().zip(latencies) {
        let latency = Latency::of(latencies);
        second.p50_ms = latency.as_ref().map(|l| l.p50_ms);
        second.p99_ms = latency.map(|l| l.p99_ms);
    }
    seconds
}

#[cfg(test)]
mod tests {
    use paystate_providers::Provider;

    use super::*;

    fn callbacks(genuine: &[bool]) -> Vec<Callback> {
        let one = |genuine: &bool| Callback { provider: Provider::Alipay, genuine: *genuine, bytes: Box::default() };
        genuine.iter().map(one).collect()
    }

    fn sample(callback: u32, due: u32, latency: u32, end: End) -> Sample {
        Sample { callback, due, waited: 0, latency, end }
    }

    const ACK: End = End::Answered { status: 200, acknowledged: true };
    const SHED: End = End::Answered { status: 503, acknowledged: false };
    const NO: End = End::Answered { status: 400, acknowledged: false };

    #[test]
    fn percentiles_are_values_that_were_seen_and_never_flatter() {
        let latency = Latency::of((1..=1000).map(|n| n * 1000).collect()).unwrap();
        assert_eq!((latency.p50_ms, latency.p99_ms, latency.p999_ms, latency.max_ms), (500.0, 990.0, 999.0, 1000.0));
        let one = Latency::of(vec![7000]).unwrap();
        assert_eq!((one.p50_ms, one.p999_ms, one.curve.last()), (7.0, 7.0, Some(&(100.0, 7.0))));
        // With ten values the worst is 10 % of them: no percentile above 90 may hide it.
        let ten = Latency::of((1..=10).map(|n| n * 1000).collect()).unwrap();
        assert_eq!(ten.p99_ms, 10.0);
        assert_eq!(Latency::of(Vec::new()), None);
    }

    #[test]
    fn the_first_acknowledgement_is_new_whichever_was_due_first() {
        let samples = vec![sample(0, 0, 900, ACK), sample(0, 100, 100, ACK), sample(0, 200, 50_000, ACK)];
        let judged = judge(samples, &callbacks(&[true]));
        let classes: Vec<_> = judged.iter().map(|j| (j.sample.due, j.class)).collect();
        assert_eq!(classes, [(100, Class::New), (0, Class::Duplicate), (200, Class::Duplicate)]);
    }

    #[test]
    fn everything_ends_in_exactly_one_class() {
        let ends = [(0, ACK), (0, ACK), (1, NO), (1, ACK), (0, NO), (0, SHED), (1, SHED)];
        let more = [(0, End::NoAnswer), (0, End::NotSent), (0, End::NothingLeft)];
        let samples = ends.iter().chain(&more).zip(0..).map(|((c, end), due)| sample(*c, due, 1, *end)).collect();
        let judged = judge(samples, &callbacks(&[true, false]));
        let summary = Summary::of(&judged, 0, 1_000_000);
        let s = &summary;
        assert_eq!((s.offered, s.sent, s.new, s.duplicates, s.refused), (9, 8, 1, 1, 1));
        assert_eq!((s.unavailable, s.no_answer, s.not_sent, s.wrong), (2, 1, 1, 2));
        assert_eq!(s.sent, s.new + s.duplicates + s.refused + s.unavailable + s.no_answer + s.wrong);
        assert_eq!(s.statuses, BTreeMap::from([(200, 3), (400, 2), (503, 2)]));
        assert!(!s.clean());
    }

    #[test]
    fn what_ends_after_the_time_is_no_goodput_of_it() {
        let samples = vec![sample(0, 0, 10, ACK), sample(1, 500_000, 2_000_000, ACK)];
        let judged = judge(samples, &callbacks(&[true, true]));
        let summary = Summary::of(&judged, 0, 1_000_000);
        assert_eq!((summary.new, summary.goodput_per_second, summary.offered_per_second), (2, 1.0, 2.0));
    }

    #[test]
    fn a_stall_shows_in_the_second_in_which_its_callers_came() {
        let samples = vec![sample(0, 100, 10, ACK), sample(1, 1_500_000, 3_000_000, ACK)];
        let seconds = timeline(&judge(samples, &callbacks(&[true, true])));
        assert_eq!(seconds.len(), 5);
        assert_eq!((seconds[1].offered, seconds[1].new, seconds[1].p99_ms), (1, 0, Some(3000.0)));
        assert_eq!((seconds[4].offered, seconds[4].new, seconds[4].p99_ms), (0, 1, None));
    }
}
