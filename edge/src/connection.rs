//! One connection: who it is from, handshake, then requests until it ends, is too slow, or the edge drains.

use std::{convert::Infallible, future::poll_fn, io, net::IpAddr, pin::pin, sync::Arc};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    time::{sleep_until, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

use crate::{
    Limits,
    ip_cap::{IpCap, Place},
    observe,
    pace::{Pace, Paced},
    proxy_v2::HeaderError,
    site::Site,
};

/// What all connections share.
#[derive(Clone)]
pub(crate) struct Connections {
    pub(crate) tls: TlsAcceptor,
    pub(crate) site: Arc<Site>,
    pub(crate) cap: Arc<IpCap>,
    /// Cancelled when connections shall end after their current request; a new connection gets its first one answered.
    pub(crate) draining: CancellationToken,
    /// Cancelled when connections shall end at once.
    pub(crate) closing: CancellationToken,
}

/// A connection that is ready for requests.
struct Opened {
    stream: TlsStream<TcpStream>,
    /// The other end: a sender, or a proxy that carries many senders.
    peer: IpAddr,
    _place: Option<Place>,
}

/// Why a connection never became ready.
#[derive(Debug, thiserror::Error)]
enum Unopened {
    #[error(transparent)]
    ProxyHeader(#[from] HeaderError),
    #[error("too many connections from one address")]
    TooMany,
    #[error("TLS handshake failed: {0}")]
    Handshake(io::Error),
}

impl Connections {
    /// Runs a connection to its end. Nothing that a peer does is an error of ours, so there is no result.
    pub(crate) async fn run(self, stream: TcpStream, socket: IpAddr) {
        let _open = observe::Connected::new();
        let opening = timeout(self.site.limits.handshake_timeout, self.open(stream, socket));
        let opened = tokio::select! {
            biased;
            () = self.closing.cancelled() => return,
            opened = opening => opened,
        };
        match opened {
            Ok(Ok(opened)) => self.serve(opened).await,
            Ok(Err(why)) => {
                observe::connection_refused(why.as_str());
                tracing::debug!(%socket, why = ?why.to_string(), "connection refused");
            }
            Err(_) => observe::connection_refused("handshake_slow"),
        }
    }

    /// The address first, because the cap is about senders: a proxy's connections are not one sender's.
    async fn open(&self, mut stream: TcpStream, socket: IpAddr) -> Result<Opened, Unopened> {
        let Site { sources, limits, .. } = self.site.as_ref();
        let peer = sources.front.connected(socket, &mut stream, limits.max_proxy_header_bytes).await?;
        let place = match sources.front.is_shared(peer) {
            true => None,
            false => Some(self.cap.enter(peer).ok_or(Unopened::TooMany)?),
        };
        let stream = self.tls.accept(stream).await.map_err(Unopened::Handshake)?;
        Ok(Opened { stream, peer, _place: place })
    }

    async fn serve(self, opened: Opened) {
        let Opened { stream, peer, _place } = opened;
        let pace = Arc::new(Pace::new(self.site.limits.clone(), self.site.sources.front.is_shared(peer)));
        let (site, marks) = (self.site.clone(), pace.clone());
        let service = service_fn(move |request| {
            let (site, marks) = (site.clone(), marks.clone());
            async move {
                marks.request();
                let reply = site.answer(peer, request, &marks).await;
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
                // Polls the connection first: it moves the deadline, which is polled last.
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
                    // A peer that has just connected is about to ask; its answer will say that it is the last.
                    if !pace.is_new() {
                        connection.as_mut().graceful_shutdown();
                    }
                }
                () = poll_fn(|cx| pace.poll_expired(sleep.as_mut(), cx)) => return,
            }
        }
    }
}

impl Unopened {
    /// Stable name for metrics.
    fn as_str(&self) -> &'static str {
        match self {
            Self::ProxyHeader(_) => "proxy_header_bad",
            Self::TooMany => "too_many_from_one_address",
            Self::Handshake(_) => "handshake_failed",
        }
    }
}

fn http(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    // `pace` has the limits that tell an idle connection from a slow head.
    http.header_read_timeout(None).max_headers(limits.max_headers).max_buf_size(limits.max_head_bytes).keep_alive(true);
    http
}
