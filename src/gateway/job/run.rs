//! One job from where it stands to its end, by the same path as any request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::time::Instant;

use crate::auth::Caller;
use crate::canonical::{Delivery, LABELS_HEADER, Refusal};
use crate::credits::Credits;
use crate::dialect::{self, Claim};
use crate::fault::{Next, VendorFault};
use crate::id::WorkspaceId;
use crate::job::{self, AtStart, Failure, Input, Job, Outcome, State};
use crate::played::Played;
use crate::receipt::Receipt;
use crate::routing::{self, Candidate};
use crate::store::{JobEnd, StoreError};
use crate::telemetry::Bound;
use crate::trail::{Context, Step};

use super::super::attempt::{Attempt, Trace};
use super::super::follow::enter;
use super::super::rules::{ruled_again, ruled_as_bought};
use super::super::{
    Delivered, Gateway, Head, Treated, Visit, Work, delivered_size, micros, note_asked,
    note_caller, note_delivered, refuse, treat, worth,
};
use super::Errand;
use super::take_up::{STORE_AGAIN, is_passing};

/// How often a job is read before it is left to whoever looks for jobs that nobody works on.
const LOADS_MAX: u32 = 30;

/// What a job came to, before it is written down.
type Drawn<T = Delivered> = Result<(T, Credits), Refusal>;

impl Gateway {
    /// Waits for its places, then does what is left of it.
    pub(super) async fn work_on(&self, workspace: WorkspaceId, errand: Arc<Errand>) {
        let _places = tokio::select! {
            places = self.desk.places(&workspace) => places,
            // Whoever says so ends it, or finds that it is over.
            () = errand.unwanted() => None,
            () = tokio::time::sleep_until(errand.until) => None,
            () = self.desk.stopping.cancelled() => return,
        };
        // First this, then the question: whoever stops looks in the other order.
        self.desk.worked_on.insert(errand.id.clone());
        if !self.desk.stopping.is_cancelled() {
            let running = self.telemetry.metrics().jobs_running.clone();
            running.inc();
            Box::pin(self.carry_on(&errand)).await;
            running.dec();
        }
    }

    /// A job as the store knows it. While the store cannot be asked this waits and keeps its places: the
    /// jobs behind it could not be read either.
    async fn load(&self, errand: &Errand) -> Option<(Job, Input)> {
        let mut tries = 0_u32;
        loop {
            let error = match self.store.load_job(errand.id.clone()).await {
                Ok(found) => return found,
                Err(error) => refuse::chain(&error),
            };
            tries = tries.saturating_add(1);
            if tries == LOADS_MAX {
                tracing::error!(job = %errand.id, error, "a job could not be read");
                return None;
            }
            tracing::warn!(job = %errand.id, error, "a job cannot be read yet");
            tokio::select! {
                () = tokio::time::sleep(STORE_AGAIN) => {}
                () = self.desk.stopping.cancelled() => return None,
            }
        }
    }

    /// Does what is left of a job, from what the store knows of it.
    pub(super) async fn carry_on(&self, errand: &Arc<Errand>) {
        let Some((job, input)) = self.load(errand).await else { return };
        if job.unwanted {
            errand.is_wanted_no_more();
        }
        let at_start = job.at_start(self.clock.now());
        if at_start == AtStart::Leave {
            return;
        }
        let caller = self.store.keys().recall(&job.key);
        let Some(caller) = caller else {
            let mut receipt = self.receipt_of(&job);
            receipt.outcome_unknown = matches!(at_start, AtStart::Resume | AtStart::GiveUp);
            return self.end(errand, receipt, Err(refuse::job_lost())).await;
        };
        let mut visit = self.visit_again(&job, &input, (caller, Arc::clone(errand)));
        let _watched = self.watch.request(&job.request, errand.until);
        let drawn = match at_start {
            AtStart::Run => self.draw_again(&mut visit, &job, input).await,
            AtStart::Resume => {
                self.telemetry.metrics().jobs.with_label_values(&["resumed"]).inc();
                self.resume(&mut visit, &job, input).await
            }
            AtStart::GiveUp => {
                visit.receipt.outcome_unknown = true;
                Err(refuse::job_lost())
            }
            AtStart::Cancel | AtStart::Leave => Err(refuse::job_cancelled()),
            AtStart::Late => {
                self.telemetry.metrics().bound_met(Bound::JobTime);
                Err(refuse::job_late())
            }
        };
        visit.receipt.total_us = micros(visit.began.elapsed());
        let drawn = match drawn {
            Ok((delivered, price)) => Ok((self.kept(&mut visit, delivered, price).await, price)),
            Err(refusal) => Err(refusal),
        };
        self.end(errand, visit.receipt, drawn).await;
    }

