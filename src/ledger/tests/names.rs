//! What tables say, and what a balance must be.

use super::*;
use crate::ledger::QuotaUnit;

#[test]
fn a_unit_is_called_in_tables_as_it_always_was() {
    let units = [
        (QuotaUnit::Requests, "requests"),
        (QuotaUnit::Images, "images"),
        (QuotaUnit::Pixels, "pixels"),
        (QuotaUnit::Credits, "credits"),
    ];
    for (unit, name) in units {
        assert_eq!((unit.name(), QuotaUnit::named(name)), (name, Some(unit)));
    }
    assert_eq!(QuotaUnit::named("megapixels"), None);
}

#[test]
fn a_balance_balances_only_where_all_is_somewhere_and_nothing_below_zero() {
    let balance = |[granted, available, held, spent, expired]: [i64; 5]| Balance {
        granted: Credits::from_nanos(granted),
        available: Credits::from_nanos(available),
        held: Credits::from_nanos(held),
        spent: Credits::from_nanos(spent),
        expired: Credits::from_nanos(expired),
    };
    assert!(balance([10, 4, 3, 2, 1]).balances());
    // One is nowhere; one was never granted.
    assert!(!balance([10, 4, 3, 2, 0]).balances());
    assert!(!balance([10, 4, 3, 2, 2]).balances());
    // The sum is right, and something is owed.
    assert!(!balance([10, -1, 8, 2, 1]).balances());
    assert!(!balance([10, 11, -1, 0, 0]).balances());
}
