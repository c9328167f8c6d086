//! The half of the PostEverywhere dialect that faces PostEverywhere.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::bare::{self, Said};
use super::super::json::Text;
use super::super::reply::{fault_of_status, garbled, not_json, retry_after};
use super::super::unsupported::{self, Unsupported};
use super::super::{Call, Progress, VendorSide, WireReply, WireRequest};
use super::RATIOS;
use crate::canonical::{Frame, Image, ImageRequest, ImageResponse, Size};
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

/// The largest picture of each documented model.
const SIZES_MAX: [(&str, Size); 4] = [
    ("nano-banana-pro", Size::new(2048, 2048)),
    ("ideogram-v2", Size::new(1024, 1024)),
    ("gemini-3-pro", Size::new(1536, 1536)),
    ("flux-schnell", Size::new(1024, 1024)),
];

/// Faces PostEverywhere.
#[derive(Debug)]
pub(super) struct Vendor;

#[derive(Debug, Serialize)]
struct Body<'a> {
    prompt: &'a str,
    model: &'a str,
    aspect_ratio: &'static str,
}

#[derive(Debug, Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default, rename = "data")]
    drawn: Option<Drawn<'a>>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Drawn<'a> {
    #[serde(borrow, default)]
    status: Option<Text<'a>>,
    #[serde(borrow, default)]
    image_url: Option<Text<'a>>,
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
        refuse_what_is_too_large(request.frame, offering)?;
        let body = Body {
            prompt: &request.prompt,
            model: &offering.vendor_model,
            aspect_ratio: bare::frame_word(request.frame, &offering.can, &RATIOS)?,
        };
        unsupported::as_json("/ai/generate-image", &body, request, offering)
    }

    fn decode_reply(&self, _: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        let body = reply.body.to_bytes();
        if !bare::is_success(reply) {
            return Err(fault(reply, &Said::read(&body)));
        }
        let read: Reply<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
        let Some(drawn) = read.drawn else {
            return Err(match read.error {
                Some(_) => fault(reply, &Said::read(&body)),
                None => garbled("an answer without a picture"),
            });
        };
        if drawn.status.is_some_and(|status| status.as_str() == "failed") {
            return Err(VendorFault::Broken { status: 500 });
        }
        let picture = bare::picture(&body, drawn.image_url.as_ref())
            .ok_or_else(|| garbled("an answer without a picture"))?;
        let images = vec![Image::new(picture)];
        Ok(Progress::Done(ImageResponse { images, ..ImageResponse::default() }))
    }
}

/// The size is not said, so what the offering lists for a shape is a promise that the model has to
/// be able to keep.
fn refuse_what_is_too_large(frame: Frame, offering: &Offering) -> Result<(), Unsupported> {
    let known = SIZES_MAX.iter().find(|(model, _)| *model == offering.vendor_model);
    let promised = match frame {
        Frame::Auto => None,
        Frame::Pixels(size) => Some(size),
        Frame::Ratio(ratio) => bare::listed(&offering.can, |own, _| own == ratio).map(|(_, s)| s),
    };
    match (known, promised) {
        (Some((_, most)), Some(size)) if size.pixels() > most.pixels() => Err(Unsupported {
            parameter: "frame",
            why: format!("this model draws at most {most}").into(),
        }),
        (Some(_) | None, _) => Ok(()),
    }
}

fn fault(reply: &WireReply, said: &Said) -> VendorFault {
    let detail = said.detail.clone();
    match (reply.status, said.code.as_str()) {
        (_, "insufficient_credits") => VendorFault::Denied { detail },
        // No code is documented for the safety filter: a blocked prompt is a 400 in words.
        (400, _) if said.mentions(&["safety filter", "blocked", "flagged"]) => {
            VendorFault::refused("safety filter".to_owned())
        }
        _ if bare::is_success(reply) => VendorFault::Rejected { detail },
        (status, _) => fault_of_status(status, &detail, retry_after(reply)),
    }
}
