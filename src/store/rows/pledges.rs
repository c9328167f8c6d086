//! Pledges as rows: what one commit opens, ends and forgets of them, and how they are read back.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::id::{HoldId, KeyId, RequestId};
use crate::pledge::{Fingerprint, Gone, Pledge, Scope, State};

use super::super::answers::AnswerKept;

/// How many forgotten rows one commit removes at most.
const FORGOTTEN_MAX: u32 = 1_000;

/// Everything about pledges that waits for the commit, in its order.
#[derive(Debug, Default)]
pub(in super::super) struct PledgeRows {
    changes: Vec<Change>,
    /// Removes what is to be forgotten by then.
    pub(in super::super) forget_at_ms: Option<i64>,
}

#[derive(Debug)]
enum Change {
    Opened(Pledge),
    Done(Pledge, Option<Box<AnswerKept>>),
    Freed(Scope, HoldId),
}

/// What a batch has made of a name.
#[derive(Debug)]
pub(in super::super) enum InBatch<'a> {
    /// Nothing: the tables know.
    Untouched,
    /// It is free.
    Freed,
    /// This is known under it.
    Named(&'a Pledge),
}

/// What a commit made of the answers that are kept.
#[derive(Debug, Default)]
pub(in super::super) struct Shelved {
    /// Bytes of all bodies after it.
    pub(in super::super) kept_bytes: i64,
    /// Answers that made room for newer ones.
    pub(in super::super) dropped: u64,
    /// Files that no row names any more.
    pub(in super::super) files: Vec<HoldId>,
}

impl PledgeRows {
    pub(in super::super) const fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.forget_at_ms.is_none()
    }

    pub(in super::super) fn open(&mut self, pledge: Pledge) {
        self.changes.push(Change::Opened(pledge));
    }

    /// The pledge of this hold has ended: it is done, or its name is free.
    pub(in super::super) fn end(
        &mut self,
        (scope, hold): (Scope, HoldId),
        done: Option<Pledge>,
        kept: Option<Box<AnswerKept>>,
    ) {
        self.changes.push(match done {
            Some(done) => Change::Done(done, kept),
            None => Change::Freed(scope, hold),
        });
    }

    /// What this batch has made of a name.
    pub(in super::super) fn find(&self, scope: &Scope) -> InBatch<'_> {
        let found = self.changes.iter().rev().find_map(|change| match change {
            Change::Opened(pledge) | Change::Done(pledge, _) => {
                (pledge.scope == *scope).then_some(InBatch::Named(pledge))
            }
            Change::Freed(freed, _) => (freed == scope).then_some(InBatch::Freed),
        });
        found.unwrap_or(InBatch::Untouched)
    }

    /// Writes all of it, and lets the oldest answers go until the rest is within `bytes_max`.
    pub(in super::super) fn write(
        &self,
        database: &Connection,
        kept_bytes: i64,
        bytes_max: usize,
    ) -> rusqlite::Result<Shelved> {
        let mut shelved = Shelved { kept_bytes, ..Shelved::default() };
        for change in &self.changes {
            match change {
                Change::Opened(pledge) => {
                    remove(database, "scope = ?1", params![pledge.scope.0], &mut shelved)?;
                    open(database, pledge)?;
                }
                Change::Done(pledge, kept) => {
                    done(database, pledge, kept.as_deref(), &mut shelved)?;
                }
                Change::Freed(_, hold) => {
                    remove(database, "hold = ?1", params![hold.as_str()], &mut shelved)?;
                }
            }
        }
        if let Some(at_ms) = self.forget_at_ms {
            let forgotten =
                "seq IN (SELECT seq FROM pledge WHERE state <> 'open' AND until_ms <= ?1 LIMIT ?2)";
            remove(database, forgotten, params![at_ms, FORGOTTEN_MAX], &mut shelved)?;
        }
        make_room(database, i64::try_from(bytes_max).unwrap_or(i64::MAX), &mut shelved)?;
        Ok(shelved)
    }
}

impl Shelved {
    fn lose(&mut self, (hold, bytes, is_in_file): (HoldId, i64, bool)) {
        self.kept_bytes = self.kept_bytes.saturating_sub(bytes);
        if is_in_file {
            self.files.push(hold);
        }
    }
}

fn open(database: &Connection, pledge: &Pledge) -> rusqlite::Result<()> {
    let (State::Open { until_ms } | State::Done { until_ms, .. }) = pledge.state;
    database
        .prepare_cached(
            "INSERT INTO pledge (scope, key, fingerprint, implied, hold, request, run,
                                 opened_at_ms, until_ms, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 'open')",
        )?
        .execute(params![
            pledge.scope.0,
            pledge.key.as_str(),
            pledge.fingerprint.0,
            pledge.is_implied,
            pledge.hold.as_str(),
            pledge.request.as_str(),
            pledge.run,
            pledge.opened_at_ms,
            until_ms
        ])?;
    Ok(())
}

