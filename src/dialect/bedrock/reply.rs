//! Bedrock's answer: pictures, or words for why there are none, in a success as in an error.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::json::{Text, loose};
use super::super::reply::{fault_of_status, garbled, not_json, shortened};
use super::super::{Call, Progress, WireReply};
use crate::canonical::{Image, ImageResponse};
use crate::fault::VendorFault;

/// How Stability's models begin their word for a block; what was blocked follows.
const FILTERED: &str = "Filter reason";

/// How Amazon's models say that their filter took a picture or turned down a request.
const BLOCKED: &str = "blocked by our content filters";

#[derive(Debug, Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default)]
    images: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    seeds: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reasons: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "amazon-bedrock-guardrailAction")]
    guardrail: Option<&'a RawValue>,
}

pub(super) fn decode(call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
    let body = reply.body.to_bytes();
    if reply.status != 200 {
        return Err(fault(reply, &serde_json::from_slice(&body).unwrap_or(Value::Null)));
    }
    let read: Reply<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
    if loose::<String>(read.guardrail).as_deref() == Some("INTERVENED") {
        return Err(VendorFault::refused("a guardrail intervened".to_owned()));
    }
    let reasons: Vec<Option<String>> = loose(read.finish_reasons).unwrap_or_default();
    let seeds: Vec<i64> = loose(read.seeds).unwrap_or_default();
    // Several pictures of one call do not all have the seed that was asked for.
    let asked = call.request.seed.filter(|_| call.request.count == 1);
    let pictures = read.images.iter().flatten().map(|text| text.picture(&body)).enumerate();
    let images: Vec<Image> = pictures
        .filter(|(index, _)| why(reasons.get(*index)).is_none())
        .filter_map(|(index, picture)| {
            let seed = seeds.get(index).copied();
            Some(Image { seed: seed.or(asked), ..Image::new(picture?) })
        })
        .collect();
    if !images.is_empty() {
        return Ok(Progress::Done(ImageResponse { images, ..ImageResponse::default() }));
    }
    let said = reasons.iter().find_map(|reason| why(Some(reason)));
    Err(said.unwrap_or_else(|| why_nothing(loose(read.error))))
}

/// What speaks against one of the pictures.
fn why(reason: Option<&Option<String>>) -> Option<VendorFault> {
    match reason?.as_deref()? {
        filtered if filtered.starts_with(FILTERED) => {
            Some(VendorFault::refused(shortened(filtered)))
        }
        "Inference error" => Some(VendorFault::Broken { status: 500 }),
        _ => None,
    }
}

fn why_nothing(error: Option<String>) -> VendorFault {
    match error {
        Some(error) if error.contains(BLOCKED) => {
            VendorFault::refused("content filters, of what was drawn".to_owned())
        }
        Some(error) => garbled(format!("an answer without a picture: {}", shortened(&error))),
        None => garbled("an answer without a picture"),
    }
}

/// The fault that an error stands for: by its name first, by its status after.
fn fault(reply: &WireReply, said: &Value) -> VendorFault {
    let text = |key: &str| said.get(key).and_then(Value::as_str);
    let named = reply.header("x-amzn-errortype").or_else(|| text("__type")).unwrap_or_default();
    // The name may have an address after it, or the namespace of its shape before it.
    let name = named.split(':').next().unwrap_or_default();
    let name = name.rsplit('#').next().unwrap_or_default();
    let message = text("message").or_else(|| text("Message")).unwrap_or_default();
    let detail = match name {
        "" => shortened(message),
        name => shortened(&format!("{name}: {message}")),
    };
    match name {
        "ValidationException" if message.contains(BLOCKED) => {
            VendorFault::refused("content filters, of what was asked".to_owned())
        }
        "ServiceQuotaExceededException" => VendorFault::Denied { detail },
        "ThrottlingException" | "ModelNotReadyException" => VendorFault::Busy { retry_after: None },
        "ModelTimeoutException" => VendorFault::TimedOut,
        "ModelErrorException" => VendorFault::Broken { status: reply.status },
        _ => fault_of_status(reply.status, &detail, None),
    }
}
