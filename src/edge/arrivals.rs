//! Connections that were accepted and are not served yet: a handshake goes on, or their task has not run.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use pingora::listeners::ConnectionFilter;

/// How many were accepted, and how many of them are served by now or were.
///
/// A handshake that fails stays on the way for ever: nobody is told of it.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    accepted: AtomicU64,
    served: AtomicU64,
}

impl Arrivals {
    /// One of those that were accepted is served from here on.
    pub(super) fn serve(&self) {
        self.served.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether any is still on its way. Listening may go on beside it, and bring more.
    pub(super) fn are_on_the_way(&self) -> bool {
        // Served ones first: they are accepted before.
        let served = self.served.load(Ordering::Acquire);
        served < self.accepted.load(Ordering::Acquire)
    }
}

#[async_trait]
impl ConnectionFilter for Arrivals {
    /// Everyone is let in, and counted.
    async fn should_accept(&self, _: Option<&SocketAddr>) -> bool {
        self.accepted.fetch_add(1, Ordering::AcqRel);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_is_on_its_way_from_when_it_is_accepted_until_it_is_served() {
        let arrivals = Arrivals::default();
        assert!(!arrivals.are_on_the_way());
        assert!(arrivals.should_accept(None).await);
        assert!(arrivals.should_accept(None).await);
        arrivals.serve();
        assert!(arrivals.are_on_the_way());
        arrivals.serve();
        assert!(!arrivals.are_on_the_way());
    }
}
