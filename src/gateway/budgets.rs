//! Budgets on the way of a request: what it counts against, what is said when one is spent, and who
//! is told that a part of one is.
//!
//! Counting is the ledger's, in the transaction of the hold. What is to be told is on disk before
//! anything here knows of it; it is told from there, so a restart neither loses nor repeats it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use crate::canonical::{QuotaStanding, Refusal, RefusalKind as Kind};
use crate::clock::Now;
use crate::credits::Credits;
use crate::dialect::{self, Pieces};
use crate::finance::Day;
use crate::id::{WorkspaceId, random_number};
use crate::ledger::{Alert, BudgetAsk, LedgerError, QuotaAsk, QuotaUnit};
use crate::limit::Unit;
use crate::notice::{About, Answer, Lane, Notice, Verdict, Why};
use crate::policy::{Budget, Payer, Period, Policy};
use crate::reach::Target;
use crate::receipt::Receipt;
use crate::store::{AlertTried, StoreError, Tried, Untold};

use super::limits::Asking;
use super::notices::Said;
use super::{Gateway, refuse};

/// What has happened, as receivers read it.
const EVENT: &str = "budget.reached";

/// What signs alerts is derived for this name, as for a workspace; no workspace is called so.
const SIGNED_FOR: &str = "budgets";

/// Alerts whose webhooks are told at once.
const TELLING_MAX: usize = 16;

/// The clock of the wall may be set and other nodes may die, so nothing is waited for longer.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// What no budget without a stop is bounded by: as much as the books can count.
const NO_BOUND: u64 = i64::MAX.unsigned_abs();

/// A request's shares of the budgets that count it.
pub(super) fn asks<'a>(
    asking: &'a Asking<'_>,
    amount: Credits,
    receipt: &'a Receipt,
    now: Now,
) -> impl Iterator<Item = QuotaAsk> + 'a {
    let payer = Payer {
        workspace: asking.caller.workspace().as_str(),
        key: asking.caller.key().as_str(),
        labels: &receipt.labels,
    };
    let weight = u64::try_from(amount.nanos()).unwrap_or(0);
    // What costs nothing is nobody's spend.
    let budgets = asking.policy.budgets.values().filter(move |_| weight > 0);
    budgets.filter_map(move |budget| {
        Some(QuotaAsk {
            name: budget.name.clone(),
            subject: budget.subject(payer)?,
            unit: QuotaUnit::Credits,
            period: budget.per.begin(now),
            weight,
            each: 0,
            most: if budget.stops { budget.limit } else { NO_BOUND },
            budget: Some(Box::new(BudgetAsk {
                limit: budget.limit,
                alert_at: budget.alert_at.clone(),
            })),
        })
    })
}

/// A budget's no: it begins anew with its own period.
pub(super) fn spent(policy: &Policy, (name, most, used): (&str, u64, u64), now: Now) -> Refusal {
    let per = policy.budgets.get(name).map_or(Period::Day, |budget| budget.per);
    let message = format!(
        "the budget `{name}` of {} credits a {} has too little left for this; it begins anew {}",
        credits(most),
        per.name(),
        match per {
            Period::Day => "at 00:00 UTC",
            Period::Month => "with the next month, UTC",
        }
    );
    let grain = Unit::Credits.grain();
    let told = QuotaStanding {
        name: name.to_owned(),
        most: most.div_euclid(grain),
        used: used.div_ceil(grain),
        resets_at_ms: per.end_ms(now),
    };
    Refusal { quota: Some(Box::new(told)), ..Refusal::new(Kind::QuotaExhausted, message) }
        .retry_after(per.until_next(now))
}

impl Gateway {
    /// Tells what there is to tell of budgets, until the gateway stops.
    pub async fn tell_of_budgets(self: Arc<Self>) {
        loop {
            let wait = match self.tell_due_alerts().await {
                Ok(wait) => wait,
                Err(error) => {
                    let error = refuse::chain(&error);
                    tracing::error!(error, "what is to be told of budgets could not be read");
                    LOOK_EVERY
                }
            };
            tokio::select! {
                () = self.store.alerted() => {}
                () = tokio::time::sleep(wait) => {}
                () = self.stopping() => return,
            }
        }
    }

    /// Tells what is due; how long nothing else will be.
    async fn tell_due_alerts(&self) -> Result<Duration, StoreError> {
        if self.store.poisoned() {
            // What was told could not be written down; the next start tells it.
            return Ok(LOOK_EVERY);
        }
        let untold = self.store.untold_alerts().await?;
        for one in untold.iter().filter(|one| !one.is_said) {
            self.say_alert(&one.alert);
            self.store.note_alert(AlertTried::Said(one.id.clone())).await?;
        }
        let now_ms = self.clock.now().unix_ms;
        let (due, later): (Vec<_>, Vec<_>) =
            untold.into_iter().partition(|one| one.at_ms <= now_ms);
        let has_more = due.len() > TELLING_MAX;
        let telling = due.iter().take(TELLING_MAX).map(|one| self.tell_alert(one));
        let waits = futures_util::future::join_all(telling).await;
        let waits = waits.into_iter().collect::<Result<Vec<_>, _>>()?;
        if has_more {
            return Ok(Duration::ZERO);
        }
        let ats = later.iter().map(|one| one.at_ms).chain(waits.into_iter().flatten());
        let next_ms = ats.min().map_or(0, |at_ms| at_ms.saturating_sub(now_ms).max(1));
        let next = Duration::from_millis(next_ms.unsigned_abs());
        Ok(if next.is_zero() { LOOK_EVERY } else { next.min(LOOK_EVERY) })
    }

