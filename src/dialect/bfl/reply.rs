//! What Black Forest Labs answers: an order that was taken, where it stands, its picture.

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::bare::{self, is_success};
use super::super::json::{Text, loose};
use super::super::reply::{garbled, not_json, shortened};
use super::super::{Call, Pending, Progress, WireReply, WireRequest, drawn, later};
use crate::canonical::Image;
use crate::credits::Cost;
use crate::fault::{Bill, VendorFault};

/// The decimal places between a nano-dollar and a credit, which is a cent.
const CENTS: i32 = drawn::DOLLARS - 2;

/// What an order is called whose picture the filter took.
const OUTPUT_REFUSED: &str = "Content Moderated";

/// An order that was taken, or where it stands; both are read alike.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reply<'a> {
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    /// What some versions call the status.
    #[serde(borrow)]
    state: Option<&'a RawValue>,
    #[serde(borrow)]
    polling_url: Option<&'a RawValue>,
    #[serde(borrow)]
    cost: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    details: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Drawn<'a> {
    #[serde(borrow)]
    sample: Text<'a>,
    #[serde(borrow, default)]
    prompt: Option<&'a RawValue>,
    #[serde(borrow, default)]
    seed: Option<&'a RawValue>,
}

/// Why the filter said no.
#[derive(Debug, Default, Deserialize)]
struct Details {
    #[serde(rename = "Moderation Reasons", default)]
    reasons: Vec<String>,
}

pub(super) fn decode(call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
    let body = reply.body.to_bytes();
    let read = serde_json::from_slice::<Reply<'_>>(&body);
    let status = |read: &Reply<'_>| loose(read.status).or_else(|| loose(read.state));
    let word: String = read.as_ref().ok().and_then(status).unwrap_or_default();
    let is_asked_after = call.asked.method == Method::GET;
    // Also said of an order that was taken a moment ago; how long ago is not known here, so it
    // counts as being drawn, and the deadline ends it.
    if is_asked_after && word == "Task not found" {
        return Ok(pending(call.asked.clone(), None));
    }
    if !is_success(reply) {
        return Err(later::fault(call, reply));
    }
    let read = read.map_err(|fault| not_json(&fault))?;
    match word.as_str() {
        "Ready" => done(call, &body, &read),
        "Request Moderated" | OUTPUT_REFUSED => Err(refused(&word, &read)),
        "Error" | "Failed" => Err(VendorFault::Broken { status: 500 }),
        // Any other word is one of an order that is not served yet.
        _ => {
            let named = loose(read.polling_url).map(|address: String| WireRequest::get(address));
            let next = named.or_else(|| is_asked_after.then(|| call.asked.clone()));
            let next = next.ok_or_else(|| garbled("it does not say where to ask for the order"))?;
            Ok(pending(next, drawn::cost(read.cost, CENTS)))
        }
    }
}

/// The vendor's own client asks as often as we do when no wait is advised.
fn pending(next: WireRequest, cost: Option<Cost>) -> Progress {
    Progress::Pending(Box::new(Pending { next, wait: None, cancel: None, cost }))
}

fn done(call: &Call<'_>, body: &Bytes, read: &Reply<'_>) -> Result<Progress, VendorFault> {
    let drawn: Option<Drawn<'_>> = loose(read.result);
    let picture = drawn.as_ref().and_then(|drawn| bare::picture(body, Some(&drawn.sample)));
    let (Some(drawn), Some(picture)) = (drawn, picture) else {
        return Err(garbled("an answer without a picture"));
    };
    let prompt: Option<String> = loose(drawn.prompt);
    let image = Image {
        seed: loose(drawn.seed),
        revised_prompt: prompt.filter(|prompt| *prompt != call.request.prompt),
        ..Image::new(picture)
    };
    drawn::done(vec![image], None)
}

fn refused(word: &str, read: &Reply<'_>) -> VendorFault {
    let details: Details = loose(read.details).unwrap_or_default();
    let reason = match details.reasons.join(", ") {
        none if none.is_empty() => word.to_owned(),
        reasons => format!("{word}: {reasons}"),
    };
    // What it drew is billed; what it was only asked is not.
    let bill = if word == OUTPUT_REFUSED { Bill::Drawn } else { Bill::Nothing };
    VendorFault::refused(shortened(&reason)).billed(bill)
}
