//! The index of the media library: its tables, what changes in them, what is asked of them.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::canonical::{Format, Kept, Page, Size};
use crate::id::{MediaId, RequestId, WorkspaceId};

/// The tables, made where they are not there yet.
const TABLES: &str = include_str!("media.sql");

/// Puts the table of before there was AVIF out of the way.
const SET_ASIDE: &str = "DROP TRIGGER IF EXISTS media_is_counted;
    DROP TRIGGER IF EXISTS media_is_discounted;
    DROP INDEX IF EXISTS media_listed;
    DROP INDEX IF EXISTS media_of_digest;
    DROP INDEX IF EXISTS media_over;
    ALTER TABLE media RENAME TO media_before;";

/// Takes over its rows, which are counted already.
const TAKE_OVER: &str = "DROP TRIGGER media_is_counted;
    INSERT INTO media SELECT * FROM media_before;
    DROP TABLE media_before;";

/// Makes the tables, or makes those of an older version as they are now: all of it or nothing.
pub(in crate::store) fn prepare(database: &mut Connection) -> rusqlite::Result<()> {
    let making = database.transaction()?;
    // A check cannot be changed, so a table with an older one is made anew.
    let is_older = making
        .prepare("SELECT 1 FROM sqlite_schema WHERE name = 'media' AND sql NOT LIKE '%''avif''%'")?
        .exists([])?;
    if is_older {
        making.execute_batch(SET_ASIDE)?;
        making.execute_batch(TABLES)?;
        making.execute_batch(TAKE_OVER)?;
    }
    making.execute_batch(TABLES)?;
    making.commit()
}

/// A change to the index that waits for its commit.
#[derive(Debug)]
pub(in crate::store) enum MediaChange {
    /// A picture is kept.
    Keep(Kept),
    /// A picture is kept no longer.
    Erase(MediaId),
}

/// What a workspace keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaTotal {
    /// So many pictures.
    pub pictures: u64,
    /// So many bytes, each picture counted for itself.
    pub bytes: u64,
}

pub(super) fn write(database: &Connection, change: &MediaChange) -> rusqlite::Result<()> {
    match change {
        MediaChange::Keep(kept) => insert(database, kept),
        MediaChange::Erase(id) => {
            database.prepare_cached("DELETE FROM media WHERE id = ?1")?.execute([id.as_str()])?;
            Ok(())
        }
    }
}

fn insert(database: &Connection, kept: &Kept) -> rusqlite::Result<()> {
    database
        .prepare_cached(
            "INSERT INTO media (id, workspace, digest, format, width, height, bytes, model, request,
                                created_at_ms, expires_at_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            kept.id.as_str(),
            kept.workspace.as_str(),
            kept.digest,
            kept.format.name(),
            kept.size.map(|size| size.width),
            kept.size.map(|size| size.height),
            i64::try_from(kept.bytes).unwrap_or(i64::MAX),
            kept.model,
            kept.request.as_str(),
            kept.created_at_ms,
            kept.expires_at_ms
        ])?;
    Ok(())
}

/// A picture by its name, over or not.
pub(in crate::store) fn find(database: &Connection, id: &str) -> rusqlite::Result<Option<Kept>> {
    let mut asking = database.prepare_cached("SELECT * FROM media WHERE id = ?1")?;
    asking.query_row([id], kept).optional()
}

/// A page of what a workspace owns and is not over, newest first.
pub(in crate::store) fn list(
    database: &Connection,
    workspace: &WorkspaceId,
    page: &Page,
    now_ms: i64,
) -> rusqlite::Result<Vec<Kept>> {
    let (at_ms, id) = page
        .after
        .as_ref()
        .map_or((i64::MAX, ""), |after| (after.created_at_ms, after.id.as_str()));
    let mut asking = database.prepare_cached(
        "SELECT * FROM media
         WHERE workspace = ?1 AND (created_at_ms, id) < (?2, ?3)
               AND (expires_at_ms IS NULL OR expires_at_ms > ?4)
         ORDER BY created_at_ms DESC, id DESC LIMIT ?5",
    )?;
    let found =
        asking.query_map(params![workspace.as_str(), at_ms, id, now_ms, page.limit], kept)?;
    found.collect()
}

