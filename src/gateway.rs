//! The way of one request, top to bottom.
//!
//! [`Gateway::meet`] needs the head alone: who claims the path, and who asks. [`Gateway::serve`]
//! is the rest. It never fails and is never cancelled half-way: the edge runs it as a task of its
//! own, so that a client who leaves does not leave a hold behind.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::auth::Caller;
use crate::canonical::{
    Answer, Change, ImageRequest, ImageResponse, QuotaStanding, Refusal, Standing,
};
use crate::catalog::Model;
use crate::clock::Clock;
use crate::credits::{Cost, Credits};
use crate::dialect::{Claim, ClientSide, WireReply, WireRequest};
use crate::media::Media;
use crate::policy::Plan;
use crate::receipt::Receipt;
use crate::reload::LivePolicy;
use crate::routing::{self, Candidate, Want};
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::upstream::Upstream;

mod admit;
mod attempt;
mod audit;
mod batch;
mod deliver;
mod exchange;
mod fan_out;
mod health;
mod hedge;
mod job;
mod library;
pub mod live;
mod meet;
mod once;
mod open;
pub mod passthrough;
mod permit;
mod prompt;
pub mod quote;
mod refuse;
mod reply;
mod treat;
mod usage;
mod worth;

use admit::{Stake, Windows};
use health::HealthBoard;
use once::Running;
use permit::{model, plan};
use treat::{Treated, treat};

pub use library::Unserved;
pub use meet::{Head, Visit};

/// Everything that requests need, shared by all of them.
pub struct Gateway {
    /// The clock that every judge is told the time of.
    pub clock: Arc<dyn Clock>,
    /// The policy in force.
    pub policy: Arc<LivePolicy>,
    /// Money, keys and usage.
    pub store: Store,
    /// The way to vendors.
    pub upstream: Arc<Upstream>,
    /// Work on pictures, and their library.
    pub media: Media,
    /// Where receipts are told.
    pub telemetry: Telemetry,
    /// What must be finished before the process may end.
    pub tasks: TaskTracker,
    windows: Arc<Windows>,
    health: HealthBoard,
    desk: job::Desk,
    running: Running,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}

/// The hands that a gateway works with.
#[derive(Debug)]
pub struct Hands {
    /// The policy in force.
    pub policy: Arc<LivePolicy>,
    /// Money, keys and usage.
    pub store: Store,
    /// The way to vendors.
    pub upstream: Arc<Upstream>,
    /// Work on pictures, and their library.
    pub media: Media,
    /// Where receipts are told.
    pub telemetry: Telemetry,
    /// Bounds on requests whose clients do not wait.
    pub jobs: crate::config::Jobs,
}

/// What is to be done, by whom it can be, and the most that it may cost the caller.
struct Work {
    model: Arc<Model>,
    /// As the app asked it; answers show it.
    asked: ImageRequest,
    /// As policy treats it; vendors are asked it.
    request: ImageRequest,
    /// What policy did not keep of it, or does to every picture.
    changes: Vec<Change>,
    candidates: Vec<Candidate>,
    quote: Credits,
}

/// What a request came to when it came to pictures.
struct Fulfilled {
    model: Arc<Model>,
    request: ImageRequest,
    response: ImageResponse,
    changes: Vec<Change>,
    charged: Credits,
    remaining: Credits,
    standings: Vec<Standing>,
    quotas: Vec<QuotaStanding>,
}

impl Gateway {
    /// A gateway that has served nobody yet.
    pub fn new(clock: Arc<dyn Clock>, hands: Hands) -> Arc<Self> {
        let Hands { policy, store, upstream, media, telemetry, jobs } = hands;
        Arc::new(Self {
            clock,
            policy,
            store,
            upstream,
            media,
            telemetry,
            tasks: TaskTracker::new(),
            windows: Arc::new(Windows::default()),
            health: HealthBoard::default(),
            desk: job::Desk::new(jobs),
            running: Running::default(),
        })
    }

