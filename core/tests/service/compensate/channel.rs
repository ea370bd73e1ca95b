//! Where people would be told: says no a few times, then listens.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use crate::rig::PATIENCE;

pub(crate) struct Channel {
    pub(crate) url: String,
    told: tokio::sync::Mutex<mpsc::Receiver<String>>,
}

impl Channel {
    /// Refuses the first so many.
    pub(crate) async fn start(refused: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (sender, told) = mpsc::channel(16);
        tokio::spawn(async move {
            for n in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let Some(body) = read(&mut stream).await else { continue };
                let status = if n < refused { "503 Service Unavailable" } else { "200 OK" };
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
                if n >= refused && sender.send(body).await.is_err() {
                    return;
                }
            }
        });
        Self { url, told: tokio::sync::Mutex::new(told) }
    }

    /// What was taken at last.
    pub(crate) async fn told(&self) -> String {
        let patience = PATIENCE + Duration::from_secs(30);
        tokio::time::timeout(patience, self.told.lock().await.recv()).await.expect("nobody was told").unwrap()
    }
}

/// One request; its body.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let n = stream.read(&mut part).await.ok()?;
        bytes.extend_from_slice(&part[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let length = head.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if n == 0 || length.is_some_and(|length: usize| body.len() >= length) {
            return Some(body.to_owned());
        }
    }
}
