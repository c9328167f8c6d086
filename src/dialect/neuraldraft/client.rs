//! The half of the `NeuralDraft` dialect that faces apps.
//!
//! Fields that its documentation does not name are ignored, because the documentation says nothing
//! of refusing them.

use http::Method;

use super::super::head::bearer;
use super::super::job::{self, JobShown};
use super::super::json::{Fields, JsonBody};
use super::super::{
    Claim, ClientSide, Example, ListedModel, Pieces, RefusalContext, WireReply, WireRequest,
};
use super::RATIOS;
use crate::canonical::{
    Answer, Delivery, Format, Frame, Image, ImageRequest, Picture, Problem, Refusal, RefusalKind,
    Standing,
};

const IMAGES: &str = "/v1/images";
const JOBS: &str = "/v1/jobs";

/// Not of this API: it is where others have it, and beside the jobs that it belongs to.
const WEBHOOK_SECRET: &str = "/v1/webhooks/default/secret";

/// Our choices: the documentation names no bounds.
const PROMPT_CHARS_MAX: usize = 4_000;
const STYLE_CHARS_MAX: usize = 200;
const KEY_CHARS_MAX: usize = 128;

/// Faces apps that speak `NeuralDraft`.
#[derive(Debug)]
pub(super) struct Client;

impl ClientSide for Client {
    fn claim(&self, method: &Method, path: &str) -> Option<Claim> {
        let claims: &[(Method, Claim)] = match path {
            IMAGES => &[(Method::POST, Claim::Images)],
            JOBS => &[(Method::GET, Claim::Jobs)],
            WEBHOOK_SECRET => &[(Method::GET, Claim::WebhookSecret)],
            longer => &claims_below(longer)?,
        };
        let found = claims.iter().find(|(only, _)| only == method);
        let wrong = || Claim::WrongMethod { allow: allowed(claims) };
        Some(found.map_or_else(wrong, |(_, claim)| claim.clone()))
    }

    fn presented_key<'a>(&self, head: &'a http::HeaderMap) -> Option<&'a str> {
        bearer(head)
    }

    fn scope(&self, _: &Claim) -> &'static str {
        "images"
    }

    fn answers_later(&self) -> bool {
        true
    }

    fn decode_request(&self, wire: &WireRequest) -> Result<ImageRequest, Refusal> {
        let mut fields = Fields::read(&wire.body.to_bytes())?;
        let prompt = fields.required_text("prompt", PROMPT_CHARS_MAX)?;
        let style = fields.text("style", STYLE_CHARS_MAX)?;
        let ratio = fields.word("aspect_ratio", &RATIOS)?;
        let asset_key = fields.text("key", KEY_CHARS_MAX)?;
        if asset_key.as_deref().is_some_and(|key| !is_key(key)) {
            let message = "`key` may hold letters, digits, `.`, `_` and `-`; mend it";
            return Err(Refusal::field("key", Problem::BadValue, message));
        }
        Ok(ImageRequest {
            prompt,
            style: style.filter(|style| !style.trim().is_empty()),
            count: 1,
            frame: Frame::Ratio(ratio.unwrap_or(RATIOS[0].1)),
            asset_key,
            delivery: Delivery::Url,
            ..ImageRequest::default()
        })
    }

    /// What a completed job results in.
    fn encode_response(&self, answer: &Answer<'_>) -> WireReply {
        let image = answer.response.images.first();
        let size = image.and_then(|image| image.size);
        let mut body = JsonBody::default();
        body.raw("{\"url\":");
        address(&mut body, image);
        body.raw(",\"key\":").value(&answer.request.asset_key);
        body.raw(",\"width\":").value(&size.map(|size| size.width));
        body.raw(",\"height\":").value(&size.map(|size| size.height)).raw("}");
        WireReply::json(200, body.finish())
    }

    fn encode_refusal(&self, refusal: &Refusal, context: &RefusalContext<'_>) -> WireReply {
        let mut body = JsonBody::default();
        body.raw("{\"error\":{\"code\":").value(code(refusal.kind));
        body.raw(",\"message\":").value(&refusal.message);
        if let Some(field) = &refusal.field {
            body.raw(",\"field\":").value(field);
        }
        body.raw("},\"request_id\":").value(context.request_id.as_str()).raw("}");
        WireReply::json(refusal.kind.status(), body.finish())
    }

    fn encode_job(&self, shown: &JobShown<'_>, result: Option<&WireReply>) -> Pieces {
        job::encode(shown, code, result)
    }

    /// Never asked over the wire, as this API has no models.
    fn encode_models(&self, models: &[ListedModel<'_>]) -> WireReply {
        let names: Vec<_> = models.iter().map(|model| model.name).collect();
        WireReply::json(200, Pieces::one(serde_json::json!({ "data": names }).to_string()))
    }

    fn example(&self) -> Example {
        Example {
            title: "A NeuralDraft client: a job, to be asked after at /v1/jobs/{id}",
            path: IMAGES,
            body: r#"{"prompt": "a lighthouse at dusk", "style": "photorealistic", "aspect_ratio": "16:9", "key": "hero.background"}"#,
            then: "",
        }
    }

    /// None is documented.
    fn limit_headers(&self, _: &[Standing], _: i64) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// What there is below `/v1/jobs/` and `/v1/images/`. A longer path below the latter is another's.
fn claims_below(path: &str) -> Option<Vec<(Method, Claim)>> {
    if let Some(rest) = path.strip_prefix(JOBS).and_then(|rest| rest.strip_prefix('/')) {
        let (id, verb) = rest.split_once('/').map_or((rest, None), |(id, verb)| (id, Some(verb)));
        let id = Some(id).filter(|id| is_key(id))?.to_owned();
        return match verb {
            None => Some(vec![
                (Method::GET, Claim::Job(id.clone())),
                (Method::DELETE, Claim::CancelJob(id)),
            ]),
            Some("cancel") => Some(vec![(Method::POST, Claim::CancelJob(id))]),
            Some(_) => None,
        };
    }
    let key = path.strip_prefix(IMAGES)?.strip_prefix('/')?;
    is_key(key).then(|| vec![(Method::GET, Claim::Asset(key.to_owned()))])
}

const fn allowed(claims: &[(Method, Claim)]) -> &'static str {
    match claims {
        [(_, Claim::Job(_)), ..] => "GET, DELETE",
        [(_, Claim::Images | Claim::CancelJob(_)), ..] => "POST",
        _ => "GET",
    }
}

