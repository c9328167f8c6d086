//! What work is worth, as policy says it: one version of a price or a cost, in nano-units.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::canonical::{Quality, Size};

use super::Expression;

/// One version of what work is worth: the sum of every component that is there, and no less than
/// the minimum. Without any component nothing has a price.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tariff {
    /// Its name in holds and usage rows: from when it counts, and a digest of the rest.
    pub version: Arc<str>,
    /// Per picture, by size class and quality, sorted by `pixels_max` with the unbounded last.
    pub rows: Vec<TariffRow>,
    /// By the pixels of each picture.
    pub megapixel: Option<PixelRate>,
    /// Per input picture.
    pub input_nanos: i64,
    /// By the pixels of all input pictures together.
    pub input_megapixel: Option<PixelRate>,
    /// By the steps of each picture.
    pub steps: Option<StepRate>,
    /// By tokens as the vendor reports them.
    pub tokens: BTreeMap<TokenClass, TokenRate>,
    /// What a whole request comes to at least.
    pub minimum_nanos: i64,
    /// What a call comes to whose content the vendor refused, where the vendor does not say.
    pub refused_nanos: i64,
    /// What the components above cannot say.
    pub expression: Option<Expression>,
    /// What rules make of the sum, one after another.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub adjustments: Vec<Adjustment>,
}

/// What a rule makes of a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    /// What remains of each hundred.
    pub percent: u32,
    /// Nano-units more for each picture.
    pub image_nanos: i64,
}

/// What one picture is worth within a size class, at a quality.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TariffRow {
    /// The largest picture it is for, in pixels; `None` for any.
    pub pixels_max: Option<u64>,
    /// The quality it is for; `None` for any.
    pub quality: Option<Quality>,
    /// Nano-units of the tariff's own money, per picture.
    pub image_nanos: i64,
}

/// What pixels are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelRate {
    /// Nano-units for the first megapixel; as `more_nanos` where nothing is rounded.
    pub first_nanos: i64,
    /// Nano-units for each one more.
    pub more_nanos: i64,
    /// The pixels of a megapixel: 1,000,000 or 1,048,576.
    pub pixels: u64,
    /// Whether a megapixel that is begun counts as whole.
    pub rounded_up: bool,
}

/// What steps are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRate {
    /// Nano-units per step and picture.
    pub step_nanos: i64,
    /// The steps that are taken when none are asked for.
    pub usual: u32,
}

/// A kind of tokens that vendors report apart.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TokenClass {
    /// Text in, less what came out of the vendor's cache where that has a rate of its own.
    TextIn,
    /// Text in that came out of the vendor's cache.
    CachedTextIn,
    /// Pictures in, less what came out of the vendor's cache where that has a rate of its own.
    ImageIn,
    /// Pictures in that came out of the vendor's cache.
    CachedImageIn,
    /// Text out, thinking included.
    TextOut,
    /// Pictures out.
    ImageOut,
}

/// What tokens of a class are worth, and how many there may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenRate {
    /// Nano-units for a million of them.
    pub million_nanos: i64,
    /// The most there may be: per picture for what comes out, per input picture for pictures in,
    /// per call for text in. `None` for what the prompt is long, or what `rows` say.
    pub most: Option<u64>,
    /// The most there may be per picture, by size class and quality, sorted as a tariff's rows.
    pub rows: Vec<TokenRow>,
    /// How many more there may be for each preview of a picture.
    pub preview: u64,
}

/// The most tokens that one picture may take within a size class, at a quality.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    /// The largest picture it is for, in pixels; `None` for any.
    pub pixels_max: Option<u64>,
    /// The quality it is for; `None` for any.
    pub quality: Option<Quality>,
    /// The most tokens.
    pub tokens: u64,
}

impl TokenClass {
    /// Every class.
    pub const ALL: [Self; 6] = [
        Self::TextIn,
        Self::CachedTextIn,
        Self::ImageIn,
        Self::CachedImageIn,
        Self::TextOut,
        Self::ImageOut,
    ];

    /// Its name in policy and in quotes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TextIn => "text_in",
            Self::CachedTextIn => "cached_text_in",
            Self::ImageIn => "image_in",
            Self::CachedImageIn => "cached_image_in",
            Self::TextOut => "text_out",
            Self::ImageOut => "image_out",
        }
    }

    /// The class that it is a part of, if it is one.
    pub const fn part_of(self) -> Option<Self> {
        match self {
            Self::CachedTextIn => Some(Self::TextIn),
            Self::CachedImageIn => Some(Self::ImageIn),
            Self::TextIn | Self::ImageIn | Self::TextOut | Self::ImageOut => None,
        }
    }
}

