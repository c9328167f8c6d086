//! The directory of a store: its lock, its database file, and when its log is folded in.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::StoreError;
use super::tally;

/// The steps to the schema that this version reads and writes; a store is at the number of those
/// that it has taken.
const STEPS: [&str; 12] = [
    include_str!("schema/1-books.sql"),
    include_str!("schema/2-pledges.sql"),
    include_str!("schema/3-jobs.sql"),
    include_str!("schema/4-finance.sql"),
    include_str!("schema/5-notices.sql"),
    include_str!("schema/6-prices.sql"),
    include_str!("schema/7-limits.sql"),
    include_str!("schema/8-exposure.sql"),
    include_str!("schema/9-budgets.sql"),
    include_str!("schema/10-admin.sql"),
    include_str!("schema/11-replay.sql"),
    include_str!("schema/12-trace.sql"),
];

/// 3.51.3 mended a race in which two connections could corrupt the log.
const SQLITE_LEAST: i32 = 3_051_003;

/// A log file longer than this is cut off when nothing else is to be done.
const LOG_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How long a reader waits for a page that the writer is just folding in.
const READ_WAIT: Duration = Duration::from_secs(5);

/// The exclusive right to serve a store; given up when dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Takes the exclusive right to serve the store in `dir`, which is made if it is not there.
pub(super) fn lock(dir: &Path) -> Result<Lock, StoreError> {
    let unusable = |source| StoreError::Directory { dir: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(unusable)?;
    let file = File::create(dir.join("pixelgate.lock")).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { dir: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// Opens the database for the one writer.
pub(super) fn open_writer(dir: &Path) -> Result<Connection, StoreError> {
    if rusqlite::version_number() < SQLITE_LEAST {
        return Err(StoreError::OldSqlite { found: rusqlite::version() });
    }
    let mut database = Connection::open(database_path(dir))?;
    database.set_prepared_statement_cache_capacity(64);
    database.pragma_update(None, "journal_mode", "wal")?;
    database.pragma_update(None, "synchronous", "full")?;
    database.pragma_update(None, "foreign_keys", true)?;
    // The writer folds the log in itself, between commits: never inside one.
    database.pragma_update(None, "wal_autocheckpoint", 0)?;
    // Readers never block a commit; a long one may only put off the folding, which comes again.
    database.busy_timeout(Duration::ZERO)?;
    upgrade(&mut database)?;
    database.execute_batch(tally::INDEX)?;
    super::rows::media::prepare(&mut database)?;
    Ok(database)
}

/// Takes the steps that are missing, all or none.
fn upgrade(database: &mut Connection) -> Result<(), StoreError> {
    let found = schema_of(database)?;
    let taken = usize::try_from(found).unwrap_or(usize::MAX);
    let missing = STEPS.get(taken..).ok_or_else(|| other_schema(found))?;
    if missing.is_empty() {
        return Ok(());
    }
    let making = database.transaction()?;
    for step in missing {
        making.execute_batch(step)?;
    }
    making.pragma_update(None, "user_version", known_schema())?;
    Ok(making.commit()?)
}

/// Opens the database for reading, beside whoever writes.
pub(super) fn open_reader(dir: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(database_path(dir), flags)?;
    database.busy_timeout(READ_WAIT)?;
    match schema_of(&database)? {
        found if found == known_schema() => Ok(database),
        found => Err(other_schema(found)),
    }
}

/// Folds the log into the database file once it has so many pages.
pub(super) fn fold_if_longer(database: &Connection, pages: i64) -> rusqlite::Result<()> {
    if log_pages(database)? >= pages {
        checkpoint(database, "passive")?;
    }
    Ok(())
}

/// Folds in what is left of the log, and cuts off a long log file; for moments of quiet.
pub(super) fn fold_when_idle(database: &Connection, dir: &Path) -> rusqlite::Result<()> {
    let file = dir.join("pixelgate.sqlite-wal");
    let long = fs::metadata(file).is_ok_and(|file| file.len() > LOG_BYTES_MAX);
    if long {
        fold_all(database)?;
    } else if log_pages(database)? > 0 {
        checkpoint(database, "passive")?;
    }
    Ok(())
}

/// Folds in the whole log and leaves it empty, unless a reader is in the way.
pub(super) fn fold_all(database: &Connection) -> rusqlite::Result<()> {
    checkpoint(database, "truncate").map(|_| ())
}

fn database_path(dir: &Path) -> PathBuf {
    dir.join("pixelgate.sqlite")
}

fn schema_of(database: &Connection) -> rusqlite::Result<i64> {
    database.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn known_schema() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

fn other_schema(found: i64) -> StoreError {
    StoreError::OtherSchema { found, known: known_schema() }
}

/// Log pages that are not folded in yet.
fn log_pages(database: &Connection) -> rusqlite::Result<i64> {
    let (all, folded) = checkpoint(database, "noop")?;
    Ok(all.saturating_sub(folded))
}

/// Pages in the log, and how many of them are folded in.
fn checkpoint(database: &Connection, mode: &str) -> rusqlite::Result<(i64, i64)> {
    database.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        Ok((row.get(1)?, row.get(2)?))
    })
}
