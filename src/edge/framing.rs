//! What is refused of a request's head before anybody reads it: too much of it, or two ways of
//! saying where its body ends.

use http::HeaderMap;

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
    let bad = |message: &'static str| Some((Refusal::new(RefusalKind::BadFraming, message), None));
    let chunked = head.fields.contains_key(http::header::TRANSFER_ENCODING);
    if chunked && head.bytes.is_some_and(|bytes| has_field(bytes, b"content-length")) {
        return bad("both Content-Length and Transfer-Encoding are given; send one of them");
    }
    if head.bytes.is_some() && head.fields.get_all(http::header::HOST).iter().count() != 1 {
        return bad("the request must have exactly one Host header");
    }
    None
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

fn has_field(head: &[u8], name: &[u8]) -> bool {
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
            .map(|(name, value)| {
                (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap())
            })
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
    }
}
