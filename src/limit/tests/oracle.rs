//! Random histories, held against an oracle that remembers everything.

use proptest::prelude::*;

use super::*;

/// Everything that was admitted and not taken back.
#[derive(Default)]
pub(super) struct Oracle(pub(super) Vec<(u64, Weight)>);

impl Oracle {
    fn forget(&mut self, ticket: &Ticket) {
        let gone = (ticket.tick_ms, ticket.weight);
        let place = self.0.iter().position(|held| *held == gone);
        self.0.remove(place.expect("what was admitted is held"));
    }

    fn used(&self, limit: &Limit, now_ms: u64) -> u64 {
        let inside = |tick_ms: u64| tick_ms + limit.window_ms() > now_ms;
        let recent = self.0.iter().filter(|(tick_ms, _)| inside(*tick_ms));
        recent.map(|(_, weight)| limit.unit.of(*weight)).sum()
    }

    pub(super) fn allows(&self, limits: &[Limit], weight: Weight, now_ms: u64) -> bool {
        let fits = |limit: &Limit| self.used(limit, now_ms) + limit.unit.of(weight) <= limit.most;
        limits.iter().all(fits)
    }

    /// The most that any span of the limit's window ever held.
    fn worst(&self, limit: &Limit) -> u64 {
        let ends = self.0.iter().map(|(end, _)| *end);
        let held = |end: u64| {
            let inside = |tick: u64| tick <= end && tick + limit.window_ms() > end;
            let span = self.0.iter().filter(|(tick_ms, _)| inside(*tick_ms));
            span.map(|(_, weight)| limit.unit.of(*weight)).sum::<u64>()
        };
        ends.map(held).max().unwrap_or(0)
    }
}

#[derive(Clone, Debug)]
enum Event {
    Ask { weight: Weight, after_ms: u64 },
    TakeBack(prop::sample::Index),
    Settle(prop::sample::Index, u64),
}

fn events(images: std::ops::Range<u32>, after_ms: u64) -> impl Strategy<Value = Vec<Event>> {
    let asks =
        (images, 0..4_u64, 0..6_u64, 0..after_ms).prop_map(|(images, pixels, nanos, after)| {
            let weight = Weight { images, pixels: pixels * u64::from(images), nanos };
            Event::Ask { weight, after_ms: after }
        });
    let event = prop_oneof![
        6 => asks,
        1 => any::<prop::sample::Index>().prop_map(Event::TakeBack),
        1 => (any::<prop::sample::Index>(), 0..6_u64)
            .prop_map(|(index, spent)| Event::Settle(index, spent)),
    ];
    prop::collection::vec(event, 1..120)
}

fn limits(
    most: std::ops::Range<u64>,
    window_ms: u64,
    units: &[Unit],
) -> impl Strategy<Value = Vec<Limit>> {
    let unit = prop::sample::select(units.to_vec());
    let one = (most, unit, 1..window_ms);
    prop::collection::vec(one.prop_map(|(most, unit, ms)| limit(most, unit, ms)), 1..4)
}

const COUNTED: &[Unit] = &[Unit::Requests, Unit::Images];
const EVERY: &[Unit] = &[Unit::Requests, Unit::Images, Unit::Megapixels, Unit::Credits];

/// Limits that forget no earlier than sub-windows do: what these allow may not be refused.
pub(super) fn lasting(limits: &[Limit]) -> Vec<Limit> {
    let last = |one: &Limit| {
        let lasts_ms =
            if one.is_exact() { one.window_ms() } else { one.window_ms().div_ceil(60) * 61 };
        limit(one.most, one.unit, lasts_ms)
    };
    limits.iter().map(last).collect()
}

