//! Apps are told of the ends of their jobs: who is due, what is said, and what became of it.
//!
//! Whatever is to be told is on disk before anything here knows of it, so nothing is lost with the
//! process; what was said and not written down is said again under the same name.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::canonical::{Problem, Refusal, RefusalKind, WEBHOOK_HEADER};
use crate::config;
use crate::dialect::{self, Claim, Pieces, WireReply, WireRequest};
use crate::id::random_number;
use crate::job::{Job, State};
use crate::notice::{
    About, Answer, Due, NoWebhook, Notice, Schedule, Verdict, Webhooks, Why, retry_after,
};
use crate::policy::Policy;
use crate::reach::{Barred, Host};
use crate::store::{StoreError, Tried, notice_of};
use crate::upstream::{Bounds, Unreached};

use super::{Gateway, Visit, refuse};

/// The header of webhooks as people write it.
const WEBHOOK_SHOWN: &str = "Pixelgate-Webhook";

/// Bytes of a receiver's answer that are read; it has nothing to say but its status.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The clock of the wall may be set, so nothing is waited for longer than this without a look.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// When what the store could not be asked for is tried again.
const STORE_WAIT_MS: i64 = 5_000;

/// Who is to be told, in this process.
#[derive(Debug)]
pub(super) struct Teller {
    schedule: Mutex<Schedule>,
    /// Something became due, or a place is free.
    changed: Notify,
}

impl Teller {
    pub(super) fn new(bounds: &config::Webhooks) -> Self {
        let schedule = Schedule::new(bounds.sending_max, bounds.sending_per_lane_max);
        Self { schedule: Mutex::new(schedule), changed: Notify::new() }
    }

    fn put(&self, notice: Notice) {
        self.schedule.lock().put(notice);
        self.changed.notify_one();
    }

    fn again(&self, due: Due, at_ms: i64, tries: u32) {
        self.schedule.lock().again(due, at_ms, tries);
        self.changed.notify_one();
    }

    fn over(&self, due: &Due) {
        self.schedule.lock().over(due);
        self.changed.notify_one();
    }
}

/// What is said to a receiver, and what came of it.
pub(super) enum Said {
    /// What is left to do with it needs nobody to be asked.
    Nothing(Why),
    /// It was said, or could not be.
    Answered(Answer),
}

impl Visit {
    /// Where the app wants to be told, as it says itself.
    fn webhook_asked(&self) -> Result<Option<&str>, Refusal> {
        let mut asked = self.head.headers.get_all(WEBHOOK_HEADER).iter();
        let Some(first) = asked.next() else { return Ok(None) };
        if asked.next().is_some() {
            return Err(bad_webhook(
                "`Pixelgate-Webhook` is there more than once; name one address",
            ));
        }
        let text = first.to_str().map_err(|_| {
            bad_webhook("`Pixelgate-Webhook` may hold ASCII only; write other letters as %XX")
        })?;
        Ok(Some(text.trim()))
    }

    /// Refuses a wish to be told of a job's end where there is no job to be.
    pub(super) fn must_not_ask_for_webhook(&self) -> Result<(), Refusal> {
        let becomes_job = self.claim == Claim::Images && self.answers_later();
        match self.webhook_asked()? {
            None => Ok(()),
            Some(_) if becomes_job => Ok(()),
            Some(_) => Err(bad_webhook(
                "`Pixelgate-Webhook` tells of a job's end, and this comes to no job; send \
                 `Prefer: respond-async` with a request for pictures, or leave it out",
            )),
        }
    }
}

/// Where the app of a job wants to be told of its end, if that may be told.
pub(super) fn webhook_of(visit: &Visit) -> Result<Option<String>, Refusal> {
    let Some(address) = visit.webhook_asked()? else { return Ok(None) };
    let plan = visit.policy.plan(visit.caller.plan());
    let own = plan.map_or(&[][..], |plan| &plan.webhook_hosts);
    match visit.policy.webhooks.judge(own, address) {
        Ok(allowed) => Ok(Some(allowed.target.to_string())),
        Err(NoWebhook::NotSetUp) => Err(bad_webhook(
            "`Pixelgate-Webhook` is not offered here; leave it out and ask after the job",
        )),
        Err(NoWebhook::Barred(barred)) => Err(bad_webhook(match barred {
            Barred::Unlisted { at } => format!(
                "`Pixelgate-Webhook` is at {at}, which this gateway may not call; ask the \
                 operator to list it"
            ),
            Barred::Malformed | Barred::Userinfo | Barred::Inside { .. } => format!(
                "`Pixelgate-Webhook` {barred}; write one such as \
                 \"https://hooks.example.com/pictures\""
            ),
        })),
    }
}

