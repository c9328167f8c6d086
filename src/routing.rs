//! Which offerings can serve a request, and in which order to try them.
//!
//! What an offering cannot do natively is emulated where that is honest, and every emulation is
//! a [`Change`](crate::canonical::Change) on its candidate. Resting offerings are left out.

use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::canonical::{Frame, ImageRequest};
use crate::catalog::{Fidelity, Model, Offering};
use crate::clock::Now;
use crate::credits::Cost;

mod fit;
mod health;
mod rank;
mod shape;

#[cfg(test)]
mod tests;

pub use fit::{CALLS_MAX, Candidate};
pub use health::{
    BreakerState, HealthView, ILL_IN_A_ROW_MAX, ILL_PERCENT_MAX, OfferingHealth, Permit,
    REST_FIRST, REST_MAX, SAMPLE_MAX, SAMPLE_MIN, TRIAL_MAX,
};

/// Why a model has nobody to try.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoCandidate {
    /// No offering can do what was asked.
    #[error("no offering can do this: {}", .why.join("; "))]
    NoneCan {
        /// Why not, one entry for each.
        why: Vec<String>,
    },
    /// Offerings there are, but our credential for none of them.
    #[error("no credential for any offering: {} missing", .missing.join(", "))]
    NoCredential {
        /// The places where policy says that credentials are.
        missing: Vec<String>,
    },
    /// Every offering that can is resting.
    #[error("every offering that can do this is resting for {} ms", .retry_after.as_millis())]
    AllResting {
        /// Until the first may be tried again.
        retry_after: Duration,
    },
}

/// What is to be routed, and on what terms.
#[derive(Clone, Copy, Debug)]
pub struct Want<'a> {
    /// What is asked.
    pub request: &'a ImageRequest,
    /// Whether a test-mode key asks.
    pub test_mode: bool,
    /// What becomes of what an offering cannot express.
    pub fidelity: Fidelity,
    /// Any number, a new one each time: what chance decides is decided by it.
    pub dice: u64,
    /// When it is asked, which decides what offerings cost.
    pub unix_ms: i64,
}

/// What is known of offerings beside policy.
#[derive(Clone, Copy)]
pub struct Views<'a> {
    /// How each has been doing, by its name.
    pub health: &'a dyn Fn(&str) -> HealthView,
    /// The most that a candidate may cost us.
    pub cost: &'a dyn Fn(&Candidate) -> Option<Cost>,
}

/// Every offering of a model, looked at for a request.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Who can serve it now, the one to try first in front, and how each has been doing.
    pub ranked: Vec<(Candidate, HealthView)>,
    /// Who cannot, and why.
    pub unable: Vec<(Arc<Offering>, String)>,
    /// Who could and rests, and until which tick in milliseconds.
    pub resting: Vec<(Arc<Offering>, u64)>,
}

/// The offerings of a model that can serve a request, the one to try first in front.
pub fn candidates(
    model: &Model,
    want: Want<'_>,
    views: Views<'_>,
    now: Now,
) -> Result<Vec<Candidate>, NoCandidate> {
    let Survey { ranked, unable, resting } = survey(model, want, views)?;
    if !ranked.is_empty() {
        return Ok(ranked.into_iter().map(|(candidate, _)| candidate).collect());
    }
    if let Some(first_ms) = resting.iter().map(|(_, until_ms)| *until_ms).min() {
        let retry_after = Duration::from_millis(first_ms.saturating_sub(now.tick_ms));
        return Err(NoCandidate::AllResting { retry_after });
    }
    let why = unable.into_iter().map(|(offering, why)| format!("{}: {why}", offering.name));
    Err(NoCandidate::NoneCan { why: why.collect() })
}

/// How one offering of a model serves a request, whoever else can and however it has been doing:
/// for an order that was placed there before.
pub fn candidate_of(
    model: &Model,
    offering: &str,
    (request, unix_ms): (&ImageRequest, i64),
    fidelity: Fidelity,
) -> Option<Candidate> {
    let mut known = model.offerings.iter().chain(&model.test_offering);
    let offering = known.find(|known| known.name == offering)?;
    fit::fit(offering, (request, unix_ms), model.pixels_max, fidelity).ok()
}

/// Looks at every offering that our credentials reach.
pub fn survey(model: &Model, want: Want<'_>, views: Views<'_>) -> Result<Survey, NoCandidate> {
    refuse_too_large(model, want.request)?;
    let offerings = if want.test_mode {
        with_credential(model.test_offering.as_slice(), &model.name)?
    } else {
        with_credential(&model.offerings, &model.name)?
    };
    let mut survey = Survey::default();
    for offering in offerings {
        let asked = (want.request, want.unix_ms);
        match fit::fit(offering, asked, model.pixels_max, want.fidelity) {
            Err(why) => survey.unable.push((Arc::clone(offering), why)),
            Ok(mut candidate) => {
                candidate.cost_most = (views.cost)(&candidate);
                let view = (views.health)(&offering.name);
                match view.state {
                    BreakerState::Closed | BreakerState::HalfOpen => {
                        survey.ranked.push((candidate, view));
                    }
                    BreakerState::Open { until_ms } => {
                        survey.resting.push((Arc::clone(offering), until_ms));
                    }
                }
            }
        }
    }
    rank::rank(&mut survey.ranked, model, want.dice);
    Ok(survey)
}

fn refuse_too_large(model: &Model, request: &ImageRequest) -> Result<(), NoCandidate> {
    match (model.pixels_max, request.frame) {
        (Some(most), Frame::Pixels(size)) if size.pixels() > most => Err(NoCandidate::NoneCan {
            why: vec![format!(
                "{}: {size} is more than the {most} pixels that the model allows",
                model.name
            )],
        }),
        _ => Ok(()),
    }
}

/// The offerings whose vendor we can call; stand-ins only where there is nobody else.
fn with_credential<'a>(
    offerings: &'a [Arc<Offering>],
    model: &str,
) -> Result<Vec<&'a Arc<Offering>>, NoCandidate> {
    let usable = |stand_in: bool| {
        let role = offerings.iter().filter(move |o| o.stand_in == stand_in);
        role.filter(|offering| offering.vendor.secret_missing.is_none()).collect::<Vec<_>>()
    };
    let mut found = usable(false);
    if found.is_empty() {
        found = usable(true);
    }
    if !found.is_empty() {
        return Ok(found);
    }
    let places = offerings.iter().map(|o| o.vendor.secret_missing.clone());
    let mut missing: Vec<String> = places.flatten().collect();
    missing.sort();
    missing.dedup();
    if missing.is_empty() {
        let why = vec![format!("{model}: has no offering for this key")];
        return Err(NoCandidate::NoneCan { why });
    }
    Err(NoCandidate::NoCredential { missing })
}
