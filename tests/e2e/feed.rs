//! The feed across processes: two cores on one PostgreSQL, slow readers, open transactions, restored databases.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use paystate_proto::v1::{
    self, Batch, StreamEventsRequest, position::At, stream_events_response::Message,
    subscription_service_client::SubscriptionServiceClient,
};
use tempfile::TempDir;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tonic::{Code, Status, Streaming, transport::Channel};
use tonic_types::StatusExt as _;

use crate::{
    servers::{Postgres, psql},
    support::{Process, SOON, Shop, home, paystate, run, until},
};

/// Cores on one database.
pub(crate) struct Cores {
    cores: Vec<Process>,
    config: PathBuf,
    _home: TempDir,
}

impl Cores {
    pub(crate) async fn start(database: &str, size: usize) -> Self {
        let (home, data) = home().await;
        let config = data.join("paystate.toml");
        let written = fs::read_to_string(&config).unwrap().replace("sqlite:paystate.db", database);
        assert!(written.contains(database), "{written}");
        fs::write(&config, written).unwrap();
        let mut cores = Self { cores: Vec::new(), config, _home: home };
        cores.migrate(&[]).await;
        for _ in 0..size {
            let quiet = ("PAYSTATE_LOG", "off");
            cores.cores.push(Process::role("core", &cores.config, &[quiet], "core metrics").await);
        }
        cores
    }

    async fn migrate(&self, options: &[&str]) {
        let config = ["migrate", "--config", self.config.to_str().unwrap()];
        let (migrated, out, err) = run(paystate(&[&config, options].concat())).await;
        assert!(migrated, "{out}{err}");
    }

    pub(crate) fn address(&self, n: usize) -> SocketAddr {
        self.cores[n].address("core")
    }

    pub(crate) async fn shop(&self, n: usize) -> Shop {
        self.cores[n].shop().await
    }

    async fn stream(&self, n: usize, request: StreamEventsRequest) -> Result<Stream, Status> {
        Stream::open(self.address(n), request).await
    }

    pub(crate) async fn stop(self) {
        for core in self.cores {
            assert!(core.terminate().await);
        }
    }
}

/// A stream on a connection of its own, which proves with every message that nothing was left out.
struct Stream {
    messages: Streaming<v1::StreamEventsResponse>,
    position: i64,
    token: String,
}

impl Stream {
    async fn open(core: SocketAddr, request: StreamEventsRequest) -> Result<Self, Status> {
        // What nobody asks for stays at the core, except for this much.
        let endpoint = Channel::from_shared(format!("http://{core}")).unwrap().initial_stream_window_size(65_535);
        let channel = endpoint.connect().await.unwrap();
        let mut messages = SubscriptionServiceClient::new(channel).stream_events(request).await?.into_inner();
        let Some(Message::Opened(opened)) = messages.message().await?.unwrap().message else { panic!("not opened") };
        Ok(Self { messages, position: opened.after_revision, token: String::new() })
    }

    /// The next events, none for a sign of life.
    async fn next(&mut self) -> Result<Vec<v1::Event>, Status> {
        let message = timeout(SOON, self.messages.message()).await.expect("it comes")?;
        match message.expect("the stream goes on").message.unwrap() {
            Message::Batch(Batch { after_revision, up_to_revision, events, resume_token }) => {
                assert_eq!(after_revision, self.position, "the chain is broken");
                assert!(events.iter().all(|e| after_revision < e.revision && e.revision <= up_to_revision));
                (self.position, self.token) = (up_to_revision, resume_token);
                Ok(events)
            }
            Message::Progress(progress) => {
                assert!(progress.up_to_revision >= self.position);
                (self.position, self.token) = (progress.up_to_revision, progress.resume_token);
                Ok(Vec::new())
            }
            other @ (Message::Opened(_) | Message::GoingAway(_)) => panic!("{other:?}"),
        }
    }

