//! A canonical request in OpenAI's words: an allow-list by family of models, never a pass-through.

use crate::canonical::{
    Background, Format, Frame, ImageRequest, InputImage, Operation, Quality, Safety,
};
use crate::catalog::Offering;

use super::super::super::WireRequest;
use super::super::super::unsupported::{self, Unsupported, no};
use super::super::size::out_of_bounds;
use super::body::{Body, Diffusion, Named, as_form};
use super::{Family, Manner, embedded};

/// Previews that can be asked for.
const PREVIEWS_MAX: u8 = 3;

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
    manner: &Manner<'_>,
) -> Result<WireRequest, Unsupported> {
    let family = manner.family;
    let path = |operation| format!("{}/images/{operation}{}", manner.before, manner.after);
    match request.operation {
        Operation::Generate => {
            unsupported::all_but_generation(request)?;
            let body = drawing(request, offering, manner)?;
            unsupported::as_json(&path("generations"), &body, request, offering)
        }
        Operation::Edit => {
            refuse_pictures(request, family.inputs_max(), family)?;
            refuse_fidelity(request, offering, family)?;
            let mut body = drawing(request, offering, manner)?;
            if body.moderation.is_none() {
                return as_form(&path("edits"), &body, request, offering);
            }
            // As a form, an edit has no word for moderation.
            body.images = request.inputs.iter().map(Named::new).collect::<Result<_, _>>()?;
            body.mask = request.mask.as_ref().map(Named::new).transpose()?;
            unsupported::as_json(&path("edits"), &body, request, offering)
        }
        Operation::Variation => {
            let body = variation(request, manner)?;
            as_form(&path("variations"), &body, request, offering)
        }
    }
}

/// What generations and edits have in common.
fn drawing<'a>(
    request: &'a ImageRequest,
    offering: &Offering,
    manner: &Manner<'a>,
) -> Result<Body<'a>, Unsupported> {
    let family = manner.family;
    if request.count > 1 && family == Family::Dalle3 {
        return Err(no("count", "this model draws one picture"));
    }
    let previews = if offering.can.previews { request.previews.min(PREVIEWS_MAX) } else { 0 };
    unsupported::refuse(&[
        ("safety", request.safety == Some(Safety::Low) && !family.is_gpt()),
        ("compression", request.compression.is_some() && family.is_dalle()),
        ("end_user", request.end_user.is_some() && family == Family::StableCpp),
        ("previews", previews > 0 && !family.is_gpt()),
    ])?;
    let mut body = Body {
        prompt: Some(request.prompt.as_str().into()),
        quality: quality(request.quality, family)?,
        background: background(request.background, family, offering)?,
        style: style(request, family)?,
        ..common(request, manner)?
    };
    // What cannot be chosen is seen in the picture itself, and transcoded if need be.
    let can_choose = |format: &Format| offering.can.formats.contains(format) && !family.is_dalle();
    let format = request.format.filter(can_choose);
    body.output_format = format.map(Format::name);
    body.output_compression =
        request.compression.filter(|_| matches!(format, Some(Format::Jpeg | Format::Webp)));
    if family.is_gpt() {
        body.moderation = request.safety.and_then(moderation);
    }
    if previews > 0 {
        (body.stream, body.partial_images) = (Some(true), Some(previews));
    }
    let diffusion = diffusion(request, offering, family)?;
    if family == Family::StableCpp {
        body.prompt = Some(embedded::prompt(&request.prompt, &diffusion.controls())?.into());
    } else {
        body.diffusion = diffusion;
    }
    Ok(body)
}

/// What every operation has in common.
fn common<'a>(request: &'a ImageRequest, manner: &Manner<'a>) -> Result<Body<'a>, Unsupported> {
    let family = manner.family;
    let end_user = request.end_user.as_deref();
    let answers_as_asked = !family.is_gpt() && family != Family::StableCpp;
    Ok(Body {
        model: manner.model,
        n: (request.count > 1).then_some(request.count),
        size: size(request.frame, family)?,
        safety_identifier: end_user.filter(|_| family.is_gpt()),
        user: end_user.filter(|_| !family.is_gpt()),
        response_format: answers_as_asked.then_some("b64_json"),
        ..Body::default()
    })
}

