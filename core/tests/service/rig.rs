//! A core on an empty database.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use paystate_core::{
    Account, Accounts, PlatformRules,
    commit::Limits,
    compensate::Settings,
    guard::LocalGuard,
    order::AccountName,
    seal::Sealer,
    service::{Parts, serve},
    store::sqlite::SqliteStore,
};
use paystate_proto::v1;
use paystate_rpc::Callers;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// Longer than anything under test: what has not come by then does not come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) database: PathBuf,
    pub(crate) shutdown: CancellationToken,
    pub(crate) served: JoinHandle<Result<(), tonic::transport::Error>>,
    _dir: tempfile::TempDir,
}

impl Rig {
    pub(crate) async fn start(callers: Callers, drain_delay: Duration) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("core.db");
        let parts = Parts {
            store: Arc::new(SqliteStore::open(&database).await.unwrap()),
            guard: Arc::new(LocalGuard::default()),
            sealer: Sealer::new("k1", &BTreeMap::from([("k1".to_owned(), (0..32).collect::<Vec<u8>>())])).unwrap(),
            accounts: Accounts::from([(
                AccountName::parse("shop").unwrap(),
                Account { platform: PlatformRules { name: "alipay", ..PlatformRules::default() }, calls: None },
            )]),
            limits: Limits::default(),
            compensate: Settings::default(),
            callers,
            drain_delay,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let served = tokio::spawn(serve(listener, parts, shutdown.clone()));
        Self { address, database, shutdown, served, _dir: dir }
    }
}

pub(crate) fn order(order_id: &str) -> v1::CreateOrderRequest {
    let amount = Some(v1::Money { amount_minor: 1999, currency: "CNY".into() });
    v1::CreateOrderRequest { order_id: order_id.into(), amount, ..Default::default() }
}

pub(crate) fn watch(order_id: &str) -> v1::WatchOrderRequest {
    v1::WatchOrderRequest { order_id: order_id.into(), until_cancelled: true }
}
