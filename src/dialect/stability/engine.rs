//! The older engines of `v1`: any number of pictures in a call, sizes in pixels, JSON to draw and
//! a form to work on a picture.

use serde::Serialize;

use super::super::WireRequest;
use super::super::multipart::Form;
use super::super::native;
use super::super::unsupported::{self, Unsupported, no};
use super::request::{seed, strength, style};
use crate::canonical::{Background, Frame, ImageRequest, InputImage, Operation, Safety, Size};
use crate::catalog::Offering;

/// How the names of engines begin.
pub(super) const PREFIX: &str = "stable-diffusion-";

/// The sizes of the engines that draw nothing else, wide ones only: each may be turned.
const SIZES_XL: [(u32, u32); 5] =
    [(1024, 1024), (1152, 896), (1216, 832), (1344, 768), (1536, 640)];

/// A prompt; a weight below zero says what not to draw.
#[derive(Debug, Serialize)]
struct TextPrompt<'a> {
    text: &'a str,
    weight: i8,
}

#[derive(Debug, Serialize)]
struct Body<'a> {
    text_prompts: Vec<TextPrompt<'a>>,
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    samples: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cfg_scale: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    style_preset: Option<&'a str>,
}

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    refuse_what_has_no_word(request)?;
    let wire = match request.inputs.as_slice() {
        [] => draw(request, offering)?,
        [input] => edit(request, offering, input)?,
        [_, _, ..] => return Err(no("inputs", "this engine works on one picture")),
    };
    Ok(wire.with_header("accept", "application/json"))
}

fn refuse_what_has_no_word(request: &ImageRequest) -> Result<(), Unsupported> {
    unsupported::refuse(&[
        ("operation", request.operation == Operation::Variation),
        ("quality", request.quality.is_some()),
        ("compression", request.compression.is_some()),
        ("background", request.background == Some(Background::Transparent)),
        ("safety", request.safety == Some(Safety::Low)),
        ("end_user", request.end_user.is_some()),
        ("previews", request.previews > 0),
    ])?;
    native::within("count", Some(request.count), (0, 10))?;
    native::within("steps", request.steps, (10, 50))?;
    native::within("guidance", request.guidance, (0.0, 35.0))?;
    Ok(())
}

fn draw(request: &ImageRequest, offering: &Offering) -> Result<WireRequest, Unsupported> {
    if request.operation == Operation::Edit {
        return Err(no("inputs", "there is no picture to work on; send one"));
    }
    unsupported::refuse(&[
        ("mask", request.mask.is_some()),
        ("strength", request.strength.is_some()),
    ])?;
    let size = size(request.frame, offering)?;
    let body = Body {
        text_prompts: text_prompts(request),
        width: size.width,
        height: size.height,
        samples: (request.count > 1).then_some(request.count),
        seed: seed(request, SEED_MAX)?,
        steps: request.steps,
        cfg_scale: request.guidance,
        style_preset: style(request)?,
    };
    unsupported::as_json(&path(offering, "text-to-image")?, &body, request, offering)
}

/// The largest seed.
const SEED_MAX: i64 = 4_294_967_295;

/// Work on a picture, which keeps its size.
fn edit(
    request: &ImageRequest,
    offering: &Offering,
    input: &InputImage,
) -> Result<WireRequest, Unsupported> {
    if request.frame != Frame::Auto {
        return Err(no("frame", "a picture that is worked on keeps its size here"));
    }
    let mut form = Form::default();
    for (index, prompt) in text_prompts(request).iter().enumerate() {
        form.text(&format!("text_prompts[{index}][text]"), prompt.text);
        form.text(&format!("text_prompts[{index}][weight]"), prompt.weight.to_string());
    }
    form.file("init_image", input)?;
    let strength = strength(request)?;
    let what = match &request.mask {
        Some(_) if strength.is_some() => {
            return Err(no("strength", "an edit with a mask takes none"));
        }
        Some(mask) => {
            form.text("mask_source", "MASK_IMAGE_WHITE");
            form.file("mask_image", mask)?;
            "image-to-image/masking"
        }
        None => {
            form.text("init_image_mode", "IMAGE_STRENGTH");
            form.maybe("image_strength", strength.map(how_much_stays));
            "image-to-image"
        }
    };
    form.maybe("samples", (request.count > 1).then_some(request.count));
    form.maybe("seed", seed(request, SEED_MAX)?);
    form.maybe("steps", request.steps);
    form.maybe("cfg_scale", request.guidance);
    form.maybe("style_preset", style(request)?);
    form.extras(request, offering);
    Ok(form.post(path(offering, what)?))
}

fn path(offering: &Offering, what: &str) -> Result<String, Unsupported> {
    Ok(format!("/v1/generation/{}/{what}", native::in_path(offering)?))
}

fn text_prompts(request: &ImageRequest) -> Vec<TextPrompt<'_>> {
    let mut prompts = vec![TextPrompt { text: &request.prompt, weight: 1 }];
    let negative = request.negative_prompt.as_deref();
    prompts.extend(negative.map(|text| TextPrompt { text, weight: -1 }));
    prompts
}

/// This API counts from the other end: how much of the picture stays.
fn how_much_stays(strength: f32) -> f64 {
    ((1.0 - f64::from(strength)) * 1000.0).round() / 1000.0
}

/// The pixels, said even where they are free, so that what is drawn is what is priced.
fn size(frame: Frame, offering: &Offering) -> Result<Size, Unsupported> {
    let size = native::pixels(frame)?.unwrap_or(offering.can.size_default);
    let sides = [size.width, size.height];
    let wide = (size.width.max(size.height), size.width.min(size.height));
    let draws = if offering.vendor_model.contains("-xl-") {
        SIZES_XL.contains(&wide)
    } else {
        sides.iter().all(|side| (320..=1536).contains(side) && side % 64 == 0)
    };
    if draws { Ok(size) } else { Err(no("frame", "this engine draws no such size")) }
}
