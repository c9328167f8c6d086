//! How an offering has been doing: expected time to a picture, and whether to let it rest.
//!
//! Written from outcomes of real requests only, for a probe of an image model buys a picture.

use std::time::Duration;

use crate::clock::Now;

#[cfg(test)]
mod tests;

/// So many ill faults in a row rest an offering.
pub const ILL_IN_A_ROW_MAX: u32 = 5;

/// How many of the latest outcomes the share of ill ones is taken over.
pub const SAMPLE_MAX: u32 = 20;

/// Fewer outcomes than this say nothing about a share.
pub const SAMPLE_MIN: u32 = 10;

/// The share of ill outcomes, in percent, that rests an offering.
pub const ILL_PERCENT_MAX: u32 = 50;

/// The first rest; each failed trial doubles it.
pub const REST_FIRST: Duration = Duration::from_secs(10);

/// The longest rest.
pub const REST_MAX: Duration = Duration::from_mins(5);

/// A trial without an outcome after this long is lost, and another may be made.
pub const TRIAL_MAX: Duration = Duration::from_mins(5);

/// How fast better latencies are believed; a worse one is believed at once.
const LEARN_MS: f64 = 60_000.0;

/// How fast an unused offering's latency is forgotten, so that a slow one gets another look.
const FORGET_MS: f64 = 600_000.0;

/// What has been seen of one offering.
#[derive(Clone, Debug, Default)]
pub struct OfferingHealth {
    /// Peak-EWMA of the time to a picture, and the tick it was last moved at.
    latency: Option<(f64, u64)>,
    breaker: Breaker,
    in_flight: u32,
    ill_in_a_row: u32,
    /// The latest outcomes, the newest in the lowest bit; set where it was ill.
    sample: u32,
    /// How many bits of the sample are outcomes.
    sampled: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Breaker {
    #[default]
    Closed,
    /// Resting until a tick, for so many doublings of the first rest.
    Open { until_ms: u64, doublings: u32 },
    /// One trial is out; it counts as lost at a tick.
    Trial { lost_at_ms: u64, doublings: u32 },
}

/// What routing sees of an offering's health.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealthView {
    /// How long a picture is expected to take, in milliseconds; `None` until one was drawn.
    pub expected_ms: Option<f64>,
    /// Whether it may be asked.
    pub state: BreakerState,
    /// Attempts without an outcome yet.
    pub in_flight: u32,
    /// The share of the latest attempts that were ill, in percent.
    pub ill_percent: u32,
}

impl HealthView {
    /// How long it may not be asked yet; `None` where it may be.
    pub fn rests_for(&self, now: Now) -> Option<Duration> {
        match self.state {
            BreakerState::Open { until_ms } => {
                Some(Duration::from_millis(until_ms.saturating_sub(now.tick_ms)))
            }
            BreakerState::Closed | BreakerState::HalfOpen => None,
        }
    }
}

/// Whether an offering may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Yes.
    Closed,
    /// Not before a tick: it rests, or its one trial is out.
    Open {
        /// The tick, in milliseconds.
        until_ms: u64,
    },
    /// Once, as a trial.
    HalfOpen,
}

/// The right to make one attempt. Ends in exactly one of succeeded, failed, abandoned.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an attempt counts as in flight until its permit is given back"]
pub struct Permit {
    /// The tick at which this trial would count as lost, for a permit that is a trial.
    trial_ms: Option<u64>,
}

impl OfferingHealth {
    /// How it stands.
    pub fn view(&self, now: Now) -> HealthView {
        let state = match self.breaker {
            Breaker::Open { until_ms, .. } | Breaker::Trial { lost_at_ms: until_ms, .. } => {
                if now.tick_ms < until_ms {
                    BreakerState::Open { until_ms }
                } else {
                    BreakerState::HalfOpen
                }
            }
            Breaker::Closed => BreakerState::Closed,
        };
        let fade = |(latency_ms, at_ms): (f64, u64)| {
            let idle_ms = millis(now.tick_ms.saturating_sub(at_ms));
            latency_ms * (-idle_ms / FORGET_MS).exp()
        };
        let ill = self.sample.count_ones().saturating_mul(100);
        HealthView {
            expected_ms: self.latency.map(fade),
            state,
            in_flight: self.in_flight,
            ill_percent: ill.checked_div(self.sampled).unwrap_or(0),
        }
    }

