//! A canonical request as the body of `:predict`.

use std::borrow::Cow;

use serde::Serialize;

use super::super::WireRequest;
use super::super::google::{self, Tier};
use super::super::unsupported::{self, Unsupported, no};
use crate::canonical::{Background, Frame, ImageRequest, InputImage, Operation, Ratio, Safety};
use crate::catalog::Offering;

/// Pictures of one call.
const COUNT_MAX: u32 = 4;

/// The ratios that are drawn.
const RATIOS: [(u32, u32); 5] = [(1, 1), (3, 4), (4, 3), (9, 16), (16, 9)];

#[derive(Debug, Serialize)]
struct Body<'a> {
    instances: [Instance<'a>; 1],
    parameters: Parameters<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Instance<'a> {
    prompt: Cow<'a, str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reference_images: Vec<Reference<'a>>,
}

#[derive(Debug, Serialize)]
struct Reference<'a> {
    #[serde(rename = "referenceType")]
    kind: &'static str,
    #[serde(rename = "referenceId")]
    number: u32,
    #[serde(rename = "referenceImage")]
    image: Content<'a>,
    #[serde(rename = "maskImageConfig", skip_serializing_if = "Option::is_none")]
    mask_config: Option<MaskConfig>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    bytes_base64_encoded: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MaskConfig {
    mask_mode: &'static str,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Parameters<'a> {
    /// Always said: left out, it is four.
    sample_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sample_image_size: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    add_watermark: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guidance_scale: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_setting: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_options: Option<OutputOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edit_mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edit_config: Option<EditConfig>,
    /// Without it, nothing would be said about a picture that the filter took.
    include_rai_reason: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputOptions {
    mime_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    compression_quality: Option<u8>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EditConfig {
    base_steps: u32,
}

/// Models that differ in what they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// Imagen 3 and before: with a negative prompt, in one size class.
    Older,
    /// Imagen 3 for edits.
    Capability,
    /// Imagen 4 Fast: one size class.
    Fast,
    /// Imagen 4 and 4 Ultra, in two size classes.
    Four,
}

impl Family {
    fn of(vendor_model: &str) -> Self {
        let is = |part: &str| vendor_model.contains(part);
        if is("capability") {
            Self::Capability
        } else if is("imagen-3") || is("imagegeneration@") {
            Self::Older
        } else if is("-fast-") {
            Self::Fast
        } else {
            Self::Four
        }
    }
}

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    let family = Family::of(&offering.vendor_model);
    refuse_what_has_no_word(request)?;
    let is_edit = refers_to_pictures(request, family)?;
    let seed = seed(request, offering)?;
    let encoding = google::encoding(request, &offering.can)?;
    let mut parameters = Parameters {
        sample_count: count(request)?,
        negative_prompt: negative_prompt(request, offering, family)?,
        seed,
        add_watermark: seed.map(|_| false),
        guidance_scale: guidance(request)?,
        safety_setting: request.safety.and_then(safety),
        output_options: encoding.map(|(format, compression_quality)| OutputOptions {
            mime_type: format.mime(),
            compression_quality,
        }),
        include_rai_reason: true,
        ..Parameters::default()
    };
    if is_edit {
        parameters.edit_mode = request.mask.as_ref().map(|_| "EDIT_MODE_INPAINT_INSERTION");
        parameters.edit_config = request.steps.map(|base_steps| EditConfig { base_steps });
        if request.frame != Frame::Auto {
            return Err(no("frame", "what this API edits keeps its size"));
        }
    } else {
        unsupported::refuse(&[("steps", request.steps.is_some())])?;
        let shape = google::shape(request.frame, &offering.can)?;
        parameters.aspect_ratio = shape.ratio.map(ratio).transpose()?;
        parameters.sample_image_size = shape.tier.map_or(Ok(None), |tier| size(tier, family))?;
    }
    let instance = Instance { prompt: prompt(request), reference_images: references(request)? };
    let body = Body { instances: [instance], parameters };
    let path = format!("/models/{}:predict", offering.vendor_model);
    unsupported::as_json(&path, &body, request, offering)
}

fn refuse_what_has_no_word(request: &ImageRequest) -> Result<(), Unsupported> {
    unsupported::refuse(&[
        ("operation", request.operation == Operation::Variation),
        ("strength", request.strength.is_some()),
        ("style", request.style.is_some()),
        ("quality", request.quality.is_some()),
        ("end_user", request.end_user.is_some()),
        ("background", request.background == Some(Background::Transparent)),
    ])
}

/// Whether there is a picture to work from, with a mask or without.
fn refers_to_pictures(request: &ImageRequest, family: Family) -> Result<bool, Unsupported> {
    match (request.inputs.len(), request.operation) {
        (0, Operation::Edit) => Err(no("inputs", "there is no picture to edit")),
        (0, Operation::Generate | Operation::Variation) if request.mask.is_some() => {
            Err(no("mask", "there is no picture that it is over"))
        }
        (0, Operation::Generate | Operation::Variation) => Ok(false),
        _ if family != Family::Capability => Err(no("inputs", "this model only draws")),
        (1, _) => Ok(true),
        _ => Err(no("inputs", "this API edits one picture")),
    }
}

/// Without a mask, the prompt says which picture is meant, by its number.
fn prompt(request: &ImageRequest) -> Cow<'_, str> {
    let is_meant = request.mask.is_none() && !request.inputs.is_empty();
    if is_meant && !request.prompt.contains("[1]") {
        return format!("In image [1]: {}", request.prompt).into();
    }
    Cow::Borrowed(&request.prompt)
}

