//! An OpenAI vendor's answer, whole or streamed: its pictures as slices, or the fault that its
//! error stands for.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::canonical::{
    Background, Format, Image, ImageResponse, Picture, Quality, Size, TokenUsage,
};
use crate::fault::VendorFault;

use super::super::super::json::{Text, loose};
use super::super::super::reply::{garbled, not_json};
use super::super::super::{Event, Preview, Progress, WireReply, sse};
use super::fault::fault;

/// What is read of an answer, or of one event of an answer that is streamed: an event has its one
/// picture beside its echoes. Echoes are raw, so that an odd one spoils nothing.
#[derive(Debug, Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    b64_json: Option<Text<'a>>,
    #[serde(borrow, default)]
    partial_image_index: Option<&'a RawValue>,
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
    let response = if is_stream(reply) { streamed(reply, &body)? } else { whole(reply, &body)? };
    if response.images.is_empty() {
        return Err(garbled("an answer without a picture"));
    }
    Ok(Progress::Done(response))
}

fn is_stream(reply: &WireReply) -> bool {
    let kind = reply.header("content-type").and_then(|kind| kind.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/event-stream"))
}

fn whole(reply: &WireReply, body: &Bytes) -> Result<ImageResponse, VendorFault> {
    let read: Reply<'_> = serde_json::from_slice(body).map_err(|fault| not_json(&fault))?;
    match &read.error {
        Some(error) => Err(fault(reply, error)),
        None => Ok(pictures(body, &read)),
    }
}

/// All pictures of a stream that has ended, each in an event of its own. An error after a picture
/// does not take that one away: it is drawn and billed.
fn streamed(reply: &WireReply, body: &Bytes) -> Result<ImageResponse, VendorFault> {
    let mut response = ImageResponse::default();
    let mut failure = None;
    for event in sse::events(body) {
        let Ok(read) = serde_json::from_slice::<Reply<'_>>(&event.content) else {
            continue;
        };
        if let Some(error) = &read.error {
            failure.get_or_insert_with(|| fault(reply, error));
        } else if is_one_of(&event, &read, [COMPLETED, EDIT_COMPLETED]) {
            let one = pictures(&event.content, &read);
            let usage = [response.usage, one.usage].into_iter().flatten();
            response = ImageResponse {
                images: response.images.into_iter().chain(one.images).collect(),
                usage: usage.reduce(TokenUsage::plus),
                ..one
            };
        }
    }
    match failure {
        Some(fault) if response.images.is_empty() => Err(fault),
        Some(_) | None => Ok(response),
    }
}

pub(super) fn preview(event: &Event) -> Option<Preview> {
    let read: Reply<'_> = serde_json::from_slice(&event.content).ok()?;
    if !is_one_of(event, &read, [PARTIAL, EDIT_PARTIAL]) {
        return None;
    }
    let picture = read.b64_json.as_ref()?.picture(&event.content)?;
    Some(Preview { index: loose(read.partial_image_index).unwrap_or(0), picture })
}

const PARTIAL: &str = "image_generation.partial_image";
const COMPLETED: &str = "image_generation.completed";
const EDIT_PARTIAL: &str = "image_edit.partial_image";
const EDIT_COMPLETED: &str = "image_edit.completed";

/// Whether an event is of one of these kinds, by its name or by what it repeats of it.
fn is_one_of(event: &Event, read: &Reply<'_>, kinds: [&str; 2]) -> bool {
    let repeated = loose::<String>(read.kind).unwrap_or_default();
    kinds.iter().any(|kind| *kind == event.name || *kind == repeated)
}

fn pictures(body: &Bytes, read: &Reply<'_>) -> ImageResponse {
    let format: Option<Format> = loose(read.output_format);
    let size: Option<Size> = loose(read.size);
    let described = |picture, revised_prompt| {
        let image = Image::new(picture);
        Image { format: image.format.or(format), size, revised_prompt, ..image }
    };
    let items = read.items.iter().flatten();
    let items =
        items.filter_map(|item| Some(described(picture(body, item)?, loose(item.revised_prompt))));
    let own = read.b64_json.as_ref().and_then(|text| text.picture(body));
    let images = items.chain(own.map(|picture| described(picture, None)));
    ImageResponse {
        images: images.collect(),
        usage: loose(read.usage).map(tokens),
        quality: loose::<Quality>(read.quality),
        background: loose::<Background>(read.background),
        cost: None,
        watermarked: false,
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
        ..TokenUsage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, json: &'static str) -> Event {
        Event { name: name.to_owned(), content: Bytes::from_static(json.as_bytes()) }
    }

    #[test]
    fn a_partial_picture_of_either_kind_is_a_preview_and_a_slice_of_its_event() {
        let json =
            r#"{"type":"image_edit.partial_image","b64_json":"iVBO","partial_image_index":2}"#;
        for event in [event(PARTIAL, json), event("", json)] {
            let preview = preview(&event).unwrap();
            assert_eq!(preview.index, 2);
            let Picture::Base64(text) = preview.picture else { panic!("not base64") };
            assert!(event.content.as_ptr_range().contains(&text.as_ptr()));
        }
    }

    #[test]
    fn no_other_event_is_a_preview() {
        let events = [
            event(COMPLETED, r#"{"type":"image_generation.completed","b64_json":"iVBO"}"#),
            event(PARTIAL, r#"{"b64_json":""}"#),
            event(PARTIAL, r#"{"b64_json":7}"#),
            event("error", r#"{"error":{"message":"no"}}"#),
            event("", "[DONE]"),
        ];
        for event in events {
            assert_eq!(preview(&event), None, "{event:?}");
        }
    }
}
