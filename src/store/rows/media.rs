//! The index of the media library: its tables, what changes in them, what is asked of them.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::canonical::{Format, Kept, Page, Size};
use crate::id::{MediaId, RequestId, WorkspaceId};

/// The tables, made where they are not there yet.
pub(in crate::store) const TABLES: &str = include_str!("media.sql");

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
