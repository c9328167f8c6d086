//! The one way to an address that someone else named: a caller's picture, a hook that is called.
//!
//! The address must be listed, and so must every address that it sends us on to. Its name is
//! resolved once, all that it resolves to must be of the open Internet unless policy says otherwise,
//! and the connection is made to one of those very addresses, so that a name which changes in
//! between changes nothing. No credential, no pooled connection, an end by size and by time.

use http::Method;
use tokio::time::Instant;

use crate::dialect::{WireReply, WireRequest};
use crate::fault::VendorFault;
use crate::reach::{Allowed, Barred, Reach, Target, is_public};

use super::Upstream;
use super::exchange::{Ask, Broken, Kind};
use super::resolve::{options, peers};

/// What one call to such an address may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of the answer that are read.
    pub bytes_max: usize,
    /// When it must be over, redirects included.
    pub deadline: Instant,
    /// Times that a `GET` may be sent on; anything else is never sent on.
    pub redirects_max: usize,
}

/// Why such a call came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreached {
    /// The address, or one that it sends us on to, is not to be followed.
    #[error("the address {0}")]
    Barred(#[from] Barred),
    /// Its host is not there, or the connection broke.
    #[error("{0}")]
    Broken(VendorFault),
    /// It took too long.
    #[error("the address did not answer in time")]
    Late,
    /// The answer is larger than may be read.
    #[error("the answer is larger than {bytes_max} bytes")]
    TooLarge {
        /// Bytes that may be read.
        bytes_max: usize,
    },
    /// It sends us on, further than we go.
    #[error("the address sends us on too often")]
    SentOn,
}

impl Upstream {
    /// Sends `wire`, whose path is a whole address, to that address if `reach` lists it. Every
    /// status is an answer, but for redirects of a `GET`, which are followed within `bounds`.
    pub async fn reach(
        &self,
        reach: &Reach,
        wire: &WireRequest,
        bounds: Bounds,
    ) -> Result<WireReply, Unreached> {
        let followed = self.follow(reach, wire, bounds);
        tokio::time::timeout_at(bounds.deadline, followed).await.unwrap_or(Err(Unreached::Late))
    }

    async fn follow(
        &self,
        reach: &Reach,
        wire: &WireRequest,
        bounds: Bounds,
    ) -> Result<WireReply, Unreached> {
        let mut target = Target::parse(&wire.path)?;
        let may_go_on = wire.method == Method::GET && bounds.redirects_max > 0;
        for _ in 0..=bounds.redirects_max {
            let allowed = reach.allow(target)?;
            let reply = self.reach_one(&allowed, wire, bounds.bytes_max).await?;
            let sends_on = matches!(reply.status, 301 | 302 | 303 | 307 | 308);
            if !sends_on || !may_go_on {
                return Ok(reply);
            }
            target = allowed.target.join(reply.header("location").unwrap_or_default())?;
        }
        Err(Unreached::SentOn)
    }

    async fn reach_one(
        &self,
        allowed: &Allowed,
        wire: &WireRequest,
        bytes_max: usize,
    ) -> Result<WireReply, Unreached> {
        let Allowed { target, may_be_inside } = allowed;
        let Target { tls, host, port, path } = target;
        let found = self.names.addresses_now(host, *port).await.map_err(Unreached::Broken)?;
        if !may_be_inside && !found.iter().all(|address| is_public(address.ip())) {
            return Err(Barred::Inside { host: host.clone() }.into());
        }
        let mut options = options();
        options.set_http_version(1, 1);
        let mut peers = peers(&found, *tls, host, &options);
        for peer in &mut peers {
            // No two of these calls share a connection, nor do they with a vendor's.
            peer.group_key = crate::id::random_number();
        }
        let ask = Ask { credential: None, path, wire, bytes_max, ear: None, keeps: false };
        self.at_first(ask, peers).await.map_err(|Broken { fault, kind }| match kind {
            Kind::TooLarge => Unreached::TooLarge { bytes_max },
            Kind::Stale | Kind::Fault => Unreached::Broken(fault),
        })
    }
}

#[cfg(test)]
mod tests;