/// What the caller's workspace checks signatures with.
pub(super) fn reply_with_secret(visit: &Visit) -> Result<WireReply, Refusal> {
    let Some(key) = visit.policy.webhooks.keys.first() else {
        return Err(Refusal::new(RefusalKind::UnknownPath, "this gateway sends no webhooks"));
    };
    let secret = key.of_workspace(visit.caller.workspace()).written();
    let body = serde_json::json!({ "key": secret.reveal() }).to_string();
    let reply = WireReply::json(200, Pieces::one(body));
    Ok(reply.with_header("cache-control", "no-store"))
}

/// A no to one more job whose end is to be told.
pub(super) fn untold(most: usize) -> Refusal {
    let message = format!(
        "the ends of {most} jobs of this workspace are still to be told; mend the receiver of \
         `Pixelgate-Webhook`, or leave it out and ask after the job"
    );
    Refusal::new(RefusalKind::ConcurrencyExceeded, message)
}

fn bad_webhook(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::field(WEBHOOK_SHOWN, Problem::BadValue, message)
}

impl Gateway {
    /// A job has ended: its app is told, if it wants to be.
    pub(super) fn tell_of_end(&self, job: &Job) {
        if let Some(notice) = notice_of(job) {
            self.teller.put(notice);
        }
    }

    /// Takes up everybody who was not told when the process before this one ended.
    pub async fn resume_notices(&self) -> Result<usize, StoreError> {
        let waiting = self.store.waiting_notices().await?;
        let count = waiting.len();
        for notice in waiting {
            self.teller.put(notice);
        }
        Ok(count)
    }

    /// How many are to be told, and since when the oldest of them is, in milliseconds since the
    /// Unix epoch.
    pub fn untold(&self) -> (usize, Option<i64>) {
        let schedule = self.teller.schedule.lock();
        (schedule.len(), schedule.oldest_ms())
    }

    /// Tells whoever is due, until the gateway stops.
    pub async fn tell_apps(self: Arc<Self>) {
        loop {
            let now = self.clock.now();
            let (due, next_at_ms) = {
                let mut schedule = self.teller.schedule.lock();
                (schedule.take(now.unix_ms), schedule.next_at_ms())
            };
            for due in due {
                self.tasks.spawn(Arc::clone(&self).tell_one(due));
            }
            let wait_ms = next_at_ms.map(|at_ms| at_ms.saturating_sub(now.unix_ms).max(0));
            let wait = wait_ms.map_or(LOOK_EVERY, |ms| Duration::from_millis(ms.unsigned_abs()));
            tokio::select! {
                () = self.teller.changed.notified() => {}
                () = tokio::time::sleep(wait.min(LOOK_EVERY)) => {}
                () = self.stopping() => return,
            }
        }
    }

    /// One try of one notice, from what the store knows of its job to what became of it.
    async fn tell_one(self: Arc<Self>, due: Due) {
        let notice = due.notice().clone();
        let policy = self.policy.current();
        let said = match self.say(&notice, &policy).await {
            Ok(said) => said,
            Err(error) => {
                let error = refuse::chain(&error);
                tracing::error!(
                    job = notice.about.as_str(),
                    error,
                    "what is to be told could not be read"
                );
                let at_ms = self.clock.now().unix_ms.saturating_add(STORE_WAIT_MS);
                return self.teller.again(due, at_ms, notice.tries);
            }
        };
        let now = self.clock.now();
        let (answer, verdict, tries) = match said {
            Said::Nothing(why) => (None, Verdict::Dead(why), notice.tries),
            Said::Answered(answer) => {
                let patience = &policy.webhooks.patience;
                let verdict = notice.judge(answer, patience, now, random_number());
                (Some(answer), verdict, notice.tries.saturating_add(1))
            }
        };
        let word = answer.map(Tried::word);
        let outcome = Tried { id: notice.id.clone(), tries, answer: word, verdict };
        if let Err(error) = self.store.note_tried(outcome).await {
            // It stays on disk as it was, and is told again: by the next look, or after the next start.
            let error = refuse::chain(&error);
            tracing::error!(
                job = notice.about.as_str(),
                error,
                "what was told could not be written down"
            );
        }
        self.count(&notice, answer, verdict, tries);
        match verdict {
            Verdict::Again { at_ms } => self.teller.again(due, at_ms, tries),
            Verdict::Told | Verdict::Dead(_) => self.teller.over(&due),
        }
    }

