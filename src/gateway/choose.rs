//! Whom a request may be given to: routing's answer, told how offerings are and what they cost.

use crate::auth::Caller;
use crate::canonical::{ImageRequest, Refusal};
use crate::catalog::Model;
use crate::policy::Plan;
use crate::routing::{self, Candidate, Views, Want};
use crate::rules::Holding;

use super::rules::left_of;
use super::{Gateway, refuse, worth};

impl Gateway {
    /// The offerings that may serve it, the first to be asked first; never none.
    pub(super) fn candidates(
        &self,
        model: &Model,
        request: &ImageRequest,
        (caller, plan, ruled): (&Caller, &Plan, &Holding),
    ) -> Result<Vec<Candidate>, Refusal> {
        let now = self.clock.now();
        let health = |offering: &str| self.health.routed(offering, now);
        let want = Want {
            request,
            test_mode: caller.is_test(),
            fidelity: plan.fidelity.unwrap_or(model.fidelity),
            dice: crate::id::random_number(),
            unix_ms: now.unix_ms,
        };
        let cost = |candidate: &Candidate| worth::cost_most(candidate, request);
        let model = &*left_of(model, ruled)?;
        routing::candidates(model, want, Views { health: &health, cost: &cost }, now)
            .map_err(|none| refuse::no_candidate(&model.name, none))
    }
}
