//! A job: a request that was accepted and whose client does not wait. A state machine that decides
//! what may happen to it; the store keeps what it decides.
//!
//! Nothing may be sent to a vendor before [`Job::begin`] is on disk, and no order that a vendor has
//! a name for is placed again: [`Job::at_start`] says what a process that finds the job may do.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::canonical::{Background, Delivery, Format, Quality, QuotaStanding, Size, TokenUsage};
use crate::catalog::Tariff;
use crate::clock::Now;
use crate::credits::Credits;
use crate::id::{HoldId, JobId, KeyId, MediaId, RequestId, WorkspaceId};
use crate::scalar::as_base64;

mod order;
#[cfg(test)]
mod tests;

pub use order::{Order, Question};

/// Orders that one job may have at a time: the calls of its fan-out.
pub const ORDERS_MAX: usize = 16;

/// A job with less of its time left is not begun: no vendor would be done by then.
const BEGIN_LEFT_MS_MIN: i64 = 1_000;

/// A job that is to be accepted, and the bytes that it was asked with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewJob {
    /// What is known of it.
    pub job: Job,
    /// What was asked.
    pub input: Input,
    /// Unfinished jobs that its workspace may have, this one included.
    pub open_max: usize,
    /// Jobs of its workspace whose end is still to be told, this one included.
    pub untold_max: usize,
}

/// The request of a job as it was on the wire, less its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Where it was sent.
    pub path: String,
    /// Its `Content-Type`; empty for none.
    pub content_type: String,
    /// Its body.
    #[serde(with = "as_base64")]
    pub body: Vec<u8>,
    /// Where its app reaches us, for the addresses of pictures.
    pub public_url: String,
    /// What its app put on it for finance, as the header spells it; empty for none.
    pub labels: String,
    /// What a test-mode key has played, as the header spells it.
    pub played: Option<String>,
    /// The trace that it belonged to, and its span there, as a `traceparent`.
    pub trace: Option<String>,
}

/// What is known of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// Who pays.
    pub workspace: WorkspaceId,
    /// The key that asked.
    pub key: KeyId,
    /// Whether that is a test key.
    pub test: bool,
    /// The request that it came as.
    pub request: RequestId,
    /// The credits set aside for it.
    pub hold: HoldId,
    /// How many those are.
    pub quote: Credits,
    /// What its pictures are priced by, whatever policy says by then; `None` for one that was
    /// accepted before this was kept.
    pub tariff: Option<Arc<Tariff>>,
    /// The client side's dialect.
    pub dialect: String,
    /// What is to be done, in one word.
    pub operation: String,
    /// The public name of the model.
    pub model: String,
    /// The name that the app wants its picture under.
    pub asset_key: Option<String>,
    /// Where the app wants to be told of its end.
    pub webhook: Option<String>,
    /// When it was accepted, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When something last happened to it.
    pub updated_at_ms: i64,
    /// Until when it may be worked on.
    pub ends_by_ms: i64,
    /// From when it is forgotten; `None` while it is unfinished.
    pub forgotten_at_ms: Option<i64>,
    /// Whether its app wants it no more.
    pub unwanted: bool,
    /// Where it stands.
    pub state: State,
    /// The orders that vendors have names for.
    pub orders: Vec<Order>,
    /// What it came to, when it has ended.
    pub outcome: Option<Outcome>,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum State {
    /// Nothing was sent to anybody.
    Queued,
    /// Something may have been sent, and no order is known to stand.
    Begun,
    /// Orders stand.
    Placed,
    /// Its pictures are kept and paid for.
    Completed,
    /// It came to nothing and costs nothing.
    Failed,
    /// Its app wanted it no more, and it costs nothing.
    Cancelled,
}

/// What a job came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Pictures.
    Completed(Box<Delivered>),
    /// A no.
    Failed(Failure),
    /// Its app wanted it no more.
    Cancelled,
}

/// The pictures of a job and what belongs to them in an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// At least one.
    pub pictures: Vec<Kept>,
    /// Tokens as the vendor reported them.
    pub usage: Option<TokenUsage>,
    /// The quality that the vendor resolved.
    pub quality: Option<Quality>,
    /// The background that the vendor resolved.
    pub background: Option<Background>,
    /// What the caller paid.
    pub charged: Credits,
    /// What the caller had left then.
    pub remaining: Credits,
    /// What was not done as asked: parameter and how.
    pub changes: Vec<(String, String)>,
    /// Whether the pictures carry a watermark.
    #[serde(default)]
    pub watermarked: bool,
    /// What the plan had said of its pictures then.
    #[serde(default)]
    pub disclaimer: Option<String>,
    /// What the plan called its storage then.
    #[serde(default)]
    pub storage: Option<String>,
    /// How the plan had pictures arrive then that were asked for as planned; `None` in what was kept
    /// before this was.
    #[serde(default)]
    pub planned: Option<Delivery>,
    /// Where the caller stood with its daily quotas then, where its dialect tells of them.
    #[serde(default)]
    pub quotas: Vec<QuotaStanding>,
}

