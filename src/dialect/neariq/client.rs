//! The half of the `NearIQ` dialect that faces apps.
//!
//! Fields that its documentation does not name are ignored, because the documentation says nothing
//! of refusing them. Which model draws is for policy to say: `defaults.model`.

use http::Method;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::super::address::address;
use super::super::json::{Fields, JsonBody};
use super::super::{
    Claim, ClientSide, Example, ListedModel, Pieces, RefusalContext, WireReply, WireRequest,
};
use super::{KEY_HEADER, PROMPT_CHARS_MAX, STYLES};
use crate::canonical::{
    Answer, Delivery, ImageRequest, QuotaStanding, Refusal, RefusalKind, Standing,
};
use crate::id::RequestId;

const IMAGES: &str = "/api/v1/images";

/// What a picture is for; the first is the documented default.
const PRESETS: [&str; 5] =
    ["social_graphic", "gbp_post", "ad_creative", "product_photo", "blog_hero"];

/// The moments of this API: UTC, to the millisecond.
const MOMENT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Faces apps that speak `NearIQ`.
#[derive(Debug)]
pub(super) struct Client;

impl ClientSide for Client {
    fn claim(&self, method: &Method, path: &str) -> Option<Claim> {
        match *method {
            _ if path != IMAGES => None,
            Method::POST => Some(Claim::Images),
            _ => Some(Claim::WrongMethod { allow: "POST" }),
        }
    }

