//! The gRPC rim: protobuf to domain and back, error details, and nothing else.
//!
//! Health: the empty name and those of the services are SERVING while the database answers. What the guard
//! stands on is a name of its own (`redis`), which is NOT_SERVING while the core goes on without it.
//!
//! The caller owns the listener and the shutdown token. On shutdown the health service turns first; after
//! `drain_delay` the listener closes, streams end, calls under way finish, and the door closes after its queue is
//! empty.
//!
//! The way of a call: handshake -> `access` (who may) -> meter -> deadline -> a service.

mod access;
mod audit;
mod case;
mod convert;
mod error;
mod events;
mod explain;
mod ingest;
mod operations;
mod order;
mod page;
mod payment;
mod reconcile;
mod refund;
mod subscription;
mod upkeep;
mod watch;

use std::{sync::Arc, time::Duration};

use paystate_proto::v1;
use paystate_rpc::{AccessLayer, Callers, DeadlineLayer, MeterLayer};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::transport::Server;
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::{
    clock::now,
    commit::{Door, Limits},
    compensate::{Compensation, Settings},
    feed::{Bell, Durable, Feed},
    guard::{Backend, Guard},
    intake::{Accounts, Intake},
    reconcile::{Platform, Reconciler},
    seal::Sealer,
    store::Store,
};

/// Largest request: a full batch of callbacks.
const MAX_MESSAGE_BYTES: usize = 8 * 1024 * 1024;
/// Calls under way on one connection.
const MAX_CALLS: usize = 1024;
/// A call that takes longer has probably lost its caller.
const MAX_CALL_TIME: Duration = Duration::from_secs(30);
/// A statement may take longer to be sent and read than any other request.
const PATIENT_WITH: &str = "/paystate.v1.OperationsService/ImportStatement";
/// How often an idle connection is pinged, and how long it may take to answer before it is gone.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// From shutdown to the end of the last connection, and from there to the end of the last commit.
const DRAIN: Duration = Duration::from_secs(10);
/// How often the database is asked whether it is there.
const HEALTH_INTERVAL: Duration = Duration::from_secs(1);
/// A database that takes longer is not there.
const HEALTH_PATIENCE: Duration = Duration::from_secs(2);

/// Everything that the services stand on.
#[derive(Clone)]
pub struct Core {
    store: Arc<dyn Store>,
    door: Door,
    feed: Feed,
    durable: Durable,
    /// One for each stream of events that may be open.
    streams: Arc<Semaphore>,
    /// One for each order that may be watched.
    watches: Arc<Semaphore>,
    intake: Intake,
    compensation: Compensation,
    reconciler: Reconciler,
    /// Work that outlives the call that began it; it is waited for when the core stops.
    tasks: TaskTracker,
    /// Cancelled when streams shall end.
    closing: CancellationToken,
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("accounts", self.intake.accounts()).finish_non_exhaustive()
    }
}

/// What a core is made of.
pub struct Parts {
    /// The database, which is the truth.
    pub store: Arc<dyn Store>,
    /// Hints about duplicates and busy orders.
    pub guard: Arc<dyn Guard>,
    /// Keys for data at rest.
    pub sealer: Sealer,
    /// Accounts by short name.
    pub accounts: Accounts,
    /// How the door is sized.
    pub limits: Limits,
    /// How platforms are asked, and what becomes of cases.
    pub compensate: Settings,
    /// Who is let in, and what they may do.
    pub callers: Callers,
    /// From "not serving" to the end of accepting, so that callers that ask the health service can turn away first.
    pub drain_delay: Duration,
}

