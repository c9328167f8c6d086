//! xAI's answer: its pictures, those that moderation took, and what it charged.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::drawn;
use super::super::json::{Text, loose};
use super::super::reply::{fault_of_status, not_json, retry_after, said, shortened, words_of};
use super::super::{Progress, WireReply};
use crate::canonical::Image;
use crate::fault::{Bill, VendorFault};

/// A tick is a tenth of a nano-dollar.
const TICKS: i32 = -1;

#[derive(Debug, Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default, rename = "data")]
    items: Option<Vec<Item<'a>>>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    b64_json: Option<Text<'a>>,
    #[serde(borrow, default)]
    url: Option<Text<'a>>,
    #[serde(borrow, default)]
    revised_prompt: Option<&'a RawValue>,
    #[serde(borrow, default)]
    respect_moderation: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Usage<'a> {
    #[serde(borrow, default)]
    cost_in_usd_ticks: Option<&'a RawValue>,
}

pub(super) fn decode(reply: &WireReply) -> Result<Progress, VendorFault> {
    let body = reply.body.to_bytes();
    if reply.status != 200 {
        return Err(fault(reply, &said(&body)));
    }
    let read: Reply<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
    if let Some(error) = read.error {
        return Err(fault(reply, &error));
    }
    let items = read.items.unwrap_or_default();
    let is_taken = |item: &Item<'_>| loose(item.respect_moderation) == Some(false);
    let usage: Option<Usage<'_>> = loose(read.usage);
    let cost = drawn::cost(usage.and_then(|usage| usage.cost_in_usd_ticks), TICKS);
    if !items.is_empty() && items.iter().all(is_taken) {
        let bill = cost.map_or(Bill::Unsaid, Bill::Said);
        return Err(VendorFault::refused("respect_moderation: false".to_owned()).billed(bill));
    }
    let images = items.iter().filter(|item| !is_taken(item)).filter_map(|item| {
        let mut texts = [&item.b64_json, &item.url].into_iter().flatten();
        let picture = texts.find_map(|text| drawn::text(text, &body))?;
        let revised: Option<String> = loose(item.revised_prompt);
        let revised_prompt = revised.filter(|prompt| !prompt.is_empty());
        Some(Image { revised_prompt, ..Image::new(picture) })
    });
    drawn::done(images.collect(), cost)
}

/// The fault that an error stands for, in either of its shapes: a label and words beside each
/// other, or an object with both.
fn fault(reply: &WireReply, said: &Value) -> VendorFault {
    let error = said.get("error").unwrap_or(said);
    let words = words_of(error);
    let labels = [error.get("code"), said.get("code")];
    let detail = match labels.into_iter().flatten().find_map(Value::as_str) {
        Some(label) => shortened(&format!("{label}: {words}")),
        None => shortened(words),
    };
    match (reply.status, topic(words)) {
        (400 | 401 | 403, Some(Topic::Key)) | (400 | 403 | 429, Some(Topic::Credits)) => {
            VendorFault::Denied { detail }
        }
        (200 | 400, Some(Topic::Content)) => VendorFault::refused("content moderation".to_owned()),
        (200, _) => VendorFault::Rejected { detail },
        (status, _) => fault_of_status(status, &detail, retry_after(reply)),
    }
}

/// What an error is about, where its status leaves that open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    /// Our key.
    Key,
    /// Our credits, or our own limit on spending.
    Credits,
    /// The content filter.
    Content,
}

fn topic(words: &str) -> Option<Topic> {
    let words = words.to_ascii_lowercase();
    let says = |part: &&str| words.contains(*part);
    if says(&"incorrect api key") {
        Some(Topic::Key)
    } else if ["credits", "spending limit"].iter().any(says) {
        Some(Topic::Credits)
    } else if ["content moderation", "usage guidelines"].iter().any(says) {
        Some(Topic::Content)
    } else {
        None
    }
}
