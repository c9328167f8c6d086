//! What work is worth: the most it may cost before it is done, and its price once it is.
//!
//! A price never exceeds the quote it was held by, and work without a price is never begun.

#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects, clippy::as_conversions))]

use thiserror::Error;

use crate::canonical::{Quality, Size};
use crate::catalog::Tariff;
use crate::credits::{Cost, Credits};

/// Pictures to draw, or drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// How many.
    pub count: u32,
    /// The pixels the vendor draws for each.
    pub size: Size,
    /// How much effort goes into each; `None` until a vendor has resolved it.
    pub quality: Option<Quality>,
}

/// Why work has no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PriceError {
    /// No row of the tariff speaks of it.
    #[error("no price is known for this size and quality")]
    Unpriced,
    /// The sum outgrew what can be counted.
    #[error("the price outgrew what can be counted")]
    Overflow,
}

impl Work {
    /// This work as it came out.
    ///
    /// More pictures than asked for are a gift, and a quality that was asked for stays: a caller
    /// never pays for effort that a vendor chose on its own.
    #[must_use]
    pub fn delivered(self, count: u32, resolved: Option<Quality>) -> Self {
        Self { count: count.min(self.count), quality: self.quality.or(resolved), ..self }
    }
}

/// The most that a caller may pay for work.
pub fn quote(tariff: &Tariff, work: &Work) -> Result<Credits, PriceError> {
    let each = tariff.most(work.size, work.quality);
    Credits::from_nanos(each.ok_or(PriceError::Unpriced)?)
        .times(work.count)
        .map_err(|_| PriceError::Overflow)
}

/// What a caller pays for work as it was delivered.
pub fn price(tariff: &Tariff, work: &Work) -> Result<Credits, PriceError> {
    Credits::from_nanos(drawn(tariff, work)?).times(work.count).map_err(|_| PriceError::Overflow)
}

/// What a vendor charges us for work as it was delivered.
pub fn cost(tariff: &Tariff, work: &Work) -> Result<Cost, PriceError> {
    drawn(tariff, work)?
        .checked_mul(i64::from(work.count))
        .map(Cost::from_nanos)
        .ok_or(PriceError::Overflow)
}

/// What one drawn picture is worth. A vendor may resolve a quality that no row speaks of; the
/// quote was the dearest row then, so that is what it is worth.
fn drawn(tariff: &Tariff, work: &Work) -> Result<i64, PriceError> {
    tariff
        .most(work.size, work.quality)
        .or_else(|| tariff.most(work.size, None))
        .ok_or(PriceError::Unpriced)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::catalog::TariffRow;

    use super::*;

    fn flat(image_nanos: i64) -> Tariff {
        Tariff { rows: vec![TariffRow { pixels_max: None, quality: None, image_nanos }] }
    }

    const FOUR: Work = Work { count: 4, size: Size::new(1024, 1024), quality: None };

    #[test]
    fn a_picture_that_was_not_delivered_is_not_paid_for() {
        let delivered = FOUR.delivered(3, None);
        assert_eq!(quote(&flat(5), &FOUR), Ok(Credits::from_nanos(20)));
        assert_eq!(price(&flat(5), &delivered), Ok(Credits::from_nanos(15)));
        assert_eq!(cost(&flat(2), &delivered), Ok(Cost::from_nanos(6)));
    }

    #[test]
    fn work_without_a_row_is_unpriced_and_a_sum_too_large_is_an_error() {
        assert_eq!(quote(&Tariff::default(), &FOUR), Err(PriceError::Unpriced));
        assert_eq!(quote(&flat(i64::MAX), &FOUR), Err(PriceError::Overflow));
        assert_eq!(cost(&flat(i64::MAX), &FOUR), Err(PriceError::Overflow));
    }

    fn qualities() -> impl Strategy<Value = Option<Quality>> {
        prop::sample::select(vec![
            None,
            Some(Quality::Low),
            Some(Quality::Medium),
            Some(Quality::High),
            Some(Quality::Max),
        ])
    }

    fn tariffs() -> impl Strategy<Value = Tariff> {
        let class = prop::sample::select(vec![Some(100), Some(10_000), None]);
        prop::collection::vec((class, qualities(), 0..1000_i64), 0..8).prop_map(|rows| {
            let row =
                |(pixels_max, quality, image_nanos)| TariffRow { pixels_max, quality, image_nanos };
            let mut rows: Vec<TariffRow> = rows.into_iter().map(row).collect();
            rows.sort_by_key(|row| row.pixels_max.unwrap_or(u64::MAX));
            Tariff { rows }
        })
    }

    proptest! {
        #[test]
        fn a_price_never_exceeds_its_quote(
            tariff in tariffs(),
            count in 1..9_u32,
            side in 1..200_u32,
            quality in qualities(),
            came in 0..12_u32,
            resolved in qualities(),
        ) {
            let work = Work { count, size: Size::new(side, side), quality };
            if let Ok(quote) = quote(&tariff, &work) {
                let price = price(&tariff, &work.delivered(came, resolved));
                prop_assert!(price.is_ok_and(|price| price <= quote), "{:?} of {:?}", price, quote);
            }
        }
    }
}
