//! What is refused of a request's head before anybody reads it: too much of it, or what two readers
//! could read as two requests. Stricter than the standards, which let readers mend such heads.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, HeaderName};

use crate::canonical::{Refusal, RefusalKind};
use crate::config::Public;
use crate::telemetry::Bound;

/// A head as far as framing goes.
pub(super) struct RawHead<'a> {
    /// The bytes as they came, on HTTP/1; Pingora drops a Content-Length beside a
    /// Transfer-Encoding before anybody sees it, so only these still show it.
    pub(super) bytes: Option<&'a [u8]>,
    /// The fields as they were read.
    pub(super) fields: &'a HeaderMap,
}

/// The first thing wrong with a head, and the bound it met, if it was one.
pub(super) fn refuse(head: &RawHead<'_>, bounds: &Public) -> Option<(Refusal, Option<Bound>)> {
    if head_bytes(head) > bounds.head_bytes_max {
        let most = bounds.head_bytes_max;
        let message = format!(
            "the request's head is larger than {most} bytes; send fewer or shorter headers"
        );
        return Some((Refusal::new(RefusalKind::HeadTooLarge, message), Some(Bound::HeadBytes)));
    }
    if head.fields.len() > bounds.head_fields_max {
        let most = bounds.head_fields_max;
        let message = format!("the request has more than {most} header fields; send fewer");
        return Some((Refusal::new(RefusalKind::HeadTooLarge, message), Some(Bound::HeadFields)));
    }
    let message = two_readings(head)?;
    Some((Refusal::new(RefusalKind::BadFraming, message), None))
}

/// What two readers could read in two ways.
fn two_readings(head: &RawHead<'_>) -> Option<&'static str> {
    if head.bytes.is_some_and(has_bare_line_feed) {
        return Some("a line of the head ends without a carriage return; end each with both");
    }
    if head.bytes.is_some_and(|bytes| !has_plain_first_line(bytes)) {
        return Some("the first line is not method, path and version with one blank between them");
    }
    let chunked: Vec<_> = head.fields.get_all(TRANSFER_ENCODING).iter().collect();
    if !chunked.is_empty() && head.bytes.is_some_and(|bytes| has_field(bytes, &CONTENT_LENGTH)) {
        return Some("both Content-Length and Transfer-Encoding are given; send one of them");
    }
    if !matches!(chunked.as_slice(), [] | [_])
        || chunked.iter().any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
    {
        return Some("Transfer-Encoding is something else than `chunked`, once; leave it out");
    }
    let lengths: Vec<_> = head.fields.get_all(CONTENT_LENGTH).iter().collect();
    let is_plain = |length: &[u8]| !length.is_empty() && length.iter().all(u8::is_ascii_digit);
    if !matches!(lengths.as_slice(), [] | [_])
        || lengths.iter().any(|length| !is_plain(length.as_bytes()))
    {
        return Some("Content-Length is something else than one whole number, once; send that");
    }
    let hosts: Vec<_> = head.fields.get_all(HOST).iter().collect();
    match hosts.as_slice() {
        // HTTP/2 names it in another place.
        [] if head.bytes.is_none() => None,
        [host] if names_host(host.as_bytes()) => None,
        [_] => Some("the Host header names no host; send its name, and its port if it has one"),
        [] | [_, _, ..] => Some("the request must have exactly one Host header"),
    }
}

fn names_host(host: &[u8]) -> bool {
    Authority::try_from(host)
        .is_ok_and(|host| host.as_str().len() == host.host().len() || host.port_u16().is_some())
}

/// A body that is compressed. What it unpacks to has no bound that anybody knows before.
pub(super) fn refuse_coding(fields: &HeaderMap) -> Option<Refusal> {
    let is_plain = |coding: &[u8]| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity");
    let mut codings = fields.get_all(CONTENT_ENCODING).iter();
    codings.any(|coding| !is_plain(coding.as_bytes())).then(|| {
        let message = "the body is compressed (Content-Encoding); send it as it is";
        Refusal::new(RefusalKind::BadRequest, message)
    })
}

fn head_bytes(head: &RawHead<'_>) -> usize {
    match head.bytes {
        Some(bytes) => bytes.len(),
        None => head
            .fields
            .iter()
            .map(|(name, value)| name.as_str().len().saturating_add(value.len()).saturating_add(4))
            .sum(),
    }
}

fn has_bare_line_feed(head: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', head)
        .any(|at| at.checked_sub(1).and_then(|before| head.get(before)) != Some(&b'\r'))
}

/// Whether the first line has three words and the second leads somewhere. Other readers part words
/// at several blanks; Pingora writes what it cannot read as a target in escapes.
fn has_plain_first_line(head: &[u8]) -> bool {
    let line = head.trim_ascii_start().split(|byte| *byte == b'\r').next().unwrap_or_default();
    let words: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).collect();
    let leads =
        |target: &[u8]| target.starts_with(b"/") || target.starts_with(b"http") || target == b"*";
    matches!(words.as_slice(), [_, target, _] if leads(target))
}

