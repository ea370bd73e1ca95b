//! Statements out of the book, and what was planted in them.

use paystate_providers::Provider;

use super::Sandbox;
use crate::statement::{self, Blemish, Date, Line};

impl Sandbox {
    /// The statement of a day as the platform tells it, oldest line first.
    #[must_use]
    pub fn statement(&self, provider: Provider, day: Date) -> Vec<Line> {
        self.blemished(provider, statement::lines(self.inner.book().state().ledger(), provider, day))
    }

    /// From now on a platform's statements are wrong about a payment (`out_trade_no`) or refund (`out_refund_no`). The
    /// last word counts.
    pub fn blemish(&self, provider: Provider, number: &str, blemish: Blemish) {
        let mut all = self.inner.blemishes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.insert((provider, number.to_owned()), blemish);
    }

    /// The same by time, in seconds since the Unix epoch: from `from` on and before `to`.
    pub(crate) fn statement_between(&self, provider: Provider, from: i64, to: i64) -> Vec<Line> {
        self.blemished(provider, statement::lines_between(self.inner.book().state().ledger(), provider, from, to))
    }

    fn blemished(&self, provider: Provider, lines: Vec<Line>) -> Vec<Line> {
        let all = self.inner.blemishes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if all.is_empty() {
            return lines;
        }
        let told = |line: Line| {
            let number = if line.out_refund_no.is_empty() { &line.out_trade_no } else { &line.out_refund_no };
            match all.get(&(provider, number.clone())) {
                None => Some(line),
                Some(Blemish::Missing) => None,
                Some(Blemish::Amount(amount_minor)) => Some(Line { amount_minor: *amount_minor, ..line }),
                Some(Blemish::Fee(fee_minor)) => Some(Line { fee_minor: *fee_minor, ..line }),
            }
        };
        lines.into_iter().filter_map(told).collect()
    }
}
