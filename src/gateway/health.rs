//! How every offering is doing, kept outside policy so that a reload forgets nothing.

use std::time::Duration;

use dashmap::DashMap;

use crate::clock::Now;
use crate::routing::{HealthView, OfferingHealth, Permit};

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

    /// The right to make one attempt, or the one trial of an offering that rested.
    pub(super) fn begin(&self, offering: &str, now: Now) -> Option<Permit> {
        self.0.entry(offering.to_owned()).or_default().begin(now)
    }

    pub(super) fn succeeded(&self, offering: &str, permit: Permit, latency: Duration, now: Now) {
        self.0.entry(offering.to_owned()).or_default().succeeded(permit, latency, now);
    }

    pub(super) fn failed(&self, offering: &str, permit: Permit, is_ill: bool, now: Now) {
        self.0.entry(offering.to_owned()).or_default().failed(permit, is_ill, now);
    }
}