    async fn draw_again(&self, visit: &mut Visit, job: &Job, input: Input) -> Drawn {
        let mut work = work_again(visit, job, input)?;
        let plan = super::super::plan(&visit.policy, &visit.caller)?;
        visit.enter(Step::Route);
        let whose = (&visit.caller, &*plan, &work.ruled);
        let sketch = visit.receipt.sketch.as_deref_mut();
        work.candidates = self.candidates(&work.model, &work.request, whose, sketch)?;
        visit.receipt.size = work.candidates.first().map(delivered_size);
        visit.receipt.pixels_asked = worth::pixels(&work.candidates, &work.request);
        let policy = Arc::clone(&visit.policy);
        self.moderate((&policy, &visit.caller), &work.request, &mut visit.receipt).await?;
        Box::pin(self.draw(visit, &work)).await
    }

    /// Asks after the orders of a job. Only what is known to have failed is asked of another.
    async fn resume(&self, visit: &mut Visit, job: &Job, input: Input) -> Drawn {
        let found = work_again(visit, job, input)
            .and_then(|work| Ok((ordered(visit, &work, job)?, work)))
            .inspect_err(|_| self.forsake_all(visit, job));
        let (candidate, mut work) = found?;
        visit.receipt.size = Some(delivered_size(&candidate));
        visit.receipt.pixels_asked = worth::pixels(std::slice::from_ref(&candidate), &work.request);
        let deadline = visit.deadline(work.model.deadline);
        let request_id = visit.receipt.request_id.clone();
        let errand = visit.errand.clone();
        visit.enter(Step::Attempt);
        let trail = &visit.receipt.trail.clone();
        let attempt = Attempt {
            request_id: &request_id,
            trail,
            work: &work,
            deadline,
            live: None,
            errand: errand.as_deref(),
        };
        let mut trace = Trace::of(&candidate);
        let asked = self.ask_after(attempt, &candidate, &job.orders, &mut trace).await;
        let next = asked.as_ref().err().map(|fault| match attempt.next(fault) {
            Next::GiveUp => Next::GiveUp,
            // What one call may have been drawn for weighs more than what others are known to have failed of.
            Next::Retry | Next::Failover if trace.outcome_unknown => {
                attempt.next(&VendorFault::TimedOut)
            }
            next @ (Next::Retry | Next::Failover) => next,
        });
        trace.tell(&mut visit.receipt);
        let fault = match asked {
            Ok(delivery) => return self.hand_over(visit, &work, delivery, deadline).await,
            Err(fault) => fault,
        };
        let plan = super::super::plan(&visit.policy, &visit.caller)?;
        // What is bought from here on is bought by the rules of now.
        let ruled = ruled_again(visit, &plan, &work.asked, job);
        work.ruled = ruled.map_err(|_| refuse::fault(&fault))?;
        let whose = (&visit.caller, &*plan, &work.ruled);
        let others = self.candidates(&work.model, &work.request, whose, None);
        work.candidates = others.unwrap_or_default();
        work.candidates.retain(|other| other.offering.name != candidate.offering.name);
        let is_wanted = errand.is_some_and(|errand| !errand.is_unwanted());
        if !is_wanted || next == Some(Next::GiveUp) || work.candidates.is_empty() {
            return Err(refuse::fault(&fault));
        }
        Box::pin(self.draw(visit, &work)).await
    }

