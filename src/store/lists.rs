//! What operators look at, page by page, from what is committed. A page begins after a place, never
//! at an offset, so that nothing is missed or shown twice while rows are added.

use serde_json::Value as Json;

use crate::auth::{Operator, TokenError, TokenRecord};
use crate::credits::Credits;
use crate::id::TokenId;
use crate::job::Job;
use crate::ledger::Balance;

use super::Store;
use super::cells::{Cells, Query, Value};
use super::change::Drain;
use super::command::{GrantSummary, KeySummary, TokenSummary};
use super::desk::Line;
use super::error::StoreError;
use super::registry::Workspace;
use super::rows::{audit, jobs, ledger, registry};

/// Admin tokens that are listed.
const TOKENS_MAX: u32 = 1_000;

const TOKEN_BY_DIGEST: Query = Query::same("SELECT * FROM admin_token WHERE digest = $1");

const TOKEN_BY_ID: Query = Query::same("SELECT * FROM admin_token WHERE id = $1");

const TOKENS: Query = Query::same("SELECT * FROM admin_token ORDER BY created_at_ms, id LIMIT $1");

const DRAINS: Query = Query::same("SELECT * FROM drain ORDER BY offering");

const WORKSPACES: Query = Query::same("SELECT * FROM workspace WHERE id > $1 ORDER BY id LIMIT $2");

const WORKSPACE: Query = Query::same("SELECT * FROM workspace WHERE id = $1");

const KEYS: Query = Query::same(
    "SELECT * FROM key WHERE id > $1 AND (CAST($3 AS text) IS NULL OR workspace = $3)
     ORDER BY id LIMIT $2",
);

const KEY: Query = Query::same("SELECT * FROM key WHERE id = $1");

const BALANCES: Query = Query::same(
    "SELECT w.id, w.name, w.suspended, w.created_at_ms,
            CAST(coalesce(sum(g.amount_nanos), 0) AS bigint) AS granted,
            CAST(coalesce(sum(g.available_nanos), 0) AS bigint) AS available,
            CAST(coalesce(sum(g.held_nanos), 0) AS bigint) AS held,
            CAST(coalesce(sum(g.spent_nanos), 0) AS bigint) AS spent,
            CAST(coalesce(sum(g.expired_nanos), 0) AS bigint) AS expired
     FROM workspace AS w LEFT JOIN \"grant\" AS g ON g.workspace = w.id
     WHERE w.id > $1 GROUP BY w.id, w.name, w.suspended, w.created_at_ms ORDER BY w.id LIMIT $2",
);

const GRANTS: Query =
    Query::same("SELECT * FROM \"grant\" WHERE workspace = $1 AND id > $2 ORDER BY id LIMIT $3");

/// Entries, the newest first, each with where the credits of its workspace are now.
const ENTRIES: Query = Query::same(
    "SELECT e.*, there.available, there.held
     FROM (SELECT * FROM entry WHERE workspace = $1 AND seq < $2
           ORDER BY seq DESC LIMIT $3) AS e
     CROSS JOIN (SELECT CAST(coalesce(sum(available_nanos), 0) AS bigint) AS available,
                        CAST(coalesce(sum(held_nanos), 0) AS bigint) AS held
                 FROM \"grant\" WHERE workspace = $1) AS there
     ORDER BY e.seq DESC",
);

const JOBS: Query = Query::same(
    "SELECT seq, id, workspace, key, test, request, hold, quote_nanos, tariff, dialect, operation,
            model, asset_key, webhook, created_at_ms, updated_at_ms, ends_by_ms, forgotten_at_ms,
            unwanted, state, orders, outcome
     FROM job
     WHERE seq < $1 AND (CAST($3 AS text) IS NULL OR workspace = $3)
           AND (CAST($4 AS text) IS NULL OR state = $4)
     ORDER BY seq DESC LIMIT $2",
);

const JOB: Query = Query::same(
    "SELECT seq, id, workspace, key, test, request, hold, quote_nanos, tariff, dialect, operation,
            model, asset_key, webhook, created_at_ms, updated_at_ms, ends_by_ms, forgotten_at_ms,
            unwanted, state, orders, outcome
     FROM job WHERE id = $1",
);

const AUDIT: Query = Query::same("SELECT * FROM audit WHERE seq < $1 ORDER BY seq DESC LIMIT $2");

/// Where a page begins and how long it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The place of the last row of the page before it; `None` for the first page.
    pub after: Option<T>,
    /// Rows at most.
    pub limit: u32,
}

