//! The way from one process to the next: listeners over the control socket, then the books.
//!
//! ```text
//! next                                running
//!   {"verb":"hand_over","protocol":2} →
//!                                     ← {"Ok":{"sockets":[…]}}, with a descriptor for each
//!                                       and one for the control socket
//!   "ready" →                           (until here nothing has changed)
//!                                     ← {"runs":[…],"jobs":[…]}: the books are closed
//!                                     ← what requests in flight there ask; answers →
//! ```

use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::Will;

use super::{ControlError, SOCKET};

/// The version of what two processes say to each other. Another one cannot take over: the running one is
/// stopped instead.
pub(super) const PROTOCOL: u32 = 2;

/// How long one process waits for the other's next word. The books of a large store take a while to open,
/// which nobody waits for here.
const PATIENCE: Duration = Duration::from_mins(1);

/// Sockets that one process hands to another: three are used.
const SOCKETS_MAX: usize = 8;

/// The longest line before the books.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Listeners by their addresses, in the order of the descriptors that come with them; one more is the control
/// socket's.
#[derive(Debug, Serialize, Deserialize)]
struct Sockets {
    sockets: Vec<SocketAddr>,
}

/// What a process listens at, and hands to the next.
#[derive(Debug)]
pub struct Listeners {
    /// Where it is called, by address.
    pub sockets: Vec<(SocketAddr, TcpListener)>,
    /// Where commands come in.
    pub control: UnixListener,
}

/// A process that would take over from this one.
#[derive(Debug)]
pub struct Successor {
    stream: UnixStream,
}

/// The process that this one takes over from, and its listeners.
#[derive(Debug)]
pub struct Predecessor {
    stream: UnixStream,
    path: PathBuf,
    listeners: Listeners,
}

impl Successor {
    /// A process that asked at the control socket.
    pub(super) fn new(stream: tokio::net::UnixStream) -> io::Result<Self> {
        let stream = stream.into_std()?;
        stream.set_nonblocking(false)?;
        Ok(Self { stream })
    }

    /// Gives it our listeners, and waits until it is ready to serve. Blocks. Nothing has changed for this
    /// process if that fails.
    pub fn prepare(&self, Listeners { sockets, control }: &Listeners) -> io::Result<()> {
        self.stream.set_read_timeout(Some(PATIENCE))?;
        self.stream.set_write_timeout(Some(PATIENCE))?;
        let addresses = sockets.iter().map(|(address, _)| *address).collect();
        let said: Result<_, String> = Ok(Sockets { sockets: addresses });
        let mut line = serde_json::to_vec(&said)?;
        line.push(b'\n');
        let sockets = sockets.iter().map(|(_, socket)| socket.as_fd());
        let descriptors: Vec<_> = sockets.chain([control.as_fd()]).collect();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        if !beside.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::Error::other("there are more sockets than one message carries"));
        }
        let sent = sendmsg(&self.stream, &[IoSlice::new(&line)], &mut beside, SendFlags::empty())?;
        (&self.stream).write_all(line.get(sent..).unwrap_or_default())?;
        let said: String = read_line(&self.stream, Vec::new())?;
        if said == READY { Ok(()) } else { Err(io::Error::other(said)) }
    }

    /// The way to it, for the books and what requests in flight ask of them.
    pub fn into_stream(self) -> io::Result<UnixStream> {
        // Asks come whenever they come, and books that are being opened read none for as long as that takes.
        self.stream.set_read_timeout(None)?;
        self.stream.set_write_timeout(None)?;
        Ok(self.stream)
    }
}

const READY: &str = "ready";

impl Predecessor {
    /// Asks the process that serves the data folder for its listeners; `None` when none serves it. Blocks.
    pub fn find(folder: &Path) -> Result<Option<Self>, ControlError> {
        let path = folder.join(SOCKET);
        let Ok(stream) = UnixStream::connect(&path) else { return Ok(None) };
        let found = Self::greet(&stream);
        let listeners = found.map_err(|source| unwilling(&path, source))?;
        Ok(Some(Self { stream, path, listeners }))
    }

    fn greet(stream: &UnixStream) -> io::Result<Listeners> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let asked = super::Asked::HandOver { protocol: PROTOCOL };
        let mut line = serde_json::to_vec(&asked)?;
        line.push(b'\n');
        (&mut &*stream).write_all(&line)?;
        let (first, mut descriptors) = receive(stream)?;
        let said: Result<Sockets, String> = read_line(stream, first)?;
        let Sockets { sockets } = said.map_err(io::Error::other)?;
        let Some(control) = descriptors.pop().filter(|_| sockets.len() == descriptors.len()) else {
            return Err(io::Error::other("it gave other sockets than it named"));
        };
        let sockets = sockets.into_iter().zip(descriptors.into_iter().map(TcpListener::from));
        Ok(Listeners { sockets: sockets.collect(), control: UnixListener::from(control) })
    }

    /// Its listener on this address; with port 0, on any port of it.
    pub fn take(&mut self, address: SocketAddr) -> Option<(SocketAddr, TcpListener)> {
        let is_it = |known: SocketAddr| {
            known == address || (address.port() == 0 && known.ip() == address.ip())
        };
        let sockets = &mut self.listeners.sockets;
        let place = sockets.iter().position(|(known, _)| is_it(*known))?;
        Some(sockets.remove(place))
    }

    /// Says that this process is ready, and waits for the books; with them comes the control socket. Blocks.
    /// From here on there is no way back: the other process accepts nobody any more.
    pub fn inherit(self) -> Result<(Will, UnixStream, UnixListener), ControlError> {
        let Self { stream, path, listeners } = self;
        let inherit = || {
            let mut line = serde_json::to_vec(READY)?;
            line.push(b'\n');
            (&stream).write_all(&line)?;
            let will = read_line(&stream, Vec::new())?;
            stream.set_read_timeout(None)?;
            stream.set_nonblocking(true)?;
            Ok(will)
        };
        let will = inherit().map_err(|source| unwilling(&path, source))?;
        Ok((will, stream, listeners.control))
    }
}

fn unwilling(path: &Path, source: io::Error) -> ControlError {
    ControlError::NotHandedOver { path: path.to_owned(), source }
}

/// The beginning of a line, and the descriptors that came beside it.
fn receive(stream: &UnixStream) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut bytes = [0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let got = recvmsg(stream, &mut [IoSliceMut::new(&mut bytes)], &mut beside, flags)?;
    let mut descriptors = Vec::new();
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    Ok((bytes.get(..got.bytes).unwrap_or_default().to_vec(), descriptors))
}

/// One line of JSON, of which some may have come already. Byte by byte: what follows is not ours.
fn read_line<T: DeserializeOwned>(mut stream: &UnixStream, mut line: Vec<u8>) -> io::Result<T> {
    let mut byte = [0];
    while line.last() != Some(&b'\n') {
        if line.len() >= LINE_BYTES_MAX {
            return Err(io::Error::other("it says more than was expected"));
        }
        stream.read_exact(&mut byte)?;
        line.extend_from_slice(&byte);
    }
    serde_json::from_slice(&line).map_err(io::Error::from)
}
