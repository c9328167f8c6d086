//! What can go wrong at the store.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::id::KeyId;
use crate::job::JobError;
use crate::ledger::LedgerError;
use crate::pledge::Verdict;

/// Why the store did not do it.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The ledger's verdict: nothing is wrong with the store.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A job's verdict: nothing is wrong with the store.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The request's name is taken: nothing is wrong with the store.
    #[error("the request's name is taken")]
    Pledged(Verdict),
    /// Another process serves this store.
    #[error("another process serves the store in {}", dir.display())]
    Locked {
        /// The store's directory.
        dir: PathBuf,
    },
    /// Too much waits to be written.
    #[error("the store's queue is full")]
    Busy,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// A commit failed, so what is durable is no longer known.
    #[error("a commit failed: the store accepts nothing until a restart")]
    Poisoned,
    /// The disk is full: what was begun can still be ended, and nothing new begins.
    #[error("the disk of the store is full; free some of it")]
    Full,
    /// The database cannot be reached; it is tried again all the time.
    #[error("the store's database cannot be reached")]
    Away,
    /// The database does not take what was decided.
    #[error("the store's database does not take it")]
    Unwritten,
    /// The store's directory cannot be used.
    #[error("cannot use the store's directory {}", dir.display())]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// SQLite failed.
    #[error("the store's database failed")]
    Database(#[source] rusqlite::Error),
    /// PostgreSQL failed, or the way to it.
    #[error("the store's PostgreSQL failed")]
    Postgres(#[source] tokio_postgres::Error),
    /// The text is no address of a PostgreSQL database; it may hold a password, so it is not told.
    #[error(
        "the store's PostgreSQL has no usable address; write postgres://user:password@host/name"
    )]
    NoAddress,
    /// The threads that talk to the database cannot be started.
    #[error("cannot start the threads of the store")]
    Runtime {
        /// What the system said.
        source: io::Error,
    },
    /// A row holds what this version does not write.
    #[error("the store's column `{column}` cannot be read")]
    Unreadable {
        /// Which.
        column: String,
        /// Why not.
        #[source]
        why: Box<dyn std::error::Error + Send + Sync>,
    },
    /// This SQLite has a known corruption fault.
    #[error("SQLite {found} can corrupt its log: 3.51.3 or later is needed")]
    OldSqlite {
        /// The version that was linked.
        found: &'static str,
    },
    /// A later version of the gateway wrote this store.
    #[error("the store has schema {found}; this version knows {known}")]
    OtherSchema {
        /// What the store has.
        found: i64,
        /// What is known here.
        known: i64,
    },
    /// Nothing has that name.
    #[error("no {what} is called `{name}`")]
    Unknown {
        /// A workspace, a key.
        what: &'static str,
        /// What was asked for.
        name: String,
    },
    /// Another workspace has that name.
    #[error("the name `{name}` is taken")]
    NameTaken {
        /// What was asked for.
        name: String,
    },
    /// A revoked key stays revoked.
    #[error("key `{key}` was revoked, which is for good: create another")]
    KeyRevoked {
        /// The key.
        key: KeyId,
    },
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(source: tokio_postgres::Error) -> Self {
        Self::Postgres(source)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Database(source)
    }
}
