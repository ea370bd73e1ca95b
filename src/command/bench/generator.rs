//! Sends what is due when it is due, and measures each answer from that moment.
//!
//! A pacing thread says how many sends are due. Each connection takes the next one when it is free; a send that finds
//! no free connection waits, and the wait is part of its latency. Nothing is left out: a send that could not begin in
//! time, or that has no answer, ends as a sample like the others.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use paystate_sandbox::press::acknowledged;
use tokio::{sync::Semaphore, task::JoinSet, time::timeout};

use super::{
    plan::{Arrival, What},
    prepare::Callback,
    wire::{Answer, Connection, Dialer},
};

/// WeChat Pay, the strictest platform, hangs up after this. A send that cannot begin within the same time is
/// given up as well.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Sends that become due within this time are released together; more wake-ups would cost more than they tell.
const QUANTUM: Duration = Duration::from_micros(200);
/// Handshakes at a time before the clock starts.
const HANDSHAKES: usize = 64;
/// Asked once on each connection before the clock starts.
const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
/// From the last handshake to the start of the clock.
const LEAD: Duration = Duration::from_millis(100);

/// How one send ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The edge answered; `acknowledged` if the platform would take it for its acknowledgement.
    Answered { status: u16, acknowledged: bool },
    /// It was sent, and no whole answer came in time.
    NoAnswer,
    /// No connection was free in time.
    NotSent,
    /// Everything that was to be offered again had been acknowledged.
    NothingLeft,
}

/// One send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    /// Number of the callback; of no meaning with [`End::NothingLeft`].
    pub(super) callback: u32,
    /// When it was due, in microseconds from the start.
    pub(super) due: u32,
    /// From then to its sending, in microseconds.
    pub(super) waited: u32,
    /// From then to its end, in microseconds.
    pub(super) latency: u32,
    pub(super) end: End,
}

impl Sample {
    /// When it ended, in microseconds from the start.
    pub(super) fn ended(&self) -> u64 {
        u64::from(self.due) + u64::from(self.latency)
    }
}

/// What is sent, and where to.
pub(super) struct Load {
    pub(super) arrivals: Vec<Arrival>,
    pub(super) callbacks: Arc<Vec<Callback>>,
    pub(super) pool: Vec<u32>,
    pub(super) edges: Vec<SocketAddr>,
    pub(super) connections: usize,
    pub(super) new_connections: bool,
}

struct Shared {
    load: Load,
    pool: Mutex<VecDeque<u32>>,
    dialer: Dialer,
    start: Instant,
    due: Semaphore,
    next: AtomicUsize,
}

/// Sends all of the load; the samples come in no order. `begin` is called when the clock starts.
pub(super) async fn run(load: Load, dialer: &Dialer, begin: impl FnOnce()) -> Result<Vec<Sample>, String> {
    let open = if load.new_connections { none(load.connections) } else { dial(&load, dialer).await? };
    let pool = Mutex::new(load.pool.iter().copied().collect());
    let start = Instant::now() + LEAD;
    let due = Semaphore::new(0);
    let shared = Arc::new(Shared { load, pool, dialer: dialer.clone(), start, due, next: AtomicUsize::new(0) });
    begin();
    let pacing = shared.clone();
    let pacer = thread::spawn(move || pacing.pace());
    let mut lines = JoinSet::new();
    for (number, open) in open.into_iter().enumerate() {
        let line = Line { shared: shared.clone(), edge: shared.edge(number), open };
        lines.spawn(line.run());
    }
    let mut samples = Vec::with_capacity(shared.load.arrivals.len());
    while let Some(ended) = lines.join_next().await {
        samples.append(&mut ended.map_err(|e| format!("the generator failed: {e}"))?);
    }
    pacer.join().map_err(|_| "the pacing thread failed")?;
    Ok(samples)
}

fn none(connections: usize) -> Vec<Option<Connection>> {
    std::iter::repeat_with(|| None).take(connections).collect()
}

/// All connections, before the clock starts.
async fn dial(load: &Load, dialer: &Dialer) -> Result<Vec<Option<Connection>>, String> {
    let slots = Arc::new(Semaphore::new(HANDSHAKES));
    let mut dialing = JoinSet::new();
    for number in 0..load.connections {
        let (slots, dialer) = (slots.clone(), dialer.clone());
        let Some(edge) = edge(&load.edges, number) else { return Err("there is no edge".into()) };
        dialing.spawn(async move {
            // Never closed.
            let _slot = slots.acquire().await;
            warm(&dialer, edge).await.map_err(|e| format!("cannot connect to the edge at {edge}: {e}"))
        });
    }
    let mut open = Vec::new();
    while let Some(dialed) = dialing.join_next().await {
        open.push(Some(dialed.map_err(|e| e.to_string())??));
    }
    Ok(open)
}

