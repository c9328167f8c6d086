//! What several nodes count together, and how that goes.

use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Registry};

use super::{counter, counters, gauges};

/// How it is with shared windows.
#[derive(Debug)]
pub struct SharedMetrics {
    /// 1 while the shared windows can be asked; absent where nothing is shared.
    pub up: IntGaugeVec,
    /// Decisions where windows are shared, by where they were made: `shared`, `alone`, `refused`.
    pub decisions: IntCounterVec,
    /// What the shared windows were to be told and were not.
    pub let_go: IntCounter,
}

impl SharedMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            up: gauges(
                r,
                "pixelgate_shared_windows_up",
                "1 while the shared windows can be asked",
                &["store"],
            )?,
            decisions: counters(
                r,
                "pixelgate_shared_decisions_total",
                "Decisions where windows are shared, by where they were made",
                &["how"],
            )?,
            let_go: counter(
                r,
                "pixelgate_shared_windows_let_go_total",
                "What the shared windows were to be told and were not",
            )?,
        })
    }
}
