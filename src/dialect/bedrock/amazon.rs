//! A canonical request as a body of Amazon's own models: a task, its parameters, the configuration.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::WireRequest;
use super::super::measure::decimal;
use super::super::native::within;
use super::super::unsupported::{self, Unsupported, no};
use crate::canonical::{
    Background, Frame, ImageRequest, InputImage, Operation, Quality, Safety, Size,
};
use crate::catalog::Offering;

/// What the two models differ in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Model {
    seed_max: i64,
    styles: &'static [&'static str],
    /// Whether it draws any size within bounds; the other draws a list.
    draws_any_size: bool,
}

/// Nova Canvas.
pub(super) const NOVA: Model = Model {
    seed_max: 858_993_459,
    styles: &[
        "3D_ANIMATED_FAMILY_FILM",
        "DESIGN_SKETCH",
        "FLAT_VECTOR_ILLUSTRATION",
        "GRAPHIC_NOVEL_ILLUSTRATION",
        "MAXIMALISM",
        "MIDCENTURY_RETRO",
        "PHOTOREALISM",
        "SOFT_DIGITAL_PAINTING",
    ],
    draws_any_size: true,
};

/// Titan.
pub(super) const TITAN: Model =
    Model { seed_max: 2_147_483_646, styles: &[], draws_any_size: false };

/// Pictures in one call.
const COUNT_MAX: u32 = 5;

/// Pictures to draw a variation of.
const INPUTS_MAX: usize = 5;

/// Pixels that Nova stays below.
const PIXELS_BELOW: u64 = 4_194_304;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cfg_scale: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    number_of_images: u32,
}

pub(super) fn encode(
    path: &str,
    request: &ImageRequest,
    offering: &Offering,
    model: Model,
) -> Result<WireRequest, Unsupported> {
    refuse_what_has_no_word(request)?;
    let (task, name, parameters) = task(request, model)?;
    let size = size(request, offering, model)?;
    let config = Config {
        width: size.map(|size| size.width),
        height: size.map(|size| size.height),
        quality: quality(request.quality)?,
        cfg_scale: within("guidance", request.guidance.map(decimal), (1.1, 10.0))?,
        seed: within("seed", request.seed, (0, model.seed_max))?,
        number_of_images: request.count,
    };
    let mut body = Map::new();
    body.insert("taskType".to_owned(), task.into());
    body.insert(name.to_owned(), parameters);
    body.insert("imageGenerationConfig".to_owned(), json!(config));
    unsupported::as_json(path, &body, request, offering)
}

/// The encoding is not refused: it is mended by transcoding.
fn refuse_what_has_no_word(request: &ImageRequest) -> Result<(), Unsupported> {
    unsupported::refuse(&[
        ("steps", request.steps.is_some()),
        ("compression", request.compression.is_some()),
        ("background", request.background == Some(Background::Transparent)),
        ("safety", request.safety == Some(Safety::Low)),
        ("end_user", request.end_user.is_some()),
        ("previews", request.previews > 0),
    ])?;
    if request.count > COUNT_MAX {
        return Err(no("count", "this API draws at most five pictures in one call"));
    }
    Ok(())
}

