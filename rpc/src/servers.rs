//! Servers of one kind, one or several, as if they were one: the cores for an edge, the edges for a core.
//!
//! Contract: calls go to the servers in turn. If a server is not there, the call goes on to the next, within the same
//! time, each server at most once (a lone one twice, because it may just have come back). So a server that stops or
//! restarts costs no call while another one is there. A call that a lost server may have carried out is made again only
//! if the caller says that this does no harm. A server that says that it cannot carry this call out, and has not tried,
//! counts like one that is not there. Whether a lost server is back is found out by one call at a time, so that a
//! silent one holds up that call and no others.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, timeout_at};
use tonic::{Code, ConnectError, Response, Status, transport::Channel};

/// For this long a server that was not there is asked last. Longer than it takes to find out that it is still not there
/// ([`crate::channel`]), so that calls check on it one by one.
const AWAY: Duration = Duration::from_secs(2);

/// The ways to the servers. Clones share what is known of them.
#[derive(Debug, Clone)]
pub struct Servers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    servers: Vec<Server>,
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Server {
    name: String,
    channel: Channel,
    away_until: Mutex<Option<Instant>>,
}

/// Whether a call may be made twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Twice is as good as once.
    Harmless,
    /// Only if the first certainly did not arrive.
    Never,
}

/// Why a call has no answer.
#[derive(Debug)]
pub enum Failure {
    /// It took too long.
    Slow,
    /// What the last server said, or what became of the way to it.
    Status(Status),
}

impl Servers {
    /// Servers with the names that the log gives them. They may be down.
    #[must_use]
    pub fn new(channels: impl IntoIterator<Item = (String, Channel)>) -> Self {
        let server = |(name, channel)| Server { name, channel, away_until: Mutex::new(None) };
        Self(Arc::new(Shared { servers: channels.into_iter().map(server).collect(), turn: AtomicUsize::new(0) }))
    }

    /// Every way, in the order in which the next call takes them.
    pub fn channels(&self) -> Vec<Channel> {
        self.order().into_iter().map(|server| server.channel.clone()).collect()
    }

    /// Makes a call until a server has answered it, for at most `patience`. `call` is given the time that is left.
    pub async fn call<T, F>(
        &self,
        repeat: Repeat,
        patience: Duration,
        call: impl Fn(Channel, Duration) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        self.call_able(repeat, patience, call, |_| true).await
    }

    /// [`Self::call`] for answers that may say that this server cannot carry the call out, and has not tried or may be
    /// asked twice. `able` is false for such an answer; it counts only if no other server answers or fails.
    pub async fn call_able<T, F>(
        &self,
        repeat: Repeat,
        patience: Duration,
        call: impl Fn(Channel, Duration) -> F,
        able: impl Fn(&T) -> bool,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let deadline = Instant::now() + patience;
        let order = self.order();
        let (tries, others) = (order.len().max(2), order.len() > 1);
        let (mut failure, mut unable_said) = (None, None);
        let mut unable = Vec::new();
        for server in order.into_iter().cycle().take(tries) {
            let left = deadline.saturating_duration_since(Instant::now());
            // The deadline in the request is for the server; this one holds even where no peer answers at all.
            let status = match timeout_at(deadline, call(server.channel.clone(), left)).await {
                Ok(Ok(response)) => {
                    let said = response.into_inner();
                    server.is_back();
                    if !others || able(&said) {
                        // Another server could: the call was not to blame.
                        unable.into_iter().for_each(Server::away);
                        return Ok(said);
                    }
                    unable.push(server);
                    unable_said = Some(said);
                    continue;
                }
                Ok(Err(status)) if status.code() != Code::DeadlineExceeded => status,
                Ok(Err(_)) | Err(_) => {
                    // If another server took most of the time, this says nothing.
                    if left * 2 > patience {
                        server.away();
                    }
                    return Err(Failure::Slow);
                }
            };
            let (absent, untouched) = (is_absent(&status), is_untouched(&status));
            if absent {
                server.away();
                tracing::debug!(server = %server.name, %status, "the server is not there");
            } else {
                server.is_back();
            }
            let refuses = status.code() == Code::Unavailable && others;
            if refuses && !absent {
                unable.push(server);
            }
            let again = untouched || repeat == Repeat::Harmless && (absent || refuses);
            failure = Some(Failure::Status(status));
            if !again {
                break;
            }
        }
        match (failure, unable_said) {
            (Some(failure), _) => Err(failure),
            (None, Some(said)) => Ok(said),
            (None, None) => Err(Failure::Status(Status::unavailable("there is no server to ask"))),
        }
    }

