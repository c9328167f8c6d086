//! Questions about workspaces, keys and admissions, answered from what is committed.

use futures_util::future::join;

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

/// Admissions that are read at once; twice as many are in memory.
const PAGE_ROWS: usize = 10_000;

/// The number of the first usage row since `$1`, where there is one. The plus has it looked for by time: by number, every
/// older row would be read.
pub(super) const FIRST_SINCE: Query =
    Query::same("SELECT min(+seq) AS seq FROM usage WHERE at_ms >= $1");

/// Those since `$1` that ended, by their usage rows: the first `$3` of number `$2` or more.
macro_rules! ended {
    ($greatest:literal) => {
        concat!(
            "SELECT seq, key, workspace, model, at_ms, ",
            $greatest,
            "(images_asked, 1) AS images,
                    pixels_asked AS pixels, charged_nanos AS nanos, CAST(NULL AS text) AS open
             FROM usage
             WHERE seq >= $2 AND +at_ms >= $1
               AND key IS NOT NULL AND workspace IS NOT NULL
               AND (hold IS NOT NULL OR (operation = 'prompt' AND outcome = 'ok'))
             ORDER BY seq LIMIT $3"
        )
    };
}

/// A page of admissions that ended. Numbers are given at the end, times are of the beginning, so what ends between two
/// pages is in the later one. A prompt that was written by rule counts and holds nothing. The plus keeps to the order of
/// numbers.
pub(super) const ENDED: Query = Query::each(ended!("max"), ended!("greatest"));

/// The same, and behind a page that is not full those under way, by their holds: one question is one moment, so nothing
/// is there twice or missing.
const ENDED_AND_OPEN: Query = Query::each(
    concat!(
        "WITH ended AS MATERIALIZED (",
        ended!("max"),
        ")
         SELECT seq, key, workspace, model, at_ms, images, pixels, nanos, open FROM ended
         UNION ALL
         SELECT NULL, key, workspace, weighs ->> 'model', opened_at_ms,
                max(1, ifnull(weighs ->> 'images', 1)), ifnull(weighs ->> 'pixels', 0),
                amount_nanos, id
         FROM (SELECT key, workspace, opened_at_ms, amount_nanos, id,
                      iif(weighs = '', '{}', weighs) AS weighs
               FROM hold WHERE state = 'open' AND opened_at_ms >= $1) AS held
         WHERE (SELECT count(*) FROM ended) < $3
         ORDER BY 1 NULLS LAST"
    ),
    concat!(
        "WITH ended AS MATERIALIZED (",
        ended!("greatest"),
        ")
         SELECT seq, key, workspace, model, at_ms, images, pixels, nanos, open FROM ended
         UNION ALL
         SELECT CAST(NULL AS bigint), key, workspace, weighs ->> 'model', opened_at_ms,
                greatest(1, coalesce(CAST(weighs ->> 'images' AS bigint), 1)),
                coalesce(CAST(weighs ->> 'pixels' AS bigint), 0), amount_nanos, id
         FROM (SELECT key, workspace, opened_at_ms, amount_nanos, id,
                      CAST(coalesce(nullif(weighs, ''), '{}') AS jsonb) AS weighs
               FROM hold WHERE state = 'open' AND opened_at_ms >= $1) AS held
         WHERE (SELECT count(*) FROM ended) < $3
         ORDER BY 1 NULLS LAST"
    ),
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

    /// Tells every request that was admitted since then: those that ended, by their usage rows, in the order of
    /// their ends, then those under way, by their holds. Returns how many.
    pub async fn each_admission(
        &self,
        since_unix_ms: i64,
        tell: impl FnMut(Admission),
    ) -> Result<usize, StoreError> {
        self.each_admission_by(PAGE_ROWS, since_unix_ms, tell).await
    }

    /// The same, with pages of one's own.
    pub(super) async fn each_admission_by(
        &self,
        page_rows: usize,
        since_unix_ms: i64,
        mut tell: impl FnMut(Admission),
    ) -> Result<usize, StoreError> {
        let most = i64::try_from(page_rows).unwrap_or(i64::MAX);
        let since = Value::from(since_unix_ms);
        let first = |row: &dyn Cells| row.maybe_number("seq");
        let first = self.rows(Line::Books, FIRST_SINCE, vec![since.clone()], first).await?;
        let (mut next, mut told) = (first.first().copied().flatten().unwrap_or(0), 0_usize);
        let (mut query, mut is_last) = (ENDED, false);
        let mut unsaid = Vec::new();
        loop {
            let values = vec![since.clone(), next.into(), most.into()];
            let reading = self.rows(Line::Books, query, values, admission);
            // The page before it is told while this one is read.
            let (page, ()) = join(reading, async { unsaid.drain(..).for_each(&mut tell) }).await;
            let page = page?;
            told = told.saturating_add(page.len());
            let ended: Vec<i64> = page.iter().filter_map(|(number, _)| *number).collect();
            next = ended.last().map_or(next, |last| last.saturating_add(1));
            unsaid.extend(page.into_iter().map(|(_, one)| one));
            if ended.len() >= page_rows {
                continue;
            }
            if is_last {
                unsaid.into_iter().for_each(tell);
                return Ok(told);
            }
            (query, is_last) = (ENDED_AND_OPEN, true);
        }
    }

    /// Proves the books, beside the running writer: one read transaction is one moment.
    pub async fn verify(&self) -> Result<VerifyReport, StoreError> {
        self.desk.prove(self.clock.now().unix_ms).await
    }
}

/// An admission, and the number of its usage row where it has ended.
fn admission(row: &dyn Cells) -> Result<(Option<i64>, Admission), StoreError> {
    let admission = Admission {
        key: KeyId::known(&row.text("key")?),
        workspace: WorkspaceId::known(&row.text("workspace")?),
        model: row.maybe_text("model")?,
        at_ms: row.number("at_ms")?,
        images: row.small("images")?,
        pixels: row.count("pixels")?,
        credits: row.nanos("nanos")?,
        open: row.maybe_text("open")?.map(|id| HoldId::known(&id)),
    };
    Ok((row.maybe_number("seq")?, admission))
}
