//! What the windows promise, told one promise at a time.

use super::*;

mod changed;
mod oracle;
mod remembered;
mod scopes;

const fn at(tick_ms: u64) -> Now {
    Now { unix_ms: 0, tick_ms }
}

fn limit(most: u64, unit: Unit, window_ms: u64) -> Limit {
    Limit {
        name: format!("{most} in {window_ms} ms"),
        unit,
        most,
        window: Duration::from_millis(window_ms),
        of: Of::Key,
        shadow: false,
    }
}

/// What binds a key.
fn bounds(limits: &[Limit], concurrency_max: Option<u32>) -> Bounds {
    Bounds::of_plan(limits, concurrency_max)[0].as_ref().clone()
}

fn admit_one(windows: &mut Windows, bounds: &Bounds, weight: Weight, tick_ms: u64) -> Verdict {
    admit(&mut [Place { windows, bounds }], weight, at(tick_ms))
}

fn ask(windows: &mut Windows, limits: &[Limit], images: u32, tick_ms: u64) -> Verdict {
    admit_one(windows, &bounds(limits, None), Weight { images, ..Weight::default() }, tick_ms)
}

fn admitted(verdict: Verdict) -> Ticket {
    match verdict {
        Verdict::Admitted { ticket, .. } => ticket,
        Verdict::Denied(denial) => panic!("denied by {denial:?}"),
    }
}

fn denied(verdict: Verdict) -> Denial {
    match verdict {
        Verdict::Denied(denial) => denial,
        Verdict::Admitted { .. } => panic!("admitted"),
    }
}

const MINUTE: u64 = 60_000;

#[test]
fn fifty_at_the_end_of_a_window_leave_nothing_for_its_edge() {
    let limits = [limit(50, Unit::Requests, 5 * MINUTE)];
    let mut windows = Windows::default();
    for i in 0..50 {
        let _ = admitted(ask(&mut windows, &limits, 1, 5 * MINUTE - 1000 + i));
    }
    for i in 0..50 {
        let denial = denied(ask(&mut windows, &limits, 1, 5 * MINUTE + i));
        let free_at = Duration::from_millis(10 * MINUTE - 1000 - 5 * MINUTE - i);
        assert_eq!(denial.retry_after, Some(free_at));
    }
    let _ = admitted(ask(&mut windows, &limits, 1, 10 * MINUTE - 1000));
    let _ = denied(ask(&mut windows, &limits, 1, 10 * MINUTE - 1000));
}

#[test]
fn a_request_for_four_images_weighs_four() {
    let limits = [limit(10, Unit::Images, MINUTE)];
    let mut windows = Windows::default();
    let _ = admitted(ask(&mut windows, &limits, 4, 1000));
    let _ = admitted(ask(&mut windows, &limits, 4, 2000));
    let denial = denied(ask(&mut windows, &limits, 4, 3000));
    assert_eq!(denial.reason, DenialReason::Window);
    assert_eq!(denial.retry_after, Some(Duration::from_secs(58)));
    assert_eq!(denial.standings[0].remaining, 2);
    let _ = admitted(ask(&mut windows, &limits, 2, 3000));
}

#[test]
fn a_request_heavier_than_its_limit_is_told_that_no_wait_will_help() {
    let limits = [limit(3, Unit::Images, MINUTE)];
    let denial = denied(ask(&mut Windows::default(), &limits, 4, 0));
    assert_eq!(denial.reason, DenialReason::TooHeavy(Unit::Images));
    assert_eq!(denial.retry_after, None);
}

#[test]
fn a_refusal_by_one_limit_consumes_nothing_of_another() {
    let limits = [limit(5, Unit::Requests, MINUTE), limit(2, Unit::Images, MINUTE)];
    let mut windows = Windows::default();
    let _ = admitted(ask(&mut windows, &limits, 2, 1));
    for _ in 0..9 {
        let denial = denied(ask(&mut windows, &limits, 1, 2));
        assert_eq!(denial.met.limit, "2 in 60000 ms");
        assert_eq!(denial.standings[0].remaining, 4);
    }
    assert_eq!(windows.leases.len(), 1);
}

#[test]
fn the_limit_that_stands_in_the_way_longest_is_named() {
    let limits = [
        limit(1, Unit::Requests, 100),
        limit(1, Unit::Requests, 900),
        limit(1, Unit::Requests, 500),
    ];
    let mut windows = Windows::default();
    let _ = admitted(ask(&mut windows, &limits, 1, 0));
    let denial = denied(ask(&mut windows, &limits, 1, 10));
    assert_eq!(denial.met.limit, "1 in 900 ms");
    assert_eq!(denial.retry_after, Some(Duration::from_millis(890)));
}

