//! The tables of the embedded store: one SQLite database, of which the books are a copy in memory.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, Transaction, TransactionBehavior, params_from_iter};

use crate::clock::Now;
use crate::id::{AdjustmentId, HoldId, JobId};
use crate::job::Job;
use crate::ledger::{Hold, Ledger, NewAdjustment, QUOTA_DAYS_MAX};
use crate::pledge::{Pledge, Pledges, Scope};

use super::answers::Answers;
use super::books::Books;
use super::cells::{EmbeddedRow, Query, Reading, Value};
use super::disk::{self, Lock};
use super::error::StoreError;
use super::registry::Registry;
use super::reserve::{Reserve, is_full};
use super::rows::{Rows, adjustments, jobs, ledger, notices, pledges, registry};
use super::shared::Shared;
use super::tables::{Broken, Standing, Stands, Tables, Touched};
use super::writer::OpenJobs;

const FIND_HOLD: Query = Query::same("SELECT * FROM hold WHERE id = $1");

/// The greatest name of all holds; names begin with the time.
const LAST_HOLD: &str = "SELECT max(id) FROM hold";

const FIND_JOB: Query = Query::same("SELECT * FROM job WHERE id = $1");

/// Log pages after which they are folded into the database file, usually and on a full disk.
const LOG_PAGES_MAX: i64 = 4_000;
const LOG_PAGES_WHEN_FULL: i64 = 250;

/// The database, its folder, and the right to both.
pub(super) struct Embedded {
    pub(super) database: Connection,
    pub(super) answers: Answers,
    pub(super) kept_bytes: i64,
    pub(super) kept_bytes_max: usize,
    pub(super) entry_seq: i64,
    /// No hold on disk has a greater name, so that one need not be looked for.
    pub(super) hold_last: Option<HoldId>,
    pub(super) shared: Arc<Shared>,
    pub(super) dir: PathBuf,
    pub(super) lock: Lock,
    pub(super) reserve: Reserve,
}

/// Everything that the tables know: every grant, what is open, the recent quotas.
pub(super) fn books(database: &Connection, now: Now) -> Result<Books, StoreError> {
    let all = |text| Query::same(text);
    let grants = ask(database, all("SELECT * FROM \"grant\""), &[], ledger::grant)?;
    let open = all("SELECT * FROM hold WHERE state = 'open'");
    let holds = ask(database, open, &[], ledger::hold)?;
    let oldest = now.utc_day().saturating_sub(QUOTA_DAYS_MAX);
    let recent = all("SELECT * FROM quota WHERE period >= $1");
    let quotas = ask(database, recent, &[oldest.into()], ledger::quota)?;
    let unfinished = all("SELECT * FROM job WHERE forgotten_at_ms IS NULL");
    Ok(Books {
        ledger: Ledger::restore(grants, holds, quotas)?,
        pledges: Pledges::restore(ask(database, pledges::OPEN, &[], pledges::pledge)?),
        registry: Registry::of(
            ask(database, registry::WORKSPACES, &[], registry::workspace)?,
            ask(database, registry::KEYS, &[], registry::key)?,
        ),
        jobs: OpenJobs::of(
            ask(database, unfinished, &[], jobs::job)?,
            ask(database, notices::WAITING, &[], notices::notice)?,
        ),
    })
}

/// Asks the database, and reads each row.
pub(super) fn ask<T>(
    database: &Connection,
    query: Query,
    values: &[Value<'_>],
    read: Reading<T>,
) -> Result<Vec<T>, StoreError> {
    let mut asking = database.prepare_cached(&query.embedded.replace('$', "?"))?;
    let mut rows = asking.query(params_from_iter(values))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(&EmbeddedRow::new(row))?);
    }
    Ok(found)
}

/// One number, such as a count.
pub(super) fn number(database: &Connection, text: &'static str) -> rusqlite::Result<i64> {
    database.query_row(text, [], |row| row.get(0))
}

/// The greatest name of the holds that are on disk.
pub(super) fn last_hold(database: &Connection) -> rusqlite::Result<Option<HoldId>> {
    let name: Option<String> = database.query_row(LAST_HOLD, [], |row| row.get(0))?;
    Ok(name.as_deref().map(HoldId::known))
}

impl Embedded {
    fn ask_one<T>(
        &self,
        query: Query,
        value: Value<'_>,
        read: Reading<T>,
    ) -> Result<Option<T>, StoreError> {
        Ok(ask(&self.database, query, &[value], read)?.pop())
    }

