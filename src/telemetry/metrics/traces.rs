//! The metrics of traces: spans that were exported, spans that were not, and what waits.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Registry};

use super::{counter, counters, gauge};

/// What became of spans.
#[derive(Debug)]
pub struct TraceMetrics {
    /// Spans that a collector took.
    pub exported: IntCounter,
    /// Spans that were dropped, by why: `queue_full`, `failed`, or `late` at the end of the process.
    pub dropped: IntCounterVec,
    /// Requests whose spans wait to be exported.
    pub waiting: IntGauge,
}

impl TraceMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            exported: counter(
                r,
                "pixelgate_trace_spans_exported_total",
                "Spans that the collector took",
            )?,
            dropped: counters(
                r,
                "pixelgate_trace_spans_dropped_total",
                "Spans that were dropped, by why",
                &["why"],
            )?,
            waiting: gauge(
                r,
                "pixelgate_trace_requests_waiting",
                "Requests whose spans wait to be exported",
            )?,
        })
    }
}
