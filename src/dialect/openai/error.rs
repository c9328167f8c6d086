//! OpenAI's words for what went wrong: those we say to apps, and those vendors say to us.

use crate::canonical::{Problem, RefusalKind};

const REQUEST: &str = "invalid_request_error";
const SERVER: &str = "server_error";

/// The `type` and `code` of a refusal. Where the API documents no code, ours stands.
pub(super) const fn said_to_clients(
    kind: RefusalKind,
    problem: Option<Problem>,
) -> (&'static str, &'static str) {
    match kind {
        RefusalKind::BadRequest => (REQUEST, bad_field(kind, problem)),
        RefusalKind::Unsupported => (REQUEST, "unsupported_value"),
        RefusalKind::KeyMissing | RefusalKind::KeyUnknown | RefusalKind::KeyInactive => {
            (REQUEST, "invalid_api_key")
        }
        RefusalKind::ModelUnknown | RefusalKind::ModelForbidden => (REQUEST, "model_not_found"),
        RefusalKind::ContentRefused => ("image_generation_user_error", "moderation_blocked"),
        RefusalKind::RateLimited | RefusalKind::ConcurrencyExceeded => {
            ("requests", "rate_limit_exceeded")
        }
        RefusalKind::QuotaExhausted | RefusalKind::CreditsShort => {
            ("insufficient_quota", "insufficient_quota")
        }
        RefusalKind::BadFraming
        | RefusalKind::HeadTooLarge
        | RefusalKind::BodyTooLarge
        | RefusalKind::TooSlow
        | RefusalKind::UnknownPath
        | RefusalKind::WrongMethod
        | RefusalKind::ScopeMissing
        | RefusalKind::IdempotencyInFlight
        | RefusalKind::IdempotencyMismatch
        | RefusalKind::IdempotencyGone
        | RefusalKind::RuleDenied
        | RefusalKind::WorkspaceSuspended
        | RefusalKind::PlanMissing => (REQUEST, kind.code()),
        RefusalKind::Unpriced
        | RefusalKind::Overloaded
        | RefusalKind::NoneAvailable
        | RefusalKind::VendorFailed
        | RefusalKind::VendorTimedOut
        | RefusalKind::StoreFull
        | RefusalKind::StoreUnavailable
        | RefusalKind::RuleFailed
        | RefusalKind::Internal => (SERVER, kind.code()),
    }
}

const fn bad_field(kind: RefusalKind, problem: Option<Problem>) -> &'static str {
    match problem {
        Some(Problem::Missing) => "missing_required_parameter",
        Some(Problem::WrongType) => "invalid_type",
        Some(Problem::BadValue) => "invalid_value",
        Some(Problem::TooLong) => "string_above_max_length",
        Some(Problem::TooLarge) => "integer_above_max_value",
        Some(Problem::TooSmall) => "integer_below_min_value",
        Some(Problem::UnknownField) => "unknown_parameter",
        None => kind.code(),
    }
}

/// What a vendor's error code or type is about, whatever status it came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    /// The content filter.
    Content,
    /// Our bill, quota or key.
    Account,
    /// Too many calls.
    Pace,
    /// The vendor's own trouble.
    Trouble,
}

/// The topic of a vendor's `code` or `type`; `None` when the status has to tell.
pub(super) fn topic(word: &str) -> Option<Topic> {
    match word {
        "moderation_blocked"
        | "content_policy_violation"
        | "contentFilter"
        | "content_filter"
        | "ResponsibleAIPolicyViolation" => Some(Topic::Content),
        "insufficient_quota"
        | "billing_hard_limit_reached"
        | "billing_limit_user_error"
        | "credit_balance_exhausted"
        | "organization_spend_limit_exceeded"
        | "project_spend_limit_exceeded"
        | "organization_usage_limit_exceeded"
        | "invalid_api_key" => Some(Topic::Account),
        "rate_limit_exceeded" | "RateLimitReached" => Some(Topic::Pace),
        "server_error" | "overloaded_error" => Some(Topic::Trouble),
        _ => None,
    }
}
