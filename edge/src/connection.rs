//! One connection: handshake, then requests until it ends, is too slow, or the edge drains.

use std::{convert::Infallible, future::poll_fn, net::IpAddr, pin::pin, sync::Arc};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    time::{sleep_until, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

use crate::{
    Limits, observe,
    pace::{Pace, Paced},
    site::Site,
};

/// What all connections share.
#[derive(Clone)]
pub(crate) struct Connections {
    pub(crate) tls: TlsAcceptor,
    pub(crate) site: Arc<Site>,
    /// Cancelled when connections shall end after the request that they are at; a new one has its first before it.
    pub(crate) draining: CancellationToken,
    /// Cancelled when they shall end now.
    pub(crate) closing: CancellationToken,
}

impl Connections {
    /// Runs a connection to its end. Nothing that a peer does is an error of ours, so there is no result.
    pub(crate) async fn run(self, stream: TcpStream, peer: IpAddr) {
        let _open = observe::Connected::new();
        let handshake = timeout(self.site.limits.handshake_timeout, self.tls.accept(stream));
        let shaken = tokio::select! {
            biased;
            () = self.closing.cancelled() => return,
            shaken = handshake => shaken,
        };
        match shaken {
            Ok(Ok(stream)) => self.serve(stream, peer).await,
            Ok(Err(error)) => {
                observe::connection_refused("handshake_failed");
                tracing::debug!(%peer, error = ?error.to_string(), "TLS handshake failed");
            }
            Err(_) => observe::connection_refused("handshake_slow"),
        }
    }

    async fn serve(self, stream: TlsStream<TcpStream>, peer: IpAddr) {
        let pace = Arc::new(Pace::new(self.site.limits.clone()));
        let (site, marks) = (self.site.clone(), pace.clone());
        let service = service_fn(move |request| {
            let (site, marks) = (site.clone(), marks.clone());
            async move {
                marks.request();
                let reply = site.answer(peer, request).await;
                marks.answered();
                Ok::<_, Infallible>(reply)
            }
        });
        let io = TokioIo::new(Paced { stream, pace: pace.clone() });
        let mut connection = pin!(http(&self.site.limits).serve_connection(io, service));
        let mut sleep = pin!(sleep_until(pace.deadline()));
        let mut draining = false;
        loop {
            tokio::select! {
                // The connection first: it moves the deadline that comes last.
                biased;
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(%peer, error = ?error.to_string(), "connection ended");
                    }
                    return;
                }
                () = self.closing.cancelled() => return,
                () = self.draining.cancelled(), if !draining => {
                    draining = true;
                    // Whoever has just connected is about to ask; the answer will say that it is the last.
                    if !pace.is_new() {
                        connection.as_mut().graceful_shutdown();
                    }
                }
                () = poll_fn(|cx| pace.poll_expired(sleep.as_mut(), cx)) => return,
            }
        }
    }
}

fn http(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        // A backstop only; `pace` has the limits that tell idling from a slow head.
        .header_read_timeout(limits.keep_alive_idle + limits.header_timeout)
        .max_headers(limits.max_headers)
        .max_buf_size(limits.max_head_bytes)
        .keep_alive(true);
    http
}
