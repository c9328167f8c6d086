//! The components of a tariff, each worked out by itself, and their sum.

use crate::catalog::{Adjustment, PixelRate, Tariff, TokenClass};

use super::formula::Known;
use super::{PriceError, Sight, Work, formula, tokens};

/// Parts of a nano-unit in which sums are kept: divisible by a million, for tokens and decimal
/// megapixels, and by 2^20, for binary ones.
const SCALE: i128 = 1_000_000 / 64 * 1_048_576;

/// Tokens that a rate is given for.
const MILLION: i128 = 1_000_000;

/// What a part of a price is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Pictures, by their size class and quality.
    Images,
    /// Pixels of the pictures.
    Megapixels,
    /// Input pictures.
    InputImages,
    /// Pixels of the input pictures.
    InputMegapixels,
    /// Steps.
    Steps,
    /// Tokens of a class.
    Tokens(TokenClass),
    /// The formula.
    Expression,
    /// What is missing to the minimum.
    Minimum,
    /// What rules make of it.
    Rules,
}

/// What each component comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// In the order of policy's documentation; each in parts of a nano-unit.
    found: Vec<(Part, i128)>,
}

impl Part {
    /// Its name in quotes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Megapixels => "megapixel",
            Self::InputImages => "input_image",
            Self::InputMegapixels => "input_megapixel",
            Self::Steps => "steps",
            Self::Tokens(class) => match class {
                TokenClass::TextIn => "tokens.text_in",
                TokenClass::CachedTextIn => "tokens.cached_text_in",
                TokenClass::ImageIn => "tokens.image_in",
                TokenClass::CachedImageIn => "tokens.cached_image_in",
                TokenClass::TextOut => "tokens.text_out",
                TokenClass::ImageOut => "tokens.image_out",
            },
            Self::Expression => "expression",
            Self::Minimum => "minimum",
            Self::Rules => "rules",
        }
    }
}

impl Parts {
    /// Every component that comes to something, each rounded up to whole nano-units by itself: for
    /// telling, never for a sum.
    pub fn told(&self) -> impl Iterator<Item = (Part, i64)> {
        self.found.iter().filter_map(|(part, scaled)| {
            let nanos = i64::try_from(up(*scaled)?).ok()?;
            (nanos != 0).then_some((*part, nanos))
        })
    }

    /// The sum in nano-units, rounded up. A sum below nothing is nothing.
    pub(super) fn total(&self) -> Result<i64, PriceError> {
        let sum = self.sum()?;
        let nanos = up(sum.max(0)).ok_or(PriceError::Overflow)?;
        i64::try_from(nanos).map_err(|_| PriceError::Overflow)
    }

    fn sum(&self) -> Result<i128, PriceError> {
        let add = |sum: i128, (_, part): &(Part, i128)| sum.checked_add(*part);
        self.found.iter().try_fold(0_i128, add).ok_or(PriceError::Overflow)
    }

    fn add(&mut self, part: Part, scaled: Option<i128>) -> Result<(), PriceError> {
        self.found.push((part, scaled.ok_or(PriceError::Overflow)?));
        Ok(())
    }
}

/// Whole nano-units, rounded up.
fn up(scaled: i128) -> Option<i128> {
    let floor = scaled.checked_div_euclid(SCALE)?;
    let rest = scaled.checked_rem_euclid(SCALE)?;
    floor.checked_add(i128::from(rest > 0))
}

fn scaled(nanos: i64, times: u64) -> Option<i128> {
    i128::from(nanos).checked_mul(i128::from(times))?.checked_mul(SCALE)
}

