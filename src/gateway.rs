//! The way of one request, top to bottom.
//!
//! [`Gateway::meet`] needs the head alone: who claims the path, and who asks. [`Gateway::serve`]
//! is the rest. It never fails and is never cancelled half-way: the edge runs it as a task of its
//! own, so that a client who leaves does not leave a hold behind.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use dashmap::DashMap;
use tokio_util::task::TaskTracker;

use crate::canonical::{Change, ImageRequest, ImageResponse, QuotaStanding, Refusal, Standing};
use crate::catalog::{Model, Tariff};
use crate::clock::Clock;
use crate::credits::Credits;
use crate::dialect::{Claim, ClientSide, WireReply, WireRequest};
use crate::id::HoldId;
use crate::limit::Guesses;
use crate::media::Media;
use crate::policy::Plan;
use crate::reload::LivePolicy;
use crate::routing::Candidate;
use crate::rules::Holding;
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::trail::Step;
use crate::turnstile::{Counted, Turnstile};
use crate::upstream::Upstream;

mod admit;
mod attempt;
mod audit;
mod batch;
mod budgets;
mod choose;
mod deliver;
mod draw;
mod exchange;
mod fan_out;
mod follow;
mod foresee;
mod gauges;
mod health;
mod hedge;
mod inputs;
mod job;
mod lend;
mod library;
mod limits;
pub mod live;
mod meet;
mod moderate;
mod note;
mod notices;
mod once;
mod open;
mod operate;
pub mod passthrough;
mod permit;
mod play;
mod prompt;
pub mod quote;
mod refuse;
pub mod replay;
mod reply;
mod room;
mod rules;
mod shadow;
mod treat;
mod usage;
mod watch;
mod worth;

use admit::Stake;
use draw::{Delivered, delivered_size};
use follow::traced;
use health::HealthBoard;
use limits::Asking;
use note::{note_asked, note_caller, note_delivered, note_judged};
use once::Running;
use permit::{model, plan};
use treat::{Treated, treat};

pub use library::Unserved;
pub use meet::{Head, Visit};
pub use operate::OfferingStanding;

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
    guesses: Guesses,
    /// Where requests are counted.
    pub turnstile: Arc<Turnstile>,
    /// Holds whose price windows of credits wait for.
    unsettled: DashMap<HoldId, Counted>,
    health: HealthBoard,
    looked: gauges::Looked,
    watch: watch::Watch,
    desk: job::Desk,
    teller: notices::Teller,
    running: Running,
    inputs: inputs::Room,
    /// A policy that is tried beside the one in force.
    shadow: OnceLock<Arc<LivePolicy>>,
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
    /// Bounds on pictures that are fetched for callers.
    pub input_pictures: crate::config::InputPictures,
    /// How requests are counted.
    pub limits: crate::config::Limits,
    /// Where they are.
    pub turnstile: Arc<Turnstile>,
    /// Bounds on telling apps of their jobs.
    pub webhooks: crate::config::Webhooks,
    /// After how long something is stuck.
    pub watchdog: crate::config::Watchdog,
}

