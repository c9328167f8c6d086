//! Cells: what stands in the rows of either database, and the questions that rows answer.

use std::borrow::Cow;
use std::cell::Cell;
use std::error::Error;

use rusqlite::types::{ToSqlOutput, ValueRef};
use serde::de::DeserializeOwned;

use crate::credits::Credits;

use super::error::StoreError;

/// What one cell holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Nothing.
    Null,
    /// Any whole number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
    /// Text, JSON included.
    Text(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
}

/// What the cells of a column hold, when they hold anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Flag,
    Text,
    Bytes,
}

/// A question in the words of both databases. Its parameters are `$1`, `$2` and so on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query {
    pub(super) embedded: &'static str,
    pub(super) postgres: &'static str,
}

impl Query {
    /// A question that both understand.
    pub(super) const fn same(text: &'static str) -> Self {
        Self { embedded: text, postgres: text }
    }

    /// A question that is put to each in its own words.
    pub(super) const fn each(embedded: &'static str, postgres: &'static str) -> Self {
        Self { embedded, postgres }
    }
}

/// A row, whichever database it is of.
pub(super) trait Cells {
    /// What stands in a column.
    fn cell(&self, column: &str) -> Result<Value<'_>, StoreError>;
}

/// How one row becomes a value.
pub(super) type Reading<T> = fn(&dyn Cells) -> Result<T, StoreError>;

impl dyn Cells + '_ {
    pub(super) fn maybe_number(&self, column: &str) -> Result<Option<i64>, StoreError> {
        match self.cell(column)? {
            Value::Null => Ok(None),
            Value::Number(number) => Ok(Some(number)),
            Value::Flag(_) | Value::Text(_) | Value::Bytes(_) => {
                Err(unreadable(column, "is no number"))
            }
        }
    }

    pub(super) fn number(&self, column: &str) -> Result<i64, StoreError> {
        self.maybe_number(column)?.ok_or_else(|| unreadable(column, "is empty"))
    }

    /// A number that is small by its nature.
    pub(super) fn small<T: TryFrom<i64>>(&self, column: &str) -> Result<T, StoreError> {
        T::try_from(self.number(column)?).map_err(|_| unreadable(column, "is out of bounds"))
    }

    pub(super) fn count(&self, column: &str) -> Result<u64, StoreError> {
        Ok(u64::try_from(self.number(column)?).unwrap_or(0))
    }

    pub(super) fn nanos(&self, column: &str) -> Result<Credits, StoreError> {
        self.number(column).map(Credits::from_nanos)
    }

    pub(super) fn flag(&self, column: &str) -> Result<bool, StoreError> {
        match self.cell(column)? {
            Value::Flag(flag) => Ok(flag),
            Value::Number(number) => Ok(number != 0),
            Value::Null | Value::Text(_) | Value::Bytes(_) => Err(unreadable(column, "is no flag")),
        }
    }

    pub(super) fn maybe_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        match self.cell(column)? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text.into_owned())),
            Value::Number(_) | Value::Flag(_) | Value::Bytes(_) => {
                Err(unreadable(column, "is no text"))
            }
        }
    }

    pub(super) fn text(&self, column: &str) -> Result<String, StoreError> {
        self.maybe_text(column)?.ok_or_else(|| unreadable(column, "is empty"))
    }

    pub(super) fn maybe_bytes(&self, column: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.cell(column)? {
            Value::Null => Ok(None),
            Value::Bytes(bytes) => Ok(Some(bytes.into_owned())),
            Value::Number(_) | Value::Flag(_) | Value::Text(_) => {
                Err(unreadable(column, "is no bytes"))
            }
        }
    }

    pub(super) fn bytes(&self, column: &str) -> Result<Vec<u8>, StoreError> {
        self.maybe_bytes(column)?.ok_or_else(|| unreadable(column, "is empty"))
    }

    /// Exactly 32 bytes.
    pub(super) fn digest(&self, column: &str) -> Result<[u8; 32], StoreError> {
        self.bytes(column)?.try_into().map_err(|_| unreadable(column, "is not 32 bytes"))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        serde_json::from_str(&self.text(column)?).map_err(|fault| unreadable(column, fault))
    }

    pub(super) fn maybe_json<T: DeserializeOwned>(
        &self,
        column: &str,
    ) -> Result<Option<T>, StoreError> {
        if self.maybe_text(column)?.is_none() { Ok(None) } else { self.json(column).map(Some) }
    }

    /// One of the things that have a name.
    pub(super) fn named<T>(
        &self,
        column: &str,
        read: fn(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let name = self.text(column)?;
        read(&name).ok_or_else(|| unreadable(column, format!("says `{name}`")))
    }
}

pub(super) fn unreadable(column: &str, why: impl Into<Box<dyn Error + Send + Sync>>) -> StoreError {
    StoreError::Unreadable { column: column.to_owned(), why: why.into() }
}

/// A value as the text of its JSON.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Result<Value<'static>, StoreError> {
    match serde_json::to_string(value) {
        Ok(text) => Ok(Value::Text(text.into())),
        Err(fault) => Err(unreadable("json", fault)),
    }
}

/// A row of the embedded store. Columns are mostly read in the order in which they stand, so each is looked for behind the
/// one before it first: by name alone, every name in front of it would be compared.
pub(super) struct EmbeddedRow<'r> {
    row: &'r rusqlite::Row<'r>,
    next: Cell<usize>,
}

impl<'r> EmbeddedRow<'r> {
    pub(super) const fn new(row: &'r rusqlite::Row<'r>) -> Self {
        Self { row, next: Cell::new(0) }
    }

    fn place(&self, column: &str) -> rusqlite::Result<usize> {
        let (asked, next) = (self.row.as_ref(), self.next.get());
        if asked.column_name(next).is_ok_and(|name| name == column) {
            return Ok(next);
        }
        asked.column_index(column)
    }
}

impl Cells for EmbeddedRow<'_> {
    fn cell(&self, column: &str) -> Result<Value<'_>, StoreError> {
        let place = self.place(column)?;
        self.next.set(place.saturating_add(1));
        Ok(match self.row.get_ref(place)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Number(number),
            ValueRef::Text(text) => match std::str::from_utf8(text) {
                Ok(text) => Value::Text(text.into()),
                Err(fault) => return Err(unreadable(column, fault)),
            },
            ValueRef::Blob(bytes) => Value::Bytes(bytes.into()),
            ValueRef::Real(_) => return Err(unreadable(column, "is a fraction")),
        })
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Number(number) => ValueRef::Integer(*number),
            Value::Flag(flag) => ValueRef::Integer(i64::from(*flag)),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text.as_str().into())
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<Vec<u8>> for Value<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl<'a> From<&'a [u8; 32]> for Value<'a> {
    fn from(bytes: &'a [u8; 32]) -> Self {
        Self::Bytes(bytes.as_slice().into())
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<u16> for Value<'_> {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

impl From<u8> for Value<'_> {
    fn from(number: u8) -> Self {
        Self::Number(number.into())
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<Credits> for Value<'_> {
    fn from(credits: Credits) -> Self {
        Self::Number(credits.nanos())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value<'_> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
