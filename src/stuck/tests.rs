//! What is stuck and what is not, by examples and by chance.

use proptest::prelude::*;

use super::*;

const PATIENCE: Patience =
    Patience { store_writer: Duration::from_secs(30), runtime: Duration::from_secs(5) };

const fn turns(count: u64) -> Turns {
    Turns { count, is_owed: true }
}

/// A look a second, of a process in which all goes well but what is said here.
fn looks(of: impl Fn(u64) -> Seen, seconds: std::ops::Range<u64>) -> Vec<(u64, Change)> {
    let mut dog = Watchdog::new(PATIENCE);
    let told = seconds.flat_map(|second| {
        let seen = Seen { tick_ms: second * 1_000, ..of(second) };
        dog.look(&seen).into_iter().map(move |change| (second, change)).collect::<Vec<_>>()
    });
    told.collect()
}

fn well(second: u64) -> Seen {
    Seen { writer: turns(second), runtime: turns(second), ..Seen::default() }
}

#[test]
fn a_process_that_goes_on_is_never_stuck() {
    assert_eq!(looks(well, 0..1_000), []);
}

#[test]
fn a_writer_that_finishes_nothing_is_stuck_after_its_bound_and_told_of_once() {
    // It is seen at its last turn for the first time in the tenth second.
    let stands = |second: u64| {
        let count = if second < 61 { second.min(10) } else { second };
        Seen { writer: turns(count), ..well(second) }
    };
    let expected = [
        (41, Change::Began(Part::StoreWriter)),
        (61, Change::Ended(Part::StoreWriter, Duration::from_secs(20))),
    ];
    assert_eq!(looks(stands, 0..100), expected);
}

#[test]
fn a_writer_for_whom_nothing_waits_is_not_stuck() {
    let idle = Turns { count: 7, is_owed: false };
    assert_eq!(looks(|second| Seen { writer: idle, ..well(second) }, 0..1_000), []);
}

#[test]
fn a_runtime_whose_beat_does_not_come_is_stuck_until_it_comes() {
    let late = |second: u64| {
        let beats = if second < 20 { second.min(4) } else { second };
        Seen { runtime: turns(beats), ..well(second) }
    };
    let expected = [
        (10, Change::Began(Part::Runtime)),
        (20, Change::Ended(Part::Runtime, Duration::from_secs(10))),
    ];
    assert_eq!(looks(late, 0..30), expected);
}

#[test]
fn a_process_that_was_stopped_for_an_hour_finds_nothing_stuck() {
    let mut dog = Watchdog::new(PATIENCE);
    for tick_ms in [0, 1_000, 3_601_000, 3_602_000] {
        let stopped = Seen { tick_ms, writer: turns(3), runtime: turns(3), ..Seen::default() };
        assert_eq!(dog.look(&stopped), []);
    }
}

#[test]
fn a_task_that_ended_and_requests_that_are_late_are_found_at_once() {
    let seen = |second| Seen {
        requests: usize::from((3..5).contains(&second)),
        ended: usize::from(second > 3),
        ..well(second)
    };
    let expected = [
        (3, Change::Began(Part::Requests)),
        (4, Change::Began(Part::Background)),
        (5, Change::Ended(Part::Requests, Duration::from_secs(2))),
    ];
    assert_eq!(looks(seen, 0..10), expected);
}

fn any_turns() -> impl Strategy<Value = Turns> {
    (0_u64..4, any::<bool>()).prop_map(|(count, is_owed)| Turns { count, is_owed })
}

fn any_looks() -> impl Strategy<Value = Vec<(u64, Seen)>> {
    let seen = (0_u64..6_000, 0_usize..2, any_turns(), any_turns(), 0_usize..2);
    let seen = seen.prop_map(|(apart_ms, requests, writer, runtime, ended)| {
        (apart_ms, Seen { tick_ms: 0, requests, writer, runtime, ended })
    });
    prop::collection::vec(seen, 1..200)
}

proptest! {
    #[test]
    fn everything_begins_before_it_ends_and_ends_before_it_begins_again(looks in any_looks()) {
        let patience = Patience { store_writer: Duration::from_secs(4), runtime: Duration::ZERO };
        let mut dog = Watchdog::new(patience);
        let mut stuck = [false; 4];
        let mut tick_ms = 0;
        for (apart_ms, seen) in looks {
            tick_ms += apart_ms;
            for change in dog.look(&Seen { tick_ms, ..seen }) {
                let (part, begins) = match change {
                    Change::Began(part) => (part, true),
                    Change::Ended(part, _) => (part, false),
                };
                prop_assert_eq!(stuck[part.place()], !begins);
                stuck[part.place()] = begins;
            }
            for part in Part::ALL {
                prop_assert_eq!(dog.is_stuck(part), stuck[part.place()]);
            }
            prop_assert_eq!(dog.is_stuck(Part::Requests), seen.requests > 0);
            prop_assert_eq!(dog.is_stuck(Part::Background), seen.ended > 0);
        }
    }

    #[test]
    fn what_takes_a_turn_or_is_owed_none_is_not_stuck_however_long(
        apart in prop::collection::vec((0_u64..100_000, any::<bool>()), 1..200),
    ) {
        let mut dog = Watchdog::new(Patience { store_writer: Duration::ZERO, runtime: Duration::ZERO });
        let (mut tick_ms, mut count) = (0, 0);
        for (apart_ms, is_owed) in apart {
            tick_ms += apart_ms;
            count += u64::from(is_owed);
            let turns = Turns { count, is_owed };
            prop_assert_eq!(dog.look(&Seen { tick_ms, writer: turns, runtime: turns, ..Seen::default() }), []);
        }
    }

    #[test]
    fn what_stands_still_is_found_within_its_bound_and_one_look(
        apart in prop::collection::vec(1_u64..=3_000, 50..200),
        bound_ms in 0_u64..20_000,
    ) {
        let patience = Patience { store_writer: Duration::from_millis(bound_ms), runtime: Duration::MAX };
        let mut dog = Watchdog::new(patience);
        dog.look(&Seen { writer: turns(5), ..Seen::default() });
        let mut tick_ms = 0;
        for apart_ms in apart {
            tick_ms += apart_ms;
            dog.look(&Seen { tick_ms, writer: turns(5), ..Seen::default() });
            prop_assert_eq!(dog.is_stuck(Part::StoreWriter), tick_ms > bound_ms);
        }
    }
}
