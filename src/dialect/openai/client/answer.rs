//! A success as OpenAI says it; a picture goes out as the slice it came in as.

use crate::canonical::{
    Answer, Background, Delivery, Format, Frame, Image, ImageRequest, Picture, Quality, Size,
    TokenUsage,
};

use super::super::super::WireReply;
use super::super::super::json::JsonBody;

pub(super) fn encode(answer: &Answer<'_>) -> WireReply {
    let mut body = JsonBody::default();
    body.raw("{\"created\":").value(&answer.unix_ms.div_euclid(1000));
    echo(&mut body, answer);
    body.raw(",\"data\":[");
    for (index, image) in answer.response.images.iter().enumerate() {
        if index > 0 {
            body.raw(",");
        }
        item(&mut body, image, answer.request.delivery);
    }
    body.raw("]");
    if let Some(tokens) = &answer.response.usage {
        usage(&mut body, tokens);
    }
    body.raw("}");
    WireReply::json(200, body.finish())
}

/// What was resolved: as the vendor says, otherwise as asked, otherwise not at all.
fn echo(body: &mut JsonBody, answer: &Answer<'_>) {
    echo_of(body, answer, answer.response.images.first());
}

/// The same for one picture of a stream.
pub(super) fn ends(body: &mut JsonBody, answer: &Answer<'_>, image: &Image) {
    echo_of(body, answer, Some(image));
}

/// What is known while the picture is still being drawn: what was asked.
pub(super) fn preview_echo(body: &mut JsonBody, request: &ImageRequest, format: Option<Format>) {
    let size = match request.frame {
        Frame::Pixels(size) => size.to_string(),
        Frame::Ratio(_) | Frame::Auto => "auto".to_owned(),
    };
    let format = format.or(request.format).unwrap_or(Format::Png);
    body.raw(",\"size\":").value(&size);
    body.raw(",\"output_format\":").value(format.name());
    body.raw(",\"quality\":").value(request.quality.map_or("auto", Quality::name));
    body.raw(",\"background\":").value(request.background.map_or("auto", background));
}

fn echo_of(body: &mut JsonBody, answer: &Answer<'_>, first: Option<&Image>) {
    let (request, response) = (answer.request, answer.response);
    let pairs = [
        ("background", response.background.or(request.background).map(background)),
        (
            "output_format",
            first.and_then(|image| image.format).or(request.format).map(Format::name),
        ),
        ("quality", response.quality.or(request.quality).map(Quality::name)),
    ];
    for (name, value) in pairs {
        if let Some(value) = value {
            body.raw(",").value(name).raw(":").value(value);
        }
    }
    if let Some(size) = size(answer, first) {
        body.raw(",\"size\":").value(&size);
    }
}

const fn background(background: Background) -> &'static str {
    match background {
        Background::Transparent => "transparent",
        Background::Opaque => "opaque",
    }
}

/// The picture's size; what was asked stands for it only if nothing was changed on the way.
fn size(answer: &Answer<'_>, first: Option<&Image>) -> Option<Size> {
    let asked = match answer.request.frame {
        Frame::Pixels(size) if answer.changes.is_empty() => Some(size),
        Frame::Pixels(_) | Frame::Ratio(_) | Frame::Auto => None,
    };
    first.and_then(|image| image.size).or(asked)
}

fn item(body: &mut JsonBody, image: &Image, delivery: Delivery) {
    let wants_url = delivery == Delivery::Url;
    match (&image.picture, &image.stored) {
        (_, Some(stored)) if wants_url => body.raw("{\"url\":").value(&stored.url),
        (Picture::Url(url), _) => body.raw("{\"url\":").value(url),
        (content @ (Picture::Base64(_) | Picture::Binary(_)), _) => {
            body.raw("{\"b64_json\":\"").picture(content).raw("\"")
        }
    };
    if let Some(prompt) = &image.revised_prompt {
        body.raw(",\"revised_prompt\":").value(prompt);
    }
    body.raw("}");
}

pub(super) fn usage(body: &mut JsonBody, tokens: &TokenUsage) {
    let usage = serde_json::json!({
        "total_tokens": tokens.input().saturating_add(tokens.output()),
        "input_tokens": tokens.input(),
        "output_tokens": tokens.output(),
        "input_tokens_details": {
            "text_tokens": tokens.text_in,
            "image_tokens": tokens.image_in,
        },
        "output_tokens_details": {
            "text_tokens": tokens.text_out,
            "image_tokens": tokens.image_out,
        },
    });
    body.raw(",\"usage\":").value(&usage);
}
