//! What an offering can do for a request: natively, by emulation that is said, or not at all.

use std::borrow::Cow;
use std::sync::Arc;

use crate::canonical::{
    AVIF_PIXELS_MAX, Background, Change, Format, Frame, ImageRequest, Operation, Safety, Size,
};
use crate::catalog::{Capabilities, Fidelity, Offering, Tariff};
use crate::credits::Cost;

use super::shape;

/// The most calls that one request is fanned out to.
pub const CALLS_MAX: u32 = 16;

/// An offering that can serve a request, and how.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What is bought.
    pub offering: Arc<Offering>,
    /// What it costs us: the version that counted when it was looked at.
    pub tariff: Arc<Tariff>,
    /// The most that the whole request may cost us; `None` where that cannot be said.
    pub cost_most: Option<Cost>,
    /// The pixels that the vendor draws, for pricing.
    pub size: Size,
    /// The frame to ask the vendor for.
    pub native_frame: Frame,
    /// The encoding to ask the vendor for; `None` leaves it to the vendor.
    pub native_format: Option<Format>,
    /// Exact pixels to scale and crop the drawn picture to.
    pub crop_to: Option<Size>,
    /// The encoding to make of a picture that came in another.
    pub transcode_to: Option<Format>,
    /// Calls to make; the pictures are spread over them.
    pub calls: u32,
    /// Pictures per call; the last call asks for what is left.
    pub images_per_call: u32,
    /// What to append to the prompt, for what has no parameter of its own.
    pub prompt_suffix: Option<String>,
    /// What is not done as asked.
    pub changes: Vec<Change>,
}

impl Candidate {
    /// What the vendor is asked on one of the calls, the first being call 0.
    #[must_use]
    pub fn ask(&self, request: &ImageRequest, call: u32) -> ImageRequest {
        let can = &self.offering.can;
        let asked = self.images_per_call.saturating_mul(call);
        let left = request.count.max(1).saturating_sub(asked);
        let mut ask = request.clone();
        ask.count = self.images_per_call.min(left).max(1);
        ask.frame = self.native_frame;
        ask.format = self.native_format;
        // The same seed on every call would draw the same picture every time.
        ask.seed =
            request.seed.filter(|_| can.seed).map(|seed| seed.saturating_add(i64::from(asked)));
        if let Some(suffix) = &self.prompt_suffix {
            ask.prompt.push_str(suffix);
        }
        let is_transparent = request.background == Some(Background::Transparent);
        ask.background = request.background.filter(|_| can.transparency || !is_transparent);
        ask.negative_prompt = ask.negative_prompt.filter(|_| can.negative_prompt);
        ask.style = ask.style.filter(|_| can.style);
        ask.quality = request.quality.filter(|_| can.quality);
        ask.steps = request.steps.filter(|_| can.steps);
        ask.guidance = request.guidance.filter(|_| can.guidance);
        ask.strength = request.strength.filter(|_| can.strength);
        ask.safety = request.safety.filter(|_| can.safety);
        // A compression is that of the format it was asked with.
        let is_native = ask.format == request.format;
        ask.compression = request.compression.filter(|_| can.compression && is_native);
        ask.end_user = ask.end_user.filter(|_| can.end_user);
        ask.previews = if can.previews { request.previews } else { 0 };
        ask.options.retain(|dialect, _| dialect == self.offering.vendor.options_of);
        ask
    }

    /// Whether everything is done as asked.
    pub fn is_native(&self) -> bool {
        self.changes.is_empty()
    }
}

