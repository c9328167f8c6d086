//! The parameters of OpenAI's requests, read field by field.
//!
//! Bounds are those that the API documents for its newest models; what a model behind a public
//! name can do is for routing to judge.

use std::borrow::Cow;

use crate::canonical::{
    Background, Delivery, Format, Frame, ImageRequest, Problem, Quality, Refusal, RefusalKind,
    Safety, Size,
};

use super::super::super::json::Fields;
use super::super::DIALECT;
use super::super::size::out_of_bounds;

const PROMPT_CHARS_MAX: usize = 32_000;
const COUNT_MAX: i64 = 10;
const PREVIEWS_MAX: i64 = 3;

/// Documented fields that ask for what is not offered here.
const NOT_OFFERED: [&str; 3] = ["frame_count", "frame_duration_ms", "svg"];

/// What generations and edits have in common.
pub(super) fn drawing(fields: &mut Fields) -> Result<ImageRequest, Refusal> {
    let mut request = ImageRequest {
        prompt: fields.required_text("prompt", PROMPT_CHARS_MAX)?,
        frame: frame(fields)?,
        quality: quality(fields)?,
        ..common(fields)?
    };
    encoding(fields, &mut request)?;
    streaming(fields, &mut request)?;
    option(fields, &mut request, "complexity", &["low", "medium", "high"])?;
    for name in NOT_OFFERED {
        if fields.has(name) {
            return Err(not_offered(name, format!("`{name}` is not offered here; leave it out")));
        }
    }
    Ok(request)
}

/// What every operation has in common.
pub(super) fn common(fields: &mut Fields) -> Result<ImageRequest, Refusal> {
    Ok(ImageRequest {
        model: model(fields)?,
        count: count(fields)?,
        delivery: delivery(fields)?,
        end_user: end_user(fields)?,
        ..ImageRequest::default()
    })
}

