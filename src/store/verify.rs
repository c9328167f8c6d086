//! Proof that the books balance: every sum recomputed from the entries, and compared.
//!
//! Read-only, in one transaction, so it sees one moment even beside a running gateway.

use std::path::Path;

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::clock::{Clock, SystemClock};
use crate::config::Config;

use super::cells::{Cells, Query, Value};
use super::disk;
use super::embedded;
use super::error::StoreError;
use super::postgres;

mod faults;
mod sums;

use faults::{DEEPLY, FAULTS};
use sums::{Claim, Sums};

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

/// How much of the database file is looked at, besides the books in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileCheck {
    /// Every page and every row.
    Quick,
    /// Every index is compared with its table, too.
    Full,
}

/// Proves the books of a store, stopped or running.
pub fn verify(dir: &Path, file: FileCheck) -> Result<VerifyReport, StoreError> {
    // The time only tells which open holds are overdue.
    let now = SystemClock::start().now();
    prove(&mut disk::open_reader(dir)?, now.unix_ms, file)
}

/// Proves the books of the store of this config.
pub async fn verify_for(config: &Config, file: FileCheck) -> Result<VerifyReport, StoreError> {
    let Some(place) = &config.postgres else { return verify(&config.store_directory, file) };
    let now = SystemClock::start().now();
    postgres::open_desk(super::address(place)?).await?.prove(now.unix_ms).await
}

/// A proof under way: one question after the other, whoever puts them.
pub(super) struct Proof {
    now_unix_ms: i64,
    asked: usize,
    counts: Vec<u64>,
    report: VerifyReport,
}

/// What is counted, in the order of the report's fields.
const COUNTS: [Query; 4] = [
    Query::same("SELECT 'n' AS place, CAST(count(*) AS TEXT) AS detail FROM workspace"),
    Query::same("SELECT 'n' AS place, CAST(count(*) AS TEXT) AS detail FROM entry"),
    Query::same(
        "SELECT 'n' AS place, CAST(count(*) AS TEXT) AS detail FROM hold WHERE state = 'open'",
    ),
    Query::same(
        "SELECT 'n' AS place, CAST(count(*) AS TEXT) AS detail FROM hold
         WHERE state = 'open' AND expires_at_ms <= $1",
    ),
];

/// Proves the books behind a connection.
pub(super) fn prove(
    database: &mut Connection,
    now_unix_ms: i64,
    file: FileCheck,
) -> Result<VerifyReport, StoreError> {
    let moment = database.transaction()?;
    let sums = Sums::read(&moment)?;
    let mut proof = Proof::new(now_unix_ms);
    while let Some((query, values)) = proof.next() {
        let found = match proof.claim() {
            Some(claim) if sums.prove(claim) => Vec::new(),
            claim => {
                let query =
                    if proof.is_of_file() && file == FileCheck::Full { DEEPLY } else { query };
                let found = embedded::ask(&moment, query, &values, finding)?;
                let is_silent = claim.is_some() && found.is_empty();
                if is_silent { vec![("sums".to_owned(), "do not agree".to_owned())] } else { found }
            }
        };
        proof.hear(found);
    }
    Ok(proof.report())
}

impl Proof {
    pub(super) fn new(now_unix_ms: i64) -> Self {
        Self { now_unix_ms, asked: 0, counts: Vec::new(), report: VerifyReport::default() }
    }

    /// The next question; the answer must be heard before the one after it.
    pub(super) fn next(&self) -> Option<(Query, Vec<Value<'static>>)> {
        let faults = FAULTS.iter().map(|(_, _, query)| query);
        let query = *COUNTS.iter().chain(faults).nth(self.asked)?;
        let takes_now = query.embedded.contains("$1");
        Some((query, if takes_now { vec![self.now_unix_ms.into()] } else { Vec::new() }))
    }

    /// What would prove that the next question finds nothing.
    fn claim(&self) -> Option<Claim> {
        FAULTS.get(self.asked.checked_sub(COUNTS.len())?).and_then(|(_, claim, _)| *claim)
    }

    /// Whether the next question is about the database file.
    const fn is_of_file(&self) -> bool {
        self.asked == COUNTS.len()
    }

    pub(super) fn hear(&mut self, found: Vec<(String, String)>) {
        let fault = self.asked.checked_sub(COUNTS.len()).and_then(|at| FAULTS.get(at));
        self.asked = self.asked.saturating_add(1);
        let Some((what, ..)) = fault else {
            let count = found.first().and_then(|(_, count)| count.parse().ok());
            self.counts.push(count.unwrap_or(0));
            return;
        };
        let untold = found.len().saturating_sub(TOLD_MAX);
        let told = found.into_iter().take(TOLD_MAX);
        let told = told.map(|(place, detail)| format!("{what}: {place}: {detail}"));
        self.report.faults.extend(told);
        if untold > 0 {
            self.report.faults.push(format!("{what}: {untold} more"));
        }
    }

    pub(super) fn report(self) -> VerifyReport {
        let mut counts = self.counts.into_iter();
        let mut next = || counts.next().unwrap_or(0);
        VerifyReport {
            workspaces: next(),
            entries: next(),
            holds_open: next(),
            holds_overdue: next(),
            ..self.report
        }
    }
}

/// A place and what is wrong there.
pub(super) fn finding(row: &dyn Cells) -> Result<(String, String), StoreError> {
    Ok((row.text("place")?, row.text("detail")?))
}
