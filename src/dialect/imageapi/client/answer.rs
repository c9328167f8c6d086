//! Pictures and refusals as the API spells them, alone and as items of a batch.

use super::super::super::json::JsonBody;
use super::super::super::retry::seconds_up;
use super::super::super::{Asked, ItemAnswer, Pieces, RefusalContext, WireReply};
use crate::canonical::{Answer, Delivery, Format, Image, Picture, Refusal, RefusalKind};

pub(super) fn encode(answer: &Answer<'_>) -> WireReply {
    let mut body = JsonBody::default();
    body.raw("{\"success\":true,\"data\":{");
    drawn(&mut body, answer);
    body.raw("},\"request_id\":").value(answer.request_id.as_str()).raw("}");
    WireReply::json(200, body.finish())
}

pub(super) fn encode_item(item: &ItemAnswer<'_>) -> Pieces {
    let mut body = JsonBody::default();
    match item {
        Ok(answer) => {
            body.raw("{\"success\":true,");
            drawn(&mut body, answer);
            changed(&mut body, answer);
        }
        Err(refusal) => {
            body.raw("{\"success\":false,");
            no(&mut body, refusal);
        }
    }
    body.raw("}");
    body.finish()
}

pub(super) fn encode_items(items: Vec<Pieces>, context: &Asked<'_>) -> WireReply {
    let mut body = JsonBody::default();
    body.raw("{\"success\":true,\"data\":{\"results\":[");
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            body.raw(",");
        }
        body.pieces(item);
    }
    body.raw("]},\"request_id\":").value(context.request_id.as_str()).raw("}");
    WireReply::json(200, body.finish())
}

pub(super) fn encode_refusal(refusal: &Refusal, context: &RefusalContext<'_>) -> WireReply {
    let mut body = JsonBody::default();
    body.raw("{\"success\":false,");
    no(&mut body, refusal);
    body.raw(",\"request_id\":").value(context.request_id.as_str()).raw("}");
    WireReply::json(status(refusal.kind), body.finish())
}

/// A picture and what is known of it, without the braces around.
fn drawn(body: &mut JsonBody, answer: &Answer<'_>) {
    let image = answer.response.images.first();
    body.raw("\"image\":");
    content(body, image);
    body.raw(",\"seed\":")
        .value(&seed(answer, image))
        .raw(",\"model\":")
        .value(answer.model)
        .raw(",\"storage\":{\"enabled\":")
        .value(&(answer.request.delivery == Delivery::Url))
        .raw(",\"stored\":")
        .value(&image.is_some_and(|image| image.stored.is_some()))
        .raw(",\"plan\":")
        .value(&answer.storage)
        .raw("}");
}

/// What was not done as asked, for an item: the header of a batch does not say which it is of.
fn changed(body: &mut JsonBody, answer: &Answer<'_>) {
    if answer.changes.is_empty() {
        return;
    }
    let changes = answer.changes.iter().map(|change| (&*change.parameter, &*change.how));
    body.raw(",\"changed\":").value(&changes.collect::<std::collections::BTreeMap<_, _>>());
}

/// A no, without the braces around.
fn no(body: &mut JsonBody, refusal: &Refusal) {
    body.raw("\"error\":").value(&refusal.message).raw(",\"code\":").value(refusal.kind.code());
    if let Some(wait) = refusal.retry_after {
        body.raw(",\"retry_after\":").value(&seconds_up(wait));
    }
}

/// The address of a picture that is kept, or all of it as a `data:` address.
fn content(body: &mut JsonBody, image: Option<&Image>) {
    let Some(image) = image else {
        body.raw("null");
        return;
    };
    match (&image.stored, &image.picture) {
        (Some(stored), _) => body.value(&stored.url),
        (None, Picture::Url(url)) => body.value(url),
        (None, content @ (Picture::Base64(_) | Picture::Binary(_))) => {
            let mime = image.format.map_or("application/octet-stream", Format::mime);
            body.raw("\"data:").raw(mime).raw(";base64,").picture(content).raw("\"")
        }
    };
}

/// The seed that the vendor names, or the one that was asked for and not left out.
fn seed(answer: &Answer<'_>, image: Option<&Image>) -> Option<i64> {
    let was_left_out = answer.changes.iter().any(|change| change.parameter == "seed");
    let asked = answer.request.seed.filter(|_| !was_left_out);
    image.and_then(|image| image.seed).or(asked)
}

/// The documentation has one status for a failed drawing, and names no way to look a model up.
const fn status(kind: RefusalKind) -> u16 {
    match kind {
        RefusalKind::ModelUnknown => 400,
        RefusalKind::VendorFailed
        | RefusalKind::VendorTimedOut
        | RefusalKind::NoneAvailable
        | RefusalKind::Unpriced => 500,
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
        | RefusalKind::CreditsShort
        | RefusalKind::Overloaded
        | RefusalKind::StoreFull
        | RefusalKind::StoreUnavailable
        | RefusalKind::RuleFailed
        | RefusalKind::Internal => kind.status(),
    }
}
