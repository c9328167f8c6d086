//! DeepInfra's native answer: pictures, those that its filter blanked, and what it charged.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::drawn;
use super::super::json::{Text, loose};
use super::super::reply::{fault_of_status, not_json, retry_after, said, shortened, words_of};
use super::super::{Progress, WireReply};
use crate::canonical::Image;
use crate::fault::VendorFault;

#[derive(Debug, Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default)]
    images: Option<Vec<Text<'a>>>,
    #[serde(borrow, default)]
    nsfw_content_detected: Option<&'a RawValue>,
    #[serde(borrow, default)]
    seed: Option<&'a RawValue>,
    #[serde(borrow, default)]
    inference_status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    detail: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct InferenceStatus<'a> {
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cost: Option<&'a RawValue>,
}

/// Which pictures are flagged and blank: each by itself, or all alike.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Flags {
    Each(Vec<Option<bool>>),
    All(bool),
}

impl Flags {
    fn is_set(&self, index: usize) -> bool {
        match self {
            Self::Each(flags) => flags.get(index).copied().flatten() == Some(true),
            Self::All(flag) => *flag,
        }
    }
}

pub(super) fn decode(reply: &WireReply) -> Result<Progress, VendorFault> {
    let body = reply.body.to_bytes();
    if reply.status != 200 {
        return Err(fault(reply));
    }
    let read: Reply<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
    let standing: Option<InferenceStatus<'_>> = loose(read.inference_status);
    let standing = standing.as_ref();
    if loose(standing.and_then(|standing| standing.status)) == Some("failed") {
        return Err(VendorFault::Broken { status: 500 });
    }
    let texts = read.images.unwrap_or_default();
    if texts.is_empty() && (read.error.is_some() || read.detail.is_some()) {
        return Err(fault(reply));
    }
    let flags: Flags = loose(read.nsfw_content_detected).unwrap_or(Flags::All(false));
    if !texts.is_empty() && (0..texts.len()).all(|index| flags.is_set(index)) {
        return Err(VendorFault::refused("nsfw_content_detected".to_owned()));
    }
    let seed = loose(read.seed);
    let kept = texts.iter().enumerate().filter(|(index, _)| !flags.is_set(*index));
    let images =
        kept.filter_map(|(_, text)| Some(Image { seed, ..Image::new(drawn::text(text, &body)?) }));
    let cost = standing.and_then(|standing| drawn::cost(standing.cost, drawn::DOLLARS));
    drawn::done(images.collect(), cost)
}

/// The fault that an error stands for: its status, with the words of any of its shapes.
fn fault(reply: &WireReply) -> VendorFault {
    let said = said(&reply.body.to_bytes());
    let places = ["/detail/error", "/error/message"];
    let nested = places.iter().find_map(|place| said.pointer(place)?.as_str());
    let detail = shortened(nested.unwrap_or_else(|| words_of(&said)));
    match reply.status {
        200 => VendorFault::Rejected { detail },
        423 => VendorFault::Denied { detail },
        status => fault_of_status(status, &detail, retry_after(reply)),
    }
}