/// Pictures that are over, those that were over first in front.
pub(in crate::store) fn over(
    database: &Connection,
    now_ms: i64,
    limit: u32,
) -> rusqlite::Result<Vec<Kept>> {
    let mut asking = database.prepare_cached(
        "SELECT * FROM media WHERE expires_at_ms <= ?1 ORDER BY expires_at_ms LIMIT ?2",
    )?;
    asking.query_map(params![now_ms, limit], kept)?.collect()
}

/// Whether any row names these bytes.
pub(in crate::store) fn is_named(database: &Connection, digest: &str) -> rusqlite::Result<bool> {
    database.prepare_cached("SELECT 1 FROM media WHERE digest = ?1")?.exists([digest])
}

/// What a workspace keeps.
pub(in crate::store) fn total(
    database: &Connection,
    workspace: &WorkspaceId,
) -> rusqlite::Result<MediaTotal> {
    let mut asking =
        database.prepare_cached("SELECT pictures, bytes FROM media_total WHERE workspace = ?1")?;
    let found = asking.query_row([workspace.as_str()], counted).optional()?;
    Ok(found.unwrap_or_default())
}

/// What everyone keeps.
pub(in crate::store) fn total_of_all(database: &Connection) -> rusqlite::Result<MediaTotal> {
    let query = "SELECT ifnull(sum(pictures), 0), ifnull(sum(bytes), 0) FROM media_total";
    database.prepare_cached(query)?.query_row([], counted)
}

fn counted(row: &Row<'_>) -> rusqlite::Result<MediaTotal> {
    Ok(MediaTotal { pictures: unsigned(row.get(0)?), bytes: unsigned(row.get(1)?) })
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let text = |column: &str| row.get::<_, String>(column);
    let format = match text("format")?.as_str() {
        "png" => Format::Png,
        "jpeg" => Format::Jpeg,
        "webp" => Format::Webp,
        "avif" => Format::Avif,
        other => {
            let why = format!("`{other}` is no format").into();
            return Err(rusqlite::Error::FromSqlConversionFailure(0, Type::Text, why));
        }
    };
    let (width, height): (Option<u32>, Option<u32>) = (row.get("width")?, row.get("height")?);
    Ok(Kept {
        id: MediaId::known(&text("id")?),
        workspace: WorkspaceId::known(&text("workspace")?),
        digest: text("digest")?,
        format,
        size: width.zip(height).map(|(width, height)| Size::new(width, height)),
        bytes: unsigned(row.get("bytes")?),
        model: text("model")?,
        request: RequestId::known(&text("request")?),
        created_at_ms: row.get("created_at_ms")?,
        expires_at_ms: row.get("expires_at_ms")?,
    })
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn kept(id: &str, format: Format) -> Kept {
        Kept {
            id: MediaId::known(id),
            workspace: WorkspaceId::known("ws_1"),
            digest: DIGEST.to_owned(),
            format,
            size: Some(Size::new(64, 32)),
            bytes: 10,
            model: "m".to_owned(),
            request: RequestId::known("req_1"),
            created_at_ms: 1,
            expires_at_ms: None,
        }
    }

    #[test]
    fn a_table_of_before_there_was_avif_is_made_anew_with_all_that_is_in_it() {
        let mut database = Connection::open_in_memory().unwrap();
        database.execute_batch(&TABLES.replace(", 'avif'", "")).unwrap();
        insert(&database, &kept("med_old", Format::Webp)).unwrap();
        assert!(insert(&database, &kept("med_new", Format::Avif)).is_err());
        for _ in 0..2 {
            prepare(&mut database).unwrap();
        }
        insert(&database, &kept("med_new", Format::Avif)).unwrap();
        let mut asking = database.prepare("SELECT * FROM media ORDER BY id").unwrap();
        let rows: Vec<Kept> = asking.query_map([], super::kept).unwrap().flatten().collect();
        assert_eq!(rows, [kept("med_new", Format::Avif), kept("med_old", Format::Webp)]);
        let objects = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'media%'";
        let objects: i64 = database.query_row(objects, [], |row| row.get(0)).unwrap();
        // Two tables, three indexes, two triggers.
        assert_eq!(objects, 7);
        let total = "SELECT pictures, bytes FROM media_total";
        assert_eq!(database.query_row(total, [], counted).unwrap().pictures, 2);
        write(&database, &MediaChange::Erase(MediaId::known("med_old"))).unwrap();
        assert_eq!(database.query_row(total, [], counted).unwrap().pictures, 1);
    }
}
