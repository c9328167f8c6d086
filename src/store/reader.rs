//! Questions about workspaces, keys and admissions, answered from what is committed.

use crate::credits::Credits;
use crate::id::{HoldId, KeyId, WorkspaceId};

use super::Store;
use super::cells::{Cells, Query, Reading, Value};
use super::command::{GrantSummary, KeySummary};
use super::desk::Line;
use super::error::StoreError;
use super::registry::Workspace;
use super::rows::{ledger, registry};
use super::verify::VerifyReport;

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

/// Those that ended, by their usage rows, and those under way, by their holds.
const ADMISSIONS: Query = Query::each(
    // A prompt that was written by rule counts and holds nothing.
    "SELECT key, workspace, model, at_ms, max(images_asked, 1) AS images, pixels_asked AS pixels,
            charged_nanos AS nanos, NULL AS open
     FROM usage
     WHERE at_ms >= $1 AND key IS NOT NULL AND workspace IS NOT NULL
       AND (hold IS NOT NULL OR (operation = 'prompt' AND outcome = 'ok'))
     UNION ALL
     SELECT key, workspace, weighs ->> 'model', opened_at_ms,
            max(1, ifnull(weighs ->> 'images', 1)), ifnull(weighs ->> 'pixels', 0),
            amount_nanos, id
     FROM (SELECT key, workspace, opened_at_ms, amount_nanos, id,
                  iif(weighs = '', '{}', weighs) AS weighs
           FROM hold WHERE state = 'open' AND opened_at_ms >= $1) AS held
     ORDER BY 4",
    "SELECT key, workspace, model, at_ms, greatest(images_asked, 1) AS images,
            pixels_asked AS pixels, charged_nanos AS nanos, CAST(NULL AS text) AS open
     FROM usage
     WHERE at_ms >= $1 AND key IS NOT NULL AND workspace IS NOT NULL
       AND (hold IS NOT NULL OR (operation = 'prompt' AND outcome = 'ok'))
     UNION ALL
     SELECT key, workspace, weighs ->> 'model', opened_at_ms,
            greatest(1, coalesce(CAST(weighs ->> 'images' AS bigint), 1)),
            coalesce(CAST(weighs ->> 'pixels' AS bigint), 0), amount_nanos, id
     FROM (SELECT key, workspace, opened_at_ms, amount_nanos, id,
                  CAST(coalesce(nullif(weighs, ''), '{}') AS jsonb) AS weighs
           FROM hold WHERE state = 'open' AND opened_at_ms >= $1) AS held
     ORDER BY 4",
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
        // In a place of its own: whoever may ask would hold the room for it all along.
        Box::pin(self.desk.ask(line, query, values, read)).await
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
        workspace: WorkspaceId::known(&row.text("workspace")?),
        model: row.maybe_text("model")?,
        at_ms: row.number("at_ms")?,
        images: row.small("images")?,
        pixels: row.count("pixels")?,
        credits: row.nanos("nanos")?,
        open: row.maybe_text("open")?.map(|id| HoldId::known(&id)),
    })
}