/// The task, what its parameters are called, and these.
fn task(
    request: &ImageRequest,
    model: Model,
) -> Result<(&'static str, &'static str, Value), Unsupported> {
    let mut parameters = Map::new();
    let mut put = |name: &str, value: Value| parameters.insert(name.to_owned(), value);
    if !request.prompt.is_empty() {
        put("text", request.prompt.as_str().into());
    }
    let negative = request.negative_prompt.as_deref();
    let (task, name) = match (request.inputs.as_slice(), &request.mask) {
        ([], None) if request.operation == Operation::Generate => {
            unsupported::refuse(&[("strength", request.strength.is_some())])?;
            negative.map(|text| put("negativeText", text.into()));
            style(request.style.as_deref(), model)?.map(|style| put("style", style.into()));
            ("TEXT_IMAGE", "textToImageParams")
        }
        ([], _) => return Err(no("inputs", "there is no picture to change")),
        ([image], Some(mask)) if request.operation != Operation::Variation => {
            unsupported::refuse(&[
                ("strength", request.strength.is_some()),
                ("style", request.style.is_some()),
            ])?;
            put("image", unsupported::base64(image)?.into());
            put("maskImage", unsupported::base64(mask)?.into());
            negative.map(|text| put("negativeText", text.into()));
            ("INPAINTING", "inPaintingParams")
        }
        (_, Some(_)) => return Err(no("mask", "this API takes a mask with one picture to edit")),
        (images, None) => {
            let is_told = request.operation == Operation::Variation && !request.prompt.is_empty();
            unsupported::refuse(&[
                ("prompt", is_told),
                ("negative_prompt", negative.is_some()),
                ("style", request.style.is_some()),
            ])?;
            put("images", pictures(images)?);
            similarity(request.strength)?.map(|likeness| put("similarityStrength", likeness));
            ("IMAGE_VARIATION", "imageVariationParams")
        }
    };
    Ok((task, name, Value::Object(parameters)))
}

fn pictures(images: &[InputImage]) -> Result<Value, Unsupported> {
    if images.len() > INPUTS_MAX {
        return Err(no("inputs", "this API works from at most five pictures"));
    }
    let texts = images.iter().map(|image| unsupported::base64(image).map(Value::from));
    texts.collect::<Result<Vec<_>, _>>().map(Value::from)
}

/// How like the input the picture stays: the other way round from how far it goes.
fn similarity(strength: Option<f32>) -> Result<Option<Value>, Unsupported> {
    match strength.map(|strength| 1.0 - decimal(strength)) {
        Some(likeness) if !(0.2..=1.0).contains(&likeness) => {
            Err(no("strength", "this API goes no further from a picture than 0.8"))
        }
        // Without the digits that the subtraction made up.
        likeness => Ok(likeness.map(|likeness| ((likeness * 1e6).round() / 1e6).into())),
    }
}

fn style(style: Option<&str>, model: Model) -> Result<Option<&'static str>, Unsupported> {
    let Some(style) = style else { return Ok(None) };
    let word = style.replace([' ', '-'], "_");
    let found = model.styles.iter().find(|known| known.eq_ignore_ascii_case(&word));
    found.copied().map(Some).ok_or(no("style", "this model has no such style"))
}

/// A picture that is changed in places keeps its size; every other is drawn at one that is told,
/// so that what is drawn is what was priced.
fn size(
    request: &ImageRequest,
    offering: &Offering,
    model: Model,
) -> Result<Option<Size>, Unsupported> {
    if request.mask.is_some() {
        return match request.frame {
            Frame::Auto => Ok(None),
            Frame::Ratio(_) | Frame::Pixels(_) => {
                Err(no("frame", "this API leaves a picture its shape when it changes it in places"))
            }
        };
    }
    let size = match request.frame {
        Frame::Auto => offering.can.size_default,
        Frame::Pixels(size) => size,
        Frame::Ratio(_) => return Err(no("frame", "this API takes pixels, not ratios")),
    };
    let Size { width, height } = size;
    let is_side = |side: u32| (320..=4096).contains(&side) && side.is_multiple_of(16);
    let is_within = is_side(width)
        && is_side(height)
        && size.pixels() < PIXELS_BELOW
        && width <= height.saturating_mul(4)
        && height <= width.saturating_mul(4);
    if model.draws_any_size && !is_within {
        return Err(no(
            "frame",
            "this model draws sides of 320 to 4096 pixels divisible by 16, up to 4:1 and 4.19 \
             megapixels",
        ));
    }
    Ok(Some(size))
}

fn quality(quality: Option<Quality>) -> Result<Option<&'static str>, Unsupported> {
    match quality {
        None => Ok(None),
        Some(Quality::Low | Quality::Medium) => Ok(Some("standard")),
        Some(Quality::High) => Ok(Some("premium")),
        Some(Quality::XHigh | Quality::Max) => Err(no("quality", "this API stops at high")),
    }
}