    /// Begins an attempt; takes the trial where only one is to be had, `None` while it rests.
    pub fn begin(&mut self, now: Now) -> Option<Permit> {
        let trial_ms = match (self.view(now).state, self.breaker) {
            (BreakerState::Closed, _) | (_, Breaker::Closed) => None,
            (BreakerState::Open { .. }, _) => return None,
            (
                BreakerState::HalfOpen,
                Breaker::Open { doublings, .. } | Breaker::Trial { doublings, .. },
            ) => {
                let lost_at_ms = after(now, TRIAL_MAX);
                self.breaker = Breaker::Trial { lost_at_ms, doublings };
                Some(lost_at_ms)
            }
        };
        self.in_flight = self.in_flight.saturating_add(1);
        Some(Permit { trial_ms })
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a permit is spent by its outcome, so that no attempt has two"
)]
impl OfferingHealth {
    /// The attempt brought a picture after `latency`.
    pub fn succeeded(&mut self, permit: Permit, latency: Duration, now: Now) {
        self.learn(latency, now);
        self.well(permit.trial_ms);
    }

    /// The attempt failed. A fault that is not ill health shows that the vendor answers.
    pub fn failed(&mut self, permit: Permit, is_ill: bool, now: Now) {
        if is_ill {
            self.ill(permit.trial_ms, now);
        } else {
            self.well(permit.trial_ms);
        }
    }

    /// The attempt was never made, and says nothing; a trial is to be had again.
    pub fn abandoned(&mut self, permit: Permit, now: Now) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(doublings) = self.trial_of(permit.trial_ms) {
            self.breaker = Breaker::Open { until_ms: now.tick_ms, doublings };
        }
    }
}

impl OfferingHealth {
    fn well(&mut self, trial_ms: Option<u64>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if self.trial_of(trial_ms).is_some() {
            *self = Self { latency: self.latency, in_flight: self.in_flight, ..Self::default() };
        }
        self.ill_in_a_row = 0;
        self.note(0);
    }

    fn ill(&mut self, trial_ms: Option<u64>, now: Now) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.ill_in_a_row = self.ill_in_a_row.saturating_add(1);
        self.note(1);
        if let Some(doublings) = self.trial_of(trial_ms) {
            self.rest(doublings.saturating_add(1), now);
        } else if self.breaker == Breaker::Closed && self.is_ill() {
            self.rest(0, now);
        }
        // What was begun before a rest says nothing new about it.
    }

    /// The doublings so far, if this is the trial that the breaker waits for.
    fn trial_of(&self, trial_ms: Option<u64>) -> Option<u32> {
        match self.breaker {
            Breaker::Trial { lost_at_ms, doublings } => {
                (trial_ms == Some(lost_at_ms)).then_some(doublings)
            }
            Breaker::Closed | Breaker::Open { .. } => None,
        }
    }

    fn is_ill(&self) -> bool {
        let ill_percent = self.sample.count_ones().saturating_mul(100);
        let share = ill_percent >= self.sampled.saturating_mul(ILL_PERCENT_MAX);
        self.ill_in_a_row >= ILL_IN_A_ROW_MAX || (self.sampled >= SAMPLE_MIN && share)
    }

    fn rest(&mut self, doublings: u32, now: Now) {
        let factor = 2_u32.saturating_pow(doublings);
        let rest = REST_FIRST.saturating_mul(factor).min(REST_MAX);
        self.breaker = Breaker::Open { until_ms: after(now, rest), doublings };
    }

    fn note(&mut self, outcome: u32) {
        let kept = 1_u32.wrapping_shl(SAMPLE_MAX).wrapping_sub(1);
        self.sample = (self.sample << 1 | outcome) & kept;
        self.sampled = self.sampled.saturating_add(1).min(SAMPLE_MAX);
    }

    /// A worse latency is believed at once; a better one the more, the older what we knew.
    fn learn(&mut self, latency: Duration, now: Now) {
        let seen_ms = latency.as_secs_f64() * 1000.0;
        let learned_ms = match self.latency {
            Some((known_ms, at_ms)) if seen_ms < known_ms => {
                let keep = (-millis(now.tick_ms.saturating_sub(at_ms)) / LEARN_MS).exp();
                known_ms * keep + seen_ms * (1.0 - keep)
            }
            Some(_) | None => seen_ms,
        };
        self.latency = Some((learned_ms, now.tick_ms));
    }
}

/// A span of ticks as a number to calculate with; longer than 49 days is 49 days.
fn millis(span_ms: u64) -> f64 {
    f64::from(u32::try_from(span_ms).unwrap_or(u32::MAX))
}

fn after(now: Now, wait: Duration) -> u64 {
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    now.tick_ms.saturating_add(wait_ms)
}
