//! What is answered to whoever asks, from memory alone: the models, how the gateway is, what a
//! browser asks before it lets a page of another origin ask, and a method that a path does not take.

use http::{HeaderMap, StatusCode};

use crate::canonical::{Check, HealthReport};
use crate::dialect::{Asked, Claim, ClientSide, ListedModel, Pieces, WireReply};
use crate::policy::Policy;
use crate::routing::BreakerState;
use crate::store::QUEUE_MAX;

use super::reply::{self, listed};
use super::{Gateway, Head, Visit, refuse};

/// How long a browser may remember what it was allowed.
const PREFLIGHT_SECONDS: &str = "86400";

/// What a page may send beside the usual where a browser does not say what it wants to.
const HEADERS_USUAL: &str = "authorization, content-type, idempotency-key, prefer";

/// The longest list of header names that is allowed as it was asked for.
const HEADERS_BYTES_MAX: usize = 1_024;

impl Gateway {
    /// The answer to a claim that needs no key; `None` where one is needed.
    pub(super) fn answer_openly(
        &self,
        head: &Head,
        (client, claim): (&dyn ClientSide, &Claim),
        policy: &Policy,
    ) -> Option<WireReply> {
        match claim {
            Claim::OpenModels => {
                let connected = policy.models.values().filter(|model| model.is_connected());
                let models: Vec<ListedModel<'_>> = connected.map(|model| listed(model)).collect();
                Some(client.encode_models(&models))
            }
            Claim::Health => Some(self.tell_health(head, client, policy)),
            Claim::Preflight { allow } => Some(preflight(&head.headers, allow)),
            // What a path takes is no secret, and some paths take no key.
            Claim::WrongMethod { allow } => {
                let (refusal, now) = (refuse::wrong_method(allow), self.clock.now());
                let no = reply::refusal(client, &refusal, (&head.request_id, None), now);
                Some(no.with_header("allow", allow))
            }
            Claim::Images
            | Claim::Quote
            | Claim::Models
            | Claim::Model(_)
            | Claim::Usage
            | Claim::Prompt
            | Claim::Jobs
            | Claim::Job(_)
            | Claim::CancelJob(_)
            | Claim::Asset(_)
            | Claim::WebhookSecret
            | Claim::Library(_) => None,
        }
    }

    /// The same, for one that was let in with a key all the same.
    pub(super) fn reply_openly(&self, visit: &mut Visit) -> WireReply {
        let asked = (visit.client, &visit.claim);
        self.answer_openly(&visit.head, asked, &visit.policy).unwrap_or_else(|| {
            let refusal = refuse::unknown_path(&visit.head.method, &visit.head.path);
            self.reply_with_refusal(visit, refusal)
        })
    }

    fn tell_health(&self, head: &Head, client: &dyn ClientSide, policy: &Policy) -> WireReply {
        let now = self.clock.now();
        let Some(side) = client.reporting() else {
            let refusal = refuse::unknown_path(&head.method, &head.path);
            return reply::refusal(client, &refusal, (&head.request_id, None), now);
        };
        let context = Asked { request_id: &head.request_id, unix_ms: now.unix_ms };
        side.encode_health(&self.health_report(policy), &context)
            .with_header("cache-control", "no-store")
    }

    /// How the parts are that pictures need. No part is named that is not ours to show.
    fn health_report(&self, policy: &Policy) -> HealthReport {
        let now = self.clock.now();
        let can_serve = |model: &&std::sync::Arc<crate::catalog::Model>| {
            model.offerings.iter().filter(|one| one.vendor.secret_missing.is_none()).any(|one| {
                !matches!(self.health.routed(&one.name, now).state, BreakerState::Open { .. })
            })
        };
        let connected = || policy.models.values().filter(|model| model.is_connected());
        let models = connected().next().is_some() && connected().all(|model| can_serve(&model));
        let check = |name, is_healthy| Check { name, is_healthy };
        HealthReport {
            checks: vec![
                check(
                    "store",
                    !(self.store.poisoned() || self.store.is_away() || self.store.is_full()),
                ),
                check("queue", self.store.queue_depth() < QUEUE_MAX),
                check("models", models),
            ],
        }
    }
}

/// What a path takes. Which origins may ask is added by the edge, as on every answer.
fn preflight(asked: &HeaderMap, allow: &'static str) -> WireReply {
    let wanted = asked.get("access-control-request-headers").and_then(|names| names.to_str().ok());
    let names = wanted.filter(|names| names.len() <= HEADERS_BYTES_MAX).unwrap_or(HEADERS_USUAL);
    let status = StatusCode::NO_CONTENT.as_u16();
    WireReply { status, headers: HeaderMap::new(), body: Pieces::default() }
        .with_header("allow", allow)
        .with_header("access-control-allow-methods", allow)
        .with_header("access-control-allow-headers", names)
        .with_header("access-control-max-age", PREFLIGHT_SECONDS)
}
