//! How the breaker moves and what it believes of latency.

use super::*;

const fn at(seconds: u64) -> Now {
    Now { unix_ms: 0, tick_ms: seconds * 1000 }
}

fn outcome(health: &mut OfferingHealth, word: &str, now: Now) {
    let permit = health.begin(now).expect("may be asked");
    match word {
        "well" => health.succeeded(permit, Duration::from_secs(1), now),
        "ill" => health.failed(permit, true, now),
        "refused" => health.failed(permit, false, now),
        "abandoned" => health.abandoned(permit, now),
        other => panic!("no outcome {other}"),
    }
}

/// One row an event: the second, what happens, the state after it.
const STORY: &str = "
      0  well       closed
      1  ill        closed
      2  ill        closed
      3  refused    closed
      4  ill        closed
      5  ill        closed
      6  ill        closed
      7  ill        closed
      8  ill        open 18
     17  wait       open 18
     18  wait       half-open
     18  ill        open 38
     38  ill        open 78
     78  ill        open 158
    158  ill        open 318
    318  ill        open 618
    618  ill        open 918
    918  abandoned  half-open
    919  refused    closed
    920  ill        closed
    921  ill        closed
    922  ill        closed
    923  ill        closed
    924  ill        open 934
    934  well       closed
";

#[test]
fn the_breaker_moves_by_this_table() {
    let mut health = OfferingHealth::default();
    for row in STORY.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let words: Vec<&str> = row.split_whitespace().collect();
        let now = at(words[0].parse().unwrap());
        if words[1] != "wait" {
            outcome(&mut health, words[1], now);
        }
        let state = match health.view(now).state {
            BreakerState::Closed => "closed".to_owned(),
            BreakerState::HalfOpen => "half-open".to_owned(),
            BreakerState::Open { until_ms } => format!("open {}", until_ms / 1000),
        };
        assert_eq!(state, words[2..].join(" "), "{row}");
    }
    assert_eq!(health.view(at(999)).in_flight, 0);
}

fn resting() -> OfferingHealth {
    let mut health = OfferingHealth::default();
    for _ in 0..ILL_IN_A_ROW_MAX {
        outcome(&mut health, "ill", at(0));
    }
    health
}

#[test]
fn half_open_lets_exactly_one_trial_through() {
    let mut health = resting();
    assert!(health.begin(at(9)).is_none());
    let trial = health.begin(at(10)).expect("a trial");
    assert!(health.begin(at(10)).is_none());
    assert_ne!(health.view(at(10)).state, BreakerState::HalfOpen);
    health.succeeded(trial, Duration::from_secs(2), at(12));
    assert_eq!(health.view(at(12)).state, BreakerState::Closed);
}

#[test]
fn a_lost_trial_gives_way_to_another_and_no_longer_decides() {
    let mut health = resting();
    let lost = health.begin(at(10)).expect("a trial");
    let later = at(10 + TRIAL_MAX.as_secs());
    let second = health.begin(later).expect("another trial");
    health.failed(lost, true, later);
    assert!(health.begin(later).is_none());
    health.succeeded(second, Duration::from_secs(2), later);
    assert_eq!(health.view(later).state, BreakerState::Closed);
}

#[test]
fn what_began_before_a_rest_does_not_end_it() {
    let mut health = OfferingHealth::default();
    let early = health.begin(at(0)).expect("closed");
    for _ in 0..ILL_IN_A_ROW_MAX {
        outcome(&mut health, "ill", at(1));
    }
    health.succeeded(early, Duration::from_secs(3), at(3));
    assert_eq!(health.view(at(3)).state, BreakerState::Open { until_ms: 11_000 });
}

#[test]
fn every_other_one_ill_is_too_many() {
    let mut health = OfferingHealth::default();
    for _ in 0..4 {
        outcome(&mut health, "well", at(0));
        outcome(&mut health, "ill", at(0));
    }
    outcome(&mut health, "well", at(0));
    assert_eq!(health.view(at(0)).state, BreakerState::Closed);
    outcome(&mut health, "ill", at(0));
    assert!(matches!(health.view(at(0)).state, BreakerState::Open { .. }));
}

#[test]
fn a_worse_latency_is_believed_at_once_and_a_better_one_in_time() {
    let mut health = OfferingHealth::default();
    let mut draw = |seconds: u64, now: Now| {
        let permit = health.begin(now).expect("closed");
        health.succeeded(permit, Duration::from_secs(seconds), now);
        health.view(now).expected_ms.unwrap().round()
    };
    assert!((draw(2, at(0)) - 2_000.0).abs() < 1.0);
    assert!((draw(9, at(1)) - 9_000.0).abs() < 1.0);
    let better = draw(2, at(61));
    assert!((2_000.0..5_000.0).contains(&better), "{better}");
    let faded = health.view(at(661)).expected_ms.unwrap();
    assert!(faded < better / 2.0, "{faded}");
}
