//! The way of a call that is passed through: the vendor's addresses, and a head with our
//! credential. Pingora's proxy phases go it.

use std::time::Duration;

use http::{HeaderMap, Method};
use pingora::http::RequestHeader;
use pingora::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use tokio::time::Instant;

use crate::catalog::Vendor;
use crate::fault::VendorFault;

use super::exchange::{host_header, shown};
use super::place::place;
use super::{ADDRESSES_MAX, Account, CONNECT_TIMEOUT, Upstream};

/// Addresses of one vendor that one call may go through.
pub(crate) const ADDRESSES_TRIED_MAX: usize = ADDRESSES_MAX;

/// How long a connection is kept that its vendor did not close as it was told to. Nobody can use
/// it again, so this is only for the pool to forget it.
const LEFT_OPEN: Duration = Duration::from_millis(1);

/// A call as the vendor is to see it, less its body.
pub(crate) struct Onward<'a> {
    pub(crate) vendor: &'a Vendor,
    pub(crate) account: Account,
    pub(crate) method: &'a Method,
    /// Path and query below the vendor's base.
    pub(crate) path: &'a str,
    pub(crate) headers: HeaderMap,
    /// When the call must be over.
    pub(crate) deadline: Instant,
}

/// Where a call goes, and its head.
pub(crate) struct Way {
    /// The vendor at each of its addresses, in the order to try them.
    pub(crate) peers: std::vec::IntoIter<HttpPeer>,
    /// The head, with our credential.
    pub(crate) head: RequestHeader,
}

impl Upstream {
    /// Where a call that is passed through goes, and the head that it goes there with.
    pub(crate) async fn way(&self, onward: Onward<'_>) -> Result<Way, VendorFault> {
        let place = place(onward.vendor, onward.path)?;
        let resolved = tokio::time::timeout_at(onward.deadline, self.peers(&place)).await;
        let mut peers = resolved.map_err(|_| unreachable("its name did not resolve in time"))??;
        let left = onward.deadline.saturating_duration_since(Instant::now());
        for peer in &mut peers {
            // A connection that was used before may have been closed since, which would be seen
            // only when the body is gone: so every call has a connection of its own.
            peer.group_key = crate::id::random_number();
            peer.options.idle_timeout = Some(LEFT_OPEN);
            peer.options.set_http_version(1, 1);
            peer.options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
            peer.options.total_connection_timeout = Some(CONNECT_TIMEOUT.min(left));
            peer.options.read_timeout = Some(left);
            peer.options.write_timeout = Some(left);
        }
        let first = peers.first().ok_or_else(|| unreachable("its name has no address"))?;
        let head = head(&onward, &place.path, host_header(first))
            .map_err(|_| VendorFault::Rejected { detail: "it has no valid head".to_owned() })?;
        Ok(Way { peers: peers.into_iter(), head })
    }
}

fn head(onward: &Onward<'_>, path: &str, host: String) -> pingora::Result<RequestHeader> {
    let mut head = RequestHeader::build(onward.method.clone(), path.as_bytes(), None)?;
    for (name, value) in &onward.headers {
        head.append_header(name.clone(), value.clone())?;
    }
    head.insert_header(http::header::HOST, host)?;
    head.insert_header(http::header::CONNECTION, "close")?;
    let secret = onward.vendor.secrets.get(onward.account.0);
    if let Some((name, value)) = secret.and_then(|secret| shown(&onward.vendor.auth, secret)) {
        head.insert_header(name, value)?;
    }
    Ok(head)
}

fn unreachable(detail: &str) -> VendorFault {
    VendorFault::Unreachable { detail: detail.to_owned() }
}
