//! Jobs and named pictures as rows.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};

use crate::credits::Credits;
use crate::id::{HoldId, JobId, KeyId, RequestId, WorkspaceId};
use crate::job::{Input, Job, Outcome, State};

use super::super::notices::Tried;

use super::{json, notices};

/// Forgotten jobs that one commit removes; more are removed by the commits after it.
const FORGOTTEN_MAX: u32 = 100;

/// What one commit writes about jobs.
#[derive(Debug, Default)]
pub(in super::super) struct JobRows {
    accepted: Vec<(Job, Input)>,
    changed: BTreeMap<JobId, Job>,
    tried: Vec<Tried>,
    now_ms: i64,
}

impl JobRows {
    pub(in super::super) fn accept(&mut self, job: Job, input: Input) {
        self.now_ms = job.created_at_ms;
        self.accepted.push((job, input));
    }

    /// A job as it stands at the end of the commit.
    pub(in super::super) fn change(&mut self, job: Job) {
        self.now_ms = job.updated_at_ms;
        self.changed.insert(job.id.clone(), job);
    }

    /// What became of a notice.
    pub(in super::super) fn tried(&mut self, tried: Tried) {
        self.tried.push(tried);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.accepted.is_empty() && self.changed.is_empty() && self.tried.is_empty()
    }

    pub(super) fn write(&self, database: &Connection) -> rusqlite::Result<()> {
        for (job, input) in &self.accepted {
            insert(database, job, input)?;
        }
        for job in self.changed.values() {
            update(database, job)?;
            name_pictures(database, job)?;
            notices::open(database, job)?;
        }
        for tried in &self.tried {
            notices::write(database, tried)?;
        }
        if !self.accepted.is_empty() || !self.changed.is_empty() {
            forget(database, self.now_ms)?;
        }
        Ok(())
    }
}

fn insert(database: &Connection, job: &Job, input: &Input) -> rusqlite::Result<()> {
    database
        .prepare_cached(
            "INSERT INTO job (id, workspace, key, test, request, hold, quote_nanos, dialect,
                              operation, model, asset_key, webhook, created_at_ms, updated_at_ms,
                              ends_by_ms, unwanted, state, orders, path, content_type, body,
                              public_url, labels, tariff)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                     '[]', ?18, ?19, ?20, ?21, ?22, ?23)",
        )?
        .execute(params![
            job.id.as_str(),
            job.workspace.as_str(),
            job.key.as_str(),
            job.test,
            job.request.as_str(),
            job.hold.as_str(),
            job.quote.nanos(),
            job.dialect,
            job.operation,
            job.model,
            job.asset_key,
            job.webhook,
            job.created_at_ms,
            job.updated_at_ms,
            job.ends_by_ms,
            job.unwanted,
            job.state.name(),
            input.path,
            input.content_type,
            input.body,
            input.public_url,
            input.labels,
            job.tariff.as_ref().map(json).transpose()?
        ])?;
    Ok(())
}

fn update(database: &Connection, job: &Job) -> rusqlite::Result<()> {
    let outcome = job.outcome.as_ref().map(json).transpose()?;
    database
        .prepare_cached(
            "UPDATE job SET updated_at_ms = ?2, forgotten_at_ms = ?3, unwanted = ?4, state = ?5,
                            orders = ?6, outcome = ?7
             WHERE id = ?1",
        )?
        .execute(params![
            job.id.as_str(),
            job.updated_at_ms,
            job.forgotten_at_ms,
            job.unwanted,
            job.state.name(),
            json(&job.orders)?,
            outcome
        ])?;
    Ok(())
}

/// The first picture of a completed job lies under the name that its app gave it.
fn name_pictures(database: &Connection, job: &Job) -> rusqlite::Result<()> {
    let (Some(key), Some(Outcome::Completed(delivered))) = (&job.asset_key, &job.outcome) else {
        return Ok(());
    };
    let Some(picture) = delivered.pictures.first() else {
        return Ok(());
    };
    database
        .prepare_cached(
            "INSERT INTO asset (workspace, test, key, job, picture, at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            job.workspace.as_str(),
            job.test,
            key,
            job.id.as_str(),
            json(picture)?,
            job.updated_at_ms
        ])?;
    Ok(())
}

/// Jobs grow by being accepted, so forgetting some with each commit about jobs keeps them few.
fn forget(database: &Connection, now_ms: i64) -> rusqlite::Result<()> {
    database
        .prepare_cached(
            "DELETE FROM job WHERE seq IN
                 (SELECT seq FROM job WHERE forgotten_at_ms <= ?1 LIMIT ?2)",
        )?
        .execute(params![now_ms, FORGOTTEN_MAX])?;
    Ok(())
}

/// A job as its row tells it.
pub(in super::super) fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    let text = |column: &str| row.get::<_, String>(column);
    let state = text("state")?;
    let outcome: Option<String> = row.get("outcome")?;
    let tariff: Option<String> = row.get("tariff")?;
    Ok(Job {
        id: JobId::known(&text("id")?),
        workspace: WorkspaceId::known(&text("workspace")?),
        key: KeyId::known(&text("key")?),
        test: row.get("test")?,
        request: RequestId::known(&text("request")?),
        hold: HoldId::known(&text("hold")?),
        quote: Credits::from_nanos(row.get("quote_nanos")?),
        tariff: tariff.as_deref().map(from_json).transpose()?,
        dialect: text("dialect")?,
        operation: text("operation")?,
        model: text("model")?,
        asset_key: row.get("asset_key")?,
        webhook: row.get("webhook")?,
        created_at_ms: row.get("created_at_ms")?,
        updated_at_ms: row.get("updated_at_ms")?,
        ends_by_ms: row.get("ends_by_ms")?,
        forgotten_at_ms: row.get("forgotten_at_ms")?,
        unwanted: row.get("unwanted")?,
        state: State::named(&state)
            .ok_or_else(|| unreadable(format!("no job is `{state}`").into()))?,
        orders: from_json(&text("orders")?)?,
        outcome: outcome.as_deref().map(from_json).transpose()?,
    })
}

/// The request of a job as its row tells it.
pub(in super::super) fn input(row: &Row<'_>) -> rusqlite::Result<Input> {
    Ok(Input {
        path: row.get("path")?,
        content_type: row.get("content_type")?,
        body: row.get("body")?,
        public_url: row.get("public_url")?,
        labels: row.get("labels")?,
    })
}

pub(in super::super) fn from_json<T: serde::de::DeserializeOwned>(
    json: &str,
) -> rusqlite::Result<T> {
    serde_json::from_str(json).map_err(|fault| unreadable(fault.into()))
}

fn unreadable(why: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, why)
}
