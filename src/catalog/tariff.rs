//! What one picture is worth, by how large it is and how much effort goes into it.

use crate::canonical::{Quality, Size};

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

impl Tariff {
    /// The most that one picture may come to, in nano-units; `None` where no row says.
    ///
    /// The first row that the pixels fit names the size class; only rows of that class count, so
    /// a missing quality never borrows a larger picture's price. Within the class:
    ///
    /// - at a quality, the row of that quality, else the row for any quality, else nothing;
    /// - at no quality, the dearest row, for the vendor may resolve it to any of them.
    pub fn most(&self, size: Size, quality: Option<Quality>) -> Option<i64> {
        let pixels = size.pixels();
        let fits = |row: &&TariffRow| row.pixels_max.is_none_or(|most| pixels <= most);
        let class = self.rows.iter().find(fits)?.pixels_max;
        let dearest = |wanted: &dyn Fn(&TariffRow) -> bool| {
            let rows = self.rows.iter().filter(|row| row.pixels_max == class);
            rows.filter(|row| wanted(row)).map(|row| row.image_nanos).max()
        };
        match quality {
            Some(_) => dearest(&|row| row.quality == quality)
                .or_else(|| dearest(&|row| row.quality.is_none())),
            None => dearest(&|_| true),
        }
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
        Tariff {
            rows: vec![
                row(Some(1_000_000), Some(Quality::Low), 1),
                row(Some(1_000_000), Some(Quality::High), 9),
                row(Some(1_000_000), None, 4),
                row(None, Some(Quality::High), 20),
            ],
        }
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
        let bounded = Tariff { rows: vec![row(Some(10), None, 1)] };
        assert_eq!(bounded.most(SMALL, None), None);
    }
}
