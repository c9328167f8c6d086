//! What a refusal tells client libraries about asking again: the headers that they act on.
//!
//! The well-known libraries repeat 408, 409, 429 and every 5xx on their own, obey waits of up to
//! two minutes, and let one header overrule all of it.

use std::time::Duration;

use crate::canonical::{Refusal, RefusalKind};

/// The longest wait that a library should sit out by itself.
const WAIT_MAX: Duration = Duration::from_mins(2);

/// The headers that say when, or whether, to ask again; the same in every dialect.
pub fn retry_headers(refusal: &Refusal) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    if let Some(wait) = refusal.retry_after {
        headers.push(("retry-after", seconds_up(wait).to_string()));
        headers.push(("retry-after-ms", wait.as_millis().to_string()));
    }
    if is_hopeless(refusal) {
        headers.push(("x-should-retry", "false".to_owned()));
    }
    headers
}

/// Whole seconds, rounded up, so that nobody comes back early.
pub(crate) fn seconds_up(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

/// Whether a library that asks again by itself would only be told the same.
fn is_hopeless(refusal: &Refusal) -> bool {
    let too_long = refusal.retry_after.is_some_and(|wait| wait > WAIT_MAX);
    too_long
        || match refusal.kind {
            RefusalKind::CreditsShort
            | RefusalKind::ContentRefused
            | RefusalKind::RuleDenied
            | RefusalKind::RuleFailed
            | RefusalKind::IdempotencyMismatch
            | RefusalKind::IdempotencyGone
            | RefusalKind::Unpriced => true,
            // Without a wait, the request alone is more than is ever allowed.
            RefusalKind::QuotaExhausted | RefusalKind::RateLimited => refusal.retry_after.is_none(),
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
            | RefusalKind::IdempotencyInFlight
            | RefusalKind::ConcurrencyExceeded
            | RefusalKind::Overloaded
            | RefusalKind::NoneAvailable
            | RefusalKind::VendorFailed
            | RefusalKind::VendorTimedOut
            | RefusalKind::StoreFull
            | RefusalKind::StoreUnavailable
            | RefusalKind::Internal => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(kind: RefusalKind, wait: Option<Duration>) -> Vec<(&'static str, String)> {
        let mut refusal = Refusal::new(kind, "no");
        refusal.retry_after = wait;
        retry_headers(&refusal)
    }

    #[test]
    fn a_wait_is_rounded_up_in_seconds_and_exact_in_milliseconds() {
        let wait = Duration::from_millis(1_200);
        assert_eq!(
            headers(RefusalKind::RateLimited, Some(wait)),
            [("retry-after", "2".to_owned()), ("retry-after-ms", "1200".to_owned())]
        );
    }

    #[test]
    fn what_waiting_cannot_mend_says_so() {
        let never = [("x-should-retry", "false".to_owned())];
        assert_eq!(headers(RefusalKind::CreditsShort, None), never);
        assert_eq!(headers(RefusalKind::ContentRefused, None), never);
        let hour = headers(RefusalKind::RateLimited, Some(Duration::from_hours(1)));
        assert_eq!(hour.last(), never.first());
        assert_eq!(headers(RefusalKind::VendorFailed, None), []);
    }
}
