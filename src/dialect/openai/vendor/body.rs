//! The body of a request: as JSON it writes itself, as a form it is written field by field.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use crate::canonical::{ImageRequest, InputImage};
use crate::catalog::Offering;

use super::super::super::WireRequest;
use super::super::super::multipart::Form;
use super::super::super::unsupported::{self, Unsupported, no};
use super::embedded;

/// Characters in the address of a picture that is sent inside JSON.
const ADDRESS_CHARS_MAX: usize = 20_971_520;

/// The body; what is absent is not sent, because many vendors refuse what they do not know.
#[derive(Debug, Default, Serialize)]
pub(super) struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) prompt: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) n: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) quality: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) background: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output_compression: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) moderation: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) style: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) safety_identifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stream: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) partial_images: Option<u8>,
    #[serde(flatten)]
    pub(super) diffusion: Diffusion<'a>,
    /// Pictures, where they are sent inside JSON.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) images: Vec<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mask: Option<Named>,
}

/// What servers of diffusion models document beyond OpenAI's own parameters.
#[derive(Debug, Default, Serialize)]
pub(super) struct Diffusion<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) negative_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) num_inference_steps: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) guidance_scale: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) strength: Option<f64>,
}

/// A picture by its address.
#[derive(Debug, Serialize)]
pub(super) struct Named {
    image_url: String,
}

impl Named {
    /// A picture as the address that holds it.
    pub(super) fn new(image: &InputImage) -> Result<Self, Unsupported> {
        let image_url = unsupported::data_address(image)?;
        if image_url.len() > ADDRESS_CHARS_MAX {
            return Err(no("inputs", "a picture is too large to be sent inside JSON"));
        }
        Ok(Self { image_url })
    }
}

impl Diffusion<'_> {
    /// The same as the server of stable-diffusion.cpp spells it.
    pub(super) fn controls(&self) -> Value {
        embedded::without_nothing(serde_json::json!({
            "negative_prompt": self.negative_prompt,
            "seed": self.seed,
            "strength": self.strength,
            "sample_params": {
                "sample_steps": self.num_inference_steps,
                "guidance": { "txt_cfg": self.guidance_scale },
            },
        }))
    }
}

/// The request as a form: the fields, then the pictures.
pub(super) fn as_form(
    path: &str,
    body: &Body<'_>,
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(body) else {
        return Err(no("prompt", "it cannot be written as a form"));
    };
    for (name, value) in unsupported::extras(request, offering) {
        fields.insert(name.clone(), value.clone());
    }
    let mut form = Form::default();
    for (name, value) in &fields {
        write(&mut form, name, value);
    }
    let name = if request.inputs.len() > 1 { "image[]" } else { "image" };
    for image in &request.inputs {
        form.file(name, image)?;
    }
    if let Some(mask) = &request.mask {
        form.file("mask", mask)?;
    }
    Ok(form.post(path))
}

/// A field and, in brackets, the fields within it.
fn write(form: &mut Form, name: &str, value: &Value) {
    match value {
        Value::Array(items) => {
            for item in items {
                write(form, &format!("{name}[]"), item);
            }
        }
        Value::Object(fields) => {
            for (inner, value) in fields {
                write(form, &format!("{name}[{inner}]"), value);
            }
        }
        Value::String(text) => {
            form.text(name, text.as_str());
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            form.maybe(name, Some(value).filter(|value| !value.is_null()));
        }
    }
}
