//! What a key has used, and what its plan still allows.

use crate::canonical::{QuotaStanding, Refusal, UsageReport};
use crate::clock::Now;
use crate::dialect::{Asked, WireReply};
use crate::limit::Unit;
use crate::policy::{Period, Plan, Quota};

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
            day: self.tightest(visit, plan, Period::Day, now).await?,
            month: self.tightest(visit, plan, Period::Month, now).await?,
        })
    }

    /// The quota of a period, of requests or images, of which the least is left.
    async fn tightest(
        &self,
        visit: &Visit,
        plan: &Plan,
        per: Period,
        now: Now,
    ) -> Result<Option<QuotaStanding>, Refusal> {
        let mut least: Option<QuotaStanding> = None;
        let counts = |quota: &&Quota| matches!(quota.unit, Unit::Requests | Unit::Images);
        let quotas = plan.quotas.iter().filter(|quota| quota.per == per);
        for quota in quotas.filter(counts) {
            let standing = self.quota_standing(&visit.caller, quota, now).await;
            let standing = standing.map_err(|error| refuse::store(&error, now))?;
            if least.as_ref().is_none_or(|least| standing.remaining() < least.remaining()) {
                least = Some(standing);
            }
        }
        Ok(least)
    }
}
