//! The roles of one process: listeners first, all of them, then everything that stands on them.
//!
//! Stopping goes from the outside in: the edge drains into a core that is still there.

use std::{net::SocketAddr, sync::Arc};

use paystate_core::{
    compensate::{self, Platforms},
    guard::{self, Guard, LocalGuard, RedisGuard},
    service,
    store::Store,
};
use paystate_edge::{
    Edge,
    gateway::{Gateway, GatewayLimits, serve_gateway},
};
use paystate_relay::{Health, Relay};
use paystate_rpc::{Callers, Servers};
use paystate_sandbox::{Sandbox, Settings};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use crate::{
    config::{self, Bound, Config, Problem, Problems, Way},
    metrics_page::{self, Ready},
};

/// Where the roles are reached. Absent for roles that do not run here.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Addresses {
    pub(crate) core: Option<SocketAddr>,
    pub(crate) core_metrics: Option<SocketAddr>,
    pub(crate) edge: Option<SocketAddr>,
    pub(crate) gateway: Option<SocketAddr>,
    pub(crate) edge_metrics: Option<SocketAddr>,
    pub(crate) relay_metrics: Option<SocketAddr>,
    pub(crate) sandbox: Option<SocketAddr>,
}

/// Listeners of everything that the configuration asks for.
pub(crate) struct Listeners {
    core: Option<TcpListener>,
    core_metrics: Option<TcpListener>,
    edge: Option<TcpListener>,
    gateway: Option<TcpListener>,
    edge_metrics: Option<TcpListener>,
    relay_metrics: Option<TcpListener>,
    sandbox: Option<TcpListener>,
}

async fn listen(problems: &mut Problems, at: &str, address: Option<SocketAddr>) -> Option<TcpListener> {
    let address = address?;
    let bound = TcpListener::bind(address).await;
    let hint = |e| format!("cannot listen on {address}: {e}; stop what uses it, or choose another port");
    problems.take(at, bound.map_err(hint))
}

/// Binds every address, or says which are taken.
pub(crate) async fn bind(config: &Config) -> Result<Listeners, Vec<Problem>> {
    let mut problems = Problems::default();
    let p = &mut problems;
    let (core, edge) = (config.core.as_ref(), config.edge.as_ref());
    let listeners = Listeners {
        core: listen(p, "core.listen", core.map(|c| c.listen)).await,
        core_metrics: listen(p, "core.metrics_listen", core.map(|c| c.metrics_listen)).await,
        edge: listen(p, "edge.listen", edge.map(|e| e.listen)).await,
        gateway: listen(p, "edge.gateway_listen", edge.map(|e| e.gateway_listen)).await,
        edge_metrics: listen(p, "edge.metrics_listen", edge.map(|e| e.metrics_listen)).await,
        relay_metrics: listen(p, "relay.metrics_listen", config.relay.as_ref().map(|r| r.metrics_listen)).await,
        sandbox: listen(p, "sandbox.listen", config.sandbox.as_ref().map(|s| s.listen)).await,
    };
    problems.none(Some(listeners))
}

impl Listeners {
    /// Where edge and sandbox are, if both run here.
    pub(crate) fn bound(&self) -> Option<Bound> {
        let addresses = self.addresses();
        Some(Bound { edge: addresses.edge?, sandbox: addresses.sandbox? })
    }

    pub(crate) fn addresses(&self) -> Addresses {
        let at = |l: &Option<TcpListener>| l.as_ref().and_then(|l| l.local_addr().ok());
        Addresses {
            core: at(&self.core),
            core_metrics: at(&self.core_metrics),
            edge: at(&self.edge),
            gateway: at(&self.gateway),
            edge_metrics: at(&self.edge_metrics),
            relay_metrics: at(&self.relay_metrics),
            sandbox: at(&self.sandbox),
        }
    }
}

/// Running roles.
pub(crate) struct Stack {
    pub(crate) addresses: Addresses,
    pub(crate) sandbox: Option<Sandbox>,
    outer: Ring,
    inner: Ring,
}

/// Roles that stop together; each ends with why it ended, if that was not asked for.
struct Ring {
    stop: CancellationToken,
    roles: JoinSet<Result<(), String>>,
}

impl Ring {
    fn new() -> Self {
        Self { stop: CancellationToken::new(), roles: JoinSet::new() }
    }

    /// Stops all of them, whatever becomes of one; answers with the first failure.
    async fn drain(&mut self) -> Result<(), String> {
        self.stop.cancel();
        let mut result = Ok(());
        while let Some(ended) = self.roles.join_next().await {
            result = result.and(ended.map_err(|e| e.to_string()).flatten());
        }
        result
    }
}

