//! A canonical request as Together's body: an allow-list by family of models.

use serde::Serialize;

use super::super::WireRequest;
use super::super::native;
use super::super::unsupported::{self, Unsupported, no};
use super::family::{Family, Guidance, Inputs};
use crate::canonical::{Background, Format, Frame, ImageRequest, Operation, Safety};
use crate::catalog::Offering;

/// Pictures per call.
const COUNT_MAX: u32 = 4;

/// The ratios that are documented.
const RATIOS: [(u32, u32, &str); 5] =
    [(1, 1, "1:1"), (16, 9, "16:9"), (9, 16, "9:16"), (4, 3, "4:3"), (3, 2, "3:2")];

#[derive(Debug, Serialize)]
struct Body<'a> {
    model: &'a str,
    prompt: &'a str,
    response_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guidance: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guidance_scale: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reference_images: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_safety_checker: Option<bool>,
}

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    let family = Family::of(&offering.vendor_model);
    refuse_what_has_no_word(request, family)?;
    let (size, ratio) = match request.frame {
        Frame::Ratio(ratio) if family.ratios => (None, Some(native::spelt(ratio, &RATIOS)?)),
        Frame::Auto | Frame::Pixels(_) | Frame::Ratio(_) => (native::pixels(request.frame)?, None),
    };
    let (image_url, reference_images) = inputs(request, family)?;
    let guidance = |word| request.guidance.filter(|_| family.guidance == Some(word));
    let body = Body {
        model: &offering.vendor_model,
        prompt: &request.prompt,
        response_format: "base64",
        output_format: native::jpeg_or_png(request, offering).map(Format::name),
        n: native::within("count", Some(request.count), (0, COUNT_MAX))?.filter(|n| *n > 1),
        width: size.map(|size| size.width),
        height: size.map(|size| size.height),
        aspect_ratio: ratio,
        steps: native::within("steps", request.steps, (1, family.steps_max))?,
        seed: request.seed,
        negative_prompt: unsupported::negative_prompt(request, offering)?,
        guidance: guidance(Guidance::Plain),
        guidance_scale: guidance(Guidance::Scale),
        image_url,
        reference_images,
        disable_safety_checker: (request.safety == Some(Safety::Low)).then_some(true),
    };
    unsupported::as_json("/images/generations", &body, request, offering)
}

fn refuse_what_has_no_word(request: &ImageRequest, family: Family) -> Result<(), Unsupported> {
    let is_edit = request.operation == Operation::Edit;
    unsupported::refuse(&[
        ("operation", request.operation == Operation::Variation),
        ("inputs", is_edit && request.inputs.is_empty()),
        ("mask", request.mask.is_some()),
        ("strength", request.strength.is_some()),
        ("negative_prompt", request.negative_prompt.is_some() && !family.negative_prompt),
        ("guidance", request.guidance.is_some() && family.guidance.is_none()),
        ("style", request.style.is_some()),
        ("quality", request.quality.is_some()),
        ("compression", request.compression.is_some()),
        ("background", request.background == Some(Background::Transparent)),
        ("safety", request.safety == Some(Safety::Low) && !family.uncheckable),
        ("end_user", request.end_user.is_some()),
    ])
}

/// The input pictures as `image_url` and as `reference_images`.
fn inputs(
    request: &ImageRequest,
    family: Family,
) -> Result<(Option<String>, Vec<String>), Unsupported> {
    let mut addresses = request.inputs.iter().map(unsupported::data_address);
    match (family.inputs, request.inputs.len()) {
        (_, 0) => Ok((None, Vec::new())),
        (Inputs::One | Inputs::Either, 1) => Ok((addresses.next().transpose()?, Vec::new())),
        (Inputs::References | Inputs::Either, _) => {
            Ok((None, addresses.collect::<Result<_, _>>()?))
        }
        (Inputs::None | Inputs::One, _) => {
            Err(no("inputs", "this model works from no such number of pictures"))
        }
    }
}