/// A picture of a job, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its name in the media library.
    pub media: MediaId,
    /// Its encoding.
    pub format: Option<Format>,
    /// Its pixels.
    pub size: Option<Size>,
    /// The prompt as the vendor rewrote it.
    pub revised_prompt: Option<String>,
    /// The seed it was drawn with.
    pub seed: Option<i64>,
}

/// Why a job came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The refusal's code.
    pub code: String,
    /// The refusal's words.
    pub message: String,
}

/// What a process that finds a job may do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtStart {
    /// Begin it: nothing was sent.
    Run,
    /// Ask after its orders.
    Resume,
    /// Nothing: whether a vendor draws it is not known, and asking again might buy it twice.
    GiveUp,
    /// End it: its app wants it no more, and nothing was sent.
    Cancel,
    /// End it: its time is over.
    Late,
    /// Nothing: it has ended.
    Leave,
}

/// Why something did not happen to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum JobError {
    /// The workspace has as many unfinished jobs as it may.
    #[error("the workspace has {most} unfinished jobs, as many as it may")]
    Full {
        /// How many those are.
        most: usize,
    },
    /// The workspace has as many ends of jobs to be told of as it may.
    #[error("the ends of {most} jobs of the workspace are still to be told, as many as may be")]
    Untold {
        /// How many those are.
        most: usize,
    },
    /// There is no such job.
    #[error("there is no such job")]
    Unknown,
    /// It has ended.
    #[error("the job has ended")]
    Over,
    /// Its app wants it no more, so nobody else is asked.
    #[error("the job is wanted no more")]
    Unwanted,
    /// It has not begun, or has more orders than a request is ever spread over.
    #[error("the job takes no such order")]
    NoOrder,
}

impl Job {
    /// Before anything is sent to a candidate: orders at the one before it, if any, are over.
    pub fn begin(&mut self, now: Now) -> Result<(), JobError> {
        self.must_be_open()?;
        if self.unwanted {
            return Err(JobError::Unwanted);
        }
        self.state = State::Begun;
        self.orders.clear();
        self.updated_at_ms = now.unix_ms;
        Ok(())
    }

    /// A vendor has a name for an order; a later word on the same call takes the place of the first.
    pub fn place(&mut self, order: Order, now: Now) -> Result<(), JobError> {
        self.must_be_open()?;
        self.orders.retain(|known| known.call != order.call);
        if self.state == State::Queued || self.orders.len() >= ORDERS_MAX {
            return Err(JobError::NoOrder);
        }
        self.orders.push(order);
        self.state = State::Placed;
        self.updated_at_ms = now.unix_ms;
        Ok(())
    }

    /// Its app wants it no more. What has ended stays as it is.
    pub fn cancel(&mut self, now: Now) {
        if !self.state.is_end() && !self.unwanted {
            self.unwanted = true;
            self.updated_at_ms = now.unix_ms;
        }
    }

    /// What it came to; orders and their names are of no more use.
    pub fn end(&mut self, outcome: Outcome, kept_for_ms: i64, now: Now) -> Result<(), JobError> {
        self.must_be_open()?;
        self.state = match outcome {
            Outcome::Completed(_) => State::Completed,
            Outcome::Failed(_) => State::Failed,
            Outcome::Cancelled => State::Cancelled,
        };
        self.outcome = Some(outcome);
        self.orders.clear();
        self.updated_at_ms = now.unix_ms;
        self.forgotten_at_ms = Some(now.unix_ms.saturating_add(kept_for_ms));
        Ok(())
    }

    /// What a process that finds it may do.
    pub const fn at_start(&self, now: Now) -> AtStart {
        match self.state {
            State::Completed | State::Failed | State::Cancelled => AtStart::Leave,
            State::Queued if self.unwanted => AtStart::Cancel,
            State::Queued if now.unix_ms > self.ends_by_ms.saturating_sub(BEGIN_LEFT_MS_MIN) => {
                AtStart::Late
            }
            State::Queued => AtStart::Run,
            State::Begun => AtStart::GiveUp,
            // Its order was bought: a last question is asked even when its time is over.
            State::Placed => AtStart::Resume,
        }
    }

    const fn must_be_open(&self) -> Result<(), JobError> {
        if self.state.is_end() { Err(JobError::Over) } else { Ok(()) }
    }
}

impl State {
    /// Every state, in the order they may follow each other.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Begun, Self::Placed, Self::Completed, Self::Failed, Self::Cancelled];

    /// Whether nothing happens any more.
    pub const fn is_end(self) -> bool {
        match self {
            Self::Queued | Self::Begun | Self::Placed => false,
            Self::Completed | Self::Failed | Self::Cancelled => true,
        }
    }

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Begun => "begun",
            Self::Placed => "placed",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Its name towards apps.
    pub const fn status(self) -> &'static str {
        match self {
            Self::Queued => "pending",
            Self::Begun | Self::Placed => "processing",
            Self::Completed | Self::Failed | Self::Cancelled => self.name(),
        }
    }

    /// How far it is, in percent: a stage rather than a forecast.
    pub const fn progress(self) -> u8 {
        match self {
            Self::Queued | Self::Failed | Self::Cancelled => 0,
            Self::Begun => 10,
            Self::Placed => 50,
            Self::Completed => 100,
        }
    }
}
