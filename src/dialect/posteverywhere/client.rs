//! The half of the PostEverywhere dialect that faces apps.
//!
//! Fields that its documentation does not name are ignored, because the documentation says nothing
//! of refusing them and its users send them.

use http::Method;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::address::address;
use super::super::head::{bearer, limit_headers};
use super::super::json::{Fields, JsonBody};
use super::super::{
    Claim, ClientSide, Example, ListedModel, Pieces, RefusalContext, WireReply, WireRequest,
};
use super::RATIOS;
use crate::canonical::{
    Answer, Delivery, Format, Frame, ImageRequest, Ratio, Refusal, RefusalKind, Standing,
};
use crate::id::RequestId;

const GENERATE: &str = "/api/v1/ai/generate-image";

/// Our choice: the documentation names no bound.
const PROMPT_CHARS_MAX: usize = 4_000;

/// Faces apps that speak PostEverywhere.
#[derive(Debug)]
pub(super) struct Client;

impl ClientSide for Client {
    fn claim(&self, method: &Method, path: &str) -> Option<Claim> {
        match *method {
            _ if path != GENERATE => None,
            Method::POST => Some(Claim::Images),
            _ => Some(Claim::WrongMethod { allow: "POST" }),
        }
    }

    fn presented_key<'a>(&self, head: &'a http::HeaderMap) -> Option<&'a str> {
        bearer(head)
    }

    fn scope(&self, _: &Claim) -> &'static str {
        "ai"
    }

    fn decode_request(&self, wire: &WireRequest) -> Result<ImageRequest, Refusal> {
        let mut fields = Fields::read(&wire.body.to_bytes())?;
        let prompt = fields.required_text("prompt", PROMPT_CHARS_MAX)?;
        let model = fields.required_text("model", usize::MAX)?;
        let ratio = fields.word("aspect_ratio", &RATIOS)?;
        Ok(ImageRequest {
            prompt,
            model: Some(model),
            count: 1,
            frame: Frame::Ratio(ratio.unwrap_or(Ratio::new(1, 1))),
            format: Some(Format::Webp),
            delivery: Delivery::Url,
            ..ImageRequest::default()
        })
    }

    fn encode_response(&self, answer: &Answer<'_>) -> WireReply {
        let image = answer.response.images.first();
        let stored = image.and_then(|image| image.stored.as_ref());
        let mut body = JsonBody::default();
        body.raw("{\"data\":{\"media_id\":")
            .value(&stored.map(|stored| stored.id.as_str()))
            .raw(",\"model\":")
            .value(answer.model)
            .raw(",\"credits_used\":")
            .value(&answer.charged.whole_up())
            .raw(",\"credits_remaining\":")
            .value(&answer.remaining.whole_down())
            .raw(",\"status\":\"completed\",\"image_url\":");
        address(&mut body, image);
        body.raw("},\"meta\":");
        meta(&mut body, answer.request_id, answer.unix_ms);
        body.raw("}");
        WireReply::json(200, body.finish())
    }

    fn encode_refusal(&self, refusal: &Refusal, context: &RefusalContext<'_>) -> WireReply {
        let (status, code) = said_to_clients(refusal.kind);
        let mut body = JsonBody::default();
        body.raw("{\"error\":{\"code\":").value(code).raw(",\"message\":").value(&refusal.message);
        if let Some((needed, left)) = refusal.credits {
            body.raw(",\"credits_remaining\":")
                .value(&left.whole_down())
                .raw(",\"credits_required\":")
                .value(&needed.whole_up());
        }
        body.raw("},\"meta\":");
        meta(&mut body, context.request_id, context.unix_ms);
        body.raw("}");
        WireReply::json(status, body.finish())
    }

    /// Never asked over the wire, as this API has no path that lists models.
    fn encode_models(&self, models: &[ListedModel<'_>]) -> WireReply {
        let names: Vec<_> = models.iter().map(|model| model.name).collect();
        let body = serde_json::json!({ "data": names });
        WireReply::json(200, Pieces::one(body.to_string()))
    }

    fn example(&self) -> Example {
        Example {
            title: "A PostEverywhere client: a picture as a link, and what it cost",
            path: GENERATE,
            body: r#"{"model": "flux-schnell", "prompt": "a lighthouse at dusk", "aspect_ratio": "16:9"}"#,
            then: "",
        }
    }

    fn limit_headers(&self, standings: &[Standing], unix_ms: i64) -> Vec<(&'static str, String)> {
        limit_headers(standings, unix_ms)
    }
}

fn meta(body: &mut JsonBody, request_id: &RequestId, unix_ms: i64) {
    let at = OffsetDateTime::from_unix_timestamp(unix_ms.div_euclid(1000));
    let timestamp = at.ok().and_then(|at| at.format(&Rfc3339).ok());
    body.raw("{\"request_id\":")
        .value(request_id.as_str())
        .raw(",\"timestamp\":")
        .value(&timestamp)
        .raw("}");
}

/// The status and code of a refusal. The documentation folds an unknown model into 400 and every
/// failed drawing into 500; one code only is documented, so elsewhere ours stands.
const fn said_to_clients(kind: RefusalKind) -> (u16, &'static str) {
    match kind {
        RefusalKind::CreditsShort => (402, "insufficient_credits"),
        RefusalKind::ModelUnknown => (400, kind.code()),
        RefusalKind::VendorFailed
        | RefusalKind::VendorTimedOut
        | RefusalKind::NoneAvailable
        | RefusalKind::Unpriced => (500, kind.code()),
        RefusalKind::BadRequest
        | RefusalKind::BadFraming
        | RefusalKind::HeadTooLarge
        | RefusalKind::BodyTooLarge
        | RefusalKind::TooSlow
        | RefusalKind::UnknownPath
        | RefusalKind::WrongMethod
        | RefusalKind::KeyMissing
        | RefusalKind::KeyUnknown
        | RefusalKind::KeyInactive
        | RefusalKind::ScopeMissing
        | RefusalKind::WorkspaceSuspended
        | RefusalKind::PlanMissing
        | RefusalKind::ModelForbidden
        | RefusalKind::Unsupported
        | RefusalKind::ContentRefused
        | RefusalKind::RuleDenied
        | RefusalKind::IdempotencyInFlight
        | RefusalKind::IdempotencyMismatch
        | RefusalKind::IdempotencyGone
        | RefusalKind::RateLimited
        | RefusalKind::QuotaExhausted
        | RefusalKind::ConcurrencyExceeded
        | RefusalKind::Overloaded
        | RefusalKind::StoreFull
        | RefusalKind::StoreUnavailable
        | RefusalKind::RuleFailed
        | RefusalKind::Internal => (kind.status(), kind.code()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_bounded_in_characters() {
        let decode = |prompt: &str| {
            let body = serde_json::json!({ "prompt": prompt, "model": "m" });
            Client.decode_request(&WireRequest::post_json(GENERATE, body.to_string()))
        };
        let longest = "ä".repeat(PROMPT_CHARS_MAX);
        assert!(decode(&longest).is_ok());
        assert!(decode(&format!("{longest}ä")).is_err());
    }

    #[test]
    fn a_reset_is_never_named_before_it_is_there() {
        let standing = Standing {
            limit: "hourly".to_owned(),
            is_met: true,
            unit: "requests",
            most: 200,
            remaining: 0,
            window: std::time::Duration::from_hours(1),
            resets_in: std::time::Duration::from_millis(1),
        };
        let headers = Client.limit_headers(&[standing], 5_000);
        assert_eq!(headers.last(), Some(&("x-ratelimit-reset", "6".to_owned())));
    }
}
