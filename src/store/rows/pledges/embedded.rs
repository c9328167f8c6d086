//! Pledges in the embedded database, where the writer counts the bytes of kept answers itself.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::id::HoldId;

use super::super::super::cells::Value;
use super::super::super::shape::RowSet;
use super::{Change, DONE, FORGOTTEN_MAX, OPENED, PledgeRows, done_row, opened_row};

/// Where [`DONE`] has the bytes of an answer.
const BYTES: usize = 4;

/// What a commit made of the answers that are kept.
#[derive(Debug, Default)]
pub(in crate::store) struct Shelved {
    /// Bytes of all bodies after it.
    pub(in crate::store) kept_bytes: i64,
    /// Answers that made room for newer ones.
    pub(in crate::store) dropped: u64,
    /// Files that no row names any more.
    pub(in crate::store) files: Vec<HoldId>,
}

impl PledgeRows {
    /// Writes all of it, and lets the oldest answers go until the rest is within `bytes_max`.
    pub(in crate::store) fn write(
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
                    RowSet::new(&OPENED, vec![opened_row(pledge)]).write(database)?;
                }
                Change::Done(pledge, kept) => {
                    let done =
                        RowSet::new(&DONE, Vec::from_iter(done_row(pledge, kept.as_deref())));
                    done.write(database)?;
                    shelved.gain(&done);
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
    /// Counts the bytes of answers that are kept from now on.
    fn gain(&mut self, done: &RowSet<'_>) {
        let bytes = done.rows.iter().filter_map(|row| row.get(BYTES));
        for bytes in bytes {
            if let Value::Number(bytes) = bytes {
                self.kept_bytes = self.kept_bytes.saturating_add(*bytes);
            }
        }
    }

    fn lose(&mut self, (hold, bytes, is_in_file): (HoldId, i64, bool)) {
        self.kept_bytes = self.kept_bytes.saturating_sub(bytes);
        if is_in_file {
            self.files.push(hold);
        }
    }
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
