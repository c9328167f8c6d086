//! The order of candidates: the model's strategy, then native before emulated, then the name.

use std::cmp::Ordering;

use crate::catalog::{Balance, Model, Strategy};
use crate::credits::Cost;

use super::fit::Candidate;
use super::health::HealthView;

/// A candidate and how it has been doing.
type Seen = (Candidate, HealthView);

/// Sorts candidates, the one to try first in front. `dice` is any number, a new one each time.
pub(super) fn rank(candidates: &mut [Seen], model: &Model, dice: u64) {
    match model.strategy {
        Strategy::Cheapest => {
            let cost = |seen: &Seen| cost(&seen.0);
            sort_by(candidates, |one, other| cost(one).cmp(&cost(other)));
        }
        Strategy::Priority => sort_by(candidates, |one, other| {
            one.0.offering.priority.cmp(&other.0.offering.priority)
        }),
        Strategy::Fastest => {
            sort_by(candidates, |one, other| by_time(&one.1, &other.1));
            better_of_two(candidates, dice);
        }
        Strategy::Weighted => by_chance(candidates, dice),
        Strategy::Balanced => {
            let best = Best::of(candidates);
            let score = |seen: &Seen| best.score(seen, model.balance);
            sort_by(candidates, |one, other| score(one).total_cmp(&score(other)));
        }
    }
}

fn sort_by(candidates: &mut [Seen], by_strategy: impl Fn(&Seen, &Seen) -> Ordering) {
    candidates.sort_by(|one, other| {
        by_strategy(one, other)
            .then_with(|| other.0.is_native().cmp(&one.0.is_native()))
            .then_with(|| one.0.offering.name.cmp(&other.0.offering.name))
    });
}

/// What the whole request would cost us; an unknown cost is the highest of all.
fn cost(candidate: &Candidate) -> i64 {
    candidate.cost_most.map_or(i64::MAX, Cost::nanos)
}

fn by_time(one: &HealthView, other: &HealthView) -> Ordering {
    expected(one).total_cmp(&expected(other)).then(one.in_flight.cmp(&other.in_flight))
}

/// One request at a time goes to an offering that no picture came from yet: enough to measure
/// it, without sending everyone to what may be the slowest.
fn expected(health: &HealthView) -> f64 {
    match health.expected_ms {
        Some(expected_ms) => expected_ms,
        None if health.in_flight == 0 => 0.0,
        None => f64::INFINITY,
    }
}

/// Of two that chance picks, the better goes first: many gateways that all see the same fastest
/// would otherwise all go there at once. The rest keep their order.
fn better_of_two(sorted: &mut [Seen], dice: u64) {
    let mut dice = Dice(dice);
    let count = sorted.len();
    if count > 2 {
        let (one, other) = (dice.below(count), dice.below(count - 1));
        let other = if other >= one { other + 1 } else { other };
        if let Some(head) = sorted.get_mut(..=one.min(other)) {
            head.rotate_right(1);
        }
    }
}

/// Each place goes to one of those left, as often as its weight among theirs says.
fn by_chance(candidates: &mut [Seen], dice: u64) {
    sort_by(candidates, |_, _| Ordering::Equal);
    let mut dice = Dice(dice);
    let mut left = candidates;
    while left.len() > 1 {
        let weights = left.iter().map(|seen| u64::from(seen.0.offering.weight));
        let mut drawn = dice.next() % weights.clone().sum::<u64>().max(1);
        let at = weights.take_while(|weight| {
            let is_before = drawn >= *weight;
            drawn = drawn.saturating_sub(*weight);
            is_before
        });
        let at = at.count().min(left.len() - 1);
        if let Some(head) = left.get_mut(..=at) {
            head.rotate_right(1);
        }
        left = left.split_first_mut().map_or(&mut [], |(_, rest)| rest);
    }
}

/// The cheapest and the fastest of some candidates, each the measure of the others.
struct Best {
    cost: f64,
    latency_ms: f64,
}

impl Best {
    fn of(candidates: &[Seen]) -> Self {
        let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
        Self {
            cost: least(&mut candidates.iter().map(|seen| dollars(&seen.0))).max(1e-9),
            latency_ms: least(&mut candidates.iter().filter_map(|seen| seen.1.expected_ms))
                .max(1.0),
        }
    }

    /// Lower is better; a candidate that is best in everything and never fails scores the sum of
    /// the weights for cost and latency.
    fn score(&self, (candidate, health): &Seen, weigh: Balance) -> f64 {
        let cost = (dollars(candidate).max(1e-9) / self.cost).min(WORST);
        // One that was never measured is taken to be as fast as the fastest, once.
        let latency = match health.expected_ms {
            Some(_) => (expected(health) / self.latency_ms).min(WORST),
            None if health.in_flight == 0 => 1.0,
            None => WORST,
        };
        let failures = f64::from(health.ill_percent) / 10.0;
        f64::from(weigh.cost) * cost
            + f64::from(weigh.latency) * latency
            + f64::from(weigh.failures) * failures
    }
}

/// So many times the best counts as bad as can be.
const WORST: f64 = 1000.0;

#[expect(clippy::cast_precision_loss, reason = "a score needs no more precision than this")]
fn dollars(candidate: &Candidate) -> f64 {
    cost(candidate) as f64 / 1e9
}

/// Numbers that are as good as random for a choice, from one that is (splitmix64).
struct Dice(u64);

impl Dice {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count.max(1)).unwrap_or(1);
        usize::try_from(self.next() % count).unwrap_or(0)
    }
}
