//! UTC days and the spans between them, as people write them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use time::macros::format_description;
use time::{Date, Month};

use crate::clock::Now;

const DAY_MS: i64 = 86_400_000;

/// A UTC day, counted from the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

/// Text that names no day, month or span.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is {is_not}")]
pub struct BadDay {
    text: String,
    is_not: &'static str,
}

impl Day {
    /// The day of a moment, in milliseconds since the Unix epoch.
    pub const fn of(unix_ms: i64) -> Self {
        Self(unix_ms.div_euclid(DAY_MS))
    }

    /// Its first millisecond.
    pub const fn begins_ms(self) -> i64 {
        self.0.saturating_mul(DAY_MS)
    }

    /// So many days later; earlier for negative numbers.
    #[must_use]
    pub const fn plus(self, days: i64) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The first day of its month.
    #[must_use]
    pub fn month_begins(self) -> Self {
        Self(Now { unix_ms: self.begins_ms(), tick_ms: 0 }.utc_month())
    }

    /// The first day of the month after its own.
    #[must_use]
    pub fn month_ends(self) -> Self {
        let mut day = self.month_begins().plus(28);
        while day.month_begins() == self.month_begins() {
            day = day.plus(1);
        }
        day
    }

    fn date(self) -> Option<Date> {
        let seconds = self.0.checked_mul(DAY_MS / 1000)?;
        Some(time::OffsetDateTime::from_unix_timestamp(seconds).ok()?.date())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = format_description!("[year]-[month]-[day]");
        let text = self.date().and_then(|date| date.format(format).ok());
        f.write_str(text.as_deref().unwrap_or("?"))
    }
}

impl FromStr for Day {
    type Err = BadDay;

    fn from_str(text: &str) -> Result<Self, BadDay> {
        let bad = || BadDay { text: text.to_owned(), is_not: "no day, such as 2026-11-21" };
        let format = format_description!("[year]-[month]-[day]");
        let date = Date::parse(text, format).map_err(|_| bad())?;
        Ok(Self(date.midnight().assume_utc().unix_timestamp().div_euclid(DAY_MS / 1000)))
    }
}

/// Whole days: from the first, up to and without the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first day that belongs to it.
    pub since: Day,
    /// The first day that no longer does.
    pub until: Day,
}

impl Span {
    /// A calendar month, written `2026-11`.
    pub fn month(text: &str) -> Result<Self, BadDay> {
        let bad = || BadDay { text: text.to_owned(), is_not: "no month, such as 2026-11" };
        let (year, month) = text.split_once('-').ok_or_else(bad)?;
        let is_written = year.len() == 4 && month.len() == 2;
        let month: u8 = month.parse().map_err(|_| bad())?;
        let date = Month::try_from(month)
            .ok()
            .and_then(|month| Date::from_calendar_date(year.parse().ok()?, month, 1).ok());
        let first = date.filter(|_| is_written).ok_or_else(bad)?.to_string();
        let since: Day = first.parse().map_err(|_| bad())?;
        Ok(Self { since, until: since.month_ends() })
    }

    /// How many days it has.
    pub const fn days(self) -> i64 {
        self.until.0.saturating_sub(self.since.0)
    }

    /// Whether a moment belongs to it.
    pub const fn holds(self, unix_ms: i64) -> bool {
        self.since.begins_ms() <= unix_ms && unix_ms < self.until.begins_ms()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_reads_back_as_it_was_written() {
        for text in ["1970-01-01", "2026-02-28", "2024-02-29", "2026-12-31"] {
            assert_eq!(text.parse::<Day>().unwrap().to_string(), text);
        }
        assert_eq!(Day::of(-1).to_string(), "1969-12-31");
        for text in ["", "2026-2-3", "2026-02-30", "21.11.2026", "2026-11-21T00:00:00Z"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_month_has_its_days_however_many() {
        for (text, days) in [("2026-02", 28), ("2024-02", 29), ("2026-12", 31), ("2026-11", 30)] {
            let month = Span::month(text).unwrap();
            assert_eq!((month.days(), month.since.to_string()), (days, format!("{text}-01")));
        }
        for text in ["2026", "2026-13", "2026-1", "26-01", "2026-00"] {
            assert!(Span::month(text).is_err(), "{text}");
        }
    }

    #[test]
    fn midnight_belongs_to_the_day_that_begins() {
        let span = Span::month("2026-11").unwrap();
        let (first, end) = (span.since.begins_ms(), span.until.begins_ms());
        assert!(span.holds(first) && span.holds(end - 1));
        assert!(!span.holds(first - 1) && !span.holds(end));
    }
}
