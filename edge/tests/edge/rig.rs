//! An edge with one account, its core, and what is needed to talk to it.

use std::{net::SocketAddr, sync::Arc};

use paystate_edge::{Account, Accounts, Cores, Edge, Limits, Sources, serve, tls_config};
use paystate_providers::Provider;
use rustls::ClientConfig;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::{
    client::{Client, PATIENCE, trusting},
    core::Core,
    platform::Fake,
};

pub(crate) const PATH: &str = "/callback/alipay/shop";
/// Another account of every rig, which only the test of the log uses.
pub(crate) const LOGGED: &str = "/callback/alipay/logged";

pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) core: Core,
    pub(crate) shutdown: CancellationToken,
    pub(crate) served: JoinHandle<std::io::Result<()>>,
    asked: watch::Sender<usize>,
    pub(crate) trust: Arc<ClientConfig>,
}

impl Rig {
    pub(crate) async fn start(limits: Limits) -> Self {
        let (core, channel) = Core::start().await;
        Self::with_core(limits, core, channel).await
    }

    pub(crate) async fn with_sources(sources: Sources, limits: Limits) -> Self {
        let (core, channel) = Core::start().await;
        Self::with_all(sources, limits, core, [channel]).await
    }

    pub(crate) async fn with_core(limits: Limits, core: Core, channel: Channel) -> Self {
        Self::with_cores(limits, core, [channel]).await
    }

    /// An edge with several ways; `core` is where one of them leads.
    pub(crate) async fn with_cores(limits: Limits, core: Core, channels: impl IntoIterator<Item = Channel>) -> Self {
        Self::with_all(Sources::default(), limits, core, channels).await
    }

    async fn with_all(
        sources: Sources,
        limits: Limits,
        core: Core,
        channels: impl IntoIterator<Item = Channel>,
    ) -> Self {
        let cores = Cores::new(channels.into_iter().enumerate().map(|(n, c)| (format!("core {n}"), c)));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let tls = tls_config(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes()).unwrap();
        let asked = watch::Sender::new(0);
        let account =
            Account { provider: Provider::Alipay, platform: Arc::new(Fake { asked: asked.clone() }), api: None };
        let accounts = Accounts::from(["shop", "logged"].map(|name| (name.to_owned(), account.clone())));
        let edge = Edge { accounts, sources, limits, cores };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(serve(listener, tls, edge, shutdown.clone()));
        Self { address, core, shutdown, served, asked, trust: trusting(made.cert.der().clone()) }
    }

    pub(crate) async fn connect(&self) -> Client {
        self.try_connect().await.unwrap()
    }

    pub(crate) async fn try_connect(&self) -> std::io::Result<Client> {
        self.connect_behind(&[]).await
    }

    /// Connects, and sends these bytes before the handshake.
    pub(crate) async fn connect_behind(&self, header: &[u8]) -> std::io::Result<Client> {
        Client::connect(self.address, header, self.trust.clone()).await
    }

    /// Waits until the platform was asked to verify `count` callbacks.
    pub(crate) async fn verified(&self, count: usize) {
        let mut asked = self.asked.subscribe();
        timeout(PATIENCE, asked.wait_for(|n| *n >= count)).await.expect("not verified in time").unwrap();
    }

    pub(crate) fn asked(&self) -> usize {
        *self.asked.borrow()
    }
}
