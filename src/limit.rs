//! How much a key may ask for: several truly sliding windows and a concurrency lease, as one step.
//!
//! Never more than a limit's `most` is admitted in any span of its window, however the spans are
//! laid. Limits up to 2,000 are exact; larger ones may refuse a sixtieth of a window early.
//! Windows outlive the limits: a policy that changes between calls forgets nothing it still needs.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::as_conversions))]

use std::collections::VecDeque;
use std::time::Duration;

use crate::canonical::Standing;
use crate::clock::Now;

mod coarse;
mod window;

#[cfg(test)]
mod tests;

use coarse::Coarse;
use window::{EXACT_MOST_MAX, EXACT_WINDOW_MS_MAX, Ring};

/// What a denial for too many requests at once calls its limit.
pub const CONCURRENCY: &str = "concurrency";

/// At least so many stamps are kept, whatever the limits, so that a reload finds a history.
const STAMPS_KEPT_MIN: u32 = 200;

/// Stamps are kept for so long at least, for the same reason.
const HINDSIGHT_MS: u64 = 3_600_000;

/// A lease ends by itself after this long: a request that was lost cannot hold it for ever.
const LEASE_MS_MAX: u64 = 3_600_000;

/// Counters of large limits that a reload dropped and that are still remembered.
const COUNTERS_MAX: usize = 8;

/// A rule: so many requests or images in any span of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Its name in policy.
    pub name: String,
    /// What is counted.
    pub unit: Unit,
    /// The most of it.
    pub most: u32,
    /// The window's length.
    pub window: Duration,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Requests, whatever they ask for.
    Requests,
    /// Images asked for.
    Images,
}

/// What one request weighs: one request, and so many images (at least one).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// Images asked for.
    pub images: u32,
}

/// What a key's limits say to a request.
#[derive(Debug)]
pub enum Verdict {
    /// Yes; it is counted everywhere.
    Admitted {
        /// What takes it back, or ends its lease.
        ticket: Ticket,
        /// Where the key stands now.
        standings: Vec<Standing>,
    },
    /// No; it is counted nowhere.
    Denied(Denial),
}

/// A limit's no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The name of the limit that stands in the way longest.
    pub limit: String,
    /// Why it does.
    pub reason: DenialReason,
    /// When it no longer will, if nothing else happens; `None` where waiting tells nothing.
    pub retry_after: Option<Duration>,
    /// Where the key stands.
    pub standings: Vec<Standing>,
}

/// Why a limit stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DenialReason {
    /// The window is full.
    Window,
    /// Too many requests are running.
    Concurrency,
    /// The request alone weighs more than the limit, so no wait will help.
    TooHeavy,
}

/// Proof that a request was admitted.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a lease lasts until its ticket is finished or taken back"]
pub struct Ticket {
    tick_ms: u64,
    images: u32,
}

/// All windows and leases of one key. Idle, it holds nothing and may be forgotten.
///
/// Memory: six bytes per stamp, of which there are as many as the largest exact limit (200 at
/// least, 2,000 at most); 260 bytes per limit above that; eight per running request.
#[derive(Clone, Debug, Default)]
pub struct KeyWindows {
    /// The latest tick seen: time never goes back here, whatever it does elsewhere.
    latest_ms: u64,
    ring: Ring,
    counters: Vec<Coarse>,
    /// When each running request began, oldest first.
    leases: VecDeque<u64>,
}

impl KeyWindows {
    /// Counts a request against every limit and takes its lease, or does neither.
    pub fn admit(
        &mut self,
        limits: &[Limit],
        concurrency_max: Option<u32>,
        weight: Weight,
        now: Now,
    ) -> Verdict {
        let now_ms = self.latest_ms.max(now.tick_ms);
        self.latest_ms = now_ms;
        self.prepare(limits, now_ms);
        let images = weight.images.max(1);
        let denial = self.fullest(limits, images, now_ms).or_else(|| self.crowded(concurrency_max));
        if let Some((limit, reason, retry_after)) = denial {
            return Verdict::Denied(Denial {
                limit: limit.to_owned(),
                reason,
                retry_after,
                standings: self.standings(limits, now),
            });
        }
        self.count(limits, now_ms, images);
        self.leases.push_back(now_ms);
        Verdict::Admitted {
            ticket: Ticket { tick_ms: now_ms, images },
            standings: self.standings(limits, now),
        }
    }

