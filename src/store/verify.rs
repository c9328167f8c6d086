//! Proof that the books balance: every sum recomputed from the entries, and compared.
//!
//! Read-only, in one transaction, so it sees one moment even beside a running gateway.

use std::path::Path;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, SystemClock};

use super::cells::{Cells, Query, Value};
use super::desk::{Desk, Line};
use super::disk;
use super::embedded;
use super::error::StoreError;

mod faults;

use faults::FAULTS;

/// Faults of one kind that are told one by one.
const TOLD_MAX: usize = 20;

/// What a proof found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyReport {
    /// What is wrong, in words; empty when the books balance.
    pub faults: Vec<String>,
    /// Workspaces there are.
    pub workspaces: u64,
    /// Entries that were summed.
    pub entries: u64,
    /// Holds that are open.
    pub holds_open: u64,
    /// Of those, holds past their time: a sweep will take them.
    pub holds_overdue: u64,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    pub const fn balances(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Proves the books of a store, stopped or running.
pub fn verify(dir: &Path) -> Result<VerifyReport, StoreError> {
    // The time only tells which open holds are overdue.
    let now = SystemClock::start().now();
    prove(&mut disk::open_reader(dir)?, now.unix_ms)
}

impl Desk {
    /// Proves the books as they stand committed.
    pub(super) async fn prove(&self, now_unix_ms: i64) -> Result<VerifyReport, StoreError> {
        self.with(Line::Books, move |database| prove(database, now_unix_ms)).await
    }
}

/// What is counted, in the order of the report's fields; `$1` is now.
const COUNTS: [Query; 4] = [
    Query::same("SELECT count(*) AS n FROM workspace"),
    Query::same("SELECT count(*) AS n FROM entry"),
    Query::same("SELECT count(*) AS n FROM hold WHERE state = 'open'"),
    Query::same("SELECT count(*) AS n FROM hold WHERE state = 'open' AND expires_at_ms <= $1"),
];

/// Proves the books behind a connection.
pub(super) fn prove(
    database: &mut Connection,
    now_unix_ms: i64,
) -> Result<VerifyReport, StoreError> {
    let moment = database.transaction()?;
    let mut counted = [0; 4];
    for (count, query) in counted.iter_mut().zip(COUNTS) {
        let all: &[Value<'_>] = &[now_unix_ms.into()];
        let values = if query.embedded.contains('$') { all } else { &[] };
        *count = embedded::ask(&moment, query, values, |row| row.count("n"))?.pop().unwrap_or(0);
    }
    let mut report = VerifyReport::of(counted);
    for (what, query) in FAULTS {
        report.tell(what, embedded::ask(&moment, query, &[], place)?);
    }
    Ok(report)
}

impl VerifyReport {
    fn of([workspaces, entries, holds_open, holds_overdue]: [u64; 4]) -> Self {
        Self { faults: Vec::new(), workspaces, entries, holds_open, holds_overdue }
    }

    fn tell(&mut self, what: &str, found: Vec<(String, String)>) {
        let untold = found.len().saturating_sub(TOLD_MAX);
        let told = found.into_iter().take(TOLD_MAX);
        self.faults.extend(told.map(|(place, detail)| format!("{what}: {place}: {detail}")));
        if untold > 0 {
            self.faults.push(format!("{what}: {untold} more"));
        }
    }
}

fn place(row: &dyn Cells) -> Result<(String, String), StoreError> {
    Ok((row.text("place")?, row.text("detail")?))
}
