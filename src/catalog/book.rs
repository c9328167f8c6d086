//! Every version of a tariff, by the moment from which it counts.

use std::sync::Arc;

use super::Tariff;

/// The versions of a price or a cost. There is always one that counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceBook {
    first: Arc<Tariff>,
    /// Versions that take its place, the earliest in front, each with the moment from which it
    /// counts, in milliseconds since the Unix epoch.
    later: Vec<(i64, Arc<Tariff>)>,
}

impl PriceBook {
    /// A version, and those that take its place one after another, in any order.
    pub fn new(first: Tariff, mut later: Vec<(i64, Tariff)>) -> Self {
        later.sort_by_key(|(from_ms, _)| *from_ms);
        let later = later.into_iter().map(|(from_ms, tariff)| (from_ms, Arc::new(tariff)));
        Self { first: Arc::new(first), later: later.collect() }
    }

    /// The version that counts at a moment.
    pub fn at(&self, unix_ms: i64) -> &Arc<Tariff> {
        let begun = self.later.iter().rev().find(|(from_ms, _)| *from_ms <= unix_ms);
        begun.map_or(&self.first, |(_, tariff)| tariff)
    }

    /// Every version, the first in front.
    pub fn versions(&self) -> impl Iterator<Item = &Arc<Tariff>> {
        std::iter::once(&self.first).chain(self.later.iter().map(|(_, tariff)| tariff))
    }
}

impl From<Tariff> for PriceBook {
    fn from(tariff: Tariff) -> Self {
        Self::new(tariff, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_version_counts_from_its_first_millisecond() {
        let book = PriceBook::new(
            Tariff::flat(1),
            vec![(2_000, Tariff::flat(3)), (1_000, Tariff::flat(2))],
        );
        let nanos = |at_ms| book.at(at_ms).rows.first().unwrap().image_nanos;
        assert_eq!([0, 999, 1_000, 1_999, 2_000, i64::MAX].map(nanos), [1, 1, 2, 2, 3, 3]);
    }
}
