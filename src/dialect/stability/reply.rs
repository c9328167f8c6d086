//! Stability's answer: a picture's own bytes, pictures in JSON, or the name of an order.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::drawn;
use super::super::json::{Text, loose};
use super::super::reply::{
    fault_of_status, garbled, not_json, retry_after, said, shortened, words_of,
};
use super::super::{Call, Pending, Progress, WireReply, WireRequest};
use crate::canonical::Image;
use crate::fault::{Bill, VendorFault};

/// How long a key that asked too often is shut out, as is documented.
const SHUT_OUT: Duration = Duration::from_mins(1);

/// The least between two questions about an order, as is documented.
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(10);

/// What replaces a picture that the filter took; it is charged like one.
const FILTERED: &str = "CONTENT_FILTERED";

/// A success in JSON, of any of the routes; echoes are raw, so that an odd one spoils nothing.
#[derive(Debug, Deserialize)]
struct Told<'a> {
    #[serde(borrow, default)]
    image: Option<Text<'a>>,
    #[serde(borrow, default)]
    result: Option<Text<'a>>,
    #[serde(borrow, default)]
    artifacts: Option<Vec<Artifact<'a>>>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    seed: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
}

/// A picture of an older engine.
#[derive(Debug, Deserialize)]
struct Artifact<'a> {
    #[serde(borrow, default)]
    base64: Option<Text<'a>>,
    #[serde(borrow, default)]
    seed: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "finishReason")]
    finish_reason: Option<&'a RawValue>,
}

pub(super) fn decode(call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
    let body = reply.body.to_bytes();
    if reply.status == 200
        && let Some(image) = drawn::binary(reply)?
    {
        return picture_itself(reply, image);
    }
    match reply.status {
        200 | 202 => told(call, reply, &body),
        404 if call.asked.method == Method::GET => {
            Err(garbled("the order that was placed is not known any more"))
        }
        _ => Err(fault(reply, &body)),
    }
}

/// A body that is the picture; what else is known is in the headers.
fn picture_itself(reply: &WireReply, image: Image) -> Result<Progress, VendorFault> {
    if reply.header("finish-reason") == Some(FILTERED) {
        return Err(filtered());
    }
    let seed = reply.header("seed").and_then(|seed| seed.trim().parse().ok());
    drawn::done(vec![Image { seed, ..image }], None)
}

fn told(call: &Call<'_>, reply: &WireReply, body: &Bytes) -> Result<Progress, VendorFault> {
    let told: Told<'_> = serde_json::from_slice(body).map_err(|fault| not_json(&fault))?;
    if told.name.is_some() {
        return Err(fault(reply, body));
    }
    if let Some(artifacts) = &told.artifacts {
        return of_an_engine(artifacts, body);
    }
    if says(told.finish_reason, FILTERED) {
        return Err(filtered());
    }
    let picture = told.image.as_ref().or(told.result.as_ref()).and_then(|text| text.picture(body));
    if let Some(picture) = picture {
        return drawn::done(vec![Image { seed: loose(told.seed), ..Image::new(picture) }], None);
    }
    let next = match loose::<String>(told.id).filter(|id| is_name(id)) {
        Some(id) => {
            WireRequest::get(format!("/v2beta/results/{id}")).with_header("accept", "image/*")
        }
        None if call.asked.method == Method::GET && reply.status == 202 => call.asked.clone(),
        None => return Err(garbled("an answer without a picture")),
    };
    let pending = Pending { next, wait: Some(BETWEEN_QUESTIONS), cancel: None, cost: None };
    Ok(Progress::Pending(Box::new(pending)))
}

/// The pictures that an engine finished; those that it did not are left out.
fn of_an_engine(artifacts: &[Artifact<'_>], body: &Bytes) -> Result<Progress, VendorFault> {
    let ended = |word: &str| artifacts.iter().any(|one| says(one.finish_reason, word));
    let kept = artifacts
        .iter()
        .filter(|one| !says(one.finish_reason, FILTERED) && !says(one.finish_reason, "ERROR"));
    let images: Vec<_> = kept
        .filter_map(|one| {
            let picture = one.base64.as_ref()?.picture(body)?;
            Some(Image { seed: loose(one.seed), ..Image::new(picture) })
        })
        .collect();
    if images.is_empty() && ended(FILTERED) {
        return Err(filtered());
    }
    if images.is_empty() && ended("ERROR") {
        return Err(VendorFault::Broken { status: 500 });
    }
    drawn::done(images, None)
}

fn filtered() -> VendorFault {
    // Billed as if it had been handed over.
    VendorFault::refused(FILTERED.to_owned()).billed(Bill::Drawn)
}

fn says(raw: Option<&RawValue>, word: &str) -> bool {
    loose::<String>(raw).is_some_and(|said| said == word)
}

/// Whether a text can be the name of an order, and so a part of a path.
fn is_name(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The fault that an error stands for: by its name first, by the status after.
fn fault(reply: &WireReply, body: &[u8]) -> VendorFault {
    let said = said(body);
    let text = |place| said.pointer(place).and_then(Value::as_str);
    let name = text("/name").unwrap_or_default();
    let words = text("/errors/0").unwrap_or_else(|| words_of(&said));
    let detail = match name {
        "" => shortened(words),
        name => shortened(&format!("{name}: {words}")),
    };
    match name {
        "content_moderation" | "public_figure" => {
            VendorFault::refused(shortened(name)).billed(Bill::Nothing)
        }
        "unauthorized" | "payment_required" => VendorFault::Denied { detail },
        "rate_limit_exceeded" => {
            VendorFault::Busy { retry_after: retry_after(reply).or(Some(SHUT_OUT)) }
        }
        _ => {
            let shut_out = (reply.status == 429).then_some(SHUT_OUT);
            fault_of_status(reply.status, &detail, retry_after(reply).or(shut_out))
        }
    }
}
