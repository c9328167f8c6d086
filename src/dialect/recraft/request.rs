//! A canonical request as a Recraft body: JSON to draw, a form to work on a picture.

use serde::Serialize;

use super::super::WireRequest;
use super::super::multipart::Form;
use super::super::native;
use super::super::unsupported::{self, Unsupported, no};
use super::words::{Family, STYLES, format_name, is_id, size};
use crate::canonical::{Background, Frame, ImageRequest, InputImage, Operation, Safety};
use crate::catalog::Offering;

/// What every route takes; what is absent is not sent.
#[derive(Debug, Default, Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    model: &'a str,
    response_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    style: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    substyle: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    style_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    random_seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_nsfw: Option<bool>,
}

/// The largest seed.
const SEED_MAX: i64 = 4_294_967_295;

/// The longest prompt of the models before 4.
const PROMPT_BYTES_OLDER: usize = 1000;

/// The most pictures of a call.
const COUNT_MAX: u32 = 6;

/// How far to go from a picture where a number has to be said and none was asked for.
const STRENGTH_USUAL: f32 = 0.5;

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    if offering.vendor_model.contains("_vector") {
        return Err(no("model", "it draws in vectors, and pictures here are made of pixels"));
    }
    refuse_what_has_no_word(request)?;
    let body = body(request, offering)?;
    match (request.operation, request.inputs.as_slice()) {
        (Operation::Generate, []) => draw(&body, request, offering),
        (_, []) => Err(no("inputs", "there is no picture to work on; send one")),
        (_, [_, _, ..]) => Err(no("inputs", "this API works on one picture")),
        (Operation::Variation, [input]) => vary(body, request, offering, input),
        (Operation::Generate | Operation::Edit, [input]) => edit(&body, request, offering, input),
    }
}

fn refuse_what_has_no_word(request: &ImageRequest) -> Result<(), Unsupported> {
    unsupported::refuse(&[
        ("steps", request.steps.is_some()),
        ("guidance", request.guidance.is_some()),
        ("quality", request.quality.is_some()),
        ("compression", request.compression.is_some()),
        ("end_user", request.end_user.is_some()),
        ("background", request.background == Some(Background::Transparent)),
        ("previews", request.previews > 0),
    ])?;
    native::within("count", Some(request.count), (0, COUNT_MAX))?;
    Ok(())
}

fn body<'a>(request: &'a ImageRequest, offering: &'a Offering) -> Result<Body<'a>, Unsupported> {
    let model = offering.vendor_model.as_str();
    let family = Family::of(model);
    let format = request.format.filter(|format| offering.can.formats.contains(format));
    let mut body = Body {
        prompt: Some(&request.prompt),
        model,
        response_format: "b64_json",
        n: (request.count > 1).then_some(request.count),
        size: size(request.frame, family)?,
        negative_prompt: request.negative_prompt.as_deref(),
        random_seed: native::within("seed", request.seed, (0, SEED_MAX))?,
        image_format: format.and_then(format_name),
        block_nsfw: (request.safety == Some(Safety::Low)).then_some(false),
        ..Body::default()
    };
    if family != Family::Older && body.negative_prompt.is_some() {
        return Err(no("negative_prompt", "this model takes none"));
    }
    // Policy counts letters, and a letter may have four bytes.
    if family == Family::Older && request.prompt.len() > PROMPT_BYTES_OLDER {
        return Err(no("prompt", "this model takes 1000 bytes of it"));
    }
    if let Some(style) = &request.style {
        said_as_style(&mut body, style, family)?;
    }
    Ok(body)
}

fn draw(
    body: &Body<'_>,
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    unsupported::refuse(&[
        ("mask", request.mask.is_some()),
        ("strength", request.strength.is_some()),
    ])?;
    unsupported::as_json("/images/generations", body, request, offering)
}

/// Work on a picture, all of it or where a mask says; it keeps its shape.
fn edit(
    body: &Body<'_>,
    request: &ImageRequest,
    offering: &Offering,
    input: &InputImage,
) -> Result<WireRequest, Unsupported> {
    if request.frame != Frame::Auto {
        return Err(no("frame", "a picture that is worked on keeps its shape here"));
    }
    let mut form = form(body, input)?;
    let path = match (&request.mask, request.strength) {
        (Some(_), Some(_)) => return Err(no("strength", "an edit with a mask takes none")),
        (Some(mask), None) => {
            form.file("mask", mask)?;
            "/images/inpaint"
        }
        (None, strength) => {
            let strength = native::within("strength", strength, (0.0, 1.0))?;
            form.text("strength", strength.unwrap_or(STRENGTH_USUAL).to_string());
            "/images/imageToImage"
        }
    };
    form.extras(request, offering);
    Ok(form.post(path))
}

/// Something like a picture. The size has to be said, and no words can be.
fn vary(
    mut body: Body<'_>,
    request: &ImageRequest,
    offering: &Offering,
    input: &InputImage,
) -> Result<WireRequest, Unsupported> {
    unsupported::refuse(&[
        ("prompt", !request.prompt.is_empty()),
        ("negative_prompt", request.negative_prompt.is_some()),
        ("style", request.style.is_some()),
        ("mask", request.mask.is_some()),
        ("strength", request.strength.is_some()),
        ("safety", request.safety == Some(Safety::Low)),
    ])?;
    body.prompt = None;
    body.size = body.size.or_else(|| Some(offering.can.size_default.to_string()));
    let mut form = form(&body, input)?;
    form.extras(request, offering);
    Ok(form.post("/images/variateImage"))
}

/// The body as a form, beside the picture to work on.
fn form(body: &Body<'_>, input: &InputImage) -> Result<Form, Unsupported> {
    let mut form = Form::default();
    form.maybe("prompt", body.prompt);
    form.file("image", input)?;
    form.text("model", body.model);
    form.text("response_format", body.response_format);
    form.maybe("n", body.n);
    form.maybe("size", body.size.as_deref());
    form.maybe("style", body.style);
    form.maybe("substyle", body.substyle);
    form.maybe("style_id", body.style_id);
    form.maybe("negative_prompt", body.negative_prompt);
    form.maybe("random_seed", body.random_seed);
    form.maybe("image_format", body.image_format);
    form.maybe("block_nsfw", body.block_nsfw);
    Ok(form)
}

/// A style by its id, or by its name, which may name a style within it after a slash.
fn said_as_style<'a>(
    body: &mut Body<'a>,
    style: &'a str,
    family: Family,
) -> Result<(), Unsupported> {
    if is_id(style) {
        body.style_id = Some(style);
        return Ok(());
    }
    if family != Family::Older {
        return Err(no("style", "this model takes styles by their id only"));
    }
    let (style, substyle) =
        style.split_once('/').map_or((style, None), |(style, within)| (style, Some(within)));
    if !STYLES.contains(&style) {
        return Err(no("style", "there is no such style that comes out as pixels"));
    }
    body.style = Some(style);
    body.substyle = substyle;
    Ok(())
}
