//! The sandbox over HTTPS: the platforms' APIs for merchants, and the operations of [`Sandbox`] for a person with curl.
//!
//! Every wait is bounded: handshake, headers, body, connections. `GET /` explains the rest.

mod api;

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header::CONTENT_TYPE, request::Parts};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::api::Reply;
use crate::{
    Sandbox,
    api::{self as platforms, Call, Outcome},
};

const HELP: &str = include_str!("help.txt");
const MAX_BODY: usize = 64 * 1024;
const MAX_CONNECTIONS: usize = 256;
const HANDSHAKE: Duration = Duration::from_secs(5);
const HEADERS: Duration = Duration::from_secs(10);
const BODY: Duration = Duration::from_secs(10);
const GOODBYE: Duration = Duration::from_secs(5);

/// Serves the control API until `shutdown`, then lets open requests finish.
///
/// # Errors
/// None at present; accepting is tried again after a failure.
pub async fn serve(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    sandbox: Sandbox,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let acceptor = TlsAcceptor::from(tls);
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let tasks = TaskTracker::new();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, most likely: they come back, a busy loop would not help.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            continue;
        };
        let connection = connection(stream, acceptor.clone(), sandbox.clone(), shutdown.clone());
        tasks.spawn(async move {
            connection.await;
            drop(slot);
        });
    }
    tasks.close();
    if timeout(GOODBYE, tasks.wait()).await.is_err() {
        tracing::warn!("some connections of the control API did not end in time");
    }
    Ok(())
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, sandbox: Sandbox, shutdown: CancellationToken) {
    let Ok(Ok(stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await else {
        return;
    };
    let service = service_fn(move |request| {
        let sandbox = sandbox.clone();
        async move { respond(&sandbox, request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // As WeChat Pay writes them; its own SDK looks for "Wechatpay-Timestamp" in exactly this form.
        .title_case_headers(true)
        .header_read_timeout(HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        result = connection.as_mut() => log(result),
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            log(connection.await);
        }
    }
}

fn log(result: Result<(), hyper::Error>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a connection of the control API broke");
    }
}

/// An error breaks the connection.
async fn respond(sandbox: &Sandbox, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Silence> {
    let (head, body) = request.into_parts();
    let reply = match timeout(BODY, Limited::new(body, MAX_BODY).collect()).await {
        Ok(Ok(body)) => return answer(sandbox, &head, &body.to_bytes()).await,
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Reply::problem(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 64 KiB")
        }
        Ok(Err(_)) => Reply::problem(StatusCode::BAD_REQUEST, "the body broke off"),
        Err(_) => Reply::problem(StatusCode::REQUEST_TIMEOUT, "the body did not come in time"),
    };
    Ok(response(reply))
}

async fn answer(sandbox: &Sandbox, head: &Parts, body: &[u8]) -> Result<Response<Full<Bytes>>, Silence> {
    let call = Call {
        method: &head.method,
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body,
    };
    match platforms::answer(sandbox, &call).await {
        None => Ok(response(api::answer(sandbox, &head.method, head.uri.path(), body).await)),
        Some(Outcome::Silence) => Err(Silence),
        Some(Outcome::Answer(answer)) => {
            let mut response = Response::builder().status(answer.status);
            for (name, value) in answer.headers {
                response = response.header(name, value);
            }
            response.body(Full::from(answer.body)).map_err(|_| Silence)
        }
    }
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(reply.body));
    *response.status_mut() = reply.status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(reply.content_type));
    response
}

/// A platform that does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the platform gives no answer")]
struct Silence;
