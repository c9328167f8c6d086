//! Jobs as apps read them: one shape for all dialects, in which only the result and the words of an
//! error are each dialect's own.

use bytes::Bytes;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::json::JsonBody;
use super::{Pieces, WireReply};
use crate::canonical::RefusalKind;

/// A job, in words for apps.
#[derive(Clone, Debug)]
pub struct JobShown<'a> {
    /// Its name.
    pub id: &'a str,
    /// The request that it came as.
    pub request_id: &'a str,
    /// What is to be done: `generate`, `edit` or `variation`.
    pub operation: &'a str,
    /// `pending`, `processing`, `completed`, `failed` or `cancelled`.
    pub status: &'a str,
    /// 0 to 100.
    pub progress: u8,
    /// Where it stands, for people.
    pub message: &'a str,
    /// Its stages, in order.
    pub steps: [Step; 3],
    /// Why it failed.
    pub error: Option<(RefusalKind, &'a str)>,
    /// When it was accepted, in milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// When something last happened to it.
    pub updated_ms: i64,
    /// From when it is forgotten, once it has ended.
    pub expires_ms: Option<i64>,
}

/// A stage of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub name: &'static str,
    /// Whether it is behind us.
    pub completed: bool,
    /// Whether it is what happens now.
    pub active: bool,
}

/// A picture that its app gave a name, and those that had the name before.
#[derive(Debug)]
pub struct AssetShown<'a> {
    /// The name.
    pub key: &'a str,
    /// The newest first; at least one.
    pub versions: Vec<VersionShown<'a>>,
}

/// One picture of those that have or had a name.
#[derive(Debug)]
pub struct VersionShown<'a> {
    /// Where it is.
    pub url: &'a str,
    /// Width and height, when known.
    pub pixels: Option<(u32, u32)>,
    /// The job that it was drawn for.
    pub job: &'a str,
    /// Since when, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// One job. `code` is the dialect's word for the kind of an error; `result` is what the request
/// would have been answered with.
pub(super) fn encode(
    job: &JobShown<'_>,
    code: fn(RefusalKind) -> &'static str,
    result: Option<&WireReply>,
) -> Pieces {
    let mut body = JsonBody::default();
    body.raw("{\"id\":").value(job.id);
    body.raw(",\"type\":").value(&kind(job.operation));
    body.raw(",\"status\":").value(job.status);
    body.raw(",\"created_at\":").value(&moment(job.created_ms));
    body.raw(",\"progress\":").value(&job.progress);
    body.raw(",\"message\":").value(job.message);
    let steps: Vec<Value> = job.steps.iter().map(step).collect();
    body.raw(",\"steps\":").value(&steps);
    let mut body = body.finish();
    if let Some(reply) = result.filter(|reply| is_json(reply)) {
        body.push(",\"result\":");
        reply.body.clone().into_slices().into_iter().for_each(|slice| body.push(slice));
    }
    let mut rest = JsonBody::default();
    if let Some((kind, said)) = job.error {
        rest.raw(",\"error\":").value(&json!({ "code": code(kind), "message": said }));
    }
    rest.raw(",\"updated_at\":").value(&moment(job.updated_ms));
    if let Some(expires_ms) = job.expires_ms {
        rest.raw(",\"expires_at\":").value(&moment(expires_ms));
    }
    rest.raw(",\"request_id\":").value(job.request_id).raw("}");
    rest.finish().into_slices().into_iter().for_each(|slice| body.push(slice));
    body
}

/// A part of a list of jobs, each already encoded.
pub(super) fn encode_list(jobs: Vec<Pieces>, next: Option<&str>) -> Pieces {
    let mut body = Pieces::one("{\"data\":[");
    for (nth, job) in jobs.into_iter().enumerate() {
        if nth > 0 {
            body.push(",");
        }
        job.into_slices().into_iter().for_each(|slice| body.push(slice));
    }
    body.push(format!("],\"has_more\":{},\"next_cursor\":{}}}", next.is_some(), json!(next)));
    body
}

/// What has happened to a job, as Standard Webhooks words it: `type` such as `job.completed`,
/// `timestamp` in milliseconds since the Unix epoch, and the job itself, already encoded.
pub fn encode_event(kind: &str, at_ms: i64, job: &Pieces) -> Bytes {
    let mut body = JsonBody::default();
    body.raw("{\"type\":").value(&kind);
    body.raw(",\"timestamp\":").value(&moment(at_ms)).raw(",\"data\":");
    let mut body = body.finish();
    body.push(job.to_bytes());
    body.push("}");
    body.to_bytes()
}

/// A named picture: the one that is meant, and those before it.
pub(super) fn encode_asset(asset: &AssetShown<'_>) -> Pieces {
    let meant = asset.versions.first();
    let body = json!({
        "key": asset.key,
        "url": meant.map(|version| version.url),
        "width": meant.and_then(|version| version.pixels).map(|(width, _)| width),
        "height": meant.and_then(|version| version.pixels).map(|(_, height)| height),
        "job_id": meant.map(|version| version.job),
        "created_at": meant.map(|version| moment(version.at_ms)),
        "versions": asset.versions.iter().map(version).collect::<Vec<_>>(),
    });
    Pieces::one(body.to_string())
}

fn version(version: &VersionShown<'_>) -> Value {
    json!({
        "url": version.url,
        "width": version.pixels.map(|(width, _)| width),
        "height": version.pixels.map(|(_, height)| height),
        "job_id": version.job,
        "created_at": moment(version.at_ms),
    })
}

fn step(step: &Step) -> Value {
    json!({ "name": step.name, "completed": step.completed, "active": step.active })
}

fn kind(operation: &str) -> String {
    format!("image.{operation}")
}

fn is_json(reply: &WireReply) -> bool {
    reply.header("content-type").is_some_and(|kind| kind.starts_with("application/json"))
}

/// To the second, as RFC 3339 writes it.
fn moment(unix_ms: i64) -> String {
    OffsetDateTime::from_unix_timestamp(unix_ms.div_euclid(1000))
        .ok()
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_default()
}
