//! What a known caller may do: by the head alone, scopes and the dialects of its plan; then the
//! plan's models and quotas.

use std::sync::Arc;

use crate::auth::Caller;
use crate::canonical::{ImageRequest, QuotaStanding, Refusal};
use crate::catalog::Model;
use crate::clock::Now;
use crate::dialect::{self, Claim, ClientSide};
use crate::limit::{Of, Unit};
use crate::policy::{Period, Plan, Policy, Quota};
use crate::store::StoreError;

use super::admit::quota_unit;
use super::{Gateway, Visit, refuse};

/// Whether this caller may ask this of this dialect.
pub(super) fn permit(
    policy: &Policy,
    (dialect, client): (&str, &dyn ClientSide),
    claim: &Claim,
    caller: &Caller,
) -> Result<(), Refusal> {
    // Who may ask for pictures in any dialect may ask after the job that this came to.
    if claim.is_about_jobs() && may_draw(caller) {
        return Ok(());
    }
    let of_members = client.scope_of_members(claim).filter(|_| caller.is_member());
    let needed = [Some(client.scope(claim)), of_members];
    if let Some(lacking) = needed.into_iter().flatten().find(|scope| !caller.has_scope(scope)) {
        return Err(refuse::scope(lacking));
    }
    // A plan that policy does not have is said when the plan is needed.
    match policy.plan(caller.plan()) {
        Some(plan) if !plan.speaks(dialect) => Err(refuse::closed_dialect(dialect, &plan.name)),
        Some(_) | None => Ok(()),
    }
}

fn may_draw(caller: &Caller) -> bool {
    let mut sides = dialect::ALL.iter().filter_map(|dialect| dialect.client);
    sides.any(|side| caller.has_scope(side.scope(&Claim::Images)))
}

/// The plan of the caller's key.
pub(super) fn plan(policy: &Policy, caller: &Caller) -> Result<Arc<Plan>, Refusal> {
    policy.plan(caller.plan()).cloned().ok_or_else(|| refuse::no_plan(caller.plan()))
}

/// The model that is asked for, if the plan includes it.
pub(super) fn model(
    policy: &Policy,
    plan: &Plan,
    request: &ImageRequest,
) -> Result<Arc<Model>, Refusal> {
    let own = request
        .model_default
        .filter(|name| policy.model(name).is_some_and(|_| plan.includes(name)));
    let name = request.model.as_deref().or(own).or(policy.model_default.as_deref());
    named_model(policy, plan, name.ok_or_else(refuse::no_model)?)
}

/// The model of a name, if the plan includes it.
pub(super) fn named_model(policy: &Policy, plan: &Plan, name: &str) -> Result<Arc<Model>, Refusal> {
    let model = policy.model(name).ok_or_else(|| refuse::unknown_model(name))?;
    if plan.includes(name) {
        Ok(Arc::clone(model))
    } else {
        Err(refuse::forbidden_model(name, &plan.name))
    }
}

/// Who shares a quota's counter. Two quotas that count the same do not share one, even on the
/// first of a month, when a day and a month begin together.
pub(super) fn subject(caller: &Caller, quota: &Quota, model: Option<&str>) -> Arc<str> {
    let whose = match quota.of {
        Of::Key => caller.key().to_string(),
        Of::Workspace => caller.workspace().to_string(),
        Of::Plan => format!("plan/{}", caller.plan()),
        Of::Model => "all".to_owned(),
    };
    let whose = match model {
        Some(model) => format!("model/{model}/{whose}"),
        None => whose,
    };
    match quota.per {
        Period::Day => format!("{whose}/{}", quota.name).into(),
        Period::Month => format!("{whose}/{}/month", quota.name).into(),
    }
}

/// A quota of which so much is used, in whole units as callers read them.
pub(super) fn standing(quota: &Quota, used: u64, now: Now) -> QuotaStanding {
    let (name, grain) = (quota.name.clone(), quota.unit.grain());
    let (most, used) = (quota.most.div_euclid(grain), used.div_ceil(grain));
    QuotaStanding { name, most, used, resets_at_ms: quota.per.end_ms(now) }
}

impl Gateway {
    /// Where the caller stands with its daily quotas of pictures, or of requests where there are none
    /// of pictures; empty where the dialect does not tell of them. So many pictures that are held are
    /// about to be given back.
    pub(super) async fn quota_standings(&self, visit: &Visit, back: u32) -> Vec<QuotaStanding> {
        let plan = visit.policy.plan(visit.caller.plan());
        let Some(plan) = plan.filter(|_| visit.client.tells_quotas()) else {
            return Vec::new();
        };
        let now = self.clock.now();
        let counts = |quota: &Quota| matches!(quota.unit, Unit::Requests | Unit::Images);
        let daily = || plan.quotas.iter().filter(|quota| quota.per == Period::Day && counts(quota));
        let of_pictures = daily().any(|quota| quota.unit == Unit::Images);
        let told = |quota: &&Quota| !of_pictures || quota.unit == Unit::Images;
        let mut standings = Vec::new();
        for quota in daily().filter(told) {
            let back = if quota.unit == Unit::Images { u64::from(back) } else { 0 };
            match self.quota_standing(&visit.caller, quota, now).await {
                Ok(standing) => {
                    let used = standing.used.saturating_sub(back);
                    standings.push(QuotaStanding { used, ..standing });
                }
                // The pictures are paid for; what cannot be looked up is left out.
                Err(error) => {
                    tracing::warn!(error = refuse::chain(&error), "a quota could not be read");
                }
            }
        }
        standings
    }

    /// Where a caller stands with one quota; what is under way counts as used.
    pub(super) async fn quota_standing(
        &self,
        caller: &Caller,
        quota: &Quota,
        now: Now,
    ) -> Result<QuotaStanding, StoreError> {
        let (subject, unit) = (subject(caller, quota, None), quota_unit(quota.unit));
        let used = self.store.quota_used(subject, unit, quota.per.begin(now)).await?;
        Ok(standing(quota, used, now))
    }
}
