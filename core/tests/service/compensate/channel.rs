//! Where people would be told: says no a few times, then listens.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};
use tokio_util::sync::{CancellationToken, DropGuard};

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

/// Listens, and never answers.
pub(crate) struct Silent {
    pub(crate) url: String,
    /// Who waits for an answer, and who has given up.
    callers: Arc<watch::Sender<(u32, u32)>>,
    _hangs_up: DropGuard,
}

impl Silent {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (callers, hangs_up) = (Arc::new(watch::Sender::new((0, 0))), CancellationToken::new());
        let (told, stop) = (callers.clone(), hangs_up.clone());
        tokio::spawn(hangs_up.clone().run_until_cancelled_owned(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (told, stop) = (told.clone(), stop.clone());
                told.send_modify(|(waiting, _)| *waiting += 1);
                tokio::spawn(stop.run_until_cancelled_owned(async move {
                    while stream.read(&mut [0; 4096]).await.is_ok_and(|n| n > 0) {}
                    told.send_modify(|(waiting, gone)| (*waiting, *gone) = (*waiting - 1, *gone + 1));
                }));
            }
        }));
        Self { url, callers, _hangs_up: hangs_up.drop_guard() }
    }

    /// Until somebody waits for an answer.
    pub(crate) async fn called(&self) {
        let mut callers = self.callers.subscribe();
        let called = callers.wait_for(|(waiting, _)| *waiting > 0);
        tokio::time::timeout(PATIENCE, called).await.expect("nobody called").unwrap();
    }

    /// How many have given up.
    pub(crate) fn gave_up(&self) -> u32 {
        self.callers.borrow().1
    }
}
