//! The connection to Redis, and the breaker: while there is none, asking costs nothing.
//!
//! Contract: a connection is available only after a probe over it has shown that the server does all that a guard asks
//! of it. It is given up when it is lost, or after [`FAILURES`] failures in a row; then one task tries for a new one,
//! once in [`PROBE_INTERVAL`]. No callback ever waits for connecting.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ::redis::{
    ErrorKind, Pipeline, RedisError, RedisResult, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster_async::ClusterConnection,
};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::{Address, PROBE_LASTS, Token, holder, release, take, written};

/// Failures in a row after which Redis is left alone.
const FAILURES: u32 = 5;
/// How often it is looked after.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// One attempt to connect. Generous, because nothing waits for it, and several Sentinels may have to be asked.
const CONNECT: Duration = Duration::from_secs(5);

/// Why asking failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// No answer in time; whether it was done is unknown.
    Timeout,
    /// The connection is of no more use.
    Lost(String),
    /// The server said no.
    Refused(String),
    /// Not the reply of an honest server to what was asked.
    Nonsense,
}

impl Fault {
    /// An error that the server gave as its reply.
    pub(super) fn refused(error: RedisError) -> Self {
        // Before 7.0 NX and GET did not go together.
        let hint = if error.to_string().contains("syntax error") { "; Redis 7.0 or later is needed" } else { "" };
        Self::Refused(format!("{error}{hint}"))
    }

    fn lost(error: RedisError) -> Self {
        if error.kind() == ErrorKind::Parse { Self::Nonsense } else { Self::Lost(error.to_string()) }
    }

    /// The name in the metrics.
    fn kind(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Lost(_) => "lost",
            Self::Refused(_) => "refused",
            Self::Nonsense => "nonsense",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("it does not answer in time"),
            Self::Lost(why) => write!(f, "no connection: {why}"),
            Self::Refused(why) => write!(f, "it refuses: {why}"),
            Self::Nonsense => {
                f.write_str("its replies make no sense: is it Redis, and is the prefix used by nobody else?")
            }
        }
    }
}

/// One connection for all; clones share it.
#[derive(Clone)]
pub(super) enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    async fn ask(&mut self, pipe: &Pipeline) -> RedisResult<Vec<RedisResult<Value>>> {
        match self {
            Self::Server(connection) => replies(connection, pipe).await,
            Self::Cluster(connection) => replies(connection, pipe).await,
        }
    }
}

/// The replies, one for each command, whatever each of them is.
async fn replies(connection: &mut impl ConnectionLike, pipe: &Pipeline) -> RedisResult<Vec<RedisResult<Value>>> {
    pipe.query_async(connection).await
}

pub(super) struct Link {
    address: Address,
    command: Duration,
    state: Mutex<State>,
    let_go: Notify,
}

