//! The highest rate that the service holds: up in steps until it does not, then halving what is between.

use serde::Serialize;

use super::stats::{Latency, Summary};

/// Acknowledgements later than this are too late.
pub(super) const LATEST_MS: f64 = 250.0;
/// Where the search begins, callbacks a second.
const FIRST: f64 = 500.0;
/// How far a step goes up or down.
const STEP: f64 = 1.6;
/// The search ends when the rate that failed is at most this much above the one that was held.
const CLOSE: f64 = 1.06;
/// Below and above this there is nothing to find.
const RANGE: std::ops::RangeInclusive<f64> = 1.0..=500_000.0;

/// One rate that was tried.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Try {
    pub(super) rate: f64,
    pub(super) held: bool,
    pub(super) goodput_per_second: f64,
    pub(super) p99_ms: f64,
}

/// What the search found.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Peak {
    /// Callbacks a second.
    pub(super) rate: f64,
    pub(super) tries: Vec<Try>,
}

impl Try {
    /// Held: everything came to its right end, and in time.
    pub(super) fn of(rate: f64, summary: &Summary) -> Self {
        let latency = |l: &Option<Latency>| l.as_ref().map_or(f64::INFINITY, |l| l.p99_ms);
        let p99_ms = latency(&summary.latency.acknowledged);
        let held = summary.clean() && p99_ms <= LATEST_MS;
        Self { rate, held, goodput_per_second: summary.goodput_per_second, p99_ms }
    }
}

/// Searches with `attempt`, which offers a rate and says how it went.
pub(super) async fn peak(mut attempt: impl AsyncFnMut(f64) -> Result<Try, String>) -> Result<Peak, String> {
    let mut tries = Vec::new();
    let mut held: Option<f64> = None;
    let mut failed: Option<f64> = None;
    loop {
        let rate = match (held, failed) {
            (None, None) => FIRST,
            (Some(held), None) => held * STEP,
            (None, Some(failed)) => failed / STEP,
            (Some(held), Some(failed)) if failed / held <= CLOSE => return Ok(Peak { rate: held, tries }),
            (Some(held), Some(failed)) => (held * failed).sqrt(),
        };
        if !RANGE.contains(&rate) {
            return match held {
                Some(rate) => Ok(Peak { rate, tries }),
                None => Err("not even one callback a second is held".to_owned()),
            };
        }
        let tried = attempt(rate).await?;
        *(if tried.held { &mut held } else { &mut failed }) = Some(rate);
        tries.push(tried);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn search(limit: f64) -> Result<Peak, String> {
        let attempt = async |rate| Ok(Try { rate, held: rate <= limit, goodput_per_second: rate, p99_ms: 1.0 });
        peak(attempt).await
    }

    #[tokio::test]
    async fn finds_the_limit_from_below_and_from_above() {
        for limit in [3.0, 499.0, 500.0, 4_400.0, 10_600.0, 123_456.0] {
            let peak = search(limit).await.unwrap();
            assert!(peak.rate <= limit && peak.rate * CLOSE >= limit, "{limit}: {}", peak.rate);
            assert!(peak.tries.len() <= 25, "{limit}: {} tries", peak.tries.len());
        }
    }

    #[tokio::test]
    async fn a_service_that_holds_nothing_is_an_error_and_not_a_figure() {
        assert!(search(0.0).await.is_err());
        assert!(search(f64::INFINITY).await.unwrap().rate <= *RANGE.end());
    }

    #[test]
    fn late_or_refused_is_not_held() {
        let latency = |p99_ms| Some(Latency { p99_ms, ..Latency::default() });
        let mut summary = Summary::default();
        assert!(!Try::of(1.0, &summary).held, "nothing was acknowledged");
        summary.latency.acknowledged = latency(250.0);
        assert!(Try::of(1.0, &summary).held);
        summary.latency.acknowledged = latency(250.1);
        assert!(!Try::of(1.0, &summary).held);
        summary.latency.acknowledged = latency(1.0);
        summary.unavailable = 1;
        assert!(!Try::of(1.0, &summary).held);
    }
}