    /// The visit that a job began as, as far as it is of use.
    fn visit_again(
        &self,
        job: &Job,
        input: &Input,
        (caller, errand): (Caller, Arc<Errand>),
    ) -> Visit {
        let mut headers = HeaderMap::new();
        if let Ok(kind) = HeaderValue::from_str(&input.content_type)
            && !kind.is_empty()
        {
            headers.insert(http::header::CONTENT_TYPE, kind);
        }
        let name = HeaderName::from_static(LABELS_HEADER);
        for labels in input.labels.lines().filter(|labels| !labels.is_empty()) {
            headers.extend(HeaderValue::from_str(labels).ok().map(|value| (name.clone(), value)));
        }
        let client = dialect::by_name(&job.dialect).and_then(|dialect| dialect.client);
        let head = Head {
            request_id: job.request.clone(),
            method: Method::POST,
            path: input.path.clone(),
            query: None,
            headers,
            client: None,
            public_url: input.public_url.clone(),
        };
        let mut receipt = self.receipt_of(job);
        let link = input.trace.as_deref().and_then(Context::parse);
        receipt.trail = self.trail_of_job(link, &head);
        enter(&receipt, Step::Decode);
        note_caller(&mut receipt, &caller);
        let passed_ms = self.clock.now().unix_ms.saturating_sub(job.created_at_ms).max(0);
        let passed = Duration::from_millis(passed_ms.unsigned_abs());
        let now = Instant::now();
        Visit {
            head,
            client: client.unwrap_or_else(dialect::fallback),
            claim: Claim::Images,
            caller,
            policy: self.policy.current(),
            receipt,
            began: now.checked_sub(passed).unwrap_or(now),
            begin_with: None,
            has_begun: false,
            said: None,
            became_job: true,
            labels: BTreeMap::new(),
            errand: Some(errand),
            item_of: None,
            named: None,
            turn: None,
            kept: None,
            // It was read when the job was accepted.
            played: input.played.as_deref().and_then(|text| Played::parse(text).ok()),
        }
    }

    fn receipt_of(&self, job: &Job) -> Receipt {
        let version = Arc::clone(&self.policy.current().version);
        let mut receipt = Receipt::begin(job.request.clone(), job.created_at_ms, version);
        receipt.dialect = dialect::by_name(&job.dialect).map_or("", |dialect| dialect.name);
        receipt.model = Some(job.model.clone());
        receipt.hold = Some(job.hold.clone());
        receipt.price_version = job.tariff.as_ref().map(|tariff| Arc::clone(&tariff.version));
        receipt
    }

    /// What is kept of a delivery, for answers of later.
    async fn kept(
        &self,
        visit: &mut Visit,
        delivered: Delivered,
        charged: Credits,
    ) -> job::Delivered {
        note_delivered(&mut visit.receipt, &delivered);
        visit.receipt.charged = charged;
        let undelivered = visit.receipt.images_asked.saturating_sub(visit.receipt.images);
        let quotas = self.quota_standings(visit, undelivered).await;
        let plan = visit.policy.plan(visit.caller.plan());
        let response = delivered.response;
        let pictures = response.images.into_iter().filter_map(|image| {
            let stored = image.stored?;
            Some(job::Kept {
                media: stored.id,
                format: image.format,
                size: image.size,
                revised_prompt: image.revised_prompt,
                seed: image.seed,
            })
        });
        let changes = delivered.changes.into_iter();
        job::Delivered {
            pictures: pictures.collect(),
            usage: response.usage,
            quality: response.quality,
            background: response.background,
            charged,
            remaining: Credits::ZERO,
            changes: changes.map(|c| (c.parameter.into_owned(), c.how.into_owned())).collect(),
            watermarked: response.watermarked,
            disclaimer: plan.and_then(|plan| plan.disclaimer.as_deref()).map(str::to_owned),
            storage: plan.and_then(|plan| plan.storage.as_deref()).map(str::to_owned),
            planned: plan.map(|plan| plan.delivery(Delivery::AsPlanned)),
            quotas,
        }
    }

