//! Budgets: what may be spent, how much of it is, and what was told.

use serde_json::{Value, json};

use crate::clock::Now;
use crate::credits::Credits;
use crate::finance::Day;
use crate::ledger::QuotaUse;
use crate::policy::{Budget, Pick};
use crate::store::{AlertLine, Page};

use super::answer::{Answer, Listed, moment, number, place};
use super::refused::{self, Refused};
use super::{Admin, Call};

/// Counters of one budget that the list shows; the rest has pages of its own.
const FULLEST_MAX: u32 = 20;

impl Admin {
    pub(super) async fn budgets(&self) -> Result<Answer, Refused> {
        let (policy, now) = (self.gateway.policy.current(), self.gateway.clock.now());
        let mut items = Vec::with_capacity(policy.budgets.len());
        for budget in policy.budgets.values() {
            let begins = (budget.per.begin(now), budget.counters());
            let most = FULLEST_MAX.saturating_add(1);
            let mut found = self.gateway.store.fullest_counters(begins, most).await?;
            let has_more = found.len() > usize::try_from(FULLEST_MAX).unwrap_or(usize::MAX);
            found.truncate(usize::try_from(FULLEST_MAX).unwrap_or(usize::MAX));
            let fullest: Vec<Value> = found.iter().map(|count| counted(budget, count)).collect();
            let mut row = shown(budget, now);
            if let Some(row) = row.as_object_mut() {
                row.insert("fullest".to_owned(), fullest.into());
                row.insert("has_more".to_owned(), has_more.into());
            }
            items.push(row);
        }
        Ok(Answer::ok(&json!({ "policy_version": &*policy.version, "items": items })))
    }

    pub(super) async fn budget_counters(&self, call: &Call) -> Result<Answer, Refused> {
        let (policy, now) = (self.gateway.policy.current(), self.gateway.clock.now());
        let known = policy.budgets.get(&call.name);
        let budget = known.ok_or_else(|| refused::unknown("budget", &call.name))?;
        let limit = call.query.limit()?;
        let page = Page { after: place(&call.query)?, limit: limit.saturating_add(1) };
        let begins = (budget.per.begin(now), budget.counters());
        let found = self.gateway.store.budget_counters(begins, page).await?;
        let place = |count: &QuotaUse| count.subject.to_string();
        Ok(Listed::of(found, limit, place, |count| counted(budget, &count)).answer())
    }

    pub(super) async fn budget_alerts(&self, call: &Call) -> Result<Answer, Refused> {
        let limit = call.query.limit()?;
        let page = Page { after: number(&call.query)?, limit: limit.saturating_add(1) };
        let found = self.gateway.store.budget_alerts(page).await?;
        Ok(Listed::of(found, limit, |line| line.seq.to_string(), |line| alerted(&line)).answer())
    }
}

fn shown(budget: &Budget, now: Now) -> Value {
    let picked = |pick: &Pick| match pick {
        Pick::Each => "*".to_owned(),
        Pick::One(name) => name.clone(),
    };
    let label = budget.label.as_ref().map(|(name, pick)| format!("{name}={}", picked(pick)));
    json!({
        "name": budget.name,
        "workspace": budget.workspace.as_ref().map(picked),
        "key": budget.key.as_ref().map(picked),
        "label": label,
        "limit": credits(budget.limit),
        "per": budget.per.name(),
        "begins_at": moment(Day(budget.per.begin(now)).begins_ms()),
        "ends_at": moment(budget.per.end_ms(now)),
        "alert_at": budget.alert_at,
        "stops": budget.stops,
        "has_webhook": budget.webhook.is_some(),
    })
}

fn counted(budget: &Budget, count: &QuotaUse) -> Value {
    json!({
        "of": budget.whose(&count.subject),
        "spent": credits(count.spent),
        "held": credits(count.used.saturating_sub(count.spent)),
        "told_percent": if count.told == 0 { None } else { Some(count.told) },
    })
}

fn alerted(line: &AlertLine) -> Value {
    let (per, of) = line.parts();
    let alert = &line.alert;
    json!({
        "at": moment(alert.at_ms),
        "budget": alert.budget,
        "of": of,
        "per": per,
        "begins_at": moment(Day(alert.period).begins_ms()),
        "percent": alert.percent,
        "limit": credits(alert.limit),
        "spent": credits(alert.spent),
        "workspace": alert.workspace,
        "key": alert.key,
        "request": alert.request,
        "state": line.state,
        "why": line.why,
        "tries": line.tries,
    })
}

fn credits(nanos: u64) -> Credits {
    Credits::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}
