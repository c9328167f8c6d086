//! Every lower error to a [`Refusal`], on one screen or two. Callers read these words; the chain of
//! causes goes to our log.

use std::time::Duration;

use crate::auth::AuthError;
use crate::canonical::{Change, Problem, Refusal, RefusalKind as Kind};
use crate::clock::Now;
use crate::fault::VendorFault;
use crate::job::JobError;
use crate::ledger::LedgerError;
use crate::media::MediaError;
use crate::price::PriceError;
use crate::routing::NoCandidate;
use crate::rules::{Denied, Stopped};
use crate::store::StoreError;

use super::notices;

pub(super) mod input;
mod limits;
pub(super) mod repeat;

pub(super) use limits::{guesses, hold, limit, uncounted};

/// When the store is worth asking again.
const STORE_WAIT: Duration = Duration::from_secs(2);

/// When offerings that fail are worth asking again.
const VENDOR_WAIT: Duration = Duration::from_secs(5);

pub(super) fn unknown_path(method: &http::Method, path: &str) -> Refusal {
    let shown: String = path.chars().take(200).collect();
    Refusal::new(Kind::UnknownPath, format!("nothing is served at {method} {shown}"))
}

pub(super) fn unknown_picture() -> Refusal {
    Refusal::new(Kind::UnknownPath, "the media library of this workspace has no such picture")
}

pub(super) fn wrong_method(allow: &str) -> Refusal {
    Refusal::new(Kind::WrongMethod, format!("this path takes {allow} only"))
}

pub(super) fn auth(error: AuthError) -> Refusal {
    let (kind, message) = match error {
        AuthError::Missing => {
            (Kind::KeyMissing, "no API key; send one as `Authorization: Bearer <key>`")
        }
        AuthError::Unknown => {
            (Kind::KeyUnknown, "the API key is not known here; check it for a typing error")
        }
        AuthError::Suspended => {
            (Kind::KeyInactive, "the API key is suspended; ask whoever gave it to you")
        }
        AuthError::Revoked => (Kind::KeyInactive, "the API key was revoked; use another"),
        AuthError::Expired => (Kind::KeyInactive, "the API key has expired; use another"),
        AuthError::WorkspaceSuspended => {
            (Kind::WorkspaceSuspended, "the workspace of this API key is suspended")
        }
    };
    Refusal::new(kind, message)
}

pub(super) fn scope(scope: &str) -> Refusal {
    let message = format!("the API key lacks the scope `{scope}`; use a key that has it");
    Refusal::new(Kind::ScopeMissing, message)
}

pub(super) fn closed_dialect(dialect: &str, plan: &str) -> Refusal {
    let message =
        format!("the plan `{plan}` does not include this API (`{dialect}`); change the plan");
    Refusal::new(Kind::ModelForbidden, message)
}

pub(super) fn not_kept(change: &Change) -> Refusal {
    let Change { parameter, how } = change;
    let message =
        format!("`{parameter}` cannot be done as asked ({how}), and nothing else will do");
    Refusal { field: Some(parameter.clone()), ..Refusal::new(Kind::Unsupported, message) }
}

pub(super) fn job_input(bytes_max: usize) -> Refusal {
    let message =
        format!("a job is kept with its body, which may have {bytes_max} bytes; send less");
    Refusal::new(Kind::BodyTooLarge, message)
}

pub(super) fn batched_job() -> Refusal {
    Refusal::field(
        "Prefer",
        Problem::BadValue,
        "`Prefer: respond-async` cannot be met for a batch; leave it out, or ask for each item on \
         its own",
    )
}

pub(super) fn unknown_job(id: &str) -> Refusal {
    let shown: String = id.chars().take(100).collect();
    Refusal::new(Kind::UnknownPath, format!("there is no job `{shown}` here"))
}

pub(super) fn unknown_asset(key: &str) -> Refusal {
    let shown: String = key.chars().take(200).collect();
    Refusal::new(Kind::UnknownPath, format!("no picture has the key `{shown}`"))
}

pub(super) fn job_lost() -> Refusal {
    Refusal::new(
        Kind::VendorFailed,
        "the gateway stopped while this was being ordered; nothing was charged, ask again",
    )
}

pub(super) fn job_late() -> Refusal {
    Refusal::new(Kind::VendorTimedOut, "its turn did not come in time; nothing was charged")
}

pub(super) fn job_cancelled() -> Refusal {
    Refusal::new(Kind::VendorFailed, "it was cancelled; nothing was charged")
}

