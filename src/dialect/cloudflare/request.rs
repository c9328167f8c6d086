//! A canonical request as the body that its model takes: JSON, or a form for FLUX.2.

use std::borrow::Cow;

use serde::Serialize;

use super::super::WireRequest;
use super::super::multipart::Form;
use super::super::native;
use super::super::unsupported::{self, Unsupported, no};
use super::family::{Family, Inputs};
use crate::canonical::{Background, Frame, ImageRequest, InputImage, Operation, Safety, Size};
use crate::catalog::Offering;

/// Files that FLUX.2 works from.
const FILES: [&str; 4] = ["input_image_0", "input_image_1", "input_image_2", "input_image_3"];

/// Every field of every family; a family leaves out what it has no word for.
#[derive(Debug, Serialize)]
struct Body<'a> {
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_steps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guidance: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    strength: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_b64: Option<Cow<'a, str>>,
    /// The bytes of the file, each a number: the API has no other word for a mask.
    #[serde(skip_serializing_if = "Option::is_none")]
    mask: Option<Vec<u8>>,
}

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    let family = Family::of(&offering.vendor_model);
    let path = format!("/ai/run/{}", native::in_path(offering)?);
    refuse_what_has_no_word(request, family)?;
    let size = size(request.frame, family)?;
    let (steps_word, steps_max) = family.steps.unwrap_or_default();
    let steps = native::within("steps", request.steps, (1, steps_max))?;
    let body = Body {
        prompt: &request.prompt,
        negative_prompt: unsupported::negative_prompt(request, offering)?,
        width: size.map(|size| size.width),
        height: size.map(|size| size.height),
        steps: steps.filter(|_| steps_word == "steps"),
        num_steps: steps.filter(|_| steps_word == "num_steps"),
        guidance: native::within(
            "guidance",
            request.guidance,
            family.guidance.unwrap_or_default(),
        )?,
        seed: native::within("seed", request.seed, (0, i64::MAX))?,
        strength: native::within("strength", request.strength, (0.0, 1.0))?,
        image_b64: image(request, family)?.map(unsupported::base64).transpose()?,
        mask: mask(request)?,
    };
    if family.is_form {
        return form(path, &body, request, offering);
    }
    unsupported::as_json(&path, &body, request, offering)
}

fn refuse_what_has_no_word(request: &ImageRequest, family: Family) -> Result<(), Unsupported> {
    let (is_base64, inputs) = (family.inputs == Inputs::Base64, request.inputs.len());
    let inputs_max = match family.inputs {
        Inputs::None => 0,
        Inputs::Files => FILES.len(),
        Inputs::Base64 => 1,
    };
    unsupported::refuse(&[
        ("operation", request.operation == Operation::Variation),
        ("inputs", inputs > inputs_max || (request.operation == Operation::Edit && inputs == 0)),
        ("mask", request.mask.is_some() && !(is_base64 && inputs > 0)),
        ("strength", request.strength.is_some() && !(is_base64 && inputs > 0)),
        ("count", request.count > 1),
        ("negative_prompt", request.negative_prompt.is_some() && !family.negative_prompt),
        ("steps", request.steps.is_some() && family.steps.is_none()),
        ("guidance", request.guidance.is_some() && family.guidance.is_none()),
        ("style", request.style.is_some()),
        ("quality", request.quality.is_some()),
        ("compression", request.compression.is_some()),
        ("background", request.background == Some(Background::Transparent)),
        ("safety", request.safety == Some(Safety::Low)),
        ("end_user", request.end_user.is_some()),
    ])
}

/// The pixels to ask for; nothing is said where they are the only ones that are drawn.
fn size(frame: Frame, family: Family) -> Result<Option<Size>, Unsupported> {
    match (native::pixels(frame)?, family.only) {
        (Some(size), Some(only)) if size != only => Err(no("frame", "this model takes no size")),
        (_, Some(_)) => Ok(None),
        (size, None) => Ok(size),
    }
}

/// The picture that a Stable Diffusion model works from.
///
/// Its own strength is 1, which forgets the picture: that is an edit only of what a mask marks.
fn image(request: &ImageRequest, family: Family) -> Result<Option<&InputImage>, Unsupported> {
    let image = request.inputs.first().filter(|_| family.inputs == Inputs::Base64);
    if image.is_some() && request.strength.is_none() && request.mask.is_none() {
        return Err(no("strength", "without one this model forgets the picture; name one"));
    }
    Ok(image)
}

fn mask(request: &ImageRequest) -> Result<Option<Vec<u8>>, Unsupported> {
    let bytes = request.mask.as_ref().map(|mask| {
        let bytes = mask.picture.to_binary().ok_or_else(|| no("mask", "it is not base64"))?;
        Ok(bytes.to_vec())
    });
    bytes.transpose()
}

fn form(
    path: String,
    body: &Body<'_>,
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    let mut form = Form::default();
    form.text("prompt", body.prompt)
        .maybe("width", body.width)
        .maybe("height", body.height)
        .maybe("steps", body.steps)
        .maybe("guidance", body.guidance)
        .maybe("seed", body.seed);
    for (name, image) in FILES.into_iter().zip(&request.inputs) {
        form.file(name, image)?;
    }
    form.extras(request, offering);
    Ok(form.post(path))
}
