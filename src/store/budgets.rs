//! How full budgets are and what was told of them, for whoever looks. Counting is the ledger's.

use std::sync::Arc;

use super::Store;
use super::cells::{Cells, Query, Value};
use super::desk::Line;
use super::error::StoreError;
use super::lists::Page;
use super::rows::{alerts, ledger};
use crate::ledger::{Alert, QuotaUse};

/// Counters of one budget in one period, by whom they count.
const COUNTERS: Query = Query::same(
    "SELECT * FROM quota
     WHERE period = $1 AND unit = 'credits' AND substr(subject, 1, length($2)) = $2
           AND subject > $3
     ORDER BY subject LIMIT $4",
);

/// The same, the fullest first.
const FULLEST: Query = Query::same(
    "SELECT * FROM quota
     WHERE period = $1 AND unit = 'credits' AND substr(subject, 1, length($2)) = $2
     ORDER BY used DESC, subject LIMIT $3",
);

const ALERTS: Query =
    Query::same("SELECT * FROM budget_alert WHERE seq < $1 ORDER BY seq DESC LIMIT $2");

/// One thing that was told of a budget, and whether its webhook has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertLine {
    /// Its place among all.
    pub seq: i64,
    /// What.
    pub alert: Alert,
    /// `waiting`, `told` or `dead`.
    pub state: String,
    /// Why nobody is told any more.
    pub why: Option<String>,
    /// How often the webhook was tried.
    pub tries: u32,
}

impl Store {
    /// Counters whose subject begins so, of the period that begins with this UTC day, by subject.
    pub async fn budget_counters(
        &self,
        (period, begins): (i64, String),
        page: Page<String>,
    ) -> Result<Vec<QuotaUse>, StoreError> {
        let after = page.after.unwrap_or_default();
        let values: Vec<Value<'static>> =
            vec![period.into(), begins.into(), after.into(), page.limit.into()];
        self.rows(Line::Books, COUNTERS, values, ledger::quota).await
    }

    /// The same, the fullest first.
    pub async fn fullest_counters(
        &self,
        (period, begins): (i64, String),
        limit: u32,
    ) -> Result<Vec<QuotaUse>, StoreError> {
        let values: Vec<Value<'static>> = vec![period.into(), begins.into(), limit.into()];
        self.rows(Line::Books, FULLEST, values, ledger::quota).await
    }

    /// What was told of budgets, or is to be, the newest first.
    pub async fn budget_alerts(&self, page: Page<i64>) -> Result<Vec<AlertLine>, StoreError> {
        let after = page.after.unwrap_or(i64::MAX);
        self.rows(Line::Books, ALERTS, vec![after.into(), page.limit.into()], line).await
    }
}

impl AlertLine {
    /// Its budget's period and whom it counts, such as `month` and `label:team=red`.
    pub fn parts(&self) -> (&str, &str) {
        let subject: &Arc<str> = &self.alert.subject;
        let mut parts = subject.splitn(4, '/').skip(2);
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    }
}

fn line(row: &dyn Cells) -> Result<AlertLine, StoreError> {
    let untold = alerts::untold(row)?;
    Ok(AlertLine {
        seq: row.number("seq")?,
        alert: untold.alert,
        state: row.text("state")?,
        why: row.maybe_text("why")?,
        tries: untold.tries,
    })
}
