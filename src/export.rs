//! Tables to files: CSV, JSON lines and Parquet, written as the rows come.
//!
//! The same rows give the same bytes, so an export can be made again and compared by its digest.

use std::io::{self, Write};
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::credits::Credits;
use crate::finance::{Cell, Column, Kind, Row};

mod delimited;
mod json_lines;
mod parquet;
#[cfg(test)]
mod tests;

use self::delimited::Delimited;
use self::json_lines::JsonLines;
use self::parquet::ParquetFile;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Comma-separated values with a header row (RFC 4180).
    Csv,
    /// One JSON object a line; money is text, so that no reader rounds it.
    JsonLines,
    /// Apache Parquet; money is a decimal of nine places.
    Parquet,
}

/// Text that names no form.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no form is called `{0}`; use csv, jsonl or parquet")]
pub struct BadForm(String);

/// Why a table could not be written.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The file did not take it.
    #[error("cannot write the export")]
    Write(#[from] io::Error),
    /// The form could not be made.
    #[error("cannot write the export as Parquet")]
    Parquet(#[from] ::parquet::errors::ParquetError),
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Rows, without a header.
    pub rows: u64,
    /// SHA-256 over the file, in hexadecimal.
    pub digest: String,
}

impl FromStr for Form {
    type Err = BadForm;

    fn from_str(text: &str) -> Result<Self, BadForm> {
        match text {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::JsonLines),
            "parquet" => Ok(Self::Parquet),
            other => Err(BadForm(other.to_owned())),
        }
    }
}

/// A table on its way into a file.
pub struct Export<W: Write + Send> {
    sheet: Sheet<W>,
    rows: u64,
}

enum Sheet<W: Write + Send> {
    Delimited(Box<Delimited<W>>),
    JsonLines(JsonLines<W>),
    Parquet(Box<ParquetFile<W>>),
}

impl<W: Write + Send> Export<W> {
    /// Begins a table; a header is written where the form has one.
    pub fn begin(form: Form, columns: Vec<Column>, target: W) -> Result<Self, ExportError> {
        let target = Digested { target, digest: Sha256::new() };
        let sheet = match form {
            Form::Csv => Sheet::Delimited(Box::new(Delimited::begin(columns, target)?)),
            Form::JsonLines => Sheet::JsonLines(JsonLines::begin(columns, target)),
            Form::Parquet => Sheet::Parquet(Box::new(ParquetFile::begin(&columns, target)?)),
        };
        Ok(Self { sheet, rows: 0 })
    }

    /// One row more; its cells are in the order of the columns.
    pub fn write(&mut self, row: Row) -> Result<(), ExportError> {
        self.rows = self.rows.saturating_add(1);
        match &mut self.sheet {
            Sheet::Delimited(file) => file.write(row),
            Sheet::JsonLines(file) => file.write(row),
            Sheet::Parquet(file) => file.write(row),
        }
    }

    /// Writes what is left, and says what was written.
    pub fn finish(self) -> Result<Written, ExportError> {
        let mut target = match self.sheet {
            Sheet::Delimited(file) => file.finish()?,
            Sheet::JsonLines(file) => file.finish(),
            Sheet::Parquet(file) => file.finish()?,
        };
        target.flush()?;
        Ok(Written { rows: self.rows, digest: format!("{:x}", target.digest.finalize()) })
    }
}

/// A target that remembers the digest of all that went into it.
struct Digested<W> {
    target: W,
    digest: Sha256,
}

impl<W: Write> Write for Digested<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.target.write(bytes)?;
        self.digest.update(bytes.get(..taken).unwrap_or(bytes));
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}

/// A cell as text; `None` when nothing is known.
fn text(cell: Cell, kind: Kind) -> Option<String> {
    Some(match cell {
        Cell::Nothing => return None,
        Cell::Text(text) => text,
        Cell::Flag(flag) => flag.to_string(),
        Cell::Whole(number) => match kind {
            Kind::Money => Credits::from_nanos(number).to_string(),
            Kind::Time => moment(number),
            Kind::Text | Kind::Whole | Kind::Flag => number.to_string(),
        },
    })
}

/// Milliseconds since the Unix epoch as RFC 3339 in UTC.
pub fn moment(unix_ms: i64) -> String {
    let nanos = i128::from(unix_ms).saturating_mul(1_000_000);
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    let moment = time::OffsetDateTime::from_unix_timestamp_nanos(nanos).ok();
    moment.and_then(|moment| moment.format(format).ok()).unwrap_or_default()
}