pub(super) fn no_plan(plan: &str) -> Refusal {
    tracing::error!(plan, "a key names a plan that policy does not have");
    Refusal::new(Kind::PlanMissing, "this API key has no plan that is set up; tell the operator")
}

pub(super) fn no_model() -> Refusal {
    Refusal::field(
        "model",
        Problem::Missing,
        "`model` is missing; name one that GET /v1/models lists",
    )
}

pub(super) fn unknown_model(name: &str) -> Refusal {
    let shown: String = name.chars().take(100).collect();
    let message = format!("there is no model `{shown}`; GET /v1/models lists those there are");
    Refusal { field: Some("model".into()), ..Refusal::new(Kind::ModelUnknown, message) }
}

pub(super) fn forbidden_model(name: &str, plan: &str) -> Refusal {
    let message = format!("the plan `{plan}` does not include the model `{name}`");
    Refusal { field: Some("model".into()), ..Refusal::new(Kind::ModelForbidden, message) }
}

pub(super) fn denied(denied: Denied) -> Refusal {
    Refusal { field: Some("prompt".into()), ..Refusal::new(Kind::ContentRefused, denied.message) }
}

pub(super) fn moderated(message: &str) -> Refusal {
    let no = Refusal::new(Kind::ContentRefused, message.to_owned());
    Refusal { field: Some("prompt".into()), ..no }
}

pub(super) fn unchecked() -> Refusal {
    let message = "the prompt could not be checked; nothing was charged, try again";
    Refusal::new(Kind::NoneAvailable, message).retry_after(VENDOR_WAIT)
}

/// A no by a rule of policy, or by one that cannot be worked out.
pub(super) fn stopped(stopped: Stopped) -> Refusal {
    match stopped {
        Stopped::Denied { message, .. } => Refusal::new(Kind::RuleDenied, message),
        Stopped::Failed { rule, error } => {
            let message = format!(
                "the rule `{rule}` of this gateway cannot be worked out: {error}; nothing was \
                 charged, tell the operator"
            );
            Refusal::new(Kind::RuleFailed, message)
        }
    }
}

pub(super) fn none_left(model: &str, rule: &str) -> Refusal {
    let message = format!("the rule `{rule}` leaves nobody to serve the model `{model}`");
    Refusal::new(Kind::RuleDenied, message)
}

pub(super) fn no_candidate(model: &str, none: NoCandidate) -> Refusal {
    match none {
        NoCandidate::NoneCan { why } => {
            let message = format!("nothing that serves `{model}` can do this: {}", why.join("; "));
            Refusal::new(Kind::Unsupported, message)
        }
        NoCandidate::NoCredential { missing } => {
            tracing::warn!(model, missing = missing.join(", "), "no offering has its credential");
            let message =
                format!("`{model}` is not connected to its vendor yet; tell the operator");
            Refusal::new(Kind::NoneAvailable, message)
        }
        NoCandidate::AllResting { retry_after } => {
            let message =
                format!("everything that serves `{model}` is failing and rests; try again later");
            Refusal::new(Kind::NoneAvailable, message).retry_after(retry_after)
        }
    }
}

pub(super) fn store(error: &StoreError, now: Now) -> Refusal {
    match error {
        StoreError::Ledger(LedgerError::Short { required, remaining }) => Refusal {
            credits: Some((*required, *remaining)),
            ..Refusal::new(
                Kind::CreditsShort,
                format!("this needs {required} credits and {remaining} are left; add credits"),
            )
        },
        StoreError::Ledger(LedgerError::QuotaExhausted { name, .. }) => used_up("quota", name, now),
        StoreError::Ledger(LedgerError::BudgetSpent { name, .. }) => used_up("budget", name, now),
        StoreError::Job(JobError::Full { most }) => Refusal::new(
            Kind::ConcurrencyExceeded,
            format!("{most} jobs of this workspace are unfinished; wait for one to end"),
        )
        .retry_after(VENDOR_WAIT),
        StoreError::Job(JobError::Untold { most }) => {
            notices::untold(*most).retry_after(VENDOR_WAIT)
        }
        StoreError::Pledged(verdict) => repeat::pledged(*verdict),
        StoreError::Busy => {
            Refusal::new(Kind::Overloaded, "too much waits to be written; try again in a moment")
                .retry_after(STORE_WAIT)
        }
        StoreError::Full => full(),
        StoreError::Ledger(
            LedgerError::UnknownHold
            | LedgerError::UnknownGrant
            | LedgerError::AlreadyResolved
            | LedgerError::AboveHold
            | LedgerError::IdReused
            | LedgerError::Overflow,
        )
        | StoreError::Job(
            JobError::Unknown | JobError::Over | JobError::Unwanted | JobError::NoOrder,
        )
        | StoreError::Locked { .. }
        | StoreError::Closed
        | StoreError::Poisoned
        | StoreError::Away
        | StoreError::Unwritten
        | StoreError::Postgres(_)
        | StoreError::NoAddress
        | StoreError::Runtime { .. }
        | StoreError::Unreadable { .. }
        | StoreError::Directory { .. }
        | StoreError::Database(_)
        | StoreError::OldSqlite { .. }
        | StoreError::OtherSchema { .. }
        | StoreError::Unknown { .. }
        | StoreError::NameTaken { .. }
        | StoreError::KeyRevoked { .. } => {
            tracing::error!(error = chain(error), "the store failed");
            unavailable()
        }
    }
}

