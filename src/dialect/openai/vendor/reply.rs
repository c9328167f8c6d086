//! An OpenAI vendor's answer: its pictures as slices, or the fault that its error stands for.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::canonical::{
    Background, Format, Image, ImageResponse, Picture, Quality, Size, TokenUsage,
};
use crate::fault::VendorFault;

use super::super::super::json::{Text, loose};
use super::super::super::reply::{
    fault_of_status, garbled, not_json, retry_after, shortened, words_of,
};
use super::super::super::{Progress, WireReply};
use super::super::error::{Topic, topic};

/// What is read of an answer; echoes are raw, so that an odd one spoils nothing.
#[derive(Debug, Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default, rename = "data")]
    items: Option<Vec<Item<'a>>>,
    #[serde(default)]
    error: Option<Value>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    quality: Option<&'a RawValue>,
    #[serde(borrow, default)]
    background: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output_format: Option<&'a RawValue>,
    #[serde(borrow, default)]
    size: Option<&'a RawValue>,
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

#[derive(Debug, Deserialize)]
struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    #[serde(default)]
    input_tokens_details: Option<Tokens>,
    #[serde(default)]
    output_tokens_details: Option<Tokens>,
}

#[derive(Debug, Deserialize)]
struct Tokens {
    #[serde(default)]
    text_tokens: u64,
    #[serde(default)]
    image_tokens: u64,
}

pub(super) fn decode(reply: &WireReply) -> Result<Progress, VendorFault> {
    let body = reply.body.to_bytes();
    if reply.status != 200 {
        let said = serde_json::from_slice(&body).unwrap_or(Value::Null);
        return Err(fault(reply, said.get("error").unwrap_or(&said)));
    }
    let read: Reply<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
    if let Some(error) = &read.error {
        return Err(fault(reply, error));
    }
    let response = pictures(&body, &read);
    if response.images.is_empty() {
        return Err(garbled("an answer without a picture"));
    }
    Ok(Progress::Done(response))
}

fn pictures(body: &Bytes, read: &Reply<'_>) -> ImageResponse {
    let format: Option<Format> = loose(read.output_format);
    let size: Option<Size> = loose(read.size);
    let items = read.items.iter().flatten();
    let images = items.filter_map(|item| {
        let image = Image::new(picture(body, item)?);
        Some(Image {
            format: image.format.or(format),
            size,
            revised_prompt: loose(item.revised_prompt),
            ..image
        })
    });
    ImageResponse {
        images: images.collect(),
        usage: loose(read.usage).map(tokens),
        quality: loose::<Quality>(read.quality),
        background: loose::<Background>(read.background),
        cost: None,
    }
}

fn picture(body: &Bytes, item: &Item<'_>) -> Option<Picture> {
    let inline = item.b64_json.as_ref().and_then(|text| text.picture(body));
    inline.or_else(|| address(body, item.url.as_ref()?))
}

/// An address to fetch, or the content of one that is content itself.
fn address(body: &Bytes, text: &Text<'_>) -> Option<Picture> {
    let url = text.as_str();
    if url.starts_with("data:") {
        return text.picture(body);
    }
    (url.starts_with("https://") || url.starts_with("http://"))
        .then(|| Picture::Url(url.to_owned()))
}

fn tokens(usage: Usage) -> TokenUsage {
    let input = usage
        .input_tokens_details
        .unwrap_or(Tokens { text_tokens: usage.input_tokens, image_tokens: 0 });
    let output = usage
        .output_tokens_details
        .unwrap_or(Tokens { text_tokens: 0, image_tokens: usage.output_tokens });
    TokenUsage {
        text_in: input.text_tokens,
        image_in: input.image_tokens,
        text_out: output.text_tokens,
        image_out: output.image_tokens,
    }
}

/// The fault that an error stands for: by its own words first, by the status after.
fn fault(reply: &WireReply, error: &Value) -> VendorFault {
    let text = |key| error.get(key).and_then(Value::as_str).unwrap_or_default();
    let message = words_of(error);
    let inner = error.get("inner_error").or_else(|| error.get("innererror"));
    let inner = inner.and_then(|e| e.get("code")?.as_str());
    let words = [text("code"), text("type"), inner.unwrap_or_default()];
    let retry_after = retry_after(reply);
    let detail = match text("code") {
        "" => shortened(message),
        code => shortened(&format!("{code}: {message}")),
    };
    match words.into_iter().find_map(topic) {
        Some(Topic::Content) => VendorFault::Refused { reason: reason(text("code"), message) },
        Some(Topic::Account) => VendorFault::Denied { detail },
        None if message.starts_with("Incorrect API key") => VendorFault::Denied { detail },
        Some(Topic::Pace) => VendorFault::Busy { retry_after },
        // A success that holds an error: it says no more than that something failed.
        Some(Topic::Trouble) if reply.status == 200 => VendorFault::Broken { status: 500 },
        None if reply.status == 200 => VendorFault::Rejected { detail },
        Some(Topic::Trouble) | None => fault_of_status(reply.status, &detail, retry_after),
    }
}

/// The filter's own words: its code, and its list of violations when it gives one.
fn reason(code: &str, message: &str) -> String {
    let code = if code.is_empty() { "content filter" } else { code };
    let listed =
        message.split_once("safety_violations=[").and_then(|(_, rest)| rest.split_once(']'));
    match listed {
        Some((violations, _)) => shortened(&format!("{code}: {violations}")),
        None => shortened(code),
    }
}
