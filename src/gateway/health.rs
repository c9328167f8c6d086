//! How every offering is doing, kept outside policy so that a reload forgets nothing.

use std::time::Duration;

use dashmap::DashMap;

use crate::clock::Now;
use crate::routing::{HealthView, OfferingHealth};

/// One state for each offering, by name. Names are those of policy, so it stays small.
#[derive(Debug, Default)]
pub(super) struct HealthBoard(DashMap<String, OfferingHealth>);

impl HealthBoard {
    pub(super) fn view(&self, offering: &str, now: Now) -> HealthView {
        match self.0.get(offering) {
            Some(health) => health.view(now),
            None => OfferingHealth::default().view(now),
        }
    }

    /// Whether an attempt may begin; takes the one trial of an offering that rests.
    pub(super) fn begin(&self, offering: &str, now: Now) -> bool {
        self.0.entry(offering.to_owned()).or_default().begin(now)
    }

    pub(super) fn succeeded(&self, offering: &str, latency: Duration, now: Now) {
        self.0.entry(offering.to_owned()).or_default().succeeded(latency, now);
    }

    pub(super) fn failed(&self, offering: &str, is_ill: bool, now: Now) {
        self.0.entry(offering.to_owned()).or_default().failed(is_ill, now);
    }
}