#[test]
fn a_lease_is_held_until_its_ticket_is_finished_or_taken_back_or_forgotten() {
    let mut windows = Windows::default();
    let bounds = bounds(&[], Some(1));
    let ask =
        |windows: &mut Windows, tick_ms| admit_one(windows, &bounds, Weight::default(), tick_ms);
    let first = admitted(ask(&mut windows, 0));
    let denial = denied(ask(&mut windows, 1));
    assert_eq!(denial.reason, DenialReason::Concurrency);
    assert_eq!(denial.met.limit, CONCURRENCY);
    windows.finish(&first);
    let second = admitted(ask(&mut windows, 2));
    windows.take_back(&second);
    let _lost = admitted(ask(&mut windows, 3));
    let _ = denied(ask(&mut windows, 2 + LEASE_MS_MAX));
    let _ = admitted(ask(&mut windows, 3 + LEASE_MS_MAX));
}

#[test]
fn a_clock_that_goes_back_gives_nothing_back() {
    let limits = [limit(1, Unit::Requests, 100)];
    let mut windows = Windows::default();
    let _ = admitted(ask(&mut windows, &limits, 1, 1000));
    let denial = denied(ask(&mut windows, &limits, 1, 10));
    assert_eq!(denial.retry_after, Some(Duration::from_millis(100)));
    let _ = admitted(ask(&mut windows, &limits, 1, 1100));
}

#[test]
fn limits_that_a_reload_brings_find_the_history_they_need() {
    let before = [limit(50, Unit::Requests, 5 * MINUTE)];
    let after = [limit(100, Unit::Requests, 60 * MINUTE), limit(3000, Unit::Images, 60 * MINUTE)];
    let mut windows = Windows::default();
    for i in (0..50).chain(6 * MINUTE..6 * MINUTE + 50) {
        let _ = admitted(ask(&mut windows, &before, 4, i));
    }
    let denial = denied(ask(&mut windows, &after, 4, 12 * MINUTE));
    let remaining = denial.standings.iter().map(|standing| standing.remaining);
    assert_eq!(remaining.collect::<Vec<_>>(), [0, 2600]);
}

#[test]
fn what_usage_rows_tell_at_start_counts() {
    let limits = [limit(3, Unit::Images, MINUTE), limit(5000, Unit::Images, MINUTE)];
    let mut windows = Windows::default();
    windows.remember(&limits, 5_000, Weight { images: 1, ..Weight::default() });
    windows.remember(&limits, 1_000, Weight { images: 2, ..Weight::default() });
    let denial = denied(ask(&mut windows, &limits, 2, 6_000));
    assert_eq!(denial.retry_after, Some(Duration::from_secs(55)));
    assert_eq!(denial.standings[1].remaining, 4997);
    assert!(windows.leases.is_empty());
}

#[test]
fn a_key_may_be_forgotten_once_no_window_remembers_it() {
    let limits = [limit(3, Unit::Requests, 120 * MINUTE), limit(5000, Unit::Images, MINUTE)];
    let mut windows = Windows::default();
    assert!(windows.is_idle(at(0)));
    let ticket = admitted(ask(&mut windows, &limits, 1, 0));
    assert!(!windows.is_idle(at(119 * MINUTE)));
    assert!(windows.is_idle(at(120 * MINUTE)));
    windows.finish(&ticket);
    assert!(!windows.is_idle(at(1)));
}

#[test]
fn a_busy_key_takes_less_than_a_kilobyte() {
    let limits = [limit(50, Unit::Requests, 5 * MINUTE), limit(200, Unit::Requests, 60 * MINUTE)];
    let mut windows = Windows::default();
    for tick in 0..20_000 {
        if let Verdict::Admitted { ticket, .. } = ask(&mut windows, &limits, 2, tick * 1000) {
            windows.finish(&ticket);
        }
    }
    assert_eq!(windows.ring.iter().count(), 200);
    assert!(windows.ring.bytes() <= 1000, "{} bytes", windows.ring.bytes());
}

#[test]
fn a_large_limit_remembers_its_whole_window_and_at_most_a_sixtieth_more() {
    let limits = [limit(3000, Unit::Images, MINUTE)];
    for start in [60_000, 60_001, 60_500, 60_999] {
        let mut windows = Windows::default();
        let _ = admitted(ask(&mut windows, &limits, 3000, start));
        let denial = denied(ask(&mut windows, &limits, 1, start + MINUTE - 1));
        let wait = denial.retry_after.unwrap();
        assert!(wait <= Duration::from_millis(1 + MINUTE / 60), "{wait:?}");
        let _ = admitted(ask(&mut windows, &limits, 1, start + MINUTE + MINUTE / 60));
    }
}

#[test]
fn a_key_in_use_for_years_keeps_counting() {
    let limits = [limit(2, Unit::Requests, 10 * 24 * 60 * MINUTE)];
    let mut windows = Windows::default();
    for day in 0..1000_u64 {
        let verdict = ask(&mut windows, &limits, 1, day * 24 * 60 * MINUTE);
        let fits = day % 10 < 2;
        assert_eq!(matches!(verdict, Verdict::Admitted { .. }), fits, "day {day}");
    }
}
