//! A place on loopback where pictures lie, and worse.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::vendor::spawn;

/// What lies there, by its path.
type Shelf = Vec<(&'static str, Vec<u8>)>;

/// A server that says what it is told, and writes down who asked for what.
pub(super) struct Gallery {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Gallery {
    pub(super) async fn holding(shelf: Shelf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (shelf, asked) = (Arc::new(shelf), Arc::new(Mutex::new(Vec::new())));
        let seen = Arc::clone(&asked);
        spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (shelf, seen) = (Arc::clone(&shelf), Arc::clone(&seen));
                spawn(answer(stream, shelf, seen));
            }
        });
        Self { address, asked }
    }

    /// One picture, at `/a.png`.
    pub(super) async fn of_one(picture: &[u8]) -> Self {
        Self::holding(vec![("/a.png", answer_of(200, "image/png", picture))]).await
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Policy by which it may be fetched from.
    pub(super) fn policy(&self) -> String {
        format!("[input_pictures]\ninside_hosts = [\"http://{}\"]\n", self.address)
    }

    pub(super) fn calls(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    pub(super) fn last_head(&self) -> String {
        self.asked.lock().unwrap().last().unwrap().to_ascii_lowercase()
    }
}

/// An answer of this status, type and body.
pub(super) fn answer_of(status: u16, kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// An answer that sends on.
pub(super) fn sent_to(location: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 X\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

async fn answer(mut stream: TcpStream, shelf: Arc<Shelf>, seen: Arc<Mutex<Vec<String>>>) {
    let mut head = vec![0; 8192];
    let length = stream.read(&mut head).await.unwrap_or(0);
    let head = String::from_utf8_lossy(&head[..length]).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    seen.lock().unwrap().push(head);
    let found = shelf.iter().find(|(own, _)| *own == path).map(|(_, answer)| answer.clone());
    let answer = found.unwrap_or_else(|| answer_of(404, "text/plain", b"no"));
    let _ = stream.write_all(&answer).await;
    // Left open, so that an answer without its end stays without one.
    let _ = stream.read(&mut [0; 1]).await;
}
