//! `GET /metrics` in the Prometheus text format, and `GET /readyz` for a role that has no other page.

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
    time::Duration,
};

use http_body_util::Full;
use hyper::{Request, Response, StatusCode, body::Bytes, header, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A reader that does not send its request in time is cut.
const PATIENCE: Duration = Duration::from_secs(5);
/// Histograms are folded this often, so that they do not grow without readers.
const UPKEEP: Duration = Duration::from_secs(5);

/// Upper bounds in seconds. Buckets, and not quantiles of one process: those of several edges add up.
const SECONDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of what one transaction carries.
const INPUTS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Answers whether a role does its work, or why it does not.
pub(crate) type Ready = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// The recorder of this process; the roles that share a process share it.
fn recorder() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    HANDLE.get_or_init(|| begin().inspect_err(|error| tracing::error!(%error, "no metrics")).ok()).as_ref()
}

fn begin() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_batch_size".into()), &INPUTS)?
        .install_recorder()
}

/// Begins to measure: what is counted before is lost.
pub(crate) fn install() {
    let _ = recorder();
}

/// Serves until `shutdown`.
pub(crate) async fn serve(listener: TcpListener, ready: Option<Ready>, shutdown: CancellationToken) {
    let Some(handle) = recorder() else { return };
    let mut upkeep = tokio::time::interval(UPKEEP);
    loop {
        let stream = tokio::select! {
            () = shutdown.cancelled() => return,
            _ = upkeep.tick() => { handle.run_upkeep(); continue }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => { tracing::warn!(%error, "metrics page"); tokio::time::sleep(PATIENCE).await; continue }
            },
        };
        let ready = ready.clone();
        let page = service_fn(move |request: Request<hyper::body::Incoming>| {
            let (status, body) = match (request.uri().path(), ready.as_deref()) {
                ("/metrics", _) => (StatusCode::OK, handle.render()),
                ("/readyz", Some(ready)) => match ready() {
                    Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
                    Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
                },
                _ => (StatusCode::NOT_FOUND, "try /metrics\n".to_owned()),
            };
            let response = Response::builder()
                .status(status)
                .header(header::CONTENT_TYPE, "text/plain; version=0.0.4")
                .body(Full::new(Bytes::from(body)))
                .or_else(|_| Ok::<_, Infallible>(Response::new(Full::new(Bytes::new()))));
            std::future::ready(response)
        });
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), page);
            let _ = tokio::time::timeout(PATIENCE * 2, connection).await;
        });
    }
}
