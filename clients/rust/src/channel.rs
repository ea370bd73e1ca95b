//! The way to the cores: one of several, and again where that does no harm.
//!
//! Contract: calls go to one core until it is not there, then to the next. A call that surely reached no core is made
//! again, whatever it is. One that may have been carried out is made again only if it is in [`READS`]. So nothing that
//! changes something is ever done twice.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tonic::{Code, ConnectError, TimeoutExpired, body::Body, transport};
use tower::{Service, ServiceExt as _};

use crate::backoff::Backoff;

/// The methods that only read, as `clients/service-config.json` lists them for the other languages. StreamEvents is not
/// among them: a [`Follower`](crate::Follower) opens it again by itself, from where it was.
const READS: [&str; 14] = [
    "/paystate.v1.OrderService/GetOrder",
    "/paystate.v1.OrderService/BatchGetOrders",
    "/paystate.v1.OrderService/ListOrders",
    "/paystate.v1.OrderService/WatchOrder",
    "/paystate.v1.OrderService/GetRefund",
    "/paystate.v1.OperationsService/ExplainOrder",
    "/paystate.v1.OperationsService/ListNotifications",
    "/paystate.v1.OperationsService/ListCases",
    "/paystate.v1.OperationsService/GetCase",
    "/paystate.v1.OperationsService/GetReconciliation",
    "/paystate.v1.OperationsService/VerifyAudit",
    "/paystate.v1.SubscriptionService/GetSubscription",
    "/paystate.v1.SubscriptionService/ListSubscriptions",
    "/paystate.v1.SubscriptionService/ListParked",
];
/// The method whose request is a stream: it passes by as it is made, so there is one try.
const STREAMED: &str = "/paystate.v1.OperationsService/ImportStatement";
/// Tries of one call, the first among them.
const TRIES: usize = 4;
/// Bounds of the wait between two tries.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A connection to paystate, for the generated clients and for followers. Clones share it.
///
/// It connects when it is first used, and again whenever the connection is lost. With several cores it stays with one
/// until that is not there. Reads are tried up to four times while the core is `UNAVAILABLE`, with waits of up to a
/// second in all; everything else is tried again only if it surely reached no core.
///
/// Nothing here ends a call that takes long: give each one a time with [`tonic::Request::set_timeout`] (it bounds each
/// try, not all of them).
///
/// A channel of your own making, with another connector for example, becomes one by [`From`].
#[derive(Debug, Clone)]
pub struct Channel {
    cores: Arc<[transport::Channel]>,
    /// Counts on whenever a core was not there.
    turn: Arc<AtomicUsize>,
}

impl From<transport::Channel> for Channel {
    fn from(core: transport::Channel) -> Self {
        Self::of(vec![core])
    }
}

impl Channel {
    /// Over ways to the cores of one database that are of your own making. Without any, every call fails.
    #[must_use]
    pub fn of(cores: Vec<transport::Channel>) -> Self {
        // Many clients of the same list do not begin at the same core.
        let turn = rand::random_range(0..cores.len().max(1));
        Self { cores: cores.into(), turn: Arc::new(AtomicUsize::new(turn)) }
    }

    async fn carry_out(self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        if request.uri().path() == STREAMED {
            let turn = self.turn.load(Ordering::Relaxed) % self.cores.len().max(1);
            let core = self.cores.get(turn).ok_or("there is no core")?;
            return call(core.clone(), request).await;
        }
        let (parts, body) = request.into_parts();
        // Every other request of the contract is one small message, and it is needed once for each try.
        let body: Bytes = body.collect().await?.to_bytes();
        let is_read = READS.contains(&parts.uri.path());
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        for left in (0..TRIES).rev() {
            let turn = self.turn.load(Ordering::Relaxed);
            let request = Request::from_parts(parts.clone(), Body::new(Full::new(body.clone())));
            let Some(core) = self.cores.get(turn % self.cores.len().max(1)) else { break };
            let answer = call(core.clone(), request).await;
            let Some(absence) = absence(&answer) else { return answer };
            // Whoever finds it absent first moves on; the others follow.
            let _ = self.turn.compare_exchange(turn, turn.wrapping_add(1), Ordering::Relaxed, Ordering::Relaxed);
            if left == 0 || (absence == Absence::Unknown && !is_read) {
                return answer;
            }
            tokio::time::sleep(backoff.wait()).await;
        }
        Err("there is no core".into())
    }
}

async fn call(mut core: transport::Channel, request: Request<Body>) -> Result<Response<Body>, BoxError> {
    Ok(core.ready().await?.call(request).await?)
}

/// What is known of a call that had no answer of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absence {
    /// No core has seen it.
    Untouched,
    /// A core may have carried it out.
    Unknown,
}

