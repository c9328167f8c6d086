//! The key as Google's APIs take it: a header, or a parameter of the query.

use http::HeaderMap;

/// The header that a key is in.
pub(crate) const HEADER: &str = "x-goog-api-key";

/// The query's parameter that a key may be in instead.
pub(crate) const PARAMETER: &str = "key";

/// The key that a head shows.
pub(crate) fn presented(head: &HeaderMap) -> Option<&str> {
    let key = head.get(HEADER)?.to_str().ok()?.trim();
    (!key.is_empty()).then_some(key)
}