    /// The end: job, hold and usage row in one commit, then one line in the log.
    async fn end(&self, errand: &Errand, mut receipt: Receipt, drawn: Drawn<job::Delivered>) {
        let (outcome, price, said) = match drawn {
            Ok((delivered, price)) => (Outcome::Completed(Box::new(delivered)), Some(price), None),
            Err(_) if errand.is_unwanted() => {
                receipt.cancelled = true;
                receipt.status = 200;
                (Outcome::Cancelled, None, None)
            }
            Err(refusal) => {
                receipt.refusal = Some(refusal.kind);
                receipt.status = refusal.kind.status();
                let said = refusal.message.into_owned();
                let failure =
                    Failure { code: refusal.kind.code().to_owned(), message: said.clone() };
                (Outcome::Failed(failure), None, Some(said))
            }
        };
        let kept_for_ms = i64::try_from(self.desk.bounds.kept_for.as_millis()).unwrap_or(i64::MAX);
        if let Some(hold) = &receipt.hold {
            self.spent(hold, price.unwrap_or(Credits::ZERO));
        }
        enter(&receipt, if price.is_some() { Step::Settle } else { Step::Void });
        let end = JobEnd { outcome, price, receipt: receipt.clone(), kept_for_ms };
        match self.written_end(errand, end).await {
            Ok(job) => {
                self.telemetry.metrics().jobs.with_label_values(&[job.state.name()]).inc();
                tracing::info!(job = %job.id, state = job.state.name(), "a job has ended");
                self.tell_of_end(&job);
                self.telemetry.tell(&receipt, said.as_deref());
            }
            // Someone else ended it meanwhile, and told of it.
            Err(StoreError::Job(job::JobError::Over)) => {}
            Err(error) => {
                let error = refuse::chain(&error);
                tracing::error!(job = %errand.id, error, "the end of a job could not be written");
                self.desk.given_up.insert(errand.id.clone());
            }
        }
    }

    /// Writes the end of a job, however long the store is away: what was drawn is known here alone.
    async fn written_end(&self, errand: &Errand, end: JobEnd) -> Result<Job, StoreError> {
        let mut in_doubt = false;
        loop {
            match self.store.end_job(errand.id.clone(), end.clone()).await {
                // The end that was in doubt is ours, and stands.
                Err(over @ StoreError::Job(job::JobError::Over)) if in_doubt => {
                    let found = self.store.load_job(errand.id.clone()).await?;
                    return found.map(|(job, _)| job).ok_or(over);
                }
                Err(error) if is_passing(&error) => {
                    in_doubt = true;
                    let error = refuse::chain(&error);
                    tracing::warn!(job = %errand.id, error, "a job's end cannot be written yet");
                    tokio::time::sleep(STORE_AGAIN).await;
                }
                ended => return ended,
            }
        }
    }
}

/// The offering that was ordered from, as policy has it now.
fn ordered(visit: &Visit, work: &Work, job: &Job) -> Result<Candidate, Refusal> {
    let name = job.orders.first().map_or("", |order| order.offering.as_str());
    let plan = super::super::plan(&visit.policy, &visit.caller)?;
    let fidelity = plan.fidelity.unwrap_or(work.model.fidelity);
    let asked = (&work.request, job.created_at_ms);
    let candidate = routing::candidate_of(&work.model, name, asked, fidelity);
    candidate.ok_or_else(|| {
        tracing::error!(job = %job.id, offering = name, "policy has lost what was ordered");
        refuse::job_lost()
    })
}

/// The request as it was read when it was accepted, with nobody to draw it yet.
fn work_again(visit: &mut Visit, job: &Job, input: Input) -> Result<Work, Refusal> {
    let mut asked = visit.client.decode_request(&visit.wire(input.body.into()))?;
    visit.label(&mut asked)?;
    note_asked(&mut visit.receipt, &asked);
    let model = visit.policy.model(&job.model).cloned();
    let model = model.ok_or_else(|| refuse::unknown_model(&job.model))?;
    let tariff = job.tariff.clone();
    let tariff = tariff.unwrap_or_else(|| worth::tariff_at(&model, job.created_at_ms));
    let plan = super::super::plan(&visit.policy, &visit.caller)?;
    let ruled = if job.state == State::Placed {
        ruled_as_bought(visit, &plan, &asked, job)
    } else {
        ruled_again(visit, &plan, &asked, job)?
    };
    // What was not kept was found good enough when the job was accepted.
    let Treated { request, changes, .. } = treat(&visit.policy, (&plan, &model), &asked, &ruled);
    let (candidates, quote) = (Vec::new(), job.quote);
    Ok(Work { model, tariff, asked, request, changes, ruled, candidates, quote })
}
