//! The last minutes, how offerings are doing, and which of them get no new requests.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::canonical::{Blame, RefusalKind};
use crate::gateway::OfferingStanding;
use crate::routing::BreakerState;
use crate::store::Command;
use crate::telemetry::{Refused as RefusedRequest, SPAN_MS, SPANS_MAX, Span};

use super::answer::{Answer, moment, with};
use super::refused::{self, Refused};
use super::{Admin, Call};

/// Characters of a reason.
const REASON_CHARS_MAX: usize = 200;

/// The offering that is meant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Meant {
    offering: String,
    #[serde(default)]
    reason: String,
}

impl Admin {
    pub(super) fn live(&self, call: &Call) -> Answer {
        let (gateway, now) = (&self.gateway, self.gateway.clock.now());
        let spans = i64::try_from(SPANS_MAX).unwrap_or(i64::MAX);
        let since_ms = now.unix_ms.saturating_sub(spans.saturating_mul(SPAN_MS));
        let recent = gateway.telemetry.recent();
        let spans: Vec<Value> = recent.spans(since_ms).iter().map(span).collect();
        let blames: BTreeMap<_, _> =
            RefusalKind::ALL.iter().map(|kind| (kind.code(), kind.blame().name())).collect();
        let refusals = recent.refusals();
        let refusals = refusals.iter().map(|refused| refusal(refused, call.sees_money()));
        let refusals: Vec<Value> = refusals.collect();
        Answer::ok(&json!({
            "now": moment(now.unix_ms),
            "span_seconds": SPAN_MS / 1000,
            "spans": spans,
            "refusals": refusals,
            "blames": blames,
            "holds_open": gateway.store.open_holds(),
            "jobs_open": gateway.store.open_jobs_count(),
            "store_queue": gateway.store.queue_depth(),
            "policy_version": &*gateway.policy.current().version,
        }))
    }

    pub(super) fn offerings(&self) -> Answer {
        let items: Vec<Value> = self.gateway.offerings().iter().map(standing).collect();
        Answer::ok(&json!({ "items": items }))
    }

    pub(super) async fn drain(&self, call: &Call) -> Result<Answer, Refused> {
        let meant: Meant = call.body()?;
        let is_long = meant.reason.chars().count() > REASON_CHARS_MAX;
        if is_long || meant.reason.chars().any(char::is_control) {
            let problem =
                format!("is longer than {REASON_CHARS_MAX} characters, or more than a line");
            return Err(refused::bad_field("reason", &problem));
        }
        let Meant { offering, reason } = meant;
        let known = self.known_offering(&offering)?;
        if known.drain.is_none() {
            let command = Command::Drain { offering: offering.clone(), reason };
            self.gateway.store.run_as(call.actor(), command).await?;
            self.gateway.look_at_drains().await?;
        }
        Ok(Answer::ok(&standing(&self.known_offering(&offering)?)))
    }

    pub(super) async fn resume(&self, call: &Call) -> Result<Answer, Refused> {
        let meant: Meant = call.body()?;
        let is_drained = self.gateway.store.drains().await?;
        // One that policy has dropped since may be resumed too.
        if is_drained.iter().any(|drain| drain.offering == meant.offering) {
            let command = Command::Resume { offering: meant.offering.clone() };
            self.gateway.store.run_as(call.actor(), command).await?;
            self.gateway.look_at_drains().await?;
        }
        Ok(Answer::ok(&standing(&self.known_offering(&meant.offering)?)))
    }

    fn known_offering(&self, name: &str) -> Result<OfferingStanding, Refused> {
        let mut all = self.gateway.offerings().into_iter();
        all.find(|known| known.offering == name).ok_or_else(|| refused::unknown("offering", name))
    }
}

fn span(span: &Span) -> Value {
    let requests = span.outcomes.values().copied().fold(0, u64::saturating_add);
    json!({
        "at": moment(span.begins_ms),
        "requests": requests,
        "outcomes": span.outcomes,
        "images": span.images,
        "mean_ms": span.total_us.checked_div(requests).unwrap_or(0) / 1000,
        "vendor_mean_ms": span.vendor_us.checked_div(requests).unwrap_or(0) / 1000,
        "longest_ms": span.longest_us / 1000,
    })
}

/// One no. What is said of credits, quotas and budgets names amounts, so the words are left out for
/// whoever sees no money.
fn refusal(refused: &RefusedRequest, sees_money: bool) -> Value {
    let is_shown = sees_money || refused.blame != Blame::Budget.name();
    let shown = json!({
        "at": moment(refused.at_ms),
        "request": refused.request,
        "dialect": refused.dialect,
        "workspace": refused.workspace,
        "key": refused.key,
        "model": refused.model,
        "offering": refused.offering,
        "code": refused.code,
        "blame": refused.blame,
        "status": refused.status,
    });
    with(shown, is_shown.then(|| ("message", json!(refused.message))))
}

fn standing(offering: &OfferingStanding) -> Value {
    let state = match (&offering.drain, offering.health.state) {
        (Some(_), _) => "drained",
        (None, BreakerState::Closed) => "closed",
        (None, BreakerState::Open { .. }) => "open",
        (None, BreakerState::HalfOpen) => "half_open",
    };
    let whole_ms = |ms: f64| json!(ms.max(0.0).round());
    json!({
        "model": offering.model,
        "offering": offering.offering,
        "vendor": offering.vendor,
        "vendor_model": offering.vendor_model,
        "for_tests": offering.for_tests,
        "connected": offering.is_connected,
        "state": state,
        "expected_ms": offering.health.expected_ms.map(whole_ms),
        "failing_percent": offering.health.ill_percent,
        "in_flight": offering.health.in_flight,
        "rests_seconds": offering.rests_for.map(|rest| rest.as_secs()),
        "drain": offering.drain.as_ref().map(|drain| json!({
            "since": moment(drain.at_ms), "by": drain.name, "reason": drain.reason,
        })),
    })
}
