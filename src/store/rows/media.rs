//! The index of the media library: its tables, what changes in them, what is asked of them.

use rusqlite::Connection;

use crate::canonical::{Format, Kept, Size};
use crate::id::{MediaId, RequestId, WorkspaceId};

use super::super::cells::{Cells, Kind, Query, Value};
use super::super::error::StoreError;
use super::super::shape::{RowSet, Shape, Way};

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

static MEDIA: Shape = Shape::new(
    "media",
    &[
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
    Way::Insert { conflict: "" },
);

static ERASED: Shape = Shape::new("media", &[("id", Kind::Text)], Way::Delete);

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
        "avif" => Some(Format::Avif),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::embedded;
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

    fn write(database: &Connection, change: MediaChange) -> rusqlite::Result<()> {
        sets(&[change]).iter().try_for_each(|set| set.write(database))
    }

    #[test]
    fn a_table_of_before_there_was_avif_is_made_anew_with_all_that_is_in_it() {
        let mut database = Connection::open_in_memory().unwrap();
        database.execute_batch(&TABLES.replace(", 'avif'", "")).unwrap();
        write(&database, MediaChange::Keep(kept("med_old", Format::Webp))).unwrap();
        assert!(write(&database, MediaChange::Keep(kept("med_new", Format::Avif))).is_err());
        for _ in 0..2 {
            prepare(&mut database).unwrap();
        }
        write(&database, MediaChange::Keep(kept("med_new", Format::Avif))).unwrap();
        let all = Query::same("SELECT * FROM media ORDER BY id");
        let rows = embedded::ask(&database, all, &[], super::kept).unwrap();
        assert_eq!(rows, [kept("med_new", Format::Avif), kept("med_old", Format::Webp)]);
        let objects = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'media%'";
        let objects: i64 = database.query_row(objects, [], |row| row.get(0)).unwrap();
        // Two tables, three indexes, two triggers.
        assert_eq!(objects, 7);
        let counted = || embedded::ask(&database, TOTAL_OF_ALL, &[], total).unwrap();
        assert_eq!(counted(), [MediaTotal { pictures: 2, bytes: 20 }]);
        write(&database, MediaChange::Erase(MediaId::known("med_old"))).unwrap();
        assert_eq!(counted(), [MediaTotal { pictures: 1, bytes: 10 }]);
    }
}
