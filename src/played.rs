//! What a test-mode key has played: a refusal, a vendor's fault, a late answer, or fewer pictures.
//!
//! Pure: the text of `Pixelgate-Simulate` in, what is to happen out. Docs:
//! docs/testing-your-app.md.

use std::borrow::Cow;
use std::time::Duration;

use http::HeaderMap;

use crate::canonical::{Problem, Refusal, RefusalKind as Kind, SIMULATE_HEADER, bad_simulation};
use crate::fault::VendorFault;
use crate::scalar::Span;

/// The longest wait that may be played.
pub const AFTER_MAX: Duration = Duration::from_mins(10);

/// Bytes of the header field.
const TEXT_BYTES_MAX: usize = 256;

/// When a played no is worth asking again, unless the app says otherwise.
const WAIT: Duration = Duration::from_secs(2);

/// What is to be played.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// What it comes to; `None` for what it would come to anyway.
    pub outcome: Option<Outcome>,
    /// How long it takes before that.
    pub after: Duration,
    /// Of a batch, the one request that it is played for, counted from zero; `None` for all.
    pub item: Option<usize>,
    /// What the app wrote.
    pub text: String,
}

/// What a request is made to come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A no of ours.
    Refused {
        /// Its kind.
        kind: Kind,
        /// When it says it is worth asking again.
        retry_after: Option<Duration>,
    },
    /// What a vendor is made out to have done; nobody else is asked.
    Fault(VendorFault),
    /// The vendor never answers: the model's deadline ends it.
    Hang,
    /// No more pictures than this.
    Images(u32),
}

/// When in the way of a request something is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before anyone is asked to draw: a job is not accepted, a stream does not begin.
    Early,
    /// As what drawing comes to: a job fails, a stream ends with it.
    Drawing,
}

impl Played {
    /// What the head of a request asks to be played, if anything.
    pub fn read(headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let mut all = headers.get_all(SIMULATE_HEADER).iter();
        let Some(first) = all.next() else { return Ok(None) };
        if all.next().is_some() {
            return Err(bad("is there more than once; send one, with `;` between its parts"));
        }
        let text = first.to_str().map_err(|_| bad("must be text; leave out what is not ASCII"))?;
        Self::parse(text).map(Some)
    }

