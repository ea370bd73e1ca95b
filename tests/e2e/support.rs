//! Processes of the binary, and clients of their ports.

use std::{
    collections::{BTreeMap, VecDeque},
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use paystate_proto::v1::{
    self, operations_service_client::OperationsServiceClient, order_service_client::OrderServiceClient,
};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    process::{Child, ChildStderr, Command},
    time::timeout,
};
use tonic::transport::Channel;

/// Longest wait for anything that should happen at once.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// Between two looks at something that should happen soon.
pub(crate) const A_MOMENT: Duration = Duration::from_millis(50);

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(A_MOMENT).await;
        }
    };
    timeout(SOON, waiting).await.unwrap_or_else(|_| panic!("{what} does not come"));
}

/// The binary with every port 0.
pub(crate) fn paystate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paystate"));
    command.args(args).kill_on_drop(true).env("PAYSTATE_LOG", "error");
    let listeners = [
        "CORE__LISTEN",
        "CORE__METRICS_LISTEN",
        "EDGE__LISTEN",
        "EDGE__GATEWAY_LISTEN",
        "EDGE__METRICS_LISTEN",
        "SANDBOX__LISTEN",
    ];
    for name in listeners {
        command.env(format!("PAYSTATE__{name}"), "127.0.0.1:0");
    }
    command
}

/// Runs to its end; answers with success, standard output and standard error.
pub(crate) async fn run(mut command: Command) -> (bool, String, String) {
    let output = timeout(SOON * 4, command.stdin(Stdio::null()).output()).await.expect("it ends").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// A running process of roles. When its test fails, the last that it complained of is shown.
pub(crate) struct Process {
    child: Child,
    /// The last lines on standard error.
    complaints: Arc<Mutex<VecDeque<String>>>,
    /// All that it printed until it was up.
    pub(crate) printed: String,
    addresses: BTreeMap<String, SocketAddr>,
}

impl Process {
    /// Starts `paystate dev` on a data directory.
    pub(crate) async fn dev(data: &Path, env: &[(&str, &str)]) -> Self {
        let mut command = paystate(&["dev", "--data", data.to_str().unwrap()]);
        Self::start(command.envs(env.iter().copied()), "Ctrl-C stops.").await
    }

    /// Starts one role of a configuration; `last` begins the last line that it prints when it is up.
    pub(crate) async fn role(role: &str, config: &Path, env: &[(&str, &str)], last: &str) -> Self {
        let mut command = paystate(&[role, "--config", config.to_str().unwrap()]);
        Self::start(command.envs(env.iter().copied()), last).await
    }

    async fn start(command: &mut Command, last: &str) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let complaints = Arc::default();
        tokio::spawn(keep_last(child.stderr.take().unwrap(), Arc::clone(&complaints)));
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut printed = String::new();
        let mut addresses = BTreeMap::new();
        while !printed.lines().last().is_some_and(|line| line.trim_start().starts_with(last)) {
            let line = timeout(SOON, lines.next_line()).await.expect("it comes up").unwrap();
            let ended =
                || panic!("it ended before it was up; it printed {printed:?} and {:?}", complaints.lock().unwrap());
            let line = line.unwrap_or_else(ended);
            for scheme in [" grpc ", " https ", " http "] {
                if let Some((name, rest)) = line.split_once(scheme)
                    && let Some(Ok(address)) = rest.split_whitespace().next().map(str::parse)
                {
                    addresses.insert(name.trim().to_owned(), address);
                }
            }
            printed.push_str(&line);
            printed.push('\n');
        }
        // Keep reading, so that the process never waits for us.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { child, complaints, printed, addresses }
    }

    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        self.addresses[name]
    }

    /// SIGKILL: no destructor, no flush, no goodbye.
    pub(crate) async fn kill(mut self) {
        self.child.start_kill().unwrap();
        self.child.wait().await.unwrap();
    }

    /// SIGTERM; answers whether it ended well.
    pub(crate) async fn terminate(mut self) -> bool {
        self.signal("TERM").await;
        timeout(SOON, self.child.wait()).await.expect("it drains").unwrap().success()
    }

    /// Memory that it holds.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most memory that it ever held.
    pub(crate) fn peak_bytes(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, of: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(of)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// SIGSTOP: connections stay open and nothing moves.
    pub(crate) async fn pause(&self) {
        self.signal("STOP").await;
    }

    /// SIGCONT after [`Self::pause`].
    pub(crate) async fn resume(&self) {
        self.signal("CONT").await;
    }

    async fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().await.unwrap().success());
    }

    pub(crate) async fn shop(&self) -> Shop {
        Shop::connect(self.address("core")).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let lines: Vec<_> = self.complaints.lock().unwrap().drain(..).collect();
            let name = self.printed.lines().next().unwrap_or_default();
            let _ = writeln!(std::io::stderr(), "---{name}\n{}", lines.join("\n"));
        }
    }
}

