//! The metrics of budgets.

use std::collections::BTreeSet;

use prometheus::{GaugeVec, IntCounterVec, Registry};

use super::super::units;
use super::roster::Roster;
use super::{counters, float_gauges};

/// What was told of budgets, and what they refused.
#[derive(Debug)]
pub struct BudgetMetrics {
    /// Parts of budgets that were spent, by budget and percent.
    pub alerts: IntCounterVec,
    /// Requests that a budget refused, by budget.
    pub refused: IntCounterVec,
    limit: GaugeVec,
    used: GaugeVec,
    spent: GaugeVec,
    roster: Roster,
}

/// How full one budget is.
#[derive(Clone, Copy, Debug)]
pub struct BudgetGauge<'a> {
    /// Its name in policy.
    pub budget: &'a str,
    /// What may be spent in its period, in nano-credits.
    pub limit: u64,
    /// Of that, what whoever used most of it used, with what is set aside, in nano-credits.
    pub used: u64,
    /// Of that, what was spent.
    pub spent: u64,
}

impl BudgetMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            alerts: counters(
                r,
                "pixelgate_budget_alerts_total",
                "Parts of budgets that were spent, each told once in a period",
                &["budget", "percent"],
            )?,
            refused: counters(
                r,
                "pixelgate_budget_refusals_total",
                "Requests that were refused because a budget has too little left",
                &["budget"],
            )?,
            limit: float_gauges(
                r,
                "pixelgate_budget_limit_credits",
                "Credits that a budget has for its period",
                &["budget"],
            )?,
            used: float_gauges(
                r,
                "pixelgate_budget_used_credits",
                "Credits of a budget that are spent or set aside in this period, by whoever used most of it",
                &["budget"],
            )?,
            spent: float_gauges(
                r,
                "pixelgate_budget_spent_credits",
                "Credits of a budget that are spent in this period, by whoever used most of it",
                &["budget"],
            )?,
            roster: Roster::default(),
        })
    }

    /// These are all there are; what policy dropped is forgotten.
    pub fn stand<'a>(&self, budgets: impl Iterator<Item = BudgetGauge<'a>>) {
        let mut present = BTreeSet::new();
        let credits = |nanos| units(i64::try_from(nanos).unwrap_or(i64::MAX));
        for one in budgets {
            present.insert(one.budget.to_owned());
            self.limit.with_label_values(&[one.budget]).set(credits(one.limit));
            self.used.with_label_values(&[one.budget]).set(credits(one.used));
            self.spent.with_label_values(&[one.budget]).set(credits(one.spent));
        }
        for name in self.roster.now_are(present) {
            for gauge in [&self.limit, &self.used, &self.spent] {
                // What has no series has none to drop.
                let _ = gauge.remove_label_values(&[&name]);
            }
        }
    }
}
