//! An HTTPS server that plays a script: one step for each request, whatever connection it comes on.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::client::PATIENCE;

/// What is done about a request.
pub(crate) enum Step {
    /// These bytes are sent, and the connection stays.
    Send(String),
    /// These bytes are sent, and the connection ends.
    SendAndClose(String),
    /// These bytes are sent, and then nothing until the caller hangs up.
    SendAndHold(String),
    /// The request is held until the server is released, then these bytes are sent.
    SendLater(String),
}

/// A request, and the connection that it came on.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) connection: usize,
    /// Head and body.
    pub(crate) text: String,
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) base: String,
    pub(crate) ca: String,
    script: Arc<Mutex<VecDeque<Step>>>,
    seen: watch::Sender<Vec<Seen>>,
    released: watch::Sender<bool>,
}

/// A whole answer.
pub(crate) fn answer(status: u16, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} x\r\nwechatpay-nonce: n\r\nset-cookie: c\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

impl Server {
    pub(crate) async fn start(script: impl IntoIterator<Item = Step>) -> Self {
        let (tls, ca) = certified();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            base: format!("https://localhost:{}", listener.local_addr().unwrap().port()),
            ca,
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            seen: watch::Sender::new(Vec::new()),
            released: watch::Sender::new(false),
        };
        let this = server.clone();
        tokio::spawn(async move {
            for connection in 0.. {
                let (tcp, _) = listener.accept().await.unwrap();
                tokio::spawn(this.clone().serve(connection, tls.clone(), tcp));
            }
        });
        server
    }

    /// Lets held requests go.
    pub(crate) fn release(&self) {
        self.released.send_replace(true);
    }

    /// Waits for that many requests.
    pub(crate) async fn seen(&self, count: usize) -> Vec<Seen> {
        let mut seen = self.seen.subscribe();
        let seen = timeout(PATIENCE, seen.wait_for(|seen| seen.len() >= count)).await;
        seen.expect("the requests did not come").unwrap().clone()
    }

    async fn serve(self, connection: usize, tls: TlsAcceptor, tcp: TcpStream) {
        let Ok(mut stream) = tls.accept(tcp).await else { return };
        let mut buffer = Vec::new();
        while let Some(text) = request(&mut stream, &mut buffer).await {
            self.seen.send_modify(|seen| seen.push(Seen { connection, text }));
            let step = self.script.lock().unwrap().pop_front().expect("the script is over");
            let (text, goes_on) = match step {
                Step::Send(text) => (text, true),
                Step::SendAndClose(text) => (text, false),
                Step::SendAndHold(text) => {
                    stream.write_all(text.as_bytes()).await.unwrap();
                    while stream.read(&mut [0; 64]).await.is_ok_and(|n| n > 0) {}
                    return;
                }
                Step::SendLater(text) => {
                    self.released.subscribe().wait_for(|released| *released).await.unwrap();
                    (text, true)
                }
            };
            // That the caller has hung up is for its test to see.
            if stream.write_all(text.as_bytes()).await.is_err() || !goes_on {
                let _ = stream.shutdown().await;
                return;
            }
        }
    }
}

/// The next request.
async fn request(stream: &mut TlsStream<TcpStream>, buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = buffer.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8(buffer[..end + 4].to_vec()).unwrap();
            let length =
                head.lines().find_map(|l| l.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
            if buffer.len() >= head.len() + length {
                let rest = buffer.split_off(head.len() + length);
                return String::from_utf8(std::mem::replace(buffer, rest)).ok();
            }
        }
        if !matches!(stream.read_buf(buffer).await, Ok(1..)) {
            return None;
        }
    }
}

/// A certificate for localhost, and who vouches for it.
fn certified() -> (TlsAcceptor, String) {
    let (ca_key, key) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap().pem();
    let issuer = Issuer::new(params, ca_key);
    let leaf = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap().pem();
    let tls = paystate_edge::tls_config(leaf.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    (TlsAcceptor::from(tls), ca)
}
