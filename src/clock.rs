//! Time, read in one place and handed to everything that needs it.
//!
//! Judges never read a clock: they take a [`Now`].

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Wall time in milliseconds since the Unix epoch: for calendars, expiry and records.
    pub unix_ms: i64,
    /// Milliseconds on a clock that never goes back: for windows, deadlines and latency.
    pub tick_ms: u64,
}

impl Now {
    /// The UTC day, counted from the Unix epoch.
    pub const fn utc_day(self) -> i64 {
        self.unix_ms.div_euclid(DAY_MS)
    }

    /// How long until the next UTC midnight.
    pub fn until_utc_midnight(self) -> Duration {
        let passed_ms = self.unix_ms.rem_euclid(DAY_MS);
        Duration::from_millis(DAY_MS.saturating_sub(passed_ms).unsigned_abs())
    }

    /// The first UTC day of the month, counted from the Unix epoch.
    pub fn utc_month(self) -> i64 {
        let passed = self.date().map_or(1, |date| i64::from(date.day()));
        self.utc_day().saturating_sub(passed.saturating_sub(1))
    }

    /// How long until the first midnight of the next UTC month.
    pub fn until_utc_month(self) -> Duration {
        let length = self.date().map_or(1, |date| date.month().length(date.year()));
        let next = self.utc_month().saturating_add(i64::from(length));
        let left_ms = next.saturating_mul(DAY_MS).saturating_sub(self.unix_ms);
        Duration::from_millis(u64::try_from(left_ms).unwrap_or(0))
    }

    /// The UTC date; `None` for times that no calendar holds.
    fn date(self) -> Option<time::Date> {
        Some(time::OffsetDateTime::from_unix_timestamp(self.unix_seconds()).ok()?.date())
    }

    /// Whole seconds since the Unix epoch.
    pub const fn unix_seconds(self) -> i64 {
        self.unix_ms.div_euclid(1000)
    }
}

const DAY_MS: i64 = 86_400_000;

/// A moment on the machine's steady clock: for telling how long something took, not for deciding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Instant);

impl Moment {
    /// How long it is after an earlier one; nothing if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }
}

impl From<Instant> for Moment {
    fn from(at: Instant) -> Self {
        Self(at)
    }
}

/// Something that knows the time.
pub trait Clock: Send + Sync {
    /// Reads both clocks.
    fn now(&self) -> Now;
}

/// The machine's own clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose ticks start now.
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of real time")]
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one reader of real time")]
    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            unix_ms: i64::try_from(wall.as_millis()).unwrap_or(i64::MAX),
            // Ticks start at a day, so that "an hour ago" is always a tick that exists.
            tick_ms: u64::try_from(self.started.elapsed().as_millis())
                .unwrap_or(u64::MAX)
                .saturating_add(DAY_MS.unsigned_abs()),
        }
    }
}

/// A clock that moves only when told to; for tests and replays.
#[derive(Debug)]
pub struct ManualClock {
    unix_ms: AtomicI64,
    tick_ms: AtomicU64,
}

impl ManualClock {
    /// A clock that stands at `now`.
    pub const fn at(now: Now) -> Self {
        Self { unix_ms: AtomicI64::new(now.unix_ms), tick_ms: AtomicU64::new(now.tick_ms) }
    }

    /// Moves both clocks on.
    pub fn advance(&self, by: Duration) {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.unix_ms.fetch_add(i64::try_from(by_ms).unwrap_or(i64::MAX), Ordering::Relaxed);
        self.tick_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Now {
        Now {
            unix_ms: self.unix_ms.load(Ordering::Relaxed),
            tick_ms: self.tick_ms.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_begins_the_new_day() {
        let last = Now { unix_ms: DAY_MS - 1, tick_ms: 0 };
        let first = Now { unix_ms: DAY_MS, tick_ms: 0 };
        assert_eq!((last.utc_day(), first.utc_day()), (0, 1));
        assert_eq!(last.until_utc_midnight(), Duration::from_millis(1));
        assert_eq!(first.until_utc_midnight(), Duration::from_hours(24));
    }

    #[test]
    fn a_month_begins_on_its_first_day_however_long_it_is() {
        let at = |day: i64| Now { unix_ms: day * DAY_MS + 1, tick_ms: 0 };
        // 1972 was a leap year: day 730 is its first of January, 789 its 29th of February.
        for (day, first, next) in [(0, 0, 31), (30, 0, 31), (31, 31, 59), (789, 761, 790)] {
            assert_eq!(at(day).utc_month(), first, "{day}");
            let left = at(day).until_utc_month() + Duration::from_millis(1);
            assert_eq!(left, Duration::from_hours(u64::try_from(next - day).unwrap() * 24));
        }
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::at(Now { unix_ms: 5, tick_ms: 7 });
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now(), Now { unix_ms: 1005, tick_ms: 1007 });
    }
}
