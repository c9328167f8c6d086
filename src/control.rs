//! The way in for the command line while a gateway runs: a Unix socket in its data folder.
//!
//! One process writes the books. A command finds that process at the socket; when there is none,
//! it opens the store itself. One line of JSON each way.

use std::os::fd::AsFd as _;
use std::os::unix::net::UnixListener as Listener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::store::{Command, Outcome, Store, StoreError};

mod handover;
#[cfg(test)]
mod tests;

pub use handover::{Listeners, Predecessor, Successor};

/// The socket's name in the data folder.
const SOCKET: &str = "control.sock";

/// The longest command and the longest outcome.
const LINE_BYTES_MAX: u64 = 16 << 20;

/// Why a command was not carried out.
#[derive(Debug, Error)]
pub enum ControlError {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The running gateway said no.
    #[error("{0}")]
    Told(String),
    /// The socket cannot be used.
    #[error("cannot use {}", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The running gateway did not let another process take over.
    #[error("the gateway that runs at {} does not hand over", path.display())]
    NotHandedOver {
        /// Its socket.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// What came over the socket is not what was expected.
    #[error("the running gateway answered in a way that this version does not understand")]
    Garbled(#[source] serde_json::Error),
}

/// How long who connected may take to say what it wants: a stop waits for it.
const LINE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the socket rests that could not be listened to.
const AGAIN: Duration = Duration::from_secs(1);

/// What is asked beside commands.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
enum Asked {
    /// Another process would serve from here on.
    HandOver { protocol: u32 },
}

/// Carries out a command: by the gateway that runs on the config's folder, or by opening its store.
pub async fn run(config: &Config, command: Command) -> Result<Outcome, ControlError> {
    let path = config.store_directory.join(SOCKET);
    if let Ok(stream) = UnixStream::connect(&path).await {
        return ask(stream, &path, &command).await;
    }
    // No socket, or one that a killed process left behind.
    let store = Store::open_for(config, std::sync::Arc::new(SystemClock::start())).await?;
    let outcome = store.run(command).await;
    store.close().await?;
    Ok(outcome?)
}

async fn ask(stream: UnixStream, path: &Path, command: &Command) -> Result<Outcome, ControlError> {
    let cannot = |source| ControlError::Socket { path: path.to_owned(), source };
    let mut line = serde_json::to_vec(command).map_err(ControlError::Garbled)?;
    line.push(b'\n');
    let (read, mut write) = stream.into_split();
    write.write_all(&line).await.map_err(cannot)?;
    let mut answer = String::new();
    BufReader::new(read.take(LINE_BYTES_MAX)).read_line(&mut answer).await.map_err(cannot)?;
    let told: Result<Outcome, String> =
        serde_json::from_str(&answer).map_err(ControlError::Garbled)?;
    told.map_err(ControlError::Told)
}

/// The socket of a gateway that runs. It outlives the process: whoever takes over goes on listening at it, and
/// who asks in between waits.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Takes the socket of a folder whose store is ours: that of the process before where there is one.
    pub fn at(folder: &Path, inherited: Option<Listener>) -> Result<Self, ControlError> {
        let path = folder.join(SOCKET);
        let listener = match inherited {
            // Nobody finds one whose file was removed.
            Some(listener) if path.exists() => UnixListener::from_std(listener),
            Some(_) | None => bind(&path),
        };
        match listener {
            Ok(listener) => Ok(Self { listener, path }),
            Err(source) => Err(ControlError::Socket { path, source }),
        }
    }

    /// The same listener once more, to be handed to another process.
    pub fn share(&self) -> Result<Listener, ControlError> {
        let shared = self.listener.as_fd().try_clone_to_owned();
        let cannot = |source| ControlError::Socket { path: self.path.clone(), source };
        Ok(Listener::from(shared.map_err(cannot)?))
    }

    /// Carries out commands for ever. Who would take over is told to `successors`, one at a time.
    pub async fn serve(
        &self,
        store: &Store,
        tasks: &TaskTracker,
        successors: &mpsc::Sender<Successor>,
    ) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    tasks.spawn(answer(stream, store.clone(), successors.clone()));
                }
                Err(error) => {
                    // Too many open files, most likely; it goes by.
                    tracing::error!(%error, "the control socket failed; it is tried again");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }
}

/// Leaves a folder that nobody serves from here on, while its store is still ours: the next command opens the
/// store by itself.
pub fn leave(folder: &Path) {
    // A socket that stays behind is harmless: the next start removes it.
    let _ = std::fs::remove_file(folder.join(SOCKET));
}

fn bind(path: &Path) -> std::io::Result<UnixListener> {
    // The store's lock is ours, so a socket that is there already is a dead one.
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    only_for_the_owner(path)?;
    Ok(listener)
}

fn only_for_the_owner(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

async fn answer(stream: UnixStream, store: Store, successors: mpsc::Sender<Successor>) {
    if let Err(error) = exchange(stream, &store, &successors).await {
        tracing::warn!(%error, "a command could not be answered");
    }
}

async fn exchange(
    mut stream: UnixStream,
    store: &Store,
    successors: &mpsc::Sender<Successor>,
) -> std::io::Result<()> {
    let mut line = String::new();
    let mut read = BufReader::new((&mut stream).take(LINE_BYTES_MAX));
    tokio::time::timeout(LINE_TIMEOUT, read.read_line(&mut line)).await??;
    let told: Result<Outcome, String> = match serde_json::from_str::<Command>(&line) {
        Ok(command) => store.run(command).await.map_err(|error| error.to_string()),
        Err(_) => match judge(&line, store) {
            Ok(()) => match successors.try_reserve() {
                Ok(place) => {
                    place.send(Successor::new(stream)?);
                    return Ok(());
                }
                Err(_) => Err("another process is taking over already".to_owned()),
            },
            Err(why) => Err(why.to_owned()),
        },
    };
    let mut line = serde_json::to_vec(&told)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

/// Whether another process may take over that asks so.
fn judge(line: &str, store: &Store) -> Result<(), &'static str> {
    match serde_json::from_str(line) {
        Ok(Asked::HandOver { protocol: handover::PROTOCOL }) if store.poisoned() => {
            Err("its store failed; stop it, look at its disk, and start anew")
        }
        Ok(Asked::HandOver { protocol: handover::PROTOCOL }) => Ok(()),
        Ok(Asked::HandOver { .. }) => {
            Err("it is of a version that hands over in another way; stop it and start anew")
        }
        Err(_) => Err("the command is not one that the running gateway knows; is it older?"),
    }
}
