//! One connection to an edge: HTTP/1.1 over TLS, whole requests out, answers in. Cheap on purpose: the
//! generator shares the machine with what it measures.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    task::{Context, Waker},
};

use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Header lines of an answer; the edge sends a handful.
const HEADERS: usize = 32;
/// Bytes of an answer; the edge sends a few hundred.
const LONGEST: usize = 16 * 1024;

/// Opens connections.
#[derive(Clone)]
pub(super) struct Dialer {
    connector: TlsConnector,
    name: ServerName<'static>,
}

/// An open connection, ready for the next request.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    received: Vec<u8>,
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// Whether the connection takes another request.
    pub(super) kept: bool,
}

impl Dialer {
    /// Trusts exactly this certificate. Every handshake is a whole one: no session is resumed.
    pub(super) fn new(certificate: &Path) -> Result<Self, String> {
        let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", certificate.display());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certificate).map_err(|e| failed(&e))?).map_err(|e| failed(&e))?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| failed(&e))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        let name = ServerName::try_from("localhost").map_err(|e| failed(&e))?;
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }

    pub(super) async fn dial(&self, edge: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(edge).await?;
        stream.set_nodelay(true)?;
        let stream = self.connector.connect(self.name.clone(), stream).await?;
        Ok(Connection { stream, received: Vec::with_capacity(1024) })
    }
}

impl Connection {
    /// Whether the other side still waits for a request. Between two of them it says nothing, so whatever has come is
    /// its goodbye.
    pub(super) fn is_open(&self) -> bool {
        let mut byte = [0];
        let mut context = Context::from_waker(Waker::noop());
        self.stream.get_ref().0.poll_peek(&mut context, &mut ReadBuf::new(&mut byte)).is_pending()
    }

    /// Sends a request and waits for its answer. After an error the connection is of no use.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.stream.write_all(request).await?;
        self.stream.flush().await?;
        self.received.clear();
        loop {
            if let Some(answer) = parse(&self.received)? {
                return Ok(answer);
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if self.received.len() > LONGEST {
                return Err(io::Error::other("the answer is too long"));
            }
        }
    }
}

/// The answer, once all of it is there.
fn parse(bytes: &[u8]) -> io::Result<Option<Answer>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(begin) = head.parse(bytes).map_err(io::Error::other)? else { return Ok(None) };
    let value = |name: &str| {
        let header = head.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name));
        header.and_then(|h| std::str::from_utf8(h.value).ok())
    };
    let length = match value("content-length") {
        Some(text) => text.parse::<usize>().map_err(io::Error::other)?,
        None if value("transfer-encoding").is_some() => return Err(io::Error::other("an answer in chunks")),
        None => 0,
    };
    let body = begin.checked_add(length).and_then(|end| bytes.get(begin..end));
    let kept = !value("connection").is_some_and(|v| v.eq_ignore_ascii_case("close"));
    Ok(body.map(|body| Answer { status: head.code.unwrap_or(0), body: body.to_vec(), kept }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_or_not_yet() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length: 7\r\n\r\nsuccess";
        for cut in 0..text.len() {
            assert_eq!(parse(&text[..cut]).unwrap(), None, "{cut}");
        }
        let answer = parse(text).unwrap().unwrap();
        assert_eq!(answer, Answer { status: 200, body: b"success".to_vec(), kept: true });
    }

    #[test]
    fn no_content_and_the_end_of_the_connection() {
        let answer = parse(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap().unwrap();
        assert_eq!(answer, Answer { status: 204, body: Vec::new(), kept: false });
        for broken in [&b"nonsense\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"] {
            assert!(parse(broken).is_err());
        }
    }
}
