//! A canonical request as xAI's body, to draw or to edit.

use serde::Serialize;

use super::super::WireRequest;
use super::super::native;
use super::super::unsupported::{self, Unsupported, no};
use crate::canonical::{Background, Frame, ImageRequest, Operation, Quality, Safety, Size};
use crate::catalog::Offering;

/// Pictures per call.
const COUNT_MAX: u32 = 10;

/// The ratios that are documented.
const RATIOS: [(u32, u32, &str); 13] = [
    (1, 1, "1:1"),
    (16, 9, "16:9"),
    (9, 16, "9:16"),
    (4, 3, "4:3"),
    (3, 4, "3:4"),
    (3, 2, "3:2"),
    (2, 3, "2:3"),
    (2, 1, "2:1"),
    (1, 2, "1:2"),
    (39, 18, "19.5:9"),
    (18, 39, "9:19.5"),
    (20, 9, "20:9"),
    (9, 20, "9:20"),
];

#[derive(Debug, Serialize)]
struct Body<'a> {
    model: &'a str,
    prompt: &'a str,
    response_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<Input>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    images: Vec<Input>,
}

#[derive(Debug, Serialize)]
struct Input {
    r#type: &'static str,
    url: String,
}

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    // Later models take more than the first ones; a name that we do not know is taken for one of
    // those, because what a model does not know it refuses.
    let is_later = offering.vendor_model.starts_with("grok-imagine-image-2.");
    refuse_what_has_no_word(request, is_later)?;
    let (aspect_ratio, size) = frame(request.frame, offering)?;
    let mut images = request
        .inputs
        .iter()
        .map(|image| Ok(Input { r#type: "image_url", url: unsupported::data_address(image)? }))
        .collect::<Result<Vec<_>, Unsupported>>()?;
    let path = if images.is_empty() { "/images/generations" } else { "/images/edits" };
    let image = if images.len() == 1 { images.pop() } else { None };
    let body = Body {
        model: &offering.vendor_model,
        prompt: &request.prompt,
        response_format: "b64_json",
        n: native::within("count", Some(request.count), (0, COUNT_MAX))?.filter(|n| *n > 1),
        aspect_ratio,
        resolution: resolution(size)?,
        quality: quality(request.quality)?,
        user: request.end_user.as_deref(),
        image,
        images,
    };
    unsupported::as_json(path, &body, request, offering)
}

fn refuse_what_has_no_word(request: &ImageRequest, is_later: bool) -> Result<(), Unsupported> {
    let (inputs, inputs_max) = (request.inputs.len(), if is_later { 5 } else { 3 });
    let is_edit = request.operation == Operation::Edit;
    unsupported::refuse(&[
        ("operation", request.operation == Operation::Variation),
        ("inputs", inputs > inputs_max || is_edit && inputs == 0),
        ("mask", request.mask.is_some()),
        ("strength", request.strength.is_some()),
        ("negative_prompt", request.negative_prompt.is_some()),
        ("seed", request.seed.is_some()),
        ("steps", request.steps.is_some()),
        ("guidance", request.guidance.is_some()),
        ("style", request.style.is_some()),
        ("quality", request.quality.is_some() && !is_later),
        ("compression", request.compression.is_some()),
        ("background", request.background == Some(Background::Transparent)),
        ("safety", request.safety == Some(Safety::Low)),
    ])
}

/// The ratio to ask for, and the pixels that the offering draws at it.
fn frame(
    frame: Frame,
    offering: &Offering,
) -> Result<(Option<&'static str>, Option<Size>), Unsupported> {
    match native::shape(frame, &offering.can)? {
        None => Ok((None, Some(offering.can.size_default))),
        Some(shape) => Ok((Some(native::spelt(shape.ratio, &RATIOS)?), shape.size)),
    }
}

/// The size class that so many pixels are of; left out where it is the default.
fn resolution(size: Option<Size>) -> Result<Option<&'static str>, Unsupported> {
    match size.map(|size| size.pixels().isqrt()) {
        None | Some(0..1536) => Ok(None),
        Some(1536..3072) => Ok(Some("2k")),
        Some(3072..) => Err(no("frame", "this API draws nothing above its 2k class")),
    }
}

fn quality(quality: Option<Quality>) -> Result<Option<&'static str>, Unsupported> {
    match quality {
        None => Ok(None),
        Some(Quality::Low) => Ok(Some("low")),
        Some(Quality::Medium) => Ok(Some("medium")),
        Some(Quality::High | Quality::XHigh | Quality::Max) => {
            Err(no("quality", "this model stops at medium"))
        }
    }
}
