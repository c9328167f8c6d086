//! The shape of a picture: left to the vendor, a ratio, or exact pixels.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How the picture should be framed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Frame {
    /// Whatever the offering does by default.
    #[default]
    Auto,
    /// A width to height ratio; the offering chooses the pixels.
    Ratio(Ratio),
    /// Exactly so many pixels.
    Pixels(Size),
}

/// Width and height in pixels, neither of them zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// A width to height ratio, neither part zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ratio {
    /// Parts across.
    pub width: u32,
    /// Parts down.
    pub height: u32,
}

/// A text that is neither a size nor a ratio.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not {wanted}")]
pub struct BadFrame {
    text: String,
    wanted: &'static str,
}

impl Size {
    /// So many pixels across and down.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// All pixels of the picture.
    pub fn pixels(self) -> u64 {
        u64::from(self.width).saturating_mul(u64::from(self.height))
    }
}

impl Ratio {
    /// So many parts across for so many down.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// How far apart two shapes are: 0 for the same shape, larger for less alike.
    pub fn distance(self, width: u32, height: u32) -> f64 {
        let own = f64::from(self.width) / f64::from(self.height);
        let other = f64::from(width) / f64::from(height);
        (own / other).ln().abs()
    }

    /// The size nearest to `pixels` in all with this ratio, both sides divisible by `step`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "sides are bounded by the pixels asked for, and `as` saturates"
    )]
    pub fn size_of(self, pixels: u64, step: u32) -> Size {
        let step = step.max(1);
        let shape = f64::from(self.width) / f64::from(self.height);
        let snap =
            |side: f64| ((side / f64::from(step)).round() as u32).max(1).saturating_mul(step);
        let width = (pixels as f64 * shape).sqrt();
        Size::new(snap(width), snap(width / shape))
    }
}

fn two_numbers(text: &str, separator: char) -> Option<(u32, u32)> {
    let (width, height) = text.split_once(separator)?;
    let part = |digits: &str| {
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    };
    match (part(width)?, part(height)?) {
        (0, _) | (_, 0) => None,
        both => Some(both),
    }
}

impl FromStr for Size {
    type Err = BadFrame;

    fn from_str(text: &str) -> Result<Self, BadFrame> {
        two_numbers(text, 'x').map(|(width, height)| Self { width, height }).ok_or_else(|| {
            BadFrame { text: text.to_owned(), wanted: "a size such as \"1024x1024\"" }
        })
    }
}

impl FromStr for Ratio {
    type Err = BadFrame;

    fn from_str(text: &str) -> Result<Self, BadFrame> {
        two_numbers(text, ':').map(|(width, height)| Self { width, height }).ok_or_else(|| {
            BadFrame { text: text.to_owned(), wanted: "an aspect ratio such as \"16:9\"" }
        })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.width, self.height)
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Ratio(ratio) => ratio.fmt(f),
            Self::Pixels(size) => size.fmt(f),
        }
    }
}

impl FromStr for Frame {
    type Err = BadFrame;

    fn from_str(text: &str) -> Result<Self, BadFrame> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let either = text.parse().map(Self::Ratio).or_else(|_| text.parse().map(Self::Pixels));
        either.map_err(|_: BadFrame| BadFrame {
            text: text.to_owned(),
            wanted: "a frame: \"auto\", a ratio such as \"16:9\" or a size such as \"1024x1024\"",
        })
    }
}

/// Texts that read and print as themselves travel as JSON and TOML strings.
macro_rules! as_text {
    ($($shape:ident),*) => {$(
        impl Serialize for $shape {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $shape {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

as_text!(Frame, Size, Ratio);

impl schemars::JsonSchema for Size {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "Width and height in pixels, such as `1024x1024`.",
            "pattern": "^[0-9]+x[0-9]+$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_becomes_the_nearest_size_of_so_many_pixels() {
        assert_eq!(Ratio::new(16, 9).size_of(1024 * 1024, 16), Size::new(1360, 768));
        assert_eq!(Ratio::new(1, 1).size_of(1024 * 1024, 16), Size::new(1024, 1024));
    }

    #[test]
    fn a_frame_reads_as_it_prints() {
        for text in ["auto", "16:9", "1024x768"] {
            assert_eq!(text.parse::<Frame>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_has_no_shape_is_refused() {
        for text in ["", "0x5", "5x0", "-1x5", "+1x5", "5", "a:b", "1:0", "1x2x3", "99999999999x1"]
        {
            assert!(text.parse::<Frame>().is_err(), "{text} was accepted");
        }
    }
}
