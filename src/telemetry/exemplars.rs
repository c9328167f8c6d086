//! Traces that stand for what a histogram counted: the last one of each bucket.
//!
//! Only traces whose spans are exported are pointed at. Where nothing is traced, nothing is kept.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::clock::Moment;
use crate::trail::Trail;

/// Series that exemplars are kept of; their labels are bounded as those of the metrics are.
const SERIES_MAX: usize = 1024;

/// What one trace measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Exemplar {
    pub(super) trace: u128,
    pub(super) value: f64,
    pub(super) unix_seconds: f64,
}

/// The last exemplars of every bucket of every series.
#[derive(Debug, Default)]
pub(super) struct Exemplars {
    of: Mutex<HashMap<String, Vec<Exemplar>>>,
}

impl Exemplars {
    /// A trace measured this; `labels` are the values of the series, in the order of their names.
    pub(super) fn note(
        &self,
        (name, labels): (&str, &[&str]),
        value: f64,
        (trail, at): (&Trail, Moment),
    ) {
        let (Some(context), Some(unix_seconds)) = (trail.kept(), trail.unix_seconds(at)) else {
            return;
        };
        let exemplar = Exemplar { trace: context.trace, value, unix_seconds };
        let mut of = self.of.lock();
        let key = key(name, labels.iter().copied());
        if of.len() >= SERIES_MAX && !of.contains_key(&key) {
            return;
        }
        let kept = of.entry(key).or_default();
        // One for each power of two: about as fine as buckets are.
        kept.retain(|old| step(old.value) != step(value));
        kept.push(exemplar);
    }

    /// The last one of a series whose value is above `above` and at most `most`.
    pub(super) fn find<'a>(
        &self,
        name: &str,
        labels: impl Iterator<Item = &'a str>,
        (above, most): (f64, f64),
    ) -> Option<Exemplar> {
        let of = self.of.lock();
        let kept = of.get(&key(name, labels))?.iter().rev();
        let mut within = kept.filter(|one| one.value > above && one.value <= most);
        within.next().copied()
    }
}

fn key<'a>(name: &str, labels: impl Iterator<Item = &'a str>) -> String {
    labels.fold(name.to_owned(), |key, label| key + "\n" + label)
}

/// The power of two that a value lies at.
fn step(value: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "a power of two is a small number")]
    let step = value.max(1e-9).log2().floor() as i32;
    step
}
