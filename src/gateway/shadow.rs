//! A shadow policy: what it would have made of each request, beside what the one in force does. It
//! is counted, and nothing follows from it.
//!
//! It is asked for the model, the rules, the offerings and the quote. Windows, quotas and credits are
//! left to `pixelgate simulate`, for a second count of them would have to be kept somewhere.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::time::Instant;

use crate::canonical::{ImageRequest, Refusal};
use crate::clock::Now;
use crate::policy::{Plan, Policy};
use crate::reload::LivePolicy;
use crate::routing::Candidate;

use super::foresee::{Foreseen, Words, foresee};
use super::meet::labels;
use super::quote::Terms;
use super::{Gateway, Visit, Work, refuse, rules};

/// What a shadow policy makes of a request.
type Would = Result<Foreseen, Refusal>;

impl Gateway {
    /// Tries a policy beside the one in force from now on; the first one stays.
    pub fn try_beside(&self, shadow: Arc<LivePolicy>) {
        if self.shadow.set(shadow).is_err() {
            tracing::warn!("a shadow policy is tried already");
        }
    }

    /// What is to be done, by whom it can be, and what it may cost; a shadow policy is asked too.
    pub(super) async fn understand(
        &self,
        visit: &mut Visit,
        asked: ImageRequest,
    ) -> Result<(Arc<Plan>, Work), Refusal> {
        let Some(shadow) = self.shadow.get() else {
            return self.understand_alone(visit, asked).await;
        };
        let as_asked = asked.clone();
        let understood = Box::pin(self.understand_alone(visit, asked)).await;
        let real = understood.as_ref().map(|(_, work)| work);
        let began = Instant::now();
        // Whatever goes wrong in here stays in here.
        let compared = catch_unwind(AssertUnwindSafe(|| {
            self.compare(visit, as_asked, real, &shadow.current());
        }));
        let metrics = &self.telemetry.metrics().shadow;
        if compared.is_err() {
            metrics.outcomes.with_label_values(&["failed"]).inc();
        }
        metrics.seconds.observe(began.elapsed().as_secs_f64());
        understood
    }

    fn compare(
        &self,
        visit: &Visit,
        mut asked: ImageRequest,
        real: Result<&Work, &Refusal>,
        shadow: &Policy,
    ) {
        asked.labels.extend(labels(&visit.head.headers).unwrap_or_default());
        let dice = visit.receipt.sketch.as_ref().map_or(0, |sketch| sketch.dice);
        let would = self.foreseen(visit, &asked, (shadow, self.clock.now()), dice);
        let metrics = &self.telemetry.metrics().shadow;
        metrics.outcomes.with_label_values(&[what(real, &would)]).inc();
        let (Ok(work), Ok(foreseen)) = (real, would) else { return };
        let cost = |candidates: &[Candidate]| {
            candidates.first().and_then(|first| first.cost_most).unwrap_or_default()
        };
        metrics.quoted("real", (work.quote, cost(&work.candidates)));
        metrics.quoted("shadow", (foreseen.quote, cost(&foreseen.candidates)));
    }

    fn foreseen(
        &self,
        visit: &Visit,
        asked: &ImageRequest,
        (shadow, now): (&Policy, Now),
        dice: u64,
    ) -> Would {
        let caller = &visit.caller;
        let plan = shadow.plan(caller.plan()).ok_or_else(|| refuse::no_plan(caller.plan()))?;
        let health = |offering: &str| self.health.view(offering, now);
        let terms = Terms {
            policy: shadow,
            plan,
            asker: rules::asker(caller),
            dialect: visit.receipt.dialect,
            health: &health,
            now,
        };
        foresee(&terms, (asked, Words::Known), dice)
    }
}

/// In one word, what would be other than it is.
fn what(real: Result<&Work, &Refusal>, would: &Would) -> &'static str {
    match (real, would) {
        (Ok(_), Err(_)) => "refused",
        (Err(_), Ok(_)) => "admitted",
        (Err(real), Err(would)) if real.kind == would.kind => "same",
        (Err(_), Err(_)) => "refused_otherwise",
        (Ok(real), Ok(would)) if would.quote > real.quote => "dearer",
        (Ok(real), Ok(would)) if would.quote < real.quote => "cheaper",
        (Ok(real), Ok(would)) => {
            let name = |candidates: &[Candidate]| {
                candidates.first().map(|first| first.offering.name.clone())
            };
            let is_same = name(&real.candidates) == name(&would.candidates);
            if is_same { "same" } else { "rerouted" }
        }
    }
}
