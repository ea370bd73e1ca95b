//! Accepts connections, and asks who is there before anything is read from them.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, StreamExt as _};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::either::Either;
use tonic::transport::server::Connected;

use crate::{Callers, Peer};

/// From accept to the end of the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Handshakes at a time; more wait in the kernel's backlog.
const HANDSHAKES: usize = 256;
/// After an error of the listener that will not go away at once, such as a full table of files.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection that is ready for HTTP/2, and who is on its other end.
#[derive(Debug)]
pub struct Connection {
    stream: Either<TcpStream, TlsStream<TcpStream>>,
    peer: Peer,
}

/// The connections of a listener. It closes when the stream is dropped.
pub fn incoming(listener: TcpListener, callers: &Callers) -> impl Stream<Item = io::Result<Connection>> + use<> {
    let tls = match callers {
        Callers::Anybody => None,
        Callers::Certified { tls, .. } => Some(tls.clone()),
    };
    TcpListenerStream::new(listener)
        .map(move |accepted| open(accepted, tls.clone()))
        .buffer_unordered(HANDSHAKES)
        .filter_map(|connection| async { connection.map(Ok) })
}

async fn open(accepted: io::Result<TcpStream>, tls: Option<Arc<ServerConfig>>) -> Option<Connection> {
    let stream = match accepted {
        Ok(stream) => stream,
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            sleep(PAUSE).await;
            return None;
        }
    };
    // Answers are small packets; without this they may wait for the peer's acknowledgement.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return Some(Connection { stream: Either::Left(stream), peer: Peer::Unasked }) };
    let from = stream.peer_addr().ok();
    match timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(tls).accept(stream)).await {
        Ok(Ok(stream)) => {
            let peer = Peer::certified(stream.get_ref().1.peer_certificates()?.first()?);
            Some(Connection { stream: Either::Right(stream), peer })
        }
        Ok(Err(error)) => {
            tracing::info!(?from, error = ?error.to_string(), "TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::info!(?from, "TLS handshake took too long");
            None
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
