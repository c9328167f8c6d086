//! Never more than a limit allows in any span of its window: looked up in the whole history of what
//! passed, by a count that knows nothing of how windows are kept.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test that panics fails")]

use std::sync::Arc;
use std::time::Duration;

use pixelgate::clock::Now;
use pixelgate::limit::{Bounds, Limit, Of, Unit, Weight, Whose};
use pixelgate::turnstile::{Answer, Ask, Turnstile};

const SECOND: u64 = 1_000;
const WINDOW: u64 = 300 * SECOND;

/// One request that passed.
#[derive(Clone, Copy)]
struct Passed {
    at_ms: u64,
    caller: usize,
    amount: u64,
}

/// Who asks: four keys, two in each of two workspaces.
const CALLERS: [(&str, &str); 4] = [("a", "w"), ("b", "w"), ("c", "v"), ("d", "v")];

fn limit(of: Of, unit: Unit, most: u64) -> Limit {
    let name = format!("{} of {}", unit.name(), of.name());
    Limit { name, unit, most, window: Duration::from_millis(WINDOW), of, shadow: false }
}

fn bounds(limit: &Limit) -> Vec<Arc<Bounds>> {
    let one = std::slice::from_ref(limit);
    match limit.of {
        Of::Model => [Bounds::of_plan(&[], None), Bounds::of_model(one, "m")].concat(),
        Of::Key | Of::Workspace | Of::Plan => Bounds::of_plan(one, None),
    }
}

/// Whether two callers are one to a limit.
fn are_one(of: Of, one: usize, other: usize) -> bool {
    match of {
        Of::Key => one == other,
        Of::Workspace => CALLERS[one].1 == CALLERS[other].1,
        Of::Plan | Of::Model => true,
    }
}

/// The most that any span of the window held of anyone. A span that holds most can be moved back until
/// it begins with a request, so those are all there are to look at.
fn worst(history: &[Passed], of: Of) -> u64 {
    let held = |(place, first): (usize, &Passed)| {
        let span = history[place..].iter().take_while(|passed| passed.at_ms < first.at_ms + WINDOW);
        let own = span.filter(|passed| are_one(of, first.caller, passed.caller));
        own.map(|passed| passed.amount).sum()
    };
    history.iter().enumerate().map(held).max().unwrap_or(0)
}

/// Asks through a turnstile, and writes down what passed.
struct Crowd {
    turnstile: Turnstile,
    bounds: Vec<Arc<Bounds>>,
    unit: Unit,
    history: Vec<Passed>,
}

impl Crowd {
    fn new(limit: &Limit) -> Self {
        let (turnstile, history) = (Turnstile::default(), Vec::new());
        Self { turnstile, bounds: bounds(limit), unit: limit.unit, history }
    }

    fn ask(&mut self, caller: usize, images: u32, at_ms: u64) -> bool {
        let (key, workspace) = CALLERS[caller];
        let whose = Whose { key, workspace, plan: "p" };
        let places = self.bounds.iter().map(|one| (one.subject(whose), Arc::clone(one)));
        let each = u64::from(images);
        let weight = Weight { images, pixels: each * 1_000_000, nanos: each * 1_000_000_000 };
        let ask = Ask { places: places.collect(), weight };
        let now = Now { unix_ms: 0, tick_ms: at_ms };
        let passes = matches!(self.turnstile.admit_here(&ask, now), Answer::Passed { .. });
        if passes {
            let amount = match self.unit {
                Unit::Requests => 1,
                Unit::Images => each,
                Unit::Megapixels => weight.pixels,
                Unit::Credits => weight.nanos,
            };
            self.history.push(Passed { at_ms, caller, amount });
        }
        passes
    }
}

const EVERYONE: [Of; 4] = [Of::Key, Of::Workspace, Of::Plan, Of::Model];

#[test]
fn fifty_in_the_last_second_before_the_first_age_out_and_fifty_in_the_next_are_never_both_served() {
    for of in EVERYONE {
        let limit = limit(of, Unit::Requests, 50);
        let mut crowd = Crowd::new(&limit);
        // One at zero; the rest wait for the last second in which it still counts.
        assert!(crowd.ask(0, 1, 0));
        for n in 0..50 {
            crowd.ask(0, 1, WINDOW - SECOND + n * 20);
        }
        for n in 0..50 {
            crowd.ask(0, 1, WINDOW + n * 20);
        }
        assert_eq!(worst(&crowd.history, of), 50, "{of:?}");
        assert_eq!(crowd.history.len(), 51, "only what had aged out made room, {of:?}");
        for n in 0..50 {
            crowd.ask(0, 1, 2 * WINDOW - SECOND + n * 20);
        }
        assert_eq!(worst(&crowd.history, of), 50, "{of:?}");
        assert!(crowd.history.len() > 95, "what ages out makes room again, {of:?}");
    }
}

#[test]
fn no_span_ever_holds_more_than_a_limit_allows_whoever_asks_whatever_it_counts() {
    for of in EVERYONE {
        for unit in [Unit::Requests, Unit::Images, Unit::Megapixels, Unit::Credits] {
            for seed in 0..8 {
                let limit = limit(of, unit, 50 * unit.grain());
                let mut crowd = Crowd::new(&limit);
                play(&mut crowd, seed);
                let worst = worst(&crowd.history, of);
                assert!(worst <= limit.most, "{worst} of {}, seed {seed}", limit.name);
                assert!(worst * 10 > limit.most * 7, "the limit was hardly met: {}", limit.name);
            }
        }
    }
}

/// Bursts and lulls, at the edges of windows more often than not.
fn play(crowd: &mut Crowd, seed: u64) {
    let mut chance = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = |below: u64| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (chance >> 33) % below
    };
    let mut at_ms = 0;
    for _ in 0..40 {
        at_ms += match next(4) {
            0 => WINDOW - SECOND,
            1 => WINDOW,
            2 => next(WINDOW),
            _ => next(SECOND),
        };
        for _ in 0..60 + next(200) {
            at_ms += next(40);
            let caller = usize::try_from(next(4)).unwrap();
            crowd.ask(caller, 1 + u32::try_from(next(3)).unwrap(), at_ms);
        }
    }
}
