//! The half of the `NeuralDraft` dialect that faces `NeuralDraft`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::super::bare::{self, Said};
use super::super::json::{Text, loose};
use super::super::reply::{fault_of_status, garbled, not_json, retry_after};
use super::super::unsupported::{self, Unsupported};
use super::super::{Call, Pending, Progress, VendorSide, WireReply, WireRequest};
use super::RATIOS;
use crate::canonical::{Image, ImageRequest, ImageResponse};
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

const JOBS: &str = "/jobs/";

/// Faces `NeuralDraft`.
#[derive(Debug)]
pub(super) struct Vendor;

#[derive(Debug, Serialize)]
struct Body<'a> {
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    style: Option<&'a str>,
    aspect_ratio: &'static str,
}

/// A job, as it is queued and as it is asked after.
#[derive(Debug, Deserialize)]
struct Job<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    status: Option<Text<'a>>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
}

/// What a job of pictures results in. Jobs of other kinds result in other things.
#[derive(Debug, Deserialize)]
struct Drawn<'a> {
    #[serde(borrow, default)]
    url: Option<Text<'a>>,
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
        ])?;
        let body = Body {
            prompt: &request.prompt,
            style: request.style.as_deref(),
            aspect_ratio: bare::frame_word(request.frame, &offering.can, &RATIOS)?,
        };
        unsupported::as_json("/images", &body, request, offering)
    }

    fn decode_reply(&self, call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        let body = reply.body.to_bytes();
        if !bare::is_success(reply) {
            let said = Said::read(&body);
            let fault = fault_of_status(reply.status, &said.detail, retry_after(reply));
            return Err(if call.asked.path.starts_with(JOBS) { bare::lost(fault) } else { fault });
        }
        let job: Job<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
        match job.status.as_ref().map(Text::as_str) {
            None => Err(garbled("a job without a status")),
            Some("completed") => done(&body, &job),
            // The one documented code of a failure is that what the vendor draws with is not there.
            Some("failed" | "cancelled") => Err(VendorFault::Broken { status: 500 }),
            // Pending, processing, and whatever else a job may be on its way.
            Some(_) => ask_again(call, &job, reply),
        }
    }
}

fn done(body: &Bytes, job: &Job<'_>) -> Result<Progress, VendorFault> {
    let image = loose::<Drawn<'_>>(job.result).and_then(|drawn| {
        let picture = bare::picture(body, drawn.url.as_ref())?;
        let size = bare::size(loose(drawn.width), loose(drawn.height));
        Some(Image { size, ..Image::new(picture) })
    });
    let image = image.ok_or_else(|| garbled("a finished job without a picture"))?;
    Ok(Progress::Done(ImageResponse { images: vec![image], ..ImageResponse::default() }))
}

/// The same question again, or the first about this job. No path that takes a job back is
/// documented.
fn ask_again(call: &Call<'_>, job: &Job<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
    let path = if call.asked.path.starts_with(JOBS) {
        call.asked.path.clone()
    } else {
        let id = job.id.as_ref().map(Text::as_str).filter(|id| bare::is_plain_name(id));
        format!("{JOBS}{}", id.ok_or_else(|| garbled("a job without a name"))?)
    };
    let next = WireRequest::get(path);
    let pending = Pending { next, wait: retry_after(reply), cancel: None, cost: None };
    Ok(Progress::Pending(Box::new(pending)))
}
