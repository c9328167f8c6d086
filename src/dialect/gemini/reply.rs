//! Gemini's answer: the pictures among its parts, or why there is none.

use bytes::Bytes;
use serde::Deserialize;

use super::super::google::{Failed, declared, fault};
use super::super::json::Text;
use super::super::reply::{garbled, not_json};
use super::super::{Progress, WireReply};
use crate::canonical::{Image, ImageResponse, TokenUsage};
use crate::fault::VendorFault;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Reply<'a> {
    #[serde(borrow)]
    candidates: Vec<Candidate<'a>>,
    #[serde(alias = "prompt_feedback")]
    prompt_feedback: Option<PromptFeedback>,
    #[serde(alias = "usage_metadata")]
    usage_metadata: Option<Usage>,
    error: Option<Failed>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Candidate<'a> {
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(alias = "finish_reason")]
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Vec<Part<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Part<'a> {
    thought: bool,
    #[serde(borrow, alias = "inline_data")]
    inline_data: Option<Inline<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inline<'a> {
    #[serde(alias = "mime_type", default)]
    mime_type: Option<String>,
    #[serde(borrow, rename = "data")]
    content: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PromptFeedback {
    #[serde(alias = "block_reason")]
    block_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Usage {
    prompt_token_count: u64,
    candidates_token_count: u64,
    thoughts_token_count: u64,
    prompt_tokens_details: Vec<Modality>,
    candidates_tokens_details: Vec<Modality>,
    cached_content_token_count: u64,
    cache_tokens_details: Vec<Modality>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Modality {
    modality: String,
    token_count: u64,
}

/// What streaming endpoints answer with: the same thing as the only item of a list.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct ListOfOne<'a>(#[serde(borrow)] [Reply<'a>; 1]);

pub(super) fn decode(reply: &WireReply) -> Result<Progress, VendorFault> {
    let body = reply.body.to_bytes();
    let read = read(&body);
    if reply.status != 200 {
        let said = read.ok().and_then(|read| read.error).unwrap_or_default();
        return Err(fault(reply.status, &said));
    }
    let read = read.map_err(|fault| not_json(&fault))?;
    if let Some(error) = &read.error {
        return Err(fault(error.code, error));
    }
    let images = pictures(&body, &read);
    if images.is_empty() {
        return Err(why_nothing(&read));
    }
    Ok(Progress::Done(ImageResponse {
        images,
        usage: read.usage_metadata.as_ref().map(tokens),
        ..ImageResponse::default()
    }))
}

fn read(body: &Bytes) -> Result<Reply<'_>, serde_json::Error> {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'[') {
        let ListOfOne([only]) = serde_json::from_slice(body)?;
        return Ok(only);
    }
    serde_json::from_slice(body)
}

/// The pictures of all parts, less those that were only thought of on the way.
fn pictures(body: &Bytes, read: &Reply<'_>) -> Vec<Image> {
    let contents = read.candidates.iter().filter_map(|c| c.content.as_ref());
    let parts = contents.flat_map(|content| &content.parts);
    parts
        .filter(|part| !part.thought)
        .filter_map(|part| {
            let inline = part.inline_data.as_ref()?;
            let image = Image::new(inline.content.picture(body)?);
            let format = image.format.or_else(|| declared(inline.mime_type.as_deref()?));
            Some(Image { format, ..image })
        })
        .collect()
}

/// What a candidate's `finishReason` says about the picture that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// The content filter took it.
    Blocked,
    /// The model answered in words, or not at all.
    Wordy,
    /// There was no room left for it.
    CutOff,
}

/// Only what is documented as a block counts as one.
fn ending(finish_reason: &str) -> Ending {
    match finish_reason {
        "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION"
        | "IMAGE_OTHER"
        | "SAFETY"
        | "PROHIBITED_CONTENT"
        | "RECITATION"
        | "BLOCKLIST"
        | "SPII" => Ending::Blocked,
        "MAX_TOKENS" | "CONTINUATION" => Ending::CutOff,
        _ => Ending::Wordy,
    }
}

fn why_nothing(read: &Reply<'_>) -> VendorFault {
    let blocked = read.prompt_feedback.as_ref();
    if let Some(reason) = blocked.and_then(|feedback| feedback.block_reason.clone()) {
        return VendorFault::refused(reason);
    }
    let finished = read.candidates.iter().find_map(|c| c.finish_reason.clone());
    let Some(reason) = finished else {
        return garbled("an answer without a picture");
    };
    match ending(&reason) {
        Ending::Blocked => VendorFault::refused(reason),
        Ending::Wordy => garbled(format!("an answer without a picture: {reason}")),
        Ending::CutOff => garbled(format!("an answer cut off before its picture: {reason}")),
    }
}

fn tokens(usage: &Usage) -> TokenUsage {
    let (text_in, image_in) =
        by_modality(&usage.prompt_tokens_details).unwrap_or((usage.prompt_token_count, 0));
    let (text_out, image_out) =
        by_modality(&usage.candidates_tokens_details).unwrap_or((0, usage.candidates_token_count));
    let (cached_text_in, cached_image_in) =
        by_modality(&usage.cache_tokens_details).unwrap_or((usage.cached_content_token_count, 0));
    TokenUsage {
        text_in,
        image_in,
        text_out: text_out.saturating_add(usage.thoughts_token_count),
        image_out,
        cached_text_in,
        cached_image_in,
    }
}

/// Text and image tokens; `None` when they are not told apart.
fn by_modality(details: &[Modality]) -> Option<(u64, u64)> {
    let sum = |is_image: bool| {
        let of_kind = details.iter().filter(|d| (d.modality == "IMAGE") == is_image);
        of_kind.fold(0_u64, |sum, d| sum.saturating_add(d.token_count))
    };
    (!details.is_empty()).then(|| (sum(false), sum(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_out_of_the_cache_are_a_part_of_those_that_went_in() {
        let usage = r#"{"promptTokenCount":900,"cachedContentTokenCount":640,
                        "promptTokensDetails":[{"modality":"TEXT","tokenCount":340},
                                               {"modality":"IMAGE","tokenCount":560}],
                        "cacheTokensDetails":[{"modality":"TEXT","tokenCount":80},
                                              {"modality":"IMAGE","tokenCount":560}]}"#;
        let tokens = tokens(&serde_json::from_str(usage).unwrap());
        assert_eq!((tokens.text_in, tokens.cached_text_in), (340, 80));
        assert_eq!((tokens.image_in, tokens.cached_image_in), (560, 560));
    }
}
