//! A request to the models before 3.0: JSON inside one field.

use serde::Serialize;

use super::super::unsupported::{self, Unsupported, no};
use super::super::{WireRequest, native};
use super::request::{count, seed};
use crate::canonical::{Background, Frame, ImageRequest};
use crate::catalog::Offering;

/// The ratios that are drawn.
const RATIOS: [(u32, u32, &str); 11] = [
    (1, 1, "ASPECT_1_1"),
    (10, 16, "ASPECT_10_16"),
    (16, 10, "ASPECT_16_10"),
    (9, 16, "ASPECT_9_16"),
    (16, 9, "ASPECT_16_9"),
    (3, 2, "ASPECT_3_2"),
    (2, 3, "ASPECT_2_3"),
    (4, 3, "ASPECT_4_3"),
    (3, 4, "ASPECT_3_4"),
    (1, 3, "ASPECT_1_3"),
    (3, 1, "ASPECT_3_1"),
];

/// The styles that are known by name.
const STYLES: [&str; 6] = ["AUTO", "GENERAL", "REALISTIC", "DESIGN", "RENDER_3D", "ANIME"];

#[derive(Debug, Serialize)]
struct Body<'a> {
    image_request: Fields<'a>,
}

#[derive(Debug, Serialize)]
struct Fields<'a> {
    prompt: &'a str,
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect_ratio: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    style_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_images: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
}

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    unsupported::all_but_generation(request)?;
    unsupported::refuse(&[
        ("quality", request.quality.is_some()),
        ("background", request.background == Some(Background::Transparent)),
    ])?;
    let model = offering.vendor_model.as_str();
    let (aspect_ratio, resolution) = match request.frame {
        Frame::Auto => (None, None),
        Frame::Ratio(wanted) => (Some(native::spelt(wanted, &RATIOS)?), None),
        Frame::Pixels(size) if is_2(model) => {
            (None, Some(format!("RESOLUTION_{}_{}", size.width, size.height)))
        }
        Frame::Pixels(_) => return Err(no("frame", "this model takes ratios, not pixels")),
    };
    let image_request = Fields {
        prompt: &request.prompt,
        model,
        aspect_ratio,
        resolution,
        style_type: style(request.style.as_deref(), model)?,
        negative_prompt: match request.negative_prompt.as_deref() {
            Some(_) if model.starts_with("V_2A") => {
                return Err(no("negative_prompt", "this model takes none"));
            }
            negative => negative,
        },
        num_images: count(request),
        seed: seed(request)?,
    };
    unsupported::as_json("/generate", &Body { image_request }, request, offering)
}

fn is_2(model: &str) -> bool {
    model == "V_2" || model == "V_2_TURBO"
}

fn style<'a>(style: Option<&'a str>, model: &str) -> Result<Option<&'a str>, Unsupported> {
    match style {
        Some(_) if model.starts_with("V_1") => Err(no("style", "this model takes none")),
        Some(style) if !STYLES.contains(&style) => Err(no("style", "there is no such style")),
        style => Ok(style),
    }
}
