//! Where questions are answered from what is committed, beside the writer and never in its way.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;

use super::cells::{Query, Reading, Value};
use super::disk;
use super::embedded;
use super::error::StoreError;
use super::postgres::PostgresDesk;
use super::verify::{FileCheck, VerifyReport, prove};

/// Who asks: questions of one line wait for each other, and never for those of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Whatever may take long.
    Books,
    /// The media library.
    Library,
    /// What a request in flight wants to know.
    Looks,
}

/// Where questions are put.
#[derive(Clone)]
pub(super) enum Desk {
    Embedded(EmbeddedDesk),
    Postgres(PostgresDesk),
}

/// A connection for each line.
#[derive(Clone)]
pub(super) struct EmbeddedDesk {
    books: Arc<Mutex<Connection>>,
    library: Arc<Mutex<Connection>>,
    looks: Arc<Mutex<Connection>>,
}

impl Desk {
    /// Asks, and reads each row.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        line: Line,
        query: Query,
        values: Vec<Value<'static>>,
        read: Reading<T>,
    ) -> Result<Vec<T>, StoreError> {
        match self {
            Self::Embedded(desk) => {
                let asking =
                    move |database: &mut Connection| embedded::ask(database, query, &values, read);
                desk.with(line, asking).await
            }
            Self::Postgres(desk) => desk.ask(line, query, &values, read).await,
        }
    }

    /// Jobs of nodes that are gone become those of the node `run`. An embedded store has no nodes.
    pub(super) async fn adopt_jobs(&self, run: i64) -> Result<(), StoreError> {
        match self {
            Self::Embedded(_) => Ok(()),
            Self::Postgres(desk) => desk.adopt_jobs(run).await,
        }
    }

    /// Proves the books as they stand committed.
    pub(super) async fn prove(&self, now_unix_ms: i64) -> Result<VerifyReport, StoreError> {
        match self {
            Self::Embedded(desk) => {
                let proving =
                    move |database: &mut Connection| prove(database, now_unix_ms, FileCheck::Quick);
                desk.with(Line::Books, proving).await
            }
            Self::Postgres(desk) => desk.prove(now_unix_ms).await,
        }
    }
}

impl EmbeddedDesk {
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let reader = || disk::open_reader(dir).map(|reader| Arc::new(Mutex::new(reader)));
        Ok(Self { books: reader()?, library: reader()?, looks: reader()? })
    }

    /// Does anything with the connection of a line, off the async threads.
    async fn with<T, F>(&self, line: Line, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let connection = Arc::clone(match line {
            Line::Books => &self.books,
            Line::Library => &self.library,
            Line::Looks => &self.looks,
        });
        tokio::task::spawn_blocking(move || question(&mut connection.lock()))
            .await
            .unwrap_or(Err(StoreError::Closed))
    }
}
