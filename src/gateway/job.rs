//! Requests whose clients do not wait: accepted with everything up to the hold done, then worked on
//! by the same path, and asked after at paths of their own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dashmap::{DashMap, DashSet};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::canonical::{Delivery, ImageRequest, LABELS_HEADER, Refusal};
use crate::clock::Now;
use crate::config;
use crate::dialect::{Claim, WireReply};
use crate::id::{JobId, WorkspaceId};
use crate::job::{Input, Job, JobError, NewJob, State};
use crate::ledger::HoldAsk;
use crate::played::Moment;
use crate::pledge;
use crate::store::{AnswerKept, StoreError, Whose};
use crate::telemetry::Bound;
use crate::trail::Step;

use super::admit::Stake;
use super::limits::Asking;
use super::{Gateway, Visit, Work, decode, micros, notices, refuse, reply};

mod errand;
mod forsake;
mod run;
mod shown;
mod take_up;

pub(super) use errand::{Errand, again, kept};
use shown::encode_accepted;
use take_up::Taken;

/// When a job is worth asking after again.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Who works on what, in this process.
#[derive(Debug)]
pub(super) struct Desk {
    bounds: config::Jobs,
    running: Arc<Semaphore>,
    /// One for each workspace that had a job since the start.
    of_workspace: DashMap<WorkspaceId, Arc<Semaphore>>,
    /// One for each job that is waiting or worked on: cancelled when its app wants it no more.
    wishes: DashMap<JobId, CancellationToken>,
    /// Those that have their places.
    worked_on: DashSet<JobId>,
    /// Those that the process before this one works on to their end.
    elsewhere: DashSet<JobId>,
    /// Those whose end the store does not take, whatever is tried: the next start tries again.
    given_up: DashSet<JobId>,
    stopping: CancellationToken,
}

impl Desk {
    pub(super) fn new(bounds: config::Jobs) -> Self {
        Self {
            running: Arc::new(Semaphore::new(bounds.running_max)),
            bounds,
            of_workspace: DashMap::new(),
            wishes: DashMap::new(),
            worked_on: DashSet::new(),
            elsewhere: DashSet::new(),
            given_up: DashSet::new(),
            stopping: CancellationToken::new(),
        }
    }

    /// Jobs that may be worked on at once.
    pub(super) const fn running_max(&self) -> usize {
        self.bounds.running_max
    }

    /// Whether nothing new is begun any more.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// A place among the jobs of a workspace, then one among all; `None` never comes but at the end
    /// of the process.
    async fn places(&self, workspace: &WorkspaceId) -> Option<[OwnedSemaphorePermit; 2]> {
        let own = {
            let fresh = || Arc::new(Semaphore::new(self.bounds.running_per_workspace_max));
            Arc::clone(&*self.of_workspace.entry(workspace.clone()).or_insert_with(fresh))
        };
        let own = own.acquire_owned().await.ok()?;
        let all = Arc::clone(&self.running).acquire_owned().await.ok()?;
        Some([own, all])
    }
}

/// The bound that kept a job from being accepted.
const fn bound_of(error: &StoreError) -> Option<Bound> {
    let StoreError::Job(error) = error else { return None };
    match error {
        JobError::Full { .. } => Some(Bound::JobsQueued),
        JobError::Untold { .. } => Some(Bound::JobsUntold),
        JobError::Unknown | JobError::Over | JobError::Unwanted | JobError::NoOrder => None,
    }
}

/// What a job keeps of its request.
fn input_of(visit: &Visit, body: &Bytes) -> Input {
    let content_type = visit.head.headers.get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let labels = visit.head.headers.get_all(LABELS_HEADER).iter();
    let labels = labels.filter_map(|value| value.to_str().ok().map(str::to_owned));
    let labels: Vec<String> = labels.collect();
    // What rules put on it stands on a line of its own, behind what the app did.
    let ruled = visit.labels.iter().map(|(name, value)| format!("{name}={value}"));
    let ruled: Vec<String> = ruled.collect();
    Input {
        path: visit.head.path.clone(),
        content_type: content_type.unwrap_or_default().to_owned(),
        body: body.to_vec(),
        public_url: visit.head.public_url.clone(),
        labels: format!("{}\n{}", labels.join(","), ruled.join(",")),
        played: visit.played.as_ref().map(|played| played.text.clone()),
        trace: visit.receipt.trail.context().map(|context| context.to_string()),
    }
}

impl Visit {
    /// Whether the answer is a job: the dialect always answers so, or the app would rather not
    /// wait (RFC 7240).
    pub(super) fn answers_later(&self) -> bool {
        let prefers = self.head.headers.get_all("prefer").iter().any(|value| {
            let words = value.to_str().unwrap_or_default().split(',');
            let mut tokens = words.filter_map(|word| word.split(';').next());
            tokens.any(|token| token.trim().eq_ignore_ascii_case("respond-async"))
        });
        prefers || self.client.answers_later()
    }

