//! When a receiver wants to be asked again, as its `Retry-After` says (RFC 9110, 10.2.3).

use std::time::Duration;

/// So many seconds, or until a date; `None` for what is neither.
pub fn retry_after(text: &str, unix_ms: i64) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let until = until.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(until.saturating_sub(Duration::from_millis(u64::try_from(unix_ms).unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_said_in_seconds_or_as_a_date() {
        let at = |text| retry_after(text, 1_445_412_475_000);
        assert_eq!(at(" 120 "), Some(Duration::from_mins(2)));
        assert_eq!(at("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::from_secs(5)));
        assert_eq!(at("Wed, 21 Oct 2015 07:27:00 GMT"), Some(Duration::ZERO));
        assert_eq!([at(""), at("soon"), at("-1"), at("1.5")], [None; 4]);
    }
}
