//! What systemd is told of a unit of `Type=notify`: datagrams to the socket that it names in the
//! environment, as `sd_notify(3)` documents.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::secret::from_environment;

/// Where systemd listens; `@` stands for the byte of abstract names.
const PLACE: &str = "NOTIFY_SOCKET";

/// A way to tell systemd how the process stands.
#[derive(Debug)]
pub(super) struct Systemd {
    socket: UnixDatagram,
    place: SocketAddr,
}

impl Systemd {
    /// The way that the environment names; `None` where nobody listens.
    pub(super) fn find() -> Option<Self> {
        let place = from_environment(PLACE)?;
        Self::at(place.reveal())
            .inspect_err(|error| tracing::warn!(%error, "systemd cannot be told how it stands"))
            .ok()
    }

    pub(super) fn at(place: &str) -> std::io::Result<Self> {
        let place = address(place)?;
        let socket = UnixDatagram::unbound()?;
        // Who does not listen is not waited for.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, place })
    }

    /// Lines of `NAME=value`.
    pub(super) fn tell(&self, state: &str) {
        if let Err(error) = self.socket.send_to_addr(state.as_bytes(), &self.place) {
            tracing::debug!(%error, state, "systemd was not told");
        }
    }
}

fn address(place: &str) -> std::io::Result<SocketAddr> {
    match place.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_an_at_is_abstract_and_any_other_a_path() {
        let of = |place| address(place).unwrap();
        assert_eq!(of("@here").as_abstract_name(), Some(&b"here"[..]));
        let path = std::path::Path::new("/run/systemd/notify");
        assert_eq!(of("/run/systemd/notify").as_pathname(), Some(path));
    }
}
