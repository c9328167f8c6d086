//! What a month will come to if its last days are any guide.

use std::collections::BTreeMap;

use crate::credits::Overflow;

use super::day::Day;
use super::sums::plus;

/// Whole days that the guess is made from.
const DAYS_LOOKED_AT: i64 = 7;

/// With fewer whole days of spend there is nothing to guess from.
const DAYS_NEEDED: i64 = 3;

/// What a month will come to, in nano-credits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Spent so far, today included.
    pub so_far_nanos: i64,
    /// If the rest of the month is as the last days were on average.
    pub expected_nanos: i64,
    /// If each day that is left is as the cheapest of them.
    pub low_nanos: i64,
    /// If each is as the dearest of them.
    pub high_nanos: i64,
    /// How many whole days that is made from.
    pub days: i64,
}

/// What the month of `today` will come to, from what was spent each day, in nano-credits; `None`
/// while there are fewer than three whole days since the first spend.
///
/// The last seven whole days count, those without spend among them; today does not, for it is
/// not over, but what was spent today does.
pub fn forecast(spent: &BTreeMap<Day, i64>, today: Day) -> Result<Option<Forecast>, Overflow> {
    let Some(first) = spent.keys().next().copied() else {
        return Ok(None);
    };
    let days = today.0.saturating_sub(first.0).min(DAYS_LOOKED_AT);
    if days < DAYS_NEEDED {
        return Ok(None);
    }
    let on = |day: Day| spent.get(&day).copied().unwrap_or(0);
    let looked_at: Vec<i64> = (1..=days).map(|ago| on(today.plus(ago.saturating_neg()))).collect();
    let month = spent.range(today.month_begins()..=today);
    let so_far_nanos = month.map(|(_, nanos)| *nanos).try_fold(0, plus)?;
    let left = today.month_ends().0.saturating_sub(today.0).saturating_sub(1);
    let rest = |a_day: i64| a_day.checked_mul(left).ok_or(Overflow);
    let total = looked_at.iter().copied().try_fold(0, plus)?;
    // Multiplied before it is divided, so that the average is not rounded first.
    let expected = rest(total)?.checked_div(days).ok_or(Overflow)?;
    Ok(Some(Forecast {
        so_far_nanos,
        expected_nanos: plus(so_far_nanos, expected)?,
        low_nanos: plus(so_far_nanos, rest(looked_at.iter().copied().min().unwrap_or(0))?)?,
        high_nanos: plus(so_far_nanos, rest(looked_at.iter().copied().max().unwrap_or(0))?)?,
        days,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(days: &[(&str, i64)]) -> BTreeMap<Day, i64> {
        days.iter().map(|(day, nanos)| (day.parse().unwrap(), *nanos)).collect()
    }

    #[test]
    fn the_rest_of_the_month_is_guessed_from_the_last_whole_days() {
        let days =
            spent(&[("2026-11-17", 90), ("2026-11-18", 10), ("2026-11-20", 20), ("2026-11-21", 5)]);
        let said = forecast(&days, "2026-11-21".parse().unwrap()).unwrap().unwrap();
        // Four whole days, one of them without spend; nine days are left after today.
        assert_eq!((said.days, said.so_far_nanos), (4, 125));
        assert_eq!(said.expected_nanos, 125 + 120 * 9 / 4);
        assert_eq!((said.low_nanos, said.high_nanos), (125, 125 + 90 * 9));
    }

    #[test]
    fn too_few_days_are_no_forecast() {
        let today = "2026-11-21".parse().unwrap();
        assert_eq!(forecast(&BTreeMap::new(), today), Ok(None));
        assert_eq!(forecast(&spent(&[("2026-11-19", 9)]), today), Ok(None));
        assert!(forecast(&spent(&[("2026-11-18", 9)]), today).unwrap().is_some());
    }

    #[test]
    fn spend_of_the_month_before_is_a_guide_and_no_part_of_it() {
        let days = spent(&[("2026-10-29", 7), ("2026-10-30", 7), ("2026-10-31", 7)]);
        let said = forecast(&days, "2026-11-01".parse().unwrap()).unwrap().unwrap();
        assert_eq!((said.so_far_nanos, said.expected_nanos), (0, 7 * 29));
    }
}
