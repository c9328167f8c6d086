//! What is said to whoever asks for more than a limit or a quota allows.

use std::time::Duration;

use crate::canonical::{Refusal, RefusalKind as Kind};
use crate::clock::Now;
use crate::credits::Credits;
use crate::ledger::LedgerError;
use crate::limit::{Denial, DenialReason, GuessesMet, Met, Of, Unit};
use crate::policy::{Period, Quota};
use crate::store::StoreError;

use super::super::admit::quotas_of;
use super::super::budgets;
use super::super::limits::Asking;
use super::super::permit::standing;
use super::store;

/// When counting may be possible again.
const COUNT_WAIT: Duration = Duration::from_secs(2);

/// When it is worth looking whether a request of the same key has finished.
const LEASE_WAIT: Duration = Duration::from_secs(1);

pub(in super::super) fn limit(denial: Denial) -> Refusal {
    let Denial { met: Met { limit, of }, reason, retry_after, standings } = denial;
    let whose = match of {
        Of::Key => "",
        Of::Workspace => ", which all keys of this workspace share,",
        Of::Plan => ", which all keys of this plan share,",
        Of::Model => ", which all callers of this model share,",
    };
    let refusal = match reason {
        DenialReason::Window => Refusal::new(
            Kind::RateLimited,
            format!("the limit `{limit}`{whose} is reached; wait and try again"),
        ),
        DenialReason::Concurrency => Refusal::new(
            Kind::ConcurrencyExceeded,
            "too many requests of this API key at once; wait for one to finish",
        )
        .retry_after(LEASE_WAIT),
        DenialReason::TooHeavy(unit) => {
            let less = match unit {
                Unit::Requests | Unit::Images => "fewer images",
                Unit::Megapixels => "fewer or smaller images",
                Unit::Credits => "less, or by a cheaper model",
            };
            let message = format!(
                "the request alone is more than the limit `{limit}` allows; ask for {less}"
            );
            Refusal::new(Kind::RateLimited, message)
        }
    };
    Refusal { retry_after: retry_after.or(refusal.retry_after), standings, ..refusal }
}

/// The ledger's no to a hold: a quota is refilled when its own period is over.
pub(in super::super) fn hold(error: &StoreError, asking: &Asking<'_>, now: Now) -> Refusal {
    if let StoreError::Ledger(LedgerError::BudgetSpent { name, most, used }) = error {
        return budgets::spent(asking.policy, (name, *most, *used), now);
    }
    let StoreError::Ledger(LedgerError::QuotaExhausted { name, most, used }) = error else {
        return store(error, now);
    };
    let mut quotas = quotas_of(asking.policy, asking.plan, asking.model);
    let quota = quotas.find(|(quota, _)| quota.name == *name).map(|(quota, _)| quota);
    let most = quota.map_or_else(|| most.to_string(), allowed);
    let (per, begins) = match quota.map(|quota| quota.per) {
        Some(Period::Month) => (Period::Month, "with the next month, UTC"),
        Some(Period::Day) | None => (Period::Day, "at 00:00 UTC"),
    };
    let message = format!("the quota `{name}` of {most} is used up; it begins anew {begins}");
    let told = quota.map(|quota| Box::new(standing(quota, *used, now)));
    Refusal { quota: told, ..Refusal::new(Kind::QuotaExhausted, message) }
        .retry_after(per.until_next(now))
}

/// What a quota allows, as its caller reads it.
fn allowed(quota: &Quota) -> String {
    let whole = quota.most.checked_div(quota.unit.grain()).unwrap_or(quota.most);
    match quota.unit {
        Unit::Requests | Unit::Images => whole.to_string(),
        Unit::Megapixels => format!("{whole} megapixels"),
        Unit::Credits => {
            let nanos = i64::try_from(quota.most).unwrap_or(i64::MAX);
            format!("{} credits", Credits::from_nanos(nanos))
        }
    }
}

/// A no to what cannot be counted: it might be one too many.
pub(in super::super) fn uncounted() -> Refusal {
    let message = "requests cannot be counted now; nothing was charged, try again";
    Refusal::new(Kind::StoreUnavailable, message).retry_after(COUNT_WAIT)
}

/// A no to whoever shows too many wrong keys; the key that came with it was not looked at.
pub(in super::super) fn guesses(met: GuessesMet) -> Refusal {
    let message = "too many wrong API keys from this address; wait, and send a key that is right";
    Refusal::new(Kind::RateLimited, message).retry_after(met.retry_after)
}
