//! HTTPS to one account's platform, over one pool of kept-alive connections.
//!
//! Contract: HTTPS only; redirects are not followed, they are an answer like any other. Nothing is sent twice, but
//! where a kept connection turns out to be closed before anything of the request was written.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use paystate_providers::{Instant, api};
use rustls::ClientConfig;
use tokio::time::{Instant as Clock, timeout_at};

use super::{GatewayLimits, limits::Bounds};
use crate::{
    body::{self, Unread},
    verify::now,
};

/// Platforms want to know who calls; WeChat Pay refuses callers that do not say it.
const USER_AGENT: HeaderValue = HeaderValue::from_static(concat!("paystate/", env!("CARGO_PKG_VERSION")));
/// Connections that are kept; more are opened when more calls are made at once.
const KEPT: usize = 16;

/// The way to one account's platform.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    limits: GatewayLimits,
}

/// An answer that was read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) received_at: Instant,
}

impl Answer {
    /// As the platform's code reads it.
    pub(crate) fn response(&self) -> api::Response<'_> {
        api::Response { status: self.status, headers: &self.headers, body: &self.body, received_at: self.received_at }
    }
}

/// Why there is no whole answer. Whether the request had an effect is then unknown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the platform cannot be reached: {0}")]
    Connect(String),
    #[error("the platform hung up: {0}")]
    HungUp(String),
    #[error("the answer broke off")]
    Broken,
    #[error("the answer is larger than {0} bytes")]
    TooLarge(u64),
    #[error("the platform did not answer in time")]
    Timeout,
    #[error("instead of the file came status {0}")]
    Status(StatusCode),
    #[error("the file cannot be stored here: {0}")]
    Disk(std::io::Error),
}

impl Failure {
    /// Stable name.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Connect(_) => "CONNECT_FAILED",
            Self::HungUp(_) | Self::Broken => "HUNG_UP",
            Self::TooLarge(_) => "TOO_LARGE",
            Self::Timeout => "TIMEOUT",
            Self::Status(_) => "HTTP_STATUS",
            Self::Disk(_) => "DISK_FAILED",
        }
    }
}

/// What is there of an answer that was not read whole.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) why: Failure,
    /// If its head arrived.
    pub(crate) status: Option<StatusCode>,
    /// What had arrived of the body.
    pub(crate) kept: Vec<u8>,
}

impl Http {
    pub(crate) fn new(tls: &Arc<ClientConfig>, limits: GatewayLimits) -> Self {
        let mut tcp = HttpConnector::new();
        // The TLS connector on top decides about the scheme.
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(limits.connect));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls.as_ref().clone())
            .https_only()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(limits.idle)
            .pool_max_idle_per_host(KEPT)
            .build(connector);
        Self { client, limits }
    }

    /// Sends, and reads the answer; both within these bounds.
    pub(crate) async fn answer(&self, request: api::Request, bounds: Bounds) -> Result<Answer, Cut> {
        let (mut status, mut kept) = (None, Vec::new());
        let whole = async {
            let response = self.send(request).await?;
            status = Some(response.status());
            let (head, body) = response.into_parts();
            body::collect(body, &mut kept, bounds.bytes).await.map_err(|why| unread(why, bounds.bytes))?;
            Ok((head.status, head.headers))
        };
        match timeout_at(Clock::now() + bounds.time, whole).await.unwrap_or(Err(Failure::Timeout)) {
            Ok((status, headers)) => Ok(Answer { status, headers, body: kept, received_at: now() }),
            Err(why) => Err(Cut { why, status, kept }),
        }
    }

    /// Sends, and reads the head of the answer within the limit of a call.
    pub(crate) async fn head(&self, request: api::Request) -> Result<http::Response<Incoming>, Failure> {
        timeout_at(Clock::now() + self.limits.call, self.send(request)).await.unwrap_or(Err(Failure::Timeout))
    }

    async fn send(&self, request: api::Request) -> Result<http::Response<Incoming>, Failure> {
        let api::Request { method, url, mut headers, body } = request;
        headers.entry(header::USER_AGENT).or_insert(USER_AGENT);
        let mut request = http::Request::new(Full::from(body));
        *request.method_mut() = method;
        *request.uri_mut() = url.parse().map_err(|_| Failure::Connect("the URL cannot be read".to_owned()))?;
        *request.headers_mut() = headers;
        self.client.request(request).await.map_err(|error| match error.is_connect() {
            true => Failure::Connect(causes(&error)),
            false => Failure::HungUp(causes(&error)),
        })
    }
}

fn unread(why: Unread, max: usize) -> Failure {
    match why {
        Unread::TooLarge => Failure::TooLarge(u64::try_from(max).unwrap_or(u64::MAX)),
        Unread::TooSlow => Failure::Timeout,
        Unread::Encoded | Unread::BadTransfer | Unread::Broken => Failure::Broken,
    }
}

/// The client's own error only says "client error"; its causes tell what happened.
fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    if texts.is_empty() { error.to_string() } else { texts.join(": ") }
}
