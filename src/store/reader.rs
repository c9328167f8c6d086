//! Questions that are answered from what is committed, beside the writer and never in its way.

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::{Connection, Row};

use crate::credits::Credits;
use crate::id::{HoldId, KeyId, WorkspaceId};

use super::Store;
use super::command::{GrantSummary, KeySummary};
use super::error::StoreError;
use super::load;
use super::registry::Workspace;
use super::verify::{VerifyReport, prove};

/// One request that was admitted, for rebuilding windows after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The key that asked.
    pub key: KeyId,
    /// The workspace that pays.
    pub workspace: WorkspaceId,
    /// The model that was asked for, where one was.
    pub model: Option<String>,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Pictures asked for; at least one.
    pub images: u32,
    /// Pixels of all of them.
    pub pixels: u64,
    /// What was spent, or is set aside.
    pub credits: Credits,
    /// Its hold, where that is still open.
    pub open: Option<HoldId>,
}

impl Store {
    /// Asks the database for anything, read-only, off the async threads. One reader at a time.
    pub async fn read<T, F>(&self, question: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let reader: Arc<Mutex<Connection>> = Arc::clone(&self.reader);
        tokio::task::spawn_blocking(move || question(&mut reader.lock()))
            .await
            .unwrap_or(Err(StoreError::Closed))
    }

    /// Every workspace.
    pub async fn list_workspaces(&self) -> Result<Vec<Workspace>, StoreError> {
        self.read(|database| Ok(load::registry(database)?.workspaces.into_values().collect())).await
    }

    /// The keys of one workspace, or all of them.
    pub async fn list_keys(
        &self,
        workspace: Option<WorkspaceId>,
    ) -> Result<Vec<KeySummary>, StoreError> {
        self.read(move |database| {
            let mut keys = load::key_summaries(database)?;
            keys.retain(|key| workspace.as_ref().is_none_or(|id| key.workspace == *id));
            Ok(keys)
        })
        .await
    }

    /// Every request that was admitted since then, oldest first: those that ended, by their usage
    /// rows, and those under way, by their holds.
    pub async fn recent_admissions(
        &self,
        since_unix_ms: i64,
    ) -> Result<Vec<Admission>, StoreError> {
        self.read(move |database| {
            let mut asking = database.prepare(
                // A prompt that was written by rule counts and holds nothing.
                "SELECT key, workspace, model, at_ms, max(images_asked, 1), pixels_asked,
                        charged_nanos, NULL
                 FROM usage
                 WHERE at_ms >= ?1 AND key IS NOT NULL AND workspace IS NOT NULL
                   AND (hold IS NOT NULL OR (operation = 'prompt' AND outcome = 'ok'))
                 UNION ALL
                 SELECT key, workspace, weighs ->> 'model', opened_at_ms,
                        max(1, ifnull(weighs ->> 'images', 1)), ifnull(weighs ->> 'pixels', 0),
                        amount_nanos, id
                 FROM (SELECT key, workspace, opened_at_ms, amount_nanos, id,
                              iif(weighs = '', '{}', weighs) AS weighs
                       FROM hold WHERE state = 'open' AND opened_at_ms >= ?1)
                 ORDER BY 4",
            )?;
            let admissions = asking.query_map([since_unix_ms], admission)?;
            Ok(admissions.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The grants of a workspace that are not spent yet, in the order they will be.
    pub async fn list_grants(
        &self,
        workspace: WorkspaceId,
    ) -> Result<Vec<GrantSummary>, StoreError> {
        self.read(move |database| load::grants_left(database, &workspace)).await
    }

    /// Proves the books, beside the running writer: one read transaction is one moment.
    pub async fn verify(&self) -> Result<VerifyReport, StoreError> {
        let now_ms = self.clock.now().unix_ms;
        self.read(move |database| prove(database, now_ms)).await
    }
}

fn admission(row: &Row<'_>) -> rusqlite::Result<Admission> {
    Ok(Admission {
        key: KeyId::known(&row.get::<_, String>(0)?),
        workspace: WorkspaceId::known(&row.get::<_, String>(1)?),
        model: row.get(2)?,
        at_ms: row.get(3)?,
        images: row.get(4)?,
        pixels: row.get::<_, i64>(5)?.unsigned_abs(),
        credits: Credits::from_nanos(row.get(6)?),
        open: row.get::<_, Option<String>>(7)?.map(|id| HoldId::known(&id)),
    })
}
