//! What the windows promise, against an oracle that remembers everything.

use proptest::prelude::*;

use super::*;

const fn at(tick_ms: u64) -> Now {
    Now {
        unix_ms: 0,
        tick_ms,
    }
}

fn limit(most: u32, unit: Unit, window_ms: u64) -> Limit {
    Limit {
        name: format!("{most} in {window_ms} ms"),
        unit,
        most,
        window: Duration::from_millis(window_ms),
    }
}

fn ask(windows: &mut KeyWindows, limits: &[Limit], images: u32, tick_ms: u64) -> Verdict {
    windows.admit(limits, None, Weight { images }, at(tick_ms))
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
    let mut windows = KeyWindows::default();
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
    let mut windows = KeyWindows::default();
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
    let denial = denied(ask(&mut KeyWindows::default(), &limits, 4, 0));
    assert_eq!(denial.reason, DenialReason::TooHeavy);
    assert_eq!(denial.retry_after, None);
}

#[test]
fn a_refusal_by_one_limit_consumes_nothing_of_another() {
    let limits = [
        limit(5, Unit::Requests, MINUTE),
        limit(2, Unit::Images, MINUTE),
    ];
    let mut windows = KeyWindows::default();
    let _ = admitted(ask(&mut windows, &limits, 2, 1));
    for _ in 0..9 {
        let denial = denied(ask(&mut windows, &limits, 1, 2));
        assert_eq!(denial.limit, "2 in 60000 ms");
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
    let mut windows = KeyWindows::default();
    let _ = admitted(ask(&mut windows, &limits, 1, 0));
    let denial = denied(ask(&mut windows, &limits, 1, 10));
    assert_eq!(denial.limit, "1 in 900 ms");
    assert_eq!(denial.retry_after, Some(Duration::from_millis(890)));
}

#[test]
fn a_lease_is_held_until_its_ticket_is_finished_or_taken_back_or_forgotten() {
    let mut windows = KeyWindows::default();
    let one = Weight { images: 1 };
    let first = admitted(windows.admit(&[], Some(1), one, at(0)));
    let denial = denied(windows.admit(&[], Some(1), one, at(1)));
    assert_eq!(denial.reason, DenialReason::Concurrency);
    assert_eq!(denial.limit, CONCURRENCY);
    windows.finish(&first);
    let second = admitted(windows.admit(&[], Some(1), one, at(2)));
    windows.take_back(&second);
    let _lost = admitted(windows.admit(&[], Some(1), one, at(3)));
    let _ = denied(windows.admit(&[], Some(1), one, at(2 + LEASE_MS_MAX)));
    let _ = admitted(windows.admit(&[], Some(1), one, at(3 + LEASE_MS_MAX)));
}

#[test]
fn a_clock_that_goes_back_gives_nothing_back() {
    let limits = [limit(1, Unit::Requests, 100)];
    let mut windows = KeyWindows::default();
    let _ = admitted(ask(&mut windows, &limits, 1, 1000));
    let denial = denied(ask(&mut windows, &limits, 1, 10));
    assert_eq!(denial.retry_after, Some(Duration::from_millis(100)));
    let _ = admitted(ask(&mut windows, &limits, 1, 1100));
}

#[test]
fn limits_that_a_reload_brings_find_the_history_they_need() {
    let before = [limit(50, Unit::Requests, 5 * MINUTE)];
    let after = [
        limit(100, Unit::Requests, 60 * MINUTE),
        limit(3000, Unit::Images, 60 * MINUTE),
    ];
    let mut windows = KeyWindows::default();
    for i in (0..50).chain(6 * MINUTE..6 * MINUTE + 50) {
        let _ = admitted(ask(&mut windows, &before, 4, i));
    }
    let denial = denied(ask(&mut windows, &after, 4, 12 * MINUTE));
    let remaining = denial.standings.iter().map(|standing| standing.remaining);
    assert_eq!(remaining.collect::<Vec<_>>(), [0, 2600]);
}

#[test]
fn what_usage_rows_tell_at_start_counts() {
    let limits = [
        limit(3, Unit::Images, MINUTE),
        limit(5000, Unit::Images, MINUTE),
    ];
    let mut windows = KeyWindows::default();
    windows.remember(&limits, 5_000, Weight { images: 1 });
    windows.remember(&limits, 1_000, Weight { images: 2 });
    let denial = denied(ask(&mut windows, &limits, 2, 6_000));
    assert_eq!(denial.retry_after, Some(Duration::from_secs(55)));
    assert_eq!(denial.standings[1].remaining, 4997);
    assert!(windows.leases.is_empty());
}

#[test]
fn a_key_may_be_forgotten_once_no_window_remembers_it() {
    let limits = [
        limit(3, Unit::Requests, 120 * MINUTE),
        limit(5000, Unit::Images, MINUTE),
    ];
    let mut windows = KeyWindows::default();
    assert!(windows.is_idle(&limits, at(0)));
    let ticket = admitted(ask(&mut windows, &limits, 1, 0));
    assert!(!windows.is_idle(&limits, at(119 * MINUTE)));
    assert!(windows.is_idle(&limits, at(120 * MINUTE)));
    windows.finish(&ticket);
    assert!(!windows.is_idle(&limits, at(1)));
}

#[test]
fn a_busy_key_takes_little_more_than_a_kilobyte() {
    let limits = [
        limit(50, Unit::Requests, 5 * MINUTE),
        limit(200, Unit::Requests, 60 * MINUTE),
    ];
    let mut windows = KeyWindows::default();
    for tick in 0..20_000 {
        if let Verdict::Admitted { ticket, .. } = ask(&mut windows, &limits, 2, tick * 1000) {
            windows.finish(&ticket);
        }
    }
    assert_eq!(windows.ring.iter().count(), 200);
    assert!(
        windows.ring.bytes() <= 1200,
        "{} bytes",
        windows.ring.bytes()
    );
}

/// Everything that was admitted and not taken back.
#[derive(Default)]
struct Oracle(Vec<(u64, u32)>);

impl Oracle {
    fn used(&self, limit: &Limit, now_ms: u64) -> u32 {
        let inside = |tick_ms: u64| tick_ms + limit.window_ms() > now_ms;
        let recent = self.0.iter().filter(|(tick_ms, _)| inside(*tick_ms));
        recent.map(|(_, images)| limit.unit.of(*images)).sum()
    }

    fn allows(&self, limits: &[Limit], images: u32, now_ms: u64) -> bool {
        let fits = |limit: &Limit| self.used(limit, now_ms) + limit.unit.of(images) <= limit.most;
        limits.iter().all(fits)
    }

    /// The most that any span of the limit's window ever held.
    fn worst(&self, limit: &Limit) -> u32 {
        let ends = self.0.iter().map(|(end, _)| *end);
        let held = |end: u64| {
            let inside = |tick: u64| tick <= end && tick + limit.window_ms() > end;
            let span = self.0.iter().filter(|(tick_ms, _)| inside(*tick_ms));
            span.map(|(_, images)| limit.unit.of(*images)).sum::<u32>()
        };
        ends.map(held).max().unwrap_or(0)
    }
}

#[derive(Clone, Debug)]
enum Event {
    Ask { images: u32, after_ms: u64 },
    TakeBack(prop::sample::Index),
}

fn events(images: std::ops::Range<u32>, after_ms: u64) -> impl Strategy<Value = Vec<Event>> {
    let asks = (images, 0..after_ms).prop_map(|(images, after_ms)| Event::Ask { images, after_ms });
    let event = prop_oneof![6 => asks, 1 => any::<prop::sample::Index>().prop_map(Event::TakeBack)];
    prop::collection::vec(event, 1..120)
}

fn limits(most: std::ops::Range<u32>, window_ms: u64) -> impl Strategy<Value = Vec<Limit>> {
    let unit = prop::sample::select(vec![Unit::Requests, Unit::Images]);
    let one = (most, unit, 1..window_ms);
    prop::collection::vec(one.prop_map(|(most, unit, ms)| limit(most, unit, ms)), 1..4)
}

/// Plays a history into windows and oracle; `exact` also holds every refusal against the oracle.
fn play(limits: &[Limit], history: Vec<Event>, exact: bool) -> Result<(), TestCaseError> {
    let (mut windows, mut oracle) = (KeyWindows::default(), Oracle::default());
    let mut tickets: Vec<Ticket> = Vec::new();
    let mut now_ms = 0;
    for event in history {
        match event {
            Event::TakeBack(index) if !tickets.is_empty() => {
                let ticket = tickets.swap_remove(index.index(tickets.len()));
                let gone = (ticket.tick_ms, ticket.images);
                let place = oracle.0.iter().position(|held| *held == gone);
                oracle.0.remove(place.expect("what was admitted is held"));
                windows.take_back(&ticket);
            }
            Event::TakeBack(_) => {}
            Event::Ask { images, after_ms } => {
                now_ms += after_ms;
                let allowed = oracle.allows(limits, images, now_ms);
                let before = windows.clone();
                match ask(&mut windows, limits, images, now_ms) {
                    Verdict::Admitted { ticket, .. } => {
                        prop_assert!(allowed, "admitted too many");
                        oracle.0.push((now_ms, images));
                        tickets.push(ticket);
                    }
                    Verdict::Denied(denial) => {
                        prop_assert!(!(exact && allowed), "refused wrongly: {:?}", denial);
                        wait_out(before, limits, (images, now_ms), &denial, exact)?;
                    }
                }
            }
        }
        prop_assert_eq!(windows.leases.len(), tickets.len());
    }
    for limit in limits {
        prop_assert!(oracle.worst(limit) <= limit.most);
    }
    Ok(())
}

/// Holds a denial's wait to its word: enough, and (where exact) not a millisecond too long.
fn wait_out(
    windows: KeyWindows,
    limits: &[Limit],
    (images, now_ms): (u32, u64),
    denial: &Denial,
    exact: bool,
) -> Result<(), TestCaseError> {
    let Some(wait) = denial.retry_after else {
        prop_assert_eq!(denial.reason, DenialReason::TooHeavy);
        return Ok(());
    };
    let free_at = now_ms + u64::try_from(wait.as_millis()).unwrap();
    if exact {
        let early = ask(&mut windows.clone(), limits, images, free_at - 1);
        prop_assert!(
            matches!(early, Verdict::Denied(_)),
            "could have come earlier"
        );
    }
    let then = ask(&mut { windows }, limits, images, free_at);
    prop_assert!(matches!(then, Verdict::Admitted { .. }), "{:?}", then);
    Ok(())
}

proptest! {
    #[test]
    fn small_limits_agree_with_the_oracle_on_every_verdict(
        limits in limits(1..9, 60),
        history in events(1..5, 20),
    ) {
        play(&limits, history, true)?;
    }

    #[test]
    fn large_limits_never_admit_too_many(
        limits in limits(2001..4000, 500),
        history in events(1..1500, 90),
    ) {
        play(&limits, history, false)?;
    }

    #[test]
    fn small_and_large_limits_together_never_admit_too_many(
        small in limits(10..20, 300),
        large in limits(2001..4000, 500),
        history in events(1..5, 30),
    ) {
        play(&[small, large].concat(), history, false)?;
    }
}

#[test]
fn a_full_ring_evicts_only_what_no_limit_sees() {
    let limits = [
        limit(260, Unit::Requests, 1000),
        limit(255, Unit::Requests, 900),
        limit(300, Unit::Images, 700),
    ];
    let (mut windows, mut oracle) = (KeyWindows::default(), Oracle::default());
    let mut chance = 7_u64;
    let mut now_ms = 0;
    for _ in 0..6000 {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        now_ms += (chance >> 60) / 3;
        let images = 1 + u32::from((chance >> 40).is_multiple_of(8));
        let allowed = oracle.allows(&limits, images, now_ms);
        match ask(&mut windows, &limits, images, now_ms) {
            Verdict::Admitted { ticket, .. } if (chance >> 33).is_multiple_of(4) => {
                windows.take_back(&ticket);
            }
            Verdict::Admitted { .. } => {
                assert!(allowed);
                oracle.0.push((now_ms, images));
            }
            Verdict::Denied(_) => assert!(!allowed),
        }
    }
}

#[test]
fn a_key_in_use_for_years_keeps_counting() {
    let limits = [limit(2, Unit::Requests, 10 * 24 * 60 * MINUTE)];
    let mut windows = KeyWindows::default();
    for day in 0..1000_u64 {
        let verdict = ask(&mut windows, &limits, 1, day * 24 * 60 * MINUTE);
        let fits = day % 10 < 2;
        assert_eq!(
            matches!(verdict, Verdict::Admitted { .. }),
            fits,
            "day {day}"
        );
    }
}