    /// Answers a request whose head was met, in the dialect it was asked in. May refuse; never fails.
    pub async fn serve(self: Arc<Self>, mut visit: Visit, body: Bytes) -> WireReply {
        let reply = match visit.claim.clone() {
            Claim::Images if visit.answers_later() => self.reply_with_job(&mut visit, body).await,
            Claim::Images => self.answer_once(&mut visit, body).await,
            Claim::Quote => match self.quote(&visit, body).await {
                Ok(reply) => reply,
                Err(refusal) => self.reply_with_refusal(&mut visit, refusal),
            },
            Claim::Usage => match self.tell_usage(&visit).await {
                Ok(reply) => reply,
                Err(refusal) => self.reply_with_refusal(&mut visit, refusal),
            },
            Claim::Prompt => match self.write_prompt(&mut visit, body).await {
                Ok(reply) => reply,
                Err(refusal) => self.reply_with_refusal(&mut visit, refusal),
            },
            Claim::Library(ask) => match self.library(&visit, ask).await {
                Ok(reply) => reply,
                Err(refusal) => self.reply_with_refusal(&mut visit, refusal),
            },
            Claim::Models => self.reply_with_models(&mut visit, None),
            Claim::Model(name) => self.reply_with_models(&mut visit, Some(&name)),
            Claim::OpenModels | Claim::Health | Claim::Preflight { .. } => {
                self.reply_openly(&mut visit)
            }
            claim @ (Claim::Jobs | Claim::Job(_) | Claim::CancelJob(_) | Claim::Asset(_)) => {
                match self.reply_about_jobs(&visit, claim).await {
                    Ok(reply) => reply,
                    Err(refusal) => self.reply_with_refusal(&mut visit, refusal),
                }
            }
            Claim::WrongMethod { allow } => {
                let refusal = refuse::wrong_method(allow);
                self.reply_with_refusal(&mut visit, refusal).with_header("allow", allow)
            }
        };
        self.close(visit, reply)
    }

    /// The answer to a body that asks for pictures: one request, or several.
    async fn draw_asked(&self, visit: &mut Visit, body: Bytes) -> Result<WireReply, Refusal> {
        if let Some(batched) = self.batch(visit, &body)? {
            once::let_go(visit)?;
            return Ok(self.serve_batch(visit, batched).await);
        }
        let fulfilled = self.fulfil(visit, body).await?;
        Ok(self.reply_with_pictures(visit, &fulfilled))
    }

    /// From the body's bytes to pictures that are paid for.
    async fn fulfil(&self, visit: &mut Visit, body: Bytes) -> Result<Fulfilled, Refusal> {
        let request = decode(visit.client, &visit.wire(body))?;
        self.fulfil_request(visit, request).await
    }

    /// From what is asked to pictures that are paid for.
    async fn fulfil_request(
        &self,
        visit: &mut Visit,
        request: ImageRequest,
    ) -> Result<Fulfilled, Refusal> {
        let (plan, work) = self.understand(visit, request).await?;
        let lease = self.admit(&visit.caller, &plan, work.request.count)?;
        let stake = Stake {
            amount: work.quote,
            images: work.request.count,
            time: work.model.deadline,
            named: visit.named,
        };
        let asking = (&visit.caller, &*plan);
        let (hold, lease) = self.hold(asking, &stake, lease, &mut visit.receipt).await?;

        match self.draw(visit, &work).await {
            Ok((delivered, price)) => {
                note_delivered(&mut visit.receipt, &delivered);
                let mut fulfilled = Fulfilled {
                    model: work.model,
                    request: work.asked,
                    response: delivered.response,
                    changes: delivered.changes,
                    charged: price,
                    remaining: Credits::ZERO,
                    standings: lease.standings(),
                    quotas: Vec::new(),
                };
                self.settle(visit, hold, work.quote, &mut fulfilled).await?;
                Ok(fulfilled)
            }
            Err(refusal) => {
                self.void(visit, hold, &refusal).await;
                Err(Refusal { standings: lease.standings(), ..refusal })
            }
        }
    }

    /// What is to be done, by whom it can be, and what it may cost: nothing is counted yet.
    async fn understand(
        &self,
        visit: &mut Visit,
        mut asked: ImageRequest,
    ) -> Result<(Arc<Plan>, Work), Refusal> {
        let policy = Arc::clone(&visit.policy);
        visit.label(&mut asked)?;
        note_asked(&mut visit.receipt, &asked);
        policy.rules.judge(&asked).map_err(refuse::denied)?;
        let plan = plan(&policy, &visit.caller)?;
        let model = model(&policy, &plan, &asked)?;
        visit.receipt.model = Some(model.name.clone());
        asked.delivery = plan.delivery(asked.delivery);
        let Treated { request, changes } =
            treat(&policy, &plan, &model, &asked).kept(&plan, &model)?;

        let candidates = self.candidates(&model, &request, (&visit.caller, &plan))?;
        self.has_room(visit, &plan, &request).await?;
        let quote = worth::quote(&model, &candidates, &request, &visit.caller)?;
        visit.receipt.size = candidates.first().map(delivered_size);
        Ok((plan, Work { model, asked, request, changes, candidates, quote }))
    }

