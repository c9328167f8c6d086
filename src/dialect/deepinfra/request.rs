//! A canonical request as DeepInfra's native body: an allow-list by family of models.

use serde::Serialize;

use super::super::WireRequest;
use super::super::native;
use super::super::unsupported::{self, Unsupported};
use crate::canonical::{Background, ImageRequest, Safety};
use crate::catalog::Offering;

/// Pictures per call.
const COUNT_MAX: u32 = 4;

#[derive(Debug, Serialize)]
struct Body<'a> {
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_images: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_inference_steps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guidance_scale: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
}

/// Models that differ in the parameters they take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// FLUX pro and ultra: ratios in place of pixels, and nothing to turn.
    Pro,
    /// Stable Diffusion, which knows what not to draw.
    StableDiffusion,
    /// Everyone else.
    Open,
}

impl Family {
    fn of(vendor_model: &str) -> Self {
        let name = vendor_model.to_ascii_lowercase();
        let holds = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        if holds(&["-pro", "-ultra"]) {
            Self::Pro
        } else if holds(&["stable-diffusion", "sdxl", "/sd3"]) {
            Self::StableDiffusion
        } else {
            Self::Open
        }
    }
}

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    let family = Family::of(&offering.vendor_model);
    let path = format!("/{}", native::in_path(offering)?);
    refuse_what_has_no_word(request, family)?;
    let (size, shape) = match family {
        Family::Pro => (None, native::shape(request.frame, &offering.can)?),
        Family::StableDiffusion | Family::Open => (native::pixels(request.frame)?, None),
    };
    let body = Body {
        prompt: &request.prompt,
        negative_prompt: unsupported::negative_prompt(request, offering)?,
        num_images: native::within("count", Some(request.count), (0, COUNT_MAX))?
            .filter(|count| *count > 1),
        width: size.map(|size| size.width),
        height: size.map(|size| size.height),
        aspect_ratio: shape.map(|shape| shape.ratio.to_string()),
        num_inference_steps: request.steps,
        guidance_scale: request.guidance,
        seed: request.seed,
    };
    unsupported::as_json(&path, &body, request, offering)
}

/// Pictures to work from are of its other form: nothing is documented of them here.
fn refuse_what_has_no_word(request: &ImageRequest, family: Family) -> Result<(), Unsupported> {
    let has_negative = family == Family::StableDiffusion;
    unsupported::all_but_generation(request)?;
    unsupported::refuse(&[
        ("negative_prompt", request.negative_prompt.is_some() && !has_negative),
        ("steps", request.steps.is_some() && family == Family::Pro),
        ("guidance", request.guidance.is_some() && family == Family::Pro),
        ("style", request.style.is_some()),
        ("quality", request.quality.is_some()),
        ("compression", request.compression.is_some()),
        ("background", request.background == Some(Background::Transparent)),
        ("safety", request.safety == Some(Safety::Low)),
        ("end_user", request.end_user.is_some()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_name() {
        let families = [
            ("black-forest-labs/FLUX-1-schnell", Family::Open),
            ("black-forest-labs/FLUX-1.1-pro", Family::Pro),
            ("black-forest-labs/FLUX-1.1-ultra", Family::Pro),
            ("stabilityai/sdxl-turbo", Family::StableDiffusion),
            ("stabilityai/stable-diffusion-2-1", Family::StableDiffusion),
            ("stabilityai/sd3.5", Family::StableDiffusion),
            ("someone/something-new", Family::Open),
        ];
        for (name, family) in families {
            assert_eq!(Family::of(name), family, "{name}");
        }
    }
}
