//! The half of the `NearIQ` dialect that faces `NearIQ`.
//!
//! It is told no shape: the preset, which names what a picture is for, decides it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::bare::{self, Said};
use super::super::json::{Text, loose};
use super::super::reply::{fault_of_status, garbled, not_json, retry_after, shortened};
use super::super::unsupported::{self, Unsupported, no};
use super::super::{Call, Progress, VendorSide, WireReply, WireRequest};
use super::{KEY_HEADER, PROMPT_CHARS_MAX, STYLES};
use crate::canonical::{Frame, Image, ImageRequest, ImageResponse, Ratio};
use crate::catalog::{AuthScheme, Capabilities, Offering};
use crate::fault::VendorFault;

/// What a picture is for, and the shape that this usually has: our reading, as only the names are
/// documented. The first is the documented default, and the first of a shape stands for it.
const PRESETS: [(&str, Ratio); 5] = [
    ("social_graphic", Ratio::new(1, 1)),
    ("gbp_post", Ratio::new(4, 3)),
    ("ad_creative", Ratio::new(191, 100)),
    ("product_photo", Ratio::new(1, 1)),
    ("blog_hero", Ratio::new(16, 9)),
];

/// The longest wait that is a matter of pace. The documented limit is a day's.
const PACE_MAX: Duration = Duration::from_mins(1);

/// Faces `NearIQ`.
#[derive(Debug)]
pub(super) struct Vendor;

#[derive(Debug, Serialize)]
struct Body<'a> {
    prompt: &'a str,
    preset: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    style: Option<&'a str>,
}

#[derive(Debug, Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default)]
    url: Option<Text<'a>>,
    #[serde(borrow)]
    watermarked: Option<&'a RawValue>,
}

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::Header(KEY_HEADER.to_owned())
    }

    fn answers_by_address(&self, _: &Offering) -> bool {
        true
    }

    fn encode_request(
        &self,
        request: &ImageRequest,
        offering: &Offering,
    ) -> Result<WireRequest, Unsupported> {
        bare::one_prompt_one_picture(request)?;
        unsupported::refuse(&[
            ("negative_prompt", request.negative_prompt.is_some()),
            ("seed", request.seed.is_some()),
            ("steps", request.steps.is_some()),
        ])?;
        bare::at_most(PROMPT_CHARS_MAX, "prompt", &request.prompt)?;
        let body = Body {
            prompt: &request.prompt,
            preset: preset(request, &offering.can)?,
            style: style(request)?,
        };
        unsupported::as_json("/images", &body, request, offering)
    }

    fn decode_reply(&self, _: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        let body = reply.body.to_bytes();
        if !bare::is_success(reply) {
            return Err(fault(reply, &Said::read(&body)));
        }
        let read: Reply<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
        let picture = bare::picture(&body, read.url.as_ref())
            .ok_or_else(|| garbled("an answer without a picture"))?;
        let images = vec![Image::new(picture)];
        let watermarked = loose(read.watermarked).unwrap_or(false);
        Ok(Progress::Done(ImageResponse { images, watermarked, ..ImageResponse::default() }))
    }
}

/// The preset that was asked for by its name, or else the one of the wanted shape. A preset of
/// another name is policy's own, and says nothing here.
fn preset(request: &ImageRequest, can: &Capabilities) -> Result<&'static str, Unsupported> {
    let asked = request.preset.as_deref();
    let named = PRESETS.into_iter().find(|(name, _)| Some(*name) == asked);
    match named {
        None => bare::frame_word(request.frame, can, &PRESETS),
        Some((name, _)) if request.frame == Frame::Auto => Ok(name),
        Some(preset) => bare::frame_word(request.frame, can, &[preset])
            .map_err(|_| no("frame", "the preset draws another shape")),
    }
}

fn style(request: &ImageRequest) -> Result<Option<&str>, Unsupported> {
    match request.style.as_deref() {
        Some(style) if !STYLES.contains(&style) => {
            Err(no("style", "this API knows photorealistic, illustration, minimal and bold"))
        }
        style => Ok(style),
    }
}

fn fault(reply: &WireReply, said: &Said) -> VendorFault {
    let retry_after = retry_after(reply);
    match reply.status {
        // The day's pictures are used up, and waiting for tomorrow is no answer.
        429 if retry_after.is_none_or(|wait| wait > PACE_MAX) => used_up(said),
        // Pictures are not set up in the vendor's environment; a proxy that is overloaded has no
        // such words, or says when to come back.
        503 if retry_after.is_none() && !said.detail.is_empty() => {
            VendorFault::Denied { detail: said.detail.clone() }
        }
        status => fault_of_status(status, &said.detail, retry_after),
    }
}

fn used_up(said: &Said) -> VendorFault {
    let places = ["/usage/resetsAt", "/error/usage/resetsAt", "/resetsAt"];
    let resets_at = places.iter().find_map(|place| said.body.pointer(place)?.as_str());
    let words = said.detail_or("what the plan allows in a day is used up");
    let detail = match resets_at {
        Some(at) => shortened(&format!("{words} (resets at {at})")),
        None => words,
    };
    VendorFault::Denied { detail }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::canonical::Size;
    use crate::catalog::{BaseUrl, Frames, InProcess, Vendor as Company};

    fn said(preset: &str, frame: &str) -> Result<String, &'static str> {
        let company = Company::new("v", "neariq", BaseUrl::InProcess(InProcess::default()));
        let can = Capabilities::only(Frames::Ratios(Vec::new()), Size::new(1024, 1024));
        let offering = Offering::new("m/v", Arc::new(company), "m", can);
        let request = ImageRequest {
            prompt: "a lighthouse".to_owned(),
            count: 1,
            preset: Some(preset.to_owned()),
            frame: frame.parse().unwrap(),
            ..ImageRequest::default()
        };
        let wire = Vendor.encode_request(&request, &offering).map_err(|no| no.parameter)?;
        let body: serde_json::Value = serde_json::from_slice(&wire.body.to_bytes()).unwrap();
        Ok(body["preset"].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_preset_that_is_named_is_said_unless_another_shape_is_wanted() {
        assert_eq!(said("blog_hero", "auto").as_deref(), Ok("blog_hero"));
        assert_eq!(said("product_photo", "1:1").as_deref(), Ok("product_photo"));
        assert_eq!(said("product_photo", "16:9"), Err("frame"));
    }

    #[test]
    fn a_preset_of_policy_leaves_it_to_the_shape() {
        assert_eq!(said("our-own", "16:9").as_deref(), Ok("blog_hero"));
        assert_eq!(said("our-own", "auto").as_deref(), Ok("social_graphic"));
    }
}