/// Plays a history into windows and oracle, and holds every verdict against the oracle.
fn play(limits: &[Limit], history: Vec<Event>) -> Result<(), TestCaseError> {
    let (mut windows, mut oracle) = (Windows::default(), Oracle::default());
    let bounds = bounds(limits, None);
    let mut tickets: Vec<Ticket> = Vec::new();
    let lasting = lasting(limits);
    let mut now_ms = 0;
    for event in history {
        match event {
            Event::TakeBack(index) if !tickets.is_empty() => {
                let ticket = tickets.swap_remove(index.index(tickets.len()));
                oracle.forget(&ticket);
                windows.take_back(&ticket);
            }
            Event::Settle(index, spent) if !tickets.is_empty() => {
                let place = index.index(tickets.len());
                let ticket = &mut tickets[place];
                let rest = ticket.weight.nanos.saturating_sub(spent);
                windows.give_back(ticket.tick_ms, rest);
                oracle.forget(ticket);
                ticket.weight.nanos -= rest;
                oracle.0.push((ticket.tick_ms, ticket.weight));
            }
            Event::TakeBack(_) | Event::Settle(..) => {}
            Event::Ask { weight, after_ms } => {
                now_ms += after_ms;
                let allowed = oracle.allows(limits, weight, now_ms);
                let before = windows.clone();
                match admit_one(&mut windows, &bounds, weight, now_ms) {
                    Verdict::Admitted { ticket, .. } => {
                        prop_assert!(allowed, "admitted too many");
                        oracle.0.push((now_ms, weight));
                        tickets.push(ticket);
                    }
                    Verdict::Denied(denial) => {
                        let surely = oracle.allows(&lasting, weight, now_ms);
                        prop_assert!(!surely, "refused wrongly: {:?}", denial);
                        wait_out(before, &bounds, (weight, now_ms), &denial)?;
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

/// Holds a denial's wait to its word: enough, and (where all is exact) not a millisecond too long.
fn wait_out(
    windows: Windows,
    bounds: &Bounds,
    (weight, now_ms): (Weight, u64),
    denial: &Denial,
) -> Result<(), TestCaseError> {
    let Some(wait) = denial.retry_after else {
        prop_assert!(matches!(denial.reason, DenialReason::TooHeavy(_)));
        return Ok(());
    };
    let free_at = now_ms + u64::try_from(wait.as_millis()).unwrap();
    if bounds.limits.iter().all(Limit::is_exact) {
        let early = admit_one(&mut windows.clone(), bounds, weight, free_at - 1);
        prop_assert!(matches!(early, Verdict::Denied(_)), "could have come earlier");
    }
    let then = admit_one(&mut { windows }, bounds, weight, free_at);
    prop_assert!(matches!(then, Verdict::Admitted { .. }), "{:?}", then);
    Ok(())
}

proptest! {
    #[test]
    fn small_limits_agree_with_the_oracle_on_every_verdict(
        limits in limits(1..9, 60, COUNTED),
        history in events(1..5, 20),
    ) {
        play(&limits, history)?;
    }

    #[test]
    fn large_limits_never_admit_too_many(
        limits in limits(2001..4000, 500, COUNTED),
        history in events(1..1500, 90),
    ) {
        play(&limits, history)?;
    }

    #[test]
    fn small_and_large_limits_together_never_admit_too_many(
        small in limits(10..20, 300, COUNTED),
        large in limits(2001..4000, 500, COUNTED),
        history in events(1..5, 30),
    ) {
        play(&[small, large].concat(), history)?;
    }

    #[test]
    fn every_unit_keeps_its_limit_however_much_is_given_back(
        limits in limits(5..20, 300, EVERY),
        history in events(1..5, 30),
    ) {
        play(&limits, history)?;
    }
}

#[test]
fn a_full_ring_evicts_only_what_no_limit_sees() {
    let limits = [
        limit(260, Unit::Requests, 1000),
        limit(255, Unit::Requests, 900),
        limit(300, Unit::Images, 700),
    ];
    let (mut windows, mut oracle) = (Windows::default(), Oracle::default());
    let mut chance = 7_u64;
    let mut now_ms = 0;
    for _ in 0..6000 {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        now_ms += (chance >> 60) / 3;
        let images = 1 + u32::from((chance >> 40).is_multiple_of(8));
        let weight = Weight { images, ..Weight::default() };
        let allowed = oracle.allows(&limits, weight, now_ms);
        match ask(&mut windows, &limits, images, now_ms) {
            Verdict::Admitted { ticket, .. } if (chance >> 33).is_multiple_of(4) => {
                windows.take_back(&ticket);
            }
            Verdict::Admitted { .. } => {
                assert!(allowed);
                oracle.0.push((now_ms, weight));
            }
            Verdict::Denied(_) => assert!(!allowed),
        }
    }
}
