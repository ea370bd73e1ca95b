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
use tokio::time::{MissedTickBehavior, interval, sleep};
use tonic::{Code, Request};

use crate::Health;

/// One question to the core.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the core is asked how far behind the subscription is.
const LOOK: Duration = Duration::from_secs(5);

/// Creates the subscription if it is missing: everything, from the earliest event. An existing one is used as it is.
pub(crate) async fn ensure(core: &Channel, name: &str) -> Result<(), Refusal> {
    let mut backoff = Backoff::default();
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
        tracing::warn!(%refusal, "cannot reach the core; trying again");
        sleep(backoff.wait()).await;
    }
}

/// Asks again and again how far behind it is. On a quiet log, this is also how a missing core is noticed.
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
