//! A canonical request as the body of one FLUX model.

use serde_json::{Map, Value};

use super::super::WireRequest;
use super::super::later::{number, pixels, ratio, set};
use super::super::native::in_path;
use super::super::unsupported::{self, Unsupported, no};
use super::family::{Family, Inputs, Shape};
use crate::canonical::{Background, Format, Frame, ImageRequest, Operation, Ratio, Safety, Size};
use crate::catalog::Offering;

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    let model = in_path(offering)?;
    let family = Family::of(model)
        .ok_or_else(|| no("model", "what this model works from has no place in a request"))?;
    unsupported::refuse(&[
        ("count", request.count > 1),
        ("operation", request.operation == Operation::Variation),
        ("negative_prompt", request.negative_prompt.is_some()),
        ("style", request.style.is_some()),
        ("quality", request.quality.is_some()),
        ("compression", request.compression.is_some()),
        ("end_user", request.end_user.is_some()),
    ])?;
    let mut body = Map::new();
    set(&mut body, "prompt", Some(request.prompt.as_str()));
    set(&mut body, "seed", request.seed);
    set(&mut body, "output_format", format(request, offering, family));
    set(&mut body, "safety_tolerance", tolerance(request, family));
    frame(&mut body, request, offering, family)?;
    effort(&mut body, request, family)?;
    inputs(&mut body, request, family.inputs)?;
    if request.background == Some(Background::Transparent) {
        if !family.transparency {
            return Err(no("background", "this model draws nothing transparent"));
        }
        set(&mut body, "transparent_bg", Some(true));
    }
    unsupported::as_json(&format!("/{model}"), &body, request, offering)
}

/// What cannot be chosen is seen in the picture itself, and transcoded if need be.
fn format(request: &ImageRequest, offering: &Offering, family: &Family) -> Option<&'static str> {
    let listed = request.format.filter(|format| offering.can.formats.contains(format));
    listed.filter(|format| *format != Format::Webp || family.webp).map(Format::name)
}

fn tolerance(request: &ImageRequest, family: &Family) -> Option<u8> {
    let (drawing, working) = family.tolerance_max;
    match request.safety {
        None | Some(Safety::Standard) => None,
        Some(Safety::Low) if request.inputs.is_empty() => Some(drawing),
        Some(Safety::Low) => Some(working),
    }
}

fn frame(
    body: &mut Map<String, Value>,
    request: &ImageRequest,
    offering: &Offering,
    family: &Family,
) -> Result<(), Unsupported> {
    match &family.shape {
        Shape::Pixels { sides, step, pixels_max } => {
            let size = pixels(request, offering)?;
            let fits = |Size { width, height }: Size| {
                let both = [width, height];
                both.iter().all(|side| sides.contains(side) && side.is_multiple_of(*step))
                    && u64::from(width).saturating_mul(u64::from(height)) <= *pixels_max
            };
            if size.is_some_and(|size| !fits(size)) {
                return Err(no("frame", "this model does not draw such a size"));
            }
            set(body, "width", size.map(|size| size.width));
            set(body, "height", size.map(|size| size.height));
        }
        Shape::Ratio => {
            let ratio = ratio(request, offering)?.map(|shape| shape.ratio);
            if ratio.is_some_and(is_too_long) {
                return Err(no("frame", "this model draws ratios from 21:9 to 9:21"));
            }
            set(body, "aspect_ratio", ratio.map(|ratio| ratio.to_string()));
        }
        Shape::Input if request.frame != Frame::Auto => {
            return Err(no("frame", "this model keeps to the input picture"));
        }
        Shape::Input => {}
    }
    Ok(())
}

fn is_too_long(ratio: Ratio) -> bool {
    let (long, short) = (ratio.width.max(ratio.height), ratio.width.min(ratio.height));
    u64::from(long).saturating_mul(9) > u64::from(short).saturating_mul(21)
}

fn effort(
    body: &mut Map<String, Value>,
    request: &ImageRequest,
    family: &Family,
) -> Result<(), Unsupported> {
    if let Some(steps) = request.steps {
        if !family.steps.as_ref().is_some_and(|range| range.contains(&steps)) {
            return Err(no("steps", "this model takes no such number of steps"));
        }
        set(body, "steps", Some(steps));
    }
    if let Some(guidance) = request.guidance {
        if !family.guidance.as_ref().is_some_and(|range| range.contains(&guidance)) {
            return Err(no("guidance", "this model takes no such guidance"));
        }
        set(body, "guidance", Some(number(guidance)));
    }
    Ok(())
}

fn inputs(
    body: &mut Map<String, Value>,
    request: &ImageRequest,
    family: Inputs,
) -> Result<(), Unsupported> {
    if request.mask.is_some() && family != Inputs::Fill {
        return Err(no("mask", "this model cannot be told where to change a picture"));
    }
    if request.strength.is_some() && family != Inputs::Prompt {
        return Err(no("strength", "this model cannot be told how far to go"));
    }
    let most = match family {
        Inputs::None => 0,
        Inputs::References(most) => most,
        Inputs::Prompt | Inputs::Fill => 1,
    };
    if request.inputs.len() > most {
        return Err(no("inputs", "this model works from fewer pictures"));
    }
    if family == Inputs::Fill && request.inputs.is_empty() {
        return Err(no("operation", "this model only changes pictures"));
    }
    for (index, image) in request.inputs.iter().enumerate() {
        let name = match (family, index) {
            (Inputs::Fill, _) => "image".to_owned(),
            (Inputs::Prompt, _) => "image_prompt".to_owned(),
            (Inputs::None | Inputs::References(_), 0) => "input_image".to_owned(),
            (Inputs::None | Inputs::References(_), before) => format!("input_image_{}", before + 1),
        };
        set(body, &name, Some(unsupported::base64(image)?));
    }
    if let Some(mask) = &request.mask {
        set(body, "mask", Some(unsupported::base64(mask)?));
    }
    // How much of the picture is kept, which is the other way round.
    set(body, "image_prompt_strength", request.strength.map(|far| number(1.0 - far)));
    Ok(())
}