/// Serves until `shutdown`, then drains.
///
/// # Errors
/// The listener fails.
pub async fn serve(
    listener: TcpListener,
    parts: Parts,
    shutdown: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let (tasks, closing) = (TaskTracker::new(), CancellationToken::new());
    let bell = Bell::default();
    let feed = Feed::start(parts.store.log(), &bell, &tasks, &closing);
    let policy = Arc::new(parts.compensate.policy(&parts.accounts));
    let door = Door::open(parts.store.clone(), parts.guard.clone(), bell, parts.limits, policy, &tasks);
    let intake = Intake::new(parts.sealer, parts.accounts);
    let hands = (parts.store.clone(), door.clone(), intake.clone());
    let compensation = Compensation::start(parts.compensate, hands, &tasks, &closing);
    let platform = compensation.any_desk().map(|desk| Arc::new(desk.clone()) as Arc<dyn Platform>);
    let core = Core {
        reconciler: Reconciler::new(parts.store.clone(), door.clone(), platform, closing.clone()),
        tasks: tasks.clone(),
        durable: Durable::new(feed.clone(), parts.store.subscriptions(), tasks.clone(), closing.clone()),
        store: parts.store,
        door,
        feed,
        streams: Arc::new(Semaphore::new(events::MAX_STREAMS)),
        watches: Arc::new(Semaphore::new(watch::MAX_WATCHES)),
        intake,
        compensation,
        closing: closing.clone(),
    };
    let (store, durable, accounts) = (core.store.clone(), core.durable.clone(), core.intake.accounts().clone());
    tasks.spawn(upkeep::Upkeep { store, durable, accounts, closing: closing.clone() }.run());
    let (health, health_service) = tonic_health::server::health_reporter();
    let guard = parts.guard.clone();
    tasks.spawn(report_health(health, core.store.clone(), guard, shutdown.clone(), closing.clone()));
    tasks.spawn(close(shutdown, parts.drain_delay, closing.clone()));
    let server = Server::builder()
        .load_shed(true)
        .concurrency_limit_per_connection(MAX_CALLS)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .max_concurrent_streams(Some(1024))
        .layer(AccessLayer::new(access::RULES.iter().copied(), &parts.callers))
        .layer(MeterLayer::new())
        .layer(DeadlineLayer::new(MAX_CALL_TIME).patient_with(PATIENT_WITH))
        .add_service(health_service)
        .add_service(reflection_v1())
        .add_service(reflection_v1alpha())
        .add_service(v1::order_service_server::OrderServiceServer::new(core.clone()))
        .add_service(v1::operations_service_server::OperationsServiceServer::new(core.clone()))
        .add_service(v1::subscription_service_server::SubscriptionServiceServer::new(core.clone()))
        .add_service(
            v1::ingest_service_server::IngestServiceServer::new(core).max_decoding_message_size(MAX_MESSAGE_BYTES),
        )
        .serve_with_incoming_shutdown(
            paystate_rpc::incoming(listener, &parts.callers),
            closing.clone().cancelled_owned(),
        );
    let served = paystate_rpc::bounded(server, closing.clone(), DRAIN).await;
    closing.cancel();
    tasks.close();
    if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
        tracing::warn!("calls did not end in time");
    }
    served
}

/// Closes `delay` after shutdown.
async fn close(shutdown: CancellationToken, delay: Duration, closing: CancellationToken) {
    tokio::select! {
        () = async { shutdown.cancelled().await; tokio::time::sleep(delay).await } => closing.cancel(),
        () = closing.cancelled() => {}
    }
}

/// Serving while the database answers, until shutdown.
async fn report_health(
    health: HealthReporter,
    store: Arc<dyn Store>,
    guard: Arc<dyn Guard>,
    shutdown: CancellationToken,
    closing: CancellationToken,
) {
    let set = async |status: ServingStatus| {
        for name in SERVICES {
            health.set_service_status(*name, status).await;
        }
    };
    while !shutdown.is_cancelled() && !closing.is_cancelled() {
        if let Some(Backend { name, well }) = guard.backend() {
            health
                .set_service_status(name, if well { ServingStatus::Serving } else { ServingStatus::NotServing })
                .await;
        }
        match tokio::time::timeout(HEALTH_PATIENCE, store.ping()).await {
            Ok(Ok(())) => set(ServingStatus::Serving).await,
            Ok(Err(error)) => {
                tracing::error!(%error, "not serving");
                set(ServingStatus::NotServing).await;
            }
            Err(_) => {
                tracing::error!("not serving: the database does not answer");
                set(ServingStatus::NotServing).await;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(HEALTH_INTERVAL) => {}
            () = shutdown.cancelled() => {}
            () = closing.cancelled() => {}
        }
    }
    set(ServingStatus::NotServing).await;
    closing.cancelled().await;
    // Ends the streams of those who watch.
    let mut health = health;
    for name in SERVICES.iter().copied().chain(guard.backend().map(|b| b.name)) {
        health.clear_service_status(name).await;
    }
}

/// What the health service answers for; the empty name stands for the whole process.
const SERVICES: &[&str] = &[
    "",
    "paystate.v1.OrderService",
    "paystate.v1.OperationsService",
    "paystate.v1.SubscriptionService",
    "paystate.v1.IngestService",
];

/// Descriptors of the contract and of the error details, so that grpcurl can print an error whole.
fn reflection() -> tonic_reflection::server::Builder<'static> {
    let served = SERVICES.iter().filter(|name| !name.is_empty());
    let others =
        ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"];
    let named = tonic_reflection::server::Builder::configure();
    others
        .iter()
        .chain(served)
        .fold(named, |builder, name| builder.with_service_name(*name))
        .register_encoded_file_descriptor_set(paystate_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

#[allow(clippy::expect_used, reason = "the descriptors are constants of this build; a test builds both services")]
fn reflection_v1()
-> tonic_reflection::server::v1::ServerReflectionServer<impl tonic_reflection::server::v1::ServerReflection> {
    reflection().build_v1().expect("constant descriptors decode")
}

#[allow(clippy::expect_used, reason = "the descriptors are constants of this build; a test builds both services")]
fn reflection_v1alpha()
-> tonic_reflection::server::v1alpha::ServerReflectionServer<impl tonic_reflection::server::v1alpha::ServerReflection> {
    reflection().build_v1alpha().expect("constant descriptors decode")
}

#[cfg(test)]
mod tests {
    #[test]
    fn reflection_services_build() {
        drop((super::reflection_v1(), super::reflection_v1alpha()));
    }
}
