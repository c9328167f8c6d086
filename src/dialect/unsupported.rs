//! What vendor sides share about saying no: parameters that their API has no words for.

use std::borrow::Cow;

use serde::Serialize;

use crate::canonical::{ImageRequest, Operation};
use crate::catalog::Offering;

pub(crate) use super::Unsupported;
use super::WireRequest;

/// This parameter, for this reason.
pub(crate) const fn no(parameter: &'static str, why: &'static str) -> Unsupported {
    Unsupported { parameter, why: Cow::Borrowed(why) }
}

/// Everything that an API which only draws from a prompt cannot say.
pub(crate) fn all_but_generation(request: &ImageRequest) -> Result<(), Unsupported> {
    let checks = [
        ("operation", request.operation != Operation::Generate),
        ("inputs", !request.inputs.is_empty()),
        ("mask", request.mask.is_some()),
        ("steps", request.steps.is_some()),
        ("guidance", request.guidance.is_some()),
    ];
    match checks.iter().find(|(_, asked)| *asked) {
        Some((parameter, _)) => Err(no(parameter, "this API has no such parameter")),
        None => Ok(()),
    }
}

/// The negative prompt, where the offering takes one.
pub(crate) fn negative_prompt<'a>(
    request: &'a ImageRequest,
    offering: &Offering,
) -> Result<Option<&'a str>, Unsupported> {
    match request.negative_prompt.as_deref() {
        Some(_) if !offering.can.negative_prompt => {
            Err(no("negative_prompt", "this offering takes no negative prompt"))
        }
        prompt => Ok(prompt),
    }
}

/// The request as a JSON body.
pub(crate) fn as_json(path: &str, body: &impl Serialize) -> Result<WireRequest, Unsupported> {
    match serde_json::to_vec(body) {
        Ok(json) => Ok(WireRequest::post_json(path, json)),
        Err(_) => Err(no("prompt", "it cannot be written as JSON")),
    }
}
