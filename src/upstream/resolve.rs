//! From a host to connections: its network addresses, and what each connection is made with.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use futures_util::future::BoxFuture;
use pingora::protocols::TcpKeepalive;
use pingora::upstreams::peer::{HttpPeer, PeerOptions};
use tokio::time::Instant;

use crate::fault::VendorFault;
use crate::reach::is_public;

use super::place::Place;
use super::{ADDRESS_TTL, ADDRESSES_MAX, CONNECT_TIMEOUT, IDLE_TIMEOUT, NAMES_MAX, Upstream};

/// How often a vendor is asked over HTTP/2 whether it is still there, for whose answer Pingora waits five seconds. Front
/// doors end connections on which that is asked much oftener.
const PING_EVERY: Duration = Duration::from_secs(30);

/// How often its system is asked, below what it can see.
const PROBE_EVERY: Duration = Duration::from_secs(10);

/// How long what was sent may stay unacknowledged.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED_MAX: Duration = Duration::from_mins(1);

/// What finds the network addresses of a host name and port.
pub type Resolver =
    Box<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// The addresses of a name, and until when they are used.
struct Resolved {
    addresses: Arc<[SocketAddr]>,
    until: Instant,
}

/// The names of vendors, and their addresses.
pub(super) struct Names {
    resolver: Resolver,
    known: DashMap<(String, u16), Resolved>,
}

impl Default for Names {
    fn default() -> Self {
        Self::new(Box::new(|host, port| {
            Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
        }))
    }
}

impl Names {
    pub(super) fn new(resolver: Resolver) -> Self {
        Self { resolver, known: DashMap::new() }
    }

    /// The addresses of a host, as they were found a short while ago.
    async fn addresses(&self, host: &str, port: u16) -> Result<Arc<[SocketAddr]>, VendorFault> {
        let name = (host.to_owned(), port);
        if let Some(known) = self.known.get(&name)
            && Instant::now() < known.until
        {
            return Ok(Arc::clone(&known.addresses));
        }
        let found: Arc<[SocketAddr]> = match self.addresses_now(host, port).await {
            Ok(found) => found.into(),
            Err(error) => return self.addresses_before(&name).ok_or(error),
        };
        // Names are of policy or below one of policy, so this map stays small; names below one are
        // the vendor's choice, so it is kept from growing all the same.
        if self.known.len() >= NAMES_MAX {
            self.known.clear();
        }
        let until = Instant::now() + ADDRESS_TTL;
        self.known.insert(name, Resolved { addresses: Arc::clone(&found), until });
        Ok(found)
    }

    /// Where a host was, while its name cannot be found: better than nowhere. The name is looked for again later, so that
    /// not every request waits for that.
    fn addresses_before(&self, name: &(String, u16)) -> Option<Arc<[SocketAddr]>> {
        let mut known = self.known.get_mut(name)?;
        known.until = Instant::now() + ADDRESS_TTL;
        tracing::warn!(host = name.0, "a name cannot be found; its last addresses are used");
        Some(Arc::clone(&known.addresses))
    }

    /// The addresses of a host, found now and not remembered; at least one.
    pub(super) async fn addresses_now(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, VendorFault> {
        if let Ok(address) = host.trim_matches(['[', ']']).parse() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let unreachable = |detail: String| VendorFault::Unreachable { detail };
        let mut found =
            tokio::time::timeout(CONNECT_TIMEOUT, (self.resolver)(host.to_owned(), port))
                .await
                .map_err(|_| unreachable(format!("the name {host} did not resolve in time")))?
                .map_err(|error| {
                    unreachable(format!("the name {host} does not resolve: {error}"))
                })?;
        found.truncate(ADDRESSES_MAX);
        if found.is_empty() {
            return Err(unreachable(format!("the name {host} has no address")));
        }
        Ok(found)
    }
}

impl Upstream {
    /// The host at each of its addresses, in the order to try them.
    pub(super) async fn peers(&self, place: &Place) -> Result<Vec<HttpPeer>, VendorFault> {
        let addresses = self.names.addresses(&place.host, place.port).await?;
        if place.is_named && !addresses.iter().all(|address| is_public(address.ip())) {
            let detail = format!("it names {}, which is inside our own network", place.host);
            return Err(VendorFault::Garbled { detail });
        }
        let mut options = options();
        options.idle_timeout = Some(IDLE_TIMEOUT);
        options.max_h2_streams = 32;
        if place.tls {
            options.set_http_version(2, 1);
        }
        Ok(peers(&addresses, place.tls, &place.host, &options))
    }
}

/// What every connection is made with. Pingora's own defaults check the certificate and its name.
pub(super) fn options() -> PeerOptions {
    let mut options = PeerOptions::new();
    options.connection_timeout = Some(CONNECT_TIMEOUT);
    options.total_connection_timeout = Some(CONNECT_TIMEOUT);
    // A peer that is gone without a word is found out, or whoever waits for its answer waits for all of its time, and
    // over HTTP/2 everyone after it too.
    options.h2_ping_interval = Some(PING_EVERY);
    options.tcp_keepalive = Some(TcpKeepalive {
        idle: PROBE_EVERY,
        interval: PROBE_EVERY,
        count: 3,
        #[cfg(target_os = "linux")]
        user_timeout: UNACKNOWLEDGED_MAX,
    });
    options
}

/// A host at each of these addresses.
pub(super) fn peers(
    addresses: &[SocketAddr],
    tls: bool,
    host: &str,
    options: &PeerOptions,
) -> Vec<HttpPeer> {
    let sni = host.trim_matches(['[', ']']);
    let peer = |address: &SocketAddr| {
        let mut peer = HttpPeer::new(*address, tls, sni.to_owned());
        peer.options = options.clone();
        peer
    };
    addresses.iter().map(peer).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn while_a_name_cannot_be_found_its_last_addresses_are_used() {
        let (known, asked) =
            (SocketAddr::from(([203, 0, 113, 7], 443)), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&asked);
        let answer = move || match counted.fetch_add(1, Ordering::SeqCst) {
            0 => Ok(vec![known]),
            _ => Err(io::Error::other("no server answers")),
        };
        let names = Names::new(Box::new(move |_, _| Box::pin(std::future::ready(answer()))));
        let ask = async || *names.addresses("vendor.example", 443).await.unwrap() == [known];
        for (round, questions) in [(0, 1), (1, 2), (2, 3)] {
            assert!(ask().await && ask().await);
            assert_eq!(asked.load(Ordering::SeqCst), questions, "in round {round}");
            tokio::time::advance(ADDRESS_TTL).await;
        }
        assert!(names.addresses("other.example", 443).await.is_err());
        assert!(names.addresses_now("vendor.example", 443).await.is_err());
    }
}