/// Keeps one of these words for vendors that speak this dialect: no other has a place for it.
pub(super) fn option(
    fields: &mut Fields,
    request: &mut ImageRequest,
    name: &'static str,
    words: &[&'static str],
) -> Result<(), Refusal> {
    let words: Vec<_> = words.iter().map(|word| (*word, *word)).collect();
    if let Some(word) = fields.word(name, &words)? {
        let options = request.options.entry(DIALECT.name.to_owned()).or_default();
        options.insert(name.to_owned(), word.into());
    }
    Ok(())
}

fn model(fields: &mut Fields) -> Result<Option<String>, Refusal> {
    let model = fields.text("model", usize::MAX)?;
    if model.as_deref() == Some("") {
        let message = "`model` is empty; name a model, or leave the field out";
        return Err(Refusal::field("model", Problem::BadValue, message));
    }
    Ok(model)
}

fn count(fields: &mut Fields) -> Result<u32, Refusal> {
    let count = fields.integer("n", 1..=COUNT_MAX)?.unwrap_or(1);
    Ok(u32::try_from(count).unwrap_or(1))
}

fn frame(fields: &mut Fields) -> Result<Frame, Refusal> {
    let Some(text) = fields.text("size", usize::MAX)? else {
        return Ok(Frame::Auto);
    };
    if text == "auto" {
        return Ok(Frame::Auto);
    }
    let refused = |why| Refusal::field("size", Problem::BadValue, format!("`size` {why}"));
    let size: Size =
        text.parse().map_err(|_| refused("must be `auto` or pixels such as `1024x1024`"))?;
    match out_of_bounds(size) {
        Some(why) => Err(refused(why)),
        None => Ok(Frame::Pixels(size)),
    }
}

fn quality(fields: &mut Fields) -> Result<Option<Quality>, Refusal> {
    let words = [
        ("auto", None),
        ("low", Some(Quality::Low)),
        ("medium", Some(Quality::Medium)),
        ("high", Some(Quality::High)),
        ("xhigh", Some(Quality::XHigh)),
        ("max", Some(Quality::Max)),
        ("standard", Some(Quality::Medium)),
        ("hd", Some(Quality::High)),
    ];
    Ok(fields.word("quality", &words)?.flatten())
}

fn delivery(fields: &mut Fields) -> Result<Delivery, Refusal> {
    let words = [("url", Delivery::Url), ("b64_json", Delivery::Inline)];
    Ok(fields.word("response_format", &words)?.unwrap_or_default())
}

pub(super) fn style(fields: &mut Fields) -> Result<Option<String>, Refusal> {
    let words = [("vivid", "vivid"), ("natural", "natural")];
    Ok(fields.word("style", &words)?.map(str::to_owned))
}

pub(super) fn safety(fields: &mut Fields) -> Result<Option<Safety>, Refusal> {
    let words = [("auto", None), ("low", Some(Safety::Low))];
    Ok(fields.word("moderation", &words)?.flatten())
}

fn end_user(fields: &mut Fields) -> Result<Option<String>, Refusal> {
    let old = fields.text("user", usize::MAX)?;
    Ok(fields.text("safety_identifier", usize::MAX)?.or(old))
}

/// Format, compression and background, which bind each other.
fn encoding(fields: &mut Fields, request: &mut ImageRequest) -> Result<(), Refusal> {
    request.format = format(fields)?;
    let backgrounds = [
        ("auto", None),
        ("transparent", Some(Background::Transparent)),
        ("opaque", Some(Background::Opaque)),
    ];
    request.background = fields.word("background", &backgrounds)?.flatten();
    if request.background == Some(Background::Transparent) && request.format == Some(Format::Jpeg) {
        let message =
            "`background` cannot be `transparent` in jpeg; use `output_format` png or webp";
        return Err(Refusal::field("background", Problem::BadValue, message));
    }
    let compression = fields.integer("output_compression", 0..=100)?;
    let is_lossy = matches!(request.format, Some(Format::Jpeg | Format::Webp));
    match compression {
        Some(percent) if is_lossy => request.compression = u8::try_from(percent).ok(),
        // All of it is the default, and says nothing about a lossless format.
        None | Some(100) => {}
        Some(_) => {
            let message = "`output_compression` needs `output_format` jpeg or webp";
            return Err(Refusal::field("output_compression", Problem::BadValue, message));
        }
    }
    Ok(())
}

fn format(fields: &mut Fields) -> Result<Option<Format>, Refusal> {
    if ["gif", "svg"].iter().any(|word| fields.says("output_format", word)) {
        let message = "`output_format` gif and svg are not offered here; use png, jpeg or webp";
        return Err(not_offered("output_format", message));
    }
    let words = [("png", Format::Png), ("jpeg", Format::Jpeg), ("webp", Format::Webp)];
    fields.word("output_format", &words)
}

/// Whether to stream, and how many previews on the way.
fn streaming(fields: &mut Fields, request: &mut ImageRequest) -> Result<(), Refusal> {
    request.stream = fields.flag("stream")? == Some(true);
    let previews = fields.integer("partial_images", 0..=PREVIEWS_MAX)?.unwrap_or(0);
    if previews > 0 && !request.stream {
        let message = "`partial_images` needs `stream` to be true; set it, or use 0";
        return Err(Refusal::field("partial_images", Problem::BadValue, message));
    }
    request.previews = u8::try_from(previews).unwrap_or(0);
    Ok(())
}

/// The sizes of variations, all square.
pub(super) fn square(fields: &mut Fields) -> Result<Frame, Refusal> {
    let squares = ["256x256", "512x512", "1024x1024"];
    let sides = [256, 512, 1024].map(|side| Frame::Pixels(Size::new(side, side)));
    let words: Vec<_> = squares.into_iter().zip(sides).collect();
    Ok(fields.word("size", &words)?.unwrap_or_default())
}

/// A value that the API documents and this gateway does not offer.
pub(super) fn not_offered(
    name: impl Into<Cow<'static, str>>,
    message: impl Into<Cow<'static, str>>,
) -> Refusal {
    Refusal { kind: RefusalKind::Unsupported, ..Refusal::field(name, Problem::BadValue, message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<ImageRequest, Refusal> {
        drawing(&mut Fields::read(body.as_bytes())?)
    }

    fn size_is_fine(text: &str) -> bool {
        read(&format!(r#"{{"prompt":"x","size":"{text}"}}"#)).is_ok()
    }

    #[test]
    fn every_size_that_was_ever_documented_is_taken() {
        for size in [
            "auto",
            "1024x1024",
            "1536x1024",
            "1024x1536",
            "256x256",
            "512x512",
            "1792x1024",
            "1024x1792",
            "3840x2160",
            "2160x3840",
            "3072x1024",
        ] {
            assert!(size_is_fine(size), "{size}");
        }
    }

    #[test]
    fn a_size_beyond_the_documented_rule_is_refused() {
        for size in
            ["1000x1000", "3856x1024", "3840x2176", "3088x1024", "1024", "1:1", "-16x16", ""]
        {
            assert!(!size_is_fine(size), "{size}");
        }
    }

    #[test]
    fn a_prompt_is_bounded_in_characters() {
        let longest = "ä".repeat(PROMPT_CHARS_MAX);
        let body = |prompt: &str| serde_json::json!({ "prompt": prompt }).to_string();
        assert!(read(&body(&longest)).is_ok());
        let refusal = read(&body(&format!("{longest}ä"))).unwrap_err();
        assert_eq!(refusal.problem, Some(Problem::TooLong));
    }

    #[test]
    fn the_newer_name_of_the_end_user_wins() {
        let body = r#"{"prompt":"x","user":"old","safety_identifier":"new"}"#;
        assert_eq!(read(body).unwrap().end_user.as_deref(), Some("new"));
    }
}
