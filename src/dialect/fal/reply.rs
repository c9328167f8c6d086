//! What fal answers: where an order in the queue stands, or what the model drew.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::bare::{self, is_success};
use super::super::json::{Text, loose};
use super::super::reply::{garbled, not_json, said};
use super::super::{Call, Pending, Progress, WireReply, WireRequest, drawn};
use super::error;
use crate::canonical::{Format, Image};
use crate::fault::VendorFault;

/// An order in the queue or a result; which of them it is shows in what is there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reply<'a> {
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    status_url: Option<&'a RawValue>,
    #[serde(borrow)]
    response_url: Option<&'a RawValue>,
    #[serde(borrow)]
    cancel_url: Option<&'a RawValue>,
    #[serde(borrow)]
    error_type: Option<&'a RawValue>,
    #[serde(borrow)]
    images: Option<Vec<Media<'a>>>,
    #[serde(borrow)]
    image: Option<Media<'a>>,
    #[serde(borrow)]
    seed: Option<&'a RawValue>,
    #[serde(borrow)]
    prompt: Option<&'a RawValue>,
    #[serde(borrow)]
    has_nsfw_concepts: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Media<'a> {
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow, default)]
    content_type: Option<&'a RawValue>,
    #[serde(borrow, default)]
    width: Option<&'a RawValue>,
    #[serde(borrow, default)]
    height: Option<&'a RawValue>,
}

pub(super) fn decode(call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
    let body = reply.body.to_bytes();
    if !is_success(reply) {
        let said = said(&body);
        if is_early(call, reply, &said) {
            return Ok(pending(call.asked.clone(), None, None));
        }
        return Err(error::fault(call, reply, &said));
    }
    let read: Reply<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
    if read.images.is_some() || read.image.is_some() {
        return pictures(call, &body, &read);
    }
    let status: Option<String> = loose(read.status);
    match status.as_deref() {
        None => Err(garbled("an answer without a picture")),
        Some("COMPLETED") => completed(call, &read),
        // Any other word is one of an order that is not served yet.
        Some(_) => {
            let named = loose(read.status_url).map(|address: String| WireRequest::get(address));
            let is_asked_after = call.asked.method == Method::GET;
            let next = named.or_else(|| is_asked_after.then(|| call.asked.clone()));
            let next = next.ok_or_else(|| garbled("it does not say where to ask for the order"))?;
            Ok(pending(next, None, loose(read.cancel_url)))
        }
    }
}

/// Whether a result was asked for before it was there.
fn is_early(call: &Call<'_>, reply: &WireReply, said: &Value) -> bool {
    let words = said.get("detail").and_then(Value::as_str);
    call.asked.method == Method::GET
        && reply.status == 400
        && words == Some("Request is still in progress")
}

/// The result of an order, which holds the model's own error if it made one.
fn completed(call: &Call<'_>, read: &Reply<'_>) -> Result<Progress, VendorFault> {
    if let Some(word) = loose::<String>(read.error_type) {
        return Err(error::of_completed(&word));
    }
    let named = loose(read.response_url).filter(|address: &String| *address != call.asked.path);
    let address = named.ok_or_else(|| garbled("it does not say where the result is"))?;
    Ok(pending(WireRequest::get(address), Some(Duration::ZERO), None))
}

fn pending(next: WireRequest, wait: Option<Duration>, cancel: Option<String>) -> Progress {
    let cancel =
        cancel.map(|address| WireRequest { method: Method::PUT, ..WireRequest::get(address) });
    Progress::Pending(Box::new(Pending { next, wait, cancel, cost: None }))
}

fn pictures(call: &Call<'_>, body: &Bytes, read: &Reply<'_>) -> Result<Progress, VendorFault> {
    let blocked: Vec<bool> = loose(read.has_nsfw_concepts).unwrap_or_default();
    let media: Vec<_> = read.images.iter().flatten().chain(&read.image).collect();
    let is_blocked = |index: usize| blocked.get(index).is_some_and(|blocked| *blocked);
    if !media.is_empty() && (0..media.len()).all(is_blocked) {
        return Err(VendorFault::refused("has_nsfw_concepts".to_owned()));
    }
    // What the checker found is painted over in black, so it is no picture of what was asked.
    let left = media.iter().enumerate().filter(|(index, _)| !is_blocked(*index));
    let prompt: Option<String> = loose(read.prompt);
    let prompt = prompt.filter(|prompt| *prompt != call.request.prompt);
    let images = left.filter_map(|(_, media)| image(body, media));
    let mut images: Vec<_> =
        images.map(|image| Image { revised_prompt: prompt.clone(), ..image }).collect();
    match images.as_mut_slice() {
        [] => return Err(garbled("an answer without a picture")),
        // With several, it is the seed of all of them together.
        [only] if media.len() == 1 => only.seed = loose(read.seed),
        _ => {}
    }
    drawn::done(images, None)
}

fn image(body: &Bytes, media: &Media<'_>) -> Option<Image> {
    let image = Image::new(bare::picture(body, Some(&media.url))?);
    let mime: Option<String> = loose(media.content_type);
    let formats = [Format::Png, Format::Jpeg, Format::Webp];
    let declared = formats.into_iter().find(|format| mime.as_deref() == Some(format.mime()));
    Some(Image {
        format: image.format.or(declared),
        size: bare::size(loose(media.width), loose(media.height)),
        ..image
    })
}