/// How an offering serves a request, or why it cannot.
pub(super) fn fit(
    offering: &Arc<Offering>,
    (request, unix_ms): (&ImageRequest, i64),
    pixels_max: Option<u64>,
    fidelity: Fidelity,
) -> Result<Candidate, String> {
    let can = &offering.can;
    refuse_unable(can, request)?;
    let mut changes = Vec::new();

    let is_lenient = fidelity == Fidelity::Lenient;
    let plan = shape::plan(can, request.frame, pixels_max, is_lenient)
        .ok_or_else(|| format!("cannot draw {}", request.frame))?;
    if let Some(most) = pixels_max.filter(|most| plan.finished().pixels() > *most) {
        let size = plan.finished();
        return Err(format!("draws {size}, and the model allows {most} pixels"));
    }
    changes.extend(plan.change(request.frame));

    let (calls, images_per_call) = spread(can, request)?;
    changes.extend((calls > 1).then(|| fan_out(calls, images_per_call, request.count)));

    let (native_format, transcode_to) = formats(can, request);
    if transcode_to == Some(Format::Avif) && plan.finished().pixels() > AVIF_PIXELS_MAX {
        let size = plan.finished();
        return Err(format!("draws {size}, and {AVIF_PIXELS_MAX} pixels can be made into avif"));
    }
    changes.extend(transcode_to.map(|made| transcoded(native_format, made)));

    if request.background == Some(Background::Transparent) && !can.transparency {
        if !is_lenient {
            return Err("cannot draw a transparent background".to_owned());
        }
        changes.push(change("background", DROPPED));
    }

    let prompt_suffix = suffix(can, request)?;
    changes.extend(said_otherwise(can, request));
    changes.extend(options_of_others(offering, request));

    if fidelity == Fidelity::Strict
        && let Some(first) = changes.first()
    {
        let Change { parameter, how } = first;
        return Err(format!("cannot do `{parameter}` as asked ({how}), and nothing else will do"));
    }
    Ok(Candidate {
        offering: Arc::clone(offering),
        tariff: Arc::clone(offering.cost.at(unix_ms)),
        cost_most: None,
        size: plan.drawn,
        native_frame: plan.frame,
        native_format,
        crop_to: plan.crop_to,
        transcode_to,
        calls,
        images_per_call,
        prompt_suffix,
        changes,
    })
}

/// What no emulation makes up for, and nobody would want dropped.
fn refuse_unable(can: &Capabilities, request: &ImageRequest) -> Result<(), String> {
    let inputs = request.inputs_count();
    if inputs > usize::try_from(can.inputs_max).unwrap_or(usize::MAX) {
        return Err(match can.inputs_max {
            0 => "cannot work from pictures".to_owned(),
            most => format!("works from at most {most} pictures, not {inputs}"),
        });
    }
    if request.operation != Operation::Generate && can.inputs_max == 0 {
        return Err("cannot work from pictures".to_owned());
    }
    if request.operation == Operation::Variation && !can.variation {
        return Err("draws no variations".to_owned());
    }
    if request.has_mask() && !can.mask {
        return Err("cannot be told where to change a picture".to_owned());
    }
    Ok(())
}

/// The pictures spread evenly over as few calls as can be.
fn spread(can: &Capabilities, request: &ImageRequest) -> Result<(u32, u32), String> {
    let count = request.count.max(1);
    let calls = count.div_ceil(can.count_max.max(1));
    if calls > CALLS_MAX {
        return Err(format!("cannot draw {count} pictures in {CALLS_MAX} calls"));
    }
    let each = count.div_ceil(calls);
    Ok((count.div_ceil(each), each))
}

const DROPPED: &str = "dropped";
const IN_PROMPT: &str = "appended to the prompt";
const LEFT: &str = "left to the vendor";

fn change(parameter: &'static str, how: impl Into<Cow<'static, str>>) -> Change {
    Change { parameter: Cow::Borrowed(parameter), how: how.into() }
}

fn fan_out(calls: u32, each: u32, count: u32) -> Change {
    let even = calls.saturating_mul(each) == count;
    let up_to = if even { "" } else { "up to " };
    change("count", format!("{calls} calls of {up_to}{each}"))
}

/// The encoding to ask for, and the one to make of it.
fn formats(can: &Capabilities, request: &ImageRequest) -> (Option<Format>, Option<Format>) {
    let Some(wanted) = request.format else {
        return (None, None);
    };
    // What cannot be opened again could neither be cropped nor marked, so it is made here, last.
    if can.formats.contains(&wanted) && wanted.is_opened() {
        return (Some(wanted), None);
    }
    // A lossless picture loses nothing twice, and keeps its alpha channel on the way.
    let lossless = can.formats.iter().find(|format| matches!(format, Format::Png));
    let native = lossless.or_else(|| can.formats.first()).copied();
    (native, Some(wanted))
}

