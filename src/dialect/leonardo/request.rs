//! A canonical request as an order, or as the question where to put its pictures first.

use serde::Serialize;
use serde_json::json;

use super::super::unsupported::{self, Unsupported, no};
use super::super::{WireRequest, native};
use super::upload::Uploaded;
use crate::canonical::{Background, Format, ImageRequest, InputImage, Operation, Safety, Size};
use crate::catalog::Offering;

/// An order; what is absent is not sent.
#[derive(Debug, Default, Serialize)]
struct Body<'a> {
    #[serde(rename = "modelId")]
    model: &'a str,
    prompt: &'a str,
    num_images: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_inference_steps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guidance_scale: Option<f32>,
    #[serde(rename = "presetStyle", skip_serializing_if = "Option::is_none")]
    preset_style: Option<&'a str>,
    #[serde(rename = "styleUUID", skip_serializing_if = "Option::is_none")]
    style_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transparency: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    init_strength: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    init_image_id: Option<&'a str>,
    #[serde(rename = "canvasRequest", skip_serializing_if = "Option::is_none")]
    canvas_request: Option<bool>,
    #[serde(rename = "canvasRequestType", skip_serializing_if = "Option::is_none")]
    canvas_request_type: Option<&'static str>,
    #[serde(rename = "canvasInitId", skip_serializing_if = "Option::is_none")]
    canvas_init_id: Option<&'a str>,
    #[serde(rename = "canvasMaskId", skip_serializing_if = "Option::is_none")]
    canvas_mask_id: Option<&'a str>,
}

/// The styles that are known by name.
const STYLES: [&str; 31] = [
    "ANIME",
    "BOKEH",
    "CINEMATIC",
    "CINEMATIC_CLOSEUP",
    "CREATIVE",
    "DYNAMIC",
    "ENVIRONMENT",
    "FASHION",
    "FILM",
    "FOOD",
    "GENERAL",
    "HDR",
    "ILLUSTRATION",
    "LEONARDO",
    "LONG_EXPOSURE",
    "MACRO",
    "MINIMALISTIC",
    "MONOCHROME",
    "MOODY",
    "NONE",
    "NEUTRAL",
    "PHOTOGRAPHY",
    "PORTRAIT",
    "RAYTRACED",
    "RENDER_3D",
    "RETRO",
    "SKETCH_BW",
    "SKETCH_COLOR",
    "STOCK_PHOTO",
    "VIBRANT",
    "UNPROCESSED",
];

/// The largest seed: whole numbers of this API have 32 bits.
const SEED_MAX: i64 = 2_147_483_647;

/// The most pictures of a call, and of one whose pictures have a side longer than the second.
const COUNT_MAX: u32 = 8;
const COUNT_MAX_LARGE: u32 = 4;
const SIDE_SMALL: u32 = 768;

/// The first call: the order, or where to put what it needs.
pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    refuse_what_has_no_word(request)?;
    let ask = |path, body: serde_json::Value| WireRequest::post_json(path, body.to_string());
    let first = match (request.inputs.as_slice(), &request.mask) {
        ([], None) if request.operation == Operation::Generate => {
            return order(request, offering, &Uploaded::Nothing);
        }
        ([], _) => return Err(no("inputs", "there is no picture to work on; send one")),
        ([_, _, ..], _) => return Err(no("inputs", "this API works on one picture")),
        ([input], None) => ask("/init-image", json!({ "extension": extension(input) })),
        ([input], Some(mask)) => ask(
            "/canvas-init-image",
            json!({ "initExtension": extension(input), "maskExtension": extension(mask) }),
        ),
    };
    // What cannot be ordered is found out before anything is uploaded.
    let uploaded = match request.mask {
        Some(_) => Uploaded::Canvas { init: String::new(), mask: String::new() },
        None => Uploaded::Picture(String::new()),
    };
    order(request, offering, &uploaded)?;
    Ok(first)
}

