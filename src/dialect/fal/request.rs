//! A canonical request as the input of one endpoint at fal.

use serde_json::{Map, Value, json};

use super::super::WireRequest;
use super::super::later::{number, pixels, ratio, say, set, size_class};
use super::super::native::{Shape, in_path};
use super::super::unsupported::{self, Unsupported, no};
use super::keys::{FrameKey, Inputs, Keys, SafetyKey};
use crate::canonical::{
    Background, Format, Frame, ImageRequest, InputImage, Operation, Quality, Safety, Size,
};
use crate::catalog::{Frames, Offering};

/// How long the vendor keeps a picture for anyone who knows its address; it is fetched at once.
const KEPT: &str = r#"{"expiration_duration_seconds":3600}"#;

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    let endpoint = in_path(offering)?;
    unsupported::refuse(&[
        ("operation", request.operation == Operation::Variation),
        ("compression", request.compression.is_some()),
        ("end_user", request.end_user.is_some()),
    ])?;
    let keys = Keys::of(endpoint);
    let mut body = Map::new();
    set(&mut body, "prompt", Some(request.prompt.as_str()));
    frame(&mut body, request, offering, keys)?;
    let count = (request.count > 1).then_some(request.count);
    say(&mut body, "count", keys.count, count)?;
    say(&mut body, "seed", keys.seed, request.seed)?;
    let negative = request.negative_prompt.as_deref();
    say(&mut body, "negative_prompt", keys.negative_prompt, negative)?;
    say(&mut body, "steps", keys.steps, request.steps)?;
    say(&mut body, "guidance", keys.guidance, request.guidance.map(number))?;
    say(&mut body, "style", keys.style, request.style.as_deref())?;
    looks(&mut body, request, offering, keys)?;
    pictures(&mut body, request, endpoint, keys)?;
    let seconds = offering.vendor.timeout.as_secs().max(1);
    Ok(unsupported::as_json(&format!("/{endpoint}"), &body, request, offering)?
        .with_header("x-fal-object-lifecycle-preference", KEPT)
        .with_header("x-fal-request-timeout", &seconds.to_string()))
}

fn frame(
    body: &mut Map<String, Value>,
    request: &ImageRequest,
    offering: &Offering,
    keys: &Keys,
) -> Result<(), Unsupported> {
    let lists_ratios = matches!(offering.can.frames, Frames::Ratios(_));
    match keys.frame {
        // An unknown endpoint is left to its own default.
        FrameKey::None | FrameKey::AsListed if request.frame == Frame::Auto => {}
        FrameKey::None => return Err(no("frame", "this endpoint keeps to the input picture")),
        FrameKey::Ratio => set_ratio(body, request, offering, keys)?,
        FrameKey::AsListed if lists_ratios => set_ratio(body, request, offering, keys)?,
        FrameKey::Size | FrameKey::AsListed => {
            let both = |Size { width, height }| json!({ "width": width, "height": height });
            set(body, "image_size", pixels(request, offering)?.map(both));
        }
    }
    Ok(())
}

fn set_ratio(
    body: &mut Map<String, Value>,
    request: &ImageRequest,
    offering: &Offering,
    keys: &Keys,
) -> Result<(), Unsupported> {
    let Some(Shape { ratio, size }) = ratio(request, offering)? else { return Ok(()) };
    set(body, "aspect_ratio", Some(ratio.to_string()));
    if let Some(key) = keys.size_class {
        set(body, key, size.map(size_class));
    }
    Ok(())
}

/// Quality, encoding, background and filter.
fn looks(
    body: &mut Map<String, Value>,
    request: &ImageRequest,
    offering: &Offering,
    keys: &Keys,
) -> Result<(), Unsupported> {
    if let Some(quality) = request.quality {
        let (key, words) = keys.quality;
        set(body, key, Some(quality_word(quality, words)?));
    }
    // What cannot be chosen is seen in the picture itself, and transcoded if need be.
    let is_taken =
        |format: &Format| offering.can.formats.contains(format) && keys.formats.contains(format);
    set(body, "output_format", request.format.filter(is_taken).map(Format::name));
    match request.background {
        None => {}
        Some(Background::Transparent) => {
            say(body, "background", keys.background, Some("transparent"))?;
        }
        Some(Background::Opaque) => {
            if let Some(key) = keys.background {
                set(body, key, Some("opaque"));
            }
        }
    }
    match (request.safety, keys.safety) {
        (None | Some(Safety::Standard), _) => {}
        (Some(Safety::Low), SafetyKey::Checker) => {
            set(body, "enable_safety_checker", Some(false));
        }
        (Some(Safety::Low), SafetyKey::Tolerance(most)) => {
            set(body, "safety_tolerance", Some(most));
        }
        (Some(Safety::Low), SafetyKey::None) => {
            return Err(no("safety", "this endpoint has no known key for it"));
        }
    }
    Ok(())
}

fn quality_word(
    quality: Quality,
    words: &'static [(Quality, &'static str)],
) -> Result<&'static str, Unsupported> {
    let word = words.iter().find(|(own, _)| *own == quality);
    word.map(|(_, word)| *word)
        .ok_or_else(|| no("quality", "this endpoint has no word for this quality"))
}

fn pictures(
    body: &mut Map<String, Value>,
    request: &ImageRequest,
    endpoint: &str,
    keys: &Keys,
) -> Result<(), Unsupported> {
    let inputs = match keys.inputs {
        Inputs::AtEdit(key) if endpoint.ends_with("/edit") => Inputs::List(key),
        Inputs::AtEdit(_) => Inputs::None,
        as_it_is @ (Inputs::None | Inputs::One(_) | Inputs::List(_)) => as_it_is,
    };
    match (inputs, request.inputs.as_slice()) {
        (Inputs::None | Inputs::AtEdit(_), []) => {}
        (Inputs::One(_) | Inputs::List(_), []) => {
            return Err(no("operation", "this endpoint only changes pictures"));
        }
        (Inputs::One(key), [one]) => set(body, key, Some(unsupported::data_address(one)?)),
        (Inputs::List(key), many) => {
            let all: Result<Vec<_>, _> = many.iter().map(unsupported::data_address).collect();
            set(body, key, Some(all?));
        }
        (Inputs::One(_), _) => return Err(no("inputs", "this endpoint works from one picture")),
        (Inputs::None | Inputs::AtEdit(_), _) => {
            return Err(no("inputs", "this endpoint has no known key for pictures"));
        }
    }
    let mask = request.mask.as_ref().map(|mask: &InputImage| unsupported::data_address(mask));
    say(body, "mask", keys.mask, mask.transpose()?)?;
    say(body, "strength", keys.strength, request.strength.map(number))
}
