//! One process takes over from another: both sides of it, as `serve` goes through them.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::control::{Listeners, Predecessor, Successor};
use crate::edge::{EdgeError, Socket};
use crate::gateway::Gateway;
use crate::store::Will;

use super::super::CliError;

/// What the process before left.
pub(super) struct Left {
    pub(super) will: Will,
    stream: UnixStream,
}

/// Whoever would take over from this process.
pub(in super::super) struct Successors {
    ready: mpsc::Receiver<Successor>,
    meeting: JoinSet<()>,
}

/// The process that serves the data folder; `None` when there is none, and this one just starts.
pub(super) async fn find(config: &Config) -> Result<Option<Predecessor>, CliError> {
    let folder = config.store_directory.clone();
    let found = blocking(move || Predecessor::find(&folder)).await?;
    let found = found?;
    if found.is_none() {
        tracing::info!("nobody serves the data folder: there is nothing to take over");
    }
    Ok(found)
}

/// A listener of the process before where it has one on this address, or one of our own.
pub(super) fn listen(
    before: Option<&mut Predecessor>,
    address: SocketAddr,
) -> Result<Socket, EdgeError> {
    match before.and_then(|before| before.take(address)) {
        Some(listener) => Socket::inherited(listener),
        None => Socket::bind(address),
    }
}

/// The books of the process before, which has served until now and accepts nobody any more, and the socket at
/// which commands wait.
pub(super) async fn inherit(
    before: Option<Predecessor>,
) -> Result<Option<(Left, UnixListener)>, CliError> {
    let Some(before) = before else { return Ok(None) };
    let (will, stream, control) = blocking(move || before.inherit()).await??;
    Ok(Some((Left { will, stream }, control)))
}

/// Does what requests in flight in the process before ask, beside everything else. The jobs that it works on
/// are ours when it is gone. Nodes of a shared store need none of it.
pub(super) fn serve_predecessor(gateway: &Arc<Gateway>, left: Option<Left>) {
    if let Some(left) = left.filter(|_| !gateway.store.is_shared()) {
        gateway.jobs_are_elsewhere(&left.will.jobs);
        gateway.tasks.spawn(serve_until_gone(Arc::clone(gateway), left));
    }
}

async fn serve_until_gone(gateway: Arc<Gateway>, left: Left) {
    let Left { will, stream } = left;
    match tokio::net::UnixStream::from_std(stream) {
        Ok(stream) => {
            gateway.store.serve_predecessor(stream, will).await;
            tracing::info!("the process before has finished what was in flight");
        }
        Err(error) => tracing::error!(%error, "the process before this one cannot be heard"),
    }
    gateway.jobs_are_here();
}

pub(super) fn lost(source: io::Error) -> CliError {
    CliError::System { what: "reach the process that takes over", source }
}

impl Successors {
    /// Meets whoever is told to the sender that comes with it, one after the other.
    pub(super) fn listen(listeners: Listeners) -> (mpsc::Sender<Successor>, Self) {
        let (asking, asked) = mpsc::channel(1);
        let (telling, ready) = mpsc::channel(1);
        let mut meeting = JoinSet::new();
        meeting.spawn(meet(Arc::new(listeners), asked, telling));
        (asking, Self { ready, meeting })
    }

    /// One that has our listeners and is ready to serve.
    pub(super) async fn ready(&mut self) -> Option<Successor> {
        self.ready.recv().await
    }

    /// Meets nobody any more, and lets go of the listeners that were kept for it.
    pub(super) async fn stop(&mut self) {
        self.meeting.shutdown().await;
    }
}

async fn meet(
    listeners: Arc<Listeners>,
    mut asked: mpsc::Receiver<Successor>,
    telling: mpsc::Sender<Successor>,
) {
    while let Some(successor) = asked.recv().await {
        let listeners = Arc::clone(&listeners);
        let prepared = blocking(move || successor.prepare(&listeners).map(|()| successor)).await;
        match prepared {
            Ok(Ok(successor)) => {
                // Nobody waits for it any more when this process just stops.
                let _ = telling.send(successor).await;
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "a process that would take over did not; this one goes on");
            }
            Err(_) => {}
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CliError> {
    // A thread of its own, which the end of the process does not wait for.
    let (telling, told) = tokio::sync::oneshot::channel();
    let cannot = |source| CliError::System { what: "talk to another process", source };
    let thread = std::thread::Builder::new().name("hand-over".to_owned());
    thread.spawn(move || drop(telling.send(work()))).map_err(cannot)?;
    told.await.map_err(|_| cannot(io::Error::other("the thread for it failed")))
}
