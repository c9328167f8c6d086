//! The web API of AUTOMATIC1111's Stable Diffusion engine, which Forge and others speak too: one
//! call, and the answer when everything is drawn.
//!
//! Vendor side only.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::json::{Text, loose};
use super::measure::{decimal, pixels};
use super::reply::{fault_of_status, garbled, not_json, retry_after, words_of};
use super::unsupported::{self, Unsupported, no};
use super::{Call, Dialect, MaskStyle, Progress, VendorSide, WireReply, WireRequest};
use crate::canonical::{Background, Image, ImageRequest, ImageResponse, Operation, Safety, Size};
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

/// AUTOMATIC1111.
pub(super) const DIALECT: Dialect =
    Dialect { name: "automatic1111", client: None, vendor: Some(&Vendor) };

/// Both sides of a picture are divisible by this.
const STEP: u32 = 8;

/// Crop and resize: an input picture of another shape is not stretched.
const CROP_AND_RESIZE: u8 = 1;

/// Faces engines that speak this API.
#[derive(Debug)]
struct Vendor;

#[derive(Debug, Serialize)]
struct Body<'a> {
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    styles: Option<[&'a str; 1]>,
    width: u32,
    height: u32,
    n_iter: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cfg_scale: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    override_settings: Option<Settings<'a>>,
    #[serde(flatten)]
    change: Option<Change<'a>>,
}

#[derive(Debug, Serialize)]
struct Settings<'a> {
    sd_model_checkpoint: &'a str,
}

/// What is said beside it when a picture is changed.
#[derive(Debug, Serialize)]
struct Change<'a> {
    init_images: [Cow<'a, str>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    mask: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    denoising_strength: Option<f64>,
    resize_mode: u8,
}

#[derive(Debug, Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default)]
    images: Option<Vec<Text<'a>>>,
    /// JSON inside a string; empty where an engine only resembles this one.
    #[serde(borrow, default)]
    info: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Info {
    all_seeds: Vec<i64>,
}

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::Basic
    }

    fn mask_style(&self, _: &Offering) -> MaskStyle {
        MaskStyle::White
    }

    fn encode_request(
        &self,
        request: &ImageRequest,
        offering: &Offering,
    ) -> Result<WireRequest, Unsupported> {
        refuse_what_has_no_word(request)?;
        let size = size(request, offering)?;
        let change = change(request)?;
        let model = offering.vendor_model.as_str();
        let path = if change.is_some() { "/sdapi/v1/img2img" } else { "/sdapi/v1/txt2img" };
        let body = Body {
            prompt: &request.prompt,
            negative_prompt: request.negative_prompt.as_deref(),
            styles: request.style.as_deref().map(|style| [style]),
            width: size.width,
            height: size.height,
            n_iter: request.count,
            seed: seed(request.seed)?,
            steps: request.steps,
            cfg_scale: request.guidance.map(decimal),
            // Without a name, the checkpoint that is loaded stays.
            override_settings: (!model.is_empty())
                .then_some(Settings { sd_model_checkpoint: model }),
            change,
        };
        unsupported::as_json(path, &body, request, offering)
    }

    fn decode_reply(&self, _: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        let body = reply.body.to_bytes();
        if reply.status != 200 {
            let said = serde_json::from_slice(&body).unwrap_or(Value::Null);
            return Err(fault_of_status(reply.status, words(&said), retry_after(reply)));
        }
        let read: Reply<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
        let info: Option<String> = loose(read.info);
        let info: Info = info.and_then(|info| serde_json::from_str(&info).ok()).unwrap_or_default();
        let texts = read.images.unwrap_or_default();
        let seeds = info.all_seeds;
        // Pictures without a seed were not drawn: a sheet of all of them comes before several, and
        // what extensions made on the way comes after them.
        let (skipped, taken) = if seeds.is_empty() || texts.len() <= seeds.len() {
            (0, texts.len())
        } else {
            (usize::from(seeds.len() > 1), seeds.len())
        };
        let drawn = texts.iter().skip(skipped).take(taken).enumerate();
        let images: Vec<Image> = drawn
            .filter_map(|(index, text)| {
                let seed = seeds.get(index).copied();
                Some(Image { seed, ..Image::new(text.picture(&body)?) })
            })
            .collect();
        if images.is_empty() {
            return Err(garbled("an answer without a picture"));
        }
        Ok(Progress::Done(ImageResponse { images, ..ImageResponse::default() }))
    }
}

/// The encoding is not refused: it is mended by transcoding.
fn refuse_what_has_no_word(request: &ImageRequest) -> Result<(), Unsupported> {
    unsupported::refuse(&[
        ("operation", request.operation == Operation::Variation),
        ("quality", request.quality.is_some()),
        ("compression", request.compression.is_some()),
        ("background", request.background == Some(Background::Transparent)),
        ("safety", request.safety == Some(Safety::Low)),
        ("end_user", request.end_user.is_some()),
        ("previews", request.previews > 0),
    ])
}

fn size(request: &ImageRequest, offering: &Offering) -> Result<Size, Unsupported> {
    let size = pixels(request.frame, &offering.can, STEP);
    if size.width.is_multiple_of(STEP) && size.height.is_multiple_of(STEP) {
        Ok(size)
    } else {
        Err(no("frame", "this engine draws sides divisible by 8"))
    }
}

/// The picture to change, and where and how far.
fn change(request: &ImageRequest) -> Result<Option<Change<'_>>, Unsupported> {
    match request.inputs.as_slice() {
        [] if request.operation == Operation::Generate
            && request.mask.is_none()
            && request.strength.is_none() =>
        {
            Ok(None)
        }
        [] => Err(no("inputs", "there is no picture to change")),
        [image] => Ok(Some(Change {
            init_images: [unsupported::base64(image)?],
            mask: request.mask.as_ref().map(unsupported::base64).transpose()?,
            denoising_strength: request.strength.map(decimal),
            resize_mode: CROP_AND_RESIZE,
        })),
        _ => Err(no("inputs", "this engine changes one picture at a time")),
    }
}

/// A negative one asks for any.
fn seed(seed: Option<i64>) -> Result<Option<i64>, Unsupported> {
    match seed {
        Some(..0) => Err(no("seed", "this engine takes seeds from 0 up")),
        seed => Ok(seed),
    }
}

/// What the engine says went wrong; the name of the error where it says no more.
fn words(said: &Value) -> &str {
    let name = said.get("error").and_then(Value::as_str).unwrap_or_default();
    match words_of(said) {
        "" => name,
        words => words,
    }
}