/// Whether it can stand in a path as it is.
fn is_key(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_dots = text.bytes().all(|byte| byte == b'.');
    !is_dots && text.len() <= KEY_CHARS_MAX && text.bytes().all(is_plain)
}

/// Where the picture is. One that was stored nowhere still reaches who paid for it.
fn address(body: &mut JsonBody, image: Option<&Image>) {
    match image.map(|image| (&image.stored, &image.picture)) {
        None => body.raw("null"),
        Some((Some(stored), _)) => body.value(&stored.url),
        Some((None, Picture::Url(url))) => body.value(url),
        Some((None, content @ (Picture::Base64(_) | Picture::Binary(_)))) => {
            let format = image.and_then(|image| image.format);
            let mime = format.map_or("application/octet-stream", Format::mime);
            body.raw("\"data:").raw(mime).raw(";base64,").picture(content).raw("\"")
        }
    };
}

/// One code is documented: what draws is not there. Where it is silent, the code is our own.
const fn code(kind: RefusalKind) -> &'static str {
    match kind {
        RefusalKind::VendorFailed | RefusalKind::VendorTimedOut | RefusalKind::NoneAvailable => {
            "upstream_unavailable"
        }
        RefusalKind::UnknownPath => "not_found",
        RefusalKind::BadRequest
        | RefusalKind::BadFraming
        | RefusalKind::HeadTooLarge
        | RefusalKind::BodyTooLarge
        | RefusalKind::TooSlow
        | RefusalKind::WrongMethod
        | RefusalKind::KeyMissing
        | RefusalKind::KeyUnknown
        | RefusalKind::KeyInactive
        | RefusalKind::ScopeMissing
        | RefusalKind::WorkspaceSuspended
        | RefusalKind::PlanMissing
        | RefusalKind::ModelUnknown
        | RefusalKind::ModelForbidden
        | RefusalKind::Unsupported
        | RefusalKind::ContentRefused
        | RefusalKind::RuleDenied
        | RefusalKind::RateLimited
        | RefusalKind::QuotaExhausted
        | RefusalKind::ConcurrencyExceeded
        | RefusalKind::CreditsShort
        | RefusalKind::Unpriced
        | RefusalKind::IdempotencyInFlight
        | RefusalKind::IdempotencyMismatch
        | RefusalKind::IdempotencyGone
        | RefusalKind::Overloaded
        | RefusalKind::StoreFull
        | RefusalKind::StoreUnavailable
        | RefusalKind::RuleFailed
        | RefusalKind::Internal => kind.code(),
    }
}