/// What can fail at the start, opened before anything runs.
struct Opened {
    store: Option<Arc<dyn Store>>,
    sandbox: Option<Sandbox>,
}

async fn open(config: &Config, edge: Option<SocketAddr>) -> Result<Opened, Vec<Problem>> {
    let mut problems = Problems::default();
    let mut opened = Opened { store: None, sandbox: None };
    if let Some(core) = &config.core {
        let store = core.database.open().await.map_err(|e| format!("{}: {e}", core.database));
        opened.store = problems.take("core.database", store);
    }
    if let Some(section) = &config.sandbox {
        let settings = Settings {
            data_dir: section.data_dir.clone(),
            edge_url: edge.map_or_else(|| section.edge_url.clone(), |a| format!("https://{a}")),
            edge_ca_pem: section.edge_certificate_pem.clone(),
            time_compression: section.time_compression,
            request_timeout: Settings::DEFAULT_REQUEST_TIMEOUT,
            clock_behind: section.clock_behind,
        };
        opened.sandbox = problems.take("sandbox", Sandbox::open(settings).await);
    }
    problems.none(Some(opened))
}

/// Starts every role of the configuration, or none. Those that run in this process are joined to each other
/// by their bound addresses.
pub(crate) async fn start(config: Config, listeners: Listeners) -> Result<Stack, Vec<Problem>> {
    let addresses = listeners.addresses();
    about(&config);
    let opened = open(&config, addresses.edge).await?;
    let (mut outer, mut inner) = (Ring::new(), Ring::new());

    if let (Some(core), Some(store), Some(listener)) = (config.core, opened.store, listeners.core) {
        let edges = Some(core.edges).filter(|ways| !ways.is_empty());
        let platforms = edges.map(|ways| Platforms::new(servers(ways, addresses.gateway, "core.edge")));
        let parts = service::Parts {
            store: store.clone(),
            guard: guard(core.redis),
            sealer: core.sealer,
            accounts: config.known,
            limits: core.commit,
            compensate: compensate::Settings { platforms, ..core.compensate },
            callers: core.callers,
            drain_delay: core.drain_delay,
        };
        warn_of_plaintext("core.listen", core.listen, &parts.callers);
        let stop = inner.stop.clone();
        inner.roles.spawn(async move {
            let served = service::serve(listener, parts, stop).await;
            store.close().await;
            served.map_err(|e| format!("core: {e}"))
        });
        page(&mut inner, listeners.core_metrics, None);
    }
    if let (Some(edge), Some(listener)) = (config.edge, listeners.edge) {
        let (cores, delay) = (servers(edge.cores, addresses.core, "edge.core"), edge.limits.unready_grace);
        let gateway = Gateway::new(config.accounts.clone(), GatewayLimits::default());
        let parts = Edge { accounts: config.accounts, sources: edge.sources, limits: edge.limits, cores };
        let stop = outer.stop.clone();
        let run = async move {
            paystate_edge::serve(listener, edge.tls, parts, stop).await.map_err(|e| format!("edge: {e}"))
        };
        outer.roles.spawn(run);
        if let Some(listener) = listeners.gateway {
            let stop = outer.stop.clone();
            warn_of_plaintext("edge.gateway_listen", edge.gateway_listen, &edge.gateway_callers);
            let run = async move {
                let served = serve_gateway(listener, edge.gateway_callers, gateway, stop, delay).await;
                served.map_err(|e| format!("gateway: {e}"))
            };
            outer.roles.spawn(run);
        }
        page(&mut outer, listeners.edge_metrics, None);
    }
    if let Some(section) = config.relay {
        let health = Health::default();
        let (relay, stop) = (relay(section, health.clone()), outer.stop.clone());
        outer.roles.spawn(async move { relay.run(stop).await.map_err(|e| format!("relay: {e}")) });
        let ready: Ready = Arc::new(move || health.ready().map_err(|why| why.to_string()));
        page(&mut outer, listeners.relay_metrics, Some(ready));
    }
    if let (Some(section), Some(platforms), Some(listener)) = (config.sandbox, &opened.sandbox, listeners.sandbox) {
        let (platforms, stop) = (platforms.clone(), outer.stop.clone());
        outer.roles.spawn(async move {
            let served = paystate_sandbox::serve(listener, section.tls, platforms, stop).await;
            served.map_err(|e| format!("sandbox: {e}"))
        });
    }
    Ok(Stack { addresses, sandbox: opened.sandbox, outer, inner })
}