    /// Pictures from the first candidate that delivers, made ready for the caller, and their price.
    async fn draw(&self, visit: &mut Visit, work: &Work) -> Result<(Delivered, Credits), Refusal> {
        let deadline = visit.deadline(work.model.deadline);
        let delivery = self
            .attempt_each(visit, work, deadline)
            .await
            .map_err(|fault| refuse::fault(&fault))?;
        self.hand_over(visit, work, delivery, deadline).await
    }

    /// A delivery made ready for the caller, and its price.
    async fn hand_over(
        &self,
        visit: &mut Visit,
        work: &Work,
        delivery: attempt::Delivery,
        deadline: Instant,
    ) -> Result<(Delivered, Credits), Refusal> {
        let Work { model, request, quote, .. } = work;
        // Booked even if the rest fails: the vendor has drawn.
        visit.receipt.cost = delivery.cost;
        let delivered = self.deliver(visit, work, delivery, deadline).await?;
        let price = worth::price(model, &delivered, request, *quote, &visit.caller)?;
        Ok((delivered, price))
    }

    fn candidates(
        &self,
        model: &Model,
        request: &ImageRequest,
        (caller, plan): (&Caller, &Plan),
    ) -> Result<Vec<Candidate>, Refusal> {
        let now = self.clock.now();
        let health = |offering: &str| self.health.view(offering, now);
        let want = Want {
            request,
            test_mode: caller.is_test(),
            fidelity: plan.fidelity.unwrap_or(model.fidelity),
            dice: crate::id::random_number(),
        };
        routing::candidates(model, want, &health, now)
            .map_err(|none| refuse::no_candidate(&model.name, none))
    }

    /// The last line of every request: its time, its size, its story.
    fn close(&self, mut visit: Visit, reply: WireReply) -> WireReply {
        let receipt = &mut visit.receipt;
        receipt.status = reply.status;
        receipt.answer_bytes = u64::try_from(reply.body.len()).unwrap_or(u64::MAX);
        receipt.total_us = micros(visit.began.elapsed());
        // A job is told of when it ends.
        if !visit.became_job {
            self.telemetry.tell(receipt, visit.said.as_deref());
        }
        reply.with_header("x-request-id", receipt.request_id.as_str())
    }
}

fn decode(client: &dyn ClientSide, wire: &WireRequest) -> Result<ImageRequest, Refusal> {
    client.decode_request(wire)
}

/// The pixels that the caller will get from this candidate.
fn delivered_size(candidate: &Candidate) -> crate::canonical::Size {
    candidate.crop_to.unwrap_or(candidate.size)
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// What was delivered, reworked and ready to be written, and what it cost us.
struct Delivered {
    response: ImageResponse,
    changes: Vec<Change>,
    size: crate::canonical::Size,
    cost: Cost,
}

impl Fulfilled {
    fn answer<'a>(&'a self, visit: &'a Visit, unix_ms: i64) -> Answer<'a> {
        let plan = visit.policy.plan(visit.caller.plan());
        Answer {
            request_id: &visit.receipt.request_id,
            unix_ms,
            request: &self.request,
            model: &self.model.name,
            response: &self.response,
            charged: self.charged,
            remaining: self.remaining,
            changes: &self.changes,
            quotas: &self.quotas,
            disclaimer: plan.and_then(|plan| plan.disclaimer.as_deref()),
            storage: plan.and_then(|plan| plan.storage.as_deref()),
        }
    }
}

/// Notes what was asked.
fn note_asked(receipt: &mut Receipt, asked: &ImageRequest) {
    receipt.operation = Some(asked.operation.name());
    receipt.images_asked = asked.count;
    receipt.quality = asked.quality;
}

/// Notes what was delivered, and what it cost us.
fn note_delivered(receipt: &mut Receipt, delivered: &Delivered) {
    receipt.cost = delivered.cost;
    receipt.images = u32::try_from(delivered.response.images.len()).unwrap_or(u32::MAX);
    receipt.size = Some(delivered.size);
    receipt.status = 200;
}

/// Writes what was noted about a receipt by the parts of the path.
fn note_caller(receipt: &mut Receipt, caller: &Caller) {
    receipt.caller = Some(crate::receipt::ReceiptCaller {
        workspace: caller.workspace().clone(),
        key: caller.key().clone(),
        plan: caller.plan().to_owned(),
        test: caller.is_test(),
    });
}