/// A workspace and where its credits are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceBalance {
    /// Who.
    pub workspace: Workspace,
    /// Where its credits are.
    pub balance: Balance,
}

/// One entry of a ledger, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryLine {
    /// Its number.
    pub seq: i64,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The operation that it is part of.
    pub kind: String,
    /// Where the credits came from.
    pub source: String,
    /// Where they went.
    pub target: String,
    /// How many.
    pub amount: Credits,
    /// The grant that they belong to.
    pub grant: String,
    /// The hold that they moved for.
    pub hold: Option<String>,
    /// The request that they moved for.
    pub request: Option<String>,
    /// The key that asked.
    pub key: Option<String>,
    /// Credits that are free now, whatever came after this entry.
    pub available_now: Credits,
    /// Credits that are set aside now.
    pub held_now: Credits,
}

/// One job, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobLine {
    /// Its place among all jobs.
    pub seq: i64,
    /// What is known of it.
    pub job: Job,
}

/// One row of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    /// Its number.
    pub seq: i64,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The token that was shown; `None` for the command line.
    pub token: Option<String>,
    /// What people call whoever did it.
    pub name: String,
    /// What they may do.
    pub role: Option<String>,
    /// From which address.
    pub address: Option<String>,
    /// The request that it came as.
    pub request: Option<String>,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Whose that is.
    pub workspace: Option<String>,
    /// What it was before.
    pub was: Option<Json>,
    /// What it became.
    pub became: Option<Json>,
}

impl Store {
    /// Who shows a token of this digest.
    pub async fn operator(
        &self,
        shown: [u8; 32],
    ) -> Result<Result<Operator, TokenError>, StoreError> {
        let values = vec![shown.to_vec().into()];
        let known = self.rows(Line::Looks, TOKEN_BY_DIGEST, values, audit::token).await?.pop();
        let now_ms = self.now().unix_ms;
        Ok(known.ok_or(TokenError::Unknown).and_then(|token| token.prove(&shown, now_ms)))
    }

    pub(super) async fn token_of(&self, id: &TokenId) -> Result<Option<TokenRecord>, StoreError> {
        let values = vec![id.as_str().to_owned().into()];
        Ok(self.rows(Line::Looks, TOKEN_BY_ID, values, audit::token).await?.pop())
    }

    /// Every admin token, the oldest first; a thousand at most.
    pub async fn list_tokens(&self) -> Result<Vec<TokenSummary>, StoreError> {
        self.rows(Line::Books, TOKENS, vec![TOKENS_MAX.into()], |row| {
            let token = audit::token(row)?;
            Ok(TokenSummary {
                id: token.id,
                name: token.name,
                role: token.role,
                created_at_ms: token.created_at_ms,
                expires_at_ms: token.expires_at_ms,
                revoked_at_ms: token.revoked_at_ms,
            })
        })
        .await
    }

    /// Every offering that gets no new requests.
    pub async fn drains(&self) -> Result<Vec<Drain>, StoreError> {
        self.rows(Line::Looks, DRAINS, Vec::new(), audit::drain).await
    }

    /// Workspaces by their ids.
    pub async fn workspaces(&self, page: Page<String>) -> Result<Vec<Workspace>, StoreError> {
        self.rows(Line::Books, WORKSPACES, by_name(page), registry::workspace).await
    }

    /// One workspace.
    pub async fn workspace(&self, id: &str) -> Result<Option<Workspace>, StoreError> {
        let values = vec![id.to_owned().into()];
        Ok(self.rows(Line::Books, WORKSPACE, values, registry::workspace).await?.pop())
    }

    /// Keys by their ids, of one workspace or of all.
    pub async fn key_page(
        &self,
        page: Page<String>,
        workspace: Option<String>,
    ) -> Result<Vec<KeySummary>, StoreError> {
        let mut values = by_name(page);
        values.push(workspace.into());
        self.rows(Line::Books, KEYS, values, registry::key_summary).await
    }

