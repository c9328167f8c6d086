//! How every offering is doing, kept outside policy so that a reload forgets nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use dashmap::DashMap;

use crate::clock::{Clock, Now};
use crate::routing::{BreakerState, HealthView, OfferingHealth, Permit};
use crate::store::Drain;

/// When it is worth asking again for what only a drained offering can draw.
const DRAINED_WAIT_MS: u64 = 60_000;

/// One state for each offering, by name. Names are those of policy, so it stays small.
#[derive(Debug, Default)]
pub(super) struct HealthBoard {
    seen: DashMap<String, OfferingHealth>,
    /// Those that get no new requests.
    drained: ArcSwap<BTreeMap<String, Drain>>,
}

impl HealthBoard {
    /// What has been seen of it.
    pub(super) fn view(&self, offering: &str, now: Now) -> HealthView {
        match self.seen.get(offering) {
            Some(health) => health.view(now),
            None => OfferingHealth::default().view(now),
        }
    }

    /// The same for routing, to which one that is drained looks like one that rests.
    pub(super) fn routed(&self, offering: &str, now: Now) -> HealthView {
        let view = self.view(offering, now);
        if !self.drained.load().contains_key(offering) {
            return view;
        }
        let until_ms = now.tick_ms.saturating_add(DRAINED_WAIT_MS);
        HealthView { state: BreakerState::Open { until_ms }, ..view }
    }

    pub(super) fn drained(&self) -> Arc<BTreeMap<String, Drain>> {
        self.drained.load_full()
    }

    pub(super) fn set_drained(&self, drains: Vec<Drain>) {
        let drains = drains.into_iter().map(|drain| (drain.offering.clone(), drain));
        self.drained.store(Arc::new(drains.collect()));
    }

    /// The right to make one attempt, or the one trial of an offering that rested.
    pub(super) fn begin<'a>(
        &'a self,
        offering: &'a str,
        clock: &'a dyn Clock,
    ) -> Option<Trying<'a>> {
        let permit = self.seen.entry(offering.to_owned()).or_default().begin(clock.now())?;
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
            let mut health = self.board.seen.entry(self.offering.to_owned()).or_default();
            tell(&mut health, permit, self.clock.now());
        }
    }
}

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        self.tell(OfferingHealth::abandoned);
    }
}
