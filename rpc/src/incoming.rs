//! Accepts connections, and finds out who is there before anything is read from them.

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

use crate::{Callers, Peer, sparse::Sparse};

/// From accept to the end of the handshake. Our own peers take milliseconds, and give up after a second.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(2);
/// Handshakes at a time; more wait in the kernel's backlog.
const HANDSHAKES: usize = 256;
/// The pause after an error of the listener that does not go away at once, such as a full table of files.
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
    let log = Arc::new(Sparse::default());
    TcpListenerStream::new(listener)
        // One after the other: while nothing can be accepted, no more are tried.
        .then(async |accepted| match accepted {
            Ok(stream) => Some(stream),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(PAUSE).await;
                None
            }
        })
        .filter_map(std::future::ready)
        .map(move |stream| open(stream, tls.clone(), log.clone()))
        .buffer_unordered(HANDSHAKES)
        .filter_map(|connection| async { connection.map(Ok) })
}

/// Anybody who reaches the listener can fail at it, so few lines say so.
async fn open(stream: TcpStream, tls: Option<Arc<ServerConfig>>, log: Arc<Sparse>) -> Option<Connection> {
    // Without it an answer of more than one packet waits for the peer's delayed acknowledgement: 40 ms.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return Some(Connection { stream: Either::Left(stream), peer: Peer::Unasked }) };
    let from = stream.peer_addr().ok();
    match timeout(HANDSHAKE_TIMEOUT, TlsAcceptor::from(tls).accept(stream)).await {
        Ok(Ok(stream)) => {
            let peer = Peer::certified(stream.get_ref().1.peer_certificates()?.first()?);
            Some(Connection { stream: Either::Right(stream), peer })
        }
        Ok(Err(error)) => {
            if let Some(unsaid) = log.due() {
                tracing::info!(?from, error = ?error.to_string(), unsaid, "TLS handshake failed");
            }
            None
        }
        Err(_) => {
            if let Some(unsaid) = log.due() {
                tracing::info!(?from, unsaid, "TLS handshake took too long");
            }
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

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio_rustls::TlsConnector;

    use super::*;
    use crate::{Roles, tls};

    #[tokio::test]
    async fn no_answer_waits_for_an_acknowledgement() {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let ca = tls::authorities(certificate.as_bytes()).unwrap();
        let client = tls::client(ca.clone(), certificate.as_bytes(), key.as_bytes()).unwrap();
        let server = tls::server(certificate.as_bytes(), key.as_bytes(), ca).unwrap();
        let certified = Callers::Certified { tls: server, roles: Roles::default() };
        for (name, callers) in [("plaintext", Callers::Anybody), ("TLS", certified)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let mut connections = pin!(incoming(listener, &callers));
            tokio::spawn(TlsConnector::from(client.clone()).connect("localhost".try_into().unwrap(), caller));
            let connection = timeout(HANDSHAKE_TIMEOUT, connections.next()).await.unwrap().unwrap().unwrap();
            let socket = match &connection.stream {
                Either::Left(plain) => plain,
                Either::Right(tls) => tls.get_ref().0,
            };
            assert!(socket.nodelay().unwrap(), "{name}");
        }
    }
}