    /// When each order's first event came, up to a revision.
    async fn up_to(&mut self, revision: i64) -> BTreeMap<String, Instant> {
        let mut came = BTreeMap::new();
        while self.position < revision {
            let events = self.next().await.unwrap();
            let now = Instant::now();
            came.extend(events.into_iter().map(|e| (e.order_id, now)));
        }
        came
    }
}

fn from(at: At) -> StreamEventsRequest {
    StreamEventsRequest { position: Some(v1::Position { at: Some(at) }), ..Default::default() }
}

async fn create(shop: &mut Shop, order_id: &str) -> Instant {
    let amount = Some(v1::Money { amount_minor: 500, currency: "CNY".into() });
    let description = "x".repeat(256);
    let order = v1::CreateOrderRequest { order_id: order_id.into(), amount, description, ..Default::default() };
    shop.orders.create_order(order).await.unwrap();
    Instant::now()
}

/// Creates orders one after the other with a pause between; answers with when each was committed.
async fn create_all(shop: &mut Shop, name: &str, count: usize, pause: Duration) -> BTreeMap<String, Instant> {
    let mut committed = BTreeMap::new();
    for n in 0..count {
        let order_id = format!("{name}-{n}");
        let at = create(shop, &order_id).await;
        committed.insert(order_id, at);
        sleep(pause).await;
    }
    committed
}

/// From commit to delivery: the median and the 99th percentile.
fn delivery(committed: &BTreeMap<String, Instant>, came: &BTreeMap<String, Instant>) -> (Duration, Duration) {
    let mut times: Vec<_> = committed.iter().map(|(id, at)| came[id].saturating_duration_since(*at)).collect();
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap_or_else(|| panic!("{status:?}")).reason
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stderr, reason = "the figures are worth a line")]
async fn a_reader_at_one_core_sees_at_once_what_another_one_commits() {
    let postgres = Postgres::start().await;
    let cores = Cores::start(&postgres.url(), 2).await;
    let mut there = cores.stream(1, from(At::Latest(true))).await.unwrap();
    let mut here = cores.stream(0, from(At::Latest(true))).await.unwrap();
    let mut shop = cores.shop(0).await;
    let count = 300;
    let (committed, here, there) =
        tokio::join!(create_all(&mut shop, "o", count, Duration::from_millis(3)), here.up_to(300), there.up_to(300),);
    let (own, other) = (delivery(&committed, &here), delivery(&committed, &there));
    eprintln!("commit to delivery, median and p99: same core {own:.1?}, other core {other:.1?}");
    // Far less than the floor, which is what would come without announcements.
    assert!(other.1 < Duration::from_millis(500), "{other:?}");

    // WatchOrder stands on the same feed.
    let mut watching = cores.shop(1).await;
    let request = v1::WatchOrderRequest { order_id: "o-0".into(), until_cancelled: false };
    let mut watch = watching.orders.watch_order(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().order.unwrap().version, 1);
    let close = v1::CloseOrderRequest { order_id: "o-0".into(), ..Default::default() };
    shop.orders.close_order(close).await.unwrap();
    let committed = Instant::now();
    assert_eq!(watch.message().await.unwrap().unwrap().order.unwrap().state(), v1::OrderState::Closed);
    assert!(committed.elapsed() < Duration::from_millis(900), "{:?}", committed.elapsed());
    cores.stop().await;
}

