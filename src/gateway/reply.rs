//! The gateway's own lines on every answer, and the answers that no dialect has a shape for.

use std::fmt::Write as _;

use crate::canonical::{Answer, Change, Refusal, Standing};
use crate::catalog::Model;
use crate::clock::Now;
use crate::dialect::{ClientSide, ListedModel, RefusalContext, WireReply, retry_headers};
use crate::id::RequestId;
use crate::trail::Step;

use super::{Fulfilled, Gateway, Visit};

impl Fulfilled {
    /// What a dialect writes of it.
    pub(super) fn answer<'a>(&'a self, visit: &'a Visit, unix_ms: i64) -> Answer<'a> {
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

impl Gateway {
    pub(super) fn reply_with_pictures(&self, visit: &Visit, fulfilled: &Fulfilled) -> WireReply {
        visit.enter(Step::Encode);
        let kept = visit.kept.clone();
        let reply = kept.unwrap_or_else(|| self.encode_pictures(visit, fulfilled));
        // A stream has said its limits at its beginning.
        let standings = if visit.has_begun { &[] } else { fulfilled.standings.as_slice() };
        with_standings(reply, visit.client, standings, self.clock.now())
    }

    /// A success, but for where the caller stands with its limits.
    pub(super) fn encode_pictures(&self, visit: &Visit, fulfilled: &Fulfilled) -> WireReply {
        if let Some(end) = self.end_with_pictures(visit, fulfilled) {
            return end;
        }
        let answer = fulfilled.answer(visit, self.clock.now().unix_ms);
        if let Some(side) = visit.item_of {
            return WireReply::json(200, side.encode_item(&Ok(answer)));
        }
        let reply = visit.client.encode_response(&answer);
        let reply = with_changes(reply, &fulfilled.changes);
        let shows = visit.policy.plan(visit.caller.plan()).is_some_and(|plan| plan.show_offering);
        if !shows {
            return reply;
        }
        let offering = visit.receipt.offering.clone().unwrap_or_default();
        reply
            .with_header("pixelgate-offering", &offering)
            .with_header("pixelgate-cost", &visit.receipt.cost.to_string())
    }

    pub(super) fn reply_with_refusal(&self, visit: &mut Visit, refusal: Refusal) -> WireReply {
        visit.enter(Step::Encode);
        let now = self.clock.now();
        let mut refusal = refusal;
        if refusal.standings.is_empty() {
            refusal.standings = self.standings(visit, now);
        }
        let reply = visit.kept.clone().unwrap_or_else(|| self.encode_refusal(visit, &refusal));
        let standings = if visit.has_begun { &[] } else { refusal.standings.as_slice() };
        let reply = with_standings(reply, visit.client, standings, now);
        visit.receipt.status = reply.status;
        self.note_refusal(visit, &refusal);
        reply
    }

    /// Writes down a no whose status is in the receipt.
    pub(super) fn note_refusal(&self, visit: &mut Visit, refusal: &Refusal) {
        visit.receipt.refusal = Some(refusal.kind);
        // A hold writes its own usage row when it ends; what never came to one is noted here.
        if visit.receipt.hold.is_none() && !self.store.note(visit.receipt.clone()) {
            self.telemetry.metrics().usage_rows_lost.inc();
        }
        visit.said = Some(refusal.message.clone());
    }

    /// A no, but for where the caller stands with its limits.
    pub(super) fn encode_refusal(&self, visit: &Visit, refusal: &Refusal) -> WireReply {
        if let Some(side) = visit.item_of {
            return WireReply::json(refusal.kind.status(), side.encode_item(&Err(refusal)));
        }
        self.end_with_refusal(visit, refusal).unwrap_or_else(|| {
            let asked = (&visit.receipt.request_id, visit.receipt.model.as_deref());
            without_standings(visit.client, refusal, asked, self.clock.now())
        })
    }

    /// The models that this key may ask for, or one of them.
    pub(super) fn reply_with_models(&self, visit: &mut Visit, only: Option<&str>) -> WireReply {
        let policy = std::sync::Arc::clone(&visit.policy);
        let Some(plan) = policy.plan(visit.caller.plan()) else {
            let refusal = super::refuse::no_plan(visit.caller.plan());
            return self.reply_with_refusal(visit, refusal);
        };
        let listed: Vec<ListedModel<'_>> = policy
            .models
            .values()
            .filter(|model| model.is_connected() || visit.caller.is_test())
            .filter(|model| plan.includes(&model.name))
            .filter(|model| only.is_none_or(|only| only == model.name))
            .map(|model| listed(model))
            .collect();
        match (only, listed.first()) {
            (Some(name), None) => {
                let refusal = super::refuse::unknown_model(name);
                self.reply_with_refusal(visit, refusal)
            }
            (Some(_), Some(model)) => visit.client.encode_model(model),
            (None, _) => visit.client.encode_models(&listed),
        }
    }
}

/// A model as apps are told of it.
pub(super) fn listed(model: &Model) -> ListedModel<'_> {
    ListedModel {
        name: &model.name,
        owner: "pixelgate",
        created: 0,
        title: model.title.as_deref(),
        description: model.description.as_deref(),
    }
}

/// A no in the dialect's own shape, with what clients act on.
pub(super) fn refusal(
    client: &dyn ClientSide,
    refusal: &Refusal,
    (request_id, model): (&RequestId, Option<&str>),
    now: Now,
) -> WireReply {
    let reply = without_standings(client, refusal, (request_id, model), now);
    with_standings(reply, client, &refusal.standings, now)
}

fn without_standings(
    client: &dyn ClientSide,
    refusal: &Refusal,
    (request_id, model): (&RequestId, Option<&str>),
    now: Now,
) -> WireReply {
    let context = RefusalContext { request_id, unix_ms: now.unix_ms, model };
    let reply = client.encode_refusal(refusal, &context);
    retry_headers(refusal)
        .into_iter()
        .fold(reply, |reply, (name, value)| reply.with_header(name, &value))
}

/// Where the caller stands: the dialect's own headers, and the two of the IETF draft
/// (draft-ietf-httpapi-ratelimit-headers-11).
pub(super) fn with_standings(
    reply: WireReply,
    client: &dyn ClientSide,
    standings: &[Standing],
    now: Now,
) -> WireReply {
    if standings.is_empty() {
        return reply;
    }
    let reply = client
        .limit_headers(standings, now.unix_ms)
        .into_iter()
        .fold(reply, |reply, (name, value)| reply.with_header(name, &value));
    standing_headers(standings)
        .into_iter()
        .fold(reply, |reply, (name, value)| reply.with_header(name, &value))
}

/// The headers of the IETF draft; none for a plan without limits.
pub(super) fn standing_headers(standings: &[Standing]) -> Vec<(&'static str, String)> {
    if standings.is_empty() {
        return Vec::new();
    }
    let (mut policy, mut state) = (String::new(), String::new());
    for standing in standings {
        let Standing { limit, unit, most, remaining, .. } = standing;
        let between = if policy.is_empty() { "" } else { ", " };
        let (window, resets) =
            (standing.window.as_secs(), standing.resets_in.as_millis().div_ceil(1000));
        // Writing to text cannot fail.
        let _ = write!(policy, "{between}\"{limit}\";q={most};w={window}");
        // A unit is named where it is not the one that is meant without a word.
        if *unit != "requests" {
            let _ = write!(policy, ";qu=\"{unit}\"");
        }
        let _ = write!(state, "{between}\"{limit}\";r={remaining};t={resets}");
    }
    vec![("ratelimit-policy", policy), ("ratelimit", state)]
}

/// Everything that was not done as asked, by name.
pub(super) fn with_changes(reply: WireReply, changes: &[Change]) -> WireReply {
    if changes.is_empty() {
        return reply;
    }
    let list: Vec<String> = changes
        .iter()
        .map(|change| format!("{}=\"{}\"", change.parameter, change.how.replace(['"', '\\'], "'")))
        .collect();
    reply.with_header("pixelgate-changed", &list.join(", "))
}
