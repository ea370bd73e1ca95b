//! Which callback is due at which time: new ones, repetitions and forgeries, drawn by lot beforehand.
//!
//! One callback is one order: its number is the order's number too.

use paystate_providers::Provider;
use rand::{Rng as _, RngExt as _, rngs::StdRng};

use super::{
    options::Shape,
    schedule::{Due, Stretch, micros},
};

/// A repetition comes at most this long after the first send, in microseconds. Two platforms sign the time,
/// and the edge believes it for five minutes only.
const REPEATED_WITHIN: u32 = 120_000_000;
/// Different forgeries under way at a time; refused callbacks are not counted by content, so few will do.
const FORGERIES: usize = 500;

/// A callback that is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blank {
    pub(super) provider: Provider,
    /// Whether the platform signs it; otherwise a stranger does.
    pub(super) genuine: bool,
    /// When it is sent first, in microseconds from the start.
    pub(super) first: u32,
}

impl Blank {
    /// The time that it should carry, so that it is good whenever it is sent.
    pub(super) fn stamp(&self) -> u32 {
        self.first.saturating_add(REPEATED_WITHIN / 2)
    }
}

/// What is sent when it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The callback of this number.
    This(u32),
    /// The next one of the pool of those that are not acknowledged.
    Next,
}

/// One send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    /// When, in microseconds from the start.
    pub(super) at: u32,
    pub(super) what: What,
}

/// A whole load.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) blanks: Vec<Blank>,
    pub(super) arrivals: Vec<Arrival>,
    /// Numbers of the callbacks that [`What::Next`] sends.
    pub(super) pool: Vec<u32>,
}

/// Callbacks that may be sent again, oldest first.
#[derive(Default)]
struct Recent {
    numbers: Vec<u32>,
    begin: usize,
}

impl Recent {
    /// Those that were first sent not too long before `at`.
    fn at(&mut self, blanks: &[Blank], at: u32) -> &[u32] {
        let old = |n: &u32| {
            let blank = usize::try_from(*n).ok().and_then(|n| blanks.get(n));
            blank.is_none_or(|b| b.first.saturating_add(REPEATED_WITHIN) < at)
        };
        while self.numbers.get(self.begin).is_some_and(old) {
            self.begin += 1;
        }
        self.numbers.get(self.begin..).unwrap_or_default()
    }
}

fn one_of(numbers: &[u32], dice: &mut StdRng) -> Option<u32> {
    let bound = u32::try_from(numbers.len()).ok().filter(|n| *n > 0)?;
    let index = usize::try_from(dice.random_range(0..bound)).ok()?;
    numbers.get(index).copied()
}

/// Fills a schedule. `pool` callbacks are written for the stretches that offer the same ones again.
pub(super) fn write(due: &[Due], stretches: &[Stretch], shape: &Shape, pool: usize, dice: &mut StdRng) -> Plan {
    let mut plan = Plan::default();
    let (mut sent, mut forged) = (Recent::default(), Recent::default());
    for due in due {
        let again = stretches.get(due.stretch).is_some_and(|s| s.again);
        let what = if dice.random::<f64>() < shape.forgeries {
            let known = forged.at(&plan.blanks, due.at);
            let known = if known.len() < FORGERIES { None } else { one_of(known, dice) };
            What::This(known.unwrap_or_else(|| {
                let number = plan.add(shape, false, due.at, dice);
                forged.numbers.push(number);
                number
            }))
        } else if again {
            What::Next
        } else {
            let repeated = dice.random::<f64>() < shape.duplicates;
            let known = if repeated { one_of(sent.at(&plan.blanks, due.at), dice) } else { None };
            What::This(known.unwrap_or_else(|| {
                let number = plan.add(shape, true, due.at, dice);
                sent.numbers.push(number);
                number
            }))
        };
        plan.arrivals.push(Arrival { at: due.at, what });
    }
    let middle = micros(stretches.iter().map(|s| s.seconds).sum::<f64>() / 2.0);
    plan.pool = (0..pool).map(|_| plan.add(shape, true, middle, dice)).collect();
    plan
}

