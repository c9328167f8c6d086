//! The fault that an OpenAI vendor's error stands for.

use serde_json::Value;

use crate::fault::VendorFault;

use super::super::super::WireReply;
use super::super::super::reply::{fault_of_status, retry_after, shortened, words_of};
use super::super::error::{Topic, topic};

/// The fault that an error stands for: by its own words first, by the status after.
pub(super) fn fault(reply: &WireReply, error: &Value) -> VendorFault {
    let text = |key| error.get(key).and_then(Value::as_str).unwrap_or_default();
    let message = words_of(error);
    let inner = error.get("inner_error").or_else(|| error.get("innererror"));
    let inner_code = inner.and_then(|inner| inner.get("code")?.as_str());
    let words = [text("code"), text("type"), inner_code.unwrap_or_default()];
    let retry_after = retry_after(reply);
    let detail = match text("code") {
        "" => shortened(message),
        code => shortened(&format!("{code}: {message}")),
    };
    match words.into_iter().find_map(topic) {
        Some(Topic::Content) => {
            let violations = listed(message).or_else(|| filtered(inner?));
            VendorFault::refused(reason(text("code"), violations))
        }
        Some(Topic::Account) => VendorFault::Denied { detail },
        None if message.starts_with("Incorrect API key") => VendorFault::Denied { detail },
        Some(Topic::Pace) => VendorFault::Busy { retry_after },
        // A success that holds an error: it says no more than that something failed.
        Some(Topic::Trouble) if reply.status == 200 => VendorFault::Broken { status: 500 },
        None if reply.status == 200 => VendorFault::Rejected { detail },
        Some(Topic::Trouble) | None => fault_of_status(reply.status, &detail, retry_after),
    }
}

/// The filter's own words: its code, and what it found when it says so.
fn reason(code: &str, violations: Option<String>) -> String {
    let code = if code.is_empty() { "content filter" } else { code };
    match violations {
        Some(violations) => shortened(&format!("{code}: {violations}")),
        None => shortened(code),
    }
}

/// What a message lists as `safety_violations=[violence]`.
fn listed(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("safety_violations=[")?;
    let (violations, _) = rest.split_once(']')?;
    Some(violations.to_owned())
}

/// The categories that Azure's filter says it filtered.
fn filtered(inner: &Value) -> Option<String> {
    let results = inner.get("content_filter_results")?.as_object()?;
    let is_filtered = |result: &Value| result.get("filtered") == Some(&Value::Bool(true));
    let names = results.iter().filter(|(_, result)| is_filtered(result));
    let names: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}
