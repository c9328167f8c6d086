//! The order of candidates: the model's strategy, then native before emulated, then the name.

use std::cmp::Ordering;

use crate::canonical::ImageRequest;
use crate::catalog::Strategy;

use super::fit::Candidate;
use super::health::HealthView;

/// Sorts candidates, the one to try first in front.
pub(super) fn rank(
    candidates: &mut [(Candidate, HealthView)],
    strategy: Strategy,
    request: &ImageRequest,
) {
    candidates.sort_by(|(one, one_health), (other, other_health)| {
        let by_strategy = match strategy {
            Strategy::Cheapest => cost(one, request).cmp(&cost(other, request)),
            Strategy::Fastest => by_time(one_health, other_health),
            Strategy::Priority => one.offering.priority.cmp(&other.offering.priority),
        };
        by_strategy
            .then_with(|| other.is_native().cmp(&one.is_native()))
            .then_with(|| one.offering.name.cmp(&other.offering.name))
    });
}

/// What the whole request would cost us; an unknown cost is the highest of all.
fn cost(candidate: &Candidate, request: &ImageRequest) -> i64 {
    let each = candidate.offering.cost.most(candidate.size, request.quality);
    each.and_then(|nanos| nanos.checked_mul(i64::from(request.count.max(1)))).unwrap_or(i64::MAX)
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