    /// One key.
    pub async fn find_key(&self, id: &str) -> Result<Option<KeySummary>, StoreError> {
        let values = vec![id.to_owned().into()];
        Ok(self.rows(Line::Books, KEY, values, registry::key_summary).await?.pop())
    }

    /// Where the credits of workspaces are, by their ids.
    pub async fn balances(&self, page: Page<String>) -> Result<Vec<WorkspaceBalance>, StoreError> {
        self.rows(Line::Books, BALANCES, by_name(page), |row| {
            let balance = Balance {
                granted: row.nanos("granted")?,
                available: row.nanos("available")?,
                held: row.nanos("held")?,
                spent: row.nanos("spent")?,
                expired: row.nanos("expired")?,
            };
            Ok(WorkspaceBalance { workspace: registry::workspace(row)?, balance })
        })
        .await
    }

    /// The grants of a workspace by their ids, spent ones too.
    pub async fn grant_page(
        &self,
        workspace: &str,
        page: Page<String>,
    ) -> Result<Vec<GrantSummary>, StoreError> {
        let mut values = vec![workspace.to_owned().into()];
        values.extend(by_name(page));
        self.rows(Line::Books, GRANTS, values, ledger::grant_left).await
    }

    /// The entries of a workspace, the newest first.
    pub async fn entries(
        &self,
        workspace: &str,
        page: Page<i64>,
    ) -> Result<Vec<EntryLine>, StoreError> {
        let mut values = vec![workspace.to_owned().into()];
        values.extend(downwards(page));
        self.rows(Line::Books, ENTRIES, values, entry).await
    }

    /// Jobs, the newest first, of one workspace or of all, in one state or in any.
    pub async fn job_page(
        &self,
        page: Page<i64>,
        (workspace, state): (Option<String>, Option<&'static str>),
    ) -> Result<Vec<JobLine>, StoreError> {
        let mut values = downwards(page);
        values.extend([workspace.into(), state.into()]);
        self.rows(Line::Books, JOBS, values, job).await
    }

    /// A job, whoever's it is.
    pub async fn job(&self, id: &str) -> Result<Option<Job>, StoreError> {
        let values = vec![id.to_owned().into()];
        Ok(self.rows(Line::Books, JOB, values, job).await?.pop().map(|line| line.job))
    }

    /// The audit log, the newest row first.
    pub async fn audit(&self, page: Page<i64>) -> Result<Vec<AuditLine>, StoreError> {
        self.rows(Line::Books, AUDIT, downwards(page), audit_line).await
    }
}

fn by_name(page: Page<String>) -> Vec<Value<'static>> {
    vec![page.after.unwrap_or_default().into(), page.limit.into()]
}

fn downwards(page: Page<i64>) -> Vec<Value<'static>> {
    vec![page.after.unwrap_or(i64::MAX).into(), page.limit.into()]
}

fn entry(row: &dyn Cells) -> Result<EntryLine, StoreError> {
    Ok(EntryLine {
        seq: row.number("seq")?,
        at_ms: row.number("at_ms")?,
        kind: row.text("kind")?,
        source: row.text("source")?,
        target: row.text("target")?,
        amount: row.nanos("amount_nanos")?,
        grant: row.text("grant")?,
        hold: row.maybe_text("hold")?,
        request: row.maybe_text("request")?,
        key: row.maybe_text("key")?,
        available_now: row.nanos("available")?,
        held_now: row.nanos("held")?,
    })
}

fn job(row: &dyn Cells) -> Result<JobLine, StoreError> {
    Ok(JobLine { seq: row.number("seq")?, job: jobs::job(row)? })
}

fn audit_line(row: &dyn Cells) -> Result<AuditLine, StoreError> {
    Ok(AuditLine {
        seq: row.number("seq")?,
        at_ms: row.number("at_ms")?,
        token: row.maybe_text("token")?,
        name: row.text("name")?,
        role: row.maybe_text("role")?,
        address: row.maybe_text("address")?,
        request: row.maybe_text("request")?,
        action: row.text("action")?,
        subject: row.text("subject")?,
        workspace: row.maybe_text("workspace")?,
        was: row.maybe_json("was")?,
        became: row.maybe_json("became")?,
    })
}
