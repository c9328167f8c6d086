//! A wire that can be slow, silent or cut: what lies between a gateway and a store.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::vendor::spawn;

/// What the wire does with what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Carries it.
    Flows,
    /// Carries it so much later.
    Slow(Duration),
    /// Keeps it, and says nothing: neither side can tell. When it flows again it is all there, as
    /// it is on a network that sends again what was not acknowledged.
    Silent,
    /// Ends every connection, and takes none.
    Cut,
}

/// A wire to one server.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    mode: watch::Sender<Mode>,
    server: watch::Sender<SocketAddr>,
}

impl Proxy {
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mode, seen) = watch::channel(Mode::Flows);
        let (server, leads_to) = watch::channel(server);
        spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = *leads_to.borrow();
                spawn(relay(client, server, seen.clone()));
            }
        });
        Self { port, mode, server }
    }

    /// Who connects from here on reaches this server.
    pub(crate) fn leads_to(&self, server: SocketAddr) {
        self.server.send_replace(server);
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn relay(client: TcpStream, server: SocketAddr, mut mode: watch::Receiver<Mode>) {
    let seen = mode.clone();
    let both = async {
        passes(&mut seen.clone()).await;
        let Ok(server) = TcpStream::connect(server).await else { return };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::select! {
            () = carry(from_client, to_server, seen.clone()) => {}
            () = carry(from_server, to_client, seen.clone()) => {}
        }
    };
    tokio::select! {
        () = both => {}
        _ = mode.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

/// Waits until what is sent is carried.
async fn passes(mode: &mut watch::Receiver<Mode>) {
    let now = mode.wait_for(|mode| *mode != Mode::Silent).await.map(|mode| *mode);
    if let Ok(Mode::Slow(delay)) = now {
        tokio::time::sleep(delay).await;
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        passes(&mut mode).await;
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
