//! Imagen's answer: its pictures as slices, or why there is none.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::google::{Failed, declared, fault};
use super::super::json::{Text, loose};
use super::super::reply::{garbled, not_json, shortened};
use super::super::{Progress, WireReply};
use crate::canonical::{Image, ImageResponse};
use crate::fault::VendorFault;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reply<'a> {
    #[serde(borrow)]
    predictions: Option<Vec<Prediction<'a>>>,
    error: Option<Failed>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Prediction<'a> {
    #[serde(borrow)]
    bytes_base64_encoded: Option<Text<'a>>,
    #[serde(borrow)]
    mime_type: Option<&'a RawValue>,
    /// As it was rewritten, where it was.
    #[serde(borrow)]
    prompt: Option<&'a RawValue>,
    #[serde(borrow)]
    rai_filtered_reason: Option<&'a RawValue>,
}

pub(super) fn decode(reply: &WireReply) -> Result<Progress, VendorFault> {
    let body = reply.body.to_bytes();
    let read = serde_json::from_slice::<Reply<'_>>(&body);
    if reply.status != 200 {
        let said = read.ok().and_then(|read| read.error).unwrap_or_default();
        return Err(failed(reply.status, &said));
    }
    let read = read.map_err(|fault| not_json(&fault))?;
    if let Some(error) = &read.error {
        return Err(failed(error.code, error));
    }
    let predictions = read.predictions.as_deref();
    let images: Vec<Image> =
        predictions.iter().copied().flatten().filter_map(|one| image(&body, one)).collect();
    if images.is_empty() {
        return Err(why_nothing(&body, predictions));
    }
    Ok(Progress::Done(ImageResponse { images, ..ImageResponse::default() }))
}

fn image(body: &Bytes, prediction: &Prediction<'_>) -> Option<Image> {
    let image = Image::new(prediction.bytes_base64_encoded.as_ref()?.picture(body)?);
    let revised = loose::<String>(prediction.prompt).filter(|prompt| !prompt.is_empty());
    Some(Image {
        format: image.format.or_else(|| declared(&loose::<String>(prediction.mime_type)?)),
        revised_prompt: revised,
        ..image
    })
}

/// Documented: what the filter takes is left out, and where it takes all, the list is empty or
/// the whole answer is.
fn why_nothing(body: &[u8], predictions: Option<&[Prediction<'_>]>) -> VendorFault {
    let missing = predictions.iter().copied().flatten();
    let mut reasons = missing.filter_map(|one| loose::<String>(one.rai_filtered_reason));
    if let Some(reason) = reasons.next() {
        return VendorFault::refused(shortened(&reason));
    }
    let is_bare = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).eq(*b"{}");
    if is_bare || predictions.is_some_and(<[_]>::is_empty) {
        return VendorFault::refused("every picture was filtered out".to_owned());
    }
    garbled("an answer without a picture")
}

/// The fault that an error stands for. The filter's support codes are documented; where they are
/// given with a bad request, the filter took the prompt.
fn failed(status: u16, said: &Failed) -> VendorFault {
    if status == 400 && said.message.contains("Support codes:") {
        return VendorFault::refused(shortened(&said.message));
    }
    fault(status, said)
}
