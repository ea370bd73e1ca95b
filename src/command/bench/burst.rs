//! Far more than the service can take, and what is left of it afterwards.
//!
//! Half of the peak, five times the peak, half of the peak again, without a pause. During the burst the callers
//! are platforms with a backlog: what was refused or not answered is offered again. Afterwards the platforms'
//! own ladders bring in the rest, with time compressed.

use serde::Serialize;

use super::{
    super::say,
    generator::Sample,
    load::{Bench, Job, Measured, Run, Sold},
    options::Options,
    plan::{Arrival, What},
    report,
    schedule::{Stretch, micros},
    search::{LATEST_MS, Peak},
    stack::Stack,
    stats::{self, Class, Judged, Latency, Summary, count_of},
};
use paystate_sandbox::press::retry_after;

/// How much more than the peak is offered.
const TIMES: f64 = 5.0;
/// Seconds of half the peak before and after.
const BEFORE: f64 = 5.0;
const AFTER: f64 = 20.0;
/// Callbacks prepared for the burst, as a share of what the peak would take in. More than the peak is taken in:
/// there every batch is full, and nobody asks for 250 ms.
const SPARE: f64 = 2.0;
/// Normal is this many good seconds in a row.
const STEADY: u32 = 3;
/// Signatures go stale after five minutes.
const LONGEST: f64 = 180.0;

/// What the burst did.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Burst {
    /// The burst alone.
    pub(super) during: Summary,
    /// Sends that found every callback acknowledged already: that much less was offered.
    pub(super) nothing_left: u64,
    /// Goodput in it over the peak.
    pub(super) share_of_peak: f64,
    /// Seconds after its end until every callback was acknowledged in time again, for three seconds in a row;
    /// absent if never.
    pub(super) normal_after_seconds: Option<u32>,
    pub(super) ladder: Vec<Step>,
    /// Orders whose platforms gave up.
    pub(super) unpaid: u64,
}

/// One step of the platforms' ladders.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Step {
    pub(super) sends: u64,
    pub(super) acknowledged: u64,
}

/// A callback that is still to be acknowledged, and when it was last tried, in microseconds before now.
struct Open {
    number: u32,
    tried: u32,
}

pub(super) async fn run(
    bench: &Bench,
    stack: &mut Stack,
    options: &Options,
    peak: &Peak,
) -> Result<(Burst, Run), String> {
    let seconds = options.seconds();
    if seconds > LONGEST {
        return Err(format!("--seconds: a burst takes at most {LONGEST}; signatures would go stale"));
    }
    let half = |seconds| Stretch::new(peak.rate / 2.0, seconds);
    let flood = Stretch { rate: peak.rate * TIMES, seconds, again: true };
    let job = Job {
        stretches: vec![half(BEFORE), flood, half(AFTER)],
        pool: Stretch::new(peak.rate * SPARE, seconds).expected(),
        settle: true,
        ..Job::new("burst", 0.0, 0.0)
    };
    let Measured { mut run, judged, mut sold, nothing_left } = bench.measure(stack, &job).await?;
    let (begin, end) = (micros(BEFORE), micros(BEFORE + seconds));
    let during = Summary::of(&judged, begin, end);
    let share_of_peak = during.goodput_per_second / peak.rate;
    // The retries take a while; somebody who does not wait for them has seen this.
    say(&report::table::during(&during, share_of_peak));
    let ladder = ladder(bench, stack, &mut sold, &judged, options.time_compression).await?;
    let paid = sold.shop.paid(&sold.names, sold.blanks.len()).await?;
    let unpaid = sold.blanks.iter().zip(paid).filter(|(blank, paid)| blank.genuine && !paid).count();
    if unpaid > 0 {
        run.faults.push(format!("{unpaid} orders are not PAID after the platforms' last retries"));
    }
    let burst = Burst {
        nothing_left,
        share_of_peak,
        normal_after_seconds: normal_after(&judged, end, micros(BEFORE + seconds + AFTER)),
        during,
        ladder,
        unpaid: count_of(unpaid),
    };
    Ok((burst, run))
}

/// Whole seconds after `end` until everything that was due was acknowledged in time, for a while.
fn normal_after(judged: &[Judged], end: u32, last: u32) -> Option<u32> {
    let seconds = last.saturating_sub(end) / 1_000_000;
    let normal = |second: u32| {
        let from = end + second * 1_000_000;
        let due = || judged.iter().filter(move |j| (from..from + 1_000_000).contains(&j.sample.due));
        let latency = Latency::of(due().map(|j| j.sample.latency).collect());
        due().all(|j| matches!(j.class, Class::New | Class::Duplicate | Class::Refused))
            && latency.is_none_or(|l| l.p99_ms <= LATEST_MS)
    };
    (0..seconds.saturating_sub(STEADY - 1)).find(|first| (*first..first + STEADY).all(normal))
}

