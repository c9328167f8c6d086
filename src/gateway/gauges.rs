//! What is read off when somebody looks at the metrics, in place of being counted as it happens.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::pledge::Gone;
use crate::routing::BreakerState;
use crate::telemetry::{Bound, BudgetGauge, OfferingGauge};
use crate::turnstile::Decided;

use super::{Gateway, OfferingStanding, refuse};

/// How long what is read of budgets is good for: who looks more often gets the same again.
const BUDGETS_READ_EVERY: Duration = Duration::from_secs(5);

/// When budgets were last read for the metrics.
#[derive(Debug, Default)]
pub(super) struct Looked(Mutex<Option<Instant>>);

impl Looked {
    /// Whether it is time to read them again; then it is taken for done.
    fn is_due(&self) -> bool {
        let mut last = self.0.lock();
        let is_due = last.is_none_or(|last| last.elapsed() >= BUDGETS_READ_EVERY);
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}

impl Gateway {
    /// Sets what is read off to what it is now; called before each scrape.
    pub async fn read_gauges(&self) {
        self.read_off();
        self.read_library().await;
        if self.looked.is_due() {
            self.read_budgets().await;
        }
    }

    fn read_off(&self) {
        let (metrics, store) = (self.telemetry.metrics(), &self.store);
        let shown = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        metrics.jobs_open.set(shown(store.open_jobs_count()));
        metrics.holds_open.set(shown(store.open_holds()));
        metrics.room.jobs.set(shown(self.desk.running_max()));
        metrics.room.store_queue.set(shown(store.queue_depth()));
        let (untold, oldest_ms) = self.untold();
        let now_ms = self.clock.now().unix_ms;
        let age_ms = oldest_ms.map_or(0, |ms| now_ms.saturating_sub(ms).max(0));
        metrics.webhooks.waiting.set(shown(untold));
        metrics.webhooks.oldest_seconds.set(age_ms / 1000);
        metrics.answers_bytes.set(store.kept_bytes());
        let (answers_bytes, waited) = self.upstream.answers_in_flight();
        metrics.answers.in_flight_bytes.set(i64::try_from(answers_bytes).unwrap_or(i64::MAX));
        if waited > 0 {
            metrics.bounds_met_often(Bound::AnswersInFlightBytes, waited);
        }
        metrics.store.full.set(i64::from(store.is_full()));
        metrics.store.poisoned.set(i64::from(store.poisoned()));
        metrics.store.away.set(i64::from(store.is_away()));
        let dropped = metrics.answers_not_kept.with_label_values(&[Gone::Dropped.name()]);
        dropped.inc_by(store.take_dropped());
        let offerings = self.offerings();
        metrics.offerings.stand(offerings.iter().map(standing));
        self.tell_of_counting(&self.turnstile.take_decided());
    }

    async fn read_library(&self) {
        let metrics = self.telemetry.metrics();
        if let Ok(total) = self.store.pictures_total_of_all().await {
            let shown = |count| i64::try_from(count).unwrap_or(i64::MAX);
            metrics.pictures.kept.set(shown(total.pictures));
            metrics.pictures.kept_bytes.set(shown(total.bytes));
        }
    }

    async fn read_budgets(&self) {
        let (policy, now) = (self.policy.current(), self.clock.now());
        let mut found = Vec::with_capacity(policy.budgets.len());
        for budget in policy.budgets.values() {
            let begins = (budget.per.begin(now), budget.counters());
            match self.store.fullest_counters(begins, 1).await {
                Ok(fullest) => found.push((budget, fullest.into_iter().next())),
                Err(error) => {
                    let error = refuse::chain(&error);
                    tracing::debug!(error, "how full budgets are could not be read");
                    return;
                }
            }
        }
        self.telemetry.metrics().budgets.stand(found.iter().map(|(budget, fullest)| BudgetGauge {
            budget: &budget.name,
            limit: budget.limit,
            used: fullest.as_ref().map_or(0, |fullest| fullest.used),
            spent: fullest.as_ref().map_or(0, |fullest| fullest.spent),
        }));
    }

    fn tell_of_counting(&self, tally: &Decided) {
        let Some(is_up) = tally.is_up else { return };
        let metrics = self.telemetry.metrics();
        metrics.shared.up.with_label_values(&["redis"]).set(i64::from(is_up));
        for (how, count) in
            [("shared", tally.shared), ("alone", tally.alone), ("refused", tally.refused)]
        {
            metrics.shared.decisions.with_label_values(&[how]).inc_by(count);
        }
        metrics.shared.let_go.inc_by(tally.let_go);
    }
}

fn standing(one: &OfferingStanding) -> OfferingGauge<'_> {
    let state = match (&one.drain, one.is_connected, one.health.state) {
        (Some(_), _, _) => "drained",
        (None, false, _) => "unconnected",
        (None, true, BreakerState::Closed) => "closed",
        (None, true, BreakerState::Open { .. }) => "open",
        (None, true, BreakerState::HalfOpen) => "half_open",
    };
    OfferingGauge {
        offering: &one.offering,
        state,
        in_flight: one.health.in_flight,
        expected_ms: one.health.expected_ms,
    }
}