fn references(request: &ImageRequest) -> Result<Vec<Reference<'_>>, Unsupported> {
    let raw = request.inputs.iter().map(|image| reference("REFERENCE_TYPE_RAW", 1, image));
    let mask = request.mask.iter().map(|mask| {
        let config = MaskConfig { mask_mode: "MASK_MODE_USER_PROVIDED" };
        let mask = reference("REFERENCE_TYPE_MASK", 2, mask)?;
        Ok(Reference { mask_config: Some(config), ..mask })
    });
    raw.chain(mask).collect()
}

fn reference<'a>(
    kind: &'static str,
    number: u32,
    image: &'a InputImage,
) -> Result<Reference<'a>, Unsupported> {
    let image = Content { bytes_base64_encoded: unsupported::base64(image)? };
    Ok(Reference { kind, number, image, mask_config: None })
}

fn count(request: &ImageRequest) -> Result<u32, Unsupported> {
    match request.count {
        count if count > COUNT_MAX => Err(no("count", "this API draws four pictures in a call")),
        count => Ok(count.max(1)),
    }
}

fn ratio(ratio: Ratio) -> Result<String, Unsupported> {
    if RATIOS.contains(&(ratio.width, ratio.height)) {
        Ok(ratio.to_string())
    } else {
        Err(no("frame", "this API has no such ratio"))
    }
}

/// The size class, left out where it is the default.
fn size(tier: Tier, family: Family) -> Result<Option<&'static str>, Unsupported> {
    match (tier, family) {
        (Tier::One, _) => Ok(None),
        (Tier::Two, Family::Four) => Ok(Some(tier.name())),
        (
            Tier::Half | Tier::Two | Tier::Four,
            Family::Older | Family::Capability | Family::Fast | Family::Four,
        ) => Err(no("frame", "this model has no such size class")),
    }
}

fn negative_prompt<'a>(
    request: &'a ImageRequest,
    offering: &Offering,
    family: Family,
) -> Result<Option<&'a str>, Unsupported> {
    match (unsupported::negative_prompt(request, offering)?, family) {
        (Some(_), Family::Fast | Family::Four) => {
            Err(no("negative_prompt", "models after Imagen 3 take none"))
        }
        (prompt, Family::Older | Family::Capability | Family::Fast | Family::Four) => Ok(prompt),
    }
}

fn seed(request: &ImageRequest, offering: &Offering) -> Result<Option<u32>, Unsupported> {
    match request.seed.filter(|_| offering.can.seed) {
        None => Ok(None),
        Some(seed) => u32::try_from(seed)
            .map(Some)
            .map_err(|_| no("seed", "this API takes seeds from 0 to 4294967295")),
    }
}

/// By its decimal text, so that 7.1 stays 7.1.
fn guidance(request: &ImageRequest) -> Result<Option<f64>, Unsupported> {
    let Some(guidance) = request.guidance else { return Ok(None) };
    match guidance.to_string().parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Some(number)),
        Ok(_) | Err(_) => Err(no("guidance", "it is no number")),
    }
}

/// The least filtering that needs no approval of Google's; policy may add what does.
const fn safety(safety: Safety) -> Option<&'static str> {
    match safety {
        Safety::Standard => None,
        Safety::Low => Some("block_only_high"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_name() {
        let families = [
            ("imagegeneration@006", Family::Older),
            ("imagen-3.0-generate-002", Family::Older),
            ("imagen-3.0-fast-generate-001", Family::Older),
            ("imagen-3.0-capability-001", Family::Capability),
            ("imagen-4.0-fast-generate-001", Family::Fast),
            ("imagen-4.0-generate-001", Family::Four),
            ("imagen-4.0-ultra-generate-001", Family::Four),
        ];
        for (name, family) in families {
            assert_eq!(Family::of(name), family, "{name}");
        }
    }
}
