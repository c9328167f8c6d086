//! A notice: the order to tell an app, at the address that it gave, that its job has ended, or whoever
//! a budget names that a part of it is spent.
//!
//! What an answer to it means, when it is said again, and when that is given up.
//!
//! Signed as Standard Webhooks (<https://www.standardwebhooks.com>) asks. Who may be told is
//! [`crate::reach`]'s; the store keeps what is decided here.

use std::time::Duration;

use crate::clock::Now;
use crate::id::{JobId, NoticeId, WorkspaceId};
use crate::reach::{Allowed, Barred, Host, Reach};

mod retry;
mod schedule;
mod signing;
#[cfg(test)]
mod tests;

pub use retry::retry_after;
pub use schedule::{Due, Schedule};
pub use signing::{BadSecret, SigningKey};

/// Secrets that sign at a time: the one in use, and the one before or after it.
pub const SECRETS_MAX: usize = 2;

/// How much longer each wait is than the one before it.
const WAITS_GROW_BY: u32 = 4;

/// The order to tell of one job's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its name; the same at every try.
    pub id: NoticeId,
    /// What it tells of.
    pub about: About,
    /// Whose notices wait for each other, and for no one else's.
    pub lane: Lane,
    /// When the job ended, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// When it is to be tried.
    pub at_ms: i64,
    /// How often it was tried.
    pub tries: u32,
}

/// What a notice tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// The end of this job.
    Job(JobId),
    /// A part of the budget of this name that is spent.
    Budget(String),
}

/// The notices of one workspace to one host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// Who pays for the jobs.
    pub workspace: WorkspaceId,
    /// Scheme, host and port, as the address begins.
    pub origin: String,
}

/// Who may be told, how it is signed, and how long it is tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Webhooks {
    /// The hosts that any workspace may name.
    pub reach: Reach,
    /// The operator's secrets, the one in use first; nobody is told anything while there is none.
    pub keys: Vec<SigningKey>,
    /// How long it is tried.
    pub patience: Patience,
}

/// How long, how often and after which waits one notice is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Tries in all.
    pub tries_max: u32,
    /// One try.
    pub timeout: Duration,
    /// After the first try.
    pub first_wait: Duration,
    /// After any.
    pub wait_max: Duration,
    /// From the job's end to the last try.
    pub time_max: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            tries_max: 10,
            timeout: Duration::from_secs(15),
            first_wait: Duration::from_secs(5),
            wait_max: Duration::from_hours(4),
            time_max: Duration::from_hours(24),
        }
    }
}

/// What came of one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A status, and how long the receiver would be left alone.
    Status {
        /// The HTTP status.
        status: u16,
        /// What its `Retry-After` says.
        retry_after: Option<Duration>,
    },
    /// No answer in time.
    TimedOut,
    /// No connection, or it broke.
    Unreachable,
    /// The host's name leads inside our own network.
    Inside,
    /// There is no secret to sign with.
    Unsigned,
}

/// What becomes of a notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken.
    Told,
    /// It is tried again then.
    Again {
        /// In milliseconds since the Unix epoch.
        at_ms: i64,
    },
    /// It is given up.
    Dead(Why),
}

/// Why a notice is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The receiver says that it wants nothing more there.
    Gone,
    /// It was tried as often as it may be.
    Tries,
    /// Its time is over, or would be at the next try.
    Late,
    /// Its address is not one that policy lists any more.
    Barred,
    /// The job that it tells of is forgotten.
    Forgotten,
}

/// Why an address is not taken as a webhook.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoWebhook {
    /// There is no secret to sign with, or no host at all is listed.
    #[error("this gateway sends none")]
    NotSetUp,
    /// The address may not be told anything.
    #[error(transparent)]
    Barred(#[from] Barred),
}

impl Webhooks {
    /// Everything that may be told, with the hosts that only a plan lists.
    pub fn reach_with(&self, own: &[Host]) -> Reach {
        let mut reach = self.reach.clone();
        reach.hosts.extend_from_slice(own);
        reach
    }

