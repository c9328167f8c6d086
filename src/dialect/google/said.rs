//! Our no as Google's APIs say it: `{error: {code, message, status, details}}`, with the details
//! that client libraries read (google.rpc `ErrorInfo`, `BadRequest`, `QuotaFailure`, `RetryInfo`).

use std::time::Duration;

use serde_json::{Value, json};

use crate::canonical::{Refusal, RefusalKind, Standing};

use super::super::{Pieces, RefusalContext, WireReply};

/// Where the reasons of our own come from.
const DOMAIN: &str = "pixelgate";

/// A no as an answer. A refused content is none of these: each API has its own success for it.
pub(crate) fn encode(refusal: &Refusal, context: &RefusalContext<'_>) -> WireReply {
    let (code, _, _) = words(refusal.kind);
    WireReply::json(code, Pieces::one(body(refusal, context).to_string()))
}

/// A no as the body of an answer.
pub(crate) fn body(refusal: &Refusal, context: &RefusalContext<'_>) -> Value {
    let (code, status, _) = words(refusal.kind);
    json!({
        "error": {
            "code": code,
            "message": message(refusal),
            "status": status,
            "details": details(refusal, context),
        },
    })
}

/// What is said; where a key is shown here is not where most show it.
fn message(refusal: &Refusal) -> &str {
    if refusal.kind == RefusalKind::KeyMissing {
        return "no API key; send one in the header `x-goog-api-key`";
    }
    &refusal.message
}

/// The status as a number and as a word, and the documented reason; without one ours stands.
///
/// These APIs have no word for a payment that is due: it is a quota that waiting does not mend.
const fn words(kind: RefusalKind) -> (u16, &'static str, Option<&'static str>) {
    match kind {
        RefusalKind::KeyMissing => (401, "UNAUTHENTICATED", Some("CREDENTIALS_MISSING")),
        RefusalKind::KeyUnknown | RefusalKind::KeyInactive => {
            (400, "INVALID_ARGUMENT", Some("API_KEY_INVALID"))
        }
        RefusalKind::ScopeMissing => (403, "PERMISSION_DENIED", Some("API_KEY_SERVICE_BLOCKED")),
        RefusalKind::WorkspaceSuspended => (403, "PERMISSION_DENIED", Some("CONSUMER_SUSPENDED")),
        RefusalKind::ModelForbidden | RefusalKind::PlanMissing | RefusalKind::RuleDenied => {
            (403, "PERMISSION_DENIED", None)
        }
        RefusalKind::UnknownPath | RefusalKind::ModelUnknown => (404, "NOT_FOUND", None),
        RefusalKind::BadRequest
        | RefusalKind::BadFraming
        | RefusalKind::HeadTooLarge
        | RefusalKind::BodyTooLarge
        | RefusalKind::WrongMethod
        | RefusalKind::Unsupported
        | RefusalKind::ContentRefused => (kind.status(), "INVALID_ARGUMENT", None),
        RefusalKind::IdempotencyInFlight | RefusalKind::IdempotencyGone => (409, "ABORTED", None),
        RefusalKind::IdempotencyMismatch => (422, "INVALID_ARGUMENT", None),
        RefusalKind::RateLimited | RefusalKind::ConcurrencyExceeded => {
            (429, "RESOURCE_EXHAUSTED", Some("RATE_LIMIT_EXCEEDED"))
        }
        RefusalKind::QuotaExhausted | RefusalKind::CreditsShort => {
            (429, "RESOURCE_EXHAUSTED", None)
        }
        RefusalKind::Unpriced
        | RefusalKind::Overloaded
        | RefusalKind::NoneAvailable
        | RefusalKind::VendorFailed
        | RefusalKind::StoreFull
        | RefusalKind::StoreUnavailable => (503, "UNAVAILABLE", None),
        RefusalKind::TooSlow => (408, "DEADLINE_EXCEEDED", None),
        RefusalKind::VendorTimedOut => (504, "DEADLINE_EXCEEDED", None),
        RefusalKind::RuleFailed | RefusalKind::Internal => (500, "INTERNAL", None),
    }
}

fn details(refusal: &Refusal, context: &RefusalContext<'_>) -> Vec<Value> {
    let (_, _, reason) = words(refusal.kind);
    let code = refusal.kind.code();
    let mut details = vec![detail(
        "ErrorInfo",
        json!({
            "reason": reason.map_or_else(|| code.to_ascii_uppercase(), str::to_owned),
            "domain": DOMAIN,
            "metadata": { "code": code, "requestId": context.request_id.as_str() },
        }),
    )];
    if let Some(field) = &refusal.field {
        let violation = json!({ "field": field, "description": refusal.message });
        details.push(detail("BadRequest", json!({ "fieldViolations": [violation] })));
    }
    if let Some(violations) = violations(refusal) {
        details.push(detail("QuotaFailure", json!({ "violations": violations })));
    }
    if let Some(wait) = refusal.retry_after.filter(|_| is_worth_a_wait(refusal.kind)) {
        details.push(detail("RetryInfo", json!({ "retryDelay": seconds(wait) })));
    }
    details
}

fn detail(kind: &str, fields: Value) -> Value {
    let mut detail = json!({ "@type": format!("type.googleapis.com/google.rpc.{kind}") });
    if let (Some(detail), Value::Object(fields)) = (detail.as_object_mut(), fields) {
        detail.extend(fields);
    }
    detail
}

