//! What finance asks: usage line by line, and the credits that moved, from what is committed.
//!
//! Read-only and beside a running gateway, on either database; one read transaction is one moment.
//! The same books give the same lines in the same order, wherever they are kept.

use std::path::Path;

use rusqlite::Connection;

use crate::config::Config;
use crate::finance::{Day, Exposure, Movement, Span, Statement, UsageLine};

use super::cells::{Cells, Query, Reading, Value};
use super::disk;
use super::embedded;
use super::error::StoreError;
use super::postgres::{self, Moment};

/// Lines that are read at a time.
const PAGE: i64 = 5_000;

/// The books of a store, as they were when they were opened.
#[derive(Debug)]
pub struct Books {
    place: Place,
}

#[derive(Debug)]
enum Place {
    Embedded(Connection),
    Postgres(Moment),
}

impl Books {
    /// Opens the books of the store of this config, stopped or running, at this moment.
    pub async fn open_for(config: &Config) -> Result<Self, StoreError> {
        match &config.postgres {
            None => Self::open(&config.store_directory),
            Some(at) => Self::open_at(super::address(at)?).await,
        }
    }

    /// The same of the store in `dir`.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let database = disk::open_reader(dir)?;
        database.execute_batch("BEGIN")?;
        Ok(Self { place: Place::Embedded(database) })
    }

    /// The same of the store that nodes share.
    pub(super) async fn open_at(address: postgres::Address) -> Result<Self, StoreError> {
        Ok(Self { place: Place::Postgres(Moment::open(address).await?) })
    }

    /// Gives every usage line of a span in the order in which they were written.
    pub async fn usage<E: From<StoreError>>(
        &self,
        span: Span,
        mut each: impl FnMut(UsageLine) -> Result<(), E>,
    ) -> Result<(), E> {
        let numbers = |row: &dyn Cells| Ok((row.number("least")?, row.number("most")?));
        let ends = self.ask(ENDS, days(span), numbers).await?;
        let Some((first, most)) = ends.first().copied() else { return Ok(()) };
        let mut after = first.saturating_sub(1);
        while after < most {
            let mut asked = days(span);
            asked.extend([after.into(), most.into(), PAGE.into()]);
            let page = self.ask(LINES, asked, line).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            for line in page {
                each(line)?;
            }
        }
        Ok(())
    }

    /// The requests of a span of which nobody knows what came of them, the oldest first.
    pub async fn exposures(&self, span: Span) -> Result<Vec<Exposure>, StoreError> {
        self.ask(EXPOSURES, days(span), exposure).await
    }

    /// The statement of each workspace over a span, by name.
    pub async fn statements(&self, span: Span) -> Result<Vec<Statement>, StoreError> {
        let names = |row: &dyn Cells| Ok((row.text("id")?, row.text("name")?));
        let names = self.ask(WORKSPACES, vec![span.until.begins_ms().into()], names).await?;
        let mut statements = Vec::with_capacity(names.len());
        for names in names {
            statements.push(self.statement(names, span).await?);
        }
        Ok(statements)
    }

    async fn statement(
        &self,
        names: (String, String),
        span: Span,
    ) -> Result<Statement, StoreError> {
        let opening_nanos = self.sum(THERE, &names.0, span.since).await?;
        let held_nanos = self.sum(HELD, &names.0, span.until).await?;
        let mut asked = vec![names.0.clone().into()];
        asked.extend(days(span));
        let movements = self.ask(MOVED, asked, movement).await?;
        Ok(Statement::of(names, opening_nanos, held_nanos, movements)
            .map_err(crate::ledger::LedgerError::from)?)
    }

    async fn sum(&self, query: Query, workspace: &str, at: Day) -> Result<i64, StoreError> {
        let asked = vec![workspace.to_owned().into(), at.begins_ms().into()];
        let sums = self.ask(query, asked, |row| row.number("n")).await?;
        Ok(sums.first().copied().unwrap_or(0))
    }

    pub(super) async fn ask<T>(
        &self,
        query: Query,
        values: Vec<Value<'static>>,
        read: Reading<T>,
    ) -> Result<Vec<T>, StoreError> {
        match &self.place {
            Place::Embedded(database) => embedded::ask(database, query, &values, read),
            Place::Postgres(moment) => moment.ask(query, &values, read).await,
        }
    }
}

fn days(span: Span) -> Vec<Value<'static>> {
    vec![span.since.begins_ms().into(), span.until.begins_ms().into()]
}

/// The numbers of the first and the last line of a span; nothing lies between them where it is empty. The pluses have them
/// looked for by time: by number, every line before the span would be read.
pub(super) const ENDS: Query = Query::same(
    "SELECT coalesce(min(+seq), 1) AS least, coalesce(max(+seq), 0) AS most
     FROM usage WHERE at_ms >= $1 AND at_ms < $2",
);

