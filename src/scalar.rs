//! Durations, byte counts and networks as people write them: "30s", "20MiB", "10.0.0.0/8"; and
//! bytes as JSON has them.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use thiserror::Error;

pub mod as_base64;
mod network;

pub use network::Network;

/// A duration such as "250ms", "30s", "5m", "1h" or "1d".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

/// A number of bytes such as "512", "64KiB" or "20MiB".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteCount(pub usize);

/// A text that is not the scalar it should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not {wanted}")]
pub struct BadScalar {
    text: String,
    wanted: &'static str,
}

/// Splits "30s" into 30 and "s".
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, unit))
}

impl FromStr for Span {
    type Err = BadScalar;

    fn from_str(text: &str) -> Result<Self, BadScalar> {
        let span = number_and_unit(text).and_then(|(number, unit)| {
            let unit_ms: u64 = match unit {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return None,
            };
            number.checked_mul(unit_ms).map(Duration::from_millis)
        });
        span.map(Self).ok_or_else(|| BadScalar {
            text: text.to_owned(),
            wanted: "a duration such as \"250ms\", \"30s\", \"5m\", \"1h\" or \"1d\"",
        })
    }
}

impl FromStr for ByteCount {
    type Err = BadScalar;

    fn from_str(text: &str) -> Result<Self, BadScalar> {
        let bytes = number_and_unit(text).and_then(|(number, unit)| {
            let unit_bytes: u64 = match unit {
                "" | "B" => 1,
                "KiB" => 1 << 10,
                "MiB" => 1 << 20,
                "GiB" => 1 << 30,
                _ => return None,
            };
            number.checked_mul(unit_bytes).and_then(|bytes| usize::try_from(bytes).ok())
        });
        bytes.map(Self).ok_or_else(|| BadScalar {
            text: text.to_owned(),
            wanted: "a number of bytes such as \"512\", \"64KiB\" or \"20MiB\"",
        })
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for ByteCount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The schemas of scalars: texts of a shape.
macro_rules! as_schema {
    ($($scalar:ident: $name:literal, $pattern:literal, $description:literal;)*) => {$(
        impl JsonSchema for $scalar {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "description": $description,
                    "pattern": $pattern,
                })
            }
        }
    )*};
}

as_schema! {
    Span: "Duration", "^[0-9]+(ms|s|m|h|d)$", "A duration, such as `250ms`, `30s`, `5m`, `1h` or `1d`.";
    ByteCount: "Bytes", "^[0-9]+(B|KiB|MiB|GiB)?$", "A number of bytes, such as `512`, `64KiB` or `20MiB`.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_byte_counts_read_as_people_write_them() {
        assert_eq!("5m".parse(), Ok(Span(Duration::from_mins(5))));
        assert_eq!("250ms".parse(), Ok(Span(Duration::from_millis(250))));
        assert_eq!("20MiB".parse(), Ok(ByteCount(20 << 20)));
        assert_eq!("7".parse(), Ok(ByteCount(7)));
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in ["", "5", "s", "-5s", "5 s", "5w", "99999999999999999999s", "1.5h"] {
            assert!(text.parse::<Span>().is_err(), "{text} was accepted");
        }
        for text in ["", "KiB", "-1", "1KB", "18446744073709551615GiB"] {
            assert!(text.parse::<ByteCount>().is_err(), "{text} was accepted");
        }
    }
}