    /// All servers, in turn; those that were not there come last.
    fn order(&self) -> Vec<&Server> {
        let servers = &self.0.servers;
        let first = self.0.turn.fetch_add(1, Ordering::Relaxed);
        let mut order: Vec<_> = servers.iter().cycle().skip(first % servers.len().max(1)).take(servers.len()).collect();
        let now = Instant::now();
        order.sort_by_cached_key(|server| server.is_away(now));
        if let Some(first) = order.first() {
            first.looked_after(now);
        }
        order
    }
}

impl Server {
    fn away(&self) {
        *self.until() = Some(Instant::now() + AWAY);
    }

    /// One call is about to find out whether a lost server is back; the others avoid it meanwhile.
    fn looked_after(&self, now: Instant) {
        if let Some(until) = self.until().as_mut().filter(|until| **until <= now) {
            *until = now + AWAY;
        }
    }

    fn is_back(&self) {
        *self.until() = None;
    }

    fn is_away(&self, now: Instant) -> bool {
        self.until().is_some_and(|until| now < until)
    }

    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.away_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether no server has answered: the status was made on this side, from an error of the connection.
fn is_absent(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

/// Whether the call certainly did not reach a server: there was no connection.
fn is_untouched(status: &Status) -> bool {
    let sources = std::iter::successors(std::error::Error::source(status), |error| error.source());
    sources.into_iter().any(|error| error.is::<ConnectError>())
}

#[cfg(test)]
mod tests {
    use tonic::transport::Endpoint;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(3);

    fn channel() -> Channel {
        Endpoint::from_static("http://127.0.0.1:1").connect_lazy()
    }

    fn servers(names: &[&str]) -> Servers {
        Servers::new(names.iter().map(|name| ((*name).to_owned(), channel())))
    }

    fn names(servers: &Servers) -> Vec<&str> {
        servers.order().iter().map(|server| server.name.as_str()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn servers_take_turns_and_the_absent_come_last() {
        let servers = servers(&["a", "b", "c"]);
        assert_eq!(names(&servers), ["a", "b", "c"]);
        assert_eq!(names(&servers), ["b", "c", "a"]);
        servers.0.servers[2].away();
        assert_eq!(names(&servers), ["a", "b", "c"]);
        assert_eq!(names(&servers), ["a", "b", "c"]);
        tokio::time::advance(AWAY).await;
        assert_eq!(names(&servers), ["b", "c", "a"]);
        assert_eq!(names(&servers), ["c", "a", "b"], "this call looks after it");
        assert_eq!(names(&servers), ["a", "b", "c"], "and no other one");
        assert_eq!(names(&servers), ["b", "a", "c"]);
        servers.0.servers[2].is_back();
        assert_eq!(names(&servers), ["c", "a", "b"]);
        assert_eq!(names(&servers), ["a", "b", "c"]);
        assert_eq!(names(&servers), ["b", "c", "a"]);
        assert_eq!(names(&servers), ["c", "a", "b"]);
    }

    fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Status {
        Status::from_error(Box::new(error))
    }

    /// How many times a call is made that always ends like this.
    async fn tries(servers: &Servers, repeat: Repeat, end: impl Fn() -> Status) -> usize {
        let made = AtomicUsize::new(0);
        let call = |_, left| {
            assert!(left <= PATIENCE);
            made.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Err::<Response<()>, _>(end()))
        };
        assert!(servers.call(repeat, PATIENCE, call).await.is_err());
        made.into_inner()
    }

    #[tokio::test]
    async fn what_may_be_repeated_is_and_nothing_else() {
        let (three, one) = (servers(&["a", "b", "c"]), servers(&["a"]));
        let refused = || broken(ConnectError("refused".into()));
        let cut = || broken(std::io::Error::other("cut"));
        for repeat in [Repeat::Harmless, Repeat::Never] {
            assert_eq!(tries(&three, repeat, refused).await, 3);
            assert_eq!(tries(&one, repeat, refused).await, 2);
            assert_eq!(tries(&three, repeat, || Status::internal("answered")).await, 1);
            assert_eq!(tries(&three, repeat, || Status::deadline_exceeded("answered")).await, 1);
        }
        assert_eq!(tries(&three, Repeat::Harmless, cut).await, 3);
        assert_eq!(tries(&three, Repeat::Never, cut).await, 1);
        assert_eq!(tries(&three, Repeat::Harmless, || Status::unavailable("answered")).await, 3);
        assert_eq!(tries(&three, Repeat::Never, || Status::unavailable("answered")).await, 1);
        assert_eq!(tries(&one, Repeat::Harmless, || Status::unavailable("answered")).await, 1);
    }

    /// What becomes of a call whose answers come in this order.
    async fn ended(servers: &Servers, ends: impl IntoIterator<Item = Result<u32, Status>>) -> Result<u32, Failure> {
        let ends = Mutex::new(ends.into_iter().collect::<std::collections::VecDeque<_>>());
        let call = |_, _| {
            let end = ends.lock().unwrap().pop_front().expect("one call too many");
            std::future::ready(end.map(Response::new))
        };
        let ended = servers.call_able(Repeat::Never, PATIENCE, call, |said| *said > 0).await;
        assert!(ends.lock().unwrap().is_empty(), "one call too few");
        ended
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_was_given_no_time_is_not_called_away() {
        let servers = servers(&["a", "b"]);
        let asked = AtomicUsize::new(0);
        let slow = |_, _| {
            let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
            async move {
                tokio::time::sleep(PATIENCE.mul_f32(if first { 0.9 } else { 0.2 })).await;
                Ok(Response::new(u32::from(!first)))
            }
        };
        let ended = servers.call_able(Repeat::Harmless, PATIENCE, slow, |said| *said > 0).await;
        assert!(matches!(ended, Err(Failure::Slow)));
        assert_eq!([names(&servers), names(&servers)], [["b", "a"], ["a", "b"]]);
    }

    #[tokio::test]
    async fn a_server_that_is_not_able_to_leaves_it_to_the_next() {
        let (three, one) = (servers(&["a", "b", "c"]), servers(&["a"]));
        let refused = || broken(ConnectError("refused".into()));
        assert_eq!(ended(&three, [Ok(0), Ok(7)]).await.unwrap(), 7);
        assert_eq!(names(&three), ["b", "c", "a"]);
        assert_eq!(names(&three), ["c", "b", "a"], "one that is not able to, where another is, is asked last");
        let three = servers(&["a", "b", "c"]);
        assert_eq!(ended(&three, [Ok(0), Ok(0), Ok(0)]).await.unwrap(), 0);
        assert_eq!(ended(&one, [Ok(0)]).await.unwrap(), 0);
        assert!(ended(&three, [Ok(0), Err(refused()), Ok(0)]).await.is_err(), "the one that is away may be able to");
        assert!(ended(&three, [Ok(0), Err(Status::internal("broken"))]).await.is_err(), "it may have tried");
    }

    #[tokio::test(start_paused = true)]
    async fn all_tries_share_one_patience() {
        let servers = servers(&["a", "b"]);
        let started = Instant::now();
        let hang = |_, _| std::future::pending::<Result<Response<()>, Status>>();
        assert!(matches!(servers.call(Repeat::Harmless, PATIENCE, hang).await, Err(Failure::Slow)));
        assert_eq!(started.elapsed(), PATIENCE);
        assert_eq!(names(&servers), ["b", "a"], "a server that does not answer is asked last");
        assert_eq!(names(&servers), ["b", "a"]);
    }

    /// With TLS too, where the connection may stand and nobody answers.
    #[tokio::test]
    async fn a_server_that_lets_nobody_in_was_surely_not_asked() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::from_shared(format!("https://{}", silent.local_addr().unwrap())).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.unwrap().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
        let name = rustls::pki_types::ServerName::try_from("core").unwrap();
        let channel = crate::channel(endpoint, Some((Arc::new(config), name)));
        let asked = Instant::now();
        let status = tonic_health::pb::health_client::HealthClient::new(channel)
            .check(tonic_health::pb::HealthCheckRequest::default())
            .await
            .unwrap_err();
        assert!(is_absent(&status) && is_untouched(&status), "{status:?}");
        assert!(asked.elapsed() < AWAY, "others would look after it meanwhile");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_from_one_that_answers() {
        let status = tonic_health::pb::health_client::HealthClient::new(channel())
            .check(tonic_health::pb::HealthCheckRequest::default())
            .await
            .unwrap_err();
        assert!(is_absent(&status) && is_untouched(&status), "{status:?}");
        assert!(!is_absent(&Status::unavailable("answered")));
    }
}
