//! The models there are, what an account has used, and how the gateway is.

use serde_json::{Map, Value, json};

use super::super::super::{Asked, ListedModel, Pieces, Reporting, WireReply};
use crate::canonical::{HealthReport, QuotaStanding, Tally, UsageReport};

/// Tells of usage and health.
#[derive(Debug)]
pub(super) struct Reports;

pub(super) fn encode_models(models: &[ListedModel<'_>]) -> WireReply {
    let listed: Vec<_> = models
        .iter()
        .map(|model| {
            json!({
                "slug": model.name,
                "name": model.title.unwrap_or(model.name),
                "description": model.description.unwrap_or_default(),
            })
        })
        .collect();
    reply(&json!({ "success": true, "data": { "models": listed } }))
}

impl Reporting for Reports {
    fn encode_usage(&self, report: &UsageReport, context: &Asked<'_>) -> WireReply {
        reply(&json!({
            "success": true,
            "data": {
                "usage": {
                    "today": tally(report.today),
                    "this_month": tally(report.this_month),
                },
                "plan": {
                    "name": report.plan_title,
                    "slug": report.plan,
                    "requests_per_month": report.month.as_ref().map(|month| month.most),
                    "requests_per_day": report.day.as_ref().map(|day| day.most),
                    "remaining_today": report.day.as_ref().map(QuotaStanding::remaining),
                    "remaining_month": report.month.as_ref().map(QuotaStanding::remaining),
                },
            },
            "request_id": context.request_id.as_str(),
        }))
    }

    fn encode_health(&self, report: &HealthReport, context: &Asked<'_>) -> WireReply {
        let checks =
            report.checks.iter().map(|check| (check.name.to_owned(), word(check.is_healthy)));
        reply(&json!({
            "success": true,
            "status": word(report.is_healthy()),
            "checks": checks.collect::<Map<_, _>>(),
            "request_id": context.request_id.as_str(),
        }))
    }
}

fn tally(tally: Tally) -> Value {
    json!({ "requestCount": tally.requests, "imageCount": tally.images })
}

fn word(is_healthy: bool) -> Value {
    if is_healthy { "healthy".into() } else { "degraded".into() }
}

fn reply(body: &Value) -> WireReply {
    WireReply::json(200, Pieces::one(body.to_string()))
}
