//! One JSON object a line.

use std::io::{self, Write};

use serde_json::{Map, Value};

use crate::finance::{Cell, Column, Kind, Row};

use super::{Digested, ExportError, text};

pub(super) struct JsonLines<W> {
    columns: Vec<Column>,
    target: Digested<W>,
}

impl<W: Write> JsonLines<W> {
    pub(super) const fn begin(columns: Vec<Column>, target: Digested<W>) -> Self {
        Self { columns, target }
    }

    pub(super) fn write(&mut self, row: Row) -> Result<(), ExportError> {
        let members = self.columns.iter().zip(row);
        let object: Map<String, Value> =
            members.map(|(column, cell)| (column.name.clone(), value(cell, column))).collect();
        serde_json::to_writer(&mut self.target, &object).map_err(io::Error::from)?;
        Ok(self.target.write_all(b"\n")?)
    }

    pub(super) fn finish(self) -> Digested<W> {
        self.target
    }
}

/// Money and moments are text; labels are the object that they are.
fn value(cell: Cell, column: &Column) -> Value {
    match (cell, column.kind) {
        (Cell::Nothing, _) => Value::Null,
        (Cell::Flag(flag), _) => flag.into(),
        (Cell::Whole(number), Kind::Whole) => number.into(),
        (Cell::Text(labels), Kind::Text) if matches!(&*column.name, "labels" | "Tags") => {
            serde_json::from_str(&labels).unwrap_or(Value::String(labels))
        }
        (cell, kind) => text(cell, kind).map_or(Value::Null, Value::String),
    }
}