    /// The place of an address that an app gave. `own` are hosts that only its plan lists.
    pub fn judge(&self, own: &[Host], address: &str) -> Result<Allowed, NoWebhook> {
        let reach = self.reach_with(own);
        if self.keys.is_empty() || reach.is_nothing() {
            return Err(NoWebhook::NotSetUp);
        }
        Ok(reach.judge(address)?)
    }

    /// The header fields that sign a body for the app of a workspace, as of now.
    pub fn sign(&self, notice: &Notice, body: &[u8], now: Now) -> [(&'static str, String); 3] {
        let seconds = now.unix_seconds();
        let workspace = &notice.lane.workspace;
        let signatures = self
            .keys
            .iter()
            .take(SECRETS_MAX)
            .map(|key| key.of_workspace(workspace).sign(&notice.id, seconds, body));
        [
            ("webhook-id", notice.id.as_str().to_owned()),
            ("webhook-timestamp", seconds.to_string()),
            ("webhook-signature", signatures.collect::<Vec<_>>().join(" ")),
        ]
    }
}

impl Notice {
    /// What becomes of it after this answer; `dice` is any number.
    pub fn judge(&self, answer: Answer, patience: &Patience, now: Now, dice: u64) -> Verdict {
        let asked_wait = match answer {
            Answer::Status { status: 200..=299, .. } => return Verdict::Told,
            Answer::Status { status: 410, .. } => return Verdict::Dead(Why::Gone),
            Answer::Status { status: 429 | 503, retry_after } => retry_after,
            Answer::Status { .. }
            | Answer::TimedOut
            | Answer::Unreachable
            | Answer::Inside
            | Answer::Unsigned => None,
        };
        let tries = self.tries.saturating_add(1);
        if tries >= patience.tries_max {
            return Verdict::Dead(Why::Tries);
        }
        let wait = patience.wait(tries, dice).max(asked_wait.unwrap_or_default());
        let at_ms = now.unix_ms.saturating_add(millis(wait));
        if at_ms > self.ends_by_ms(patience) {
            return Verdict::Dead(Why::Late);
        }
        Verdict::Again { at_ms }
    }

    /// Whether its time is over, so that it is not even tried.
    pub fn is_late(&self, patience: &Patience, now: Now) -> bool {
        now.unix_ms > self.ends_by_ms(patience)
    }

    fn ends_by_ms(&self, patience: &Patience) -> i64 {
        self.created_at_ms.saturating_add(millis(patience.time_max))
    }
}

impl About {
    /// The name of the job or the budget.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Job(job) => job.as_str(),
            Self::Budget(name) => name,
        }
    }
}

impl Patience {
    /// How long to wait after so many tries: longer each time, less up to half of it by chance, so
    /// that those who failed together do not come back together.
    fn wait(&self, tries: u32, dice: u64) -> Duration {
        let grown = WAITS_GROW_BY
            .checked_pow(tries.saturating_sub(1))
            .and_then(|factor| self.first_wait.checked_mul(factor));
        let full = grown.unwrap_or(self.wait_max).min(self.wait_max);
        let full_ms = millis(full).unsigned_abs();
        let half_ms = full_ms / 2;
        Duration::from_millis(full_ms.saturating_sub(dice % half_ms.saturating_add(1)))
    }
}

impl Answer {
    /// Its name as a label: a class of statuses, or what went wrong.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status { status: 200..=299, .. } => "2xx",
            Self::Status { status: 300..=399, .. } => "3xx",
            Self::Status { status: 400..=499, .. } => "4xx",
            Self::Status { .. } => "5xx",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::Inside => "inside",
            Self::Unsigned => "unsigned",
        }
    }
}

impl Why {
    /// Its name in the log, the store and as a label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Tries => "tries",
            Self::Late => "late",
            Self::Barred => "barred",
            Self::Forgotten => "forgotten",
        }
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
