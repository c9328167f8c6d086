//! What of a head is passed on, either way. What is not named here goes through as it is.

use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName};

use crate::catalog::AuthScheme;

/// Headers that apps carry keys in, whatever the vendor.
const KEYS: [&str; 4] = ["x-api-key", "x-key", "api-key", "x-goog-api-key"];

/// What is about one connection only.
const OF_CONNECTION: [&str; 11] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "expect",
];

/// What is not the vendor's to know: sessions, and the network that the client is in.
const OF_CLIENT: [&str; 9] = [
    "host",
    "cookie",
    "cookie2",
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
];

/// What makes some servers read another method or path than the one that was priced.
const OVERRULING: [&str; 6] = [
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
];

/// What a vendor says to its own visitors, and would be taken for ours.
const OF_VENDOR: [&str; 9] = [
    "set-cookie",
    "set-cookie2",
    "alt-svc",
    "strict-transport-security",
    "public-key-pins",
    "clear-site-data",
    "nel",
    "report-to",
    "reporting-endpoints",
];

/// The key that an app shows: as a bearer, in one of the usual headers, or as the vendor's own
/// clients show theirs.
pub(super) fn presented_key<'a>(
    headers: &'a HeaderMap,
    own: Option<&AuthScheme>,
) -> Option<&'a str> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let own_word = own.and_then(AuthScheme::word).unwrap_or("bearer");
    let authorization = text(AUTHORIZATION.as_str())
        .and_then(|value| value.split_once(' '))
        .filter(|(word, _)| ["bearer", own_word].iter().any(|w| word.eq_ignore_ascii_case(w)))
        .map(|(_, key)| key.trim());
    let own_header = own.and_then(AuthScheme::header);
    let named = KEYS.into_iter().chain(own_header).filter_map(text);
    authorization.into_iter().chain(named).find(|key| !key.is_empty())
}

/// What a vendor may see of a client's head. The key is in none of it, wherever it was.
pub(super) fn for_vendor(headers: &HeaderMap, key: &str, own: &AuthScheme) -> HeaderMap {
    let own_header = own.header().unwrap_or_default();
    let mut seen = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let text = name.as_str();
        let is_private = *name == AUTHORIZATION
            || text.eq_ignore_ascii_case(own_header)
            || KEYS.contains(&text)
            || OF_CONNECTION.contains(&text)
            || OF_CLIENT.contains(&text)
            || OVERRULING.contains(&text)
            || text.starts_with("x-forwarded-")
            || text.starts_with("pixelgate-")
            || is_nominated(headers, name)
            || holds(value.as_bytes(), key.as_bytes());
        if !is_private {
            seen.append(name.clone(), value.clone());
        }
    }
    one_length(&mut seen);
    seen
}

/// A length is said once and plainly, or not at all.
fn one_length(headers: &mut HeaderMap) {
    let Some(length) = headers.remove(CONTENT_LENGTH) else { return };
    if !length.is_empty() && length.as_bytes().iter().all(u8::is_ascii_digit) {
        headers.insert(CONTENT_LENGTH, length);
    }
}

/// What a client may not see of a vendor's head, or would take for ours.
pub fn is_kept_from_client(headers: &HeaderMap, name: &HeaderName) -> bool {
    let text = name.as_str();
    // How the body ends is Pingora's to say, from what the vendor says.
    let of_connection = OF_CONNECTION.contains(&text) && text != "transfer-encoding";
    of_connection
        || OF_VENDOR.contains(&text)
        || is_nominated(headers, name)
        || text.starts_with("pixelgate-")
        // They are about our account there.
        || text.starts_with("ratelimit")
        || text.starts_with("x-ratelimit-")
}

/// Whether the head itself says that a header is about the connection only.
fn is_nominated(headers: &HeaderMap, name: &HeaderName) -> bool {
    let lines = headers.get_all(CONNECTION).into_iter().filter_map(|line| line.to_str().ok());
    let framing = matches!(name.as_str(), "content-length" | "transfer-encoding");
    !framing
        && lines
            .flat_map(|line| line.split(','))
            .any(|n| n.trim().eq_ignore_ascii_case(name.as_str()))
}

