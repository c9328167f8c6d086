//! An answer: status, headers and a body that is JSON or CSV. Pages of lists, and the cursors
//! between them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::canonical::Format;

use super::query::Query;
use super::refused::{self, Refused};

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One JSON value.
    Json,
    /// A table for spreadsheets.
    Csv,
    /// A page of the console.
    Page,
    /// A script of it.
    Script,
    /// A style sheet of it.
    Sheet,
    /// A drawing of it.
    Picture,
    /// Plain text.
    Text,
    /// A picture of the media library.
    Kept(Format),
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What the body is.
    pub kind: Kind,
    /// Header fields beside those that every answer has.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Kind {
    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Page => "text/html; charset=utf-8",
            Self::Script => "text/javascript; charset=utf-8",
            Self::Sheet => "text/css; charset=utf-8",
            Self::Picture => "image/svg+xml",
            Self::Text => "text/plain; charset=utf-8",
            Self::Kept(format) => format.mime(),
        }
    }
}

/// What browsers may do with what comes from here: nothing but show it to whoever asked.
const GUARDS: [(&str, &str); 6] = [
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

impl Answer {
    /// JSON of this status.
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            kind: Kind::Json,
            headers: GUARDS.map(|(name, value)| (name, value.to_owned())).into(),
            body: format!("{body}\n").into_bytes(),
        }
    }

    /// JSON that answers what was asked.
    pub(super) fn ok(body: &Value) -> Self {
        Self::json(200, body)
    }

    /// A file as it is, guarded so.
    pub(super) fn file(kind: Kind, body: &[u8], guards: &[(&'static str, &str)]) -> Self {
        let headers = guards.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { status: 200, kind, headers, body: body.to_vec() }
    }

    /// It is elsewhere, for good.
    pub(super) fn moved(place: &str) -> Self {
        Self { body: Vec::new(), kind: Kind::Text, ..Self::json(308, &Value::Null) }
            .with("location", place)
    }

    /// A body that is larger than any that is read.
    pub fn too_large() -> Self {
        refused::too_large().answer()
    }

    /// A body that did not come, or came too slowly.
    pub fn cut_short() -> Self {
        refused::cut_short().answer()
    }

    /// Something failed that should not.
    pub fn failed() -> Self {
        refused::failed().answer()
    }

    /// A CSV file of this name.
    pub(super) fn csv(name: &str, body: Vec<u8>) -> Self {
        let named = format!("attachment; filename=\"{name}.csv\"");
        Self { kind: Kind::Csv, body, ..Self::ok(&Value::Null) }.with("content-disposition", &named)
    }

    /// The same with one header field more.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// Rows of one page, and the cursor of the next.
pub(super) struct Listed {
    pub(super) rows: Vec<Value>,
    pub(super) next: Option<String>,
}

impl Listed {
    /// A page of rows of which one more than fits was asked for: whether there is a next page is
    /// known without asking again.
    pub(super) fn of<T>(
        mut found: Vec<T>,
        limit: u32,
        place: impl Fn(&T) -> String,
        show: impl FnMut(T) -> Value,
    ) -> Self {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = found.len() > most;
        found.truncate(most);
        let next = found.last().filter(|_| has_more).map(place).map(|place| cursor(&place));
        Self { rows: found.into_iter().map(show).collect(), next }
    }

    pub(super) fn answer(self) -> Answer {
        Answer::ok(&json!({ "items": self.rows, "next": self.next }))
    }
}

/// A place as it is handed out: nobody should build on what is in it.
fn cursor(place: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("v1:{place}"))
}

/// The place behind the cursor of a query.
pub(super) fn place(query: &Query) -> Result<Option<String>, Refused> {
    let Some(text) = query.text("cursor") else { return Ok(None) };
    let place = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let place = place.and_then(|place| place.strip_prefix("v1:").map(str::to_owned));
    place.map(Some).ok_or_else(refused::bad_cursor)
}

/// The number behind the cursor of a query.
pub(super) fn number(query: &Query) -> Result<Option<i64>, Refused> {
    place(query)?.map(|place| place.parse().map_err(|_| refused::bad_cursor())).transpose()
}

/// The same object with these fields besides.
pub(super) fn with(
    mut object: Value,
    more: impl IntoIterator<Item = (&'static str, Value)>,
) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
    object
}

/// A moment as RFC 3339 in UTC.
pub(super) fn moment(unix_ms: i64) -> String {
    crate::export::moment(unix_ms)
}

/// The same where there is one.
pub(super) fn maybe_moment(unix_ms: Option<i64>) -> Option<String> {
    unix_ms.map(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_place_and_a_made_up_one_nowhere() {
        let query = |cursor: &str| Query::read(&format!("cursor={cursor}"), &["cursor"]).unwrap();
        assert_eq!(number(&query(&cursor("17"))).unwrap(), Some(17));
        assert_eq!(place(&query(&cursor("ws_1"))).unwrap().as_deref(), Some("ws_1"));
        for text in ["17", "!!", "djI6MTc", ""] {
            assert!(place(&query(text)).is_err(), "{text}");
        }
        assert!(number(&query(&cursor("ws_1"))).is_err());
    }

    #[test]
    fn the_last_page_has_no_next() {
        let page = |found: Vec<i64>| Listed::of(found, 2, i64::to_string, Value::from);
        assert_eq!(page(vec![1, 2]).next, None);
        let more = page(vec![1, 2, 3]);
        assert_eq!((more.rows.len(), more.next), (2, Some(cursor("2"))));
    }
}
