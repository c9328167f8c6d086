//! What a key has used, and what its plan still allows.

use crate::canonical::{Allowance, Refusal, UsageReport};
use crate::clock::Now;
use crate::dialect::{Asked, WireReply};
use crate::limit::Unit;
use crate::policy::{Period, Plan, Quota};

use super::admit::{quota_unit, subject};
use super::{Gateway, Visit, plan, refuse, reply};

const DAY_MS: i64 = 86_400_000;

impl Gateway {
    /// The answer to a key that asks what it has used.
    pub(super) async fn tell_usage(&self, visit: &Visit) -> Result<WireReply, Refusal> {
        let Some(side) = visit.client.reporting() else {
            return Err(refuse::unknown_path(&visit.head.method, &visit.head.path));
        };
        let plan = plan(&visit.policy, &visit.caller)?;
        let now = self.clock.now();
        let report = self.usage_report(visit, &plan, now).await?;
        let unix_ms = now.unix_ms;
        let context = Asked { request_id: &visit.receipt.request_id, unix_ms };
        let reply = side.encode_usage(&report, &context).with_header("cache-control", "no-store");
        Ok(reply::with_standings(reply, visit.client, &self.standings(visit, now), now))
    }

    async fn usage_report(
        &self,
        visit: &Visit,
        plan: &Plan,
        now: Now,
    ) -> Result<UsageReport, Refusal> {
        let begin_ms = |per: Period| per.begin(now).saturating_mul(DAY_MS);
        let key = visit.caller.key().clone();
        let [today, this_month] = self
            .store
            .served_since(key, [begin_ms(Period::Day), begin_ms(Period::Month)])
            .await
            .map_err(|error| refuse::store(&error, now))?;
        Ok(UsageReport {
            today,
            this_month,
            plan: plan.name.clone(),
            plan_title: plan.title.clone(),
            day: self.allowance(visit, plan, Period::Day, now).await?,
            month: self.allowance(visit, plan, Period::Month, now).await?,
        })
    }

    /// What a period allows, by the quota of requests or images of which the least is left.
    async fn allowance(
        &self,
        visit: &Visit,
        plan: &Plan,
        per: Period,
        now: Now,
    ) -> Result<Option<Allowance>, Refusal> {
        let mut least: Option<Allowance> = None;
        let counts = |quota: &&Quota| matches!(quota.unit, Unit::Requests | Unit::Images);
        let quotas = plan.quotas.iter().filter(|quota| quota.per == per);
        for quota in quotas.filter(counts) {
            let subject = subject(&visit.caller, quota, None);
            let used = self.store.quota_used(subject, quota_unit(quota.unit), per.begin(now)).await;
            let used = used.map_err(|error| refuse::store(&error, now))?;
            let remaining = quota.most.saturating_sub(used);
            if least.is_none_or(|least| remaining < least.remaining) {
                least = Some(Allowance { most: quota.most, remaining });
            }
        }
        Ok(least)
    }
}