/// By number: an index of times would have every page sorted anew.
const LINES: Query = Query::same(
    "SELECT * FROM usage_line
     WHERE at_ms + 0 >= $1 AND at_ms + 0 < $2 AND seq > $3 AND seq <= $4 ORDER BY seq LIMIT $5",
);

const EXPOSURES: Query = Query::each(
    "SELECT * FROM exposure WHERE at_ms >= $1 AND at_ms < $2 ORDER BY at_ms, request",
    "SELECT * FROM exposure WHERE at_ms >= $1 AND at_ms < $2 ORDER BY at_ms, request COLLATE \"C\"",
);

const WORKSPACES: Query = Query::each(
    "SELECT id, name FROM workspace WHERE created_at_ms < $1 ORDER BY name, id",
    "SELECT id, name FROM workspace WHERE created_at_ms < $1
     ORDER BY name COLLATE \"C\", id COLLATE \"C\"",
);

/// What a workspace had at a moment: all that came, less all that left.
const THERE: Query = Query::same(
    "SELECT CAST(coalesce(sum(CASE WHEN source = 'issued' THEN amount_nanos
                                   WHEN target IN ('spent', 'expired') THEN -amount_nanos
                                   ELSE 0 END), 0) AS bigint) AS n
     FROM entry WHERE workspace = $1 AND at_ms < $2",
);

/// What of it was set aside.
const HELD: Query = Query::same(
    "SELECT CAST(coalesce(sum(CASE WHEN target = 'held' THEN amount_nanos
                                   WHEN source = 'held' THEN -amount_nanos
                                   ELSE 0 END), 0) AS bigint) AS n
     FROM entry WHERE workspace = $1 AND at_ms < $2",
);

/// Credits that moved, by where they came from and why they went.
macro_rules! moved {
    ($order:literal) => {
        concat!(
            "SELECT e.source AS source, e.target AS target, e.kind = 'adjust' AS is_adjusted,
                    coalesce(g.source, '') AS grant_source,
                    CAST(sum(e.amount_nanos) AS bigint) AS nanos
             FROM entry AS e LEFT JOIN \"grant\" AS g ON g.id = e.\"grant\"
             WHERE e.workspace = $1 AND e.at_ms >= $2 AND e.at_ms < $3
             GROUP BY 1, 2, 3, 4 ORDER BY ",
            $order
        )
    };
}

const MOVED: Query = Query::each(
    moved!("1, 2, 3, 4"),
    moved!(
        "e.source COLLATE \"C\", e.target COLLATE \"C\", 3, coalesce(g.source, '') COLLATE \"C\""
    ),
);

fn movement(row: &dyn Cells) -> Result<Movement, StoreError> {
    Ok(Movement {
        source: row.text("source")?,
        target: row.text("target")?,
        is_adjusted: row.flag("is_adjusted")?,
        grant_source: row.text("grant_source")?,
        nanos: row.number("nanos")?,
    })
}

fn exposure(row: &dyn Cells) -> Result<Exposure, StoreError> {
    Ok(Exposure {
        at_ms: row.number("at_ms")?,
        request: row.text("request")?,
        workspace: row.maybe_text("workspace")?,
        key: row.maybe_text("key")?,
        vendor: row.maybe_text("vendor")?,
        offering: row.maybe_text("offering")?,
        model: row.maybe_text("model")?,
        hold: row.maybe_text("hold")?,
        hold_nanos: row.maybe_number("hold_nanos")?,
        why: row.text("why")?,
    })
}

pub(super) fn line(row: &dyn Cells) -> Result<UsageLine, StoreError> {
    Ok(UsageLine {
        seq: row.number("seq")?,
        at_ms: row.number("at_ms")?,
        request: row.text("request")?,
        workspace: row.maybe_text("workspace")?,
        workspace_name: row.maybe_text("workspace_name")?,
        key: row.maybe_text("key")?,
        key_name: row.maybe_text("key_name")?,
        plan: row.maybe_text("plan")?,
        test: row.flag("test")?,
        dialect: row.text("dialect")?,
        operation: row.maybe_text("operation")?,
        model: row.maybe_text("model")?,
        vendor: row.maybe_text("vendor")?,
        offering: row.maybe_text("offering")?,
        images_asked: row.small("images_asked")?,
        images: row.small("images")?,
        size: row.maybe_text("size")?,
        quality: row.maybe_text("quality")?,
        labels: row.json("labels")?,
        hold: row.maybe_text("hold")?,
        charged_nanos: row.number("charged_nanos")?,
        cost_nanos: row.number("cost_nanos")?,
        attempts: row.small("attempts")?,
        outcome: row.text("outcome")?,
        status: row.small("status")?,
        outcome_unknown: row.flag("outcome_unknown")?,
        policy_version: row.text("policy_version")?,
        price_version: row.maybe_text("price_version")?,
        cost_version: row.maybe_text("cost_version")?,
    })
}
