//! How often merchants call: what shows whether they keep to the rate that they promised.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use paystate_providers::Provider;

use crate::Stamp;

/// Seconds that are remembered.
const KEPT_SECONDS: i64 = 3600;

/// Calls in each second since the Unix epoch in which there were any.
pub(crate) type PerSecond = BTreeMap<i64, u32>;

/// Calls of each platform's APIs, whatever became of them.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<BTreeMap<Provider, PerSecond>>);

impl Calls {
    pub(crate) fn count(&self, provider: Provider) {
        self.count_at(provider, Stamp::now().seconds());
    }

    fn count_at(&self, provider: Provider, second: i64) {
        let mut all = self.all();
        let calls = all.entry(provider).or_default();
        *calls.entry(second).or_default() += 1;
        while calls.first_key_value().is_some_and(|(oldest, _)| *oldest <= second - KEPT_SECONDS) {
            calls.pop_first();
        }
    }

    /// The last hour.
    pub(crate) fn seen(&self) -> BTreeMap<Provider, PerSecond> {
        self.all().clone()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Provider, PerSecond>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_remembered() {
        let calls = Calls::default();
        for second in [1, 1, 2, 3600, 3601] {
            calls.count_at(Provider::Alipay, second);
        }
        assert_eq!(calls.seen()[&Provider::Alipay], BTreeMap::from([(2, 1), (3600, 1), (3601, 1)]));
    }
}
