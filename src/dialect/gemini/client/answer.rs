//! A success as Gemini says it; a picture goes out as the slice it came in as.

use serde_json::{Value, json};

use super::super::super::Pieces;
use super::super::super::json::JsonBody;
use crate::canonical::{Answer, Format, Image, Picture, TokenUsage};

/// The body of an answer.
pub(super) fn encode(answer: &Answer<'_>) -> Pieces {
    let mut body = JsonBody::default();
    write(&mut body, answer);
    body.raw("}");
    body.finish()
}

/// The same, less the brace at its end.
pub(super) fn write(body: &mut JsonBody, answer: &Answer<'_>) {
    let images = &answer.response.images;
    body.raw("{\"candidates\":[");
    if answer.request.count > 1 {
        // As many candidates as were asked for, each a picture of its own.
        for (index, image) in images.iter().enumerate() {
            if index > 0 {
                body.raw(",");
            }
            candidate(body, index, std::slice::from_ref(image));
        }
    } else {
        candidate(body, 0, images);
    }
    body.raw("]");
    if let Some(tokens) = &answer.response.usage {
        body.raw(",\"usageMetadata\":").value(&usage(tokens));
    }
    body.raw(",\"modelVersion\":").value(answer.model);
    body.raw(",\"responseId\":").value(answer.request_id.as_str());
}

fn candidate(body: &mut JsonBody, index: usize, images: &[Image]) {
    body.raw("{\"content\":{\"role\":\"model\",\"parts\":[");
    for (index, image) in images.iter().enumerate() {
        if index > 0 {
            body.raw(",");
        }
        body.raw("{");
        part(body, image.format, &image.picture);
        body.raw("}");
    }
    body.raw("]},\"finishReason\":\"STOP\",\"index\":").value(&index).raw("}");
}

/// The media type of bytes that nothing is known of.
const UNKNOWN: &str = "application/octet-stream";

/// A picture, inline; one that is somewhere else as its address.
pub(super) fn part(body: &mut JsonBody, format: Option<Format>, picture: &Picture) {
    let mime = format.or_else(|| picture.sniff()).map_or(UNKNOWN, Format::mime);
    match picture {
        Picture::Url(url) => {
            let file = json!({ "mimeType": mime, "fileUri": url });
            body.raw("\"fileData\":").value(&file)
        }
        content @ (Picture::Base64(_) | Picture::Binary(_)) => body
            .raw("\"inlineData\":{\"mimeType\":")
            .value(mime)
            .raw(",\"data\":\"")
            .picture(content)
            .raw("\"}"),
    };
}

fn usage(tokens: &TokenUsage) -> Value {
    json!({
        "promptTokenCount": tokens.input(),
        "candidatesTokenCount": tokens.output(),
        "totalTokenCount": tokens.input().saturating_add(tokens.output()),
        "promptTokensDetails": details(tokens.text_in, tokens.image_in),
        "candidatesTokensDetails": details(tokens.text_out, tokens.image_out),
    })
}

/// The kinds of token that there are any of.
fn details(text: u64, image: u64) -> Vec<Value> {
    let kinds = [("TEXT", text), ("IMAGE", image)].into_iter().filter(|(_, count)| *count > 0);
    kinds.map(|(kind, count)| json!({ "modality": kind, "tokenCount": count })).collect()
}
