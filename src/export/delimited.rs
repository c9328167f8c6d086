//! Comma-separated values.

use std::io::{self, Write};

use crate::finance::{Column, Kind, Row};

use super::{Digested, ExportError, text};

/// Text that begins with one of these is a formula to a spreadsheet; it gets a `'` in front of it.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

pub(super) struct Delimited<W: Write> {
    kinds: Vec<Kind>,
    writer: csv::Writer<Digested<W>>,
}

impl<W: Write> Delimited<W> {
    pub(super) fn begin(columns: Vec<Column>, target: Digested<W>) -> Result<Self, ExportError> {
        let mut writer = csv::Writer::from_writer(target);
        writer.write_record(columns.iter().map(|column| &column.name)).map_err(io::Error::from)?;
        Ok(Self { kinds: columns.into_iter().map(|column| column.kind).collect(), writer })
    }

    pub(super) fn write(&mut self, row: Row) -> Result<(), ExportError> {
        let cells = row.into_iter().zip(&self.kinds).map(|(cell, kind)| {
            let said = text(cell, *kind).unwrap_or_default();
            if *kind == Kind::Text && said.starts_with(FORMULA_STARTS) {
                format!("'{said}")
            } else {
                said
            }
        });
        Ok(self.writer.write_record(cells).map_err(io::Error::from)?)
    }

    pub(super) fn finish(self) -> Result<Digested<W>, ExportError> {
        self.writer.into_inner().map_err(|failed| ExportError::Write(failed.into_error()))
    }
}
