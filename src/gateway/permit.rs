//! What a known caller may do at all, decided by the head alone: scopes, and what the plan includes.

use crate::auth::Caller;
use crate::canonical::{QuotaStanding, Refusal};
use crate::dialect::{Claim, ClientSide};
use crate::limit::Unit;
use crate::policy::{Policy, Quota, QuotaOf};

use super::admit::quota_unit;
use super::{Gateway, Visit, refuse};

/// Whether this caller may ask this of this dialect.
pub(super) fn permit(
    policy: &Policy,
    (dialect, client): (&str, &dyn ClientSide),
    claim: &Claim,
    caller: &Caller,
) -> Result<(), Refusal> {
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

/// Who shares a quota's counter. Two quotas that count the same do not share one.
pub(super) fn subject(quota: &Quota, caller: &Caller) -> std::sync::Arc<str> {
    let whose = match quota.of {
        QuotaOf::Key => caller.key().as_str(),
        QuotaOf::Workspace => caller.workspace().as_str(),
    };
    format!("{whose}/{}", quota.name).into()
}

impl Gateway {
    /// Where the caller stands with its quotas of pictures, or of requests where there are none of
    /// pictures; empty where the dialect does not tell of them. So many pictures that are held are
    /// about to be given back.
    pub(super) async fn quota_standings(&self, visit: &Visit, back: u32) -> Vec<QuotaStanding> {
        let plan = visit.policy.plan(visit.caller.plan());
        let Some(plan) = plan.filter(|_| visit.client.tells_quotas()) else {
            return Vec::new();
        };
        let now = self.clock.now();
        let of_pictures = plan.quotas.iter().any(|quota| quota.unit == Unit::Images);
        let told = |quota: &&Quota| !of_pictures || quota.unit == Unit::Images;
        let mut standings = Vec::new();
        for quota in plan.quotas.iter().filter(told) {
            let subject = subject(quota, &visit.caller);
            let unit = quota_unit(quota.unit);
            let back = if quota.unit == Unit::Images { back } else { 0 };
            match self.store.quota_used(subject, unit, now.utc_day()).await {
                Ok(used) => standings.push(QuotaStanding {
                    name: quota.name.clone(),
                    most: quota.most,
                    used: used.saturating_sub(back),
                    resets_at_ms: now.next_utc_midnight_ms(),
                }),
                // The pictures are paid for; what cannot be looked up is left out.
                Err(error) => {
                    tracing::warn!(error = refuse::chain(&error), "a quota could not be read");
                }
            }
        }
        standings
    }
}