    /// Reads `refusal=rate_limited; retry_after=5s; after=200ms`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > TEXT_BYTES_MAX {
            let message = format!("may have at most {TEXT_BYTES_MAX} characters");
            return Err(bad_simulation(Problem::TooLong, message));
        }
        let mut read = Self { text: text.trim().to_owned(), ..Self::default() };
        let mut names: Vec<&str> = Vec::new();
        let mut wait = None;
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) =
                part.split_once('=').ok_or_else(|| bad(format!("has `{part}`, which {PAIRS}")))?;
            let (name, value) = (name.trim(), value.trim());
            if names.contains(&name) {
                return Err(bad(format!("says `{name}` twice; say it once")));
            }
            names.push(name);
            match name {
                "status" => read.comes_to(refused(of_status(value)?))?,
                "refusal" => read.comes_to(refused(of_code(value)?))?,
                "fault" => read.comes_to(fault(value)?)?,
                "images" => read.comes_to(Outcome::Images(images(value)?))?,
                "after" => read.after = duration("after", value)?,
                "retry_after" => wait = Some(duration("retry_after", value)?),
                "item" => read.item = Some(item(value)?),
                other => return Err(bad(format!("has `{other}`, which {PAIRS}"))),
            }
        }
        if names.is_empty() {
            return Err(bad(format!("is empty, which {PAIRS}")));
        }
        read.wait(wait)?;
        Ok(read)
    }

    fn comes_to(&mut self, outcome: Outcome) -> Result<(), Refusal> {
        if self.outcome.is_some() {
            return Err(bad(
                "asks for two outcomes; name one of `status`, `refusal`, `fault` and \
                            `images`",
            ));
        }
        self.outcome = Some(outcome);
        Ok(())
    }

    fn wait(&mut self, wait: Option<Duration>) -> Result<(), Refusal> {
        let Some(wait) = wait else { return Ok(()) };
        match &mut self.outcome {
            Some(
                Outcome::Refused { retry_after, .. }
                | Outcome::Fault(VendorFault::Busy { retry_after }),
            ) => *retry_after = Some(wait),
            None | Some(Outcome::Fault(_) | Outcome::Hang | Outcome::Images(_)) => {
                return Err(bad(
                    "has `retry_after`, which goes with `status`, `refusal` or `fault=busy` only",
                ));
            }
        }
        Ok(())
    }

    /// When it is played.
    pub const fn moment(&self) -> Moment {
        match &self.outcome {
            Some(Outcome::Refused { kind, .. }) => moment_of(*kind),
            None | Some(Outcome::Fault(_) | Outcome::Hang | Outcome::Images(_)) => Moment::Drawing,
        }
    }

    /// The no that it is; `None` where it is none.
    pub fn refusal(&self) -> Option<Refusal> {
        let Some(Outcome::Refused { kind, retry_after }) = &self.outcome else { return None };
        let message = format!(
            "this is the refusal `{}`, played because `Pixelgate-Simulate` asked for it",
            kind.code()
        );
        Some(Refusal { retry_after: *retry_after, ..Refusal::new(*kind, message) })
    }

    /// Whether it is about drawing, and so for requests for pictures only.
    pub const fn is_about_pictures(&self) -> bool {
        match &self.outcome {
            Some(Outcome::Fault(_) | Outcome::Hang | Outcome::Images(_)) => true,
            None | Some(Outcome::Refused { .. }) => self.item.is_some(),
        }
    }
}

/// A job is accepted before it is known what drawing comes to, and a stream begins.
const fn moment_of(kind: Kind) -> Moment {
    match kind {
        Kind::ContentRefused
        | Kind::NoneAvailable
        | Kind::VendorFailed
        | Kind::VendorTimedOut
        | Kind::Internal => Moment::Drawing,
        Kind::BadRequest
        | Kind::BadFraming
        | Kind::HeadTooLarge
        | Kind::BodyTooLarge
        | Kind::TooSlow
        | Kind::UnknownPath
        | Kind::WrongMethod
        | Kind::KeyMissing
        | Kind::KeyUnknown
        | Kind::KeyInactive
        | Kind::ScopeMissing
        | Kind::WorkspaceSuspended
        | Kind::PlanMissing
        | Kind::ModelUnknown
        | Kind::ModelForbidden
        | Kind::Unsupported
        | Kind::RuleDenied
        | Kind::IdempotencyInFlight
        | Kind::IdempotencyMismatch
        | Kind::IdempotencyGone
        | Kind::RateLimited
        | Kind::QuotaExhausted
        | Kind::ConcurrencyExceeded
        | Kind::CreditsShort
        | Kind::Unpriced
        | Kind::Overloaded
        | Kind::StoreUnavailable
        | Kind::StoreFull
        | Kind::RuleFailed => Moment::Early,
    }
}

fn refused(kind: Kind) -> Outcome {
    let waits = matches!(
        kind,
        Kind::RateLimited
            | Kind::QuotaExhausted
            | Kind::ConcurrencyExceeded
            | Kind::Overloaded
            | Kind::NoneAvailable
            | Kind::VendorFailed
            | Kind::StoreUnavailable
            | Kind::IdempotencyInFlight
    );
    Outcome::Refused { kind, retry_after: waits.then_some(WAIT) }
}

