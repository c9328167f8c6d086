//! The query of a request: only what its route takes, each once, and within bounds.

use std::borrow::Cow;
use std::collections::BTreeMap;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::refused::{self, Refused};

/// Rows of a page where nothing else is asked.
const LIMIT_USUAL: u32 = 50;

/// Rows of a page at most.
const LIMIT_MAX: u32 = 500;

/// Bytes of a query.
const QUERY_BYTES_MAX: usize = 4_096;

/// What a query says.
#[derive(Debug)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads a query that may say this.
    pub(super) fn read(text: &str, takes: &[&str]) -> Result<Self, Refused> {
        if text.len() > QUERY_BYTES_MAX {
            return Err(refused::bad_query("the query is longer than 4096 bytes".to_owned()));
        }
        let mut said = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            if !takes.contains(&&*name) {
                return Err(refused::unknown_parameter(&name, takes));
            }
            if said.insert(name.clone().into_owned(), Cow::into_owned(value)).is_some() {
                return Err(refused::bad_query(format!("`{name}` is said twice")));
            }
        }
        Ok(Self(said))
    }

    /// What is said under a name.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The same, of its own; an empty one says nothing.
    pub(super) fn filter(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// The same, read.
    pub(super) fn parsed<T>(&self, name: &str) -> Result<Option<T>, Refused>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        let read =
            |text: &str| text.parse().map_err(|why| refused::bad_query(format!("`{name}`: {why}")));
        self.text(name).map(read).transpose()
    }

    /// Rows of a page.
    pub(super) fn limit(&self) -> Result<u32, Refused> {
        let limit = self.parsed("limit")?.unwrap_or(LIMIT_USUAL);
        if (1..=LIMIT_MAX).contains(&limit) {
            Ok(limit)
        } else {
            Err(refused::bad_query(format!("`limit` is {limit}; use 1 to {LIMIT_MAX}")))
        }
    }
}

/// A moment as people write it, in milliseconds since the Unix epoch.
pub(super) fn read_moment(field: &str, text: &str) -> Result<i64, Refused> {
    let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
        refused::bad_field(field, &format!("`{text}` is no moment, such as 2026-11-21T18:00:00Z"))
    })?;
    i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000))
        .map_err(|_| refused::bad_field(field, "is out of bounds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_what_its_route_takes_once_and_within_bounds() {
        let read = |text: &str| Query::read(text, &["limit", "workspace"]);
        assert_eq!(read("limit=7&workspace=a%20b").unwrap().text("workspace"), Some("a b"));
        assert_eq!(read("").unwrap().limit().unwrap(), LIMIT_USUAL);
        for text in ["color=1", "limit=1&limit=2"] {
            assert!(read(text).is_err(), "{text}");
        }
        for text in ["limit=0", "limit=501", "limit=-1", "limit=x", "limit="] {
            assert!(read(text).unwrap().limit().is_err(), "{text}");
        }
        assert!(read(&"x".repeat(5_000)).is_err());
    }

    #[test]
    fn a_moment_is_read_in_any_zone() {
        assert_eq!(read_moment("until", "1970-01-01T01:00:01+01:00").unwrap(), 1_000);
        for text in ["", "1970-01-01", "tomorrow"] {
            assert!(read_moment("until", text).is_err(), "{text}");
        }
    }
}
