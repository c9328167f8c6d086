//! A canonical request as an order at Replicate: the path of its model, and the model's own input.

use serde_json::{Map, Value, json};

use super::super::WireRequest;
use super::super::later::{number, pixels, ratio, say, set, size_class};
use super::super::native::{Shape, in_path};
use super::super::unsupported::{self, Unsupported, no};
use super::files::{self, Addresses};
use super::keys::{FrameKeys, Inputs, Keys, SafetyKey};
use crate::canonical::{Background, Format, Frame, ImageRequest, Operation, Safety};
use crate::catalog::{Frames, Offering};

/// The most seconds that the vendor holds an answer back until it is done.
const WAIT_SECONDS_MAX: u64 = 60;

/// The least seconds after which the vendor can be told to end an order.
const CANCEL_SECONDS_MIN: u64 = 5;

/// What is sent next, when so many of the large pictures are uploaded: one more of them, or the
/// order. What cannot be said is known before anything is uploaded.
pub(super) fn next_step(
    request: &ImageRequest,
    offering: &Offering,
    uploaded: &[String],
) -> Result<WireRequest, Unsupported> {
    let order = order(request, offering, uploaded)?;
    match files::large(request).nth(uploaded.len()) {
        Some(image) => files::upload(image, uploaded),
        None => Ok(order),
    }
}

/// The order waits for at most half the time that there is, so that one that takes longer has a
/// name by which it can be taken back; and it ends by itself when nobody can wait any more.
fn order(
    request: &ImageRequest,
    offering: &Offering,
    uploaded: &[String],
) -> Result<WireRequest, Unsupported> {
    let model = in_path(offering)?;
    let input = input(request, offering, uploaded)?;
    let is_version = model.contains(':') || !model.contains('/');
    let (path, body) = if is_version {
        ("/predictions".to_owned(), json!({ "version": model, "input": input }))
    } else if model.starts_with("deployments/") {
        (format!("/{model}/predictions"), json!({ "input": input }))
    } else {
        (format!("/models/{model}/predictions"), json!({ "input": input }))
    };
    let seconds = offering.vendor.timeout.as_secs();
    let wait = (seconds / 2).clamp(1, WAIT_SECONDS_MAX);
    Ok(unsupported::as_json(&path, &body, request, offering)?
        .with_header("prefer", &format!("wait={wait}"))
        .with_header("cancel-after", &format!("{}s", seconds.max(CANCEL_SECONDS_MIN))))
}

fn input(
    request: &ImageRequest,
    offering: &Offering,
    uploaded: &[String],
) -> Result<Map<String, Value>, Unsupported> {
    unsupported::refuse(&[
        ("operation", request.operation == Operation::Variation),
        ("quality", request.quality.is_some()),
        ("background", request.background == Some(Background::Transparent)),
        ("end_user", request.end_user.is_some()),
    ])?;
    let keys = Keys::of(&offering.vendor_model);
    let mut input = Map::new();
    let body = &mut input;
    set(body, "prompt", Some(request.prompt.as_str()));
    frame(body, request, offering, keys)?;
    let count = (request.count > 1).then_some(request.count);
    say(body, "count", keys.count, count)?;
    say(body, "seed", keys.seed, request.seed)?;
    say(body, "negative_prompt", keys.negative_prompt, request.negative_prompt.as_deref())?;
    say(body, "steps", keys.steps, request.steps)?;
    say(body, "guidance", keys.guidance, request.guidance.map(number))?;
    say(body, "style", keys.style, request.style.as_deref())?;
    encoding(body, request, offering, keys)?;
    safety(body, request, keys)?;
    pictures(body, request, keys, Addresses::new(uploaded))?;
    Ok(input)
}

