//! What a request's conditions and range come to (RFC 9110, sections 13 and 14). Pure.

use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use http::header::{HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, RANGE};

/// What is there to be served.
#[derive(Debug)]
pub(super) struct Version {
    /// A strong entity tag, with its quotes.
    pub(super) etag: String,
    /// When it came to be, in seconds since the Unix epoch.
    pub(super) modified_s: i64,
    /// Its length.
    pub(super) bytes: u64,
}

/// What is to be sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Serve {
    /// Nothing: the client has it.
    Same,
    /// All of it.
    Whole,
    /// A part of it.
    Part(Range<u64>),
    /// Nothing: the part begins after the end.
    Beyond,
}

impl Version {
    /// `Last-Modified`, as HTTP writes it.
    pub(super) fn modified(&self) -> String {
        httpdate::fmt_http_date(moment(self.modified_s))
    }
}

/// Conditions first, then the range; a range is for GET alone.
pub(super) fn judge(headers: &HeaderMap, is_get: bool, version: &Version) -> Serve {
    if is_same(headers, version) {
        return Serve::Same;
    }
    let range = text(headers, &RANGE).filter(|_| is_get && is_in_range(headers, version));
    range.map_or(Serve::Whole, |range| part(range, version.bytes))
}

fn is_same(headers: &HeaderMap, version: &Version) -> bool {
    if headers.contains_key(IF_NONE_MATCH) {
        // Several fields are one list; whether a tag is weak does not matter here.
        return headers.get_all(IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok()).any(
            |list| {
                let mut tags = list.split(',').map(str::trim);
                tags.any(|tag| tag == "*" || tag.trim_start_matches("W/") == version.etag)
            },
        );
    }
    let since = text(headers, &IF_MODIFIED_SINCE).and_then(|at| httpdate::parse_http_date(at).ok());
    since.is_some_and(|since| moment(version.modified_s) <= since)
}

/// Whether the part is of what the client has the rest of; a weak tag or an older date is not.
fn is_in_range(headers: &HeaderMap, version: &Version) -> bool {
    match text(headers, &IF_RANGE) {
        None => !headers.contains_key(IF_RANGE),
        Some(tag) if tag.starts_with('"') => tag == version.etag,
        Some(at) => httpdate::parse_http_date(at).ok() == Some(moment(version.modified_s)),
    }
}

/// One range of bytes. What is not one, or is several, is answered whole, as is allowed.
fn part(range: &str, bytes: u64) -> Serve {
    let Some((from, to)) = range.strip_prefix("bytes=").and_then(|set| set.trim().split_once('-'))
    else {
        return Serve::Whole;
    };
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // More than can be counted is beyond every end.
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let range = match (number(from), number(to)) {
        (Some(from), Some(to)) if from <= to => from..to.saturating_add(1).min(bytes),
        (Some(from), None) if to.is_empty() => from..bytes,
        (None, Some(last)) if from.is_empty() => bytes.saturating_sub(last)..bytes,
        _ => return Serve::Whole,
    };
    if range.is_empty() { Serve::Beyond } else { Serve::Part(range) }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn moment(unix_s: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(unix_s).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn judged(fields: &[(HeaderName, &'static str)]) -> Serve {
        let version = Version { etag: "\"a\"".to_owned(), modified_s: 784_111_777, bytes: 10 };
        assert_eq!(version.modified(), NOW);
        let headers = fields
            .iter()
            .map(|(name, value)| (name.clone(), http::HeaderValue::from_static(value)));
        judge(&headers.collect(), true, &version)
    }

    #[test]
    fn one_range_is_a_part_and_everything_else_is_whole_or_beyond() {
        let cases = [
            ("bytes=0-0", Serve::Part(0..1)),
            ("bytes=2-4", Serve::Part(2..5)),
            ("bytes=2-99", Serve::Part(2..10)),
            ("bytes=2-", Serve::Part(2..10)),
            ("bytes=-3", Serve::Part(7..10)),
            ("bytes=-99", Serve::Part(0..10)),
            ("bytes=9-99999999999999999999", Serve::Part(9..10)),
            ("bytes=10-", Serve::Beyond),
            ("bytes=-0", Serve::Beyond),
            ("bytes=99999999999999999999-", Serve::Beyond),
            ("bytes=4-2", Serve::Whole),
            ("bytes=0-1,3-4", Serve::Whole),
            ("bytes=+1-2", Serve::Whole),
            ("bytes=-", Serve::Whole),
            ("lines=0-1", Serve::Whole),
        ];
        for (range, expected) in cases {
            assert_eq!(judged(&[(RANGE, range)]), expected, "{range}");
        }
    }

    #[test]
    fn a_client_that_has_it_is_told_so_by_tag_before_date() {
        for tags in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert_eq!(judged(&[(IF_NONE_MATCH, tags)]), Serve::Same, "{tags}");
        }
        assert_eq!(judged(&[(IF_MODIFIED_SINCE, NOW)]), Serve::Same);
        assert_eq!(judged(&[(IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:36 GMT")]), Serve::Whole);
        let both = [(IF_NONE_MATCH, "\"b\""), (IF_MODIFIED_SINCE, NOW)];
        assert_eq!(judged(&both), Serve::Whole);
    }

    #[test]
    fn a_part_is_sent_only_of_what_the_client_has_the_rest_of() {
        for (condition, is_part) in
            [("\"a\"", true), (NOW, true), ("\"b\"", false), ("W/\"a\"", false), ("x", false)]
        {
            let served = judged(&[(RANGE, "bytes=1-2"), (IF_RANGE, condition)]);
            let expected = if is_part { Serve::Part(1..3) } else { Serve::Whole };
            assert_eq!(served, expected, "{condition}");
        }
    }
}
