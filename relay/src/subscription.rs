//! The durable subscription that keeps a relay's position.

use std::{convert::Infallible, time::Duration};

use metrics::gauge;
use paystate_client::{
    Backoff, Channel, Refusal,
    v1::{
        CreateSubscriptionRequest, GetSubscriptionRequest, Position, Subscription, position::At,
        subscription_service_client::SubscriptionServiceClient,
    },
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tonic::{Code, Request};

use crate::Health;

/// One question to the core.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the core is asked how far behind the subscription is.
const LOOK: Duration = Duration::from_secs(5);
/// How often it is said that no core is reached; it is tried far more often.
const REMINDER: Duration = Duration::from_secs(30);

/// Creates the subscription if it is missing: everything, from the earliest event. An existing one is used as it is.
pub(crate) async fn ensure(core: &Channel, name: &str) -> Result<(), Refusal> {
    let (mut backoff, mut said) = (Backoff::default(), None);
    loop {
        let refusal = match read(core, name).await {
            Ok(_) => return Ok(()),
            Err(refusal) if refusal.code == Code::NotFound => match create(core, name).await {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            },
            Err(refusal) => refusal,
        };
        // Another relay was faster, or our first try succeeded after all.
        if refusal.code == Code::AlreadyExists {
            return Ok(());
        }
        if !refusal.may_pass() {
            return Err(refusal);
        }
        if is_due(&mut said, Instant::now()) {
            tracing::warn!(%refusal, "cannot reach a core of relay.core; trying again, and again until one answers");
        }
        sleep(backoff.wait()).await;
    }
}

/// Whether something that goes on is to be said now: at first, and then once in a while.
fn is_due(said: &mut Option<Instant>, now: Instant) -> bool {
    let due = said.is_none_or(|said| now.duration_since(said) >= REMINDER);
    if due {
        *said = Some(now);
    }
    due
}

/// Asks again and again how far behind it is. That is also how a core is missed on a quiet log.
pub(crate) async fn watch(core: &Channel, name: &str, health: &Health) -> Infallible {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        match read(core, name).await {
            Ok(subscription) => {
                health.heard();
                show(&subscription);
            }
            Err(refusal) => tracing::debug!(%refusal, "cannot read the subscription"),
        }
    }
}

fn show(subscription: &Subscription) {
    let age = subscription.backlog_age.as_ref().map_or(0, |age| age.seconds);
    gauge!("paystate_relay_backlog").set(exact(subscription.backlog_count));
    gauge!("paystate_relay_backlog_seconds").set(exact(age));
    gauge!("paystate_relay_acknowledged_revision").set(exact(subscription.acknowledged_revision));
}

/// A gauge is a float: exact up to 2^53.
#[allow(clippy::cast_precision_loss, reason = "no log is that long")]
fn exact(n: i64) -> f64 {
    n as f64
}

async fn read(core: &Channel, name: &str) -> Result<Subscription, Refusal> {
    let mut request = Request::new(GetSubscriptionRequest { name: name.to_owned() });
    request.set_timeout(PATIENCE);
    let read = SubscriptionServiceClient::new(core.clone()).get_subscription(request).await?;
    Ok(read.into_inner().subscription.unwrap_or_default())
}

async fn create(core: &Channel, name: &str) -> Result<(), Refusal> {
    let mut request = Request::new(CreateSubscriptionRequest {
        name: name.to_owned(),
        position: Some(Position { at: Some(At::Earliest(true)) }),
        ..CreateSubscriptionRequest::default()
    });
    request.set_timeout(PATIENCE);
    SubscriptionServiceClient::new(core.clone()).create_subscription(request).await?;
    tracing::info!(subscription = name, "made; it begins at the earliest event");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_is_away_is_told_of_at_first_and_then_once_in_a_while() {
        let start = Instant::now();
        let mut said = None;
        let due: Vec<u64> =
            (0..=61_000).step_by(500).filter(|ms| is_due(&mut said, start + Duration::from_millis(*ms))).collect();
        assert_eq!(due, [0, 30_000, 60_000]);
    }
}
