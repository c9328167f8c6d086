//! A vendor's invoice beside the books: which lines agree, which do not, and by how much.

use std::collections::{BTreeMap, BTreeSet};

use crate::credits::Overflow;

use super::sums::plus;

/// What a line of an invoice is known by: a request, or a day and what was bought on it.
type Named = Vec<String>;

/// What both sides say of the lines of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Billed {
    /// Nano-dollars.
    pub nanos: i64,
    /// Lines that they are the sum of.
    pub lines: u64,
    /// Of those, lines whose outcome nobody knows: the vendor may have billed more than was booked.
    pub unknown: u64,
}

/// What one side says: an invoice, or the books.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invoice {
    lines: BTreeMap<Named, Billed>,
}

/// A name under which the two sides differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The name.
    pub name: Named,
    /// What the books say; `None` when nothing.
    pub booked: Option<Billed>,
    /// What the vendor says; `None` when nothing.
    pub invoiced: Option<Billed>,
    /// What the vendor says beyond the books, in nano-dollars.
    pub excess_nanos: i64,
}

/// What came of the comparison.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reconciliation {
    /// All that the books say, in nano-dollars.
    pub booked_nanos: i64,
    /// All that the vendor says, in nano-dollars.
    pub invoiced_nanos: i64,
    /// Names under which both say the same, within the tolerance.
    pub agreed: usize,
    /// Names under which they do not, the largest difference first.
    pub differences: Vec<Difference>,
}

impl Invoice {
    /// One line more.
    pub fn add(&mut self, name: Named, nanos: i64, is_unknown: bool) -> Result<(), Overflow> {
        let billed = self.lines.entry(name).or_default();
        billed.nanos = plus(billed.nanos, nanos)?;
        billed.lines = billed.lines.saturating_add(1);
        billed.unknown = billed.unknown.saturating_add(is_unknown.into());
        Ok(())
    }

    fn total(&self) -> Result<i64, Overflow> {
        self.lines.values().map(|billed| billed.nanos).try_fold(0, plus)
    }
}

/// Compares name by name; sums that differ by no more than the tolerance agree.
pub fn reconcile(
    booked: &Invoice,
    invoiced: &Invoice,
    tolerance_nanos: i64,
) -> Result<Reconciliation, Overflow> {
    let names: BTreeSet<&Named> = booked.lines.keys().chain(invoiced.lines.keys()).collect();
    let mut found = Reconciliation {
        booked_nanos: booked.total()?,
        invoiced_nanos: invoiced.total()?,
        ..Reconciliation::default()
    };
    for name in names {
        let (ours, theirs) = (booked.lines.get(name), invoiced.lines.get(name));
        let nanos = |side: Option<&Billed>| side.map_or(0, |billed| billed.nanos);
        let excess_nanos = nanos(theirs).checked_sub(nanos(ours)).ok_or(Overflow)?;
        if excess_nanos.unsigned_abs() <= tolerance_nanos.unsigned_abs() {
            found.agreed = found.agreed.saturating_add(1);
            continue;
        }
        found.differences.push(Difference {
            name: name.clone(),
            booked: ours.copied(),
            invoiced: theirs.copied(),
            excess_nanos,
        });
    }
    found.differences.sort_by_key(|one| std::cmp::Reverse(one.excess_nanos.unsigned_abs()));
    Ok(found)
}

impl Difference {
    /// What is to be looked at, in words.
    pub fn why(&self) -> &'static str {
        let unknown = self.booked.is_some_and(|billed| billed.unknown > 0);
        match (self.booked, self.invoiced) {
            _ if unknown && self.excess_nanos > 0 => {
                "requests with an unknown outcome are among them: the vendor may have drawn"
            }
            (None, _) => "billed, and not in the books",
            (_, None) => "booked, and not billed",
            (Some(ours), Some(theirs)) if ours.lines == theirs.lines => {
                "as many lines at another price"
            }
            (Some(ours), Some(theirs)) if ours.lines < theirs.lines => {
                "more lines than were booked"
            }
            (Some(_), Some(_)) => "fewer lines than were booked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(lines: &[(&str, i64, bool)]) -> Invoice {
        let mut side = Invoice::default();
        for (name, nanos, is_unknown) in lines {
            side.add(vec![(*name).to_owned()], *nanos, *is_unknown).unwrap();
        }
        side
    }

    #[test]
    fn differences_are_named_with_the_largest_first() {
        let booked = side(&[
            ("a", 40, false),
            ("a", 40, false),
            ("b", 5, false),
            ("c", 9, true),
            ("d", 1, false),
        ]);
        let invoiced =
            side(&[("a", 80, false), ("c", 30, false), ("d", 2, false), ("e", 7, false)]);
        let found = reconcile(&booked, &invoiced, 1).unwrap();
        assert_eq!((found.booked_nanos, found.invoiced_nanos, found.agreed), (95, 119, 2));
        let told: Vec<(&str, i64, &str)> = found
            .differences
            .iter()
            .map(|one| (one.name[0].as_str(), one.excess_nanos, one.why()))
            .collect();
        assert_eq!(
            told,
            [
                (
                    "c",
                    21,
                    "requests with an unknown outcome are among them: the vendor may have drawn"
                ),
                ("e", 7, "billed, and not in the books"),
                ("b", -5, "booked, and not billed"),
            ]
        );
    }

    #[test]
    fn lines_of_one_name_are_added_up_before_they_are_compared() {
        let booked = side(&[("a", 3, false), ("a", 4, false)]);
        assert_eq!(reconcile(&booked, &side(&[("a", 7, false)]), 0).unwrap().agreed, 1);
        let found = reconcile(&booked, &side(&[("a", 8, false), ("a", 8, false)]), 0).unwrap();
        assert_eq!(found.differences[0].why(), "as many lines at another price");
    }
}