/// The guard: Redis where there is one for all cores, otherwise this core's own memory.
fn guard(redis: Option<guard::redis::Address>) -> Arc<dyn Guard> {
    match redis {
        Some(address) => Arc::new(RedisGuard::start(address, guard::Limits::default())),
        None => Arc::new(LocalGuard::default()),
    }
}

/// Servers of ours: only the one in this process, if there is one. `at` is where the ways are written.
fn servers(mut ways: Vec<Way>, here: Option<SocketAddr>, at: &str) -> Servers {
    if let Some(address) = here {
        ways.truncate(1);
        for way in &mut ways {
            let scheme = if way.tls.is_some() { "https" } else { "http" };
            if let Ok(endpoint) = Endpoint::from_shared(format!("{scheme}://{address}")) {
                way.endpoint = endpoint;
            }
        }
    }
    Servers::new(ways.into_iter().map(|way| (way.endpoint.uri().to_string(), open_way(way, at))))
}

/// The channel of a way that is written in `at`.
fn open_way(Way { endpoint, tls }: Way, at: &str) -> Channel {
    if tls.is_none() && !config::is_loopback(&endpoint) {
        tracing::warn!(to = %endpoint.uri(), "{at}: what platforms said goes this way in plaintext");
    }
    paystate_rpc::channel(endpoint, tls)
}

fn relay(section: config::Relay, health: Health) -> Relay {
    let ways = section.cores.into_iter().map(|way| open_way(way, "relay.core"));
    Relay {
        core: paystate_client::Channel::of(ways.collect()),
        subscription: section.subscription,
        address: section.rabbitmq,
        format: section.format,
        health,
    }
}

/// What runs here, and until when its certificates let it.
fn about(config: &Config) {
    metrics_page::install();
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    tracing::info!(version = VERSION, "starting");
    metrics::gauge!("paystate_build_info", "version" => VERSION).set(1.0);
    for certificate in &config.certificates {
        let ends = u32::try_from(certificate.ends.as_second()).unwrap_or(u32::MAX);
        metrics::gauge!("paystate_certificate_expiry_seconds", "certificate" => certificate.at.clone())
            .set(f64::from(ends));
        let now = jiff::Timestamp::now();
        if let Some(problem) = certificate.problem(now) {
            tracing::error!("{problem}");
        }
        if let Some(warning) = certificate.warning(now) {
            tracing::warn!("{warning}");
        }
    }
}

/// Said at each start, because nothing else shows it.
fn warn_of_plaintext(at: &str, address: SocketAddr, callers: &Callers) {
    match callers {
        Callers::Anybody if address.ip().is_loopback() => {
            tracing::info!("{at}: {address} is plaintext: whoever is on this machine has every role");
        }
        Callers::Anybody => tracing::warn!("{at}: {address} is plaintext: whoever reaches it has every role"),
        Callers::Certified { .. } => {}
    }
}

fn page(ring: &mut Ring, listener: Option<TcpListener>, ready: Option<Ready>) {
    if let Some(listener) = listener {
        let stop = ring.stop.clone();
        ring.roles.spawn(async move {
            metrics_page::serve(listener, ready, stop).await;
            Ok(())
        });
    }
}

impl Stack {
    /// Returns when a role ends by itself, which none should.
    pub(crate) async fn failed(&mut self) -> String {
        let ended = tokio::select! {
            Some(ended) = self.outer.roles.join_next() => ended,
            Some(ended) = self.inner.roles.join_next() => ended,
            else => return "nothing runs".to_owned(),
        };
        match ended {
            Ok(Ok(())) => "a role ended by itself".to_owned(),
            Ok(Err(why)) => why,
            Err(panic) => panic.to_string(),
        }
    }

    /// Stops from the outside in.
    pub(crate) async fn stop(mut self) -> Result<(), String> {
        let outer = self.outer.drain().await;
        let inner = self.inner.drain().await;
        outer.and(inner)
    }
}

#[cfg(test)]
mod tests {
    use paystate_core::store::PROVEN_REASONS;
    use paystate_providers::Reason;

    /// The core knows no platform's rules; what it keeps apart is what the verifiers say.
    #[test]
    fn the_core_keeps_the_reasons_apart_that_prove_a_signature() {
        for reason in Reason::ALL {
            assert_eq!(PROVEN_REASONS.contains(&reason.as_str()), reason.proves_signature(), "{}", reason.as_str());
        }
    }
}
