//! A canonical request as Gemini's `generateContent` body.

use serde::Serialize;
use serde_json::{Value, json};

use super::super::WireRequest;
use super::super::unsupported::{self, Unsupported};
use crate::canonical::{Background, Frame, ImageRequest, Ratio, Safety, Size};
use crate::catalog::{Capabilities, Frames, Offering};

/// The ratios that are documented; the last four for newer models only, which the vendor judges.
const RATIOS: [(u32, u32); 14] = [
    (1, 1),
    (2, 3),
    (3, 2),
    (3, 4),
    (4, 3),
    (4, 5),
    (5, 4),
    (9, 16),
    (16, 9),
    (21, 9),
    (1, 4),
    (4, 1),
    (1, 8),
    (8, 1),
];

/// What a content filter can be asked to look for.
const HARMS: [&str; 4] = [
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
];

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    contents: Value,
    generation_config: GenerationConfig,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    safety_settings: Vec<SafetySetting>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig {
    response_modalities: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i32>,
    #[serde(skip_serializing_if = "ImageConfig::is_empty")]
    image_config: ImageConfig,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct ImageConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_size: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct SafetySetting {
    category: &'static str,
    threshold: &'static str,
}

impl ImageConfig {
    const fn is_empty(&self) -> bool {
        self.aspect_ratio.is_none() && self.image_size.is_none()
    }
}

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    refuse_what_has_no_word(request)?;
    let body = Body {
        contents: json!([{ "role": "user", "parts": [{ "text": request.prompt }] }]),
        generation_config: GenerationConfig {
            response_modalities: ["IMAGE"],
            seed: seed(request, offering)?,
            image_config: image_config(request.frame, offering)?,
        },
        safety_settings: safety_settings(request.safety),
    };
    let path = format!("/models/{}:generateContent", offering.vendor_model);
    unsupported::as_json(&path, &body, request, offering)
}

/// The encoding is not refused: it is mended by transcoding.
fn refuse_what_has_no_word(request: &ImageRequest) -> Result<(), Unsupported> {
    unsupported::all_but_generation(request)?;
    unsupported::refuse(&[
        ("count", request.count > 1),
        ("negative_prompt", request.negative_prompt.is_some()),
        ("style", request.style.is_some()),
        ("steps", request.steps.is_some()),
        ("guidance", request.guidance.is_some()),
        ("quality", request.quality.is_some()),
        ("compression", request.compression.is_some()),
        ("end_user", request.end_user.is_some()),
        ("background", request.background == Some(Background::Transparent)),
    ])
}

fn seed(request: &ImageRequest, offering: &Offering) -> Result<Option<i32>, Unsupported> {
    match request.seed.filter(|_| offering.can.seed) {
        None => Ok(None),
        Some(seed) => i32::try_from(seed)
            .map(Some)
            .map_err(|_| unsupported::no("seed", "this API takes seeds of 32 bits")),
    }
}

fn image_config(frame: Frame, offering: &Offering) -> Result<ImageConfig, Unsupported> {
    let (ratio, size) = match frame {
        Frame::Auto => (None, Some(offering.can.size_default)),
        Frame::Ratio(wanted) => {
            let drawn = shape(&offering.can, |ratio, _| ratio == wanted);
            (Some(wanted), drawn.map(|(_, size)| size))
        }
        Frame::Pixels(wanted) => match shape(&offering.can, |_, size| size == wanted) {
            Some((ratio, size)) => (Some(ratio), Some(size)),
            None => {
                return Err(unsupported::no("frame", "this API draws ratios, not pixels"));
            }
        },
    };
    if ratio.is_some_and(|ratio| !RATIOS.contains(&(ratio.width, ratio.height))) {
        return Err(unsupported::no("frame", "this API has no such ratio"));
    }
    Ok(ImageConfig {
        aspect_ratio: ratio.map(|ratio| ratio.to_string()),
        image_size: match size {
            Some(size) => tier(size, &offering.vendor_model)?,
            None => None,
        },
    })
}

/// The first shape that the offering draws and that is wanted.
fn shape(can: &Capabilities, wanted: impl Fn(Ratio, Size) -> bool) -> Option<(Ratio, Size)> {
    let Frames::Ratios(shapes) = &can.frames else {
        return None;
    };
    let mut shapes = shapes.iter().copied();
    shapes.find(|(ratio, size)| wanted(*ratio, *size))
}

/// The size class, left out where it is the default or where the model knows none.
fn tier(size: Size, vendor_model: &str) -> Result<Option<&'static str>, Unsupported> {
    let has_tiers = !vendor_model.contains("2.5-flash-image");
    let tier = match size.pixels().isqrt() {
        0..768 => "512",
        768..1536 => return Ok(None),
        1536..3072 => "2K",
        3072.. => "4K",
    };
    match tier {
        "512" if vendor_model.contains("3.1-flash-image") => Ok(Some(tier)),
        "2K" | "4K" if has_tiers => Ok(Some(tier)),
        _ => Err(unsupported::no("frame", "this model has no such size class")),
    }
}

fn safety_settings(safety: Option<Safety>) -> Vec<SafetySetting> {
    match safety {
        None | Some(Safety::Standard) => Vec::new(),
        Some(Safety::Low) => HARMS
            .into_iter()
            .map(|category| SafetySetting { category, threshold: "BLOCK_NONE" })
            .collect(),
    }
}
