//! Exact sliding windows: one ring of admission stamps, read by every window of a key.

use std::collections::VecDeque;

use super::Unit;

mod column;

use column::Column;

/// The largest limit that is counted exactly; the ring holds as many stamps.
pub const EXACT_MOST_MAX: u64 = 2_000;

/// The longest window that is counted exactly: 24 days, so that a stamp fits 32 bits.
pub const EXACT_WINDOW_MS_MAX: u64 = 24 * 86_400_000;

/// The ring grows by so many stamps at a time: a key that asks little costs little.
const GROWTH: usize = 40;

/// The newest admissions of one subject, oldest first, at five or six bytes each.
#[derive(Clone, Debug, Default)]
pub(super) struct Ring {
    /// The tick that stamps count from.
    base_ms: u64,
    /// Milliseconds from the base to each admission, never falling.
    stamps: VecDeque<u32>,
    /// The images of each admission. Beyond 16 bits no exact limit can tell the difference.
    images: Column,
}

impl Ring {
    /// Remembers an admission among the `kept` newest.
    pub(super) fn insert(&mut self, tick_ms: u64, images: u32, kept: usize) {
        if self.stamps.is_empty() {
            self.base_ms = tick_ms.saturating_sub(EXACT_WINDOW_MS_MAX);
        }
        let Some(since_base_ms) = tick_ms.checked_sub(self.base_ms) else {
            return; // Older than any exact window reaches.
        };
        let stamp = u32::try_from(since_base_ms).unwrap_or_else(|_| self.rebase(tick_ms));
        let full = self.stamps.len() >= kept.max(1);
        if full && self.stamps.front().is_some_and(|oldest| stamp <= *oldest) {
            return; // Older than all that are kept.
        }
        while self.stamps.len() >= kept.max(1) {
            self.stamps.pop_front();
            self.images.pop_front();
        }
        if self.stamps.len() == self.stamps.capacity() {
            self.stamps.reserve_exact(GROWTH);
            self.images.reserve_exact(GROWTH);
        }
        let place = self.stamps.partition_point(|earlier| *earlier <= stamp);
        self.stamps.insert(place, stamp);
        self.images.insert(place, u16::try_from(images).unwrap_or(u16::MAX));
    }

    /// Moves the base up to the longest window before `tick_ms`, and returns that tick's stamp.
    fn rebase(&mut self, tick_ms: u64) -> u32 {
        let base_ms = tick_ms.saturating_sub(EXACT_WINDOW_MS_MAX);
        self.forget_before(base_ms);
        let up_ms = u32::try_from(base_ms.saturating_sub(self.base_ms)).unwrap_or(u32::MAX);
        for stamp in &mut self.stamps {
            *stamp = stamp.saturating_sub(up_ms);
        }
        self.base_ms = base_ms;
        u32::try_from(tick_ms.saturating_sub(base_ms)).unwrap_or(u32::MAX)
    }

    /// Takes one admission back. Those of one tick and weight are interchangeable.
    pub(super) fn remove(&mut self, tick_ms: u64, images: u32) {
        let images = u16::try_from(images).unwrap_or(u16::MAX);
        let first = self.until(tick_ms.checked_sub(1));
        let last = self.until(Some(tick_ms));
        if let Some(place) = (first..last).find(|at| self.images.get(*at) == Some(images)) {
            self.stamps.remove(place);
            self.images.remove(place);
        }
    }

    /// Forgets what happened before `tick_ms`.
    pub(super) fn forget_before(&mut self, tick_ms: u64) {
        let old = self.until(tick_ms.checked_sub(1));
        self.stamps.drain(..old);
        self.images.forget(old);
    }

    /// Every admission as tick and images, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, u32)> {
        let ticks = self.stamps.iter().map(|stamp| self.tick_of(*stamp));
        ticks.zip(self.images.from(0).map(u32::from))
    }

    /// What the window that ends at `now_ms` holds.
    pub(super) fn used(&self, unit: Unit, window_ms: u64, now_ms: u64) -> u64 {
        self.held_from(unit, self.until(now_ms.checked_sub(window_ms)))
    }

    /// What was admitted at `tick_ms` or later.
    pub(super) fn used_since(&self, unit: Unit, tick_ms: u64) -> u64 {
        self.held_from(unit, self.until(tick_ms.checked_sub(1)))
    }

    fn held_from(&self, unit: Unit, start: usize) -> u64 {
        match unit {
            Unit::Requests => {
                u64::try_from(self.stamps.len().saturating_sub(start)).unwrap_or(u64::MAX)
            }
            Unit::Images => self.images.from(start).map(u64::from).sum(),
            // Neither is told by stamps.
            Unit::Megapixels | Unit::Credits => 0,
        }
    }

    /// The tick at which `excess` of what the window holds at `now_ms` has aged out of it.
    pub(super) fn free_at(&self, unit: Unit, window_ms: u64, now_ms: u64, excess: u64) -> u64 {
        let start = self.until(now_ms.checked_sub(window_ms));
        let mut freed = 0_u64;
        for (stamp, images) in self.stamps.range(start..).zip(self.images.from(start)) {
            freed = freed.saturating_add(match unit {
                Unit::Requests => 1,
                Unit::Images => u64::from(images),
                Unit::Megapixels | Unit::Credits => 0,
            });
            if freed >= excess {
                return self.tick_of(*stamp).saturating_add(window_ms);
            }
        }
        now_ms
    }

    fn tick_of(&self, stamp: u32) -> u64 {
        self.base_ms.saturating_add(u64::from(stamp))
    }

    /// How many admissions happened at or before `tick_ms`; none before the beginning of time.
    fn until(&self, tick_ms: Option<u64>) -> usize {
        let Some(since_base_ms) = tick_ms.and_then(|tick| tick.checked_sub(self.base_ms)) else {
            return 0;
        };
        self.stamps.partition_point(|stamp| u64::from(*stamp) <= since_base_ms)
    }
}

#[cfg(test)]
impl Ring {
    /// What the ring holds on to, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.stamps.capacity() * size_of::<u32>() + self.images.bytes()
    }
}