    fn write(&mut self, rows: &Rows, books: &Books) -> Result<(), StoreError> {
        // Whether or not it is written in the end.
        self.hold_last = self.hold_last.take().max(rows.last_opened().cloned());
        let writing = Transaction::new(&mut self.database, TransactionBehavior::Immediate)?;
        let mut entry_seq = self.entry_seq;
        let number = |_: &_| {
            entry_seq = entry_seq.saturating_add(1);
            entry_seq
        };
        for set in rows.sets(books, number)? {
            set.write(&writing)?;
        }
        if let Some(values) = rows.jobs.forget() {
            let forgetting = jobs::FORGET.embedded.replace('$', "?");
            writing.prepare_cached(&forgetting)?.execute(params_from_iter(&values))?;
        }
        let shelved = rows.pledges.write(&writing, self.kept_bytes, self.kept_bytes_max)?;
        writing.commit()?;
        self.entry_seq = entry_seq;
        self.kept_bytes = shelved.kept_bytes;
        self.shared.set_kept_bytes(self.kept_bytes);
        self.shared.add_dropped(shelved.dropped);
        self.answers.remove(&shelved.files);
        Ok(())
    }
}

impl Tables for Embedded {
    /// The books know everything already, and nobody else is there.
    fn begin(&mut self, _: &Touched, _: &mut Books, now: Now) -> Result<Now, StoreError> {
        Ok(now)
    }

    fn find_hold(&self, id: &HoldId) -> Result<Option<Hold>, StoreError> {
        if self.hold_last.as_ref().is_none_or(|last| last < id) {
            return Ok(None);
        }
        self.ask_one(FIND_HOLD, id.as_str().into(), ledger::hold)
    }

    fn find_adjustment(&self, id: &AdjustmentId) -> Result<Option<NewAdjustment>, StoreError> {
        self.ask_one(adjustments::FIND, id.as_str().into(), adjustments::adjustment)
    }

    fn find_pledge(&self, scope: &Scope) -> Result<Option<Pledge>, StoreError> {
        self.ask_one(pledges::FIND, (&scope.0).into(), pledges::pledge)
    }

    fn find_job(&self, id: &JobId) -> Result<Option<Job>, StoreError> {
        self.ask_one(FIND_JOB, id.as_str().into(), jobs::job)
    }

    fn is_any_forgotten(&self, at_ms: i64) -> Result<bool, StoreError> {
        let asking = "SELECT 1 FROM pledge WHERE state <> 'open' AND until_ms <= ?1 LIMIT 1";
        Ok(self.database.prepare_cached(asking)?.exists([at_ms])?)
    }

    /// One transaction, or none when nothing changed.
    fn commit(&mut self, rows: &Rows, books: &Books) -> Result<(), Broken> {
        if rows.is_empty() {
            return Ok(());
        }
        // What is on disk after a failed sync is anybody's guess.
        self.write(rows, books).map_err(|error| {
            let standing = if is_full(&error) { Standing::Full } else { Standing::Unknown };
            Broken { error, standing }
        })
    }

    fn standing(&self, _: &StoreError) -> Standing {
        Standing::Unknown
    }

    fn is_mended(&self) -> bool {
        false
    }

    fn mend(&mut self, _: &mut Books) -> Result<Stands, StoreError> {
        Err(StoreError::Poisoned)
    }

    fn make_room(&mut self, books: &mut Books, now: Now) -> Result<(), StoreError> {
        self.reserve.release();
        *books = self::books(&self.database, now)?;
        Ok(())
    }

    fn lay_reserve(&mut self) -> bool {
        self.reserve.lay()
    }

    /// Folds the log in. Failing at it loses nothing: the log still has it all.
    fn rest(&mut self, idle: bool) -> Result<(), StoreError> {
        if self.shared.is_full() {
            // A log that is folded in is written anew from its start, and takes no more room.
            disk::fold_if_longer(&self.database, LOG_PAGES_WHEN_FULL)?;
        } else if idle {
            disk::fold_when_idle(&self.database, &self.dir)?;
        } else {
            disk::fold_if_longer(&self.database, LOG_PAGES_MAX)?;
        }
        Ok(())
    }

    #[cfg(test)]
    fn meddle(&mut self, meddle: Box<dyn FnOnce(&Connection) + Send>) {
        meddle(&self.database);
    }

    fn close(self: Box<Self>, is_sound: bool) {
        if is_sound && let Err(error) = disk::fold_all(&self.database) {
            tracing::warn!(%error, "the store's log could not be folded in");
        }
        let Self { database, lock, .. } = *self;
        // The lock last: whoever has it may open the database.
        drop(database);
        drop(lock);
    }
}
