//! What a moderation model says of a prompt, once the request is admitted and before anything is
//! held; of a job's prompt when the job begins.
//!
//! A check is ours to pay, whatever it finds. A request that it denies stays counted in the windows, so
//! that nobody makes us check for free.

use tokio::time::Instant;

use crate::auth::Caller;
use crate::canonical::{ImageRequest, Moderated, Refusal};
use crate::dialect::moderation;
use crate::fault::VendorFault;
use crate::policy::{Moderator, OnFailure, Policy};
use crate::receipt::Receipt;
use crate::trail::Step;

use super::{Gateway, follow, micros, refuse};

impl Gateway {
    /// Refuses what the moderation model of policy denies. Test-mode keys never reach a vendor.
    pub(super) async fn moderate(
        &self,
        (policy, caller): (&Policy, &Caller),
        request: &ImageRequest,
        receipt: &mut Receipt,
    ) -> Result<(), Refusal> {
        let Some(moderator) = policy.moderator.as_ref().filter(|_| !caller.is_test()) else {
            return Ok(());
        };
        follow::enter(receipt, Step::Moderate);
        let found = Box::pin(self.ask_moderator(moderator, request, receipt)).await;
        let (outcome, judged) = match found {
            Ok(found) => {
                receipt.cost = receipt.cost.plus(moderator.cost).unwrap_or_default();
                match moderator.rule.judge(&found) {
                    None => ("passed", Ok(())),
                    Some(category) => {
                        let request_id = receipt.request_id.as_str();
                        tracing::info!(request_id, category, "a prompt was denied");
                        ("denied", Err(refuse::moderated(&moderator.rule.message)))
                    }
                }
            }
            Err(fault) => {
                tracing::warn!(
                    request_id = %receipt.request_id,
                    vendor = moderator.vendor.name,
                    fault = fault.code(),
                    detail = %fault,
                    "a prompt could not be checked"
                );
                let judged = match moderator.on_failure {
                    OnFailure::Refuse => Err(refuse::unchecked()),
                    OnFailure::Allow => Ok(()),
                };
                ("failed", judged)
            }
        };
        self.telemetry.metrics().rules.moderations.with_label_values(&[outcome]).inc();
        judged
    }

    async fn ask_moderator(
        &self,
        moderator: &Moderator,
        request: &ImageRequest,
        receipt: &mut Receipt,
    ) -> Result<Moderated, VendorFault> {
        let vendor = &moderator.vendor;
        let deadline = Instant::now() + moderator.timeout.min(vendor.timeout);
        let account = self.upstream.account(vendor, 1, deadline).await?;
        let texts = [Some(&request.prompt), request.style.as_ref()];
        let texts: Vec<&str> = texts.into_iter().flatten().map(String::as_str).collect();
        let mut wire = moderation::encode(&texts, &moderator.model);
        let began = Instant::now();
        let asked = follow::ask_for(&receipt.trail, vendor, "moderation", &mut wire);
        let reply = self.upstream.call(vendor, account, &wire, deadline).await;
        let found = reply.and_then(|reply| moderation::decode(&reply, texts.len()));
        follow::answered(&receipt.trail, &asked, &found);
        let took = began.elapsed();
        receipt.vendor_us = receipt.vendor_us.saturating_add(micros(took));
        let (fault, trail) = (found.as_ref().err(), &receipt.trail);
        self.telemetry.attempt(&vendor.name, took.as_secs_f64(), fault, trail);
        if let Err(fault) = &found {
            self.upstream.note_fault(vendor, account, fault);
        }
        found
    }
}
