//! The metrics of budgets.

use prometheus::{IntCounterVec, Registry};

use super::counters;

/// What was told of budgets, and what they refused.
#[derive(Debug)]
pub struct BudgetMetrics {
    /// Parts of budgets that were spent, by budget and percent.
    pub alerts: IntCounterVec,
    /// Requests that a budget refused, by budget.
    pub refused: IntCounterVec,
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
        })
    }
}
