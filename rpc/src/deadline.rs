//! Every call is answered in time.
//!
//! Contract: a call ends with DEADLINE_EXCEEDED when the caller's `grpc-timeout` is over, stream or not. Until the
//! answer begins the server's own limit applies as well, except for one method whose requests take long to be sent; a
//! stream that has begun runs for as long as its caller wants. What a handler has already handed on continues; only the
//! waiting ends.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

use crate::status;

/// We answer this much before the caller's time is over (a tenth of the time, within these bounds), so that the answer
/// is there before the caller stops listening. That is also before the timer of the gRPC library, which would answer
/// CANCELLED.
const LEAD: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(10));

/// Ends calls in time.
#[derive(Debug, Clone, Copy)]
pub struct DeadlineLayer {
    limit: Duration,
    patient_with: Option<&'static str>,
}

impl DeadlineLayer {
    /// `limit` is the longest time to the beginning of an answer, whatever the caller says.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self { limit, patient_with: None }
    }

    /// Exempts a method, `/package.Service/Method`, from the limit.
    #[must_use]
    pub fn patient_with(self, method: &'static str) -> Self {
        Self { patient_with: Some(method), ..self }
    }
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;

    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline { layer: *self, inner }
    }
}

/// The service of [`DeadlineLayer`].
#[derive(Debug, Clone)]
pub struct Deadline<S> {
    layer: DeadlineLayer,
    inner: S,
}

impl<S> Service<Request<Body>> for Deadline<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let now = Instant::now();
        let callers = callers_deadline(now, request.headers());
        let patient = self.layer.patient_with.is_some_and(|method| method == request.uri().path());
        let ours = (!patient).then(|| now + self.layer.limit);
        let call = self.inner.call(request);
        Box::pin(async move {
            let answer = match callers.into_iter().chain(ours).min() {
                Some(end) => match timeout_at(end, call).await {
                    Ok(answer) => answer,
                    Err(_) => return Ok(exceeded().into_http()),
                },
                None => call.await,
            };
            Ok(match callers {
                Some(deadline) => answer?.map(|body| Body::new(Timed::new(body, deadline))),
                None => answer?,
            })
        })
    }
}

fn exceeded() -> Status {
    let message = "the call was not answered in time; what it asked for may still happen";
    status(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", message, HashMap::new())
}

/// When the caller must have its answer; `None` if it names no time, or none that can be read.
fn callers_deadline(now: Instant, headers: &HeaderMap) -> Option<Instant> {
    let wish = timeout(headers.get("grpc-timeout")?.to_str().ok()?)?;
    let lead = (wish / 10).clamp(LEAD.0, LEAD.1);
    now.checked_add(wish.saturating_sub(lead))
}

/// `grpc-timeout`: one to eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let n: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(n * 3600)),
        "M" => Some(Duration::from_secs(n * 60)),
        "S" => Some(Duration::from_secs(n)),
        "m" => Some(Duration::from_millis(n)),
        "u" => Some(Duration::from_micros(n)),
        "n" => Some(Duration::from_nanos(n)),
        _ => None,
    }
}

/// A body that ends at a deadline, if it has not ended before.
struct Timed {
    body: Body,
    expired: bool,
    sleep: Pin<Box<Sleep>>,
}

impl Timed {
    fn new(body: Body, deadline: Instant) -> Self {
        Self { body, expired: false, sleep: Box::pin(sleep_until(deadline)) }
    }
}

impl fmt::Debug for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timed").field("deadline", &self.sleep.deadline()).finish_non_exhaustive()
    }
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.expired {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        if self.sleep.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.expired = true;
        let mut trailers = HeaderMap::new();
        exceeded().add_header(&mut trailers)?;
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.expired || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, future::pending};

    use tower::{ServiceExt as _, service_fn};

    use super::*;

    #[test]
    fn timeouts_are_read_as_the_protocol_writes_them() {
        assert_eq!(timeout("3S"), Some(Duration::from_secs(3)));
        assert_eq!(timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(timeout("7u"), Some(Duration::from_micros(7)));
        for bad in ["", "S", "3", "3s", "-3S", "+3S", "3.5S", "123456789S", "3 S", "3é"] {
            assert_eq!(timeout(bad), None, "{bad}");
        }
    }

    async fn code(limit: Duration, timeout: Option<&str>) -> (Option<i32>, Duration) {
        let silent = service_fn(|_: Request<Body>| pending::<Result<Response<Body>, Infallible>>());
        let mut request = Request::new(Body::empty());
        if let Some(timeout) = timeout {
            request.headers_mut().insert("grpc-timeout", timeout.parse().unwrap());
        }
        let started = Instant::now();
        let answer = DeadlineLayer::new(limit).layer(silent).oneshot(request).await.unwrap();
        let code = answer.headers().get("grpc-status").map(|v| v.to_str().unwrap().parse().unwrap());
        (code, started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn the_shorter_of_both_limits_ends_a_call() {
        const LONG: Duration = Duration::from_secs(30);
        let (status, took) = code(LONG, Some("200m")).await;
        assert_eq!(status, Some(4));
        assert!(took < Duration::from_millis(200), "the answer must be there in time, not begin then: {took:?}");
        assert!(took > Duration::from_millis(150), "{took:?}");
        let (status, took) = code(LONG, None).await;
        assert!(status == Some(4) && (LONG..LONG * 2).contains(&took), "{took:?}");
        let (status, took) = code(LONG, Some("99H")).await;
        assert!(status == Some(4) && (LONG..LONG * 2).contains(&took), "{took:?}");
        assert_eq!(code(LONG, Some("0n")).await, (Some(4), Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_ends_at_the_callers_deadline_only() {
        struct Endless;
        impl HttpBody for Endless {
            type Data = Bytes;
            type Error = Status;
            fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
                Poll::Pending
            }
        }
        let open = || service_fn(async |_: Request<Body>| Ok::<_, Infallible>(Response::new(Body::new(Endless))));
        let layer = DeadlineLayer::new(Duration::from_secs(1));
        let mut request = Request::new(Body::empty());
        request.headers_mut().insert("grpc-timeout", "60S".parse().unwrap());
        let mut body = layer.layer(open()).oneshot(request).await.unwrap().into_body();
        let mut next = async || std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        let started = Instant::now();
        let trailers = next().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers.get("grpc-status").unwrap(), "4");
        assert!(started.elapsed() > Duration::from_secs(59), "the server's limit must not end it");
        assert!(next().await.is_none());

        let mut endless = layer.layer(open()).oneshot(Request::new(Body::empty())).await.unwrap().into_body();
        let next = std::future::poll_fn(|cx| Pin::new(&mut endless).poll_frame(cx));
        assert!(tokio::time::timeout(Duration::from_secs(3600), next).await.is_err());
    }
}
