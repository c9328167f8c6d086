//! What one picture is worth, by how large it is and how much effort goes into it.

use crate::canonical::Quality;

/// Rows from small to large; the first that fits decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tariff {
    /// The rows, sorted by `pixels_max` with the unbounded last.
    pub rows: Vec<TariffRow>,
}

/// What one picture is worth within a size class, at a quality.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TariffRow {
    /// The largest picture it is for, in pixels; `None` for any.
    pub pixels_max: Option<u64>,
    /// The quality it is for; `None` for any.
    pub quality: Option<Quality>,
    /// Nano-units of the tariff's own money, per picture.
    pub image_nanos: i64,
}