    /// Says it, if it may still be said.
    async fn say(&self, notice: &Notice, policy: &Policy) -> Result<Said, StoreError> {
        // Budgets are told of elsewhere.
        let About::Job(job) = &notice.about else { return Ok(Said::Nothing(Why::Forgotten)) };
        let Some((job, input)) = self.store.load_job(job.clone()).await? else {
            return Ok(Said::Nothing(Why::Forgotten));
        };
        let webhooks = &policy.webhooks;
        let now = self.clock.now();
        if notice.is_late(&webhooks.patience, now) {
            return Ok(Said::Nothing(Why::Late));
        }
        let caller = self.store.keys().recall(&job.key);
        let plan = caller.and_then(|caller| policy.plan(caller.plan()).cloned());
        let own: &[Host] = plan.as_ref().map_or(&[], |plan| &plan.webhook_hosts);
        let address = job.webhook.as_deref().unwrap_or_default();
        match webhooks.judge(own, address) {
            Ok(_) => {}
            Err(NoWebhook::NotSetUp) => return Ok(Said::Answered(Answer::Unsigned)),
            Err(NoWebhook::Barred(_)) => return Ok(Said::Nothing(Why::Barred)),
        }
        let shown = self.shown_by_address(&job, input).await?;
        let body = dialect::encode_event(event(job.state), job.updated_at_ms, &shown);
        Ok(self.post_signed(notice, (address, body), (webhooks, own)).await)
    }

    /// Says a body at an address that policy lists, and hears what is answered.
    pub(super) async fn post_signed(
        &self,
        notice: &Notice,
        (address, body): (&str, Bytes),
        (webhooks, own): (&Webhooks, &[Host]),
    ) -> Said {
        let now = self.clock.now();
        let signed = webhooks.sign(notice, &body, now);
        let wire =
            signed.iter().fold(WireRequest::post_json(address, body), |wire, (name, value)| {
                wire.with_header(name, value)
            });
        let bounds = Bounds {
            bytes_max: ANSWER_BYTES_MAX,
            deadline: Instant::now() + webhooks.patience.timeout,
            redirects_max: 0,
        };
        let reached = self.upstream.reach(&webhooks.reach_with(own), &wire, bounds).await;
        match reached {
            Ok(reply) => Said::Answered(answered(&reply, now.unix_ms)),
            Err(Unreached::Late) => Said::Answered(Answer::TimedOut),
            Err(Unreached::Barred(Barred::Inside { .. })) => Said::Answered(Answer::Inside),
            Err(Unreached::Barred(_)) => Said::Nothing(Why::Barred),
            Err(Unreached::Broken(_) | Unreached::TooLarge { .. } | Unreached::SentOn) => {
                Said::Answered(Answer::Unreachable)
            }
        }
    }

    /// One line and its counters. The address is the app's secret; its origin is not.
    fn count(&self, notice: &Notice, answer: Option<Answer>, verdict: Verdict, tries: u32) {
        let metrics = self.telemetry.metrics();
        let answer = answer.map(Answer::name);
        if let Some(answer) = answer {
            metrics.webhooks.tries.with_label_values(&[answer]).inc();
        }
        let (job, to, answer) =
            (notice.about.as_str(), &notice.lane.origin, answer.unwrap_or_default());
        match verdict {
            Verdict::Told => {
                metrics.webhooks.ended.with_label_values(&["told"]).inc();
                tracing::info!(job, to, tries, "an app was told of its job");
            }
            Verdict::Again { at_ms } => {
                tracing::info!(job, to, tries, answer, at_ms, "an app is told of its job later");
            }
            Verdict::Dead(why) => {
                let why = why.name();
                metrics.webhooks.ended.with_label_values(&[why]).inc();
                tracing::warn!(job, to, tries, answer, why, "an app will not be told of its job");
            }
        }
    }
}

/// What has happened, as receivers read it.
const fn event(state: State) -> &'static str {
    match state {
        State::Completed => "job.completed",
        State::Failed => "job.failed",
        State::Cancelled => "job.cancelled",
        // Nobody is told before the end.
        State::Queued | State::Begun | State::Placed => "job.updated",
    }
}

fn answered(reply: &WireReply, unix_ms: i64) -> Answer {
    let retry_after = reply.header("retry-after").and_then(|text| retry_after(text, unix_ms));
    Answer::Status { status: reply.status, retry_after }
}
