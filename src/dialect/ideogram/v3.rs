//! A request to 3.0: always a form, with a route for each kind of edit.

use super::super::WireRequest;
use super::super::multipart::Form;
use super::super::native;
use super::super::unsupported::{Unsupported, no};
use super::request::{count, seed, speed};
use crate::canonical::{Background, Frame, ImageRequest, Size};
use crate::catalog::Offering;

/// The ratios that are drawn.
pub(super) const RATIOS: [(u32, u32, &str); 15] = [
    (1, 1, "1x1"),
    (10, 16, "10x16"),
    (16, 10, "16x10"),
    (9, 16, "9x16"),
    (16, 9, "16x9"),
    (3, 2, "3x2"),
    (2, 3, "2x3"),
    (4, 3, "4x3"),
    (3, 4, "3x4"),
    (1, 3, "1x3"),
    (3, 1, "3x1"),
    (1, 2, "1x2"),
    (2, 1, "2x1"),
    (4, 5, "4x5"),
    (5, 4, "5x4"),
];

/// The sizes that are drawn, tall ones only: each may be turned.
const SIZES: [(u32, u32); 35] = [
    (512, 1536),
    (576, 1408),
    (576, 1472),
    (576, 1536),
    (640, 1344),
    (640, 1408),
    (640, 1472),
    (640, 1536),
    (704, 1152),
    (704, 1216),
    (704, 1280),
    (704, 1344),
    (704, 1408),
    (704, 1472),
    (736, 1312),
    (768, 1088),
    (768, 1216),
    (768, 1280),
    (768, 1344),
    (800, 1280),
    (832, 960),
    (832, 1024),
    (832, 1088),
    (832, 1152),
    (832, 1216),
    (832, 1248),
    (864, 1152),
    (896, 960),
    (896, 1024),
    (896, 1088),
    (896, 1120),
    (896, 1152),
    (960, 1024),
    (960, 1088),
    (1024, 1024),
];

/// The kinds of styles; every other name in capitals is a preset.
const STYLE_TYPES: [&str; 5] = ["AUTO", "GENERAL", "REALISTIC", "DESIGN", "FICTION"];

/// What is done, which is the end of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    Generate,
    GenerateTransparent,
    Remix,
    Inpaint,
}

impl Route {
    fn of(request: &ImageRequest) -> Result<Self, Unsupported> {
        let is_transparent = request.background == Some(Background::Transparent);
        match (request.inputs.as_slice(), &request.mask) {
            ([], _) if is_transparent => Ok(Self::GenerateTransparent),
            ([], _) => Ok(Self::Generate),
            ([_, _, ..], _) => Err(no("inputs", "this model works on one picture")),
            (_, _) if is_transparent => {
                Err(no("background", "a picture that is worked on stays opaque"))
            }
            ([_], Some(_)) => Ok(Self::Inpaint),
            ([_], None) => Ok(Self::Remix),
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Generate => "/v1/ideogram-v3/generate",
            Self::GenerateTransparent => "/v1/ideogram-v3/generate-transparent",
            Self::Remix => "/v1/ideogram-v3/remix",
            Self::Inpaint => "/v1/ideogram-v3/inpaint",
        }
    }
}

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    let route = Route::of(request)?;
    refuse_what_the_route_lacks(request, route)?;
    let mut form = Form::default();
    form.text("prompt", request.prompt.as_str());
    for input in &request.inputs {
        form.file("image", input)?;
    }
    if let Some(mask) = &request.mask {
        form.file("mask", mask)?;
    }
    form.maybe("image_weight", weight(request.strength)?);
    match request.frame {
        Frame::Auto => {}
        Frame::Ratio(wanted) => {
            form.text("aspect_ratio", native::spelt(wanted, &RATIOS)?);
        }
        Frame::Pixels(size) => {
            form.text("resolution", resolution(size)?);
        }
    }
    form.maybe("rendering_speed", speed(request.quality)?);
    form.maybe("negative_prompt", request.negative_prompt.as_deref());
    form.maybe("num_images", count(request));
    form.maybe("seed", seed(request)?);
    if let Some(style) = &request.style {
        form.text(style_field(style)?, style.as_str());
    }
    form.extras(request, offering);
    Ok(form.post(route.path()))
}

fn refuse_what_the_route_lacks(request: &ImageRequest, route: Route) -> Result<(), Unsupported> {
    let lacks_frame = match request.frame {
        Frame::Auto => false,
        Frame::Ratio(_) => route == Route::Inpaint,
        Frame::Pixels(_) => matches!(route, Route::Inpaint | Route::GenerateTransparent),
    };
    let asked = [
        ("frame", lacks_frame),
        ("negative_prompt", request.negative_prompt.is_some() && route == Route::Inpaint),
        ("style", request.style.is_some() && route == Route::GenerateTransparent),
        ("strength", request.strength.is_some() && route != Route::Remix),
    ];
    match asked.iter().find(|(_, asked)| *asked) {
        Some((parameter, _)) => Err(no(parameter, "it is not taken for this kind of work")),
        None => Ok(()),
    }
}

/// How much of the picture stays, from 1 to 100: this API counts from the other end.
fn weight(strength: Option<f32>) -> Result<Option<u8>, Unsupported> {
    let Some(strength) = strength else { return Ok(None) };
    let stays = (1.0 - strength) * 100.0;
    let nearest = (1..=100).find(|weight: &u8| (f32::from(*weight) - stays).abs() <= 0.5);
    nearest.map(Some).ok_or_else(|| no("strength", "this model goes from 0 to 0.99"))
}

fn resolution(size: Size) -> Result<String, Unsupported> {
    let tall = (size.width.min(size.height), size.width.max(size.height));
    if !SIZES.contains(&tall) {
        return Err(no("frame", "this model draws no such size"));
    }
    Ok(size.to_string())
}

/// The field of a style: a kind, or else a preset.
pub(super) fn style_field(style: &str) -> Result<&'static str, Unsupported> {
    let is_in_capitals =
        |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    match style {
        kind if STYLE_TYPES.contains(&kind) => Ok("style_type"),
        preset if !preset.is_empty() && preset.bytes().all(is_in_capitals) => Ok("style_preset"),
        _ => Err(no("style", "styles are names in capitals here, such as REALISTIC")),
    }
}
