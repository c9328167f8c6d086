//! The half of the `ImageAPI` dialect that faces `ImageAPI`.
//!
//! Its batches are not used: several pictures are several calls, which fail one by one.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::bare::{self, Said};
use super::super::json::{Text, loose};
use super::super::reply::{fault_of_status, garbled, not_json, retry_after};
use super::super::unsupported::{self, Unsupported, no};
use super::super::{Call, Progress, VendorSide, WireReply, WireRequest};
use super::{NEGATIVE_PROMPT_CHARS_MAX, PROMPT_CHARS_MAX, SEED_MAX, SIDE, STEPS};
use crate::canonical::{Frame, Image, ImageRequest, ImageResponse, Size};
use crate::catalog::{AuthScheme, Capabilities, Offering};
use crate::fault::VendorFault;

/// The longest wait that is a matter of pace: the shortest window that is documented is a minute,
/// and the next is a day.
const PACE_MAX: Duration = Duration::from_mins(1);

/// Faces `ImageAPI`.
#[derive(Debug)]
pub(super) struct Vendor;

#[derive(Debug, Serialize)]
struct Body<'a> {
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<&'a str>,
    width: u32,
    height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_inference_steps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    model: &'a str,
}

#[derive(Debug, Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default, rename = "data")]
    drawn: Option<Drawn<'a>>,
}

#[derive(Debug, Deserialize)]
struct Drawn<'a> {
    #[serde(borrow, default)]
    image: Option<Text<'a>>,
    #[serde(borrow, default)]
    seed: Option<&'a RawValue>,
}

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::Bearer
    }

    fn encode_request(
        &self,
        request: &ImageRequest,
        offering: &Offering,
    ) -> Result<WireRequest, Unsupported> {
        bare::one_prompt_one_picture(request)?;
        unsupported::refuse(&[("style", request.style.is_some())])?;
        bare::at_most(PROMPT_CHARS_MAX, "prompt", &request.prompt)?;
        let negative_prompt = unsupported::negative_prompt(request, offering)?;
        let negative = negative_prompt.unwrap_or_default();
        bare::at_most(NEGATIVE_PROMPT_CHARS_MAX, "negative_prompt", negative)?;
        let size = size(request.frame, &offering.can)?;
        let body = Body {
            prompt: &request.prompt,
            negative_prompt,
            width: size.width,
            height: size.height,
            num_inference_steps: steps(request)?,
            seed: seed(request, offering)?,
            model: &offering.vendor_model,
        };
        unsupported::as_json("/generate", &body, request, offering)
    }

    fn decode_reply(&self, _: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        let body = reply.body.to_bytes();
        if !bare::is_success(reply) {
            return Err(fault(reply, &Said::read(&body)));
        }
        let read: Reply<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
        let drawn = read.drawn.as_ref();
        let picture = drawn.and_then(|drawn| bare::picture(&body, drawn.image.as_ref()));
        let Some(picture) = picture else {
            return Err(why_nothing(reply, &Said::read(&body)));
        };
        let seed = drawn.and_then(|drawn| loose(drawn.seed));
        let images = vec![Image { seed, ..Image::new(picture) }];
        Ok(Progress::Done(ImageResponse { images, ..ImageResponse::default() }))
    }
}

/// The pixels to draw, always said: the vendor's own default is smaller than most offerings'.
fn size(frame: Frame, can: &Capabilities) -> Result<Size, Unsupported> {
    let size = match frame {
        Frame::Auto => can.size_default,
        Frame::Pixels(size) => size,
        Frame::Ratio(ratio) => bare::listed(can, |own, _| own == ratio)
            .map(|(_, size)| size)
            .ok_or_else(|| no("frame", "this API takes pixels, not ratios"))?,
    };
    if !SIDE.contains(&size.width) || !SIDE.contains(&size.height) {
        return Err(no("frame", "this API draws sides of 256 to 1024 pixels"));
    }
    Ok(size)
}

fn steps(request: &ImageRequest) -> Result<Option<u32>, Unsupported> {
    match request.steps {
        Some(steps) if !STEPS.contains(&steps) => Err(no("steps", "this API takes 1 to 50")),
        steps => Ok(steps),
    }
}

fn seed(request: &ImageRequest, offering: &Offering) -> Result<Option<i64>, Unsupported> {
    match request.seed.filter(|_| offering.can.seed) {
        Some(seed) if seed.unsigned_abs() > SEED_MAX => {
            Err(no("seed", "this API takes seeds of 53 bits"))
        }
        seed => Ok(seed),
    }
}

/// A success without a picture: one that says itself that it is none, or nothing that makes sense.
fn why_nothing(reply: &WireReply, said: &Said) -> VendorFault {
    let is_none = said.body.get("success") == Some(&Value::Bool(false));
    if !is_none {
        return garbled("an answer without a picture");
    }
    if said.mentions(&["rate limit", "quota"]) {
        return busy_or_used_up(reply, said);
    }
    VendorFault::Rejected { detail: said.detail_or("it says `success: false` and not why") }
}

fn fault(reply: &WireReply, said: &Said) -> VendorFault {
    match reply.status {
        429 => busy_or_used_up(reply, said),
        status => fault_of_status(status, &said.detail, wait(reply, said)),
    }
}

/// One status is for the pace and for what a day or a month allows; no code tells them apart.
fn busy_or_used_up(reply: &WireReply, said: &Said) -> VendorFault {
    let retry_after = wait(reply, said);
    let is_a_quota = said.mentions(&["daily", "monthly", "per day", "per month"])
        || (said.mentions(&["quota"]) && !said.mentions(&["rate limit"]))
        || retry_after.is_some_and(|wait| wait > PACE_MAX);
    if is_a_quota {
        let detail = said.detail_or("what the plan allows in a day or a month is used up");
        return VendorFault::Denied { detail };
    }
    VendorFault::Busy { retry_after }
}

/// The wait in a header, or in seconds in the body.
fn wait(reply: &WireReply, said: &Said) -> Option<Duration> {
    let seconds = || {
        let places = ["/retry_after", "/error/retry_after"];
        places.iter().find_map(|place| said.body.pointer(place)?.as_f64())
    };
    retry_after(reply).or_else(|| Duration::try_from_secs_f64(seconds()?).ok())
}