/// The platforms' retries, step by step, until all is acknowledged or every platform has given up.
async fn ladder(
    bench: &Bench,
    stack: &Stack,
    sold: &mut Sold,
    judged: &[Judged],
    time_compression: u32,
) -> Result<Vec<Step>, String> {
    let mut open = still_open(sold, judged);
    let mut steps = Vec::new();
    for round in 0.. {
        let arrivals = arrivals(&open, sold, round, time_compression);
        if arrivals.is_empty() {
            break;
        }
        let sends = count_of(arrivals.len());
        bench.sign_again(sold, &arrivals).await?;
        let (samples, _) = bench.send(stack, sold, arrivals, Vec::new(), &[]).await?;
        open = remaining(open, &samples, sold);
        let acknowledged = sends.saturating_sub(count_of(open.len()));
        say(&format!("retries, round {}: {acknowledged} of {sends} acknowledged", round + 1));
        steps.push(Step { sends, acknowledged });
    }
    Ok(steps)
}

/// Genuine callbacks without an acknowledgement, with their last try.
fn still_open(sold: &Sold, judged: &[Judged]) -> Vec<Open> {
    let mut last: Vec<Option<u64>> = sold.callbacks.iter().map(|c| c.genuine.then_some(0)).collect();
    let now = judged.iter().map(|j| j.sample.ended()).max().unwrap_or(0);
    for judged in judged {
        let last = usize::try_from(judged.sample.callback).ok().and_then(|n| last.get_mut(n));
        match (judged.class, last) {
            (Class::New | Class::Duplicate, Some(last)) => *last = None,
            (_, Some(Some(last))) => *last = judged.sample.ended().max(*last),
            (_, Some(None) | None) => {}
        }
    }
    let open = |(number, last): (u32, Option<u64>)| {
        Some(Open { number, tried: u32::try_from(now.saturating_sub(last?)).unwrap_or(u32::MAX) })
    };
    (0..).zip(last).filter_map(open).collect()
}

/// When each open callback is sent again. A platform that has given up sends no more.
fn arrivals(open: &[Open], sold: &Sold, round: usize, time_compression: u32) -> Vec<Arrival> {
    let again = |open: &Open| {
        let provider = usize::try_from(open.number).ok().and_then(|n| sold.blanks.get(n))?.provider;
        let wait = micros(retry_after(provider, round, time_compression)?.as_secs_f64());
        Some((i64::from(wait) - i64::from(open.tried), open.number))
    };
    let mut due: Vec<_> = open.iter().filter_map(again).collect();
    due.sort_unstable();
    // Waits are compressed, and may have ended before the tries did. The retries are as far apart as the tries were all
    // the same: a platform does not save them up.
    let late = due.first().map_or(0, |(first, _)| (*first).min(0));
    let arrival =
        |(due, number)| Arrival { at: u32::try_from(due - late).unwrap_or(u32::MAX), what: What::This(number) };
    due.into_iter().map(arrival).collect()
}

/// What is open after a step.
fn remaining(open: Vec<Open>, samples: &[Sample], sold: &Sold) -> Vec<Open> {
    let judged = stats::judge(samples.to_vec(), &sold.callbacks);
    let sent: std::collections::BTreeSet<u32> = open.iter().map(|o| o.number).collect();
    still_open(sold, &judged).into_iter().filter(|o| sent.contains(&o.number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::bench::generator::End;

    fn judged(due: u32, latency: u32, class: Class) -> Judged {
        Judged { sample: Sample { callback: 0, due, waited: 0, latency, end: End::NotSent }, class }
    }

    #[test]
    fn normal_is_a_row_of_good_seconds() {
        let second = 1_000_000;
        let good = |at: u32| judged(at * second + 1, 1_000, Class::New);
        let all = |bad: &[Judged]| [&(10..20).map(good).collect::<Vec<_>>(), bad].concat();
        let after = |bad: &[Judged]| normal_after(&all(bad), 10 * second, 20 * second);
        assert_eq!(after(&[]), Some(0));
        assert_eq!(after(&[judged(12 * second, 1_000, Class::Unavailable)]), Some(3));
        let late = |at: u32| judged(at * second, 900_000, Class::New);
        assert_eq!(after(&[late(11), late(14)]), Some(5));
        assert_eq!(after(&[late(12), late(15), late(18)]), None);
    }
}
