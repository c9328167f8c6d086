//! A canonical request as an OpenAI body: an allow-list by family of models, never a pass-through.

use serde::Serialize;

use crate::canonical::{Background, Format, Frame, ImageRequest, Quality, Safety};
use crate::catalog::Offering;

use super::super::super::WireRequest;
use super::super::super::unsupported::{self, Unsupported};

/// The body; what is absent is not sent, because many vendors refuse what they do not know.
#[derive(Debug, Default, Serialize)]
struct Body<'a> {
    model: &'a str,
    prompt: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    background: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_compression: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moderation: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    negative_prompt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    style: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_identifier: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
}

/// Models that differ in the parameters they take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// GPT image models that stop at high quality.
    Gpt,
    /// GPT image models from 2.5 on, with the two qualities above high.
    GptNewer,
    /// DALL·E 3, which knows styles.
    Dalle3,
    /// Everyone else.
    Compatible,
}

impl Family {
    fn of(vendor_model: &str) -> Self {
        let (_, name) = vendor_model.rsplit_once('/').unwrap_or(("", vendor_model));
        let older = ["gpt-image-1", "chatgpt-image"];
        match name {
            "dall-e-3" => Self::Dalle3,
            "gpt-image-2" => Self::Gpt,
            dated if dated.starts_with("gpt-image-2-") => Self::Gpt,
            old if older.iter().any(|prefix| old.starts_with(prefix)) => Self::Gpt,
            newer if newer.starts_with("gpt-image") => Self::GptNewer,
            _ => Self::Compatible,
        }
    }

    const fn is_gpt(self) -> bool {
        matches!(self, Self::Gpt | Self::GptNewer)
    }
}

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    unsupported::all_but_generation(request)?;
    unsupported::refuse(&[
        ("steps", request.steps.is_some()),
        ("guidance", request.guidance.is_some()),
    ])?;
    let family = Family::of(&offering.vendor_model);
    let mut body = Body {
        model: &offering.vendor_model,
        prompt: &request.prompt,
        n: (request.count > 1).then_some(request.count),
        size: size(request.frame)?,
        quality: quality(request.quality, family)?,
        background: background(request.background, family, offering)?,
        negative_prompt: unsupported::negative_prompt(request, offering)?,
        seed: request.seed.filter(|_| offering.can.seed),
        style: style(request, family)?,
        ..Body::default()
    };
    // What cannot be chosen is seen in the picture itself, and transcoded if need be.
    let format = request.format.filter(|f| offering.can.formats.contains(f));
    body.output_format = format.map(Format::name);
    body.output_compression =
        request.compression.filter(|_| matches!(format, Some(Format::Jpeg | Format::Webp)));
    if family.is_gpt() {
        // These always answer with base64, and refuse to be asked for it.
        body.moderation = request.safety.and_then(moderation);
        body.safety_identifier = request.end_user.as_deref();
    } else {
        unsupported::refuse(&[("safety", request.safety == Some(Safety::Low))])?;
        body.response_format = Some("b64_json");
        body.user = request.end_user.as_deref();
    }
    unsupported::as_json("/images/generations", &body, request, offering)
}

fn size(frame: Frame) -> Result<Option<String>, Unsupported> {
    match frame {
        Frame::Auto => Ok(None),
        Frame::Pixels(size) => Ok(Some(size.to_string())),
        Frame::Ratio(_) => Err(unsupported::no("frame", "this API takes pixels, not ratios")),
    }
}

fn quality(quality: Option<Quality>, family: Family) -> Result<Option<&'static str>, Unsupported> {
    match (quality, family) {
        (Some(Quality::XHigh | Quality::Max), Family::Gpt | Family::Dalle3) => {
            Err(unsupported::no("quality", "this model stops at high"))
        }
        (Some(Quality::High), Family::Dalle3) => Ok(Some("hd")),
        (Some(Quality::Low | Quality::Medium), Family::Dalle3) => Ok(Some("standard")),
        (quality, Family::Gpt | Family::GptNewer | Family::Dalle3 | Family::Compatible) => {
            Ok(quality.map(Quality::name))
        }
    }
}

fn background(
    background: Option<Background>,
    family: Family,
    offering: &Offering,
) -> Result<Option<&'static str>, Unsupported> {
    match background {
        None => Ok(None),
        Some(Background::Transparent) if offering.can.transparency => Ok(Some("transparent")),
        Some(Background::Transparent) => {
            Err(unsupported::no("background", "this offering draws nothing transparent"))
        }
        Some(Background::Opaque) => Ok(family.is_gpt().then_some("opaque")),
    }
}

fn style(request: &ImageRequest, family: Family) -> Result<Option<&str>, Unsupported> {
    match (request.style.as_deref(), family) {
        (None, _) => Ok(None),
        (style, Family::Dalle3) => Ok(style),
        (Some(_), Family::Gpt | Family::GptNewer | Family::Compatible) => {
            Err(unsupported::no("style", "this model takes no named style"))
        }
    }
}

const fn moderation(safety: Safety) -> Option<&'static str> {
    match safety {
        Safety::Standard => None,
        Safety::Low => Some("low"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_name() {
        let families = [
            ("gpt-image-1-mini", Family::Gpt),
            ("chatgpt-image-latest", Family::Gpt),
            ("gpt-image-2", Family::Gpt),
            ("gpt-image-2-2026-04-21", Family::Gpt),
            ("openai/gpt-image-2.5-flare", Family::GptNewer),
            ("dall-e-3", Family::Dalle3),
            ("black-forest-labs/FLUX.1-schnell", Family::Compatible),
        ];
        for (name, family) in families {
            assert_eq!(Family::of(name), family, "{name}");
        }
    }
}
