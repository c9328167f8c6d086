//! Leonardo's words for what went wrong: its statuses say little, so the text decides.

use serde_json::Value;

use super::super::WireReply;
use super::super::reply::{fault_of_status, retry_after, shortened};
use crate::fault::VendorFault;

/// Texts that speak of our key or our account.
const ABOUT_US: [&str; 3] = ["authorization hook", "authentication hook", "not enough api tokens"];

/// Texts that speak of the content.
const ABOUT_CONTENT: [&str; 3] = ["moderation", "moderated", "blocked word"];

/// Texts that speak of our pace.
const ABOUT_PACE: [&str; 2] = ["too many requests", "rate limit"];

/// Whether an answer says that something failed, whatever its status.
pub(super) fn is_error(said: &Value) -> bool {
    said.get("error").is_some_and(Value::is_string) || said.pointer("/errors/0").is_some()
}

/// The fault that an error stands for.
pub(super) fn fault(reply: &WireReply, said: &Value) -> VendorFault {
    let text = |places: [&str; 2]| {
        let mut found = places.iter().filter_map(|place| said.pointer(place)?.as_str());
        found.next().unwrap_or_default()
    };
    let words = text(["/error", "/errors/0/message"]);
    let code = text(["/code", "/errors/0/extensions/code"]);
    let detail = match code {
        "" => shortened(words),
        code => shortened(&format!("{code}: {words}")),
    };
    let words = words.to_ascii_lowercase();
    let speaks = |of: &[&str]| of.iter().any(|word| words.contains(word));
    if speaks(&ABOUT_CONTENT) {
        return VendorFault::refused(detail);
    }
    if speaks(&ABOUT_US) || code == "access-denied" {
        return VendorFault::Denied { detail };
    }
    if speaks(&ABOUT_PACE) {
        return VendorFault::Busy { retry_after: retry_after(reply) };
    }
    let is_about_the_request = ["validation-failed", "parse-failed", "not-found"].contains(&code);
    match reply.status {
        200 if code == "unexpected" => VendorFault::Broken { status: 500 },
        status if status == 200 || is_about_the_request => VendorFault::Rejected { detail },
        status => fault_of_status(status, &detail, retry_after(reply)),
    }
}
