//! What client sides share about heads: a bearer key and a name in the path in, the tightest limit
//! out.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::canonical::Standing;

/// The key of an `Authorization: Bearer` header.
pub(crate) fn bearer(head: &HeaderMap) -> Option<&str> {
    let (scheme, key) = head.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

/// The limit that is felt first: the least is left of it, for the longest. The headers of all these
/// APIs count requests, so limits of megapixels and credits are told by the common fields alone.
pub(crate) fn tightest(standings: &[Standing]) -> Option<&Standing> {
    standings
        .iter()
        .filter(|standing| matches!(standing.unit, "requests" | "images"))
        .min_by_key(|standing| (standing.remaining, std::cmp::Reverse(standing.resets_in)))
}

/// The tightest limit as three headers that several small APIs document alike.
pub(crate) fn limit_headers(standings: &[Standing], unix_ms: i64) -> Vec<(&'static str, String)> {
    let Some(limit) = tightest(standings) else {
        return Vec::new();
    };
    let wait_ms = i64::try_from(limit.resets_in.as_millis()).unwrap_or(i64::MAX);
    // Rounded up: at the second that is named, the window really has reset.
    let reset = unix_ms.saturating_add(wait_ms).saturating_add(999).div_euclid(1000);
    vec![
        ("x-ratelimit-limit", limit.most.to_string()),
        ("x-ratelimit-remaining", limit.remaining.to_string()),
        ("x-ratelimit-reset", reset.to_string()),
    ]
}

/// A path segment without its percent signs; libraries write the slash of a model name so.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn key_in(value: &'static str) -> Option<String> {
        let head = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
        bearer(&head).map(str::to_owned)
    }

    #[test]
    fn a_bearer_key_is_found_however_the_scheme_is_written() {
        assert_eq!(key_in("Bearer pg_live_1").as_deref(), Some("pg_live_1"));
        assert_eq!(key_in("bearer  pg_live_1").as_deref(), Some("pg_live_1"));
        for other in ["Basic abc", "Bearer", "Bearer ", "pg_live_1"] {
            assert_eq!(key_in(other), None, "{other}");
        }
    }
}
