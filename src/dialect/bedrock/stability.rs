//! A canonical request as a body of Stability's models, which Bedrock takes as JSON.

use std::borrow::Cow;

use serde::Serialize;

use super::super::WireRequest;
use super::super::bare::frame_word;
use super::super::measure::decimal;
use super::super::native::within;
use super::super::unsupported::{self, Unsupported, no};
use crate::canonical::{Background, Format, Frame, ImageRequest, Operation, Ratio, Safety};
use crate::catalog::Offering;

/// The ratios that are documented; the first is what is drawn when nothing is said.
const RATIOS: [(&str, Ratio); 9] = [
    ("1:1", Ratio::new(1, 1)),
    ("16:9", Ratio::new(16, 9)),
    ("21:9", Ratio::new(21, 9)),
    ("2:3", Ratio::new(2, 3)),
    ("3:2", Ratio::new(3, 2)),
    ("4:5", Ratio::new(4, 5)),
    ("5:4", Ratio::new(5, 4)),
    ("9:16", Ratio::new(9, 16)),
    ("9:21", Ratio::new(9, 21)),
];

/// The largest seed.
const SEED_MAX: i64 = u32::MAX as i64;

/// How far to go from a picture when nobody says: the API wants to be told.
const STRENGTH_USUAL: f32 = 0.7;

#[derive(Debug, Default, Serialize)]
struct Body<'a> {
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mask: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strength: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    style_preset: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_format: Option<&'static str>,
}

/// For the models that draw from a prompt, some of them from a picture too.
pub(super) fn draw(
    path: &str,
    request: &ImageRequest,
    offering: &Offering,
    from_pictures: bool,
) -> Result<WireRequest, Unsupported> {
    unsupported::refuse(&[
        ("style", request.style.is_some()),
        ("mask", request.mask.is_some()),
        ("inputs", !request.inputs.is_empty() && !from_pictures),
        ("strength", request.strength.is_some() && request.inputs.is_empty()),
    ])?;
    let mut body = usual(request, offering)?;
    match request.inputs.first() {
        Some(image) => {
            body.mode = Some("image-to-image");
            body.image = Some(unsupported::base64(image)?);
            let strength = within("strength", request.strength, (0.0, 1.0))?;
            body.strength = Some(decimal(strength.unwrap_or(STRENGTH_USUAL)));
            keeps_its_shape(request.frame)?;
        }
        None if request.operation == Operation::Generate => {
            body.aspect_ratio = Some(frame_word(request.frame, &offering.can, &RATIOS)?);
        }
        None => return Err(no("inputs", "there is no picture to change")),
    }
    unsupported::as_json(path, &body, request, offering)
}

/// For the models that change a picture.
pub(super) fn change(
    path: &str,
    request: &ImageRequest,
    offering: &Offering,
    by_mask: bool,
) -> Result<WireRequest, Unsupported> {
    unsupported::refuse(&[
        ("strength", request.strength.is_some()),
        ("mask", request.mask.is_some() && !by_mask),
    ])?;
    let Some(image) = request.inputs.first() else {
        return Err(no("inputs", "this model changes a picture, and there is none"));
    };
    if by_mask && request.mask.is_none() {
        return Err(no("mask", "this model must be told where to change the picture"));
    }
    keeps_its_shape(request.frame)?;
    let body = Body {
        image: Some(unsupported::base64(image)?),
        mask: request.mask.as_ref().map(unsupported::base64).transpose()?,
        style_preset: request.style.as_deref(),
        ..usual(request, offering)?
    };
    unsupported::as_json(path, &body, request, offering)
}

/// What all of them are told in the same words; the encoding is not refused, for it is mended by
/// transcoding.
fn usual<'a>(request: &'a ImageRequest, offering: &Offering) -> Result<Body<'a>, Unsupported> {
    unsupported::refuse(&[
        ("operation", request.operation == Operation::Variation),
        ("count", request.count > 1),
        ("steps", request.steps.is_some()),
        ("guidance", request.guidance.is_some()),
        ("quality", request.quality.is_some()),
        ("compression", request.compression.is_some()),
        ("background", request.background == Some(Background::Transparent)),
        ("safety", request.safety == Some(Safety::Low)),
        ("end_user", request.end_user.is_some()),
        ("previews", request.previews > 0),
    ])?;
    if request.inputs.len() > 1 {
        return Err(no("inputs", "this model works from one picture"));
    }
    let format = request.format.filter(|format| offering.can.formats.contains(format));
    Ok(Body {
        prompt: &request.prompt,
        negative_prompt: request.negative_prompt.as_deref(),
        seed: seed(request.seed)?,
        output_format: match format {
            Some(format @ (Format::Png | Format::Jpeg)) => Some(format.name()),
            Some(Format::Webp | Format::Avif) | None => None,
        },
        ..Body::default()
    })
}

/// 0 is no seed here: it asks for any.
fn seed(seed: Option<i64>) -> Result<Option<i64>, Unsupported> {
    match seed {
        Some(seed) if !(1..=SEED_MAX).contains(&seed) => {
            Err(no("seed", "this API takes seeds from 1 to 4294967295"))
        }
        seed => Ok(seed),
    }
}

fn keeps_its_shape(frame: Frame) -> Result<(), Unsupported> {
    match frame {
        Frame::Auto => Ok(()),
        Frame::Ratio(_) | Frame::Pixels(_) => {
            Err(no("frame", "this API leaves a picture its shape when it changes it"))
        }
    }
}
