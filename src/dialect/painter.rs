//! The painter's own wire form: how the vendor inside this process is asked and answers.
//!
//! Vendor side only. It is spoken over no network, and still goes the way of every other vendor.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::json::Text;
use super::reply::{fault_of_status, garbled, not_json, shortened};
use super::unsupported::{self, Unsupported};
use super::{Call, Dialect, Progress, VendorSide, WireReply, WireRequest};
use crate::canonical::{
    Background, Format, Frame, Image, ImageRequest, ImageResponse, Operation, Quality, Size,
};
use crate::catalog::{AuthScheme, Capabilities, Frames, Offering};
use crate::fault::VendorFault;

/// The painter's own wire form.
pub(super) const DIALECT: Dialect =
    Dialect { name: "painter", client: None, vendor: Some(&Vendor) };

/// Faces the painter.
#[derive(Debug)]
struct Vendor;

#[derive(Debug, Serialize)]
struct Paint<'a> {
    model: &'a str,
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    width: u32,
    height: u32,
    count: u32,
    format: Format,
    #[serde(skip_serializing_if = "Option::is_none")]
    compression: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<Quality>,
    #[serde(skip_serializing_if = "Option::is_none")]
    background: Option<Background>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mask: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    variation: bool,
}

#[derive(Debug, Deserialize)]
struct Painted<'a> {
    #[serde(borrow, default)]
    images: Vec<Painting<'a>>,
}

#[derive(Debug, Deserialize)]
struct Painting<'a> {
    #[serde(borrow)]
    picture: Text<'a>,
    format: Format,
    width: u32,
    height: u32,
    seed: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Failed {
    error: Failure,
}

#[derive(Debug, Deserialize)]
struct Failure {
    kind: FailureKind,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    retry_after_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FailureKind {
    Busy,
    Broken,
    Refused,
}

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::None
    }

    fn encode_request(
        &self,
        request: &ImageRequest,
        offering: &Offering,
    ) -> Result<WireRequest, Unsupported> {
        unsupported::refuse(&[
            ("negative_prompt", request.negative_prompt.is_some()),
            ("style", request.style.is_some()),
            ("strength", request.strength.is_some()),
            ("steps", request.steps.is_some()),
            ("guidance", request.guidance.is_some()),
            ("safety", request.safety.is_some()),
            ("end_user", request.end_user.is_some()),
        ])?;
        let size = size(request.frame, &offering.can);
        let paint = Paint {
            model: &offering.vendor_model,
            prompt: &request.prompt,
            seed: request.seed,
            width: size.width,
            height: size.height,
            count: request.count.max(1),
            format: request.format.unwrap_or(Format::Png),
            compression: request.compression,
            quality: request.quality,
            background: request.background,
            inputs: request.inputs.iter().map(unsupported::base64).collect::<Result<_, _>>()?,
            mask: request.mask.as_ref().map(unsupported::base64).transpose()?,
            variation: request.operation == Operation::Variation,
        };
        unsupported::as_json("/paint", &paint, request, offering)
    }

    fn decode_reply(&self, _: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        let body = reply.body.to_bytes();
        if reply.status != 200 {
            return Err(fault(reply.status, &body));
        }
        let painted: Painted<'_> =
            serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
        let images: Vec<_> = painted
            .images
            .iter()
            .filter_map(|painting| {
                Some(Image {
                    format: Some(painting.format),
                    size: Some(Size::new(painting.width, painting.height)),
                    seed: painting.seed,
                    ..Image::new(painting.picture.picture(&body)?)
                })
            })
            .collect();
        if images.is_empty() {
            return Err(garbled("an answer without a picture"));
        }
        Ok(Progress::Done(ImageResponse { images, ..ImageResponse::default() }))
    }
}

/// The pixels to paint; the painter can do any, so a ratio is only a matter of choosing.
fn size(frame: Frame, can: &Capabilities) -> Size {
    match (frame, &can.frames) {
        (Frame::Pixels(size), _) => size,
        (Frame::Auto, _) => can.size_default,
        (Frame::Ratio(ratio), Frames::Any { step, .. }) => {
            ratio.size_of(can.size_default.pixels(), *step)
        }
        (Frame::Ratio(ratio), Frames::Sizes(_) | Frames::Ratios(_)) => {
            ratio.size_of(can.size_default.pixels(), 1)
        }
    }
}

fn fault(status: u16, body: &[u8]) -> VendorFault {
    let Ok(Failed { error }) = serde_json::from_slice(body) else {
        return fault_of_status(status, "an error that is not the painter's", None);
    };
    match error.kind {
        FailureKind::Busy => {
            VendorFault::Busy { retry_after: error.retry_after_ms.map(Duration::from_millis) }
        }
        FailureKind::Broken => VendorFault::Broken { status },
        FailureKind::Refused => VendorFault::refused(shortened(&error.detail)),
    }
}
