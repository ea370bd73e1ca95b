//! What a core does from time to time: it shows on the metrics page what is waiting, and has the database prepare its
//! months.
//!
//! Contract: everything here is read from the shared database, so it is the same at every core, and nothing depends on
//! it. What cannot be read keeps its last value, and the log says so.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use metrics::gauge;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::now,
    feed::Durable,
    intake::Accounts,
    order::{CaseKind, SubscriptionName, Timestamp},
    reconcile::Day,
    store::{Store, StoreError},
};

/// How often what is waiting is counted.
const COUNT_INTERVAL: Duration = Duration::from_secs(15);
/// A task that has waited longer than this to be claimed is overdue.
const OVERDUE: Duration = Duration::from_secs(60);
/// How often the backlog of subscriptions is counted, which reads the log.
const SUBSCRIPTIONS_INTERVAL: Duration = Duration::from_secs(60);
/// How often the coming months are looked after.
const MONTHS_INTERVAL: Duration = Duration::from_secs(6 * 3600);
/// Subscriptions that are read at once.
const PAGE: u32 = 100;

pub(super) struct Upkeep {
    pub(super) store: Arc<dyn Store>,
    pub(super) durable: Durable,
    pub(super) accounts: Accounts,
    pub(super) closing: CancellationToken,
}

impl Upkeep {
    pub(super) async fn run(self) {
        let (mut prepared, mut listed, mut shown) = (Instant::now(), Instant::now(), BTreeSet::new());
        let on = async {
            loop {
                sleep(COUNT_INTERVAL).await;
                self.count().await;
                if listed.elapsed() >= SUBSCRIPTIONS_INTERVAL {
                    listed = Instant::now();
                    if let Err(error) = self.subscriptions(&mut shown).await {
                        tracing::warn!(%error, "cannot list subscriptions");
                    }
                }
                if prepared.elapsed() >= MONTHS_INTERVAL {
                    prepared = Instant::now();
                    if let Err(error) = self.store.prepare_months().await {
                        tracing::warn!(%error, "the coming months are not prepared");
                    }
                }
            }
        };
        tokio::select! {
            () = self.closing.cancelled() => {}
            () = on => {}
        }
    }

    /// Counts each thing by itself: what cannot be counted does not keep the rest from being counted.
    async fn count(&self) {
        for counted in [self.cases().await, self.tasks().await, self.reconciliations().await] {
            if let Err(error) = counted {
                tracing::warn!(%error, "cannot count what waits");
            }
        }
    }

    async fn cases(&self) -> Result<(), StoreError> {
        let open = self.store.count_open_cases().await?;
        for kind in CaseKind::ALL {
            let open = open.get(&kind).copied().unwrap_or(0);
            gauge!("paystate_cases_open", "kind" => kind.as_str()).set(exact(i64::try_from(open).unwrap_or(i64::MAX)));
        }
        Ok(())
    }

    async fn tasks(&self) -> Result<(), StoreError> {
        let at = now();
        let overdue = self.store.tasks().overdue(at.before(OVERDUE), at).await?;
        gauge!("paystate_tasks_overdue").set(exact(overdue.count));
        gauge!("paystate_tasks_overdue_seconds").set(age(overdue.oldest, at));
        Ok(())
    }

    /// Until when the record of each account was compared with its platform's statement; 0 where it never was.
    async fn reconciliations(&self) -> Result<(), StoreError> {
        let days = self.store.reconciliations().latest().await?;
        for (name, account) in self.accounts.iter().filter(|(_, account)| account.calls.is_some()) {
            let day = days.get(name).and_then(|date| Day::parse(date, &account.platform.day));
            let until = day.map_or(0, |day| day.end().0 / 1_000_000);
            gauge!("paystate_reconciled_until_seconds", "account" => name.to_string()).set(exact(until));
        }
        Ok(())
    }

    /// `shown` are the subscriptions that are on the page.
    async fn subscriptions(&self, shown: &mut BTreeSet<SubscriptionName>) -> Result<(), StoreError> {
        let (mut page, mut found) = (None, BTreeSet::new());
        let head = self.store.log().state().await?.head;
        loop {
            let some = self.store.subscriptions().list(page.as_ref(), PAGE).await?;
            for subscription in some.rows {
                match self.durable.lag(&subscription).await {
                    Ok(lag) => {
                        let waits = age(lag.backlog.oldest, now());
                        set_lag(&subscription.name, lag.backlog.count, waits, lag.aside);
                        set_behind(&subscription.name, head - subscription.position());
                    }
                    Err(error) => {
                        tracing::warn!(%error, subscription = %subscription.name, "cannot count what waits");
                    }
                }
                found.insert(subscription.name);
            }
            page = some.next;
            if page.is_none() {
                break;
            }
        }
        // One that is gone waits for nothing.
        for name in shown.difference(&found) {
            set_lag(name, 0, 0.0, 0);
            set_behind(name, 0);
        }
        *shown = found;
        Ok(())
    }
}

fn set_lag(name: &SubscriptionName, backlog: i64, seconds: f64, aside: i64) {
    let gauge = |what: &'static str| gauge!(what, "subscription" => name.to_string());
    gauge("paystate_subscription_backlog").set(exact(backlog));
    gauge("paystate_subscription_backlog_seconds").set(seconds);
    gauge("paystate_subscription_parked").set(exact(aside));
}

fn set_behind(name: &SubscriptionName, revisions: i64) {
    gauge!("paystate_subscription_revisions_behind", "subscription" => name.to_string()).set(exact(revisions));
}

fn age(of: Option<Timestamp>, at: Timestamp) -> f64 {
    of.map_or(0.0, |of| exact(at.0.saturating_sub(of.0) / 1_000_000))
}

/// A number for a gauge: exact up to 2^32, which is more than any count here, and the year 2106. Another core's clock
/// may be ahead, so negative values are shown as 0.
fn exact(number: i64) -> f64 {
    f64::from(u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}
