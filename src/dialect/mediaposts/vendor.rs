//! The half of the media-and-posts dialect that faces such a vendor.
//!
//! The documented answer names the picture in the vendor's library but not its address, so a
//! picture without one is looked up there.

use std::time::Duration;

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::bare::{self, Said};
use super::super::json::{Text, loose};
use super::super::reply::{fault_of_status, garbled, not_json, retry_after};
use super::super::unsupported::{self, Unsupported};
use super::super::{Call, Pending, Progress, VendorSide, WireReply, WireRequest};
use super::{PROMPT_CHARS_MAX, RATIOS};
use crate::canonical::{Image, ImageRequest, ImageResponse, Picture};
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

/// Faces vendors that keep pictures for posts.
#[derive(Debug)]
pub(super) struct Vendor;

#[derive(Debug, Serialize)]
struct Body<'a> {
    prompt: &'a str,
    aspect_ratio: &'static str,
    model: &'a str,
}

#[derive(Debug, Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default, rename = "data")]
    media: Option<Kept<'a>>,
    #[serde(default)]
    error: Option<Value>,
}

/// A picture in the vendor's library; under which of these names its address is, is not said.
#[derive(Debug, Deserialize)]
struct Kept<'a> {
    #[serde(borrow, default)]
    media_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    url: Option<Text<'a>>,
    #[serde(borrow, default)]
    media_url: Option<Text<'a>>,
    #[serde(borrow, default)]
    image_url: Option<Text<'a>>,
    #[serde(borrow, default)]
    width: Option<&'a RawValue>,
    #[serde(borrow, default)]
    height: Option<&'a RawValue>,
}

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::Bearer
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
            ("style", request.style.is_some()),
        ])?;
        bare::at_most(PROMPT_CHARS_MAX, "prompt", &request.prompt)?;
        let body = Body {
            prompt: &request.prompt,
            aspect_ratio: bare::frame_word(request.frame, &offering.can, &RATIOS)?,
            model: &offering.vendor_model,
        };
        unsupported::as_json("/ai/generate-image", &body, request, offering)
    }

    fn decode_reply(&self, call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        let body = reply.body.to_bytes();
        let looks_up = call.asked.method == Method::GET;
        if !bare::is_success(reply) {
            let fault = fault(reply, &Said::read(&body));
            return Err(if looks_up { bare::lost(fault) } else { fault });
        }
        let read: Reply<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
        let Some(media) = read.media else {
            return Err(match read.error {
                Some(_) => fault(reply, &Said::read(&body)),
                None => garbled("an answer without a picture"),
            });
        };
        let places = [&media.url, &media.media_url, &media.image_url];
        let found = places.into_iter().find_map(|place| bare::picture(&body, place.as_ref()));
        match found {
            Some(picture) => Ok(done(&media, picture)),
            None if looks_up => Err(garbled("a picture in its library without an address")),
            None => look_up(&media),
        }
    }
}

fn done(media: &Kept<'_>, picture: Picture) -> Progress {
    let size = bare::size(loose(media.width), loose(media.height));
    let images = vec![Image { size, ..Image::new(picture) }];
    Progress::Done(ImageResponse { images, ..ImageResponse::default() })
}

/// Asks the library for the picture, which is drawn already: a question that may be repeated.
fn look_up(media: &Kept<'_>) -> Result<Progress, VendorFault> {
    let id = media.media_id.as_ref().map(Text::as_str);
    let id = id.filter(|id| bare::is_plain_name(id));
    let id = id.ok_or_else(|| garbled("an answer with neither a picture nor its name"))?;
    let next = WireRequest::get(format!("/media/{id}"));
    let pending = Pending { next, wait: Some(Duration::ZERO), cancel: None, cost: None };
    Ok(Progress::Pending(Box::new(pending)))
}

fn fault(reply: &WireReply, said: &Said) -> VendorFault {
    let detail = said.detail.clone();
    match said.code.as_str() {
        "insufficient_credits" => VendorFault::Denied { detail },
        "validation_error" => VendorFault::Rejected { detail },
        _ if bare::is_success(reply) => VendorFault::Rejected { detail },
        _ => fault_of_status(reply.status, &detail, retry_after(reply)),
    }
}
