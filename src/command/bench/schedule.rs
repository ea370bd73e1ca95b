//! When callbacks are due: fixed before the clock starts, whatever the service does then.
//!
//! This is what makes the load *open*: a service that stalls finds everything that was due meanwhile waiting
//! for it, and each of those is measured from the moment at which it was due.

use rand::{RngExt as _, rngs::StdRng};

use super::options::Spacing;

/// A time with one rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stretch {
    /// Callbacks a second.
    pub(super) rate: f64,
    pub(super) seconds: f64,
    /// Whether callbacks that were not acknowledged are offered again, as platforms do, instead of new ones.
    pub(super) again: bool,
}

impl Stretch {
    pub(super) fn new(rate: f64, seconds: f64) -> Self {
        Self { rate, seconds, again: false }
    }

    /// How many callbacks to expect, rounded up.
    pub(super) fn expected(&self) -> usize {
        let seconds = std::time::Duration::from_secs_f64((self.rate * self.seconds).ceil());
        usize::try_from(seconds.as_secs()).unwrap_or(usize::MAX)
    }
}

/// Something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// Microseconds from the start.
    pub(super) at: u32,
    /// The stretch that it belongs to.
    pub(super) stretch: usize,
}

/// Seconds as microseconds; longer than 71 minutes is 71 minutes.
pub(super) fn micros(seconds: f64) -> u32 {
    let duration = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// Everything that is due, in order of time.
pub(super) fn write(stretches: &[Stretch], spacing: Spacing, dice: &mut StdRng) -> Vec<Due> {
    let mut due = Vec::with_capacity(stretches.iter().map(Stretch::expected).sum());
    let mut begin = 0.0;
    for (number, stretch) in stretches.iter().enumerate() {
        // The time of the next one, in units of the mean gap.
        let mut gaps = 0.0;
        loop {
            if spacing == Spacing::Poisson {
                // The gaps of a Poisson process are exponential. 1 - x is never 0.
                gaps -= (1.0 - dice.random::<f64>()).ln();
            }
            let at = gaps / stretch.rate;
            if at >= stretch.seconds {
                break;
            }
            due.push(Due { at: micros(begin + at), stretch: number });
            if spacing == Spacing::Constant {
                gaps += 1.0;
            }
        }
        begin += stretch.seconds;
    }
    due
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn dice(seed: u64) -> StdRng {
        StdRng::seed_from_u64(seed)
    }

    #[test]
    fn constant_is_even_and_exact() {
        let due = write(&[Stretch::new(4.0, 2.0)], Spacing::Constant, &mut dice(1));
        let at: Vec<_> = due.iter().map(|d| d.at).collect();
        assert_eq!(at, [0, 250_000, 500_000, 750_000, 1_000_000, 1_250_000, 1_500_000, 1_750_000]);
    }

    #[test]
    fn poisson_keeps_its_rate_and_its_irregularity() {
        let due = write(&[Stretch::new(1000.0, 20.0)], Spacing::Poisson, &mut dice(1));
        assert!((19_400..20_600).contains(&due.len()), "{}", due.len());
        assert!(due.is_sorted_by_key(|d| d.at));
        // In a Poisson process as many gaps are longer than ln 2 of the mean as are shorter.
        let long = due.windows(2).filter(|w| w[1].at - w[0].at > 693).count();
        assert!((9_300..10_700).contains(&long), "{long}");
    }

    #[test]
    fn stretches_follow_each_other() {
        let due = write(&[Stretch::new(10.0, 1.0), Stretch::new(100.0, 1.0)], Spacing::Constant, &mut dice(1));
        let count = |n| due.iter().filter(|d| d.stretch == n).count();
        assert_eq!((count(0), count(1)), (10, 100));
        assert!(due.iter().all(|d| (d.stretch == 1) == (d.at >= 1_000_000)));
    }

    #[test]
    fn the_same_seed_is_the_same_load() {
        let of = |seed| write(&[Stretch::new(50.0, 5.0)], Spacing::Poisson, &mut dice(seed));
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }
}
