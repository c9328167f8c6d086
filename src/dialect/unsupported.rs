//! What vendor sides share about requests: parameters that their API has no words for, bodies.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use crate::canonical::{ImageRequest, InputImage, Operation, Picture};
use crate::catalog::Offering;

pub(crate) use super::Unsupported;
use super::WireRequest;

/// This parameter, for this reason.
pub(crate) const fn no(parameter: &'static str, why: &'static str) -> Unsupported {
    Unsupported { parameter, why: Cow::Borrowed(why) }
}

/// The first of these parameters that was asked for; a side lists what it has no words for.
pub(crate) fn refuse(asked: &[(&'static str, bool)]) -> Result<(), Unsupported> {
    match asked.iter().find(|(_, asked)| *asked) {
        Some((parameter, _)) => Err(no(parameter, "this API has no such parameter")),
        None => Ok(()),
    }
}

/// Everything that an API which only draws from a prompt cannot say.
pub(crate) fn all_but_generation(request: &ImageRequest) -> Result<(), Unsupported> {
    refuse(&[
        ("operation", request.operation != Operation::Generate),
        ("inputs", !request.inputs.is_empty()),
        ("mask", request.mask.is_some()),
        ("strength", request.strength.is_some()),
    ])
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

/// The request as a JSON body, with what only this dialect knows: the caller's options, and over
/// them what policy adds.
pub(crate) fn as_json(
    path: &str,
    body: &impl Serialize,
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    let unwritable = || no("prompt", "it cannot be written as JSON");
    let json = serde_json::to_vec(body).map_err(|_| unwritable())?;
    if extras(request, offering).next().is_none() {
        return Ok(WireRequest::post_json(path, json));
    }
    // By way of its text, in which a short number stays as short as it was.
    let mut body = serde_json::from_slice(&json).map_err(|_| unwritable())?;
    for (name, value) in extras(request, offering) {
        merge(&mut body, name, value);
    }
    Ok(WireRequest::post_json(path, body.to_string()))
}

/// What only this dialect knows, policy last.
pub(crate) fn extras<'a>(
    request: &'a ImageRequest,
    offering: &'a Offering,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let own = request.options.get(offering.vendor.options_of);
    own.into_iter().flatten().chain(&offering.extra)
}

/// Sets a field; an object is merged into the object that is there.
fn merge(body: &mut Value, name: &str, value: &Value) {
    let Some(fields) = body.as_object_mut() else { return };
    match (fields.get_mut(name), value) {
        (Some(there @ Value::Object(_)), Value::Object(more)) => {
            for (name, value) in more {
                merge(there, name, value);
            }
        }
        _ => {
            fields.insert(name.to_owned(), value.clone());
        }
    }
}

/// An input picture as base64 text.
pub(crate) fn base64(image: &InputImage) -> Result<Cow<'_, str>, Unsupported> {
    use base64::Engine as _;
    match &image.picture {
        Picture::Base64(text) => std::str::from_utf8(text)
            .map(Cow::Borrowed)
            .map_err(|_| no("inputs", "it is not base64")),
        Picture::Binary(bytes) => {
            Ok(base64::engine::general_purpose::STANDARD.encode(bytes).into())
        }
        Picture::Url(_) => Err(no("inputs", "it is an address, not a picture")),
    }
}

/// An input picture as a `data:` address.
pub(crate) fn data_address(image: &InputImage) -> Result<String, Unsupported> {
    Ok(format!("data:{};base64,{}", image.format.mime(), base64(image)?))
}
