//! What vendor sides share about replies: the fault that a status stands for, waits, short words.

use std::time::Duration;

use serde_json::Value;

use crate::fault::VendorFault;

use super::WireReply;

/// The most characters of a vendor's own words that are kept.
const DETAIL_CHARS_MAX: usize = 300;

/// The fault that a status stands for, when the body says nothing more exact.
///
/// A gateway's own time-out in front of a vendor leaves open whether the vendor has drawn.
pub(crate) fn fault_of_status(
    status: u16,
    detail: &str,
    retry_after: Option<Duration>,
) -> VendorFault {
    let detail = match shortened(detail) {
        nothing if nothing.is_empty() => format!("status {status} and not a word"),
        words => words,
    };
    match status {
        401..=403 => VendorFault::Denied { detail },
        409 | 429 | 503 | 529 => VendorFault::Busy { retry_after },
        504 | 524 => VendorFault::TimedOut,
        408 | 499 | 500..=599 => VendorFault::Broken { status },
        400..=498 => VendorFault::Rejected { detail },
        _ => VendorFault::Garbled { detail },
    }
}

/// The wait in a reply's `retry-after-ms` or `retry-after`; a date counts as none.
pub(crate) fn retry_after(reply: &WireReply) -> Option<Duration> {
    let number = |name| reply.header(name)?.trim().parse::<f64>().ok();
    let ms = number("retry-after-ms").map(|ms| ms / 1000.0);
    let seconds = ms.or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// What an error's body says: JSON, or the beginning of the text that it is instead.
pub(crate) fn said(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| {
        let beginning = body.get(..body.len().min(4 * DETAIL_CHARS_MAX)).unwrap_or_default();
        Value::from(String::from_utf8_lossy(beginning))
    })
}

/// A vendor's words for what went wrong, wherever in an error's body they are.
pub(crate) fn words_of(error: &Value) -> &str {
    let places = ["/message", "/detail", "/detail/0/msg", "/title", "/error"];
    let mut found = places.iter().filter_map(|place| error.pointer(place)?.as_str());
    error.as_str().or_else(|| found.next()).unwrap_or_default()
}

/// A vendor's words, cut to what a log line wants.
pub(crate) fn shortened(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(DETAIL_CHARS_MAX).collect()
}

/// An answer that is a success and makes no sense.
pub(crate) fn garbled(detail: impl Into<String>) -> VendorFault {
    VendorFault::Garbled { detail: detail.into() }
}

/// A success that is not the JSON it should be; says where, not what.
pub(crate) fn not_json(fault: &serde_json::Error) -> VendorFault {
    garbled(format!(
        "not the JSON that is documented: line {} column {}",
        fault.line(),
        fault.column()
    ))
}

#[cfg(test)]
mod tests {
    use super::super::Pieces;
    use super::*;

    #[test]
    fn a_wait_is_read_from_either_header_and_nonsense_is_none() {
        let reply = WireReply::json(429, Pieces::default());
        let wait = |name, value| retry_after(&reply.clone().with_header(name, value));
        assert_eq!(wait("retry-after", "2"), Some(Duration::from_secs(2)));
        assert_eq!(wait("retry-after-ms", "1500"), Some(Duration::from_millis(1500)));
        assert_eq!(wait("retry-after", "-1"), None);
        assert_eq!(wait("retry-after", "NaN"), None);
        assert_eq!(wait("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"), None);
    }

    #[test]
    fn an_error_says_something_whether_or_not_it_is_json() {
        assert_eq!(words_of(&said(br#"{"message":"no"}"#)), "no");
        assert_eq!(words_of(&said(b"upstream connect error")), "upstream connect error");
        assert_eq!(words_of(&said(b"")), "");
        assert!(words_of(&said(&vec![0xFF; 1 << 20])).len() < 1 << 12);
    }

    #[test]
    fn a_gateway_time_out_leaves_the_outcome_open() {
        assert!(fault_of_status(504, "", None).outcome_unknown());
        assert!(!fault_of_status(500, "", None).outcome_unknown());
    }
}
