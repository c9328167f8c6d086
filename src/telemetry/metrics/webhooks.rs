//! The metrics of webhooks: what their receivers answered, and what is still to be told.

use prometheus::{IntCounterVec, IntGauge, Registry};

use super::{counters, gauge};

/// What became of webhooks.
#[derive(Debug)]
pub struct WebhookMetrics {
    /// Tries to tell an app of a job's end, by what its receiver answered.
    pub tries: IntCounterVec,
    /// Ends of jobs that were to be told, by what became of it: `told`, or why it was given up.
    pub ended: IntCounterVec,
    /// Ends of jobs that are still to be told.
    pub waiting: IntGauge,
    /// How long the oldest of those has been waiting.
    pub oldest_seconds: IntGauge,
}

impl WebhookMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            tries: counters(
                r,
                "pixelgate_webhook_tries_total",
                "Tries to tell an app of a job's end, by what its receiver answered",
                &["answer"],
            )?,
            ended: counters(
                r,
                "pixelgate_webhooks_total",
                "Ends of jobs that were to be told: told, or why that was given up",
                &["end"],
            )?,
            waiting: gauge(
                r,
                "pixelgate_webhooks_waiting",
                "Ends of jobs that are still to be told",
            )?,
            oldest_seconds: gauge(
                r,
                "pixelgate_webhooks_oldest_seconds",
                "How long the oldest of the ends that are still to be told has been waiting",
            )?,
        })
    }
}
