//! What a request is known by: the name that it gives itself, and what it asks.

use std::fmt;

use bytes::Bytes;
use http::HeaderMap;
use memchr::memmem;
use sha2::{Digest, Sha256};
use thiserror::Error;

use serde::{Deserialize, Serialize};

use crate::canonical::{LABELS_HEADER, SIMULATE_HEADER, WEBHOOK_HEADER};
use crate::id::{KeyId, random_text};

/// The longest name.
pub const NAME_CHARS_MAX: usize = 255;

/// The header that names a request (draft-ietf-httpapi-idempotency-key-header-07).
const NAME: &str = "idempotency-key";

/// Header fields that are a part of what is asked: who it is booked for, who is told of it, and what
/// a test-mode key has played.
const ASKING: [&str; 3] = [LABELS_HEADER, WEBHOOK_HEADER, SIMULATE_HEADER];

/// Letters of a name that we give: more than anyone guesses.
const IMPLIED_LETTERS: usize = 40;

/// A name, within the API key that gave it: the only trace of either that is kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope(pub [u8; 32]);

/// What is asked: another body, path, method or dialect makes another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 32]);

/// A request under its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// What names it.
    pub scope: Scope,
    /// What it asks.
    pub fingerprint: Fingerprint,
    /// Whether we named it, for a key that joins repeats.
    pub is_implied: bool,
}

/// Why a name is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadName {
    /// Empty, too long, or not printable.
    #[error("`Idempotency-Key` must have 1 to {NAME_CHARS_MAX} printable ASCII characters")]
    Unreadable,
    /// There are two.
    #[error("`Idempotency-Key` is there more than once; send one")]
    Several,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Original<'a> {
    /// The client side that reads it.
    pub dialect: &'a str,
    /// Its method.
    pub method: &'a str,
    /// Its path.
    pub path: &'a str,
    /// Its header fields.
    pub headers: &'a HeaderMap,
    /// Its body.
    pub body: &'a Bytes,
}

/// The name that a request gives itself, if it does. The draft writes it in quotes, most do not.
pub fn name(headers: &HeaderMap) -> Result<Option<&str>, BadName> {
    let mut all = headers.get_all(NAME).iter();
    let Some(first) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(BadName::Several);
    }
    let text = first.to_str().map_err(|_| BadName::Unreadable)?.trim();
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let is_printable = bare.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if bare.is_empty() || bare.len() > NAME_CHARS_MAX || !is_printable {
        return Err(BadName::Unreadable);
    }
    Ok(Some(bare))
}

impl Scope {
    /// A name that an app gives, within its key.
    pub fn named(key: &KeyId, name: &str) -> Self {
        Self(digest(&[key.as_str().as_bytes(), name.as_bytes()]))
    }

    /// A name of ours, unlike any other.
    pub fn implied(key: &KeyId) -> Self {
        Self(digest(&[
            key.as_str().as_bytes(),
            random_text(IMPLIED_LETTERS).as_bytes(),
            b"implied",
        ]))
    }
}

impl Named {
    /// One request of several that share a name. The first has the name itself, so that nothing else
    /// of that name is served beside them.
    #[must_use]
    pub fn item(self, index: usize) -> Self {
        if index == 0 {
            return self;
        }
        let scope = Scope(digest(&[&self.scope.0, index.to_string().as_bytes(), b"item"]));
        Self { scope, ..self }
    }
}

impl Fingerprint {
    /// Of the whole request, with those of its header fields that ask for something. The boundary of a form is left out, because libraries choose
    /// it anew each time they send the same form.
    pub fn of(original: &Original<'_>) -> Self {
        let Original { dialect, method, path, headers, body } = original;
        let mut parts = vec![dialect.as_bytes(), method.as_bytes(), path.as_bytes()];
        match boundary(headers) {
            None => parts.push(body),
            Some(boundary) => {
                let mut rest = 0;
                for at in memmem::find_iter(body, boundary.as_bytes()) {
                    parts.push(body.get(rest..at).unwrap_or_default());
                    rest = at.saturating_add(boundary.len());
                }
                parts.push(body.get(rest..).unwrap_or_default());
            }
        }
        for name in ASKING {
            for value in headers.get_all(name) {
                parts.extend([name.as_bytes(), value.as_bytes()]);
            }
        }
        Self(digest(&parts))
    }
}