/// A connection that has been used: the edge ends one that brings no request soon after its handshake.
async fn warm(dialer: &Dialer, edge: SocketAddr) -> io::Result<Connection> {
    let mut connection = dialer.dial(edge).await?;
    let answer = connection.exchange(HEALTH).await?;
    if answer.status == 200 && answer.kept { Ok(connection) } else { Err(io::Error::other("it is not healthy")) }
}

fn edge(edges: &[SocketAddr], number: usize) -> Option<SocketAddr> {
    edges.get(number.checked_rem(edges.len())?).copied()
}

impl Shared {
    fn edge(&self, line: usize) -> Option<SocketAddr> {
        edge(&self.load.edges, line)
    }

    /// Releases sends as they become due, then lets every connection find that there are no more.
    fn pace(&self) {
        let arrivals = &self.load.arrivals;
        let mut released = 0;
        while let Some(next) = arrivals.get(released) {
            let due = self.start + Duration::from_micros(next.at.into());
            let now = Instant::now();
            if due > now {
                thread::sleep((due - now).max(QUANTUM));
            }
            let now = self.since_start();
            let more = arrivals.iter().skip(released).take_while(|a| a.at <= now).count();
            self.due.add_permits(more);
            released += more;
        }
        self.due.add_permits(self.load.connections);
    }

    fn since_start(&self) -> u32 {
        u32::try_from(self.start.elapsed().as_micros()).unwrap_or(u32::MAX)
    }

    fn again(&self, callback: u32) {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).push_back(callback);
    }

    fn take(&self) -> Option<u32> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// One connection and the sends that it carries.
struct Line {
    shared: Arc<Shared>,
    edge: Option<SocketAddr>,
    open: Option<Connection>,
}

impl Line {
    async fn run(mut self) -> Vec<Sample> {
        let (shared, mut samples) = (self.shared.clone(), Vec::new());
        // Never closed.
        while let Ok(permit) = shared.due.acquire().await {
            permit.forget();
            let next = shared.next.fetch_add(1, Ordering::Relaxed);
            let Some(arrival) = shared.load.arrivals.get(next).copied() else { break };
            samples.push(self.send(arrival).await);
        }
        samples
    }

    async fn send(&mut self, arrival: Arrival) -> Sample {
        let waited = self.shared.since_start().saturating_sub(arrival.at);
        let sample = |callback, end, latency| Sample { callback, due: arrival.at, waited, latency, end };
        let number = match arrival.what {
            What::This(number) => Some(number),
            What::Next => self.shared.take(),
        };
        let Some(number) = number else { return sample(0, End::NothingLeft, waited) };
        let end =
            if Duration::from_micros(waited.into()) > PATIENCE { End::NotSent } else { self.deliver(number).await };
        if arrival.what == What::Next && !matches!(end, End::Answered { acknowledged: true, .. }) {
            self.shared.again(number);
        }
        sample(number, end, self.shared.since_start().saturating_sub(arrival.at))
    }

    async fn deliver(&mut self, number: u32) -> End {
        let shared = self.shared.clone();
        let callback = usize::try_from(number).ok().and_then(|n| shared.load.callbacks.get(n));
        let Some(callback) = callback else { return End::NotSent };
        match timeout(PATIENCE, self.exchange(&callback.bytes)).await {
            Ok(Ok(answer)) => End::Answered {
                status: answer.status,
                acknowledged: acknowledged(callback.provider, answer.status, &answer.body),
            },
            Ok(Err(_)) | Err(_) => End::NoAnswer,
        }
    }

    /// One request on the connection; it stays open only if it can be used again.
    async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        // Like every client that keeps connections: one that the edge has ended meanwhile is opened anew.
        let open = self.open.take().filter(Connection::is_open);
        let mut connection = match (open, self.edge) {
            (Some(open), _) => open,
            (None, Some(edge)) => self.shared.dialer.dial(edge).await?,
            (None, None) => return Err(io::ErrorKind::NotConnected.into()),
        };
        let answer = connection.exchange(request).await?;
        if answer.kept && !self.shared.load.new_connections {
            self.open = Some(connection);
        }
        Ok(answer)
    }
}