/// What every component of a tariff comes to, each the most that it may be.
pub(super) fn of(tariff: &Tariff, work: &Work, sight: Sight) -> Result<Parts, PriceError> {
    if tariff.is_empty() {
        return Err(PriceError::Unpriced);
    }
    let mut parts = Parts::default();
    pictures(tariff, work, sight, &mut parts)?;
    inputs(tariff, work, &mut parts)?;
    for (class, rate) in &tariff.tokens {
        let (count, million_nanos) = tokens::billed(tariff, (*class, rate), work)?;
        let worth = i128::from(million_nanos).checked_mul(i128::from(count));
        let worth = worth.and_then(|nanos| nanos.checked_mul(SCALE.checked_div(MILLION)?));
        parts.add(Part::Tokens(*class), worth)?;
    }
    if let Some(expression) = &tariff.expression {
        let known = Known::of(tariff, work, sight);
        let nanos = formula::most(&expression.number, &known)?;
        parts.add(Part::Expression, scaled(nanos, 1))?;
    }
    let least = scaled(tariff.minimum_nanos, 1).ok_or(PriceError::Overflow)?;
    let missing = least.checked_sub(parts.sum()?).ok_or(PriceError::Overflow)?;
    if missing > 0 {
        parts.add(Part::Minimum, Some(missing))?;
    }
    for adjustment in &tariff.adjustments {
        let sum = parts.sum()?;
        let adjusted = adjusted(*adjustment, sum.max(0), work.count);
        parts.add(Part::Rules, adjusted.and_then(|adjusted| adjusted.checked_sub(sum)))?;
    }
    Ok(parts)
}

/// What a rule makes of a sum: never less for more pictures, nor for a larger sum.
fn adjusted(adjustment: Adjustment, sum: i128, count: u32) -> Option<i128> {
    let hundredfold = sum.checked_mul(i128::from(adjustment.percent))?;
    let share = hundredfold.checked_add(99)?.checked_div(100)?;
    share.checked_add(scaled(adjustment.image_nanos, u64::from(count))?)
}

/// The components that count for every picture.
fn pictures(
    tariff: &Tariff,
    work: &Work,
    sight: Sight,
    parts: &mut Parts,
) -> Result<(), PriceError> {
    let count = u64::from(work.count);
    if !tariff.rows.is_empty() {
        let each = tariff.most(work.size, work.quality);
        // A vendor may resolve a quality that no row speaks of; the quote was the dearest row
        // then, so that is what it is worth.
        let each = match sight {
            Sight::Ahead => each,
            Sight::Behind => each.or_else(|| tariff.most(work.size, None)),
        };
        parts.add(Part::Images, scaled(each.ok_or(PriceError::Unpriced)?, count))?;
    }
    if let Some(rate) = &tariff.megapixel {
        let each = pixels(rate, work.size.pixels());
        parts.add(Part::Megapixels, each.and_then(|each| each.checked_mul(i128::from(count))))?;
    }
    if let Some(rate) = &tariff.steps {
        let steps = u64::from(work.steps.unwrap_or(rate.usual));
        let all = steps.checked_mul(count);
        parts.add(Part::Steps, all.and_then(|all| scaled(rate.step_nanos, all)))?;
    }
    Ok(())
}

fn inputs(tariff: &Tariff, work: &Work, parts: &mut Parts) -> Result<(), PriceError> {
    if tariff.input_nanos != 0 {
        parts.add(Part::InputImages, scaled(tariff.input_nanos, u64::from(work.inputs)))?;
    }
    if let Some(rate) = &tariff.input_megapixel {
        let seen = work.input_pixels.ok_or(PriceError::Unknown("input_pixels"))?;
        let all = seen.checked_add(work.unseen_pixels).ok_or(PriceError::Overflow)?;
        let worth = if all == 0 { Some(0) } else { pixels(rate, all) };
        parts.add(Part::InputMegapixels, worth)?;
    }
    Ok(())
}

/// What so many pixels are worth.
fn pixels(rate: &PixelRate, pixels: u64) -> Option<i128> {
    if rate.rounded_up {
        let more = pixels.checked_add(rate.pixels)?.checked_sub(1)?.checked_div(rate.pixels)?;
        let more = scaled(rate.more_nanos, more.saturating_sub(1))?;
        return scaled(rate.first_nanos, 1)?.checked_add(more);
    }
    let each = SCALE.checked_div(i128::from(rate.pixels))?;
    i128::from(rate.more_nanos).checked_mul(i128::from(pixels))?.checked_mul(each)
}