impl Plan {
    fn add(&mut self, shape: &Shape, genuine: bool, first: u32, dice: &mut StdRng) -> u32 {
        let number = u32::try_from(self.blanks.len()).unwrap_or(u32::MAX);
        let provider = shape.mix.pick(dice.next_u32() % shape.mix.total());
        self.blanks.push(Blank { provider, genuine, first });
        number
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng as _;

    use super::*;
    use crate::command::bench::{options::Spacing, schedule};

    fn shape(duplicates: f64, forgeries: f64) -> Shape {
        let mix = "alipay=3,stripe=1".parse().unwrap();
        let (seed, connections) = (1, 1);
        Shape { spacing: Spacing::Constant, mix, duplicates, forgeries, seed, connections, new_connections: false }
    }

    fn plan(stretches: &[Stretch], shape: &Shape, pool: usize) -> Plan {
        let mut dice = StdRng::seed_from_u64(shape.seed);
        let due = schedule::write(stretches, shape.spacing, &mut dice);
        write(&due, stretches, shape, pool, &mut dice)
    }

    fn of(plan: &Plan, arrival: &Arrival) -> Blank {
        let What::This(number) = arrival.what else { panic!("{arrival:?}") };
        plan.blanks[usize::try_from(number).unwrap()]
    }

    #[test]
    fn shares_and_mix_are_kept() {
        let plan = plan(&[Stretch::new(1000.0, 40.0)], &shape(0.9, 0.05), 0);
        assert_eq!(plan.arrivals.len(), 40_000);
        let forged = plan.arrivals.iter().filter(|a| !of(&plan, a).genuine).count();
        assert!((1_800..2_200).contains(&forged), "{forged}");
        assert!(plan.blanks.iter().filter(|b| !b.genuine).count() <= FORGERIES);
        let new = plan.blanks.iter().filter(|b| b.genuine).count();
        assert!((3_500..4_100).contains(&new), "{new}");
        let alipay = plan.blanks.iter().filter(|b| b.provider == Provider::Alipay).count() * 100 / plan.blanks.len();
        assert!((70..80).contains(&alipay), "{alipay} %");
    }

    #[test]
    fn without_duplicates_every_send_is_another_callback() {
        let plan = plan(&[Stretch::new(100.0, 5.0)], &shape(0.0, 0.0), 0);
        let numbers: HashSet<_> = plan.arrivals.iter().map(|a| format!("{:?}", a.what)).collect();
        assert_eq!((numbers.len(), plan.blanks.len()), (500, 500));
    }

    #[test]
    fn nothing_is_sent_before_its_first_time_nor_after_its_signature_has_gone_stale() {
        let plan = plan(&[Stretch::new(20.0, 600.0)], &shape(0.95, 0.05), 0);
        for arrival in &plan.arrivals {
            let blank = of(&plan, arrival);
            assert!(blank.first <= arrival.at, "{arrival:?} {blank:?}");
            assert!(blank.stamp().abs_diff(arrival.at) <= REPEATED_WITHIN / 2, "{arrival:?} {blank:?}");
        }
    }

    #[test]
    fn a_pool_stands_behind_the_stretches_that_repeat() {
        let again = Stretch { rate: 50.0, seconds: 2.0, again: true };
        let plan = plan(&[Stretch::new(10.0, 1.0), again], &shape(0.0, 0.0), 30);
        assert_eq!((plan.pool.len(), plan.blanks.len()), (30, 40));
        assert_eq!(plan.arrivals.iter().filter(|a| a.what == What::Next).count(), 100);
    }

    #[test]
    fn the_same_seed_is_the_same_plan() {
        let of = |seed| plan(&[Stretch::new(50.0, 5.0)], &Shape { seed, ..shape(0.5, 0.1) }, 0);
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }
}