    /// One line and its counter.
    fn say_alert(&self, alert: &Alert) {
        let Alert { budget, subject, percent, limit, spent, .. } = alert;
        let metrics = self.telemetry.metrics();
        metrics.budgets.alerts.with_label_values(&[budget, &percent.to_string()]).inc();
        tracing::warn!(
            budget,
            percent,
            of = &**subject,
            limit = %credits(*limit),
            spent = %credits(*spent),
            period = %Day(alert.period),
            workspace = %alert.workspace,
            key = %alert.key,
            request_id = %alert.request,
            "a part of a budget is spent"
        );
    }

    /// One try of one webhook, and what became of it; when it is tried again, if it is.
    async fn tell_alert(&self, one: &Untold) -> Result<Option<i64>, StoreError> {
        let policy = self.policy.current();
        let budget = policy.budgets.get(&one.alert.budget);
        let address = budget.and_then(|budget| Some((budget, budget.webhook.as_deref()?)));
        let (verdict, answer) = match address {
            // The log and the metrics have it, and nobody else is to.
            None => (Verdict::Told, None),
            Some((budget, address)) => self.knock(one, (budget, address), &policy).await,
        };
        let tries = one.tries.saturating_add(u32::from(answer.is_some()));
        let word = answer.map(Tried::word);
        let outcome = Tried { id: one.id.clone(), tries, answer: word, verdict };
        self.store.note_alert(AlertTried::Told(outcome)).await?;
        Ok(match verdict {
            Verdict::Again { at_ms } => Some(at_ms),
            Verdict::Told | Verdict::Dead(_) => None,
        })
    }

    async fn knock(
        &self,
        one: &Untold,
        (budget, address): (&Budget, &str),
        policy: &Policy,
    ) -> (Verdict, Option<Answer>) {
        let (webhooks, now) = (&policy.webhooks, self.clock.now());
        let notice = Notice {
            id: one.id.clone(),
            about: About::Budget(budget.name.clone()),
            lane: Lane {
                workspace: WorkspaceId::known(SIGNED_FOR),
                origin: Target::parse(address).map(|target| target.origin()).unwrap_or_default(),
            },
            created_at_ms: one.alert.at_ms,
            at_ms: one.at_ms,
            tries: one.tries,
        };
        let said = if notice.is_late(&webhooks.patience, now) {
            Said::Nothing(Why::Late)
        } else if webhooks.keys.is_empty() {
            Said::Answered(Answer::Unsigned)
        } else {
            let body = event(&one.alert, budget);
            self.post_signed(&notice, (address, body), (webhooks, &[])).await
        };
        let (verdict, answer) = match said {
            Said::Nothing(why) => (Verdict::Dead(why), None),
            Said::Answered(answer) => {
                let verdict =
                    notice.judge(answer, &webhooks.patience, self.clock.now(), random_number());
                (verdict, Some(answer))
            }
        };
        self.count_told(&notice, answer, verdict);
        (verdict, answer)
    }

    /// One line and its counters. The address may hold a secret; its origin does not.
    fn count_told(&self, notice: &Notice, answer: Option<Answer>, verdict: Verdict) {
        let metrics = self.telemetry.metrics();
        let answer = answer.map(Answer::name);
        if let Some(answer) = answer {
            metrics.webhooks.tries.with_label_values(&[answer]).inc();
        }
        let answer = answer.unwrap_or_default();
        let (budget, to) = (notice.about.as_str(), &notice.lane.origin);
        match verdict {
            Verdict::Told => {
                metrics.webhooks.ended.with_label_values(&["told"]).inc();
                tracing::info!(budget, to, "a webhook was told of a budget");
            }
            Verdict::Again { at_ms } => {
                tracing::info!(budget, to, answer, at_ms, "a webhook is told of a budget later");
            }
            Verdict::Dead(why) => {
                let why = why.name();
                metrics.webhooks.ended.with_label_values(&[why]).inc();
                tracing::warn!(budget, to, answer, why, "a webhook will not be told of a budget");
            }
        }
    }

    /// Counts a request that a budget stopped.
    pub(super) fn note_budget_met(&self, error: &StoreError) {
        if let StoreError::Ledger(LedgerError::BudgetSpent { name, .. }) = error {
            self.telemetry.metrics().budgets.refused.with_label_values(&[name]).inc();
        }
    }
}

/// What a receiver reads.
fn event(alert: &Alert, budget: &Budget) -> Bytes {
    let shown = json!({
        "budget": alert.budget,
        "percent": alert.percent,
        "of": budget.whose(&alert.subject),
        "per": budget.per.name(),
        "period_begins": Day(alert.period).to_string(),
        "limit": credits(alert.limit).to_string(),
        "spent": credits(alert.spent).to_string(),
        "stops": budget.stops,
        "workspace": alert.workspace,
        "key": alert.key,
        "request": alert.request,
    });
    dialect::encode_event(EVENT, alert.at_ms, &Pieces::one(shown.to_string()))
}

fn credits(nanos: u64) -> Credits {
    Credits::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}
