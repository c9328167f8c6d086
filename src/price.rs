//! What work is worth: the most it may cost before it is done, and its price once it is.
//!
//! A price never exceeds the quote it was held by, and work without a price is never begun. Sums
//! are whole parts of a nano-unit, so that they are exact; they are rounded up once, at the end.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::as_conversions))]

use thiserror::Error;

use crate::canonical::{Operation, Quality, Size, TokenUsage};
use crate::catalog::Tariff;
use crate::credits::{Cost, Credits};

mod formula;
mod parts;
mod read;
#[cfg(test)]
mod tests;
mod tokens;

pub use parts::{Part, Parts};
pub use read::{TEXT_BYTES_MAX, read};
pub use tokens::TEXT_TOKENS_BESIDE;

/// Pictures to draw, or drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// What is to be done.
    pub operation: Operation,
    /// How many pictures.
    pub count: u32,
    /// The pixels of each.
    pub size: Size,
    /// How much effort goes into each; `None` until a vendor has resolved it.
    pub quality: Option<Quality>,
    /// The steps that each takes, where they are asked for.
    pub steps: Option<u32>,
    /// Pictures to work from.
    pub inputs: u32,
    /// The pixels of all of those together; `None` when one of them does not say.
    pub input_pixels: Option<u64>,
    /// How many more than those there may be, while some of the pictures are not here yet.
    pub unseen_pixels: u64,
    /// Masks.
    pub masks: u32,
    /// Previews of each picture.
    pub previews: u32,
    /// Bytes of everything that is said to the vendor on a call.
    pub text_bytes: u64,
    /// Calls that the pictures are spread over.
    pub calls: u32,
    /// Tokens as the vendor reported them; `None` before, and when it reports none.
    pub usage: Option<TokenUsage>,
}

/// Why work has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PriceError {
    /// No row or rate of the tariff speaks of it.
    #[error("no price is known for this size and quality")]
    Unpriced,
    /// What it depends on is not known.
    #[error("the price depends on `{0}`, which is not known of this request")]
    Unknown(&'static str),
    /// The tariff's formula divides by what is or may be zero.
    #[error("the price divides by what may be zero")]
    DividedByZero,
    /// The sum outgrew what can be counted.
    #[error("the price outgrew what can be counted")]
    Overflow,
}

/// What a caller pays, and what a price was above its quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// What is paid: never more than the quote.
    pub price: Credits,
    /// By how much the tariff says more than was quoted; nothing unless a vendor did more than
    /// policy bounded.
    pub overrun: Credits,
}

/// Whether work is looked at before or after it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// Anything up to what is asked may come.
    Ahead,
    /// What is known has come.
    Behind,
}

impl Work {
    /// So many pictures of a size, of which nothing else is said.
    pub const fn plain(count: u32, size: Size) -> Self {
        Self {
            operation: Operation::Generate,
            count,
            size,
            quality: None,
            steps: None,
            inputs: 0,
            input_pixels: Some(0),
            unseen_pixels: 0,
            masks: 0,
            previews: 0,
            text_bytes: 0,
            calls: 1,
            usage: None,
        }
    }

    /// This work as it came out.
    ///
    /// More pictures than asked for are a gift, and a quality that was asked for stays: a caller
    /// never pays for effort that a vendor chose on its own.
    #[must_use]
    pub fn delivered(
        self,
        count: u32,
        resolved: Option<Quality>,
        usage: Option<TokenUsage>,
    ) -> Self {
        Self { count: count.min(self.count), quality: self.quality.or(resolved), usage, ..self }
    }
}

/// The most that a caller may pay for work, whatever comes of it within what policy bounds.
pub fn quote(tariff: &Tariff, work: &Work) -> Result<Credits, PriceError> {
    parts::of(tariff, work, Sight::Ahead)?.total().map(Credits::from_nanos)
}

/// The same, told apart by what it is for.
pub fn quoted_parts(tariff: &Tariff, work: &Work) -> Result<Parts, PriceError> {
    parts::of(tariff, work, Sight::Ahead)
}

/// What a tariff says of work as it was delivered, whatever was quoted.
pub fn price(tariff: &Tariff, work: &Work) -> Result<Credits, PriceError> {
    parts::of(tariff, work, Sight::Behind)?.total().map(Credits::from_nanos)
}

/// What a caller pays for work as it was delivered.
pub fn charge(tariff: &Tariff, work: &Work, quote: Credits) -> Result<Charge, PriceError> {
    let price = price(tariff, work)?;
    let over = price.minus(quote).map_err(|_| PriceError::Overflow)?;
    Ok(Charge { price: price.min(quote), overrun: over.max(Credits::ZERO) })
}

/// The most that a vendor may charge us for work, within what policy bounds.
pub fn cost_quote(tariff: &Tariff, work: &Work) -> Result<Cost, PriceError> {
    parts::of(tariff, work, Sight::Ahead)?.total().map(Cost::from_nanos)
}

/// What a vendor charges us for work as it was delivered: in full, whatever was quoted.
pub fn cost(tariff: &Tariff, work: &Work) -> Result<Cost, PriceError> {
    parts::of(tariff, work, Sight::Behind)?.total().map(Cost::from_nanos)
}
