//! What a commit does to one table, said once: each database has its own words for it.

use std::fmt::Write as _;
use std::sync::OnceLock;

use super::cells::{Kind, Value};

/// What is done with rows of these columns.
#[derive(Debug)]
pub(super) struct Shape {
    table: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
    way: Way,
    /// The statement that takes one row, once it was asked for.
    one_row: OnceLock<String>,
}

/// The ways to change a table.
#[derive(Debug)]
pub(super) enum Way {
    /// Rows are added; with a remedy where one of that name is there already.
    Insert {
        /// Such as `ON CONFLICT (id) DO UPDATE SET …`; may be empty.
        conflict: &'static str,
    },
    /// The row whose first column says so gets the other columns.
    Update,
    /// The rows whose columns say so go.
    Delete,
}

/// Rows that are to be written in one way.
#[derive(Debug)]
pub(super) struct RowSet<'a> {
    pub(super) shape: &'static Shape,
    pub(super) rows: Vec<Vec<Value<'a>>>,
}

impl<'a> RowSet<'a> {
    pub(super) fn new(shape: &'static Shape, rows: Vec<Vec<Value<'a>>>) -> Self {
        Self { shape, rows }
    }

    /// Writes them, one by one, to the embedded database.
    pub(super) fn write(&self, database: &rusqlite::Connection) -> rusqlite::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut writing = database.prepare_cached(self.shape.for_one_row())?;
        for row in &self.rows {
            writing.execute(rusqlite::params_from_iter(row))?;
        }
        Ok(())
    }
}

impl Shape {
    pub(super) const fn new(
        table: &'static str,
        columns: &'static [(&'static str, Kind)],
        way: Way,
    ) -> Self {
        Self { table, columns, way, one_row: OnceLock::new() }
    }

    /// The statement that takes one row: `?1`, `?2` and so on.
    pub(super) fn for_one_row(&self) -> &str {
        self.one_row.get_or_init(|| self.said_for_one_row())
    }

    fn said_for_one_row(&self) -> String {
        let Self { table, columns, way, .. } = self;
        match way {
            Way::Insert { conflict } => {
                let places = listed(1..=columns.len(), |text, place| write!(text, "?{place}"));
                format!("INSERT INTO {table} ({}) VALUES ({places}) {conflict}", self.names())
            }
            Way::Update => {
                let set = self.pairs(1, |place| format!("?{place}"));
                let key = columns.first().map_or("", |(name, _)| name);
                format!("UPDATE {table} SET {set} WHERE {key} = ?1")
            }
            Way::Delete => {
                let which = self.pairs(0, |place| format!("?{place}")).replace(", ", " AND ");
                format!("DELETE FROM {table} WHERE {which}")
            }
        }
    }

    /// The statement that takes all rows at once: an array for each column.
    pub(super) fn for_arrays(&self) -> String {
        let Self { table, columns, way, .. } = self;
        let arrays = listed(columns.iter().enumerate(), |text, (at, (_, kind))| {
            write!(text, "${}::{}[]", at.saturating_add(1), kind.in_postgres())
        });
        let (names, from) = (self.names(), format!("unnest({arrays})"));
        match way {
            Way::Insert { conflict } => {
                format!("INSERT INTO {table} ({names}) SELECT * FROM {from} {conflict}")
            }
            Way::Update => {
                let set = listed(columns.iter().skip(1), |text, (name, _)| {
                    write!(text, "{name} = new.{name}")
                });
                let key = columns.first().map_or("", |(name, _)| name);
                format!(
                    "UPDATE {table} SET {set} FROM {from} AS new ({names}) \
                     WHERE {table}.{key} = new.{key}"
                )
            }
            Way::Delete => {
                format!("DELETE FROM {table} WHERE ({names}) IN (SELECT * FROM {from})")
            }
        }
    }

    fn names(&self) -> String {
        listed(self.columns, |text, (name, _)| text.write_str(name))
    }

    fn pairs(&self, skipped: usize, place: impl Fn(usize) -> String) -> String {
        listed(self.columns.iter().enumerate().skip(skipped), |text, (at, (name, _))| {
            write!(text, "{name} = {}", place(at.saturating_add(1)))
        })
    }
}

impl Kind {
    const fn in_postgres(self) -> &'static str {
        match self {
            Self::Number => "bigint",
            Self::Flag => "boolean",
            Self::Text => "text",
            Self::Bytes => "bytea",
        }
    }
}

fn listed<T>(
    items: impl IntoIterator<Item = T>,
    write: impl Fn(&mut String, T) -> std::fmt::Result,
) -> String {
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push_str(", ");
        }
        // Writing to a string cannot fail.
        let _ = write(&mut text, item);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: &[(&str, Kind)] = &[("id", Kind::Text), ("used", Kind::Number)];

    #[test]
    fn a_shape_is_said_in_both_languages() {
        let insert = Shape::new("t", PAIR, Way::Insert { conflict: "ON CONFLICT DO NOTHING" });
        assert_eq!(
            insert.for_one_row(),
            "INSERT INTO t (id, used) VALUES (?1, ?2) ON CONFLICT DO NOTHING"
        );
        assert_eq!(
            insert.for_arrays(),
            "INSERT INTO t (id, used) SELECT * FROM unnest($1::text[], $2::bigint[]) \
             ON CONFLICT DO NOTHING"
        );
        let update = Shape::new("t", PAIR, Way::Update);
        assert_eq!(update.for_one_row(), "UPDATE t SET used = ?2 WHERE id = ?1");
        assert_eq!(
            update.for_arrays(),
            "UPDATE t SET used = new.used FROM unnest($1::text[], $2::bigint[]) AS new (id, used) \
             WHERE t.id = new.id"
        );
        let delete = Shape::new("t", PAIR, Way::Delete);
        assert_eq!(delete.for_one_row(), "DELETE FROM t WHERE id = ?1 AND used = ?2");
        assert_eq!(
            delete.for_arrays(),
            "DELETE FROM t WHERE (id, used) IN (SELECT * FROM unnest($1::text[], $2::bigint[]))"
        );
    }
}