fn full() -> Refusal {
    let message =
        "the disk of the books is full, so nothing new is begun; nothing was charged, try later";
    Refusal::new(Kind::StoreFull, message).retry_after(VENDOR_WAIT)
}

fn unavailable() -> Refusal {
    let message = "the books cannot be written now; nothing was charged, try again";
    Refusal::new(Kind::StoreUnavailable, message).retry_after(STORE_WAIT)
}

/// A no where it is not known what the period is; [`hold`] knows it.
fn used_up(what: &str, name: &str, now: Now) -> Refusal {
    let message = format!("the {what} `{name}` is used up; it begins anew at 00:00 UTC");
    Refusal::new(Kind::QuotaExhausted, message).retry_after(now.until_utc_midnight())
}

pub(super) fn fault(fault: &VendorFault) -> Refusal {
    match fault {
        VendorFault::Refused { .. } => Refusal::new(
            Kind::ContentRefused,
            "the content filter of the model refused this prompt; change it and try again",
        ),
        VendorFault::Inexpressible { parameter, why } => Refusal::new(
            Kind::Unsupported,
            format!("nothing that serves this can be told `{parameter}`: {why}; leave it out"),
        ),
        VendorFault::Rejected { .. } => {
            Refusal::new(Kind::VendorFailed, "the vendor rejected the request; nothing was charged")
        }
        VendorFault::Busy { retry_after } => Refusal::new(
            Kind::NoneAvailable,
            "the vendor is busy; nothing was charged, try again later",
        )
        .retry_after(retry_after.unwrap_or(VENDOR_WAIT)),
        VendorFault::TimedOut => Refusal::new(
            Kind::VendorTimedOut,
            "the vendor did not answer in time; nothing was charged",
        ),
        // Our key, quota or bill: ours to mend, whoever says so.
        VendorFault::Denied { .. } => Refusal::new(
            Kind::Internal,
            "the gateway's account at the vendor is not in order; nothing was charged, tell the operator",
        ),
        VendorFault::Garbled { .. }
        | VendorFault::Broken { .. }
        | VendorFault::Cut { .. }
        | VendorFault::Unreachable { .. } => Refusal::new(
            Kind::VendorFailed,
            "no vendor could draw this; nothing was charged, try again",
        )
        .retry_after(VENDOR_WAIT),
    }
}

pub(super) fn media(error: &MediaError) -> Refusal {
    tracing::error!(error = chain(error), "a delivered picture could not be worked on");
    Refusal::new(
        Kind::Internal,
        "the picture was drawn but could not be prepared; nothing was charged",
    )
}

pub(super) fn media_late() -> Refusal {
    Refusal::new(Kind::VendorTimedOut, "the picture was not ready in time; nothing was charged")
}

pub(super) fn unpriced(model: &str, error: PriceError) -> Refusal {
    if error == PriceError::Unknown("input_pixels") {
        let message = "the size of an input picture cannot be read, and the price depends on it; \
                       send a whole PNG, JPEG or WebP";
        return Refusal::new(Kind::BadRequest, message);
    }
    tracing::error!(model, %error, "a request could not be priced");
    Refusal::new(
        Kind::Unpriced,
        format!("`{model}` has no price for what is asked; tell the operator"),
    )
}

/// An error and everything under it, for the log.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut under = error.source();
    while let Some(cause) = under {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        under = cause.source();
    }
    text
}
