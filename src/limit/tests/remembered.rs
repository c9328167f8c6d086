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
    let _ = admitted(ask(&mut windows, &limits, 1, HOUR));
    assert_eq!(windows.stamps().count(), 2);
    let _ = admitted(ask(&mut windows, &limits, 1, HOUR + 1_001));
    assert_eq!(windows.stamps().collect::<Vec<_>>(), [(HOUR, 1), (HOUR + 1_001, 1)]);
}
