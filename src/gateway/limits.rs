//! Windows and leases of whoever asks: counted before anything is held, corrected when it is settled.

use std::collections::HashMap;
use std::time::Duration;

use crate::auth::Caller;
use crate::canonical::{Refusal, Standing};
use crate::clock::Now;
use crate::credits::Credits;
use crate::id::{HoldId, KeyId};
use crate::limit::{Bounds, Unit, Weight, Whose};
use crate::policy::{Plan, Policy};
use crate::store::{Admission, StoreError};
use crate::turnstile::{Answer, Ask, Lease};

use super::{Gateway, Visit, refuse};

/// Who asks, under which plan, and for which model.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) policy: &'a Policy,
    pub(super) caller: &'a Caller,
    pub(super) plan: &'a Plan,
    pub(super) model: Option<&'a str>,
}

impl Asking<'_> {
    pub(super) fn ask(&self, weight: Weight) -> Ask {
        let whose = Whose {
            key: self.caller.key().as_str(),
            workspace: self.caller.workspace().as_str(),
            plan: &self.plan.name,
        };
        ask(self.policy, self.plan, self.model, (whose, weight))
    }

    /// Whether anything counts what is spent.
    fn counts_credits(&self) -> bool {
        self.policy.bounds(self.plan, self.model).any(|bounds| counts_credits(bounds))
    }
}

impl Gateway {
    /// Every window and the concurrency lease, as one step: all or nothing.
    pub(super) async fn admit(
        &self,
        asking: &Asking<'_>,
        weight: Weight,
    ) -> Result<Lease, Refusal> {
        let metrics = self.telemetry.metrics();
        match self.turnstile.admit(&asking.ask(weight), self.clock.now()).await {
            Answer::Passed { lease, over } => {
                for met in &over {
                    metrics.limit_met(&met.limit, met.of.name(), "shadow");
                    tracing::info!(
                        limit = met.limit,
                        of = met.of.name(),
                        key = %asking.caller.key(),
                        workspace = %asking.caller.workspace(),
                        "a shadow limit would have refused a request"
                    );
                }
                Ok(lease)
            }
            Answer::Denied(denial) => {
                metrics.limit_met(&denial.met.limit, denial.met.of.name(), "refused");
                Err(refuse::limit(denial))
            }
            Answer::Lost => Err(refuse::uncounted()),
        }
    }

    /// What is held may come to less: then windows of credits are told.
    pub(super) fn await_price(&self, asking: &Asking<'_>, hold: &HoldId, lease: &Lease) {
        if asking.counts_credits() {
            self.unsettled.insert(hold.clone(), lease.counted());
        }
    }

    /// What was held came to this.
    pub(super) fn spent(&self, hold: &HoldId, price: Credits) {
        if let Some((_, counted)) = self.unsettled.remove(hold) {
            counted.spent(price);
        }
    }

    /// Where the caller stands, looked at without asking for anything.
    pub(super) fn standings(&self, visit: &Visit, now: Now) -> Vec<Standing> {
        let Some(plan) = visit.policy.plan(visit.caller.plan()) else {
            return Vec::new();
        };
        let model = visit.receipt.model.as_deref();
        let asking = Asking { policy: &visit.policy, caller: &visit.caller, plan, model };
        self.standings_of(&asking, now)
    }

    /// The same, for whoever has no visit.
    pub(super) fn standings_of(&self, asking: &Asking<'_>, now: Now) -> Vec<Standing> {
        self.turnstile.standings(&asking.ask(Weight::default()), now)
    }

    /// Makes admissions of before a restart count again.
    pub async fn rebuild_windows(&self) -> Result<usize, StoreError> {
        let now = self.clock.now();
        let policy = self.policy.current();
        let Some(longest) = longest(&policy) else { return Ok(0) };
        let since_ms = now.unix_ms.saturating_sub(i64::try_from(longest.as_millis()).unwrap_or(0));
        let keys = self.store.list_keys(None).await?;
        let plans: HashMap<&KeyId, &str> =
            keys.iter().map(|key| (&key.id, key.plan.as_str())).collect();
        let count = |admission: Admission| {
            if let Some(plan) = plans.get(&admission.key).and_then(|name| policy.plan(name)) {
                self.remember(&policy, plan, &admission, now);
            }
        };
        self.store.each_admission(since_ms, count).await
    }

    fn remember(&self, policy: &Policy, plan: &Plan, admission: &Admission, now: Now) {
        let whose = Whose {
            key: admission.key.as_str(),
            workspace: admission.workspace.as_str(),
            plan: &plan.name,
        };
        let nanos = u64::try_from(admission.credits.nanos()).unwrap_or(0);
        let weight = Weight { images: admission.images, pixels: admission.pixels, nanos };
        let ask = ask(policy, plan, admission.model.as_deref(), (whose, weight));
        let ago_ms = now.unix_ms.saturating_sub(admission.at_ms).max(0).unsigned_abs();
        let counted = self.turnstile.remember(&ask, Duration::from_millis(ago_ms), now);
        // What is still open may come to less than is held for it.
        if let Some(hold) = &admission.open
            && ask.places.iter().any(|(_, bounds)| counts_credits(bounds))
        {
            self.unsettled.insert(hold.clone(), counted);
        }
    }
}

fn ask(
    policy: &Policy,
    plan: &Plan,
    model: Option<&str>,
    (whose, weight): (Whose<'_>, Weight),
) -> Ask {
    let bounds = policy.bounds(plan, model);
    let places = bounds.map(|bounds| (bounds.subject(whose), std::sync::Arc::clone(bounds)));
    Ask { places: places.collect(), weight }
}

fn counts_credits(bounds: &Bounds) -> bool {
    bounds.limits.iter().any(|limit| limit.unit == Unit::Credits)
}

/// The longest window of any subject.
pub(super) fn longest(policy: &Policy) -> Option<Duration> {
    let plans = policy.plans.values().flat_map(|plan| &plan.bounds);
    let models = policy.model_bounds.values().flat_map(|model| &model.bounds);
    plans.chain(models).flat_map(|bounds| &bounds.limits).map(|limit| limit.window).max()
}
