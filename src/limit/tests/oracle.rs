//! Random histories, held against an oracle that remembers everything.

use proptest::prelude::*;

use super::*;

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

/// Limits that forget no earlier than sub-windows do: what these allow may not be refused.
fn lasting(limits: &[Limit], exact: bool) -> Vec<Limit> {
    if exact {
        return limits.to_vec();
    }
    let last = |one: &Limit| limit(one.most, one.unit, one.window_ms().div_ceil(60) * 61);
    limits.iter().map(last).collect()
}

/// Plays a history into windows and oracle, and holds every verdict against the oracle.
fn play(limits: &[Limit], history: Vec<Event>, exact: bool) -> Result<(), TestCaseError> {
    let (mut windows, mut oracle) = (KeyWindows::default(), Oracle::default());
    let mut tickets: Vec<Ticket> = Vec::new();
    let lasting = lasting(limits, exact);
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
                        let surely = oracle.allows(&lasting, images, now_ms);
                        prop_assert!(!surely, "refused wrongly: {:?}", denial);
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
        prop_assert!(matches!(early, Verdict::Denied(_)), "could have come earlier");
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
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
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