/// The boundary of a form, as its header says.
fn boundary(headers: &HeaderMap) -> Option<&str> {
    let kind = headers.get(http::header::CONTENT_TYPE)?.to_str().ok()?;
    let mut parameters = kind.split(';').map(str::trim);
    parameters.next().filter(|kind| kind.eq_ignore_ascii_case("multipart/form-data"))?;
    let (_, value) = parameters
        .filter_map(|parameter| parameter.split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    Some(value.trim_matches('"')).filter(|boundary| !boundary.is_empty())
}

/// SHA-256 over parts of which each says how long it is, so that none runs into the next.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({})", short(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({})", short(&self.0))
    }
}

fn short(digest: &[u8; 32]) -> String {
    let bits = digest.iter().take(4).fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
    format!("{bits:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, http::HeaderValue::from_static(value));
        }
        headers
    }

    fn fingerprint(headers: &HeaderMap, path: &str, body: &str) -> Fingerprint {
        let body = Bytes::from(body.to_owned());
        Fingerprint::of(&Original { dialect: "d", method: "POST", path, headers, body: &body })
    }

    #[test]
    fn a_name_is_read_with_quotes_and_without() {
        for text in ["order-7", "\"order-7\"", " order-7 "] {
            assert_eq!(name(&headers(&[(NAME, text)])), Ok(Some("order-7")));
        }
        assert_eq!(name(&HeaderMap::new()), Ok(None));
    }

    #[test]
    fn what_is_no_name_is_told_apart() {
        let long: &'static str = Box::leak("x".repeat(NAME_CHARS_MAX + 1).into_boxed_str());
        for text in ["", "\"\"", "a\tb", long] {
            assert_eq!(name(&headers(&[(NAME, text)])), Err(BadName::Unreadable), "{text}");
        }
        let longest: &'static str = Box::leak("x".repeat(NAME_CHARS_MAX).into_boxed_str());
        assert_eq!(name(&headers(&[(NAME, longest)])), Ok(Some(longest)));
        assert_eq!(name(&headers(&[(NAME, "a"), (NAME, "a")])), Err(BadName::Several));
    }

    #[test]
    fn a_name_counts_within_its_key() {
        let (one, two) = (KeyId::known("key_1"), KeyId::known("key_2"));
        assert_eq!(Scope::named(&one, "a"), Scope::named(&one, "a"));
        assert_ne!(Scope::named(&one, "a"), Scope::named(&two, "a"));
        assert_ne!(Scope::implied(&one), Scope::implied(&one));
        // Parts do not run into each other.
        assert_ne!(Scope::named(&KeyId::known("key"), "_1a"), Scope::named(&one, "a"));
    }

    #[test]
    fn anything_else_that_is_asked_is_another_request() {
        let plain = headers(&[("content-type", "application/json")]);
        let one = fingerprint(&plain, "/a", "{}");
        assert_eq!(one, fingerprint(&HeaderMap::new(), "/a", "{}"));
        assert_ne!(one, fingerprint(&plain, "/b", "{}"));
        assert_ne!(one, fingerprint(&plain, "/a", "{ }"));
        let asking = [
            (LABELS_HEADER, "team=red"),
            (LABELS_HEADER, "team=blue"),
            (WEBHOOK_HEADER, "team=red"),
            (SIMULATE_HEADER, "status=503"),
        ];
        let mut all: Vec<_> =
            asking.iter().map(|field| fingerprint(&headers(&[*field]), "/a", "{}").0).collect();
        all.push(one.0);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 5);
    }

    #[test]
    fn a_form_is_the_same_with_another_boundary_and_no_other_part() {
        let (one, two) = (
            headers(&[("content-type", "multipart/form-data; boundary=xyz")]),
            headers(&[("content-type", "Multipart/Form-Data; charset=utf-8; boundary=\"abc\"")]),
        );
        let sent = |headers: &HeaderMap, mark: &str, text: &str| {
            fingerprint(headers, "/a", &format!("--{mark}\r\n\r\n{text}\r\n--{mark}--\r\n"))
        };
        assert_eq!(sent(&one, "xyz", "a fox"), sent(&two, "abc", "a fox"));
        assert_ne!(sent(&one, "xyz", "a fox"), sent(&two, "abc", "a hen"));
    }
}
