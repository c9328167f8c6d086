//! How every offering is doing, kept outside policy so that a reload forgets nothing.

use std::time::Duration;

use dashmap::DashMap;

use crate::clock::{Clock, Now};
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
    pub(super) fn begin<'a>(
        &'a self,
        offering: &'a str,
        clock: &'a dyn Clock,
    ) -> Option<Trying<'a>> {
        let permit = self.0.entry(offering.to_owned()).or_default().begin(clock.now())?;
        Some(Trying { board: self, offering, clock, permit: Some(permit) })
    }
}

/// An attempt on its way; one that is dropped was never made.
pub(super) struct Trying<'a> {
    board: &'a HealthBoard,
    offering: &'a str,
    clock: &'a dyn Clock,
    permit: Option<Permit>,
}

impl Trying<'_> {
    pub(super) fn succeeded(self, latency: Duration) {
        self.end(|health, permit, now| health.succeeded(permit, latency, now));
    }

    pub(super) fn failed(self, is_ill: bool) {
        self.end(|health, permit, now| health.failed(permit, is_ill, now));
    }

    fn end(mut self, tell: impl FnOnce(&mut OfferingHealth, Permit, Now)) {
        self.tell(tell);
    }

    fn tell(&mut self, tell: impl FnOnce(&mut OfferingHealth, Permit, Now)) {
        if let Some(permit) = self.permit.take() {
            let mut health = self.board.0.entry(self.offering.to_owned()).or_default();
            tell(&mut health, permit, self.clock.now());
        }
    }
}

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        self.tell(OfferingHealth::abandoned);
    }
}