/// What is to be done, by whom it can be, and the most that it may cost the caller.
struct Work {
    model: Arc<Model>,
    /// What the caller pays: the version that the quote was made by.
    tariff: Arc<Tariff>,
    /// As the app asked it; answers show it.
    asked: ImageRequest,
    /// As policy treats it; vendors are asked it.
    request: ImageRequest,
    /// What policy did not keep of it, or does to every picture.
    changes: Vec<Change>,
    /// The rules that hold for it.
    ruled: Holding,
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
        let Hands {
            policy,
            store,
            upstream,
            media,
            telemetry,
            jobs,
            input_pictures,
            limits,
            turnstile,
            webhooks,
            watchdog,
        } = hands;
        let inputs =
            inputs::Room::new(&input_pictures, telemetry.metrics().pictures.input_bytes.clone());
        Arc::new(Self {
            clock,
            policy,
            store,
            upstream,
            media,
            telemetry,
            tasks: TaskTracker::new(),
            guesses: Guesses::new(limits.wrong_keys_max, limits.wrong_keys_per),
            turnstile,
            unsettled: DashMap::new(),
            health: HealthBoard::default(),
            looked: gauges::Looked::default(),
            watch: watch::Watch::new(watchdog),
            desk: job::Desk::new(jobs),
            teller: notices::Teller::new(&webhooks),
            running: Running::default(),
            inputs,
            shadow: OnceLock::new(),
        })
    }

    /// Answers a request whose head was met, in the dialect it was asked in. May refuse; never fails.
    pub async fn serve(self: Arc<Self>, mut visit: Visit, body: Bytes) -> WireReply {
        visit.is_read();
        let reply = match self.answer(&mut visit, body).await {
            Ok(reply) => reply,
            Err(refusal) => self.reply_with_refusal(&mut visit, refusal),
        };
        self.close(visit, reply)
    }

    /// The answer to what a visit is for.
    async fn answer(
        self: &Arc<Self>,
        visit: &mut Visit,
        body: Bytes,
    ) -> Result<WireReply, Refusal> {
        visit.read_played().await?;
        visit.must_not_ask_for_webhook()?;
        Ok(match visit.claim.clone() {
            Claim::Images => self.answer_once(visit, body).await?,
            Claim::Quote => self.quote(visit, body).await?,
            Claim::Usage => self.tell_usage(visit).await?,
            Claim::Prompt => Box::pin(self.write_prompt(visit, body)).await?,
            Claim::Library(ask) => self.library(visit, ask).await?,
            Claim::Models => self.reply_with_models(visit, None),
            Claim::Model(name) => self.reply_with_models(visit, Some(&name)),
            Claim::OpenModels
            | Claim::Health
            | Claim::Preflight { .. }
            | Claim::WrongMethod { .. } => self.reply_openly(visit),
            claim @ (Claim::Jobs
            | Claim::Job(_)
            | Claim::CancelJob(_)
            | Claim::Asset(_)
            | Claim::WebhookSecret) => Box::pin(self.reply_about_jobs(visit, claim)).await?,
        })
    }

    /// The answer to a body that asks for pictures.
    async fn draw_asked(&self, visit: &mut Visit, body: Bytes) -> Result<WireReply, Refusal> {
        let fulfilled = self.fulfil(visit, body).await?;
        Ok(self.reply_with_pictures(visit, &fulfilled))
    }

    /// From the body's bytes to pictures that are paid for.
    async fn fulfil(&self, visit: &mut Visit, body: Bytes) -> Result<Fulfilled, Refusal> {
        visit.enter(Step::Decode);
        let request = decode(visit.client, &visit.wire(body))?;
        self.fulfil_request(visit, request).await
    }

    /// From what is asked to pictures that are paid for.
    async fn fulfil_request(
        &self,
        visit: &mut Visit,
        request: ImageRequest,
    ) -> Result<Fulfilled, Refusal> {
        let (plan, mut work) = self.understand(visit, request).await?;
        let stake = Stake {
            amount: work.quote,
            images: work.request.count,
            pixels: visit.receipt.pixels_asked,
            time: work.model.deadline,
            named: visit.named,
        };
        let policy = Arc::clone(&visit.policy);
        let asking = Asking {
            policy: &policy,
            caller: &visit.caller,
            plan: &plan,
            model: Some(&work.model.name),
        };
        visit.enter(Step::Limit);
        let lease = self.admit(&asking, stake.weight()).await?;
        let whose = (&*policy, &visit.caller);
        let moderated = self.moderate(whose, &work.request, &mut visit.receipt).await;
        moderated.inspect_err(|_| lease.unspent())?;
        let priced = (&*work.model.name, &*work.tariff);
        let gathered = self.gather(visit, priced, &mut work.request).await;
        let _held = gathered.inspect_err(|_| lease.unspent())?;
        let (hold, lease) = self.hold(&asking, &stake, lease, &mut visit.receipt).await?;

        let by = visit.deadline(work.model.deadline);
        let _watched = self.watch.request(&visit.head.request_id, by);
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
    async fn understand_alone(
        &self,
        visit: &mut Visit,
        mut asked: ImageRequest,
    ) -> Result<(Arc<Plan>, Work), Refusal> {
        let policy = Arc::clone(&visit.policy);
        visit.enter(Step::Rules);
        visit.label(&mut asked)?;
        note_asked(&mut visit.receipt, &asked);
        self.telemetry.tell_prompt(&visit.receipt.request_id, &asked.prompt);
        policy.rules.judge(&asked).map_err(refuse::denied)?;
        Self::may_name(visit, &asked)?;
        let plan = plan(&policy, &visit.caller)?;
        let model = model(&policy, &plan, &asked)?;
        visit.receipt.model = Some(model.name.clone());
        let (model, ruled) = self.rule(visit, (&plan, model), &asked)?;
        visit.receipt.model = Some(model.name.clone());
        visit.enter(Step::Treat);
        asked.delivery = plan.delivery(asked.delivery);
        let Treated { request, changes, .. } =
            treat(&policy, (&plan, &model), &asked, &ruled).kept(&plan, &model)?;

        visit.enter(Step::Route);
        note_judged(&mut visit.receipt, self.clock.now());
        let whose = (&visit.caller, &*plan, &ruled);
        let sketch = visit.receipt.sketch.as_deref_mut();
        let mut candidates = self.candidates(&model, &request, whose, sketch)?;
        self.has_room(visit, &plan, &request).await?;
        visit.enter(Step::Quote);
        let (tariff, quote) =
            self.quote_by_rules(visit, (&model, &ruled), &mut candidates, &request)?;
        visit.receipt.price_version = Some(Arc::clone(&tariff.version));
        visit.receipt.size = candidates.first().map(delivered_size);
        visit.receipt.pixels_asked = worth::pixels(&candidates, &request);
        Ok((plan, Work { model, tariff, asked, request, changes, ruled, candidates, quote }))
    }

    /// The last line of every request: its time, its size, its story.
    fn close(&self, mut visit: Visit, reply: WireReply) -> WireReply {
        let receipt = &mut visit.receipt;
        receipt.status = reply.status;
        receipt.answer_bytes = u64::try_from(reply.body.len()).unwrap_or(u64::MAX);
        receipt.total_us = micros(visit.began.elapsed());
        // A job is told of when it ends; its trail is another.
        if visit.became_job {
            self.telemetry.trace(receipt);
        } else {
            self.telemetry.tell(receipt, visit.said.as_deref());
        }
        let reply = reply.with_header("x-request-id", receipt.request_id.as_str());
        let reply = traced(receipt, reply);
        visit.marked_as_played(reply)
    }
}

fn decode(client: &dyn ClientSide, wire: &WireRequest) -> Result<ImageRequest, Refusal> {
    client.decode_request(wire)
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