#[derive(Default)]
struct State {
    connection: Option<Connection>,
    /// Distinguishes this connection from earlier ones, which may still fail late: that is not this one's fault.
    generation: u64,
    failures: u32,
    /// What the log said last: whether all is well.
    told: Option<bool>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Link {
    pub(super) fn new(address: Address, command: Duration) -> Self {
        Self { address, command, state: Mutex::default(), let_go: Notify::new() }
    }

    /// A key under our prefix.
    pub(super) fn key(&self, rest: fmt::Arguments<'_>) -> String {
        format!("{{{}}}:{rest}", self.address.prefix)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while holding the lock leaves the state whole: its fields do not depend on each other.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_down(&self) -> bool {
        self.state().connection.is_none()
    }

    /// Sends a pipeline and has the replies read; `None` if there were none. `read` returns what it made of them, and
    /// whether they were as they should be.
    pub(super) async fn ask<T>(
        &self,
        pipe: Pipeline,
        read: impl FnOnce(Vec<RedisResult<Value>>) -> (T, Result<(), Fault>),
    ) -> Option<T> {
        let (mut connection, generation) = {
            let state = self.state();
            (state.connection.clone()?, state.generation)
        };
        let (answer, result) = match self.exchange(&mut connection, pipe).await {
            Ok(replies) => {
                let (answer, result) = read(replies);
                (Some(answer), result)
            }
            Err(fault) => (None, Err(fault)),
        };
        self.note(generation, result);
        answer
    }

    /// One round trip, within its limit.
    async fn exchange(
        &self,
        connection: &mut Connection,
        mut pipe: Pipeline,
    ) -> Result<Vec<RedisResult<Value>>, Fault> {
        pipe.ignore_errors();
        let asked = timeout(self.command, connection.ask(&pipe)).await;
        let replies = asked.map_err(|_| Fault::Timeout)?.map_err(Fault::lost)?;
        if replies.len() == pipe.len() { Ok(replies) } else { Err(Fault::Nonsense) }
    }

    /// Counts how it went.
    fn note(&self, generation: u64, result: Result<(), Fault>) {
        let mut state = self.state();
        let Err(fault) = result else {
            if state.generation == generation {
                state.failures = 0;
            }
            return;
        };
        metrics::counter!("paystate_guard_failures_total", "kind" => fault.kind()).increment(1);
        if state.generation != generation || state.connection.is_none() {
            return;
        }
        state.failures += 1;
        if state.failures >= FAILURES || matches!(fault, Fault::Lost(_)) {
            state.connection = None;
            self.let_go.notify_one();
            tell(&mut state, Err(&fault));
        }
    }

    /// Connects whenever there is no connection, and checks the one that there is, for ever.
    pub(super) async fn keep(self: Arc<Self>) {
        loop {
            if self.is_down() {
                self.connect().await;
                // After success too: a server that passes the probe and fails the work is not tried more often.
                sleep(PROBE_INTERVAL).await;
            } else {
                // An unused connection does not show that it is lost.
                self.ask(self.probe(), |replies| ((), probed(replies))).await;
                let _ = timeout(PROBE_INTERVAL, self.let_go.notified()).await;
            }
        }
    }

    /// One attempt.
    pub(super) async fn connect(&self) {
        let opened = timeout(CONNECT, self.open()).await.unwrap_or(Err(Fault::Timeout));
        let mut state = self.state();
        match opened {
            Ok(connection) => {
                state.connection = Some(connection);
                state.generation += 1;
                state.failures = 0;
                tell(&mut state, Ok(()));
            }
            Err(fault) => {
                metrics::counter!("paystate_guard_failures_total", "kind" => fault.kind()).increment(1);
                tell(&mut state, Err(&fault));
            }
        }
    }

    /// A connection that has passed its probe.
    pub(super) async fn open(&self) -> Result<Connection, Fault> {
        let mut connection = self.address.connect().await.map_err(Fault::lost)?;
        let replies = self.exchange(&mut connection, self.probe()).await?;
        probed(replies)?;
        Ok(connection)
    }

    /// All that a guard asks of a server, on a key that nobody needs.
    fn probe(&self) -> Pipeline {
        let (key, token) = (self.key(format_args!("probe")), Token::random());
        let mut pipe = Pipeline::with_capacity(2);
        pipe.add_command(take(&key, &token, PROBE_LASTS)).add_command(release(&[key], &token));
        pipe
    }
}

fn probed(replies: Vec<RedisResult<Value>>) -> Result<(), Fault> {
    let mut replies = replies.into_iter();
    replies.next().map_or(Err(Fault::Nonsense), holder)?;
    replies.try_for_each(written)
}

/// Says a change in the log, once, and the state in the metrics.
fn tell(state: &mut State, now: Result<(), &Fault>) {
    metrics::gauge!("paystate_guard_degraded").set(if now.is_ok() { 0.0 } else { 1.0 });
    let before = state.told.replace(now.is_ok());
    match now {
        Ok(()) if before != Some(true) => tracing::info!("redis helps"),
        Err(fault) if before != Some(false) => {
            tracing::warn!(%fault, "degraded=redis: going on without it, at reduced speed");
        }
        Ok(()) | Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use ::redis::ServerErrorKind;

    use super::*;

    #[test]
    fn an_old_server_is_told_from_others() {
        let error =
            |text: &str| RedisError::from((ErrorKind::Server(ServerErrorKind::ResponseError), "x", text.into()));
        assert!(Fault::refused(error("ERR syntax error")).to_string().contains("7.0"));
        assert!(!Fault::refused(error("OOM command not allowed")).to_string().contains("7.0"));
    }
}
