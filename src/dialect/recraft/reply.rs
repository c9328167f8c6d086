//! Recraft's answer: its pictures as slices and what they cost, or the fault that its words mean.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::drawn;
use super::super::json::{Text, loose};
use super::super::reply::{fault_of_status, not_json, retry_after, said, shortened, words_of};
use super::super::{Progress, WireReply};
use crate::canonical::Image;
use crate::fault::VendorFault;

/// A thousand units are a dollar, so that one is ten to the power of so many nano-dollars.
const UNITS: i32 = drawn::DOLLARS - 3;

/// What is read of an answer; echoes are raw, so that an odd one spoils nothing.
#[derive(Debug, Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default, rename = "data")]
    items: Option<Vec<Item<'a>>>,
    /// What routes answer with that make one picture.
    #[serde(borrow, default)]
    image: Option<Item<'a>>,
    #[serde(borrow, default)]
    credits: Option<&'a RawValue>,
    #[serde(borrow, default)]
    code: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    b64_json: Option<Text<'a>>,
    #[serde(borrow, default)]
    url: Option<Text<'a>>,
    #[serde(borrow, default)]
    revised_prompt: Option<&'a RawValue>,
}

pub(super) fn decode(reply: &WireReply) -> Result<Progress, VendorFault> {
    let body = reply.body.to_bytes();
    if reply.status != 200 {
        return Err(fault(reply, reply.status, &body));
    }
    let read: Reply<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
    let items = read.items.iter().flatten().chain(&read.image);
    let images: Vec<_> = items.filter_map(|item| image(&body, item)).collect();
    match read.code {
        Some(_) if images.is_empty() => Err(fault(reply, 400, &body)),
        _ => drawn::done(images, drawn::cost(read.credits, UNITS)),
    }
}

fn image(body: &Bytes, item: &Item<'_>) -> Option<Image> {
    let mut told = [&item.b64_json, &item.url].into_iter().flatten();
    let picture = told.find_map(|text| drawn::text(text, body))?;
    Some(Image { revised_prompt: loose(item.revised_prompt), ..Image::new(picture) })
}

/// The fault that an error stands for, which may be plain text: by its words first, by the status
/// after.
fn fault(reply: &WireReply, status: u16, body: &[u8]) -> VendorFault {
    let said = said(body);
    let text = |key| said.get(key).and_then(Value::as_str).unwrap_or_default();
    let detail = match (text("code"), text("message")) {
        ("", _) => shortened(words_of(&said)),
        (code, message) => shortened(&format!("{code}: {message}")),
    };
    let words = detail.to_ascii_lowercase();
    if words.contains("not_enough_credits") {
        return VendorFault::Denied { detail };
    }
    // The parameter of that name is not a word about the content.
    let is_about_content = words.replace("block_nsfw", "").contains("nsfw")
        || words.contains("content policy")
        || words.contains("content_policy");
    if status == 400 && is_about_content {
        return VendorFault::refused(detail);
    }
    fault_of_status(status, &detail, retry_after(reply))
}