/// The order itself, of what was uploaded for it.
pub(super) fn order(
    request: &ImageRequest,
    offering: &Offering,
    uploaded: &Uploaded,
) -> Result<WireRequest, Unsupported> {
    let size = size(request, offering, uploaded)?;
    let style = style(request.style.as_deref())?;
    let is_transparent = request.background == Some(Background::Transparent);
    let mut body = Body {
        model: &offering.vendor_model,
        prompt: &request.prompt,
        num_images: count(request.count, size)?,
        width: size.map(|size| size.width),
        height: size.map(|size| size.height),
        negative_prompt: request.negative_prompt.as_deref(),
        seed: request.seed,
        num_inference_steps: request.steps,
        guidance_scale: request.guidance,
        preset_style: style.filter(|style| !is_id(style)),
        style_id: style.filter(|style| is_id(style)),
        transparency: is_transparent.then_some("foreground_only"),
        init_strength: stays(request.strength)?,
        ..Body::default()
    };
    match uploaded {
        Uploaded::Nothing => {}
        Uploaded::Picture(id) => body.init_image_id = Some(id),
        Uploaded::Canvas { init, mask } => {
            body.canvas_request = Some(true);
            body.canvas_request_type = Some("INPAINT");
            body.canvas_init_id = Some(init);
            body.canvas_mask_id = Some(mask);
        }
    }
    unsupported::as_json("/generations", &body, request, offering)
}

fn refuse_what_has_no_word(request: &ImageRequest) -> Result<(), Unsupported> {
    unsupported::refuse(&[
        ("operation", request.operation == Operation::Variation),
        ("quality", request.quality.is_some()),
        ("compression", request.compression.is_some()),
        ("safety", request.safety == Some(Safety::Low)),
        ("end_user", request.end_user.is_some()),
        ("previews", request.previews > 0),
        ("strength", request.strength.is_some() && request.inputs.is_empty()),
    ])?;
    native::within("seed", request.seed, (0, SEED_MAX))?;
    native::within("steps", request.steps, (10, 60))?;
    native::within("guidance", request.guidance, (1.0, 20.0))?;
    Ok(())
}

const fn extension(image: &InputImage) -> &'static str {
    match image.format {
        Format::Png => "png",
        Format::Jpeg => "jpg",
        Format::Webp => "webp",
        Format::Avif => "avif",
    }
}

/// The pixels, said even where they are free, so that what is drawn is what is priced. A picture
/// that is worked on where its mask says keeps its own.
fn size(
    request: &ImageRequest,
    offering: &Offering,
    uploaded: &Uploaded,
) -> Result<Option<Size>, Unsupported> {
    let size = match (native::pixels(request.frame)?, uploaded) {
        (None, Uploaded::Canvas { .. }) => return Ok(None),
        (Some(_), Uploaded::Canvas { .. }) => {
            return Err(no("frame", "an edit with a mask keeps the size of its picture"));
        }
        (size, Uploaded::Nothing | Uploaded::Picture(_)) => {
            size.unwrap_or(offering.can.size_default)
        }
    };
    let is_drawn = |side: u32| (32..=1536).contains(&side) && side.is_multiple_of(8);
    if is_drawn(size.width) && is_drawn(size.height) {
        Ok(Some(size))
    } else {
        Err(no("frame", "this API draws sides of 32 to 1536 that 8 divides"))
    }
}

/// The number of pictures, always said: absent, it would be four.
fn count(count: u32, size: Option<Size>) -> Result<u32, Unsupported> {
    let is_large = size.is_none_or(|size| size.width.max(size.height) > SIDE_SMALL);
    let most = if is_large { COUNT_MAX_LARGE } else { COUNT_MAX };
    if count > most {
        return Err(no("count", "this API draws at most 8 pictures in a call, 4 of large ones"));
    }
    Ok(count.max(1))
}

/// A style by its name, or by its id.
fn style(style: Option<&str>) -> Result<Option<&str>, Unsupported> {
    match style {
        Some(style) if !STYLES.contains(&style) && !is_id(style) => {
            Err(no("style", "this API has no such style"))
        }
        style => Ok(style),
    }
}

/// Whether a text is an id in the usual form of 8-4-4-4-12 digits.
fn is_id(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// How much of the picture stays: this API counts from the other end.
fn stays(strength: Option<f32>) -> Result<Option<f64>, Unsupported> {
    let Some(strength) = strength else { return Ok(None) };
    let stays = ((1.0 - f64::from(strength)) * 1000.0).round() / 1000.0;
    native::within("strength", Some(stays), (0.1, 0.9))
}