fn has_field(head: &[u8], name: &HeaderName) -> bool {
    let name = name.as_str().as_bytes();
    head.split(|byte| *byte == b'\n').any(|line| {
        line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            && line.get(name.len()) == Some(&b':')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn judged(bytes: &[u8], fields: &[(&str, &str)]) -> Option<RefusalKind> {
        let fields: HeaderMap = fields
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect();
        let head = RawHead { bytes: Some(bytes), fields: &fields };
        refuse(&head, &Config::defaults().unwrap().public).map(|(refusal, _)| refusal.kind)
    }

    #[test]
    fn a_body_that_ends_in_two_ways_is_refused() {
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
        let seen = [("host", "a"), ("transfer-encoding", "chunked")];
        assert_eq!(judged(head, &seen), Some(RefusalKind::BadFraming));
    }

    #[test]
    fn a_body_that_ends_in_one_way_is_fine() {
        let head = b"POST / HTTP/1.1\r\nHost: a\r\nX-Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
        let seen = [("host", "a"), ("transfer-encoding", "chunked")];
        assert_eq!(judged(head, &seen), None);
    }

    #[test]
    fn a_request_names_exactly_one_host() {
        assert_eq!(judged(b"GET / HTTP/1.1\r\n\r\n", &[]), Some(RefusalKind::BadFraming));
        for (host, is_fine) in [
            ("a", true),
            ("a.example:8443", true),
            ("[::1]:80", true),
            ("", false),
            ("a/b", false),
            ("a b", false),
            ("a:99999", false),
            ("a:", false),
            ("a\"b", false),
        ] {
            let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert_eq!(judged(head.as_bytes(), &[("host", host)]).is_none(), is_fine, "{host}");
        }
    }

    #[test]
    fn a_line_that_ends_in_half_is_refused() {
        for head in ["GET / HTTP/1.1\nHost: a\r\n\r\n", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
            let why = judged(head.as_bytes(), &[("host", "a")]);
            assert_eq!(why, Some(RefusalKind::BadFraming), "{head:?}");
        }
    }

    #[test]
    fn a_first_line_has_three_words() {
        for line in ["GET  / HTTP/1.1", "GET / HTTP/1.1 ", "GET /\ta HTTP/1.1", "GET %20/ HTTP/1.1"]
        {
            let head = format!("{line}\r\nHost: a\r\nX-A: a b c d\r\n\r\n");
            let why = judged(head.as_bytes(), &[("host", "a")]);
            assert_eq!(why, Some(RefusalKind::BadFraming), "{line:?}");
        }
    }

    #[test]
    fn a_length_and_a_coding_are_said_once_and_plainly() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        for (fields, is_fine) in [
            (&[("content-length", "5")][..], true),
            (&[("transfer-encoding", "Chunked")], true),
            (&[("content-length", "5"), ("content-length", "5")], false),
            (&[("content-length", "5, 5")], false),
            (&[("content-length", "+5")], false),
            (&[("content-length", "")], false),
            (&[("transfer-encoding", "gzip, chunked")], false),
            (&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], false),
        ] {
            let fields: Vec<_> = [("host", "a")].iter().chain(fields).copied().collect();
            assert_eq!(judged(head, &fields).is_none(), is_fine, "{fields:?}");
        }
    }

    #[test]
    fn a_compressed_body_is_refused_and_a_plain_one_is_not() {
        for (coding, is_fine) in [("gzip", false), ("identity", true), ("identity, br", false)] {
            let fields = HeaderMap::from_iter([(CONTENT_ENCODING, coding.parse().unwrap())]);
            assert_eq!(refuse_coding(&fields).is_none(), is_fine, "{coding}");
        }
    }
}
