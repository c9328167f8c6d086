//! All windows and leases of one subject.

use std::collections::VecDeque;

use crate::canonical::Standing;
use crate::clock::Now;

use super::coarse::Coarse;
use super::window::Ring;
use super::{DenialReason, LEASE_MS_MAX, Limit, Ticket, Unit, Weight};

/// At least so many stamps are kept, whatever the limits, so that a reload finds a history.
const STAMPS_KEPT_MIN: u64 = 200;

/// Stamps are kept for so long at least, for the same reason.
const HINDSIGHT_MS: u64 = 3_600_000;

/// Counters of limits that a reload dropped and that are still remembered.
const COUNTERS_MAX: usize = 8;

/// What was admitted of one subject. Idle, it holds nothing and may be forgotten.
///
/// Memory: five bytes per stamp (six once a request asked for more than 255 images), of which there
/// are as many as the largest exact limit (200 at least, 2,000 at most); 510 bytes per limit that is
/// counted by sub-windows; eight per running request.
#[derive(Clone, Debug, Default)]
pub struct Windows {
    /// The latest tick seen: time never goes back here, whatever it does elsewhere.
    latest_ms: u64,
    /// How far back anything is remembered.
    hindsight_ms: u64,
    pub(super) ring: Ring,
    counters: Vec<Coarse>,
    /// When each running request began, oldest first.
    pub(super) leases: VecDeque<u64>,
}

/// The limit in the way, why, and the tick from which it no longer is; `None` where that is never.
pub(super) type No<'a> = (&'a Limit, DenialReason, Option<u64>);

impl Windows {
    /// Undoes an admission, windows and lease alike, as if it had never been.
    pub fn take_back(&mut self, ticket: &Ticket) {
        self.ring.remove(ticket.tick_ms, ticket.weight.images);
        for counter in &mut self.counters {
            counter.remove(ticket.tick_ms, counter.unit.of(ticket.weight));
        }
        self.finish(ticket);
    }

    /// Ends an admission's lease; the windows remember it.
    pub fn finish(&mut self, ticket: &Ticket) {
        // Leases of one tick are interchangeable: they began together and expire together.
        if let Ok(place) = self.leases.binary_search(&ticket.tick_ms) {
            self.leases.remove(place);
        }
    }

    /// An admission turned out to be worth so many nano-credits less than it counted as.
    pub fn give_back(&mut self, tick_ms: u64, nanos: u64) {
        let counters = self.counters.iter_mut().filter(|counter| counter.unit == Unit::Credits);
        counters.for_each(|counter| counter.remove(tick_ms, nanos));
    }

    /// Counts what was admitted elsewhere or before a restart, without a lease.
    pub fn remember(&mut self, limits: &[Limit], tick_ms: u64, weight: Weight) {
        self.prepare(limits, self.latest_ms.max(tick_ms));
        self.count(limits, tick_ms, Weight { images: weight.images.max(1), ..weight });
    }

    /// Counts a request that runs.
    pub fn lease(&mut self, tick_ms: u64) {
        let place = self.leases.partition_point(|begun| *begun <= tick_ms);
        self.leases.insert(place, tick_ms);
    }

    /// Every admission that is remembered, as tick and images.
    pub fn stamps(&self) -> impl Iterator<Item = (u64, u32)> {
        self.ring.iter()
    }

    /// What counters remember, as unit, window, a tick that is not too early, and how much.
    pub fn counts(&self) -> impl Iterator<Item = (Unit, u64, u64, u64)> {
        self.counters.iter().flat_map(|counter| {
            let live = counter.live(self.latest_ms).filter(|(_, count)| *count > 0);
            live.map(|(number, count)| {
                let last_ms = counter.last_of(number).min(self.latest_ms);
                (counter.unit, counter.window_ms, last_ms, count)
            })
        })
    }

    /// Where the subject stands with each limit, in their order.
    pub fn standings(&self, limits: &[Limit], now: Now) -> Vec<Standing> {
        let now_ms = self.latest_ms.max(now.tick_ms);
        let standing = |limit: &Limit| {
            let used = self.used(limit, now_ms);
            let free_at = if used == 0 { now_ms } else { self.free_at(limit, now_ms, 1) };
            limit.standing(used, free_at.saturating_sub(now_ms))
        };
        limits.iter().map(standing).collect()
    }

    /// Whether nothing here could change a verdict any more, so that it may be forgotten.
    pub fn is_idle(&self, now: Now) -> bool {
        let now_ms = self.latest_ms.max(now.tick_ms);
        let expired = |begun: &u64| begun.saturating_add(LEASE_MS_MAX) <= now_ms;
        let hindsight_ms = self.hindsight_ms.max(HINDSIGHT_MS);
        self.leases.back().is_none_or(expired)
            && self.ring.used(Unit::Requests, hindsight_ms, now_ms) == 0
            && self.counters.iter().all(|counter| counter.used(now_ms) == 0)
    }