fn holds(value: &[u8], key: &[u8]) -> bool {
    !key.is_empty() && value.windows(key.len()).any(|part| part == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        headers.keys().map(HeaderName::as_str).collect()
    }

    #[test]
    fn a_key_is_found_wherever_clients_carry_one() {
        for lines in [
            [("authorization", "Bearer pg_1")],
            [("x-api-key", "pg_1")],
            [("x-key", "pg_1")],
            [("api-key", "pg_1")],
            [("x-goog-api-key", "pg_1")],
        ] {
            assert_eq!(presented_key(&map(&lines), None), Some("pg_1"), "{lines:?}");
        }
        assert_eq!(presented_key(&map(&[("authorization", "Key pg_1")]), None), None);
        let word = AuthScheme::Word("Key".to_owned());
        assert_eq!(
            presented_key(&map(&[("authorization", "Key pg_1")]), Some(&word)),
            Some("pg_1")
        );
        let header = AuthScheme::Header("x-acme-key".to_owned());
        assert_eq!(presented_key(&map(&[("x-acme-key", "pg_1")]), Some(&header)), Some("pg_1"));
        assert_eq!(presented_key(&map(&[("authorization", "Bearer ")]), None), None);
    }

    #[test]
    fn nothing_private_goes_to_a_vendor() {
        let headers = map(&[
            ("authorization", "Bearer pg_1"),
            ("x-api-key", "pg_1"),
            ("x-key", "other"),
            ("api-key", "other"),
            ("x-goog-api-key", "other"),
            ("x-acme-key", "other"),
            ("x-anything", "my pg_1 key"),
            ("cookie", "session=1"),
            ("host", "gateway.example"),
            ("connection", "keep-alive, X-Secret"),
            ("x-secret", "1"),
            ("te", "trailers"),
            ("upgrade", "websocket"),
            ("expect", "100-continue"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-http-method-override", "DELETE"),
            ("x-original-url", "/admin"),
            ("pixelgate-anything", "1"),
            ("content-type", "application/json"),
            ("content-length", "2"),
            ("idempotency-key", "abc"),
        ]);
        let own = AuthScheme::Header("X-Acme-Key".to_owned());
        let seen = for_vendor(&headers, "pg_1", &own);
        assert_eq!(names(&seen), ["content-type", "idempotency-key", "content-length"]);
    }

    #[test]
    fn a_length_is_passed_on_once_and_only_where_it_is_plain() {
        let seen = |lines: &[(&'static str, &'static str)]| {
            let seen = for_vendor(&map(lines), "pg_1", &AuthScheme::Bearer);
            seen.get_all(CONTENT_LENGTH).iter().count()
        };
        assert_eq!(seen(&[("content-length", "5"), ("content-length", "5")]), 1);
        assert_eq!(seen(&[("content-length", "5, 5")]), 0);
        assert_eq!(seen(&[("content-length", "+5")]), 0);
    }

    #[test]
    fn what_a_vendor_says_about_itself_does_not_reach_the_client() {
        let headers = map(&[
            ("set-cookie", "session=1"),
            ("connection", "x-hop"),
            ("x-hop", "1"),
            ("alt-svc", "h3=\":443\""),
            ("strict-transport-security", "max-age=1"),
            ("x-ratelimit-remaining-requests", "1"),
            ("pixelgate-cost", "0"),
            ("content-type", "image/png"),
            ("transfer-encoding", "chunked"),
            ("retry-after", "1"),
        ]);
        let passed = headers.keys().filter(|name| !is_kept_from_client(&headers, name));
        let passed: Vec<_> = passed.map(HeaderName::as_str).collect();
        assert_eq!(passed, ["content-type", "transfer-encoding", "retry-after"]);
    }
}