impl Tariff {
    /// So much for each picture, whatever it is.
    pub fn flat(image_nanos: i64) -> Self {
        let row = TariffRow { pixels_max: None, quality: None, image_nanos };
        Self { rows: vec![row], ..Self::default() }
    }

    /// The same with what a rule makes of it; its version says so.
    #[must_use]
    pub fn adjusted(&self, rule: &str, adjustment: Adjustment) -> Self {
        let mut tariff = self.clone();
        tariff.version = format!("{}+{rule}", self.version).into();
        tariff.adjustments.push(adjustment);
        tariff
    }

    /// Whether it has no component, so that nothing has a price.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
            && self.megapixel.is_none()
            && self.input_nanos == 0
            && self.input_megapixel.is_none()
            && self.steps.is_none()
            && self.tokens.is_empty()
            && self.expression.is_none()
    }

    /// The most that one picture may come to by the rows, in nano-units; `None` where no row says.
    ///
    /// The first row that the pixels fit names the size class; only rows of that class count, so
    /// a missing quality never borrows a larger picture's price. Within the class:
    ///
    /// - at a quality, the row of that quality, else the row for any quality, else nothing;
    /// - at no quality, the dearest row, for the vendor may resolve it to any of them.
    pub fn most(&self, size: Size, quality: Option<Quality>) -> Option<i64> {
        let cells = self.rows.iter().map(|row| (row.pixels_max, row.quality, row.image_nanos));
        largest(&cells, size, quality)
    }
}

impl TokenRate {
    /// The most tokens that one picture may take by the rows; `None` where no row says.
    pub fn most_by_row(&self, size: Size, quality: Option<Quality>) -> Option<u64> {
        let cells = self.rows.iter().map(|row| (row.pixels_max, row.quality, row.tokens));
        largest(&cells, size, quality)
    }
}

/// The largest value within the size class of a picture, at a quality.
fn largest<Value: Ord>(
    cells: &(impl Iterator<Item = (Option<u64>, Option<Quality>, Value)> + Clone),
    size: Size,
    quality: Option<Quality>,
) -> Option<Value> {
    let pixels = size.pixels();
    let fits = |most: &Option<u64>| most.is_none_or(|most| pixels <= most);
    let class = cells.clone().map(|(most, ..)| most).find(fits)?;
    let within = |wanted: &dyn Fn(Option<Quality>) -> bool| {
        let cells = cells.clone().filter(|(most, own, _)| *most == class && wanted(*own));
        cells.map(|(.., value)| value).max()
    };
    match quality {
        Some(_) => within(&|own| own == quality).or_else(|| within(&|own| own.is_none())),
        None => within(&|_| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Size = Size::new(1000, 1000);
    const LARGE: Size = Size::new(2000, 2000);

    fn row(pixels_max: Option<u64>, quality: Option<Quality>, image_nanos: i64) -> TariffRow {
        TariffRow { pixels_max, quality, image_nanos }
    }

    fn tariff() -> Tariff {
        let rows = vec![
            row(Some(1_000_000), Some(Quality::Low), 1),
            row(Some(1_000_000), Some(Quality::High), 9),
            row(Some(1_000_000), None, 4),
            row(None, Some(Quality::High), 20),
        ];
        Tariff { rows, ..Tariff::default() }
    }

    #[test]
    fn the_first_class_that_fits_the_pixels_decides() {
        assert_eq!(tariff().most(SMALL, Some(Quality::High)), Some(9));
        assert_eq!(tariff().most(LARGE, Some(Quality::High)), Some(20));
    }

    #[test]
    fn a_quality_without_a_row_takes_the_row_for_any_quality() {
        assert_eq!(tariff().most(SMALL, Some(Quality::Max)), Some(4));
    }

    #[test]
    fn no_quality_is_the_dearest_of_the_class() {
        assert_eq!(tariff().most(SMALL, None), Some(9));
    }

    #[test]
    fn what_no_row_says_has_no_price() {
        assert_eq!(tariff().most(LARGE, Some(Quality::Low)), None);
        assert_eq!(Tariff::default().most(SMALL, None), None);
        let bounded = Tariff { rows: vec![row(Some(10), None, 1)], ..Tariff::default() };
        assert_eq!(bounded.most(SMALL, None), None);
    }

    #[test]
    fn a_tariff_reads_back_from_what_is_kept_of_it() {
        let kept = serde_json::to_string(&tariff()).unwrap();
        assert_eq!(serde_json::from_str::<Tariff>(&kept).unwrap(), tariff());
    }
}