fn variation<'a>(request: &'a ImageRequest, manner: &Manner<'a>) -> Result<Body<'a>, Unsupported> {
    if !manner.family.varies() {
        return Err(no("operation", "this model draws no variations"));
    }
    refuse_pictures(request, 1, manner.family)?;
    unsupported::refuse(&[
        ("prompt", !request.prompt.is_empty()),
        ("mask", request.mask.is_some()),
        ("strength", request.strength.is_some()),
        ("negative_prompt", request.negative_prompt.is_some()),
        ("seed", request.seed.is_some()),
        ("steps", request.steps.is_some()),
        ("guidance", request.guidance.is_some()),
        ("style", request.style.is_some()),
        ("quality", request.quality.is_some()),
        ("compression", request.compression.is_some()),
        ("background", request.background == Some(Background::Transparent)),
        ("safety", request.safety == Some(Safety::Low)),
        ("previews", request.previews > 0),
    ])?;
    common(request, manner)
}

/// What of the pictures cannot be worked from.
fn refuse_pictures(request: &ImageRequest, most: usize, family: Family) -> Result<(), Unsupported> {
    if most == 0 {
        return Err(no("operation", "this model edits nothing"));
    }
    let is_foreign = |image: &InputImage| image.format != Format::Png;
    match request.inputs.len() {
        0 => Err(no("inputs", "there is no picture to work from")),
        more if more > most => Err(no("inputs", "this model works from fewer pictures")),
        _ if family.is_dalle() && request.inputs.iter().any(is_foreign) => {
            Err(no("inputs", "this model works from png only"))
        }
        _ if request.mask.as_ref().is_some_and(is_foreign) => {
            Err(no("mask", "this API takes masks in png only"))
        }
        _ => Ok(()),
    }
}

/// The one option whose meaning depends on the model.
fn refuse_fidelity(
    request: &ImageRequest,
    offering: &Offering,
    family: Family,
) -> Result<(), Unsupported> {
    let options = request.options.get(offering.vendor.options_of);
    let asked = options.and_then(|options| options.get("input_fidelity")?.as_str());
    match asked.and_then(|fidelity| family.against_fidelity(fidelity)) {
        Some(why) => Err(no("input_fidelity", why)),
        None => Ok(()),
    }
}

fn size(frame: Frame, family: Family) -> Result<Option<String>, Unsupported> {
    match frame {
        Frame::Auto => Ok(None),
        Frame::Pixels(size) if family.draws_any_size() => match out_of_bounds(size) {
            Some(why) => Err(no("frame", why)),
            None => Ok(Some(size.to_string())),
        },
        Frame::Pixels(size) => Ok(Some(size.to_string())),
        Frame::Ratio(_) => Err(no("frame", "this API takes pixels, not ratios")),
    }
}

fn quality(quality: Option<Quality>, family: Family) -> Result<Option<&'static str>, Unsupported> {
    match quality {
        None => Ok(None),
        Some(quality) => match family.quality(quality) {
            None => Err(no("quality", "this model has no such quality")),
            word => Ok(word),
        },
    }
}

fn background(
    background: Option<Background>,
    family: Family,
    offering: &Offering,
) -> Result<Option<&'static str>, Unsupported> {
    let can = offering.can.transparency && (family.is_gpt() || family == Family::Compatible);
    match background {
        None => Ok(None),
        Some(Background::Transparent) if can => Ok(Some("transparent")),
        Some(Background::Transparent) => {
            Err(no("background", "this offering draws nothing transparent"))
        }
        Some(Background::Opaque) => Ok(family.is_gpt().then_some("opaque")),
    }
}

fn style(request: &ImageRequest, family: Family) -> Result<Option<&str>, Unsupported> {
    match request.style.as_deref() {
        Some(style) if !family.knows_style(style) => {
            Err(no("style", "this model knows no style of this name"))
        }
        style => Ok(style),
    }
}

const fn moderation(safety: Safety) -> Option<&'static str> {
    match safety {
        Safety::Standard => None,
        Safety::Low => Some("low"),
    }
}

fn diffusion<'a>(
    request: &'a ImageRequest,
    offering: &Offering,
    family: Family,
) -> Result<Diffusion<'a>, Unsupported> {
    let seed = request.seed.filter(|_| offering.can.seed);
    if !family.is_diffusion() {
        unsupported::refuse(&[
            ("negative_prompt", request.negative_prompt.is_some()),
            ("seed", seed.is_some()),
            ("steps", request.steps.is_some()),
            ("guidance", request.guidance.is_some()),
            ("strength", request.strength.is_some()),
        ])?;
    }
    Ok(Diffusion {
        negative_prompt: unsupported::negative_prompt(request, offering)?,
        seed,
        num_inference_steps: request.steps,
        guidance_scale: request.guidance.map(decimal),
        strength: request.strength.map(decimal),
    })
}

/// The number as it was written: 3.7, not 3.7000000476837.
fn decimal(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}
