//! A sliding window of sub-windows, which may refuse early and never admit too many.

use super::{Limit, Unit};

/// Sub-windows per window. More would refuse less early and cost more memory.
pub const SUB_WINDOWS: u64 = 60;

/// One count more than there are sub-windows, for the oldest is only partly inside the window.
const COUNTS: usize = 61;

/// How much was admitted in each of the newest sub-windows.
#[derive(Clone, Debug)]
pub(super) struct Coarse {
    /// What is counted.
    pub(super) unit: Unit,
    /// The window's length.
    pub(super) window_ms: u64,
    /// The newest sub-window that was counted in, as a number from tick zero.
    newest: u64,
    /// One count per sub-window, at its number modulo their number.
    counts: Box<[u64; COUNTS]>,
}

impl Coarse {
    /// Nothing counted yet.
    pub(super) fn new(unit: Unit, window_ms: u64) -> Self {
        Self { unit, window_ms, newest: 0, counts: Box::new([0; COUNTS]) }
    }

    /// Whether it is this limit's.
    pub(super) fn counts(&self, limit: &Limit) -> bool {
        self.unit == limit.unit && self.window_ms == limit.window_ms()
    }

    /// Counts an admission.
    pub(super) fn insert(&mut self, tick_ms: u64, weight: u64) {
        let number = self.number(tick_ms);
        if number.saturating_add(SUB_WINDOWS) < self.newest {
            return; // Aged out already.
        }
        let from = self.newest.saturating_add(1);
        for passed in from.max(number.saturating_sub(SUB_WINDOWS))..=number {
            if let Some(count) = self.count_mut(passed) {
                *count = 0;
            }
        }
        self.newest = self.newest.max(number);
        if let Some(count) = self.count_mut(number) {
            *count = count.saturating_add(weight);
        }
    }

    /// Takes an admission back, or a part of it.
    pub(super) fn remove(&mut self, tick_ms: u64, weight: u64) {
        let number = self.number(tick_ms);
        if number <= self.newest
            && number.saturating_add(SUB_WINDOWS) >= self.newest
            && let Some(count) = self.count_mut(number)
        {
            *count = count.saturating_sub(weight);
        }
    }

    /// What the window that ends at `now_ms` may hold.
    pub(super) fn used(&self, now_ms: u64) -> u64 {
        self.live(now_ms).fold(0, |sum, (_, count)| sum.saturating_add(count))
    }

    /// A tick at which `excess` of what the window may hold at `now_ms` has surely aged out.
    pub(super) fn free_at(&self, now_ms: u64, excess: u64) -> u64 {
        let mut freed = 0_u64;
        for (number, count) in self.live(now_ms) {
            freed = freed.saturating_add(count);
            if freed >= excess && count > 0 {
                let gone = number.saturating_add(SUB_WINDOWS).saturating_add(1);
                return gone.saturating_mul(self.step_ms());
            }
        }
        now_ms
    }

    /// The sub-windows that may reach into the window, oldest first, each with its count.
    pub(super) fn live(&self, now_ms: u64) -> impl Iterator<Item = (u64, u64)> {
        (self.oldest(now_ms)..=self.newest)
            .map(|number| (number, self.counts.get(place(number)).copied().unwrap_or(0)))
    }

    /// The first tick of all that is counted as what the window may hold.
    pub(super) fn first_ms(&self, now_ms: u64) -> u64 {
        self.oldest(now_ms).saturating_mul(self.step_ms())
    }

    fn oldest(&self, now_ms: u64) -> u64 {
        self.number(now_ms).max(self.newest).saturating_sub(SUB_WINDOWS)
    }

    /// The last tick of a sub-window.
    pub(super) fn last_of(&self, number: u64) -> u64 {
        number.saturating_add(1).saturating_mul(self.step_ms()).saturating_sub(1)
    }

    fn count_mut(&mut self, number: u64) -> Option<&mut u64> {
        self.counts.get_mut(place(number))
    }

    fn number(&self, tick_ms: u64) -> u64 {
        tick_ms.checked_div(self.step_ms()).unwrap_or(0)
    }

    fn step_ms(&self) -> u64 {
        self.window_ms.div_ceil(SUB_WINDOWS).max(1)
    }
}

fn place(number: u64) -> usize {
    let slots = u64::try_from(COUNTS).unwrap_or(1);
    usize::try_from(number.checked_rem(slots).unwrap_or(0)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sub-windows of a second.
    fn minute() -> Coarse {
        Coarse::new(Unit::Requests, SUB_WINDOWS * 1000)
    }

    #[test]
    fn what_is_told_late_counts_as_long_as_it_may_reach_into_the_window() {
        let mut window = minute();
        window.insert(100_000, 1);
        window.insert(40_999, 2);
        assert_eq!(window.used(100_000), 3);
        window.insert(39_999, 4);
        assert_eq!(window.used(100_000), 3);
    }

    #[test]
    fn a_sub_window_that_counts_nothing_frees_nothing() {
        let mut window = minute();
        window.insert(100_000, 1);
        for excess in [0, 1] {
            assert_eq!(window.free_at(100_000, excess), 161_000);
        }
        assert_eq!(window.free_at(100_000, 2), 100_000, "there is not as much");
    }

    #[test]
    fn the_last_tick_of_a_sub_window_is_before_the_next() {
        let window = minute();
        assert_eq!((window.last_of(0), window.last_of(7)), (999, 7_999));
    }
}
