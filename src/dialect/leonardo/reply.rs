//! Leonardo's answers, told apart by what is in them: where to upload to, an order that is placed,
//! an order that is asked after.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::drawn;
use super::super::json::{Text, loose};
use super::super::reply::{garbled, not_json};
use super::super::{Call, Pending, Progress, WireReply, WireRequest};
use super::error;
use super::request::order;
use super::upload::{self, Place, Rest, Uploaded};
use crate::canonical::{Image, Picture};
use crate::credits::Cost;
use crate::fault::VendorFault;

/// The wait between questions: one to three seconds are documented.
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(1);

#[derive(Debug, Deserialize)]
struct Reply<'a> {
    #[serde(rename = "uploadInitImage", default)]
    place: Option<InitPlace>,
    #[serde(rename = "uploadCanvasInitImage", default)]
    places: Option<CanvasPlaces>,
    #[serde(borrow, rename = "sdGenerationJob", default)]
    placed: Option<Placed<'a>>,
    #[serde(borrow, rename = "generations_by_pk", default)]
    order: Option<Order<'a>>,
}

#[derive(Debug, Deserialize)]
struct InitPlace {
    id: String,
    url: String,
    fields: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CanvasPlaces {
    init_image_id: String,
    init_url: String,
    init_fields: String,
    mask_image_id: String,
    mask_url: String,
    mask_fields: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Placed<'a> {
    generation_id: String,
    #[serde(borrow, default)]
    cost: Option<&'a RawValue>,
}

/// What an order costs; credits are not money of ours.
#[derive(Debug, Deserialize)]
struct Price<'a> {
    #[serde(borrow)]
    amount: &'a RawValue,
    unit: String,
}

#[derive(Debug, Deserialize)]
struct Order<'a> {
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    seed: Option<&'a RawValue>,
    #[serde(borrow, default)]
    generated_images: Option<Vec<Drawn<'a>>>,
}

#[derive(Debug, Deserialize)]
struct Drawn<'a> {
    #[serde(borrow, default)]
    url: Option<Text<'a>>,
    #[serde(borrow, default)]
    nsfw: Option<&'a RawValue>,
}

pub(super) fn decode(call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
    if let Some(rest) = upload::rest_of(&call.asked.path) {
        return uploaded(call, reply, rest);
    }
    let body = reply.body.to_bytes();
    let said: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    if reply.status != 200 {
        return Err(error::fault(reply, &said));
    }
    if error::is_error(&said) {
        return in_trouble(call, error::fault(reply, &said));
    }
    let read: Reply<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
    match read {
        Reply { order: Some(order), .. } => ended(call, &order),
        Reply { placed: Some(placed), .. } => asked_after(&placed),
        Reply { place: Some(place), .. } => {
            let rest = Rest { order: Uploaded::Picture(place.id), mask: None };
            put(call, &Place { url: place.url, fields: place.fields }, &rest)
        }
        Reply { places: Some(places), .. } => {
            let mask = Place { url: places.mask_url, fields: places.mask_fields };
            let order = Uploaded::Canvas { init: places.init_image_id, mask: places.mask_image_id };
            let rest = Rest { order, mask: Some(mask) };
            put(call, &Place { url: places.init_url, fields: places.init_fields }, &rest)
        }
        // An order is asked after at once, and may not be known everywhere yet.
        _ if call.asked.method == Method::GET && said.get("generations_by_pk").is_some() => {
            Ok(not_yet(call.asked.clone(), None))
        }
        _ => Err(garbled("an answer to nothing that was asked")),
    }
}

/// A success that tells of trouble. Where an order was asked after it is the question's trouble,
/// and the order, which may be drawn by now, is asked after again.
fn in_trouble(call: &Call<'_>, fault: VendorFault) -> Result<Progress, VendorFault> {
    let passes = matches!(fault, VendorFault::Broken { .. } | VendorFault::Busy { .. });
    if passes && call.asked.method == Method::GET {
        return Ok(not_yet(call.asked.clone(), None));
    }
    Err(fault)
}

/// The first picture, on its way to where it was told to go.
fn put(call: &Call<'_>, place: &Place, rest: &Rest) -> Result<Progress, VendorFault> {
    let input = call.request.inputs.first();
    let input = input.ok_or_else(|| garbled("a place for a picture that was not sent"))?;
    upload::upload(place, input, rest).map(|next| Progress::Then(Box::new(next)))
}

/// What follows an upload: the mask's, or the order.
fn uploaded(call: &Call<'_>, reply: &WireReply, rest: Rest) -> Result<Progress, VendorFault> {
    if !(200..300).contains(&reply.status) {
        return Err(upload::fault(reply));
    }
    let next = match (rest.mask, &call.request.mask) {
        (Some(place), Some(mask)) => {
            upload::upload(&place, mask, &Rest { order: rest.order, mask: None })?
        }
        _ => order(call.request, call.offering, &rest.order)
            .map_err(|no| VendorFault::Inexpressible { parameter: no.parameter, why: no.why })?,
    };
    Ok(Progress::Then(Box::new(next)))
}

fn asked_after(placed: &Placed<'_>) -> Result<Progress, VendorFault> {
    let id = &placed.generation_id;
    let is_name = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !is_name {
        return Err(garbled("an order of a name that is none"));
    }
    let price = loose::<Price<'_>>(placed.cost).filter(|price| price.unit == "DOLLARS");
    let cost = price.and_then(|price| drawn::cost(Some(price.amount), drawn::DOLLARS));
    Ok(not_yet(WireRequest::get(format!("/generations/{id}")), cost))
}

fn not_yet(next: WireRequest, cost: Option<Cost>) -> Progress {
    let wait = Some(BETWEEN_QUESTIONS);
    Progress::Pending(Box::new(Pending { next, wait, cancel: None, cost }))
}

/// Where an order stands. A status of another name is one on the way.
fn ended(call: &Call<'_>, order: &Order<'_>) -> Result<Progress, VendorFault> {
    match loose::<String>(order.status).unwrap_or_default().as_str() {
        "COMPLETE" => pictures(order),
        "FAILED" => Err(VendorFault::Broken { status: 500 }),
        _ if call.asked.method == Method::GET => Ok(not_yet(call.asked.clone(), None)),
        _ => Err(garbled("an order that was not asked after")),
    }
}

/// The pictures, less those that the filter marked: they are served all the same.
fn pictures(order: &Order<'_>) -> Result<Progress, VendorFault> {
    let made = order.generated_images.as_deref().unwrap_or_default();
    let is_marked = |one: &&Drawn<'_>| loose(one.nsfw) == Some(true);
    let images: Vec<_> = made
        .iter()
        .filter(|one| !is_marked(one))
        .filter_map(|one| {
            let url = one.url.as_ref()?.as_str();
            let is_whole = url.starts_with("https://") || url.starts_with("http://");
            is_whole.then(|| Image {
                seed: seed(order.seed),
                ..Image::new(Picture::Url(url.to_owned()))
            })
        })
        .collect();
    if images.is_empty() && made.iter().any(|one| is_marked(&one)) {
        return Err(VendorFault::refused("nsfw: true".to_owned()));
    }
    drawn::done(images, None)
}

/// A seed, which may come as text.
fn seed(raw: Option<&RawValue>) -> Option<i64> {
    loose(raw).or_else(|| loose::<String>(raw)?.parse().ok())
}
