//! A canonical request as the body of its model's family of routes.

use serde::Serialize;

use super::super::WireRequest;
use super::super::native;
use super::super::unsupported::{self, Unsupported, no};
use crate::canonical::{Background, Format, Frame, ImageRequest, Operation, Safety};
use crate::catalog::Offering;

/// The ratios that are documented.
const RATIOS: [(u32, u32, &str); 11] = [
    (1, 1, "1:1"),
    (21, 9, "21:9"),
    (16, 9, "16:9"),
    (3, 2, "3:2"),
    (5, 4, "5:4"),
    (4, 5, "4:5"),
    (2, 3, "2:3"),
    (9, 16, "9:16"),
    (9, 21, "9:21"),
    (4, 3, "4:3"),
    (3, 4, "3:4"),
];

/// What turns the filter of a kontext model down as far as it goes.
const TOLERANCE_MAX: u8 = 6;

/// Models that differ in route and words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// FLUX.1, drawn at once, in at most so many steps.
    Flux(u32),
    /// Kontext: an order that is asked after; also edits.
    Kontext,
    /// SDXL and its like: pixels, and several pictures per call.
    Older,
    /// One that we do not know: the newer route, and the words that all have.
    Unknown,
}

impl Family {
    fn of(vendor_model: &str) -> Self {
        let (_, name) = vendor_model.rsplit_once('/').unwrap_or(("", vendor_model));
        let is = |prefix: &str| name.starts_with(prefix);
        let older =
            ["stable-diffusion-xl-", "playground-v2", "SSD-1B", "japanese-stable-diffusion-xl"];
        if is("flux-kontext-") {
            Self::Kontext
        } else if is("flux-1-schnell") {
            Self::Flux(12)
        } else if is("flux-1-dev") {
            Self::Flux(50)
        } else if older.into_iter().any(is) {
            Self::Older
        } else {
            Self::Unknown
        }
    }
}

/// Whether a model answers with the address of its picture.
pub(super) fn answers_by_address(vendor_model: &str) -> bool {
    Family::of(vendor_model) == Family::Kontext
}

/// Every field of every family; a family leaves out what it has no word for.
#[derive(Debug, Default, Serialize)]
struct Body<'a> {
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    samples: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_inference_steps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guidance_scale: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cfg_scale: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_check: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_tolerance: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_format: Option<&'static str>,
}

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    let model = native::in_path(offering)?;
    let family = Family::of(model);
    refuse_what_has_no_word(request, family)?;
    let format = native::jpeg_or_png(request, offering);
    let common = Body { prompt: &request.prompt, seed: seed(request.seed)?, ..Body::default() };
    match family {
        Family::Flux(steps_max) => {
            let body = Body {
                aspect_ratio: aspect_ratio(request.frame, offering)?,
                num_inference_steps: native::within("steps", request.steps, (1, steps_max))?,
                guidance_scale: request.guidance,
                ..common
            };
            let path = format!("/workflows/{model}/text_to_image");
            Ok(accepting(format, unsupported::as_json(&path, &body, request, offering)?))
        }
        Family::Unknown => {
            let aspect_ratio = aspect_ratio(request.frame, offering)?;
            let body = Body { aspect_ratio, ..common };
            let path = format!("/workflows/{model}/text_to_image");
            Ok(accepting(format, unsupported::as_json(&path, &body, request, offering)?))
        }
        Family::Kontext => {
            let body = Body {
                aspect_ratio: aspect_ratio(request.frame, offering)?,
                input_image: request.inputs.first().map(unsupported::data_address).transpose()?,
                safety_tolerance: safety_tolerance(request)?,
                output_format: format.map(Format::name),
                ..common
            };
            unsupported::as_json(&format!("/workflows/{model}"), &body, request, offering)
        }
        Family::Older => {
            let size = native::pixels(request.frame)?;
            let body = Body {
                negative_prompt: unsupported::negative_prompt(request, offering)?,
                width: size.map(|size| size.width),
                height: size.map(|size| size.height),
                samples: (request.count > 1).then_some(request.count),
                steps: request.steps,
                cfg_scale: request.guidance,
                safety_check: (request.safety == Some(Safety::Low)).then_some(false),
                ..common
            };
            let path = format!("/image_generation/{model}");
            let wire = unsupported::as_json(&path, &body, request, offering)?;
            // Only a list of JSON can hold several.
            let is_list = body.samples.is_some();
            Ok(if is_list {
                wire.with_header("accept", "application/json")
            } else {
                accepting(format, wire)
            })
        }
    }
}

fn refuse_what_has_no_word(request: &ImageRequest, family: Family) -> Result<(), Unsupported> {
    let is_edit = request.operation == Operation::Edit;
    let inputs_max = usize::from(family == Family::Kontext);
    let has_steps = matches!(family, Family::Flux(_) | Family::Older);
    let is_older = family == Family::Older;
    unsupported::refuse(&[
        ("operation", request.operation == Operation::Variation),
        ("inputs", request.inputs.len() > inputs_max || is_edit && request.inputs.is_empty()),
        ("mask", request.mask.is_some()),
        ("strength", request.strength.is_some()),
        ("count", request.count > 1 && !is_older),
        ("negative_prompt", request.negative_prompt.is_some() && !is_older),
        ("steps", request.steps.is_some() && !has_steps),
        ("guidance", request.guidance.is_some() && !has_steps),
        ("style", request.style.is_some()),
        ("quality", request.quality.is_some()),
        ("compression", request.compression.is_some()),
        ("background", request.background == Some(Background::Transparent)),
        ("end_user", request.end_user.is_some()),
        ("safety", request.safety == Some(Safety::Low) && !is_older && family != Family::Kontext),
    ])
}

fn aspect_ratio(frame: Frame, offering: &Offering) -> Result<Option<&'static str>, Unsupported> {
    let shape = native::shape(frame, &offering.can)?;
    shape.map(|shape| native::spelt(shape.ratio, &RATIOS)).transpose()
}

fn seed(seed: Option<i64>) -> Result<Option<i64>, Unsupported> {
    match seed {
        Some(0) => Err(no("seed", "0 stands for a random one here")),
        seed => Ok(seed),
    }
}

/// An edit cannot be filtered less than by default.
fn safety_tolerance(request: &ImageRequest) -> Result<Option<u8>, Unsupported> {
    match request.safety {
        None | Some(Safety::Standard) => Ok(None),
        Some(Safety::Low) if request.inputs.is_empty() => Ok(Some(TOLERANCE_MAX)),
        Some(Safety::Low) => Err(no("safety", "an edit cannot be filtered less")),
    }
}

/// The picture itself as the answer; its encoding is chosen by header.
fn accepting(format: Option<Format>, wire: WireRequest) -> WireRequest {
    wire.with_header("accept", format.unwrap_or(Format::Jpeg).mime())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_name() {
        let families = [
            ("accounts/fireworks/models/flux-1-schnell-fp8", Family::Flux(12)),
            ("accounts/fireworks/models/flux-1-dev-fp8", Family::Flux(50)),
            ("accounts/fireworks/models/flux-kontext-pro", Family::Kontext),
            ("accounts/fireworks/models/stable-diffusion-xl-1024-v1-0", Family::Older),
            ("accounts/fireworks/models/playground-v2-5-1024px-aesthetic", Family::Older),
            ("accounts/fireworks/models/SSD-1B", Family::Older),
            ("accounts/fireworks/models/something-new", Family::Unknown),
        ];
        for (name, family) in families {
            assert_eq!(Family::of(name), family, "{name}");
        }
    }
}