fn transcoded(native: Option<Format>, made: Format) -> Change {
    let from = native.map_or("the vendor chooses", Format::name);
    change("format", format!("drawn as {from}, converted to {}", made.name()))
}

/// Parameters that the vendor is told in another way, or not at all: best effort by nature.
fn said_otherwise(can: &Capabilities, request: &ImageRequest) -> impl Iterator<Item = Change> {
    let is_lossy = matches!(request.format, Some(Format::Jpeg | Format::Webp | Format::Avif));
    let is_native = request.format.is_some_and(|format| can.formats.contains(&format));
    let uncompressed = is_lossy && is_native && !can.compression;
    [
        ("negative_prompt", negative(can, request).is_some(), IN_PROMPT),
        ("style", request.style.is_some() && !can.style, IN_PROMPT),
        ("preset", request.preset.is_some(), IN_PROMPT),
        ("seed", request.seed.is_some() && !can.seed, DROPPED),
        ("quality", request.quality.is_some() && !can.quality, LEFT),
        ("steps", request.steps.is_some() && !can.steps, LEFT),
        ("guidance", request.guidance.is_some() && !can.guidance, LEFT),
        ("strength", request.strength.is_some() && !can.strength, LEFT),
        ("safety", request.safety == Some(Safety::Low) && !can.safety, LEFT),
        ("compression", request.compression.is_some() && uncompressed, LEFT),
        ("end_user", request.end_user.is_some() && !can.end_user, "not passed on"),
        ("previews", request.previews > 0 && !can.previews, "only the finished picture"),
    ]
    .into_iter()
    .filter(|(_, changed, _)| *changed)
    .map(|(parameter, _, how)| change(parameter, how))
}

/// Options that only another dialect has words for.
fn options_of_others(offering: &Offering, request: &ImageRequest) -> Vec<Change> {
    let foreign = request.options.iter().filter(|(d, _)| *d != offering.vendor.options_of);
    let names = foreign.flat_map(|(_, options)| options.iter()).flat_map(|(name, value)| {
        // What is inside an object is what was asked; the object is only its place.
        match value.as_object() {
            Some(inside) => inside.keys().map(|own| format!("{name}.{own}")).collect(),
            None => vec![name.clone()],
        }
    });
    names.map(|name| Change { parameter: Cow::Owned(name), how: Cow::Borrowed(DROPPED) }).collect()
}

/// The negative prompt of an offering that takes none.
fn negative<'r>(can: &Capabilities, request: &'r ImageRequest) -> Option<&'r str> {
    let text = request.negative_prompt.as_deref().map(str::trim);
    text.filter(|text| !text.is_empty() && !can.negative_prompt)
}

/// What the prompt must carry besides itself; refuses what is too long in all.
fn suffix(can: &Capabilities, request: &ImageRequest) -> Result<Option<String>, String> {
    let style = request.style.as_deref().filter(|_| !can.style);
    let style = style.map(|style| format!("\nStyle: {style}"));
    let negative = negative(can, request).map(|text| format!("\nAvoid: {text}"));
    let preset = request.preset.as_deref().map(|preset| format!("\nPreset: {preset}"));
    let parts: Vec<String> = [style, preset, negative].into_iter().flatten().collect();
    let suffix = (!parts.is_empty()).then(|| parts.concat());
    let bytes = request.prompt.len().saturating_add(suffix.as_ref().map_or(0, String::len));
    // A text never has more characters than bytes, so most prompts need no counting.
    if bytes > can.prompt_chars_max {
        let chars = |text: &str| text.chars().count();
        let all = chars(&request.prompt).saturating_add(suffix.as_deref().map_or(0, chars));
        if all > can.prompt_chars_max {
            let most = can.prompt_chars_max;
            return Err(format!("takes prompts of at most {most} characters"));
        }
    }
    Ok(suffix)
}
