//! Proof that the books balance: every sum recomputed from the entries, and compared.
//!
//! Read-only, in one transaction, so it sees one moment even beside a running gateway.

use std::path::Path;

use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, SystemClock};

use super::disk;
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

/// Proves the books behind a connection.
pub(super) fn prove(
    database: &mut Connection,
    now_unix_ms: i64,
) -> Result<VerifyReport, StoreError> {
    let moment = database.transaction()?;
    let count = |query: &str| -> rusqlite::Result<u64> {
        let count: i64 = moment.query_row(query, [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    };
    let mut report = VerifyReport {
        faults: Vec::new(),
        workspaces: count("SELECT count(*) FROM workspace")?,
        entries: count("SELECT count(*) FROM entry")?,
        holds_open: count("SELECT count(*) FROM hold WHERE state = 'open'")?,
        holds_overdue: count(&format!(
            "SELECT count(*) FROM hold WHERE state = 'open' AND expires_at_ms <= {now_unix_ms}"
        ))?,
    };
    for (what, query) in FAULTS {
        let mut asking = moment.prepare(query)?;
        let found = asking.query_map([], |row| in_words(what, row))?;
        let found = found.collect::<rusqlite::Result<Vec<_>>>()?;
        let untold = found.len().saturating_sub(TOLD_MAX);
        report.faults.extend(found.into_iter().take(TOLD_MAX));
        if untold > 0 {
            report.faults.push(format!("{what}: {untold} more"));
        }
    }
    Ok(report)
}

fn in_words(what: &str, row: &Row<'_>) -> rusqlite::Result<String> {
    let (place, detail): (String, String) = (row.get(0)?, row.get(1)?);
    Ok(format!("{what}: {place}: {detail}"))
}
