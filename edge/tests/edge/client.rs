//! A TLS client that sends any bytes, and reads answers by the letter.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Longer than any limit under test: an event that has not come by then does not come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub(crate) struct Client {
    stream: TlsStream<TcpStream>,
    buffer: Vec<u8>,
}

/// Trusts exactly this certificate.
pub(crate) fn trusting(certificate: CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

impl Client {
    /// `before` goes out in front of the handshake, as a proxy's header does.
    pub(crate) async fn connect(
        address: SocketAddr,
        before: &[u8],
        config: Arc<ClientConfig>,
    ) -> std::io::Result<Self> {
        let mut tcp = TcpStream::connect(address).await?;
        tcp.write_all(before).await?;
        Self::over(tcp, config).await
    }

    pub(crate) async fn over(tcp: TcpStream, config: Arc<ClientConfig>) -> std::io::Result<Self> {
        let stream = TlsConnector::from(config).connect("localhost".try_into().unwrap(), tcp).await?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends bytes; that the edge has closed already is for the reader to see.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
        let _ = self.stream.flush().await;
    }

    /// The next answer; `None` once the edge has closed.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        timeout(PATIENCE, self.next_answer()).await.expect("neither an answer nor the end came in time")
    }

    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Answer {
        self.send(post(path, body)).await;
        self.answer().await.expect("the edge closed without an answer")
    }

    async fn next_answer(&mut self) -> Option<Answer> {
        loop {
            if let Some((answer, rest)) = parse(&self.buffer) {
                self.buffer = rest;
                return Some(answer);
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return None,
            }
        }
    }
}

pub(crate) fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

fn parse(bytes: &[u8]) -> Option<(Answer, Vec<u8>)> {
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer { status, head, body: String::new() };
    let length: usize = answer.header("content-length").map_or(0, |v| v.parse().unwrap());
    answer.body = String::from_utf8(bytes.get(end..end + length)?.to_vec()).unwrap();
    Some((answer, bytes[end + length..].to_vec()))
}
