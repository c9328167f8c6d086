//! What of a vendor's own API may be passed through, and what each call of it is worth.

use http::Method;

use crate::credits::{Cost, Credits};

/// One method and path of a vendor's own API, or every path that begins with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fare {
    /// The method.
    pub method: Method,
    /// The path as the vendor sees it.
    pub path: String,
    /// Whether the path is only how it begins.
    pub is_prefix: bool,
    /// What the caller pays for a call.
    pub price: Credits,
    /// What the vendor charges us for it.
    pub cost: Cost,
}

impl Fare {
    /// Whether this is the fare of a path, whatever the method.
    pub fn covers(&self, path: &str) -> bool {
        if self.is_prefix { path.starts_with(&self.path) } else { path == self.path }
    }

    /// Its name in receipts and labels, as policy writes it.
    pub fn name(&self) -> String {
        format!("{} {}{}", self.method, self.path, if self.is_prefix { "*" } else { "" })
    }
}

/// The fare of a call: that of the whole path before that of a beginning, a longer beginning before
/// a shorter one.
pub(super) fn fare<'a>(fares: &'a [Fare], method: &Method, path: &str) -> Option<&'a Fare> {
    let of_call = fares.iter().filter(|fare| fare.method == *method && fare.covers(path));
    of_call.max_by_key(|fare| (!fare.is_prefix, fare.path.len()))
}

/// Whether everyone who reads this path reads the same: no two spellings of one place, nothing
/// that a server may take for a slash, a dot or the end of the path.
pub fn is_plain_path(path: &str) -> bool {
    let Some(below) = path.strip_prefix('/') else { return false };
    let mut segments: Vec<&str> = below.split('/').collect();
    // A slash at the end is part of a name; a slash after a slash is not.
    if segments.len() > 1 && segments.last().is_some_and(|last| last.is_empty()) {
        segments.pop();
    }
    segments.iter().all(|segment| is_plain_segment(segment)) || below.is_empty()
}

fn is_plain_segment(segment: &str) -> bool {
    // Some servers drop what follows a semicolon before they look at dots.
    let name = segment.split(';').next().unwrap_or_default();
    !matches!(name, "" | "." | "..") && is_plainly_spelt(segment)
}

fn is_plainly_spelt(segment: &str) -> bool {
    let mut bytes = segment.bytes();
    while let Some(byte) = bytes.next() {
        let plain = match byte {
            b'%' => coded(bytes.next(), bytes.next()).is_some_and(may_be_coded),
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte),
        };
        if !plain {
            return false;
        }
    }
    true
}

/// Whether a byte means the same to those who decode it and to those who do not.
fn may_be_coded(byte: u8) -> bool {
    !byte.is_ascii_control() && !b"/\\.%;?#".contains(&byte)
}

/// The byte behind a percent sign.
pub fn coded(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |letter: Option<u8>| char::from(letter?).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(method: Method, path: &str, is_prefix: bool) -> Fare {
        let path = path.to_owned();
        Fare { method, path, is_prefix, price: Credits::ZERO, cost: Cost::ZERO }
    }

    #[test]
    fn the_most_exact_fare_of_a_call_is_its_fare() {
        let fares = [
            with(Method::GET, "/v1/", true),
            with(Method::GET, "/v1/jobs/", true),
            with(Method::GET, "/v1/jobs/all", false),
            with(Method::POST, "/v1/upscale", false),
        ];
        let named = |method, path| fare(&fares, &method, path).map(Fare::name);
        assert_eq!(named(Method::GET, "/v1/jobs/all").as_deref(), Some("GET /v1/jobs/all"));
        assert_eq!(named(Method::GET, "/v1/jobs/1").as_deref(), Some("GET /v1/jobs/*"));
        assert_eq!(named(Method::GET, "/v1/upscale").as_deref(), Some("GET /v1/*"));
        assert_eq!(named(Method::POST, "/v1/upscale").as_deref(), Some("POST /v1/upscale"));
        assert_eq!(named(Method::POST, "/v1/upscale/"), None);
        assert_eq!(named(Method::POST, "/v1/upscaler"), None);
        assert_eq!(named(Method::DELETE, "/v1/jobs/1"), None);
    }

    #[test]
    fn a_path_that_servers_may_read_in_two_ways_is_not_plain() {
        for path in ["/", "/v1/upscale", "/v1/jobs/", "/v1/m:predict", "/v1/a%20b", "/v1/..a;b=c"] {
            assert!(is_plain_path(path), "{path}");
        }
        for path in [
            "",
            "v1",
            "//",
            "/v1//upscale",
            "/v1/jobs//",
            "/v1/../admin",
            "/v1/./admin",
            "/v1/..",
            "/v1/..;a/admin",
            "/v1/%2e%2e/admin",
            "/v1/.%2E/admin",
            "/v1/a%2fb",
            "/v1/a%5Cb",
            "/v1/a\\b",
            "/v1/%252e",
            "/v1/a%00",
            "/v1/a%0a",
            "/v1/a%",
            "/v1/a%4",
            "/v1/a%zz",
            "/v1/a b",
            "/v1/a?b",
            "/v1/a#b",
            "/v1/caf\u{e9}",
        ] {
            assert!(!is_plain_path(path), "{path}");
        }
    }
}
