//! Evens out what we send to each vendor, so that their 429s are rare.

use std::num::NonZeroU32;
use std::sync::Arc;

use dashmap::DashMap;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;

use crate::catalog::Vendor;
use crate::fault::VendorFault;

/// One pacer for each vendor and rate.
#[derive(Debug, Default)]
pub(super) struct Pacers(DashMap<(String, NonZeroU32), Arc<DefaultDirectRateLimiter>>);

impl Pacers {
    /// Waits for this vendor's turn; busy when it does not come before `deadline`.
    pub(super) async fn wait(&self, vendor: &Vendor, deadline: Instant) -> Result<(), VendorFault> {
        let Some(rate) = vendor.calls_per_minute_max else {
            return Ok(());
        };
        // Keyed by the rate too: a policy that changes it starts a fresh pacer.
        let pacer = Arc::clone(
            &self
                .0
                .entry((vendor.name.clone(), rate))
                .or_insert_with(|| Arc::new(RateLimiter::direct(Quota::per_minute(rate)))),
        );
        tokio::time::timeout_at(deadline, pacer.until_ready())
            .await
            .map_err(|_| VendorFault::Busy { retry_after: None })
    }
}
