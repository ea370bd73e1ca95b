//! A faulty network between a client and a server.
//!
//! Contract: listens on a loopback port that the kernel chose and passes bytes on to one upstream, as its present
//! [`Fault`] says; a new fault holds at once, for open connections too. A connection that ends in any other way than
//! both sides saying goodbye is reset (RST) towards the client.

mod postgres;
#[cfg(test)]
mod tests;

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use self::postgres::{Frames, is_commit, is_ready};

/// Where a proxy passes bytes on to.
#[derive(Debug, Clone)]
pub(crate) enum Upstream {
    /// A port.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
    /// The unix socket of a PostgreSQL, whose protocol is understood.
    Postgres(PathBuf),
}

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Passes everything on.
    None,
    /// Accepts connections and bytes, and passes nothing on until the fault changes.
    Blackhole,
    /// Holds every piece back for a time, in both directions.
    Delay(Duration),
    /// Resets every connection, open or new.
    Cut,
    /// Passes on so many more bytes from clients, then resets the connection that sent the last one, and is over.
    CutAfter(usize),
    /// Only [`Upstream::Postgres`]: every so many COMMITs is carried out, but its reply is swallowed and the
    /// connection reset. For clients that send COMMIT as a simple query, unencrypted, and when they have the replies
    /// to all that they sent before; sqlx does.
    LoseCommitReply {
        /// 1 loses them all.
        every: u64,
    },
}

/// A running proxy.
pub(crate) struct Proxy {
    address: SocketAddr,
    network: Arc<Network>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Starts one without a fault.
    pub(crate) async fn start(upstream: Upstream) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let network = Arc::new(Network {
            upstream,
            fault: watch::Sender::new(Fault::None),
            commits: AtomicU64::new(0),
            lost_replies: AtomicU64::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&network)));
        Self { address, network, _tasks: tasks }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a fault in the place of the present one.
    pub(crate) fn set(&self, fault: Fault) {
        self.network.fault.send_replace(fault);
    }

    /// How many replies to a COMMIT were swallowed. A test that means to survive this should see that it happened.
    pub(crate) fn lost_replies(&self) -> u64 {
        self.network.lost_replies.load(Relaxed)
    }
}

async fn accept(listener: TcpListener, network: Arc<Network>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            client = listener.accept() => {
                let (client, _) = client.unwrap();
                let network = Arc::clone(&network);
                connections.spawn(async move { network.connection(client).await });
            }
            Some(ended) = connections.join_next() => ended.unwrap(),
        }
    }
}

struct Network {
    upstream: Upstream,
    fault: watch::Sender<Fault>,
    /// COMMITs that came by under [`Fault::LoseCommitReply`].
    commits: AtomicU64,
    lost_replies: AtomicU64,
}

impl Network {
    async fn connection(&self, mut client: TcpStream) {
        let passed = tokio::select! {
            biased;
            _ = self.until(|fault| fault == Fault::Cut) => Err(reset()),
            passed = self.pass(&mut client) => passed,
        };
        if passed.is_err() {
            client.set_zero_linger().unwrap();
        }
    }

    async fn pass(&self, client: &mut TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        match &self.upstream {
            Upstream::Tcp(address) => {
                let server = TcpStream::connect(address).await?;
                server.set_nodelay(true)?;
                self.between(client, server, None).await
            }
            Upstream::Unix(path) => self.between(client, UnixStream::connect(path).await?, None).await,
            Upstream::Postgres(path) => {
                self.between(client, UnixStream::connect(path).await?, Some(Frames::of_client())).await
            }
        }
    }

    /// Both directions, until both sides have said goodbye.
    async fn between(
        &self,
        client: &mut TcpStream,
        server: impl AsyncRead + AsyncWrite,
        frames: Option<Frames>,
    ) -> io::Result<()> {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = tokio::io::split(server);
        let losing = AtomicBool::new(false);
        let up = self.up(from_client, to_server, frames, &losing);
        let down = self.down(from_server, to_client, &losing);
        tokio::try_join!(up, down).map(drop)
    }

    /// From the client to the server. `losing` is set before a COMMIT is passed on whose reply is to be lost.
    async fn up(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        mut frames: Option<Frames>,
        losing: &AtomicBool,
    ) -> io::Result<()> {
        let mut buffer = vec![0; PIECE];
        loop {
            let read = from.read(&mut buffer).await?;
            if read == 0 {
                return to.shutdown().await;
            }
            self.hold_back().await;
            let commits = frames.as_mut().is_some_and(|frames| frames.push(&buffer[..read]).iter().any(is_commit));
            if commits && self.is_to_be_lost() {
                losing.store(true, Relaxed);
            }
            match self.cut_within(read) {
                None => to.write_all(&buffer[..read]).await?,
                Some(last) => {
                    to.write_all(&buffer[..last]).await?;
                    return Err(reset());
                }
            }
        }
    }

    /// From the server to the client.
    async fn down(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        losing: &AtomicBool,
    ) -> io::Result<()> {
        let mut buffer = vec![0; PIECE];
        let mut lost = Frames::of_server();
        loop {
            let read = from.read(&mut buffer).await?;
            if losing.load(Relaxed) {
                let replied = lost.push(&buffer[..read]).iter().any(is_ready);
                if replied {
                    self.lost_replies.fetch_add(1, Relaxed);
                }
                if replied || read == 0 {
                    return Err(reset());
                }
                continue;
            }
            if read == 0 {
                return to.shutdown().await;
            }
            self.hold_back().await;
            to.write_all(&buffer[..read]).await?;
        }
    }

    /// Answers with the fault that `wanted` accepts, once it is the present one.
    async fn until(&self, wanted: impl Fn(Fault) -> bool) -> Fault {
        *self.fault.subscribe().wait_for(|fault| wanted(*fault)).await.expect("the sender is ours")
    }

    async fn hold_back(&self) {
        if let Fault::Delay(time) = self.until(|fault| fault != Fault::Blackhole).await {
            sleep(time).await;
        }
    }

    fn is_to_be_lost(&self) -> bool {
        let Fault::LoseCommitReply { every } = *self.fault.borrow() else { return false };
        (self.commits.fetch_add(1, Relaxed) + 1).is_multiple_of(every)
    }

    /// Counts bytes from a client; answers with how many of them may still pass if the connection is to be cut there.
    fn cut_within(&self, bytes: usize) -> Option<usize> {
        let mut last = None;
        self.fault.send_if_modified(|fault| {
            if let Fault::CutAfter(left) = fault {
                if *left > bytes {
                    *left -= bytes;
                } else {
                    last = Some(*left);
                    *fault = Fault::None;
                }
            }
            last.is_some()
        });
        last
    }
}

/// The most that is passed on at once, in bytes.
const PIECE: usize = 16 * 1024;

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}