    /// Undoes an admission, windows and lease alike, as if it had never been.
    pub fn take_back(&mut self, ticket: &Ticket) {
        self.ring.remove(ticket.tick_ms, ticket.images);
        for counter in &mut self.counters {
            counter.remove(ticket.tick_ms, ticket.images);
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

    /// Counts what was admitted before a restart, without a lease.
    pub fn remember(&mut self, limits: &[Limit], tick_ms: u64, weight: Weight) {
        self.latest_ms = self.latest_ms.max(tick_ms);
        self.prepare(limits, self.latest_ms);
        self.count(limits, tick_ms, weight.images.max(1));
    }

    /// Where the key stands with each limit, in their order.
    pub fn standings(&self, limits: &[Limit], now: Now) -> Vec<Standing> {
        let now_ms = self.latest_ms.max(now.tick_ms);
        let standing = |limit: &Limit| {
            let used = self.used(limit, now_ms);
            let free_at = if used == 0 { now_ms } else { self.free_at(limit, now_ms, 1) };
            Standing {
                limit: limit.name.clone(),
                most: u64::from(limit.most),
                remaining: u64::from(limit.most).saturating_sub(used),
                window: limit.window,
                resets_in: Duration::from_millis(free_at.saturating_sub(now_ms)),
            }
        };
        limits.iter().map(standing).collect()
    }

    /// Whether nothing here could change a verdict any more, so that it may be forgotten.
    pub fn is_idle(&self, limits: &[Limit], now: Now) -> bool {
        let now_ms = self.latest_ms.max(now.tick_ms);
        let expired = |begun: &u64| begun.saturating_add(LEASE_MS_MAX) <= now_ms;
        let seen = self.ring.used(Unit::Requests, hindsight_ms(limits), now_ms);
        self.leases.back().is_none_or(expired)
            && seen == 0
            && self.counters.iter().all(|counter| counter.used(now_ms) == 0)
    }

    /// Drops what no window can see any more, and opens counters for new large limits.
    fn prepare(&mut self, limits: &[Limit], now_ms: u64) {
        self.ring.forget_before(now_ms.saturating_sub(hindsight_ms(limits)));
        while self.leases.front().is_some_and(|begun| begun.saturating_add(LEASE_MS_MAX) <= now_ms)
        {
            self.leases.pop_front();
        }
        for limit in limits.iter().filter(|limit| !limit.is_exact()) {
            if self.counter(limit).is_none() {
                let mut counter = Coarse::new(limit.unit, limit.window_ms());
                self.ring.iter().for_each(|(tick_ms, images)| counter.insert(tick_ms, images));
                self.counters.push(counter);
            }
        }
        if self.counters.len() > COUNTERS_MAX {
            self.counters.retain(|counter| limits.iter().any(|limit| limit.is_counted_by(counter)));
        }
    }

    /// The limit that the request does not fit for longest.
    fn fullest<'a>(&self, limits: &'a [Limit], images: u32, now_ms: u64) -> Option<No<'a>> {
        let mut longest: Option<(&Limit, u64)> = None;
        for limit in limits {
            let weight = limit.unit.of(images);
            if weight > limit.most {
                return Some((&limit.name, DenialReason::TooHeavy, None));
            }
            let wanted = self.used(limit, now_ms).saturating_add(u64::from(weight));
            let excess = wanted.saturating_sub(u64::from(limit.most));
            let free_at = (excess > 0).then(|| self.free_at(limit, now_ms, excess));
            if free_at > longest.map(|(_, latest)| latest) {
                longest = free_at.map(|free_at| (limit, free_at));
            }
        }
        longest.map(|(limit, free_at)| {
            let wait = Duration::from_millis(free_at.saturating_sub(now_ms));
            (limit.name.as_str(), DenialReason::Window, Some(wait))
        })
    }

    fn crowded(&self, concurrency_max: Option<u32>) -> Option<No<'static>> {
        let running = u32::try_from(self.leases.len()).unwrap_or(u32::MAX);
        (running >= concurrency_max?).then_some((CONCURRENCY, DenialReason::Concurrency, None))
    }

    fn count(&mut self, limits: &[Limit], tick_ms: u64, images: u32) {
        let exact = limits.iter().filter(|limit| limit.is_exact());
        let kept = exact.map(|limit| limit.most).max().unwrap_or(0);
        let kept = usize::try_from(kept.max(STAMPS_KEPT_MIN)).unwrap_or(usize::MAX);
        self.ring.insert(tick_ms, images, kept);
        // Counters that no limit reads just now are fed too: a reload may bring theirs back.
        for counter in &mut self.counters {
            counter.insert(tick_ms, images);
        }
    }

    fn used(&self, limit: &Limit, now_ms: u64) -> u64 {
        if limit.is_exact() {
            return self.ring.used(limit.unit, limit.window_ms(), now_ms);
        }
        self.counter(limit).map_or(0, |counter| counter.used(now_ms))
    }

    fn free_at(&self, limit: &Limit, now_ms: u64, excess: u64) -> u64 {
        if limit.is_exact() {
            let window_ms = limit.window_ms();
            return self.ring.free_at(limit.unit, window_ms, now_ms, excess);
        }
        self.counter(limit).map_or(now_ms, |counter| counter.free_at(now_ms, excess))
    }

    fn counter(&self, limit: &Limit) -> Option<&Coarse> {
        self.counters.iter().find(|counter| limit.is_counted_by(counter))
    }
}

/// The name of what is in the way, why, and for how long.
type No<'a> = (&'a str, DenialReason, Option<Duration>);

impl Limit {
    /// The window in whole milliseconds: rounded up, so that it is never shorter than asked.
    fn window_ms(&self) -> u64 {
        let nanos = self.window.as_nanos().max(1);
        u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    fn is_exact(&self) -> bool {
        self.most <= EXACT_MOST_MAX && self.window_ms() <= EXACT_WINDOW_MS_MAX
    }

    fn is_counted_by(&self, counter: &Coarse) -> bool {
        self.unit == counter.unit && self.window_ms() == counter.window_ms
    }
}

impl Unit {
    /// What a request for so many images weighs in this unit.
    const fn of(self, images: u32) -> u32 {
        match self {
            Self::Requests => 1,
            Self::Images => images,
        }
    }
}

/// How far back stamps are kept under these limits.
fn hindsight_ms(limits: &[Limit]) -> u64 {
    let exact = limits.iter().filter(|limit| limit.is_exact());
    let longest = exact.map(Limit::window_ms).max().unwrap_or(0);
    longest.max(HINDSIGHT_MS)
}