    /// Whether its pictures are kept: the answer of a job is asked for later.
    pub(super) fn keeps(&self, request: &ImageRequest) -> bool {
        let is_job = self.errand.is_some() || self.answers_later();
        is_job || request.delivery == Delivery::Url
    }

    /// Until when it may be worked on, if a request may take so long.
    pub(super) fn deadline(&self, time: Duration) -> Instant {
        let deadline = Instant::now() + time;
        self.errand.as_ref().map_or(deadline, |errand| deadline.min(errand.until))
    }

    pub(super) fn whose(&self) -> Whose {
        Whose { workspace: self.caller.workspace().clone(), test: self.caller.is_test() }
    }
}

impl Gateway {
    /// Accepts a request as a job.
    pub(super) async fn reply_with_job(
        self: &Arc<Self>,
        visit: &mut Visit,
        body: Bytes,
    ) -> Result<WireReply, Refusal> {
        let (job, taken, reply) = self.accept(visit, body).await?;
        self.telemetry.metrics().jobs.with_label_values(&["accepted"]).inc();
        self.set_to_work(taken, job.workspace, job.ends_by_ms);
        visit.became_job = true;
        let now = self.clock.now();
        Ok(reply::with_standings(reply, visit.client, &self.standings(visit, now), now))
    }

    /// Refuses what no job can be, whatever is to be drawn.
    fn may_be_job(&self, visit: &Visit, body: &Bytes) -> Result<(), Refusal> {
        self.fits_a_job(body)?;
        pledge::name(&visit.head.headers).map_err(refuse::repeat::bad_name)?;
        match self.batch(visit, body)? {
            Some(_) => Err(refuse::batched_job()),
            None => Ok(()),
        }
    }

    /// Everything up to the hold, which the job is accepted with.
    async fn accept(
        self: &Arc<Self>,
        visit: &mut Visit,
        body: Bytes,
    ) -> Result<(Job, Taken, WireReply), Refusal> {
        let bounds = &self.desk.bounds;
        let webhook = notices::webhook_of(visit)?;
        self.may_be_job(visit, &body)?;
        visit.enter(Step::Decode);
        let request = decode(visit.client, &visit.wire(body.clone()))?;
        let (plan, work) = self.understand(visit, request).await?;
        visit.play(Moment::Early, Instant::now() + work.model.deadline).await?;
        let now = self.clock.now();
        let stake = Stake {
            amount: work.quote,
            images: work.request.count,
            pixels: visit.receipt.pixels_asked,
            time: bounds.time_max,
            named: visit.named,
        };
        let policy = Arc::clone(&visit.policy);
        let asking = Asking {
            policy: &policy,
            caller: &visit.caller,
            plan: &plan,
            model: Some(&work.model.name),
        };
        // Counted in every window as any request; a job that waits is not one that runs, so its
        // place among those is given back at once.
        visit.enter(Step::Limit);
        let lease = self.admit(&asking, stake.weight()).await?;
        let gathered = self.gather_into(visit, &work, body).await;
        let gathered = gathered.and_then(|body| self.fits_a_job(&body).map(|()| body));
        let body = gathered.inspect_err(|_| lease.unspent())?;
        let ask = Self::hold_ask(&asking, &stake, &visit.receipt, now);
        // Taken before it is accepted: whoever looks for jobs that nobody works on finds it taken.
        let taken = self.take_new();
        let job = Job { webhook, ..self.new_job(taken.id(), visit, (&work, &ask), now) };
        let input = input_of(visit, &body);
        let (open_max, untold_max) =
            (bounds.queued_per_workspace_max, bounds.untold_per_workspace_max);
        let new = NewJob { job: job.clone(), input, open_max, untold_max };
        let reply = encode_accepted(visit.client, &job);
        visit.enter(Step::Hold);
        let began = Instant::now();
        let once = visit.named.zip(self.keep_reply(visit, &ask.hold, &reply).await);
        let accepted = self.ask_to_accept((ask, new), once, taken).await;
        visit.receipt.store_us += micros(began.elapsed());
        let taken = match accepted {
            Ok(taken) => taken,
            Err(error) => {
                if let Some(bound) = bound_of(&error) {
                    self.telemetry.metrics().bound_met(bound);
                }
                self.note_budget_met(&error);
                lease.take_back();
                return Err(refuse::hold(&error, &asking, now));
            }
        };
        self.await_price(&asking, &job.hold, &lease);
        visit.receipt.hold = Some(job.hold.clone());
        Ok((job, taken, reply))
    }

