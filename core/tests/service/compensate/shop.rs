//! One or two cores on a database, and a platform that they can call.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use paystate_core::{
    Account, Accounts, Calls, PlatformRules,
    commit::Limits,
    compensate::{Platforms, Schedule, Settings},
    guard::LocalGuard,
    order::AccountName,
    seal::Sealer,
    service::{Parts, serve},
    store::{
        Store,
        postgres::{self, Address, PostgresStore},
        sqlite::SqliteStore,
    },
};
use paystate_proto::v1::{
    self, operations_service_client::OperationsServiceClient, order_service_client::OrderServiceClient,
};
use paystate_rpc::{Callers, Servers};
use sqlx::{
    AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions,
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use super::platform::Platform;
use crate::rig::PATIENCE;

/// Where the orders are.
enum Database {
    Sqlite { dir: tempfile::TempDir, store: Arc<SqliteStore> },
    Postgres { url: String, name: String },
}

pub(crate) struct Shop {
    database: Database,
    pub(crate) platform: Platform,
    pub(crate) rules: PlatformRules,
    pub(crate) settings: Settings,
    pub(crate) calls: Calls,
    cores: Vec<(CancellationToken, JoinHandle<()>)>,
}

fn server() -> String {
    std::env::var("PAYSTATE_TEST_POSTGRES").unwrap_or_else(|_| {
        panic!("PAYSTATE_TEST_POSTGRES is not set: run tests/run, or tests/with-servers cargo test …")
    })
}

/// Delays of a test: as short as the machine allows.
fn short() -> Schedule {
    Schedule::new(Duration::from_millis(50), std::iter::repeat_n(Duration::from_millis(100), 60))
}

impl Shop {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&dir.path().join("core.db")).await.unwrap());
        Self::on(Database::Sqlite { dir, store })
    }

    pub(crate) async fn postgres() -> Self {
        let name = format!("paystate_test_{}", uuid::Uuid::now_v7().simple());
        let mut admin = PgConnection::connect(&server()).await.unwrap();
        admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let server = server();
        let (rest, options) = server.split_once('?').unwrap_or((&server, ""));
        let authority = rest.trim_start_matches("postgres://").split('/').next().unwrap_or_default();
        let url = format!("postgres://{authority}/{name}?{options}");
        postgres::migrate(&Address::parse(&url, None).unwrap(), false).await.unwrap();
        Self::on(Database::Postgres { url, name })
    }

    fn on(database: Database) -> Self {
        let settings = Settings {
            payments: short(),
            refunds: short(),
            patience: Duration::from_millis(100),
            probe: Duration::from_millis(100),
            pause: Duration::from_millis(20),
            ..Settings::default()
        };
        let pay_timeout = Duration::from_secs(1800);
        let calls = Calls { pay_timeout, rate_per_second: 500, burst: 100, fee_basis_points: None };
        let rules = PlatformRules { name: "alipay", ..PlatformRules::default() };
        Self { database, platform: Platform::default(), rules, settings, calls, cores: Vec::new() }
    }

    async fn store(&self) -> Arc<dyn Store> {
        match &self.database {
            Database::Sqlite { store, dir } => {
                assert!(dir.path().exists());
                store.clone()
            }
            Database::Postgres { url, .. } => {
                Arc::new(PostgresStore::open(&Address::parse(url, None).unwrap()).await.unwrap())
            }
        }
    }

    /// Starts one more core; the way to it.
    pub(crate) async fn core(&mut self) -> Channel {
        let edge = self.platform.serve().await;
        let platforms = Some(Platforms::new(Servers::new([("edge".to_owned(), edge)])));
        self.start(platforms, Some(self.calls.clone())).await
    }

    /// Starts a core that cannot call anybody.
    pub(crate) async fn core_without_platforms(&mut self) -> Channel {
        self.start(None, None).await
    }

    async fn start(&mut self, platforms: Option<Platforms>, calls: Option<Calls>) -> Channel {
        let account = Account { platform: self.rules, calls };
        let mute = Account { platform: self.rules, calls: None };
        let name = |name| AccountName::parse(name).unwrap();
        let parts = Parts {
            store: self.store().await,
            guard: Arc::new(LocalGuard::default()),
            sealer: Sealer::new("k1", &BTreeMap::from([("k1".to_owned(), (0..32).collect::<Vec<u8>>())])).unwrap(),
            accounts: Accounts::from([(name("shop"), account), (name("mute"), mute)]),
            limits: Limits::default(),
            compensate: Settings { platforms, ..self.settings.clone() },
            callers: Callers::Anybody,
            drain_delay: Duration::ZERO,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let served = tokio::spawn(async move { serve(listener, parts, stop).await.unwrap() });
        self.cores.push((shutdown, served));
        paystate_rpc::channel(Endpoint::from_shared(format!("http://{address}")).unwrap(), None)
    }

    /// Stops the cores.
    pub(crate) async fn stop(&mut self) {
        for (shutdown, served) in std::mem::take(&mut self.cores) {
            shutdown.cancel();
            served.await.unwrap();
        }
    }

    /// Leaves the database as a version without tasks does.
    pub(crate) async fn drop_tasks(&self) {
        const DROP: &str = "DELETE FROM task; DELETE FROM adopted";
        match &self.database {
            Database::Sqlite { dir, .. } => {
                let file = SqliteConnectOptions::new().filename(dir.path().join("core.db"));
                SqliteConnection::connect_with(&file).await.unwrap().execute(DROP).await.unwrap();
            }
            Database::Postgres { url, .. } => {
                PgConnection::connect(url).await.unwrap().execute(DROP).await.unwrap();
            }
        }
    }

    /// Stops the cores; whatever was stored is sound.
    pub(crate) async fn end(mut self) {
        self.stop().await;
        let store = self.store().await;
        let broken: Vec<_> = store.audit().await.unwrap().into_iter().filter(|r| !r.violations.is_empty()).collect();
        assert!(broken.is_empty(), "{broken:?}");
        store.close().await;
        if let Database::Postgres { name, .. } = &self.database {
            let mut admin = PgConnection::connect(&server()).await.unwrap();
            admin.execute(AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await.unwrap();
        }
    }
}

/// Waits until something is so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, so: impl Fn() -> F) {
    let wait = async {
        while !so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{what} did not come");
}

pub(crate) fn money() -> Option<v1::Money> {
    Some(v1::Money { amount_minor: 1999, currency: "CNY".into() })
}

/// Creates an order and begins a payment with this number.
pub(crate) async fn begin(
    core: &Channel,
    order_id: &str,
    number: &str,
) -> Result<v1::StartPaymentResponse, tonic::Status> {
    let mut orders = OrderServiceClient::new(core.clone());
    let create = v1::CreateOrderRequest { order_id: order_id.into(), amount: money(), ..Default::default() };
    orders.create_order(create).await?;
    again(core, order_id, number).await
}

/// Begins a payment of an order that exists.
pub(crate) async fn again(
    core: &Channel,
    order_id: &str,
    number: &str,
) -> Result<v1::StartPaymentResponse, tonic::Status> {
    let request = v1::StartPaymentRequest {
        order_id: order_id.into(),
        account: "shop".into(),
        method: v1::PaymentMethod::AlipayPrecreate.into(),
        out_trade_no: number.into(),
        ..Default::default()
    };
    OrderServiceClient::new(core.clone()).start_payment(request).await.map(tonic::Response::into_inner)
}

pub(crate) async fn order(core: &Channel, order_id: &str) -> v1::Order {
    let request = v1::GetOrderRequest { order_id: order_id.into() };
    OrderServiceClient::new(core.clone()).get_order(request).await.unwrap().into_inner().order.unwrap()
}

pub(crate) async fn is(core: &Channel, order_id: &str, state: v1::OrderState) -> bool {
    order(core, order_id).await.state() == state
}

pub(crate) async fn cases(core: &Channel) -> Vec<v1::Case> {
    let mut operations = OperationsServiceClient::new(core.clone());
    operations.list_cases(v1::ListCasesRequest::default()).await.unwrap().into_inner().cases
}
