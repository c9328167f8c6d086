//! Money: what apps pay (credits) and what vendors charge us (dollars), both as whole nano-units.
//!
//! No float ever holds an amount, and no sum wraps: arithmetic is checked and says so.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// Nano-units in one unit.
pub const NANOS_PER_UNIT: i64 = 1_000_000_000;

/// What apps pay, in nano-credits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credits(i64);

/// What vendors charge us, in nano-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cost(i64);

/// A sum of money outgrew what can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an amount of money overflowed")]
pub struct Overflow;

/// A text that is not an amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not an amount, such as \"0.04\" (at most nine decimals, never negative)")]
pub struct BadAmount {
    text: String,
}

impl Credits {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From whole nano-credits.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole credits, if they can be counted.
    pub const fn from_whole(credits: i64) -> Option<Self> {
        match credits.checked_mul(NANOS_PER_UNIT) {
            Some(nanos) => Some(Self(nanos)),
            None => None,
        }
    }

    /// The amount in nano-credits.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The sum.
    pub fn plus(self, other: Self) -> Result<Self, Overflow> {
        self.0.checked_add(other.0).map(Self).ok_or(Overflow)
    }

    /// The difference; may be negative.
    pub fn minus(self, other: Self) -> Result<Self, Overflow> {
        self.0.checked_sub(other.0).map(Self).ok_or(Overflow)
    }

    /// The amount, `times` over.
    pub fn times(self, times: u32) -> Result<Self, Overflow> {
        self.0.checked_mul(i64::from(times)).map(Self).ok_or(Overflow)
    }

    /// Whole credits, rounded up: what a caller needs.
    pub const fn whole_up(self) -> i64 {
        let whole = self.0.div_euclid(NANOS_PER_UNIT);
        if self.0.rem_euclid(NANOS_PER_UNIT) == 0 { whole } else { whole.saturating_add(1) }
    }

    /// Whole credits, rounded down: what a caller has.
    pub const fn whole_down(self) -> i64 {
        self.0.div_euclid(NANOS_PER_UNIT)
    }
}

impl Cost {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// From whole nano-dollars.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The amount in nano-dollars.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The sum.
    pub fn plus(self, other: Self) -> Result<Self, Overflow> {
        self.0.checked_add(other.0).map(Self).ok_or(Overflow)
    }
}

/// Writes nano-units as the shortest exact decimal.
fn write_nanos(nanos: i64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let sign = if nanos < 0 { "-" } else { "" };
    let magnitude = nanos.unsigned_abs();
    let unit = NANOS_PER_UNIT.unsigned_abs();
    let (whole, rest) = (magnitude / unit, magnitude % unit);
    if rest == 0 {
        return write!(f, "{sign}{whole}");
    }
    let decimals = format!("{rest:09}");
    write!(f, "{sign}{whole}.{}", decimals.trim_end_matches('0'))
}

/// Reads a decimal of at most nine places as nano-units.
fn parse_nanos(text: &str) -> Result<i64, BadAmount> {
    let bad = || BadAmount { text: text.to_owned() };
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > 9 {
        return Err(bad());
    }
    let whole: i64 = whole.parse().map_err(|_| bad())?;
    let nanos: i64 = format!("{decimals:0<9}").parse().map_err(|_| bad())?;
    whole.checked_mul(NANOS_PER_UNIT).and_then(|w| w.checked_add(nanos)).ok_or_else(bad)
}

macro_rules! money_text {
    ($money:ident) => {
        impl fmt::Display for $money {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_nanos(self.0, f)
            }
        }

        impl FromStr for $money {
            type Err = BadAmount;

            fn from_str(text: &str) -> Result<Self, BadAmount> {
                parse_nanos(text).map(Self)
            }
        }

        impl Serialize for $money {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $money {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

money_text!(Credits);
money_text!(Cost);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_reads_back_as_it_was_written() {
        for text in ["0", "5", "0.04", "0.000000001", "9223372036.854775807"] {
            assert_eq!(text.parse::<Credits>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_an_amount_is_refused() {
        for text in ["", "-1", "1e3", ".5", "1.", "0.0000000001", "9223372036.854775808", "１"] {
            assert!(text.parse::<Credits>().is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn a_sum_that_cannot_be_counted_is_an_error_and_not_a_wrap() {
        let most = Credits::from_nanos(i64::MAX);
        assert_eq!(most.plus(Credits::from_nanos(1)), Err(Overflow));
        assert_eq!(most.times(2), Err(Overflow));
    }

    #[test]
    fn a_need_is_rounded_up_and_a_balance_down() {
        let amount: Credits = "4.2".parse().unwrap();
        assert_eq!((amount.whole_up(), amount.whole_down()), (5, 4));
    }
}
