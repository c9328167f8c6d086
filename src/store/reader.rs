//! Questions about workspaces, keys and admissions, answered from what is committed.

use crate::id::{KeyId, WorkspaceId};

use super::Store;
use super::cells::{Cells, Query, Reading, Value};
use super::command::{GrantSummary, KeySummary};
use super::desk::Line;
use super::error::StoreError;
use super::registry::Workspace;
use super::rows::{ledger, registry};
use super::verify::VerifyReport;

/// One picture request that was admitted, for rebuilding windows after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// The key that asked.
    pub key: KeyId,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Pictures asked for; at least one.
    pub images: u32,
}

/// Those that ended, by their usage rows, and those under way, by their holds.
const ADMISSIONS: Query = Query::each(
    "SELECT key, at_ms, max(images_asked, 1) AS images FROM usage
     WHERE at_ms >= $1 AND hold IS NOT NULL AND key IS NOT NULL
     UNION ALL
     SELECT key, opened_at_ms,
            max(1, (SELECT ifnull(max(value ->> 'weight'), 1)
                    FROM json_each(iif(quotas = '', '[]', quotas))
                    WHERE value ->> 'unit' = 'images'))
     FROM hold WHERE state = 'open' AND opened_at_ms >= $1
     ORDER BY 2",
    "SELECT key, at_ms, greatest(images_asked, 1) AS images FROM usage
     WHERE at_ms >= $1 AND hold IS NOT NULL AND key IS NOT NULL
     UNION ALL
     SELECT key, opened_at_ms,
            greatest(1, (SELECT coalesce(max(CAST(share ->> 'weight' AS BIGINT)), 1)
                         FROM jsonb_array_elements(CAST(coalesce(nullif(quotas, ''), '[]') AS jsonb))
                              AS share
                         WHERE share ->> 'unit' = 'images'))
     FROM hold WHERE state = 'open' AND opened_at_ms >= $1
     ORDER BY 2",
);

impl Store {
    /// Asks what is committed; long questions of one line do not stand in the way of another.
    pub(super) async fn rows<T: Send + 'static>(
        &self,
        line: Line,
        query: Query,
        values: Vec<Value<'static>>,
        read: Reading<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.desk.ask(line, query, values, read).await
    }

    /// Every workspace.
    pub async fn list_workspaces(&self) -> Result<Vec<Workspace>, StoreError> {
        let mut known =
            self.rows(Line::Books, registry::WORKSPACES, Vec::new(), registry::workspace).await?;
        known.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(known)
    }

    /// The keys of one workspace, or all of them.
    pub async fn list_keys(
        &self,
        workspace: Option<WorkspaceId>,
    ) -> Result<Vec<KeySummary>, StoreError> {
        let mut keys =
            self.rows(Line::Books, registry::KEYS, Vec::new(), registry::key_summary).await?;
        keys.retain(|key| workspace.as_ref().is_none_or(|id| key.workspace == *id));
        Ok(keys)
    }

    /// The grants of a workspace that are not spent yet, in the order they will be.
    pub async fn list_grants(
        &self,
        workspace: WorkspaceId,
    ) -> Result<Vec<GrantSummary>, StoreError> {
        let values = vec![workspace.as_str().to_owned().into()];
        self.rows(Line::Books, ledger::GRANTS_LEFT, values, ledger::grant_left).await
    }

    /// Every request that was admitted since then, oldest first: those that ended, by their usage
    /// rows, and those under way, by their holds.
    pub async fn recent_admissions(
        &self,
        since_unix_ms: i64,
    ) -> Result<Vec<Admission>, StoreError> {
        self.rows(Line::Books, ADMISSIONS, vec![since_unix_ms.into()], admission).await
    }

    /// Proves the books, beside the running writer: one read transaction is one moment.
    pub async fn verify(&self) -> Result<VerifyReport, StoreError> {
        self.desk.prove(self.clock.now().unix_ms).await
    }
}

fn admission(row: &dyn Cells) -> Result<Admission, StoreError> {
    Ok(Admission {
        key: KeyId::known(&row.text("key")?),
        at_ms: row.number("at_ms")?,
        images: row.small("images")?,
    })
}