fn absence(answer: &Result<Response<Body>, BoxError>) -> Option<Absence> {
    match answer {
        Ok(response) => {
            let code = response.headers().get("grpc-status")?;
            (Code::from_bytes(code.as_bytes()) == Code::Unavailable).then_some(Absence::Unknown)
        }
        Err(error) if below(error.as_ref(), |e| e.is::<ConnectError>()) => Some(Absence::Untouched),
        // The caller's own time is over.
        Err(error) if below(error.as_ref(), |e| e.is::<TimeoutExpired>()) => None,
        Err(_) => Some(Absence::Unknown),
    }
}

fn below(
    error: &(dyn std::error::Error + 'static),
    wanted: impl Fn(&(dyn std::error::Error + 'static)) -> bool,
) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(wanted)
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.clone().carry_out(request))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use hyper_util::rt::TokioIo;
    use tonic::{Status, server::NamedService, transport::Server};

    use super::*;

    const READ: &str = "/paystate.v1.OrderService/GetOrder";
    const WRITE: &str = "/paystate.v1.OrderService/CreateOrder";

    /// Answers every call with this code, and counts.
    #[derive(Clone)]
    struct Says(Code, Arc<AtomicUsize>);

    impl NamedService for Says {
        const NAME: &'static str = "paystate.v1.OrderService";
    }

    impl Service<Request<Body>> for Says {
        type Response = Response<Body>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Response<Body>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Body>) -> Self::Future {
            self.1.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Ok(Status::new(self.0, "").into_http()))
        }
    }

    /// A core that answers with this code, and how often it was called.
    fn core(code: Code) -> (transport::Channel, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let says = Says(code, calls.clone());
        let connect = tower::service_fn(move |_| {
            let (ours, theirs) = tokio::io::duplex(1024);
            let incoming = tokio_stream::once(Ok::<_, std::io::Error>(theirs));
            tokio::spawn(Server::builder().add_service(says.clone()).serve_with_incoming(incoming));
            std::future::ready(Ok::<_, Infallible>(TokioIo::new(ours)))
        });
        (transport::Endpoint::from_static("http://core").connect_with_connector_lazy(connect), calls)
    }

    /// A core that nobody reaches.
    fn nobody() -> transport::Channel {
        let connect = tower::service_fn(|_| {
            std::future::ready(Err::<TokioIo<tokio::io::DuplexStream>, _>(std::io::Error::other("refused")))
        });
        transport::Endpoint::from_static("http://nobody").connect_with_connector_lazy(connect)
    }

    /// The code that a call ends with; none if no core was reached.
    async fn ends(channel: &Channel, path: &'static str) -> Option<Code> {
        let uri = http::Uri::from_static("http://core").into_parts();
        let uri = http::uri::Builder::from(http::Uri::from_parts(uri).unwrap()).path_and_query(path).build().unwrap();
        let request = Request::post(uri).body(Body::empty()).unwrap();
        let answer = channel.clone().call(request).await.ok()?;
        answer.headers().get("grpc-status").map(|code| Code::from_bytes(code.as_bytes()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_is_tried_four_times_while_the_core_is_unavailable_and_a_write_once() {
        for (code, path, expected) in [
            (Code::Unavailable, READ, 4),
            (Code::Unavailable, WRITE, 1),
            (Code::Internal, READ, 1),
            (Code::NotFound, READ, 1),
        ] {
            let (core, calls) = core(code);
            assert_eq!(ends(&core.into(), path).await, Some(code));
            assert_eq!(calls.load(Ordering::Relaxed), expected, "{code:?} {path}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_reached_no_core_goes_to_the_next_one_also_a_write() {
        for path in [READ, WRITE] {
            for _ in 0..8 {
                let (there, calls) = core(Code::NotFound);
                let channel = Channel::of(vec![nobody(), there]);
                assert_eq!(ends(&channel, path).await, Some(Code::NotFound));
                assert_eq!(calls.load(Ordering::Relaxed), 1);
            }
            assert_eq!(ends(&nobody().into(), path).await, None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_core_that_is_unavailable_is_left_for_the_next() {
        let (bad, bad_calls) = core(Code::Unavailable);
        let (good, good_calls) = core(Code::NotFound);
        let channel = Channel { cores: [bad, good].into(), turn: Arc::default() };
        assert_eq!(ends(&channel, WRITE).await, Some(Code::Unavailable));
        for _ in 0..3 {
            assert_eq!(ends(&channel, WRITE).await, Some(Code::NotFound));
        }
        assert_eq!((bad_calls.load(Ordering::Relaxed), good_calls.load(Ordering::Relaxed)), (1, 3));
    }

    #[test]
    fn the_reads_are_those_that_the_other_clients_repeat() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../service-config.json");
        let config: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let retried = config["methodConfig"].as_array().unwrap().iter().filter(|c| c["retryPolicy"].is_object());
        let names = retried.flat_map(|config| config["name"].as_array().unwrap());
        let path = |name: &serde_json::Value| {
            format!("/{}/{}", name["service"].as_str().unwrap(), name["method"].as_str().unwrap())
        };
        let mut listed: Vec<String> = names.map(path).collect();
        let mut ours = READS.map(str::to_owned).to_vec();
        listed.sort();
        ours.sort();
        assert_eq!(ours, listed);
    }
}
