//! A prompt that is written for an app: by the text model that policy names, or by rule where it
//! names none, where it fails, and for test-mode keys, which never reach a vendor.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::canonical::{Change, ImageRequest, PromptAsk, Refusal};
use crate::credits::Credits;
use crate::dialect::{Asked, WireReply, chat};
use crate::fault::VendorFault;
use crate::id::HoldId;
use crate::policy::PromptWriter;
use crate::trail::Step;
use crate::turnstile::Lease;

use super::admit::Stake;
use super::limits::Asking;
use super::{Gateway, Visit, follow, micros, plan, refuse, reply};

mod by_rule;

/// The longest prompt that is handed out: one that the same dialect takes back.
const PROMPT_CHARS_MAX: usize = 2_000;

/// A prompt that is not paid for yet, and what it comes to.
struct Bought {
    hold: HoldId,
    price: Credits,
    _lease: Lease,
}

impl Gateway {
    /// The answer to a key that asks for a prompt.
    pub(super) async fn write_prompt(
        &self,
        visit: &mut Visit,
        body: Bytes,
    ) -> Result<WireReply, Refusal> {
        let Some(side) = visit.client.prompting() else {
            return Err(refuse::unknown_path(&visit.head.method, &visit.head.path));
        };
        if let Some(replay) = self.look_back(visit, &body).await? {
            return Ok(replay);
        }
        let ask = side.decode_prompt(&visit.wire(body))?;
        visit.receipt.operation = Some("prompt");
        let policy = std::sync::Arc::clone(&visit.policy);
        let judged = ImageRequest { prompt: ask.said(), ..ImageRequest::default() };
        policy.rules.judge(&judged).map_err(refuse::denied)?;
        let plan = plan(&policy, &visit.caller)?;
        let writer = policy.prompts.as_ref().filter(|_| !visit.caller.is_test());
        let asking =
            Asking { policy: &policy, caller: &visit.caller.clone(), plan: &plan, model: None };
        let stake = Stake {
            amount: writer.map_or(Credits::ZERO, |writer| writer.price),
            images: 0,
            pixels: 0,
            time: writer.map_or(Duration::ZERO, |writer| writer.deadline),
            named: visit.named,
        };
        let lease = self.admit(&asking, stake.weight()).await?;
        let standings = lease.standings();
        let (written, changes, bought) = if let Some(writer) = writer {
            let (hold, lease) = self.hold(&asking, &stake, lease, &mut visit.receipt).await?;
            let (written, price, changes) = self.buy_prompt(visit, writer, &ask).await;
            (written, changes, Some(Bought { hold, price, _lease: lease }))
        } else {
            drop(lease);
            (by_rule::write(&ask), Vec::new(), None)
        };
        visit.receipt.status = 200;
        let now = self.clock.now();
        let context = Asked { request_id: &visit.receipt.request_id, unix_ms: now.unix_ms };
        let prompt: String = written.chars().take(PROMPT_CHARS_MAX).collect();
        let reply = reply::with_changes(side.encode_prompt(&prompt, &context), &changes);
        match bought {
            Some(bought) => self.end_prompt(visit, bought, &reply).await?,
            None if self.store.note(visit.receipt.clone()) => {}
            None => self.telemetry.metrics().usage_rows_lost.inc(),
        }
        Ok(reply::with_standings(reply, visit.client, &standings, now))
    }

    /// A prompt from the text model, to be paid for; one by rule, which is free, where it has none.
    async fn buy_prompt(
        &self,
        visit: &mut Visit,
        writer: &PromptWriter,
        ask: &PromptAsk,
    ) -> (String, Credits, Vec<Change>) {
        visit.receipt.vendor = Some(writer.vendor.name.clone());
        match self.ask_writer(visit, writer, ask).await {
            Ok(written) => {
                visit.receipt.cost = writer.cost;
                (written, writer.price, Vec::new())
            }
            Err(fault) => {
                tracing::warn!(
                    request_id = %visit.receipt.request_id,
                    vendor = writer.vendor.name,
                    fault = fault.code(),
                    detail = %fault,
                    "a prompt is written by rule"
                );
                visit.receipt.outcome_unknown = fault.outcome_unknown();
                // Settled and not voided: the caller was served, and it counts, at no price.
                let how = "written by rule, as the text model did not answer; free of charge";
                let change = Change { parameter: "prompt".into(), how: how.into() };
                (by_rule::write(ask), Credits::ZERO, vec![change])
            }
        }
    }

    async fn end_prompt(
        &self,
        visit: &mut Visit,
        bought: Bought,
        reply: &WireReply,
    ) -> Result<(), Refusal> {
        let Bought { hold, price, _lease } = bought;
        visit.receipt.charged = price;
        visit.receipt.total_us = micros(visit.began.elapsed());
        self.spent(&hold, price);
        visit.enter(Step::Settle);
        let began = Instant::now();
        let receipt = visit.receipt.clone();
        let settled = match self.keep_reply(visit, &hold, reply).await {
            Some(kept) => self.store.settle_and_keep(hold, price, receipt, kept).await,
            None => self.store.settle(hold, price, receipt).await,
        };
        visit.receipt.store_us += micros(began.elapsed());
        settled.map(|_| ()).map_err(|error| {
            visit.receipt.charged = Credits::ZERO;
            refuse::store(&error, self.clock.now())
        })
    }

    async fn ask_writer(
        &self,
        visit: &mut Visit,
        writer: &PromptWriter,
        ask: &PromptAsk,
    ) -> Result<String, VendorFault> {
        let vendor = &writer.vendor;
        let deadline = Instant::now() + writer.deadline.min(vendor.timeout);
        let account = self.upstream.account(vendor, 1, deadline).await?;
        let mut wire = chat::encode(ask, &writer.model, &writer.extra);
        visit.enter(Step::Attempt);
        let trail = visit.receipt.trail.clone();
        let asked = follow::ask_for(&trail, vendor, "chat", &mut wire);
        let began = Instant::now();
        let reply = self.upstream.call(vendor, account, &wire, deadline).await;
        let written = reply.and_then(|reply| chat::decode(&reply));
        follow::answered(&trail, &asked, &written);
        let took: Duration = began.elapsed();
        visit.receipt.attempts = 1;
        visit.receipt.vendor_us = micros(took);
        let fault = written.as_ref().err();
        self.telemetry.attempt(&vendor.name, took.as_secs_f64(), fault, &trail);
        if let Err(fault) = &written {
            self.upstream.note_fault(vendor, account, fault);
        }
        written
    }
}
