//! Counts calls: one number for each, by method and how it ended, and the time until its answer began.
//!
//! Contract: every call that [`crate::AccessLayer`] let pass is counted once, when it ends: with the code of its
//! answer, with CANCELLED if the caller no longer waited for it, or with INTERNAL if it panicked. Labels come from the
//! table of methods, never from input. A unary call's answer begins when it is complete; of a stream, the time says how
//! soon it was open, and the count that it ended.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::{Code, Status, body::Body};
use tower::{Layer, Service};

const CALLS: &str = "paystate_grpc_calls_total";
const SECONDS: &str = "paystate_grpc_call_seconds";

/// The method of a call that was let pass, as the table of rules spells it; an extension of its request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Method(pub(crate) &'static str);

/// Stands behind [`crate::AccessLayer`], which knows the methods.
#[derive(Debug, Clone, Copy)]
pub struct MeterLayer(());

impl MeterLayer {
    /// Gives the measurements their help texts.
    #[must_use]
    pub fn new() -> Self {
        metrics::describe_counter!(CALLS, "gRPC calls by how they ended.");
        metrics::describe_histogram!(SECONDS, metrics::Unit::Seconds, "From the head of a gRPC call to its answer.");
        Self(())
    }
}

impl Default for MeterLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for MeterLayer {
    type Service = Meter<S>;

    fn layer(&self, inner: S) -> Meter<S> {
        Meter { inner }
    }
}

/// The service of [`MeterLayer`].
#[derive(Debug, Clone)]
pub struct Meter<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for Meter<S>
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
        let method = request.extensions().get().map_or("other", |Method(method)| method);
        let mut call = Call { method, code: Code::Cancelled };
        let started = Instant::now();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            metrics::histogram!(SECONDS, "method" => method).record(started.elapsed().as_secs_f64());
            // An answer that consists only of a status has it in its head.
            Ok(match call.heard(answer.headers()) {
                true => answer,
                false => answer.map(|body| Body::new(Counted { body, call })),
            })
        })
    }
}

/// A call that has not ended; it is counted when this is dropped.
struct Call {
    method: &'static str,
    code: Code,
}

impl Call {
    /// Whether these headers or trailers have the status.
    fn heard(&mut self, headers: &HeaderMap) -> bool {
        let Some(status) = headers.get("grpc-status") else { return false };
        self.code = Code::from_bytes(status.as_bytes());
        true
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let code = if std::thread::panicking() { Code::Internal } else { self.code };
        metrics::counter!(CALLS, "method" => self.method, "code" => name(code)).increment(1);
    }
}

/// A body that looks out for its trailers.
struct Counted {
    body: Body,
    call: Call,
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").field("method", &self.call.method).finish_non_exhaustive()
    }
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.call.heard(trailers);
                }
            }
            Poll::Ready(Some(Err(status))) => self.call.code = status.code(),
            Poll::Ready(None) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// As the protocol spells it.
fn name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