/// What ran out, where something did. Libraries know a quota of the day by its `quotaId`.
fn violations(refusal: &Refusal) -> Option<Vec<Value>> {
    let violation = |metric: &str, id: &str| json!({ "quotaMetric": metric, "quotaId": id, "description": refusal.message });
    match refusal.kind {
        RefusalKind::RateLimited => {
            let met = refusal.standings.iter().filter(|standing| standing.is_met);
            let met: Vec<Value> = met.map(|standing| limit(standing, refusal)).collect();
            Some(if met.is_empty() { vec![violation("requests", "Requests")] } else { met })
        }
        RefusalKind::ConcurrencyExceeded => {
            Some(vec![violation("concurrent_requests", "ConcurrentRequestsPerKey")])
        }
        RefusalKind::QuotaExhausted => Some(vec![violation("images", "ImagesPerDayOrMonth")]),
        RefusalKind::CreditsShort => Some(vec![violation("credits", "CreditsPerWorkspace")]),
        RefusalKind::BadRequest
        | RefusalKind::BadFraming
        | RefusalKind::HeadTooLarge
        | RefusalKind::BodyTooLarge
        | RefusalKind::TooSlow
        | RefusalKind::UnknownPath
        | RefusalKind::WrongMethod
        | RefusalKind::KeyMissing
        | RefusalKind::KeyUnknown
        | RefusalKind::KeyInactive
        | RefusalKind::ScopeMissing
        | RefusalKind::WorkspaceSuspended
        | RefusalKind::PlanMissing
        | RefusalKind::ModelUnknown
        | RefusalKind::ModelForbidden
        | RefusalKind::Unsupported
        | RefusalKind::ContentRefused
        | RefusalKind::RuleDenied
        | RefusalKind::IdempotencyInFlight
        | RefusalKind::IdempotencyMismatch
        | RefusalKind::IdempotencyGone
        | RefusalKind::Unpriced
        | RefusalKind::Overloaded
        | RefusalKind::NoneAvailable
        | RefusalKind::VendorFailed
        | RefusalKind::VendorTimedOut
        | RefusalKind::StoreFull
        | RefusalKind::StoreUnavailable
        | RefusalKind::RuleFailed
        | RefusalKind::Internal => None,
    }
}

fn limit(standing: &Standing, refusal: &Refusal) -> Value {
    json!({
        "quotaMetric": standing.unit,
        "quotaId": standing.limit,
        "quotaValue": standing.most.to_string(),
        "description": refusal.message,
    })
}

/// Documented: a quota that is used up names no wait, and so says that waiting is of no use.
fn is_worth_a_wait(kind: RefusalKind) -> bool {
    kind != RefusalKind::QuotaExhausted && kind != RefusalKind::CreditsShort
}

/// A duration as these APIs spell it: `34s`, `1.500s`.
fn seconds(wait: Duration) -> String {
    match wait.subsec_millis() {
        0 => format!("{}s", wait.as_secs()),
        ms => format!("{}.{ms:03}s", wait.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Failed, fault};
    use super::*;
    use crate::fault::VendorFault;
    use crate::id::RequestId;

    fn said(refusal: &Refusal) -> Value {
        let request_id = RequestId::known("req_x");
        body(refusal, &RefusalContext { request_id: &request_id, unix_ms: 0, model: None })
    }

    fn read(kind: RefusalKind) -> VendorFault {
        let refusal = Refusal::new(kind, "no").retry_after(Duration::from_millis(1_500));
        let said: Failed = serde_json::from_value(said(&refusal)["error"].take()).unwrap();
        fault(said.code, &said)
    }

    #[test]
    fn our_own_vendor_side_reads_what_is_said_to_apps() {
        let wait = Some(Duration::from_millis(1_500));
        assert_eq!(read(RefusalKind::RateLimited), VendorFault::Busy { retry_after: wait });
        assert_eq!(read(RefusalKind::Overloaded), VendorFault::Busy { retry_after: wait });
        for kind in [RefusalKind::QuotaExhausted, RefusalKind::KeyUnknown, RefusalKind::KeyMissing]
        {
            assert!(matches!(read(kind), VendorFault::Denied { .. }), "{kind:?}");
        }
        assert_eq!(read(RefusalKind::VendorTimedOut), VendorFault::TimedOut);
        assert!(matches!(read(RefusalKind::BadRequest), VendorFault::Rejected { .. }));
    }

    #[test]
    fn a_limit_is_named_with_what_it_allows() {
        let standing = |limit: &str, remaining| Standing {
            limit: limit.to_owned(),
            is_met: remaining == 0,
            unit: "requests",
            most: 50,
            remaining,
            window: Duration::from_mins(5),
            resets_in: Duration::from_secs(9),
        };
        let refusal = Refusal {
            standings: vec![standing("5 minutes", 0), standing("hour", 7)],
            ..Refusal::new(RefusalKind::RateLimited, "the limit is reached")
        };
        let details = &said(&refusal)["error"]["details"];
        let violations = details[1]["violations"].as_array().unwrap();
        assert_eq!(violations.len(), 1);
        assert_eq!(violations[0]["quotaId"], "5 minutes");
        assert_eq!(violations[0]["quotaValue"], "50");
    }
}
