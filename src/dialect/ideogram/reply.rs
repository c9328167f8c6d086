//! Ideogram's answer: the addresses of its pictures, less those that its filter took.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::drawn;
use super::super::json::{Text, loose};
use super::super::reply::{fault_of_status, not_json, retry_after, said, shortened, words_of};
use super::super::{Progress, WireReply};
use crate::canonical::{Image, Picture, Size};
use crate::fault::VendorFault;

/// What is read of an answer; echoes are raw, so that an odd one spoils nothing.
#[derive(Debug, Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default, rename = "data")]
    items: Option<Vec<Item<'a>>>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Item<'a> {
    #[serde(borrow, default)]
    url: Option<Text<'a>>,
    #[serde(borrow, default)]
    is_image_safe: Option<&'a RawValue>,
    #[serde(borrow, default)]
    prompt: Option<&'a RawValue>,
    #[serde(borrow, default)]
    seed: Option<&'a RawValue>,
    #[serde(borrow, default)]
    resolution: Option<&'a RawValue>,
    #[serde(borrow, default)]
    upscaled_resolution: Option<&'a RawValue>,
}

pub(super) fn decode(reply: &WireReply) -> Result<Progress, VendorFault> {
    let body = reply.body.to_bytes();
    if reply.status != 200 {
        return Err(fault(reply, &said(&body)));
    }
    let read: Reply<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
    let items = read.items.unwrap_or_default();
    let images: Vec<_> =
        items.iter().filter(|item| !item.is_filtered()).filter_map(Item::image).collect();
    if images.is_empty() && items.iter().any(Item::is_filtered) {
        return Err(VendorFault::refused("is_image_safe: false".to_owned()));
    }
    match read.error.filter(|_| images.is_empty()) {
        Some(error) => Err(VendorFault::Rejected { detail: shortened(words_of(&error)) }),
        None => drawn::done(images, None),
    }
}

impl Item<'_> {
    /// Whether the filter took the picture, whatever is left of it.
    fn is_filtered(&self) -> bool {
        loose(self.is_image_safe) == Some(false)
    }

    fn image(&self) -> Option<Image> {
        let url = self.url.as_ref()?.as_str();
        let is_whole = url.starts_with("https://") || url.starts_with("http://");
        let size = || loose::<Size>(self.resolution);
        is_whole.then(|| Image {
            revised_prompt: loose(self.prompt),
            seed: loose(self.seed),
            size: loose(self.upscaled_resolution).or_else(size),
            ..Image::new(Picture::Url(url.to_owned()))
        })
    }
}

/// The fault that an error stands for. A bill comes with the reason why it is one, and one of
/// those is no bill at all but too many calls at once.
fn fault(reply: &WireReply, said: &Value) -> VendorFault {
    let words = words_of(said);
    let why = said.get("reject_reason").and_then(Value::as_str).unwrap_or_default();
    match (reply.status, why) {
        (402, "inflight_limit") => VendorFault::Busy { retry_after: retry_after(reply) },
        (402, why) if !why.is_empty() => {
            VendorFault::Denied { detail: shortened(&format!("{why}: {words}")) }
        }
        (422, _) => VendorFault::refused(shortened(words)),
        (status, _) => fault_of_status(status, words, retry_after(reply)),
    }
}
