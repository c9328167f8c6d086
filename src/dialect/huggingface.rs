//! Hugging Face's own inference: one prompt in, the picture itself out.
//!
//! Vendor side only, and only for what Hugging Face runs itself. Its router speaks the dialect of
//! whoever else it routes to, so those are vendors of that dialect, at the router's address.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::json::Text;
use super::reply::{fault_of_status, not_json, retry_after, said, shortened, words_of};
use super::unsupported::{self, Unsupported};
use super::{Call, Dialect, Progress, VendorSide, WireReply, WireRequest};
use super::{drawn, native};
use crate::canonical::{Background, Image, ImageRequest, Operation, Safety};
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

/// Hugging Face's own inference.
pub(super) const DIALECT: Dialect =
    Dialect { name: "huggingface", client: None, vendor: Some(&Vendor) };

/// Faces Hugging Face.
#[derive(Debug)]
struct Vendor;

#[derive(Debug, Serialize)]
struct Body<'a> {
    inputs: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "Parameters::is_empty")]
    parameters: Parameters<'a>,
}

#[derive(Debug, Default, PartialEq, Serialize)]
struct Parameters<'a> {
    /// The prompt, where the picture to work from is what goes in.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_inference_steps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guidance_scale: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
}

impl Parameters<'_> {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What some models answer with in place of a picture.
#[derive(Debug, Deserialize)]
struct Reply<'a> {
    #[serde(borrow, default, rename = "data")]
    items: Vec<Item<'a>>,
    #[serde(borrow, default)]
    output: Vec<Text<'a>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    b64_json: Text<'a>,
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
        let path = format!("/models/{}", native::in_path(offering)?);
        refuse_what_has_no_word(request)?;
        let size = native::pixels(request.frame)?;
        let input = request.inputs.first();
        let body = Body {
            inputs: match input {
                Some(image) => unsupported::base64(image)?,
                None => request.prompt.as_str().into(),
            },
            parameters: Parameters {
                prompt: input.map(|_| request.prompt.as_str()),
                negative_prompt: unsupported::negative_prompt(request, offering)?,
                width: size.map(|size| size.width),
                height: size.map(|size| size.height),
                num_inference_steps: request.steps,
                guidance_scale: request.guidance,
                seed: request.seed,
            },
        };
        unsupported::as_json(&path, &body, request, offering)
    }

    fn decode_reply(&self, _: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        let body = reply.body.to_bytes();
        if reply.status != 200 {
            return Err(fault(reply));
        }
        if let Some(image) = drawn::binary(reply)? {
            return drawn::done(vec![image], None);
        }
        let read: Reply<'_> = serde_json::from_slice(&body).map_err(|fault| not_json(&fault))?;
        if read.error.is_some() {
            return Err(fault(reply));
        }
        let texts = read.items.iter().map(|item| &item.b64_json).chain(&read.output);
        let pictures = texts.filter_map(|text| drawn::text(text, &body));
        drawn::done(pictures.map(Image::new).collect(), None)
    }
}

fn refuse_what_has_no_word(request: &ImageRequest) -> Result<(), Unsupported> {
    let (inputs, is_edit) = (request.inputs.len(), request.operation == Operation::Edit);
    unsupported::refuse(&[
        ("operation", request.operation == Operation::Variation),
        ("inputs", inputs > 1 || is_edit && inputs == 0),
        ("mask", request.mask.is_some()),
        ("strength", request.strength.is_some()),
        ("count", request.count > 1),
        ("style", request.style.is_some()),
        ("quality", request.quality.is_some()),
        ("compression", request.compression.is_some()),
        ("background", request.background == Some(Background::Transparent)),
        ("safety", request.safety == Some(Safety::Low)),
        ("end_user", request.end_user.is_some()),
    ])
}

/// The fault that an error stands for: its status, unless the model is only not loaded yet.
fn fault(reply: &WireReply) -> VendorFault {
    let said = said(&reply.body.to_bytes());
    let error = said.pointer("/error/0").or_else(|| said.get("error")).unwrap_or(&said);
    let detail = shortened(words_of(error));
    let loads_in = said.get("estimated_time").and_then(Value::as_f64);
    let loads_in = loads_in.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match reply.status {
        200 => VendorFault::Rejected { detail },
        503 if loads_in.is_some() => VendorFault::Busy { retry_after: loads_in },
        status => fault_of_status(status, &detail, retry_after(reply).or_else(|| frees_in(reply))),
    }
}

/// The seconds until its limit has room again, as in `"api";r=0;t=55`.
fn frees_in(reply: &WireReply) -> Option<Duration> {
    let mut parts = reply.header("ratelimit")?.split(';').map(str::trim);
    parts.find_map(|part| part.strip_prefix("t=")?.parse().ok()).map(Duration::from_secs)
}
