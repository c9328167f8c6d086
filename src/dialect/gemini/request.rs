//! A canonical request as Gemini's `generateContent` body.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use super::super::WireRequest;
use super::super::google;
use super::super::google::picture::BODY_BYTES_MAX;
use super::super::unsupported::{self, Unsupported};
use super::family::Family;
use crate::canonical::{Background, ImageRequest, Operation, Safety};
use crate::catalog::Offering;

/// What a content filter can be asked to look for.
pub(super) const HARMS: [&str; 4] = [
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
];

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    contents: [Content<'a>; 1],
    generation_config: GenerationConfig,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    safety_settings: Vec<SafetySetting>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<&'static str, &'a str>,
}

#[derive(Debug, Serialize)]
struct Content<'a> {
    role: &'static str,
    parts: Vec<Part<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Part<'a> {
    Text(&'a str),
    InlineData(Inline<'a>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Inline<'a> {
    mime_type: &'static str,
    #[serde(rename = "data")]
    content: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig {
    response_modalities: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i32>,
    #[serde(skip_serializing_if = "ImageConfig::is_empty")]
    image_config: ImageConfig,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_size: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_output_options: Option<OutputOptions>,
}

/// Known to Vertex only, so only an offering that lists formats is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputOptions {
    mime_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    compression_quality: Option<u8>,
}

#[derive(Debug, Serialize)]
struct SafetySetting {
    category: &'static str,
    threshold: &'static str,
}

impl ImageConfig {
    const fn is_empty(&self) -> bool {
        self.aspect_ratio.is_none()
            && self.image_size.is_none()
            && self.image_output_options.is_none()
    }
}

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    refuse_what_has_no_word(request)?;
    let family = Family::of(&offering.vendor_model);
    let body = Body {
        contents: [Content { role: "user", parts: parts(request, family)? }],
        generation_config: GenerationConfig {
            response_modalities: ["IMAGE"],
            seed: seed(request, offering)?,
            image_config: image_config(request, offering, family)?,
        },
        safety_settings: safety_settings(request.safety),
        labels: labels(request)?,
    };
    let path = format!("/models/{}:generateContent", offering.vendor_model);
    let wire = unsupported::as_json(&path, &body, request, offering)?;
    if !request.inputs.is_empty() && wire.body.len() > BODY_BYTES_MAX {
        return Err(unsupported::no("inputs", "with pictures, this API takes 20 MiB in all"));
    }
    Ok(wire)
}

fn refuse_what_has_no_word(request: &ImageRequest) -> Result<(), Unsupported> {
    unsupported::refuse(&[
        ("operation", request.operation == Operation::Variation),
        ("mask", request.mask.is_some()),
        ("strength", request.strength.is_some()),
        ("count", request.count > 1),
        ("negative_prompt", request.negative_prompt.is_some()),
        ("style", request.style.is_some()),
        ("steps", request.steps.is_some()),
        ("guidance", request.guidance.is_some()),
        ("quality", request.quality.is_some()),
        ("background", request.background == Some(Background::Transparent)),
    ])
}

/// The prompt, and after it the pictures to work from.
fn parts(request: &ImageRequest, family: Family) -> Result<Vec<Part<'_>>, Unsupported> {
    if request.operation == Operation::Edit && request.inputs.is_empty() {
        return Err(unsupported::no("inputs", "there is no picture to edit"));
    }
    if request.inputs.len() > family.inputs_max() {
        return Err(unsupported::no("inputs", "this model works from fewer pictures"));
    }
    let mut parts = vec![Part::Text(&request.prompt)];
    for image in &request.inputs {
        let content = unsupported::base64(image)?;
        parts.push(Part::InlineData(Inline { mime_type: image.format.mime(), content }));
    }
    Ok(parts)
}

fn seed(request: &ImageRequest, offering: &Offering) -> Result<Option<i32>, Unsupported> {
    match request.seed.filter(|_| offering.can.seed) {
        None => Ok(None),
        Some(seed) => i32::try_from(seed)
            .map(Some)
            .map_err(|_| unsupported::no("seed", "this API takes seeds of 32 bits")),
    }
}

fn image_config(
    request: &ImageRequest,
    offering: &Offering,
    family: Family,
) -> Result<ImageConfig, Unsupported> {
    let shape = google::shape(request.frame, &offering.can)?;
    let encoding = google::encoding(request, &offering.can)?;
    Ok(ImageConfig {
        aspect_ratio: family.ratio(shape)?,
        image_size: family.image_size(shape)?,
        image_output_options: encoding.map(|(format, compression_quality)| OutputOptions {
            mime_type: format.mime(),
            compression_quality,
        }),
    })
}

fn safety_settings(safety: Option<Safety>) -> Vec<SafetySetting> {
    match safety {
        None | Some(Safety::Standard) => Vec::new(),
        Some(Safety::Low) => HARMS
            .into_iter()
            .map(|category| SafetySetting { category, threshold: "BLOCK_NONE" })
            .collect(),
    }
}

/// The end user as a label, which Vertex keeps with the call.
fn labels(request: &ImageRequest) -> Result<BTreeMap<&'static str, &str>, Unsupported> {
    let Some(tag) = request.end_user.as_deref() else {
        return Ok(BTreeMap::new());
    };
    let is_letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    if tag.is_empty() || tag.len() > 63 || !tag.bytes().all(is_letter) {
        return Err(unsupported::no(
            "end_user",
            "a label here has at most 63 lower-case letters, digits, `_` and `-`",
        ));
    }
    Ok(BTreeMap::from([("end_user", tag)]))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::canonical::{Format, InputImage, Picture, Size};
    use crate::catalog::{BaseUrl, Capabilities, Frames, InProcess, Vendor};

    use super::*;

    #[test]
    fn pictures_that_are_too_much_together_are_not_sent() {
        let frames = Frames::Sizes(Vec::new());
        let can = Capabilities::everything(frames, Size::new(1024, 1024));
        let vendor = Vendor::new("v", "golden", BaseUrl::InProcess(InProcess::default()));
        let offering = Offering::new("m/v", Arc::new(vendor), "gemini-3-pro-image", can);
        let image = InputImage {
            format: Format::Png,
            picture: Picture::Base64(vec![b'A'; BODY_BYTES_MAX / 2].into()),
        };
        let asked = |count| ImageRequest {
            operation: Operation::Edit,
            prompt: "make it night".to_owned(),
            inputs: vec![image.clone(); count],
            ..ImageRequest::default()
        };
        assert!(encode(&asked(1), &offering).is_ok());
        assert_eq!(encode(&asked(2), &offering).unwrap_err().parameter, "inputs");
    }
}