/// The refusal that each status stands for: the one that apps meet most.
const OF_STATUS: [(u16, Kind); 16] = [
    (400, Kind::BadRequest),
    (401, Kind::KeyUnknown),
    (402, Kind::CreditsShort),
    (403, Kind::ModelForbidden),
    (404, Kind::ModelUnknown),
    (405, Kind::WrongMethod),
    (408, Kind::TooSlow),
    (409, Kind::IdempotencyInFlight),
    (413, Kind::BodyTooLarge),
    (422, Kind::IdempotencyMismatch),
    (429, Kind::RateLimited),
    (431, Kind::HeadTooLarge),
    (500, Kind::Internal),
    (502, Kind::VendorFailed),
    (503, Kind::NoneAvailable),
    (504, Kind::VendorTimedOut),
];

fn of_status(value: &str) -> Result<Kind, Refusal> {
    let asked: Option<u16> = value.parse().ok();
    let found = OF_STATUS.iter().find(|(status, _)| Some(*status) == asked);
    found.map(|(_, kind)| *kind).ok_or_else(|| {
        let known = listed(OF_STATUS.iter().map(|(status, _)| status.to_string().into()));
        bad(format!("has no `status={value}`; there are {known}"))
    })
}

fn of_code(value: &str) -> Result<Kind, Refusal> {
    Kind::ALL.into_iter().find(|kind| kind.code() == value).ok_or_else(|| {
        let known = listed(Kind::ALL.iter().map(|kind| kind.code().into()));
        bad(format!("has no `refusal={value}`; there are {known}"))
    })
}

/// The names of what a vendor may be made out to do.
const FAULTS: [&str; 11] = [
    "busy",
    "refused",
    "rejected",
    "denied",
    "garbled",
    "empty",
    "broken",
    "timeout",
    "cut",
    "unreachable",
    "hang",
];

fn fault(value: &str) -> Result<Outcome, Refusal> {
    let detail = || "played, because an app asked for it".to_owned();
    Ok(Outcome::Fault(match value {
        "busy" => VendorFault::Busy { retry_after: Some(WAIT) },
        "refused" => VendorFault::refused(detail()),
        "rejected" => VendorFault::Rejected { detail: detail() },
        "denied" => VendorFault::Denied { detail: detail() },
        "garbled" | "empty" => VendorFault::Garbled { detail: detail() },
        "broken" => VendorFault::Broken { status: 500 },
        "timeout" => VendorFault::TimedOut,
        "cut" => VendorFault::Cut { detail: detail() },
        "unreachable" => VendorFault::Unreachable { detail: detail() },
        "hang" => return Ok(Outcome::Hang),
        other => {
            let known = listed(FAULTS.iter().map(|name| (*name).into()));
            return Err(bad(format!("has no `fault={other}`; there are {known}")));
        }
    }))
}

fn images(value: &str) -> Result<u32, Refusal> {
    let most: Option<u32> = value.parse().ok();
    most.filter(|most| *most > 0).ok_or_else(|| {
        bad(format!(
            "has `images={value}`, which must be a whole number from 1; an answer without \
             pictures is `fault=empty`"
        ))
    })
}

fn item(value: &str) -> Result<usize, Refusal> {
    value.parse().map_err(|_| {
        bad(format!(
            "has `item={value}`, which must be the place of a request in its batch, from 0"
        ))
    })
}

fn duration(name: &str, value: &str) -> Result<Duration, Refusal> {
    let Span(span) = value.parse().map_err(|error| bad(format!("has a bad `{name}`: {error}")))?;
    if span > AFTER_MAX {
        let message = format!("has `{name}={value}`, and no wait is longer than 10m");
        return Err(bad_simulation(Problem::TooLarge, message));
    }
    Ok(span)
}

const PAIRS: &str = "is none of `status=429`, `refusal=rate_limited`, `fault=timeout`, `images=1`, \
                     `after=2s`, `retry_after=5s` and `item=0`, with `;` between them";

fn listed<'a>(names: impl Iterator<Item = Cow<'a, str>>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn bad(message: impl AsRef<str>) -> Refusal {
    bad_simulation(Problem::BadValue, message)
}

#[cfg(test)]
mod tests;
