//! The metrics of a shadow policy: what it would have made of requests.

use prometheus::{CounterVec, Histogram, IntCounterVec, Registry};

use crate::credits::{Cost, Credits};

use super::super::units;
use super::{counters, floats, histogram};

/// What a policy that is tried beside the one in force would have made of requests.
#[derive(Debug)]
pub struct ShadowMetrics {
    /// Requests by what would be other: `same`, `dearer`, `cheaper`, `rerouted`, `refused`,
    /// `admitted`, `refused_otherwise`, `failed`.
    pub outcomes: IntCounterVec,
    /// The most that requests may cost their callers, by policy: `real` or `shadow`; of those that
    /// both admit.
    pub credits: CounterVec,
    /// The most that their first offerings may cost us, likewise.
    pub cost: CounterVec,
    /// What asking it takes.
    pub seconds: Histogram,
}

impl ShadowMetrics {
    /// Counts what a policy quotes for a request, and what its first offering may cost us.
    pub fn quoted(&self, policy: &str, (quote, cost): (Credits, Cost)) {
        self.credits.with_label_values(&[policy]).inc_by(units(quote.nanos()));
        self.cost.with_label_values(&[policy]).inc_by(units(cost.nanos()));
    }

    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        const SECONDS: [f64; 8] =
            [0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.01];
        Ok(Self {
            outcomes: counters(
                r,
                "pixelgate_shadow_total",
                "Requests by what a shadow policy would have made of them",
                &["what"],
            )?,
            credits: floats(
                r,
                "pixelgate_shadow_credits_total",
                "Credits quoted for requests that both policies admit",
                &["policy"],
            )?,
            cost: floats(
                r,
                "pixelgate_shadow_cost_dollars_total",
                "The most that first offerings may cost, of requests that both policies admit",
                &["policy"],
            )?,
            seconds: histogram(
                r,
                "pixelgate_shadow_seconds",
                "What asking a shadow policy takes, per request",
                &SECONDS,
            )?,
        })
    }
}
