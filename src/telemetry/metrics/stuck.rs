//! What is stuck, and how much room the disk has.

use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::{counters, gauge, gauges};
use crate::stuck::Part;

/// What the watchdog found, and what runs out.
#[derive(Debug)]
pub struct StuckMetrics {
    /// How many are stuck now, by what.
    pub now: IntGaugeVec,
    /// How many were found stuck, by what.
    pub found: IntCounterVec,
    /// Bytes that the disk of the embedded store has left.
    pub disk_free: IntGauge,
    /// 1 while that is less than `store.free_min`.
    pub disk_low: IntGauge,
}

impl StuckMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            now: gauges(
                r,
                "pixelgate_stuck",
                "How many are stuck: requests, the store's writer, the runtime, background tasks",
                &["what"],
            )?,
            found: counters(
                r,
                "pixelgate_stuck_found_total",
                "How many were found stuck",
                &["what"],
            )?,
            disk_free: gauge(
                r,
                "pixelgate_store_disk_free_bytes",
                "Room that is left on the disk of the embedded store",
            )?,
            disk_low: gauge(
                r,
                "pixelgate_store_nearly_full",
                "Whether that is less than store.free_min",
            )?,
        };
        for part in Part::ALL {
            metrics.now.with_label_values(&[part.name()]).set(0);
            metrics.found.with_label_values(&[part.name()]).reset();
        }
        Ok(metrics)
    }
}
