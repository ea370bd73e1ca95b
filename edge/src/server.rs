//! The edge from its start to its end.

use std::{io, sync::Arc};

use tokio::{
    net::TcpListener,
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Accounts, Cores, Limits, Sources, accept, connection::Connections, core_health::CoreHealth, door::Doors,
    forwarder::Forwarder, ip_cap::IpCap, observe, rejections::Rejections, shed::Shed, site::Site, threads::Threads,
    verify::Verify,
};

/// What an edge is made of.
#[derive(Debug, Clone)]
pub struct Edge {
    /// The accounts whose callbacks it takes.
    pub accounts: Accounts,
    /// From where it takes them.
    pub sources: Sources,
    /// Its bounds.
    pub limits: Limits,
    /// The ways to the cores. They may be down at the start: until one is up, callbacks are answered 503.
    pub cores: Cores,
}

/// Takes callbacks on `listener` until `shutdown`, then drains.
///
/// At shutdown `/readyz` turns to 503 and every answer says `Connection: close`, after `unready_grace` accepting
/// and idle connections end, requests under way have `drain` to finish, and what is queued for the core has
/// `core_timeout` to leave.
///
/// # Errors
/// If `listener` is not a working socket, or threads cannot be started. Nothing that happens later is an error.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    edge: Edge,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    observe::describe();
    let limits = Arc::new(edge.limits.clone().at_least_possible());
    let mut workers = JoinSet::new();
    let site = open(edge, &limits, shutdown.clone(), &mut workers);
    let (draining, closing, tasks) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
    // Should the caller drop this future, the connections end with it.
    let (_drain_on_drop, _close_on_drop) = (draining.clone().drop_guard(), closing.clone().drop_guard());
    let connections = Connections {
        tls: TlsAcceptor::from(tls),
        site,
        cap: IpCap::new(limits.max_connections_per_ip),
        draining: draining.clone(),
        closing: closing.clone(),
    };
    tracing::info!(%address, "taking callbacks");

    let stop = async {
        shutdown.cancelled().await;
        tracing::info!("not ready any more");
        sleep(limits.unready_grace).await;
        draining.cancel();
        Ok(())
    };
    let threads = Threads::start()?;
    let (listener, slots, spawner) = (listener.into_std()?, limits.max_connections, tasks.clone());
    let accepting = threads.spawn(async move {
        let listener = TcpListener::from_std(listener)?;
        accept::run(listener, slots, connections, &spawner).await;
        io::Result::Ok(())
    });
    // An edge that no longer accepts must not look like one that does.
    let accepting = async { accepting.await.map_err(io::Error::other)? };
    tokio::try_join!(accepting, stop)?;

    tasks.close();
    if timeout(limits.drain, tasks.wait()).await.is_err() {
        tracing::warn!(connections = tasks.len(), "closing connections that did not end in time");
        closing.cancel();
        tasks.wait().await;
    }
    finish(workers, Instant::now() + limits.core_timeout).await;
    tracing::info!("stopped");
    Ok(())
}

fn open(edge: Edge, limits: &Arc<Limits>, shutdown: CancellationToken, workers: &mut JoinSet<()>) -> Arc<Site> {
    let health = Arc::new(CoreHealth::new(edge.cores.clone()));
    let forwarder = Forwarder::start(&edge.cores, limits, &health, workers);
    let rejections = Rejections::start(edge.cores, limits, workers);
    Arc::new(Site {
        doors: Doors::new(edge.accounts),
        sources: edge.sources,
        lines: observe::Lines::new(),
        proven_lines: observe::Lines::new(),
        unlisted_lines: observe::few_lines(),
        unrouted_lines: observe::few_lines(),
        limits: limits.clone(),
        shed: Shed::new(limits, Verify { forwarder, rejections: rejections.clone() }),
        rejections,
        health,
        shutdown,
    })
}

/// The workers end by themselves once the last request is gone and the queues are empty.
async fn finish(mut workers: JoinSet<()>, deadline: Instant) {
    while let Ok(Some(_)) = timeout_at(deadline, workers.join_next()).await {}
    if !workers.is_empty() {
        tracing::warn!("the core did not take all that was queued; the platforms will send it again");
    }
}
