//! Notices as rows.

use rusqlite::{Connection, Row, params};

use crate::id::{JobId, NoticeId, WorkspaceId};
use crate::job::Job;
use crate::notice::{Lane, Notice, Verdict};

use super::super::notices::{Tried, notice_of};

/// Writes down that somebody is to be told, if a job has just ended and its app wants to be.
pub(super) fn open(database: &Connection, job: &Job) -> rusqlite::Result<()> {
    let Some(notice) = notice_of(job) else { return Ok(()) };
    database
        .prepare_cached(
            "INSERT INTO notice (id, job, workspace, origin, created_at_ms, at_ms, tries, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'waiting')",
        )?
        .execute(params![
            notice.id.as_str(),
            notice.job.as_str(),
            notice.lane.workspace.as_str(),
            notice.lane.origin,
            notice.created_at_ms,
            notice.at_ms,
            notice.tries
        ])?;
    Ok(())
}

/// What became of one. There is no row of what was forgotten meanwhile.
pub(super) fn write(database: &Connection, tried: &Tried) -> rusqlite::Result<()> {
    let (state, why, at_ms) = match tried.verdict {
        Verdict::Told => ("told", None, None),
        Verdict::Again { at_ms } => ("waiting", None, Some(at_ms)),
        Verdict::Dead(why) => ("dead", Some(why.name()), None),
    };
    database
        .prepare_cached(
            "UPDATE notice SET state = ?2, why = ?3, at_ms = ifnull(?4, at_ms), tries = ?5,
                               answer = ifnull(?6, answer)
             WHERE id = ?1",
        )?
        .execute(params![tried.id.as_str(), state, why, at_ms, tried.tries, tried.answer])?;
    Ok(())
}

/// Every notice that is not over, the oldest first.
pub(in super::super) fn waiting(database: &Connection) -> rusqlite::Result<Vec<Notice>> {
    let mut asking =
        database.prepare_cached("SELECT * FROM notice WHERE state = 'waiting' ORDER BY seq")?;
    asking.query_map([], notice)?.collect()
}

fn notice(row: &Row<'_>) -> rusqlite::Result<Notice> {
    let text = |column: &str| row.get::<_, String>(column);
    Ok(Notice {
        id: NoticeId::known(&text("id")?),
        job: JobId::known(&text("job")?),
        lane: Lane { workspace: WorkspaceId::known(&text("workspace")?), origin: text("origin")? },
        created_at_ms: row.get("created_at_ms")?,
        at_ms: row.get("at_ms")?,
        tries: row.get("tries")?,
    })
}
