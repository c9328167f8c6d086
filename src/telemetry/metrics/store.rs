//! How the store is: whether its disk is full, whether it trusts itself.

use prometheus::{IntGauge, Registry};

use super::gauge;

/// What stops the store, by what is to be done about it.
#[derive(Debug)]
pub struct StoreMetrics {
    /// 1 while the disk is full: what was begun is ended, nothing new begins.
    pub full: IntGauge,
    /// 1 once a commit failed in doubt: nothing is accepted until a restart.
    pub poisoned: IntGauge,
    /// 1 while the shared database cannot be reached.
    pub away: IntGauge,
}

impl StoreMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            full: gauge(
                r,
                "pixelgate_store_full",
                "Whether the store's disk is full: then nothing new begins",
            )?,
            poisoned: gauge(
                r,
                "pixelgate_store_poisoned",
                "Whether a commit failed in doubt: then nothing is accepted until a restart",
            )?,
            away: gauge(
                r,
                "pixelgate_store_away",
                "Whether the shared database cannot be reached; it is tried again all the time",
            )?,
        })
    }
}
