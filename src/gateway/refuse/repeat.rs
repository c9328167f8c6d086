//! Refusals of repeats: what is said to a request whose `Idempotency-Key` has a past.

use crate::canonical::{Problem, Refusal, RefusalKind as Kind};
use crate::pledge::{BadName, Gone, Verdict};

use super::STORE_WAIT;

/// What the repeat of a request is told that is not to be answered anew.
pub(in super::super) fn pledged(verdict: Verdict) -> Refusal {
    match verdict {
        // Both can only be met when the first of two ended between two looks.
        Verdict::New | Verdict::Replay => Refusal::new(
            Kind::IdempotencyInFlight,
            "the request with this `Idempotency-Key` has just ended; ask again for its answer",
        )
        .retry_after(STORE_WAIT),
        Verdict::Running { retry_after } => Refusal::new(
            Kind::IdempotencyInFlight,
            "the request with this `Idempotency-Key` is being worked on; ask again for its answer",
        )
        .retry_after(retry_after),
        Verdict::Unknown { retry_after } => Refusal::new(
            Kind::IdempotencyInFlight,
            "the gateway restarted while it worked on the request with this `Idempotency-Key`, so \
             its outcome is unknown; nothing was charged, and the key is free after the wait",
        )
        .retry_after(retry_after),
        Verdict::Mismatch => Refusal {
            field: Some("Idempotency-Key".into()),
            ..Refusal::new(
                Kind::IdempotencyMismatch,
                "this `Idempotency-Key` was used for another request; choose a new one for new work",
            )
        },
        Verdict::Gone(gone) => Refusal::new(Kind::IdempotencyGone, why_gone(gone)),
    }
}

const fn why_gone(gone: Gone) -> &'static str {
    match gone {
        Gone::TooLarge => {
            "the request with this `Idempotency-Key` was served and its answer was too large to \
             keep; use a new key to buy anew"
        }
        Gone::Dropped => {
            "the request with this `Idempotency-Key` was served and its answer made room for newer \
             ones; use a new key to buy anew"
        }
        Gone::Lost => {
            "the request with this `Idempotency-Key` was served and its answer could not be kept; \
             use a new key to buy anew"
        }
        Gone::Erased => {
            "the request with this `Idempotency-Key` was served and its picture was erased since; \
             use a new key to buy anew"
        }
    }
}

pub(in super::super) fn bad_name(bad: BadName) -> Refusal {
    Refusal::field("Idempotency-Key", Problem::BadValue, bad.to_string())
}