    /// Asks the store to accept a job, which is still taken if it does.
    async fn ask_to_accept(
        self: &Arc<Self>,
        (ask, new): (HoldAsk, NewJob),
        once: Option<(pledge::Named, AnswerKept)>,
        taken: Taken,
    ) -> Result<Taken, StoreError> {
        let (is_named, is_asked) = (once.is_some(), !self.store.is_away());
        let accepted = match once {
            Some(once) => self.store.accept_job_once(ask, new, once).await,
            None => self.store.accept_job(ask, new).await,
        };
        match accepted {
            Ok(()) => Ok(taken),
            Err(error) => {
                // A repeat of one that has a name is told of the job, should there be one; another
                // that there is must not be worked on, for its app was told that there is none.
                let is_in_doubt = matches!(error, StoreError::Away) && is_asked;
                if is_in_doubt && !is_named {
                    self.disown(taken);
                }
                Err(error)
            }
        }
    }

    /// A job that waits for its turn.
    fn new_job(&self, id: &JobId, visit: &Visit, (work, ask): (&Work, &HoldAsk), now: Now) -> Job {
        let time_ms = i64::try_from(self.desk.bounds.time_max.as_millis()).unwrap_or(i64::MAX);
        Job {
            id: id.clone(),
            workspace: visit.caller.workspace().clone(),
            key: visit.caller.key().clone(),
            test: visit.caller.is_test(),
            request: visit.receipt.request_id.clone(),
            hold: ask.hold.clone(),
            quote: work.quote,
            tariff: Some(Arc::clone(&work.tariff)),
            dialect: visit.receipt.dialect.to_owned(),
            operation: work.request.operation.name().to_owned(),
            model: work.model.name.clone(),
            asset_key: work.request.asset_key.clone(),
            webhook: None,
            created_at_ms: now.unix_ms,
            updated_at_ms: now.unix_ms,
            ends_by_ms: now.unix_ms.saturating_add(time_ms),
            forgotten_at_ms: None,
            unwanted: false,
            state: State::Queued,
            orders: Vec::new(),
            outcome: None,
        }
    }

    fn fits_a_job(&self, body: &Bytes) -> Result<(), Refusal> {
        let most = self.desk.bounds.input_bytes_max;
        if body.len() <= most {
            return Ok(());
        }
        self.telemetry.metrics().bound_met(Bound::JobInput);
        Err(refuse::job_input(most))
    }

    /// The answer about jobs, or about pictures by their names.
    pub(super) async fn reply_about_jobs(
        &self,
        visit: &Visit,
        claim: Claim,
    ) -> Result<WireReply, Refusal> {
        match claim {
            Claim::Job(id) => self.reply_with_one(&self.job_of(visit, &id).await?).await,
            Claim::CancelJob(id) => self.reply_with_one(&self.cancel_job(visit, &id).await?).await,
            Claim::Asset(key) => self.reply_with_asset(visit, &key).await,
            Claim::WebhookSecret => notices::reply_with_secret(visit),
            Claim::Jobs
            | Claim::Images
            | Claim::Quote
            | Claim::OpenModels
            | Claim::Usage
            | Claim::Health
            | Claim::Prompt
            | Claim::Preflight { .. }
            | Claim::Library(_)
            | Claim::Models
            | Claim::Model(_)
            | Claim::WrongMethod { .. } => self.reply_with_list(visit).await,
        }
    }

    /// The wish that a job be ended. One that is queued ends here; the end of one that is being
    /// worked on is its vendor's word.
    pub(super) async fn cancel_job(&self, visit: &Visit, id: &str) -> Result<Job, Refusal> {
        let refused = |error: StoreError| refuse::store(&error, self.clock.now());
        let job = self.job_of(visit, id).await?;
        if job.state.is_end() {
            return Ok(job);
        }
        let job = self.store.cancel_job(job.id).await.map_err(refused)?;
        self.wish_ended(&job).await;
        if job.state == State::Queued { self.job_of(visit, id).await } else { Ok(job) }
    }

    /// Whoever works on a job hears that it is wanted no more; one that is queued ends here.
    pub(super) async fn wish_ended(&self, job: &Job) {
        if let Some(wish) = self.desk.wishes.get(&job.id) {
            wish.cancel();
        }
        if job.state == State::Queued {
            let errand = self.errand_without_time(job);
            Box::pin(self.carry_on(&Arc::new(errand))).await;
        }
    }

    /// A job of the caller's own workspace and mode.
    pub(super) async fn job_of(&self, visit: &Visit, id: &str) -> Result<Job, Refusal> {
        let found = self.store.find_job(id, visit.whose()).await;
        found
            .map_err(|error| refuse::store(&error, self.clock.now()))?
            .ok_or_else(|| refuse::unknown_job(id))
    }

    /// For a job that is only to be ended.
    fn errand_without_time(&self, job: &Job) -> Errand {
        let wish = CancellationToken::new();
        wish.cancel();
        Errand::new(job.id.clone(), Instant::now(), wish, self.store.clone())
    }
}
