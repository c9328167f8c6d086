//! What windows remember is told to whoever rebuilds them elsewhere.

use super::*;

const HOUR: u64 = 60 * MINUTE;

#[test]
fn every_admission_is_told_as_its_tick_and_images() {
    let limits = [limit(50, Unit::Requests, MINUTE)];
    let mut windows = Windows::default();
    let _ = admitted(ask(&mut windows, &limits, 2, 5_000));
    windows.remember(&limits, 1_000, Weight { images: 7, ..Weight::default() });
    assert_eq!(windows.stamps().collect::<Vec<_>>(), [(1_000, 7), (5_000, 2)]);
}

#[test]
fn what_is_remembered_without_images_counts_as_one() {
    let limits = [limit(50, Unit::Images, MINUTE)];
    let mut windows = Windows::default();
    windows.remember(&limits, 1_000, Weight { images: 0, ..Weight::default() });
    assert_eq!(windows.stamps().collect::<Vec<_>>(), [(1_000, 1)]);
}

#[test]
fn counters_are_told_by_their_sub_windows_and_empty_ones_are_not() {
    let limits = [limit(1_000, Unit::Credits, MINUTE)];
    let mut windows = Windows::default();
    for (tick_ms, nanos) in [(1_500, 30), (3_200, 12)] {
        let weight = Weight { images: 1, nanos, ..Weight::default() };
        let _ = admitted(admit_one(&mut windows, &bounds(&limits, None), weight, tick_ms));
    }
    // No later than what was seen, and no earlier than it happened.
    let told = [(Unit::Credits, MINUTE, 1_999, 30), (Unit::Credits, MINUTE, 3_200, 12)];
    assert_eq!(windows.counts().collect::<Vec<_>>(), told);
}

#[test]
fn what_no_window_sees_any_more_is_forgotten() {
    let limits = [limit(50, Unit::Requests, MINUTE)];
    let mut windows = Windows::default();
    let _ = admitted(ask(&mut windows, &limits, 1, 1_000));
    let _ = admitted(ask(&mut windows, &limits, 2, HOUR));
    assert_eq!(windows.stamps().count(), 2);
    let _ = admitted(ask(&mut windows, &limits, 3, HOUR + 1_001));
    assert_eq!(windows.stamps().collect::<Vec<_>>(), [(HOUR, 2), (HOUR + 1_001, 3)]);
}

/// Windows of the counters that are remembered.
fn counted(windows: &Windows) -> Vec<u64> {
    let mut counted: Vec<u64> = windows.counts().map(|(_, window_ms, _, _)| window_ms).collect();
    counted.dedup();
    counted
}

#[test]
fn eight_counters_are_remembered_beyond_the_policy_that_asked_for_them_and_no_more() {
    let mut windows = Windows::default();
    let weight = Weight { images: 1, pixels: 0, nanos: 5 };
    for minutes in 1..=8 {
        let limits = [limit(1_000, Unit::Credits, minutes * MINUTE)];
        let _ = admitted(admit_one(&mut windows, &bounds(&limits, None), weight, 1_000));
    }
    assert_eq!(counted(&windows), [1, 2, 3, 4, 5, 6, 7, 8].map(|minutes| minutes * MINUTE));
    let ninth = [limit(1_000, Unit::Credits, 9 * MINUTE)];
    let _ = admitted(admit_one(&mut windows, &bounds(&ninth, None), weight, 1_000));
    assert_eq!(counted(&windows), [9 * MINUTE]);
}

#[test]
fn of_two_limits_that_are_full_for_as_long_the_first_is_named() {
    let mut limits = [1, 1].map(|most| limit(most, Unit::Requests, MINUTE));
    "another".clone_into(&mut limits[1].name);
    let mut windows = Windows::default();
    let _ = admitted(ask(&mut windows, &limits, 1, 1_000));
    assert_eq!(denied(ask(&mut windows, &limits, 1, 2_000)).met.limit, limits[0].name);
}
