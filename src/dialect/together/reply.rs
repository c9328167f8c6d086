//! Together's answer: its pictures, or what its error says.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::super::drawn;
use super::super::json::Text;
use super::super::reply::{fault_of_status, not_json, retry_after, said, shortened, words_of};
use super::super::{Progress, WireReply};
use crate::canonical::Image;
use crate::fault::VendorFault;

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
    b64_json: Option<Text<'a>>,
    #[serde(borrow, default)]
    url: Option<Text<'a>>,
}

pub(super) fn decode(reply: &WireReply) -> Result<Progress, VendorFault> {
    let body = reply.body.to_bytes();
    if reply.status != 200 {
        let said = said(&body);
        return Err(fault(reply, said.get("error").unwrap_or(&said)));
    }
    let read: Reply<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
    if let Some(error) = &read.error {
        return Err(fault(reply, error));
    }
    let items = read.items.iter().flatten();
    let pictures = items.filter_map(|item| {
        let mut texts = [&item.b64_json, &item.url].into_iter().flatten();
        texts.find_map(|text| drawn::text(text, &body))
    });
    drawn::done(pictures.map(Image::new).collect(), None)
}

/// The fault that an error stands for. The content filter has no code of its own, only words.
fn fault(reply: &WireReply, error: &Value) -> VendorFault {
    let text = |key| error.get(key).and_then(Value::as_str).unwrap_or_default();
    let words = words_of(error);
    let code = if text("code").is_empty() { text("type") } else { text("code") };
    let detail = match code {
        "" => shortened(words),
        code => shortened(&format!("{code}: {words}")),
    };
    let wait = retry_after(reply).or_else(|| resets_in(reply));
    match reply.status {
        200 | 400 | 422 | 500 if is_about_content(words) => {
            VendorFault::refused("NSFW content".to_owned())
        }
        200 => VendorFault::Rejected { detail },
        status => fault_of_status(status, &detail, wait),
    }
}

fn is_about_content(words: &str) -> bool {
    words.contains("NSFW content") || words.contains("flagged")
}

/// The seconds until its limit has room again.
fn resets_in(reply: &WireReply) -> Option<Duration> {
    let seconds = reply.header("x-ratelimit-reset")?.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}
