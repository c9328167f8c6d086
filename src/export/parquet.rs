//! Apache Parquet: rows gathered into groups, each column written whole.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use crate::finance::{Cell, Column, Kind, Row};

use super::{Digested, ExportError};

/// Rows of one group; so many are in memory at a time.
const GROUP_ROWS: usize = 65_536;

pub(super) struct ParquetFile<W: Write + Send> {
    waiting: Vec<Row>,
    writer: SerializedFileWriter<Digested<W>>,
}

impl<W: Write + Send> ParquetFile<W> {
    pub(super) fn begin(
        columns: &[Column],
        target: Digested<W>,
    ) -> std::result::Result<Self, ExportError> {
        let fields = columns.iter().map(field).collect::<Result<Vec<_>>>()?;
        let schema = Type::group_type_builder("line").with_fields(fields).build()?;
        let writer = SerializedFileWriter::new(
            target,
            Arc::new(schema),
            Arc::new(WriterProperties::builder().build()),
        )?;
        Ok(Self { waiting: Vec::new(), writer })
    }

    pub(super) fn write(&mut self, row: Row) -> std::result::Result<(), ExportError> {
        self.waiting.push(row);
        if self.waiting.len() >= GROUP_ROWS {
            self.write_group()?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> std::result::Result<Digested<W>, ExportError> {
        if !self.waiting.is_empty() {
            self.write_group()?;
        }
        Ok(self.writer.into_inner()?)
    }

    fn write_group(&mut self) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        let mut place = 0;
        while let Some(mut column) = group.next_column()? {
            let cells = self.waiting.iter().map(|row| row.get(place).unwrap_or(&Cell::Nothing));
            write_column(column.untyped(), cells)?;
            column.close()?;
            place = place.saturating_add(1);
        }
        group.close()?;
        self.waiting.clear();
        Ok(())
    }
}

/// Every column may hold nothing.
fn field(column: &Column) -> Result<TypePtr> {
    let (physical, logical) = match column.kind {
        Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Kind::Whole => (Physical::INT64, None),
        Kind::Money => (Physical::INT64, Some(LogicalType::decimal(9, 18))),
        Kind::Flag => (Physical::BOOLEAN, None),
        Kind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
    };
    let (precision, scale) = if column.kind == Kind::Money { (18, 9) } else { (-1, -1) };
    let field = Type::primitive_type_builder(&column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .with_precision(precision)
        .with_scale(scale)
        .build()?;
    Ok(Arc::new(field))
}

/// Writes the cells that hold something, and which do.
fn write_column<'a>(
    column: &mut ColumnWriter<'_>,
    cells: impl Iterator<Item = &'a Cell> + Clone,
) -> Result<()> {
    let is_there: Vec<i16> = cells.clone().map(|cell| i16::from(*cell != Cell::Nothing)).collect();
    match column {
        ColumnWriter::Int64ColumnWriter(writer) => {
            let numbers: Vec<i64> = cells.filter_map(whole).collect();
            writer.write_batch(&numbers, Some(&is_there), None)?;
        }
        ColumnWriter::BoolColumnWriter(writer) => {
            let flags: Vec<bool> = cells.filter_map(flag).collect();
            writer.write_batch(&flags, Some(&is_there), None)?;
        }
        ColumnWriter::ByteArrayColumnWriter(writer) => {
            let texts: Vec<ByteArray> = cells.filter_map(bytes).collect();
            writer.write_batch(&texts, Some(&is_there), None)?;
        }
        ColumnWriter::Int32ColumnWriter(_)
        | ColumnWriter::Int96ColumnWriter(_)
        | ColumnWriter::FloatColumnWriter(_)
        | ColumnWriter::DoubleColumnWriter(_)
        | ColumnWriter::FixedLenByteArrayColumnWriter(_) => {
            return Err(ParquetError::General("no column is of this type".to_owned()));
        }
    }
    Ok(())
}

const fn whole(cell: &Cell) -> Option<i64> {
    match cell {
        Cell::Whole(number) => Some(*number),
        Cell::Nothing | Cell::Text(_) | Cell::Flag(_) => None,
    }
}

const fn flag(cell: &Cell) -> Option<bool> {
    match cell {
        Cell::Flag(flag) => Some(*flag),
        Cell::Nothing | Cell::Text(_) | Cell::Whole(_) => None,
    }
}

fn bytes(cell: &Cell) -> Option<ByteArray> {
    match cell {
        Cell::Text(text) => Some(text.as_str().into()),
        Cell::Nothing | Cell::Whole(_) | Cell::Flag(_) => None,
    }
}
