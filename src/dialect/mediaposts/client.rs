//! The half of the media-and-posts dialect that faces apps: a picture, kept in the library.
//!
//! Fields that its documentation does not name are ignored, because the documentation says nothing
//! of refusing them and its users send them.

use http::Method;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;

use super::super::head::{bearer, limit_headers};
use super::super::json::{Fields, JsonBody};
use super::super::{
    Claim, ClientSide, Example, Library, ListedModel, Pieces, RefusalContext, WireReply,
    WireRequest,
};
use super::{PROMPT_CHARS_MAX, RATIOS};
use crate::canonical::{
    Answer, Delivery, Format, Frame, Image, ImageRequest, LibraryAsk, Picture, Refusal,
    RefusalKind, Standing, Stored,
};
use crate::id::RequestId;

mod shelf;

/// Below any version: the documentation shows the path both with and without `/v1`.
const GENERATE: &str = "/ai/generate-image";
const LIBRARY: &str = "/media";

/// The documented default; the operator's own stands in where policy does not have it.
const MODEL_DEFAULT: &str = "nano-banana-pro";

/// Faces apps that keep pictures for posts.
#[derive(Debug)]
pub(super) struct Client;

impl ClientSide for Client {
    fn claim(&self, method: &Method, path: &str) -> Option<Claim> {
        let path = path.strip_prefix("/v1").unwrap_or(path);
        if path == GENERATE {
            let is_post = method == Method::POST;
            let no = Claim::WrongMethod { allow: "POST" };
            return Some(if is_post { Claim::Images } else { no });
        }
        let rest = path.strip_prefix(LIBRARY)?;
        match (rest, rest.strip_prefix('/')) {
            ("", _) if method == Method::GET => Some(Claim::Library(LibraryAsk::List)),
            ("", _) => Some(Claim::WrongMethod { allow: "GET" }),
            // What has another part after the name is the picture itself, for whoever knows it.
            (_, Some(id)) if !id.is_empty() && !id.contains('/') => Some(match *method {
                Method::GET => Claim::Library(LibraryAsk::Show(id.to_owned())),
                Method::DELETE => Claim::Library(LibraryAsk::Erase(id.to_owned())),
                _ => Claim::WrongMethod { allow: "GET, DELETE" },
            }),
            (_, Some(_) | None) => None,
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
        let model = fields.text("model", usize::MAX)?;
        let [(_, default), ..] = RATIOS;
        let ratio = fields.word("aspect_ratio", &RATIOS)?;
        Ok(ImageRequest {
            prompt,
            model,
            model_default: Some(MODEL_DEFAULT),
            count: 1,
            frame: Frame::Ratio(ratio.unwrap_or(default)),
            delivery: Delivery::Url,
            ..ImageRequest::default()
        })
    }

    fn encode_response(&self, answer: &Answer<'_>) -> WireReply {
        let image = answer.response.images.first();
        let stored: Option<&Stored> = image.and_then(|image| image.stored.as_ref());
        let id = stored.map(|stored| stored.id.as_str());
        let size = image.and_then(|image| image.size);
        let created_at_ms = stored.map_or(answer.unix_ms, |stored| stored.created_at_ms);
        let mut body = JsonBody::default();
        body.raw("{\"data\":{\"media_id\":")
            .value(&id)
            .raw(",\"media_ids\":")
            .value(&id.as_slice())
            .raw(",\"type\":\"image\",\"width\":")
            .value(&size.map(|size| size.width))
            .raw(",\"height\":")
            .value(&size.map(|size| size.height))
            .raw(",\"aspect_ratio\":")
            .value(&answer.request.frame)
            .raw(",\"ai\":{\"model\":")
            .value(answer.model)
            .raw(",\"prompt\":")
            .value(&answer.request.prompt)
            .raw("},\"credits_used\":")
            .value(&answer.charged.whole_up())
            .raw(",\"credits_remaining\":")
            .value(&answer.remaining.whole_down())
            .raw(",\"created_at\":")
            .value(&moment(created_at_ms))
            .raw(",\"next_step\":")
            .value(&id.map(next_step));
        if let Some(image) = image.filter(|image| image.stored.is_none()) {
            // Stored nowhere, it still reaches who paid for it.
            body.raw(",\"url\":");
            unstored(&mut body, image);
        }
        body.raw("},\"error\":null,\"meta\":");
        meta(&mut body, answer.request_id, answer.unix_ms);
        body.raw("}");
        WireReply::json(201, body.finish())
    }

    fn encode_refusal(&self, refusal: &Refusal, context: &RefusalContext<'_>) -> WireReply {
        let (status, code) = said_to_clients(refusal.kind);
        let mut body = JsonBody::default();
        body.raw("{\"data\":null,\"error\":{\"message\":")
            .value(&refusal.message)
            .raw(",\"code\":")
            .value(code);
        if let Some((needed, left)) = refusal.credits {
            body.raw(",\"details\":{\"credits_required\":")
                .value(&needed.whole_up())
                .raw(",\"credits_available\":")
                .value(&left.whole_down())
                .raw(",\"model\":")
                .value(&context.model)
                .raw("}");
        }
        body.raw("},\"meta\":");
        meta(&mut body, context.request_id, context.unix_ms);
        body.raw("}");
        WireReply::json(status, body.finish())
    }

    /// Never asked over the wire, as this API has no path that lists models.
    fn encode_models(&self, models: &[ListedModel<'_>]) -> WireReply {
        let names: Vec<_> = models.iter().map(|model| model.name).collect();
        let body = serde_json::json!({ "data": names, "error": null });
        WireReply::json(200, Pieces::one(body.to_string()))
    }

    fn library(&self) -> Option<&'static dyn Library> {
        Some(&shelf::Shelf)
    }

    fn example(&self) -> Example {
        Example {
            title: "A media-and-posts client: a picture in the library, ready to be posted",
            path: "/v1/ai/generate-image",
            body: r#"{"model": "flux-schnell", "prompt": "a lighthouse at dusk", "aspect_ratio": "16:9"}"#,
            then: "",
        }
    }

    fn limit_headers(&self, standings: &[Standing], unix_ms: i64) -> Vec<(&'static str, String)> {
        limit_headers(standings, unix_ms)
    }
}

fn unstored(body: &mut JsonBody, image: &Image) {
    match &image.picture {
        Picture::Url(url) => body.value(url),
        content @ (Picture::Base64(_) | Picture::Binary(_)) => {
            let mime = image.format.map_or("application/octet-stream", Format::mime);
            body.raw("\"data:").raw(mime).raw(";base64,");
            body.picture(content).raw("\"")
        }
    };
}

fn next_step(id: &str) -> String {
    format!(
        "The picture is in your media library. Send \"media_ids\": [\"{id}\"] with POST /v1/posts to \
         attach it, or GET /v1/media/{id} for its address."
    )
}

fn meta(body: &mut JsonBody, request_id: &RequestId, unix_ms: i64) {
    body.raw("{\"request_id\":")
        .value(request_id.as_str())
        .raw(",\"timestamp\":")
        .value(&moment(unix_ms))
        .raw("}");
}

/// A moment as the documentation writes it, with three digits of a second.
fn moment(unix_ms: i64) -> Option<String> {
    const WRITTEN: &[BorrowedFormatItem<'_>] = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000).ok()?;
    at.format(&WRITTEN).ok()
}

/// The status and code of a refusal. Two codes are documented, elsewhere ours stand; 400 covers an
/// unknown model, and 500 everything that fails inside.
const fn said_to_clients(kind: RefusalKind) -> (u16, &'static str) {
    match kind {
        RefusalKind::BadRequest | RefusalKind::ModelUnknown | RefusalKind::Unsupported => {
            (400, "validation_error")
        }
        RefusalKind::CreditsShort => (402, "insufficient_credits"),
        RefusalKind::VendorFailed
        | RefusalKind::VendorTimedOut
        | RefusalKind::NoneAvailable
        | RefusalKind::Unpriced => (500, kind.code()),
        RefusalKind::UnknownPath => (404, "not_found"),
        RefusalKind::BadFraming
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
        | RefusalKind::ModelForbidden
        | RefusalKind::ContentRefused
        | RefusalKind::RuleDenied
        | RefusalKind::RateLimited
        | RefusalKind::QuotaExhausted
        | RefusalKind::ConcurrencyExceeded
        | RefusalKind::Overloaded
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

    #[test]
    fn a_prompt_is_bounded_in_characters() {
        let decode = |prompt: &str| {
            let body = serde_json::json!({ "prompt": prompt });
            Client.decode_request(&WireRequest::post_json(GENERATE, body.to_string()))
        };
        let longest = "ä".repeat(PROMPT_CHARS_MAX);
        assert!(decode(&longest).is_ok());
        assert!(decode(&format!("{longest}ä")).is_err());
    }

    #[test]
    fn every_path_is_there_with_and_without_its_version_and_a_pictures_own_is_not_claimed() {
        for version in ["", "/v1"] {
            let claim =
                |method: Method, path: &str| Client.claim(&method, &format!("{version}{path}"));
            assert_eq!(claim(Method::POST, "/ai/generate-image"), Some(Claim::Images));
            assert_eq!(claim(Method::GET, "/media"), Some(Claim::Library(LibraryAsk::List)));
            let erase = Claim::Library(LibraryAsk::Erase("a".to_owned()));
            assert_eq!(claim(Method::DELETE, "/media/a"), Some(erase));
            for other in ["/media/", "/media/a/original.png", "/mediation", "/ai"] {
                assert_eq!(claim(Method::GET, other), None, "{other}");
            }
        }
    }

    #[test]
    fn a_moment_has_milliseconds_even_when_there_are_none() {
        assert_eq!(moment(1_775_995_200_000).as_deref(), Some("2026-04-12T12:00:00.000Z"));
        assert_eq!(moment(1_775_995_200_007).as_deref(), Some("2026-04-12T12:00:00.007Z"));
    }
}