    /// The latest tick seen.
    pub(super) const fn latest(&self) -> u64 {
        self.latest_ms
    }

    /// Moves time on, opens counters for new limits.
    pub(super) fn prepare(&mut self, limits: &[Limit], now_ms: u64) {
        self.latest_ms = now_ms;
        self.hindsight_ms = hindsight_ms(limits);
        while self.leases.front().is_some_and(|begun| begun.saturating_add(LEASE_MS_MAX) <= now_ms)
        {
            self.leases.pop_front();
        }
        for limit in limits.iter().filter(|limit| !limit.is_exact()) {
            if self.counter(limit).is_none() {
                self.open_counter(limit);
            }
        }
        if self.counters.len() > COUNTERS_MAX {
            let is_read = |counter: &Coarse| limits.iter().any(|limit| counter.counts(limit));
            self.counters.retain(is_read);
        }
    }

    /// A counter begins with what stamps tell; they tell nothing of pixels and credits.
    fn open_counter(&mut self, limit: &Limit) {
        let mut counter = Coarse::new(limit.unit, limit.window_ms());
        for (tick_ms, images) in self.ring.iter() {
            counter.insert(tick_ms, limit.unit.of(Weight { images, pixels: 0, nanos: 0 }));
        }
        self.counters.push(counter);
    }

    /// The limit that the request does not fit for longest.
    pub(super) fn fullest<'a>(
        &self,
        limits: &'a [Limit],
        weight: Weight,
        now_ms: u64,
    ) -> Option<No<'a>> {
        let mut longest: Option<(&Limit, u64)> = None;
        for limit in limits {
            let weight = limit.unit.of(weight);
            if weight > limit.most {
                return Some((limit, DenialReason::TooHeavy(limit.unit), None));
            }
            let wanted = self.used(limit, now_ms).saturating_add(weight);
            let excess = wanted.saturating_sub(limit.most);
            let free_at = (excess > 0).then(|| self.free_at(limit, now_ms, excess));
            if free_at > longest.map(|(_, latest)| latest) {
                longest = free_at.map(|free_at| (limit, free_at));
            }
        }
        longest.map(|(limit, free_at)| (limit, DenialReason::Window, Some(free_at)))
    }

    pub(super) fn is_crowded(&self, concurrency_max: Option<u32>) -> bool {
        let running = u32::try_from(self.leases.len()).unwrap_or(u32::MAX);
        concurrency_max.is_some_and(|most| running >= most)
    }

    pub(super) fn count(&mut self, limits: &[Limit], tick_ms: u64, weight: Weight) {
        self.ring.forget_before(self.latest_ms.saturating_sub(self.hindsight_ms));
        let kept = usize::try_from(stamps_kept(limits)).unwrap_or(usize::MAX);
        self.ring.insert(tick_ms, weight.images, kept);
        // Counters that no limit reads just now are fed too: a reload may bring theirs back.
        for counter in &mut self.counters {
            counter.insert(tick_ms, counter.unit.of(weight));
        }
    }

    fn used(&self, limit: &Limit, now_ms: u64) -> u64 {
        match self.counter_for(limit, now_ms) {
            Some(counter) => counter.used(now_ms),
            None => self.ring.used(limit.unit, limit.window_ms(), now_ms),
        }
    }

    fn free_at(&self, limit: &Limit, now_ms: u64, excess: u64) -> u64 {
        match self.counter_for(limit, now_ms) {
            Some(counter) => counter.free_at(now_ms, excess),
            None => self.ring.free_at(limit.unit, limit.window_ms(), now_ms, excess),
        }
    }

    /// The counter that tells what a limit's window holds, where stamps do not.
    ///
    /// An exact limit is counted by one for as long as it knows of more than the stamps do: they were
    /// kept for smaller limits, before a reload lowered this one or a node was left with a share of it.
    fn counter_for(&self, limit: &Limit, now_ms: u64) -> Option<&Coarse> {
        let counter = self.counter(limit)?;
        let knows_more = || {
            let stamps = self.ring.used_since(limit.unit, counter.first_ms(now_ms));
            counter.used(now_ms) > stamps
        };
        (!limit.is_exact() || knows_more()).then_some(counter)
    }

    fn counter(&self, limit: &Limit) -> Option<&Coarse> {
        self.counters.iter().find(|counter| counter.counts(limit))
    }
}

/// How many stamps are kept under these limits.
pub fn stamps_kept(limits: &[Limit]) -> u64 {
    let exact = limits.iter().filter(|limit| limit.is_exact());
    exact.map(|limit| limit.most).max().unwrap_or(0).max(STAMPS_KEPT_MIN)
}

/// How far back stamps are kept under these limits.
pub fn hindsight_ms(limits: &[Limit]) -> u64 {
    let exact = limits.iter().filter(|limit| limit.is_exact());
    let longest = exact.map(Limit::window_ms).max().unwrap_or(0);
    longest.max(HINDSIGHT_MS)
}