async fn keep_last(from: ChildStderr, lines: Arc<Mutex<VecDeque<String>>>) {
    const KEPT: usize = 40;
    let mut from = BufReader::new(from).lines();
    while let Ok(Some(line)) = from.next_line().await {
        let mut lines = lines.lock().unwrap();
        lines.push_back(line);
        if lines.len() > KEPT {
            lines.pop_front();
        }
    }
}

/// Clients of the core.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) orders: OrderServiceClient<Channel>,
    pub(crate) operations: OperationsServiceClient<Channel>,
}

impl Shop {
    async fn connect(core: SocketAddr) -> Self {
        Self::over(Channel::from_shared(format!("http://{core}")).unwrap().connect().await.unwrap())
    }

    pub(crate) fn over(channel: Channel) -> Self {
        Self { orders: OrderServiceClient::new(channel.clone()), operations: OperationsServiceClient::new(channel) }
    }

    /// Creates an order and registers its payment; a repetition changes nothing.
    pub(crate) async fn sell(
        &mut self,
        order_id: &str,
        account: &str,
        number: &str,
        minor: i64,
    ) -> Result<(), tonic::Status> {
        let amount = Some(v1::Money { amount_minor: minor, currency: "CNY".into() });
        let request_id = format!("create-{order_id}");
        let create = v1::CreateOrderRequest { order_id: order_id.into(), amount, request_id, ..Default::default() };
        self.orders.create_order(create).await?;
        self.start(order_id, account, number).await
    }

    /// Registers a payment of an order; a repetition changes nothing.
    pub(crate) async fn start(&mut self, order_id: &str, account: &str, number: &str) -> Result<(), tonic::Status> {
        let start = v1::StartPaymentRequest {
            order_id: order_id.into(),
            account: account.into(),
            method: v1::PaymentMethod::External.into(),
            out_trade_no: number.into(),
            request_id: format!("start-{order_id}"),
            ..Default::default()
        };
        self.orders.start_payment(start).await.map(drop)
    }

    /// Waits until the order is in this state.
    pub(crate) async fn until(&mut self, order_id: &str, state: v1::OrderState) -> v1::Order {
        let request = v1::WatchOrderRequest { order_id: order_id.into(), until_cancelled: true };
        let mut stream = self.orders.watch_order(request).await.unwrap().into_inner();
        let waiting = async {
            loop {
                let order = stream.message().await.unwrap().expect("the stream goes on").order.unwrap();
                if order.state() == state {
                    return order;
                }
            }
        };
        timeout(SOON, waiting).await.unwrap_or_else(|_| panic!("{order_id} is not {state:?}"))
    }

    /// Every accepted notification.
    pub(crate) async fn accepted(&mut self) -> Vec<v1::Notification> {
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let verdict = v1::Verdict::Accepted.into();
            let request = v1::ListNotificationsRequest { verdict, page_size: 500, page_token, ..Default::default() };
            let page = self.operations.list_notifications(request).await.unwrap().into_inner();
            all.extend(page.notifications);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return all;
            }
        }
    }
}