fn done(
    database: &Connection,
    pledge: &Pledge,
    kept: Option<&AnswerKept>,
    shelved: &mut Shelved,
) -> rusqlite::Result<()> {
    let State::Done { until_ms, gone } = pledge.state else { return Ok(()) };
    let prepared = kept.and_then(|kept| kept.0.as_ref().ok()).filter(|_| gone.is_none());
    // A pledge that ended without anyone keeping its answer was served all the same.
    let gone = if prepared.is_none() { Some(gone.unwrap_or(Gone::Lost)) } else { None };
    let bytes = prepared.map_or(0, |prepared| prepared.bytes);
    database
        .prepare_cached(
            "UPDATE pledge SET state = ?2, until_ms = ?3, gone = ?4, bytes = ?5, head = ?6,
                               digest = ?7, body = ?8
             WHERE hold = ?1",
        )?
        .execute(params![
            pledge.hold.as_str(),
            if gone.is_none() { "kept" } else { "gone" },
            until_ms,
            gone.map(Gone::name),
            bytes,
            prepared.map(|prepared| &prepared.head),
            prepared.map(|prepared| prepared.digest),
            prepared.and_then(|prepared| prepared.body.as_ref())
        ])?;
    shelved.kept_bytes = shelved.kept_bytes.saturating_add(bytes);
    Ok(())
}

fn remove(
    database: &Connection,
    which: &str,
    parameters: &[&dyn rusqlite::ToSql],
    shelved: &mut Shelved,
) -> rusqlite::Result<()> {
    let mut removing = database.prepare_cached(&format!(
        "DELETE FROM pledge WHERE {which}
         RETURNING hold, bytes, state = 'kept' AND body IS NULL"
    ))?;
    let removed = removing.query_map(parameters, shelf)?;
    for row in removed {
        shelved.lose(row?);
    }
    Ok(())
}

/// The oldest answers go until the rest is within the bound; what was served is still known.
fn make_room(database: &Connection, bytes_max: i64, shelved: &mut Shelved) -> rusqlite::Result<()> {
    while shelved.kept_bytes > bytes_max {
        let oldest = database
            .prepare_cached(
                "SELECT hold, bytes, body IS NULL FROM pledge WHERE state = 'kept'
                 ORDER BY seq LIMIT 1",
            )?
            .query_row([], shelf)
            .optional()?;
        let Some(oldest) = oldest else { return Ok(()) };
        database
            .prepare_cached(
                "UPDATE pledge SET state = 'gone', gone = 'dropped', bytes = 0, head = NULL,
                                   digest = NULL, body = NULL
                 WHERE hold = ?1",
            )?
            .execute([oldest.0.as_str()])?;
        shelved.lose(oldest);
        shelved.dropped = shelved.dropped.saturating_add(1);
    }
    Ok(())
}

fn shelf(row: &Row<'_>) -> rusqlite::Result<(HoldId, i64, bool)> {
    Ok((HoldId::known(&row.get::<_, String>(0)?), row.get(1)?, row.get(2)?))
}

/// Every pledge whose hold is open.
pub(in super::super) fn load_open(database: &Connection) -> rusqlite::Result<Vec<Pledge>> {
    let mut asking = database.prepare("SELECT * FROM pledge WHERE state = 'open'")?;
    asking.query_map([], read)?.collect()
}

/// Bytes of all bodies that are kept.
pub(in super::super) fn load_kept_bytes(database: &Connection) -> rusqlite::Result<i64> {
    database.query_row("SELECT ifnull(sum(bytes), 0) FROM pledge", [], |row| row.get(0))
}

/// What is known under a name.
pub(in super::super) fn find(
    database: &Connection,
    scope: &Scope,
) -> rusqlite::Result<Option<Pledge>> {
    database
        .prepare_cached("SELECT * FROM pledge WHERE scope = ?1")?
        .query_row([scope.0], read)
        .optional()
}

/// The latest call of this key that did not name itself and asked this.
pub(in super::super) fn find_implied(
    database: &Connection,
    key: &KeyId,
    asked: &Fingerprint,
) -> rusqlite::Result<Option<Pledge>> {
    database
        .prepare_cached(
            "SELECT * FROM pledge WHERE implied AND key = ?1 AND fingerprint = ?2
             ORDER BY seq DESC LIMIT 1",
        )?
        .query_row(params![key.as_str(), asked.0], read)
        .optional()
}

/// Whether anything is to be forgotten by now.
pub(in super::super) fn is_any_forgotten(
    database: &Connection,
    at_ms: i64,
) -> rusqlite::Result<bool> {
    database
        .prepare_cached("SELECT 1 FROM pledge WHERE state <> 'open' AND until_ms <= ?1 LIMIT 1")?
        .exists([at_ms])
}

fn read(row: &Row<'_>) -> rusqlite::Result<Pledge> {
    let until_ms = row.get("until_ms")?;
    let gone: Option<String> = row.get("gone")?;
    let state = match (row.get::<_, String>("state")?.as_str(), gone) {
        ("open", _) => State::Open { until_ms },
        ("kept", _) => State::Done { until_ms, gone: None },
        ("gone", Some(why)) => {
            State::Done { until_ms, gone: Some(Gone::named(&why).ok_or_else(|| unreadable(&why))?) }
        }
        (other, _) => return Err(unreadable(other)),
    };
    Ok(Pledge {
        scope: Scope(row.get("scope")?),
        key: KeyId::known(&row.get::<_, String>("key")?),
        fingerprint: Fingerprint(row.get("fingerprint")?),
        is_implied: row.get("implied")?,
        hold: HoldId::known(&row.get::<_, String>("hold")?),
        request: RequestId::known(&row.get::<_, String>("request")?),
        run: row.get("run")?,
        opened_at_ms: row.get("opened_at_ms")?,
        state,
    })
}

fn unreadable(word: &str) -> rusqlite::Error {
    let why = format!("no pledge is `{word}`");
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, why.into())
}