    fn presented_key<'a>(&self, head: &'a http::HeaderMap) -> Option<&'a str> {
        head.get(KEY_HEADER)?.to_str().ok().map(str::trim).filter(|key| !key.is_empty())
    }

    fn scope(&self, _: &Claim) -> &'static str {
        "content:write"
    }

    fn scope_of_members(&self, _: &Claim) -> Option<&'static str> {
        Some("images")
    }

    fn shown_key(&self, key: &str) -> (&'static str, String) {
        (KEY_HEADER, key.to_owned())
    }

    fn tells_quotas(&self) -> bool {
        true
    }

    fn decode_request(&self, wire: &WireRequest) -> Result<ImageRequest, Refusal> {
        let mut fields = Fields::read(&wire.body.to_bytes())?;
        let prompt = fields.required_text("prompt", PROMPT_CHARS_MAX)?;
        let preset = fields.word("preset", &PRESETS.map(|name| (name, name)))?;
        let style = fields.word("style", &STYLES.map(|name| (name, name)))?;
        Ok(ImageRequest {
            prompt,
            count: 1,
            preset: preset.or_else(|| PRESETS.first().copied()).map(str::to_owned),
            style: style.map(str::to_owned),
            delivery: Delivery::Url,
            ..ImageRequest::default()
        })
    }

    fn encode_response(&self, answer: &Answer<'_>) -> WireReply {
        let mut body = JsonBody::default();
        body.raw("{\"url\":");
        address(&mut body, answer.response.images.first());
        body.raw(",\"prompt\":")
            .value(&answer.request.prompt)
            .raw(",\"preset\":")
            .value(&answer.request.preset)
            .raw(",\"watermarked\":")
            .value(&answer.response.watermarked)
            .raw(",\"disclaimer\":")
            .value(&answer.disclaimer)
            .raw(",\"usage\":");
        usage(&mut body, answer.quotas.iter().min_by_key(|quota| quota.remaining()));
        receipt(&mut body, answer.request_id, answer.unix_ms);
        WireReply::json(200, body.finish())
    }

    fn encode_refusal(&self, refusal: &Refusal, context: &RefusalContext<'_>) -> WireReply {
        let (status, code) = said_to_clients(refusal);
        let message = if refusal.kind == RefusalKind::KeyMissing {
            format!("no API key; send one as `{KEY_HEADER}: <key>`").into()
        } else if code == NOT_CONFIGURED {
            "no model is set up for this API; tell the operator".into()
        } else {
            refusal.message.clone()
        };
        // Apps of this API have no such field.
        let field = refusal.field.as_deref().filter(|field| *field != MODEL);
        let mut body = JsonBody::default();
        body.raw("{\"error\":{\"code\":").value(code).raw(",\"message\":").value(&message);
        body.raw(",\"field\":").value(&field).raw("}");
        if refusal.quota.is_some() {
            body.raw(",\"usage\":");
            usage(&mut body, refusal.quota.as_deref());
        }
        receipt(&mut body, context.request_id, context.unix_ms);
        WireReply::json(status, body.finish())
    }

    /// Never asked over the wire, as this API has no models.
    fn encode_models(&self, models: &[ListedModel<'_>]) -> WireReply {
        let names: Vec<_> = models.iter().map(|model| model.name).collect();
        WireReply::json(200, Pieces::one(serde_json::json!({ "models": names }).to_string()))
    }

    fn example(&self) -> Example {
        Example {
            title: "A NearIQ client: a picture for a purpose, and what is left of the day",
            path: IMAGES,
            body: r#"{"prompt": "a lighthouse at dusk", "preset": "blog_hero", "style": "photorealistic"}"#,
            then: "",
        }
    }

    /// None are documented; `usage` tells the limit that this API has.
    fn limit_headers(&self, _: &[Standing], _: i64) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// How much of the day is used; `null` where the plan has no daily quota.
fn usage(body: &mut JsonBody, quota: Option<&QuotaStanding>) {
    let Some(quota) = quota else {
        body.raw("null");
        return;
    };
    body.raw("{\"used\":")
        .value(&quota.used)
        .raw(",\"limit\":")
        .value(&quota.most)
        .raw(",\"remaining\":")
        .value(&quota.remaining())
        .raw(",\"resetsAt\":")
        .value(&moment(quota.resets_at_ms))
        .raw("}");
}

/// The last field of every body.
fn receipt(body: &mut JsonBody, request_id: &RequestId, unix_ms: i64) {
    body.raw(",\"_receipt\":{\"requestId\":")
        .value(request_id.as_str())
        .raw(",\"generatedAt\":")
        .value(&moment(unix_ms))
        .raw("}}");
}

fn moment(unix_ms: i64) -> Option<String> {
    let nanos = i128::from(unix_ms).checked_mul(1_000_000)?;
    OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?.format(MOMENT).ok()
}

const MODEL: &str = "model";

const NOT_CONFIGURED: &str = "not_configured";

/// The status and code of a refusal. The documentation has a 503 for pictures that are not set up,
/// and no codes.
fn said_to_clients(refusal: &Refusal) -> (u16, &'static str) {
    let kind = refusal.kind;
    match kind {
        RefusalKind::ModelUnknown => (503, NOT_CONFIGURED),
        // An app cannot send the field, so it is policy that has no default model.
        RefusalKind::BadRequest if refusal.field.as_deref() == Some(MODEL) => (503, NOT_CONFIGURED),
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
        | RefusalKind::RateLimited
        | RefusalKind::QuotaExhausted
        | RefusalKind::ConcurrencyExceeded
        | RefusalKind::CreditsShort
        | RefusalKind::Unpriced
        | RefusalKind::Overloaded
        | RefusalKind::NoneAvailable
        | RefusalKind::VendorFailed
        | RefusalKind::VendorTimedOut
        | RefusalKind::IdempotencyInFlight
        | RefusalKind::IdempotencyMismatch
        | RefusalKind::IdempotencyGone
        | RefusalKind::StoreFull
        | RefusalKind::StoreUnavailable
        | RefusalKind::RuleFailed
        | RefusalKind::Internal => (kind.status(), kind.code()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(prompt: &str) -> Result<ImageRequest, Refusal> {
        let body = serde_json::json!({ "prompt": prompt });
        Client.decode_request(&WireRequest::post_json(IMAGES, body.to_string()))
    }

    #[test]
    fn a_prompt_is_bounded_in_characters() {
        let longest = "ä".repeat(PROMPT_CHARS_MAX);
        assert!(decode(&longest).is_ok());
        assert!(decode(&format!("{longest}ä")).is_err());
        assert!(decode("").is_err());
    }

    #[test]
    fn a_moment_is_told_to_the_millisecond() {
        assert_eq!(moment(1_781_049_600_000).as_deref(), Some("2026-06-10T00:00:00.000Z"));
        assert_eq!(moment(1_781_049_600_007).as_deref(), Some("2026-06-10T00:00:00.007Z"));
        assert_eq!(moment(i64::MAX), None);
    }
}