/// One HTTPS request on a connection of its own; answers with status and body.
pub(crate) async fn https(address: SocketAddr, data: &Path, head: &str, body: &str) -> std::io::Result<(u16, String)> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(data.join("edge.crt")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let name = ServerName::try_from("localhost").unwrap();
    let socket = TcpStream::connect(address).await?;
    exchange(tokio_rustls::TlsConnector::from(config).connect(name, socket).await?, head, body).await
}

/// One HTTP request on a connection of its own; answers with the body.
pub(crate) async fn http(address: SocketAddr, head: &str) -> String {
    let (status, body) = http_status(address, head).await;
    assert_eq!(status, 200, "{body}");
    body
}

/// The same with any answer; answers with status and body.
pub(crate) async fn http_status(address: SocketAddr, head: &str) -> (u16, String) {
    exchange(TcpStream::connect(address).await.unwrap(), head, "").await.unwrap()
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    head: &str,
    body: &str,
) -> std::io::Result<(u16, String)> {
    let request = format!(
        "{head} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    // TLS keeps back what the socket did not take at once.
    stream.flush().await?;
    let mut answer = Vec::new();
    // A peer that closes without the TLS goodbye has still answered.
    let end = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let broken = || std::io::Error::other(format!("no answer: {answer:?}, {end:?}"));
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(broken)?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).ok_or_else(broken)?;
    Ok((status, body))
}

/// Tells the stand-in platforms to do something.
pub(crate) async fn sandbox(
    process: &Process,
    data: &Path,
    what: &str,
    body: &serde_json::Value,
) -> Result<serde_json::Value, String> {
    let head = format!("POST /{what}");
    let (status, text) =
        https(process.address("sandbox"), data, &head, &body.to_string()).await.map_err(|e| e.to_string())?;
    if status != 200 {
        return Err(format!("{status} {text}"));
    }
    serde_json::from_str(&text).map_err(|e| format!("{e}: {text}"))
}

/// What the platforms know of trades and notices.
pub(crate) async fn ledger(process: &Process, data: &Path) -> serde_json::Value {
    known(process, data).await["ledger"].take()
}

/// What each platform has done so far.
pub(crate) async fn counters(process: &Process, data: &Path) -> serde_json::Value {
    known(process, data).await["counters"].take()
}

async fn known(process: &Process, data: &Path) -> serde_json::Value {
    seen(process, data, "ledger").await
}

/// I1: the platforms' own record of what they were told is the measure of what must be there. Answers with how many
/// notices these are.
pub(crate) fn assert_stored_once<'a>(
    acked: impl Iterator<Item = &'a serde_json::Value>,
    stored: &[v1::Notification],
) -> usize {
    let mut copies: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for n in stored {
        *copies.entry((&n.provider, &n.body_sha256)).or_default() += 1;
    }
    let mut count = 0;
    for notice in acked {
        let key = (notice["provider"].as_str().unwrap(), notice["body_sha256"].as_str().unwrap());
        assert_eq!(copies.get(&key), Some(&1), "acknowledged, and not stored exactly once: {notice}");
        count += 1;
    }
    count
}

/// A data directory with keys and configuration, made by the binary itself.
pub(crate) async fn home() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    assert!(Process::dev(&data, &[]).await.terminate().await);
    (dir, data)
}

/// A free port outside of the range from which port 0 is served, so that nobody takes it while its process is
/// away. No two tests get the same.
pub(crate) fn quiet_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed))
        .take_while(|port| *port < 30_000)
        .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
        .find(|address| std::net::TcpListener::bind(address).is_ok())
        .unwrap()
}

/// How many of something a test does: `default`, unless the environment says otherwise.
pub(crate) fn how_many(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// What the platforms know, by the name of the page.
pub(crate) async fn seen(process: &Process, data: &Path, page: &str) -> serde_json::Value {
    let (status, text) = https(process.address("sandbox"), data, &format!("GET /{page}"), "").await.unwrap();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// The command that `tests/run` has built for a test, and named in this variable.
pub(crate) fn built(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set; tests/run builds the program and sets it"))
}
