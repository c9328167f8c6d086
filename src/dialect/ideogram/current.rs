//! A request in the newest namespace: JSON, or a form where pictures go along.

use serde::Serialize;

use super::super::WireRequest;
use super::super::multipart::Form;
use super::super::native;
use super::super::unsupported::{self, Unsupported, no};
use super::request::{count, draws, seed, speed};
use super::v3::{RATIOS, style_field};
use crate::canonical::{Background, Frame, ImageRequest, Quality, Size};
use crate::catalog::Offering;

/// The most pictures that go along.
const INPUTS_MAX: usize = 5;

/// The least of a side of a picture that is edited, and what it is divisible by.
const SIDE_MIN: u32 = 256;
const SIDE_STEP: u32 = 32;

/// What 4.5 and its like take; what is absent is not sent.
#[derive(Debug, Serialize)]
struct Body<'a> {
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_images: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
}

/// What 3.0 takes in this namespace.
#[derive(Debug, Serialize)]
struct Body3<'a> {
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rendering_speed: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_images: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    style_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    style_preset: Option<&'a str>,
}

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    unsupported::refuse(&[
        ("negative_prompt", request.negative_prompt.is_some()),
        ("strength", request.strength.is_some()),
        ("style", request.style.is_some()),
        ("background", request.background == Some(Background::Transparent)),
    ])?;
    if request.inputs.len() > INPUTS_MAX {
        return Err(no("inputs", "this model works from at most 5 pictures"));
    }
    let body = Body {
        prompt: &request.prompt,
        size: size(request)?,
        quality: quality(request.quality)?,
        num_images: count(request),
        seed: seed(request)?,
    };
    if request.inputs.is_empty() {
        return unsupported::as_json(&path(offering)?, &body, request, offering);
    }
    let mut form = Form::default();
    form.text("prompt", body.prompt);
    for input in &request.inputs {
        form.file("images", input)?;
    }
    if let Some(mask) = &request.mask {
        form.file("mask", mask)?;
    }
    form.maybe("size", body.size);
    form.maybe("quality", body.quality);
    form.maybe("num_images", body.num_images);
    form.maybe("seed", body.seed);
    form.extras(request, offering);
    Ok(form.post(path(offering)?))
}

pub(super) fn encode_3(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    unsupported::all_but_generation(request)?;
    unsupported::refuse(&[("background", request.background == Some(Background::Transparent))])?;
    let style = request.style.as_deref();
    let field = style.map(style_field).transpose()?;
    let body = Body3 {
        prompt: &request.prompt,
        aspect_ratio: match request.frame {
            Frame::Auto => None,
            Frame::Ratio(wanted) => Some(native::spelt(wanted, &RATIOS)?),
            Frame::Pixels(_) => return Err(no("frame", "this model takes ratios, not pixels")),
        },
        rendering_speed: speed(request.quality)?,
        negative_prompt: request.negative_prompt.as_deref(),
        num_images: count(request),
        seed: seed(request)?,
        style_type: style.filter(|_| field == Some("style_type")),
        style_preset: style.filter(|_| field == Some("style_preset")),
    };
    unsupported::as_json(&path(offering)?, &body, request, offering)
}

fn path(offering: &Offering) -> Result<String, Unsupported> {
    Ok(format!("/v2/image/generate/{}", native::in_path(offering)?))
}

fn size(request: &ImageRequest) -> Result<Option<String>, Unsupported> {
    let size = match request.frame {
        Frame::Auto => return Ok(None),
        Frame::Ratio(_) => return Err(no("frame", "this model takes pixels, not ratios")),
        Frame::Pixels(_) if request.mask.is_some() => {
            return Err(no("frame", "an edit with a mask keeps the size of its picture"));
        }
        Frame::Pixels(size) => size,
    };
    let is_drawn = if request.inputs.is_empty() { draws(size) } else { edits_to(size) };
    if is_drawn { Ok(Some(size.to_string())) } else { Err(no("frame", "no such size is drawn")) }
}

/// Whether an edit may come out at this size.
fn edits_to(size: Size) -> bool {
    let sides = [size.width, size.height];
    let (long, short) = (size.width.max(size.height), size.width.min(size.height));
    sides.iter().all(|side| *side >= SIDE_MIN && side % SIDE_STEP == 0)
        && size.pixels() <= 2048 * 2048
        && long <= short.saturating_mul(6)
}

fn quality(quality: Option<Quality>) -> Result<Option<&'static str>, Unsupported> {
    match quality {
        None => Ok(None),
        Some(known @ (Quality::Low | Quality::Medium | Quality::High)) => Ok(Some(known.name())),
        Some(Quality::XHigh | Quality::Max) => Err(no("quality", "this model stops at high")),
    }
}
