//! Our no to a caller: one type, one table from kind to status, code and blame.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::credits::Credits;

use super::response::{QuotaStanding, Standing};

/// The only failure a caller ever sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of no it is.
    pub kind: RefusalKind,
    /// For the caller: lower case, names the field and the remedy, never holds a secret.
    pub message: Cow<'static, str>,
    /// The client's own spelling of the field that is wrong.
    pub field: Option<Cow<'static, str>>,
    /// What is wrong with that field.
    pub problem: Option<Problem>,
    /// When it is worth asking again; `None` when asking again will not help.
    pub retry_after: Option<Duration>,
    /// Credits needed and credits left, when those are what is missing.
    pub credits: Option<(Credits, Credits)>,
    /// The calendar quota that is used up, when that is what stands in the way.
    pub quota: Option<Box<QuotaStanding>>,
    /// Where the caller stands with its limits, when they were looked at.
    pub standings: Vec<Standing>,
}

/// Every kind of no. The table below gives each its status, code and blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the table in `RefusalKind::facts` says what each one is")]
pub enum RefusalKind {
    BadRequest,
    BadFraming,
    HeadTooLarge,
    BodyTooLarge,
    TooSlow,
    UnknownPath,
    WrongMethod,
    KeyMissing,
    KeyUnknown,
    KeyInactive,
    ScopeMissing,
    WorkspaceSuspended,
    PlanMissing,
    ModelUnknown,
    ModelForbidden,
    Unsupported,
    ContentRefused,
    RuleDenied,
    IdempotencyInFlight,
    IdempotencyMismatch,
    IdempotencyGone,
    RateLimited,
    QuotaExhausted,
    ConcurrencyExceeded,
    CreditsShort,
    Unpriced,
    Overloaded,
    NoneAvailable,
    VendorFailed,
    VendorTimedOut,
    StoreFull,
    StoreUnavailable,
    RuleFailed,
    Internal,
}

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Blame {
    /// The caller can mend it.
    Caller,
    /// Credits, limits or quotas ran out.
    Budget,
    /// A vendor failed.
    Vendor,
    /// We did; this pages someone.
    Us,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Problem {
    /// Required, and not there.
    Missing,
    /// Not the type that it should be.
    WrongType,
    /// The right type, a value that is not allowed.
    BadValue,
    /// Longer than allowed.
    TooLong,
    /// Larger than allowed.
    TooLarge,
    /// Smaller than allowed.
    TooSmall,
    /// Not a field that exists.
    UnknownField,
}

impl RefusalKind {
    /// Every kind, for tests and documents.
    pub const ALL: [Self; 34] = [
        Self::BadRequest,
        Self::BadFraming,
        Self::HeadTooLarge,
        Self::BodyTooLarge,
        Self::TooSlow,
        Self::UnknownPath,
        Self::WrongMethod,
        Self::KeyMissing,
        Self::KeyUnknown,
        Self::KeyInactive,
        Self::ScopeMissing,
        Self::WorkspaceSuspended,
        Self::PlanMissing,
        Self::ModelUnknown,
        Self::ModelForbidden,
        Self::Unsupported,
        Self::ContentRefused,
        Self::RuleDenied,
        Self::IdempotencyInFlight,
        Self::IdempotencyMismatch,
        Self::IdempotencyGone,
        Self::RateLimited,
        Self::QuotaExhausted,
        Self::ConcurrencyExceeded,
        Self::CreditsShort,
        Self::Unpriced,
        Self::Overloaded,
        Self::NoneAvailable,
        Self::VendorFailed,
        Self::VendorTimedOut,
        Self::StoreFull,
        Self::StoreUnavailable,
        Self::RuleFailed,
        Self::Internal,
    ];

    /// The HTTP status, the code (body, log and metric alike), and whose it is.
    pub const fn facts(self) -> (u16, &'static str, Blame) {
        match self {
            // The body or a field of it is not what the dialect documents.
            Self::BadRequest => (400, "bad_request", Blame::Caller),
            // Two ways of saying where the body ends, or a line that is not HTTP.
            Self::BadFraming => (400, "bad_framing", Blame::Caller),
            Self::HeadTooLarge => (431, "head_too_large", Blame::Caller),
            Self::BodyTooLarge => (413, "body_too_large", Blame::Caller),
            // The request's head or body did not arrive in time.
            Self::TooSlow => (408, "request_too_slow", Blame::Caller),
            Self::UnknownPath => (404, "unknown_path", Blame::Caller),
            Self::WrongMethod => (405, "wrong_method", Blame::Caller),
            Self::KeyMissing => (401, "key_missing", Blame::Caller),
            Self::KeyUnknown => (401, "key_unknown", Blame::Caller),
            // Suspended, revoked or expired.
            Self::KeyInactive => (401, "key_inactive", Blame::Caller),
            Self::ScopeMissing => (403, "scope_missing", Blame::Caller),
            Self::WorkspaceSuspended => (403, "workspace_suspended", Blame::Caller),
            // The key names a plan that policy does not have.
            Self::PlanMissing => (403, "plan_missing", Blame::Caller),
            Self::ModelUnknown => (404, "model_unknown", Blame::Caller),
            // The model exists; the plan does not include it.
            Self::ModelForbidden => (403, "model_forbidden", Blame::Caller),
            // No offering of the model can do what was asked.
            Self::Unsupported => (400, "unsupported", Blame::Caller),
            // Our rules or the vendor's filter said no to the content.
            Self::ContentRefused => (400, "content_refused", Blame::Caller),
            // A rule of policy says no, by who asks or what for.
            Self::RuleDenied => (403, "rule_denied", Blame::Caller),
            // The same `Idempotency-Key` is being worked on, or how that ended is not known yet.
            Self::IdempotencyInFlight => (409, "idempotency_in_flight", Blame::Caller),
            // The same `Idempotency-Key`, another request.
            Self::IdempotencyMismatch => (422, "idempotency_mismatch", Blame::Caller),
            // It was served, and the answer cannot be given again.
            Self::IdempotencyGone => (409, "idempotency_gone", Blame::Caller),
            Self::RateLimited => (429, "rate_limited", Blame::Budget),
            Self::QuotaExhausted => (429, "quota_exhausted", Blame::Budget),
            Self::ConcurrencyExceeded => (429, "concurrency_exceeded", Blame::Budget),
            Self::CreditsShort => (402, "credits_short", Blame::Budget),
            // Policy has no price for this work, so it is not done.
            Self::Unpriced => (503, "unpriced", Blame::Us),
            Self::Overloaded => (503, "overloaded", Blame::Us),
            // Every offering that could is resting or has no credential.
            Self::NoneAvailable => (503, "none_available", Blame::Vendor),
            Self::VendorFailed => (502, "vendor_failed", Blame::Vendor),
            Self::VendorTimedOut => (504, "vendor_timed_out", Blame::Vendor),
            Self::StoreFull => (503, "store_full", Blame::Us),
            Self::StoreUnavailable => (503, "store_unavailable", Blame::Us),
            // A rule of policy cannot be worked out: it divides by zero, or outgrows its numbers.
            Self::RuleFailed => (500, "rule_failed", Blame::Us),
            Self::Internal => (500, "internal", Blame::Us),
        }
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        self.facts().0
    }

    /// One name for the JSON body, the log field and the metric label.
    pub const fn code(self) -> &'static str {
        self.facts().1
    }

    /// Whose it is.
    pub const fn blame(self) -> Blame {
        self.facts().2
    }
}

impl Refusal {
    /// A no of this kind, said in these words.
    pub fn new(kind: RefusalKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            field: None,
            problem: None,
            retry_after: None,
            credits: None,
            quota: None,
            standings: Vec::new(),
        }
    }

    /// A no about one field.
    pub fn field(
        field: impl Into<Cow<'static, str>>,
        problem: Problem,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            field: Some(field.into()),
            problem: Some(problem),
            ..Self::new(RefusalKind::BadRequest, message)
        }
    }

    /// The same no, with the time after which asking again may help.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }
}

impl Blame {
    /// Its name in logs and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Budget => "budget",
            Self::Vendor => "vendor",
            Self::Us => "us",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_code_of_its_own() {
        let mut codes: Vec<_> = RefusalKind::ALL.iter().map(|kind| kind.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), RefusalKind::ALL.len());
    }

    #[test]
    fn only_our_own_faults_and_vendors_answer_with_a_5xx() {
        for kind in RefusalKind::ALL {
            let ours = matches!(kind.blame(), Blame::Us | Blame::Vendor);
            assert_eq!(ours, kind.status() >= 500, "{kind:?}");
        }
    }
}
