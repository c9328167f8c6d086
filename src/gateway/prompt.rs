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

use super::admit::Stake;
use super::limits::Asking;
use super::{Gateway, Visit, micros, plan, refuse, reply};

mod by_rule;

/// The longest prompt that is handed out: one that the same dialect takes back.
const PROMPT_CHARS_MAX: usize = 2_000;

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
            named: None,
        };
        let lease = self.admit(&asking, stake.weight()).await?;
        let standings = lease.standings();
        let (written, changes) = if let Some(writer) = writer {
            let (hold, _lease) = self.hold(&asking, &stake, lease, &mut visit.receipt).await?;
            self.buy_prompt(visit, hold, writer, &ask).await?
        } else {
            drop(lease);
            (by_rule::write(&ask), Vec::new())
        };
        visit.receipt.status = 200;
        if visit.receipt.hold.is_none() && !self.store.note(visit.receipt.clone()) {
            self.telemetry.metrics().usage_rows_lost.inc();
        }
        let now = self.clock.now();
        let unix_ms = now.unix_ms;
        let context = Asked { request_id: &visit.receipt.request_id, unix_ms };
        let prompt: String = written.chars().take(PROMPT_CHARS_MAX).collect();
        let reply = side.encode_prompt(&prompt, &context);
        let reply = reply::with_standings(reply, visit.client, &standings, now);
        Ok(reply::with_changes(reply, &changes))
    }

    /// A prompt from the text model, paid for; one by rule, which is free, where it has none.
    async fn buy_prompt(
        &self,
        visit: &mut Visit,
        hold: HoldId,
        writer: &PromptWriter,
        ask: &PromptAsk,
    ) -> Result<(String, Vec<Change>), Refusal> {
        visit.receipt.vendor = Some(writer.vendor.name.clone());
        match self.ask_writer(visit, writer, ask).await {
            Ok(written) => {
                visit.receipt.cost = writer.cost;
                visit.receipt.charged = writer.price;
                self.end_prompt(visit, hold, writer.price).await?;
                Ok((written, Vec::new()))
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
                self.end_prompt(visit, hold, Credits::ZERO).await?;
                let how = "written by rule, as the text model did not answer; free of charge";
                let change = Change { parameter: "prompt".into(), how: how.into() };
                Ok((by_rule::write(ask), vec![change]))
            }
        }
    }

    async fn end_prompt(
        &self,
        visit: &mut Visit,
        hold: HoldId,
        price: Credits,
    ) -> Result<(), Refusal> {
        visit.receipt.status = 200;
        visit.receipt.total_us = micros(visit.began.elapsed());
        self.spent(&hold, price);
        let began = Instant::now();
        let settled = self.store.settle(hold, price, visit.receipt.clone()).await;
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
        let account = self.upstream.account(vendor, deadline).await?;
        let wire = chat::encode(ask, &writer.model, &writer.extra);
        let began = Instant::now();
        let reply = self.upstream.call(vendor, account, &wire, deadline).await;
        let written = reply.and_then(|reply| chat::decode(&reply));
        let took: Duration = began.elapsed();
        visit.receipt.attempts = 1;
        visit.receipt.vendor_us = micros(took);
        self.telemetry.attempt(&vendor.name, took.as_secs_f64(), written.as_ref().err());
        if let Err(fault) = &written {
            self.upstream.note_fault(vendor, account, fault);
        }
        written
    }
}
