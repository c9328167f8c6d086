//! The index of the media library: its tables, what changes in them, what is asked of them.

use crate::canonical::{Format, Kept, Size};
use crate::id::{MediaId, RequestId, WorkspaceId};

use super::super::cells::{Cells, Kind, Query, Value};
use super::super::error::StoreError;
use super::super::shape::{RowSet, Shape, Way};

/// The tables, made where they are not there yet.
pub(in crate::store) const TABLES: &str = include_str!("media.sql");

/// A picture by its name, over or not.
pub(in crate::store) const FIND: Query = Query::same("SELECT * FROM media WHERE id = $1");

/// A page of what a workspace owns and is not over, newest first.
pub(in crate::store) const LIST: Query = Query::same(
    "SELECT * FROM media
     WHERE workspace = $1 AND (created_at_ms, id) < ($2, $3)
           AND (expires_at_ms IS NULL OR expires_at_ms > $4)
     ORDER BY created_at_ms DESC, id DESC LIMIT $5",
);

/// Pictures that are over, those that were over first in front.
pub(in crate::store) const OVER: Query =
    Query::same("SELECT * FROM media WHERE expires_at_ms <= $1 ORDER BY expires_at_ms LIMIT $2");

/// Whether any row names these bytes.
pub(in crate::store) const IS_NAMED: Query =
    Query::same("SELECT id FROM media WHERE digest = $1 LIMIT 1");

/// What a workspace keeps.
pub(in crate::store) const TOTAL: Query =
    Query::same("SELECT pictures, bytes FROM media_total WHERE workspace = $1");

/// What everyone keeps.
pub(in crate::store) const TOTAL_OF_ALL: Query = Query::same(
    "SELECT CAST(coalesce(sum(pictures), 0) AS BIGINT) AS pictures,
            CAST(coalesce(sum(bytes), 0) AS BIGINT) AS bytes FROM media_total",
);

static MEDIA: Shape = Shape {
    table: "media",
    columns: &[
        ("id", Kind::Text),
        ("workspace", Kind::Text),
        ("digest", Kind::Text),
        ("format", Kind::Text),
        ("width", Kind::Number),
        ("height", Kind::Number),
        ("bytes", Kind::Number),
        ("model", Kind::Text),
        ("request", Kind::Text),
        ("created_at_ms", Kind::Number),
        ("expires_at_ms", Kind::Number),
    ],
    way: Way::Insert { conflict: "" },
};

static ERASED: Shape = Shape { table: "media", columns: &[("id", Kind::Text)], way: Way::Delete };

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

/// A picture is named once, so what is kept may be written before what is erased.
pub(super) fn sets(changes: &[MediaChange]) -> [RowSet<'_>; 2] {
    let kept = changes.iter().filter_map(|change| match change {
        MediaChange::Keep(kept) => Some(row(kept)),
        MediaChange::Erase(_) => None,
    });
    let erased = changes.iter().filter_map(|change| match change {
        MediaChange::Keep(_) => None,
        MediaChange::Erase(id) => Some(vec![id.as_str().into()]),
    });
    [RowSet::new(&MEDIA, kept.collect()), RowSet::new(&ERASED, erased.collect())]
}

fn row(kept: &Kept) -> Vec<Value<'_>> {
    vec![
        kept.id.as_str().into(),
        kept.workspace.as_str().into(),
        Value::from(&kept.digest),
        kept.format.name().into(),
        kept.size.map(|size| size.width).into(),
        kept.size.map(|size| size.height).into(),
        kept.bytes.into(),
        Value::from(&kept.model),
        kept.request.as_str().into(),
        kept.created_at_ms.into(),
        kept.expires_at_ms.into(),
    ]
}

pub(in crate::store) fn total(row: &dyn Cells) -> Result<MediaTotal, StoreError> {
    Ok(MediaTotal { pictures: row.count("pictures")?, bytes: row.count("bytes")? })
}

pub(in crate::store) fn kept(row: &dyn Cells) -> Result<Kept, StoreError> {
    let (width, height) = (row.maybe_number("width")?, row.maybe_number("height")?);
    let size = if width.is_some() && height.is_some() {
        Some(Size::new(row.small("width")?, row.small("height")?))
    } else {
        None
    };
    Ok(Kept {
        id: MediaId::known(&row.text("id")?),
        workspace: WorkspaceId::known(&row.text("workspace")?),
        digest: row.text("digest")?,
        format: row.named("format", format)?,
        size,
        bytes: row.count("bytes")?,
        model: row.text("model")?,
        request: RequestId::known(&row.text("request")?),
        created_at_ms: row.number("created_at_ms")?,
        expires_at_ms: row.maybe_number("expires_at_ms")?,
    })
}

fn format(name: &str) -> Option<Format> {
    match name {
        "png" => Some(Format::Png),
        "jpeg" => Some(Format::Jpeg),
        "webp" => Some(Format::Webp),
        _ => None,
    }
}
