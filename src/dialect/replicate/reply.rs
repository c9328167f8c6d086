//! What Replicate answers: where an order stands, and what its model put out.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::bare::{self, is_success};
use super::super::json::{Text, loose};
use super::super::reply::{garbled, not_json};
use super::super::{Call, Pending, Progress, WireReply, WireRequest, drawn, later};
use super::{failure, files};
use crate::canonical::Image;
use crate::fault::VendorFault;

/// How deep in an output pictures are looked for: a list in an object is documented.
const DEPTH_MAX: u32 = 3;

/// An order, wherever it stands.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Prediction<'a> {
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    data_removed: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    urls: Option<&'a RawValue>,
}

/// Where to go with an order.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Urls {
    get: Option<String>,
    cancel: Option<String>,
}

/// What is read of the input that is echoed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Input {
    seed: Option<i64>,
}

pub(super) fn decode(call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
    if call.asked.path == files::PATH {
        return files::uploaded(call, reply);
    }
    let body = reply.body.to_bytes();
    if !is_success(reply) {
        return Err(later::fault(call, reply));
    }
    let read: Prediction<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
    let status: String = loose(read.status).unwrap_or_default();
    match status.as_str() {
        "succeeded" => done(call, &body, &read),
        "failed" => {
            let message: String = loose(read.error).unwrap_or_default();
            Err(failure::fault(&message))
        }
        // Ended before it began, so nothing was drawn.
        "aborted" => Err(VendorFault::Busy { retry_after: None }),
        // Ended on the way, by its own deadline or by hand.
        "canceled" => Err(VendorFault::TimedOut),
        // Any other word is one of an order that is not served yet.
        _ => pending(call, &read),
    }
}

fn pending(call: &Call<'_>, read: &Prediction<'_>) -> Result<Progress, VendorFault> {
    let Urls { get, cancel } = loose(read.urls).unwrap_or_default();
    let is_asked_after = call.asked.method == Method::GET;
    let next = get.map(WireRequest::get).or_else(|| is_asked_after.then(|| call.asked.clone()));
    let next = next.ok_or_else(|| garbled("it does not say where to ask for the order"))?;
    let cancel =
        cancel.map(|address| WireRequest { method: Method::POST, ..WireRequest::get(address) });
    Ok(Progress::Pending(Box::new(Pending { next, wait: None, cancel, cost: None })))
}

fn done(call: &Call<'_>, body: &Bytes, read: &Prediction<'_>) -> Result<Progress, VendorFault> {
    let mut addresses = Vec::new();
    if let Some(output) = read.output {
        collect(output, DEPTH_MAX, &mut addresses);
    }
    let pictures = addresses.iter().filter_map(|address| bare::picture(body, Some(address)));
    let mut images: Vec<_> = pictures.map(Image::new).collect();
    match images.as_mut_slice() {
        [] => return Err(why_nothing(read)),
        // With several, each is drawn from a seed of its own.
        [only] if call.request.count == 1 => {
            only.seed = loose::<Input>(read.input).and_then(|input| input.seed);
        }
        _ => {}
    }
    drawn::done(images, None)
}

/// The texts of an output: one, a list of them, or the values of an object.
fn collect<'a>(output: &'a RawValue, depth: u32, found: &mut Vec<Text<'a>>) {
    if let Some(text) = loose::<Text<'a>>(Some(output)) {
        found.push(text);
        return;
    }
    let Some(depth) = depth.checked_sub(1) else { return };
    let items: Option<Vec<&'a RawValue>> = loose(Some(output));
    let fields: Option<BTreeMap<String, &'a RawValue>> = loose(Some(output));
    let values = fields.into_iter().flat_map(BTreeMap::into_values);
    for inner in items.into_iter().flatten().chain(values) {
        collect(inner, depth, found);
    }
}

fn why_nothing(read: &Prediction<'_>) -> VendorFault {
    let is_removed: bool = loose(read.data_removed).unwrap_or_default();
    let left: Option<Vec<Value>> = loose(read.output);
    match left {
        // The checker takes pictures out of the list; documented of a list that is empty.
        Some(none) if none.is_empty() && !is_removed => {
            VendorFault::refused("the safety checker removed all pictures".to_owned())
        }
        _ if is_removed => garbled("its pictures were removed before they were asked for"),
        _ => garbled("an answer without a picture"),
    }
}
