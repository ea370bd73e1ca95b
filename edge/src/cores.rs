//! The cores, one or several, as if they were one.
//!
//! Contract: a call goes to one core, in turn. If that one is not there, the call goes on to the next, within the
//! same time, each core at most once (a lone core twice, because it may just have come back). So a core that
//! stops, or starts again, costs no callback while another one is there. A call that an absent core may have
//! carried out is made again only if the caller says that this does no harm.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, timeout_at};
use tonic::{Code, ConnectError, Response, Status, transport::Channel};

/// A core that was not there is asked last for this long.
const AWAY: Duration = Duration::from_secs(1);

/// The ways to the cores. Clones share what is known of them.
#[derive(Debug, Clone)]
pub struct Cores(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    cores: Vec<Core>,
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Core {
    name: String,
    channel: Channel,
    away_until: Mutex<Option<Instant>>,
}

/// Whether a call may be made twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Twice is as good as once.
    Harmless,
    /// Only if it surely was not made.
    Never,
}

/// Why a call has no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It took too long.
    Slow,
    /// What the last core said, or what became of the way to it.
    Status(Status),
}

impl Cores {
    /// Cores by what the log calls them. They may be down.
    #[must_use]
    pub fn new(channels: impl IntoIterator<Item = (String, Channel)>) -> Self {
        let core = |(name, channel)| Core { name, channel, away_until: Mutex::new(None) };
        Self(Arc::new(Shared { cores: channels.into_iter().map(core).collect(), turn: AtomicUsize::new(0) }))
    }

    /// Every way, in the order in which the next call takes them.
    pub(crate) fn channels(&self) -> Vec<Channel> {
        self.order().into_iter().map(|core| core.channel.clone()).collect()
    }

    /// Makes a call until a core has answered it, at most for `patience`. `call` is given the time that is left.
    pub(crate) async fn call<T, F>(
        &self,
        repeat: Repeat,
        patience: Duration,
        call: impl Fn(Channel, Duration) -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let deadline = Instant::now() + patience;
        let order = self.order();
        let (tries, others) = (order.len().max(2), order.len() > 1);
        let mut failure = Failure::Status(Status::unavailable("there is no core"));
        for core in order.into_iter().cycle().take(tries) {
            let left = deadline.saturating_duration_since(Instant::now());
            // The deadline in the request is for the core; this one holds even where no peer answers at all.
            let status = match timeout_at(deadline, call(core.channel.clone(), left)).await {
                Ok(Ok(response)) => return Ok(response.into_inner()),
                Ok(Err(status)) if status.code() != Code::DeadlineExceeded => status,
                Ok(Err(_)) | Err(_) => {
                    core.away();
                    return Err(Failure::Slow);
                }
            };
            let (absent, untouched) = (is_absent(&status), is_untouched(&status));
            if absent {
                core.away();
                tracing::debug!(core = %core.name, %status, "the core is not there");
            }
            let unable = status.code() == Code::Unavailable && others;
            let again = untouched || repeat == Repeat::Harmless && (absent || unable);
            failure = Failure::Status(status);
            if !again {
                break;
            }
        }
        Err(failure)
    }

    /// In turn; those that were not there last.
    fn order(&self) -> Vec<&Core> {
        let cores = &self.0.cores;
        let first = self.0.turn.fetch_add(1, Ordering::Relaxed);
        let mut order: Vec<_> = cores.iter().cycle().skip(first % cores.len().max(1)).take(cores.len()).collect();
        let now = Instant::now();
        order.sort_by_cached_key(|core| core.is_away(now));
        order
    }
}

impl Core {
    fn away(&self) {
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + AWAY);
    }

    fn is_away(&self, now: Instant) -> bool {
        self.away_until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| now < until)
    }
}

/// Whether no core has answered: the status was made on this side, of an error of the connection.
fn is_absent(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

/// Whether the call surely did not reach a core: there was no connection.
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

    fn cores(names: &[&str]) -> Cores {
        Cores::new(names.iter().map(|name| ((*name).to_owned(), channel())))
    }

    fn names(cores: &Cores) -> Vec<&str> {
        cores.order().iter().map(|core| core.name.as_str()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn cores_take_turns_and_the_absent_come_last() {
        let cores = cores(&["a", "b", "c"]);
        assert_eq!(names(&cores), ["a", "b", "c"]);
        assert_eq!(names(&cores), ["b", "c", "a"]);
        cores.0.cores[2].away();
        assert_eq!(names(&cores), ["a", "b", "c"]);
        assert_eq!(names(&cores), ["a", "b", "c"]);
        tokio::time::advance(AWAY).await;
        assert_eq!(names(&cores), ["b", "c", "a"]);
        assert_eq!(names(&cores), ["c", "a", "b"]);
    }

    fn broken(error: impl std::error::Error + Send + Sync + 'static) -> Status {
        Status::from_error(Box::new(error))
    }

    /// How many times a call is made that always ends like this.
    async fn tries(cores: &Cores, repeat: Repeat, end: impl Fn() -> Status) -> usize {
        let made = AtomicUsize::new(0);
        let call = |_, left| {
            assert!(left <= PATIENCE);
            made.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Err::<Response<()>, _>(end()))
        };
        assert!(cores.call(repeat, PATIENCE, call).await.is_err());
        made.into_inner()
    }

    #[tokio::test]
    async fn what_may_be_repeated_is_and_nothing_else() {
        let (three, one) = (cores(&["a", "b", "c"]), cores(&["a"]));
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

    #[tokio::test(start_paused = true)]
    async fn all_tries_share_one_patience() {
        let cores = cores(&["a", "b"]);
        let started = Instant::now();
        let hang = |_, _| std::future::pending::<Result<Response<()>, Status>>();
        assert!(matches!(cores.call(Repeat::Harmless, PATIENCE, hang).await, Err(Failure::Slow)));
        assert_eq!(started.elapsed(), PATIENCE);
        assert_eq!(names(&cores), ["b", "a"], "a core that does not answer is asked last");
        assert_eq!(names(&cores), ["b", "a"]);
    }

    #[tokio::test]
    async fn a_core_that_is_not_there_is_told_from_one_that_answers() {
        let status = tonic_health::pb::health_client::HealthClient::new(channel())
            .check(tonic_health::pb::HealthCheckRequest::default())
            .await
            .unwrap_err();
        assert!(is_absent(&status) && is_untouched(&status), "{status:?}");
        assert!(!is_absent(&Status::unavailable("answered")));
    }
}
