//! Where a call is to go, as its target says; refused where two readers could differ.

use crate::canonical::{Refusal, RefusalKind};
use crate::catalog::{coded, is_plain_path};

use super::PREFIX;

/// Parameters of a query that servers read a credential from, in small letters.
const KEY_PARAMETERS: [&str; 7] =
    ["key", "api_key", "api-key", "apikey", "x-api-key", "access_token", "auth_token"];

/// A target, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    pub(super) vendor: &'a str,
    /// The path below the vendor's base.
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
}

/// Takes a target apart, byte for byte as it was sent.
pub(super) fn read(target: &[u8]) -> Result<Target<'_>, Refusal> {
    let bad = |message: &'static str| Refusal::new(RefusalKind::BadRequest, message);
    let below = std::str::from_utf8(target).ok().and_then(|text| text.strip_prefix(PREFIX));
    let below = below.ok_or_else(|| bad("the target must be a path, not a whole address"))?;
    let (below, query) = below.split_once('?').map_or((below, None), |(p, q)| (p, Some(q)));
    let (vendor, path) = below.split_at(below.find('/').unwrap_or(below.len()));
    if !path.is_empty() && !is_plain_path(path) {
        return Err(bad(
            "the path may hold no dot or empty segment, no backslash, and none of `/\\.%;?#` coded",
        ));
    }
    if query.is_some_and(holds_key) {
        return Err(bad("the query may hold no key; send yours as `Authorization: Bearer <key>`"));
    }
    Ok(Target { vendor, path, query })
}

fn holds_key(query: &str) -> bool {
    query.split(['&', ';']).any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        KEY_PARAMETERS.iter().any(|key| decoded(name).eq_ignore_ascii_case(key))
    })
}

/// A name as a server reads it.
fn decoded(name: &str) -> String {
    let mut bytes = name.bytes();
    let mut letters = String::new();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' { coded(bytes.next(), bytes.next()) } else { Some(byte) };
        letters.extend(byte.map(char::from));
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(target: &str) -> bool {
        read(target.as_bytes()).is_err()
    }

    #[test]
    fn a_target_names_a_vendor_and_a_path_below_its_base() {
        let read = |target: &'static str| read(target.as_bytes()).unwrap();
        let whole = Target { vendor: "acme", path: "/v1/up:scale", query: Some("a=b/../c") };
        assert_eq!(read("/passthrough/acme/v1/up:scale?a=b/../c"), whole);
        let bare = Target { vendor: "acme", path: "", query: None };
        assert_eq!(read("/passthrough/acme"), bare);
    }

    #[test]
    fn a_whole_address_and_a_crooked_path_are_refused() {
        for target in [
            "http://example.com/passthrough/acme/v1/upscale",
            "*",
            "//passthrough/acme/v1/upscale",
            "/passthrough/acme/v1/../admin",
            "/passthrough/acme//admin",
            "/passthrough/acme/%2e%2e/admin",
            "/passthrough/acme/v1%2f..%2fadmin",
        ] {
            assert!(refused(target), "{target}");
        }
        assert!(read(b"/passthrough/acme/caf\xe9").is_err());
    }

    #[test]
    fn a_key_in_the_query_is_refused_however_it_is_spelt() {
        for query in ["key=1", "a=1&KEY=2", "a=1;api_key=2", "%6bey=1", "access%5Ftoken=1", "key"] {
            assert!(refused(&format!("/passthrough/acme/v1/upscale?{query}")), "{query}");
        }
        for query in ["", "monkey=1", "a=key", "page_token=1"] {
            assert!(!refused(&format!("/passthrough/acme/v1/upscale?{query}")), "{query}");
        }
    }
}
