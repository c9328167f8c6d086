//! What finance asks: usage line by line, and the credits that moved, from what is committed.
//!
//! Read-only and beside a running gateway; one read transaction is one moment.

use std::path::Path;

use rusqlite::{Connection, Row, params};

use crate::finance::{Day, Exposure, Movement, Span, Statement, UsageLine};

use super::disk;
use super::error::StoreError;

/// The books of a store, as they were when they were opened.
#[derive(Debug)]
pub struct Books {
    database: Connection,
}

impl Books {
    /// Opens the books of the store in `dir`, stopped or running, at this moment.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let database = disk::open_reader(dir)?;
        database.execute_batch("BEGIN")?;
        Ok(Self { database })
    }

    /// Gives every usage line of a span in the order in which they were written.
    pub fn usage<E: From<StoreError>>(
        &self,
        span: Span,
        mut each: impl FnMut(UsageLine) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut asking = self.database.prepare(LINES).map_err(StoreError::from)?;
        let span = params![span.since.begins_ms(), span.until.begins_ms()];
        let mut rows = asking.query(span).map_err(StoreError::from)?;
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            each(line(row).map_err(StoreError::from)?)?;
        }
        Ok(())
    }

    /// The requests of a span of which nobody knows what came of them, the oldest first.
    pub fn exposures(&self, span: Span) -> Result<Vec<Exposure>, StoreError> {
        let mut asking = self.database.prepare(
            "SELECT * FROM exposure WHERE at_ms >= ?1 AND at_ms < ?2 ORDER BY at_ms, request",
        )?;
        let span = params![span.since.begins_ms(), span.until.begins_ms()];
        let exposures = asking.query_map(span, |row| {
            Ok(Exposure {
                at_ms: row.get("at_ms")?,
                request: row.get("request")?,
                workspace: row.get("workspace")?,
                key: row.get("key")?,
                vendor: row.get("vendor")?,
                offering: row.get("offering")?,
                model: row.get("model")?,
                hold: row.get("hold")?,
                hold_nanos: row.get("hold_nanos")?,
                why: row.get("why")?,
            })
        })?;
        Ok(exposures.collect::<Result<_, _>>()?)
    }

    /// The statement of each workspace over a span, by name.
    pub fn statements(&self, span: Span) -> Result<Vec<Statement>, StoreError> {
        let mut asking = self
            .database
            .prepare("SELECT id, name FROM workspace WHERE created_at_ms < ?1 ORDER BY name, id")?;
        let names =
            asking.query_map([span.until.begins_ms()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let names: Vec<(String, String)> = names.collect::<Result<_, _>>()?;
        names.into_iter().map(|names| self.statement(names, span)).collect()
    }

    fn statement(&self, names: (String, String), span: Span) -> Result<Statement, StoreError> {
        let count = |query: &str, at: Day| -> rusqlite::Result<i64> {
            let asked = params![names.0, at.begins_ms()];
            self.database.prepare_cached(query)?.query_row(asked, |row| row.get(0))
        };
        let opening_nanos = count(THERE, span.since)?;
        let held_nanos = count(HELD, span.until)?;
        let mut asking = self.database.prepare_cached(MOVED)?;
        let asked = params![names.0, span.since.begins_ms(), span.until.begins_ms()];
        let movements = asking.query_map(asked, |row| {
            Ok(Movement {
                source: row.get(0)?,
                target: row.get(1)?,
                grant_source: row.get(2)?,
                nanos: row.get(3)?,
            })
        })?;
        let movements = movements.collect::<Result<Vec<_>, _>>()?;
        Ok(Statement::of(names, opening_nanos, held_nanos, movements)
            .map_err(crate::ledger::LedgerError::from)?)
    }
}

const LINES: &str = "SELECT * FROM usage_line WHERE at_ms >= ?1 AND at_ms < ?2 ORDER BY seq";

/// What a workspace had at a moment: all that came, less all that left.
const THERE: &str = "SELECT ifnull(sum(CASE WHEN source = 'issued' THEN amount_nanos
                                            WHEN target IN ('spent', 'expired') THEN -amount_nanos
                                            ELSE 0 END), 0)
                     FROM entry WHERE workspace = ?1 AND at_ms < ?2";

/// What of it was set aside.
const HELD: &str = "SELECT ifnull(sum(CASE WHEN target = 'held' THEN amount_nanos
                                           WHEN source = 'held' THEN -amount_nanos
                                           ELSE 0 END), 0)
                    FROM entry WHERE workspace = ?1 AND at_ms < ?2";

const MOVED: &str = "SELECT e.source, e.target, ifnull(g.source, ''), sum(e.amount_nanos)
                     FROM entry AS e LEFT JOIN \"grant\" AS g ON g.id = e.\"grant\"
                     WHERE e.workspace = ?1 AND e.at_ms >= ?2 AND e.at_ms < ?3
                     GROUP BY 1, 2, 3 ORDER BY 1, 2, 3";

fn line(row: &Row<'_>) -> rusqlite::Result<UsageLine> {
    let labels: String = row.get("labels")?;
    Ok(UsageLine {
        seq: row.get("seq")?,
        at_ms: row.get("at_ms")?,
        request: row.get("request")?,
        workspace: row.get("workspace")?,
        workspace_name: row.get("workspace_name")?,
        key: row.get("key")?,
        key_name: row.get("key_name")?,
        plan: row.get("plan")?,
        test: row.get("test")?,
        dialect: row.get("dialect")?,
        operation: row.get("operation")?,
        model: row.get("model")?,
        vendor: row.get("vendor")?,
        offering: row.get("offering")?,
        images_asked: row.get("images_asked")?,
        images: row.get("images")?,
        size: row.get("size")?,
        quality: row.get("quality")?,
        labels: serde_json::from_str(&labels).map_err(|fault| {
            rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, fault.into())
        })?,
        hold: row.get("hold")?,
        charged_nanos: row.get("charged_nanos")?,
        cost_nanos: row.get("cost_nanos")?,
        attempts: row.get("attempts")?,
        outcome: row.get("outcome")?,
        status: row.get("status")?,
        outcome_unknown: row.get("outcome_unknown")?,
        policy_version: row.get("policy_version")?,
    })
}