/// The oldest transaction of all stays open; what others commit meanwhile is neither held back nor passed over.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_transaction_makes_no_reader_skip_an_event() {
    let postgres = Postgres::start().await;
    let cores = Cores::start(&postgres.url(), 2).await;
    let (mut one, mut other) = (cores.shop(0).await, cores.shop(1).await);
    create(&mut one, "first").await;
    let mut streams = Vec::new();
    for n in 0..2 {
        streams.push(cores.stream(n, StreamEventsRequest::default()).await.unwrap());
    }
    let url = postgres.url();
    let hold = tokio::spawn(async move {
        let write = "INSERT INTO request VALUES ('held', '', 'first')";
        psql(&url, &["BEGIN", write, "SELECT pg_sleep(10)", "COMMIT"]).await.unwrap();
    });
    let holds = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(10)'";
    until("the open transaction", async || postgres.sql(holds).await == "1").await;
    let pause = Duration::from_millis(1);
    tokio::join!(create_all(&mut one, "a", 100, pause), create_all(&mut other, "b", 100, pause));
    for stream in &mut streams {
        assert_eq!(stream.up_to(201).await.len(), 201);
    }
    assert!(!hold.is_finished(), "it was to stay open for longer");
    hold.await.unwrap();
    create(&mut one, "last").await;
    for stream in &mut streams {
        assert_eq!(stream.up_to(202).await.into_keys().collect::<Vec<_>>(), ["last"]);
    }
    cores.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_database_refuses_the_tokens_of_before() {
    let postgres = Postgres::start().await;
    let cores = Cores::start(&postgres.url(), 1).await;
    let mut shop = cores.shop(0).await;
    create(&mut shop, "o1").await;
    let mut stream = cores.stream(0, StreamEventsRequest::default()).await.unwrap();
    stream.up_to(1).await;
    let token = from(At::ResumeToken(stream.token.clone()));
    assert_eq!(cores.stream(0, token.clone()).await.unwrap().position, 1);

    let restored = postgres.restored("restored").await;
    let others = Cores::start(&restored, 1).await;
    let refused = others.stream(0, token.clone()).await.err().expect("another log");
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "LOG_ID_CHANGED"));
    others.stop().await;

    // What nothing shows, an operator says: also streams that are open end.
    cores.migrate(&["--new-log"]).await;
    let ended = loop {
        if let Err(status) = stream.next().await {
            break status;
        }
    };
    assert_eq!((ended.code(), reason(&ended).as_str()), (Code::FailedPrecondition, "LOG_ID_CHANGED"));
    let refused = cores.stream(0, token).await.err().expect("another log");
    assert_eq!(reason(&refused), "LOG_ID_CHANGED");
    cores.stop().await;
}

/// A client that opens a stream and does not read it.
#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::print_stderr, reason = "the figures are worth a line")]
async fn a_stalled_stream_changes_nothing_for_the_others() {
    const READERS: usize = 40;
    let (_home, data) = home().await;
    let dev = Process::dev(&data, &[]).await;
    let core = dev.address("core");
    let mut stalled = Stream::open(core, from(At::Latest(true))).await.unwrap();
    let mut shop = dev.shop().await;
    let (mut came, mut readers) = (Vec::new(), JoinSet::new());
    for _ in 0..READERS {
        let mut stream = Stream::open(core, from(At::Latest(true))).await.unwrap();
        readers.spawn(async move { stream.up_to(1_500).await });
    }
    let before = dev.resident_bytes();
    let mut shops = vec![shop.clone(), shop.clone(), shop.clone()];
    let mut writers = JoinSet::new();
    for (n, mut shop) in shops.drain(..).enumerate() {
        writers.spawn(async move { create_all(&mut shop, &format!("w{n}"), 500, Duration::from_millis(2)).await });
    }
    let mut committed = BTreeMap::new();
    while let Some(written) = writers.join_next().await {
        committed.extend(written.unwrap());
    }
    while let Some(reader) = readers.join_next().await {
        came.push(reader.unwrap());
    }
    let worst = came.iter().map(|came| delivery(&committed, came).1).max().unwrap();
    let grown = dev.resident_bytes().saturating_sub(before);
    eprintln!("{READERS} streams beside a stalled one: worst p99 {worst:.1?}; {} KiB more memory", grown / 1024);
    assert!(worst < Duration::from_secs(2), "{worst:?}");
    assert!(grown < 64 << 20, "{grown} bytes more");
    // It has lost nothing.
    assert_eq!(stalled.up_to(1_500).await.len(), 1_500);
    create(&mut shop, "last").await;
    assert_eq!(stalled.up_to(1_501).await.len(), 1);
    assert!(dev.terminate().await);
}