fn frame(
    body: &mut Map<String, Value>,
    request: &ImageRequest,
    offering: &Offering,
    keys: &Keys,
) -> Result<(), Unsupported> {
    if request.frame == Frame::Auto && !request.inputs.is_empty() {
        set(body, "aspect_ratio", keys.as_input);
        return Ok(());
    }
    let lists_ratios = matches!(offering.can.frames, Frames::Ratios(_));
    let (takes_ratio, custom) = match keys.frame {
        // An unknown model is left to its own default.
        FrameKeys::None | FrameKeys::AsListed if request.frame == Frame::Auto => return Ok(()),
        FrameKeys::None => return Err(no("frame", "this model keeps to the input picture")),
        FrameKeys::Ratio => (true, None),
        FrameKeys::AsListed => (lists_ratios, None),
        FrameKeys::CustomPixels(key) => (false, Some(key)),
        FrameKeys::RatioOrCustom(key) => (lists_ratios, Some(key)),
    };
    if takes_ratio {
        set_ratio(body, ratio(request, offering)?, keys);
        return Ok(());
    }
    if let Some(key) = custom {
        set(body, key, Some("custom"));
    }
    let size = pixels(request, offering)?;
    set(body, "width", size.map(|size| size.width));
    set(body, "height", size.map(|size| size.height));
    Ok(())
}

fn set_ratio(body: &mut Map<String, Value>, shape: Option<Shape>, keys: &Keys) {
    let Some(Shape { ratio, size }) = shape else { return };
    set(body, "aspect_ratio", Some(ratio.to_string()));
    if let Some(key) = keys.size_class {
        set(body, key, size.map(size_class));
    }
}

/// What cannot be chosen is seen in the picture itself, and transcoded if need be.
fn encoding(
    body: &mut Map<String, Value>,
    request: &ImageRequest,
    offering: &Offering,
    keys: &Keys,
) -> Result<(), Unsupported> {
    let is_taken =
        |format: &Format| offering.can.formats.contains(format) && keys.formats.contains(format);
    let format = request.format.filter(is_taken);
    let word = format.map(|format| match format {
        Format::Jpeg => "jpg",
        Format::Png | Format::Webp | Format::Avif => format.name(),
    });
    set(body, "output_format", word);
    say(body, "compression", keys.compression, request.compression)
}

fn safety(
    body: &mut Map<String, Value>,
    request: &ImageRequest,
    keys: &Keys,
) -> Result<(), Unsupported> {
    match (request.safety, keys.safety) {
        (None | Some(Safety::Standard), _) => {}
        (Some(Safety::Low), SafetyKey::Checker) => {
            set(body, "disable_safety_checker", Some(true));
        }
        (Some(Safety::Low), SafetyKey::Tolerance(drawing, working)) => {
            let most = if request.inputs.is_empty() { drawing } else { working };
            set(body, "safety_tolerance", Some(most));
        }
        (Some(Safety::Low), SafetyKey::None) => {
            return Err(no("safety", "this model has no key for it"));
        }
    }
    Ok(())
}

fn pictures(
    body: &mut Map<String, Value>,
    request: &ImageRequest,
    keys: &Keys,
    mut addresses: Addresses<'_>,
) -> Result<(), Unsupported> {
    match (keys.inputs, request.inputs.as_slice()) {
        (Inputs::One(_), []) if keys.frame == FrameKeys::None => {
            return Err(no("operation", "this model only changes pictures"));
        }
        (_, []) => {}
        (Inputs::One(key), [one]) => set(body, key, Some(addresses.of(one)?)),
        (Inputs::List(key), many) => {
            let all: Result<Vec<_>, _> = many.iter().map(|image| addresses.of(image)).collect();
            set(body, key, Some(all?));
        }
        (Inputs::One(_), _) => return Err(no("inputs", "this model works from one picture")),
        (Inputs::None, _) => return Err(no("inputs", "this model has no known key for pictures")),
    }
    let mask = request.mask.as_ref().map(|mask| addresses.of(mask)).transpose()?;
    say(body, "mask", keys.mask, mask)?;
    say(body, "strength", keys.strength, request.strength.map(number))
}
