//! A request without its words: everything that routing, rules and prices look at, kept in its usage
//! row so that it can be judged again by another policy.
//!
//! Of a text only its length is kept, of a picture its size, of a seed that there was one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::frame::{Frame, Size};
use super::picture::{Format, Picture};
use super::request::{Background, Delivery, ImageRequest, InputImage, Operation, Quality, Safety};
use super::response::TokenUsage;

/// The longest text that is stood in for.
const TEXT_CHARS_MAX: usize = 1 << 20;

/// A request without its words, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each says that something was there")]
#[expect(missing_docs, reason = "what is not told here is as in `ImageRequest`")]
pub struct Sketch {
    #[serde(skip_serializing_if = "is_default")]
    pub operation: Operation,
    #[serde(skip_serializing_if = "is_default")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub model_default: Option<String>,
    pub prompt: Length,
    #[serde(skip_serializing_if = "is_default")]
    pub negative_prompt: Option<Length>,
    #[serde(skip_serializing_if = "is_default")]
    pub style: Option<Length>,
    pub count: u32,
    /// As policy writes it: `auto`, `16:9` or `1024x1024`.
    pub frame: String,
    /// Whether there was one.
    #[serde(skip_serializing_if = "is_default")]
    pub seed: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub steps: Option<u32>,
    #[serde(skip_serializing_if = "is_default")]
    pub guidance: Option<f32>,
    #[serde(skip_serializing_if = "is_default")]
    pub preset: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub quality: Option<Quality>,
    #[serde(skip_serializing_if = "is_default")]
    pub format: Option<Format>,
    #[serde(skip_serializing_if = "is_default")]
    pub compression: Option<u8>,
    #[serde(skip_serializing_if = "is_default")]
    pub background: Option<Background>,
    #[serde(skip_serializing_if = "is_default")]
    pub strength: Option<f32>,
    /// Width and height of each picture that came; `None` of one that does not say.
    #[serde(skip_serializing_if = "is_default")]
    pub inputs: Vec<Option<(u32, u32)>>,
    #[serde(skip_serializing_if = "is_default")]
    pub mask: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub safety: Option<Safety>,
    #[serde(skip_serializing_if = "is_default")]
    pub end_user: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub delivery: Delivery,
    #[serde(skip_serializing_if = "is_default")]
    pub stream: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub previews: u8,
    /// The labels that its app put on it, before any rule did.
    #[serde(skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
    /// The names of options that only one dialect knows.
    #[serde(skip_serializing_if = "is_default")]
    pub options: BTreeMap<String, Vec<String>>,
    /// The number that chance decided by.
    pub dice: u64,
    /// Milliseconds from its head until it was judged.
    #[serde(skip_serializing_if = "is_default")]
    pub waited_ms: u32,
    /// Offerings that rested, or were asked and failed.
    #[serde(skip_serializing_if = "is_default")]
    pub away: Vec<String>,
    /// What was drawn, where anything was.
    #[serde(skip_serializing_if = "is_default")]
    pub came: Option<Came>,
}

/// Bytes and characters of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Length(pub usize, pub usize);

/// What a vendor delivered, as prices look at it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Came {
    /// Pictures.
    pub count: u32,
    /// The effort that it says it took.
    #[serde(skip_serializing_if = "is_default")]
    pub quality: Option<Quality>,
    /// Tokens, as it reports them.
    #[serde(skip_serializing_if = "is_default")]
    pub usage: Option<TokenUsage>,
    /// What it says that it charges, in nano-dollars.
    #[serde(skip_serializing_if = "is_default")]
    pub cost_nanos: Option<i64>,
    /// What else was booked: checks of the prompt, calls that failed and were billed.
    #[serde(skip_serializing_if = "is_default")]
    pub beside_nanos: i64,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Length {
    fn of(text: &str) -> Self {
        Self(text.len(), text.chars().count())
    }

    /// A text of this length.
    fn stand_in(self) -> String {
        let chars = self.1.min(TEXT_CHARS_MAX);
        let mut spare = self.0.min(TEXT_CHARS_MAX * 4).saturating_sub(chars);
        let mut text = String::with_capacity(self.0.min(TEXT_CHARS_MAX * 4));
        for _ in 0..chars {
            let wide = spare.min(3);
            spare -= wide;
            text.push(match wide {
                // No rule looks for it.
                0 => '\u{1}',
                1 => 'ü',
                2 => '画',
                _ => '🖼',
            });
        }
        text
    }
}

impl Sketch {
    /// Of a request as its app asked it.
    pub fn of(request: &ImageRequest) -> Self {
        let text = |text: &String| Length::of(text);
        let names = |options: &serde_json::Map<_, _>| options.keys().cloned().collect();
        Self {
            operation: request.operation,
            model: request.model.clone(),
            model_default: request.model_default.map(str::to_owned),
            prompt: Length::of(&request.prompt),
            negative_prompt: request.negative_prompt.as_ref().map(text),
            style: request.style.as_ref().map(text),
            count: request.count,
            frame: request.frame.to_string(),
            seed: request.seed.is_some(),
            steps: request.steps,
            guidance: request.guidance,
            preset: request.preset.clone(),
            quality: request.quality,
            format: request.format,
            compression: request.compression,
            background: request.background,
            strength: request.strength,
            inputs: vec![None; request.inputs_count()],
            mask: request.has_mask(),
            safety: request.safety,
            end_user: request.end_user.is_some(),
            delivery: request.delivery,
            stream: request.stream,
            previews: request.previews,
            labels: request.labels.clone(),
            options: request.options.iter().map(|(of, own)| (of.clone(), names(own))).collect(),
            ..Self::default()
        }
    }

    /// A request that is judged and priced as the one that it is of: words and pictures are
    /// stand-ins of the same lengths and sizes. `None` when its frame cannot be read.
    pub fn request(&self) -> Option<ImageRequest> {
        let options = self.options.iter().map(|(of, names)| {
            let own = names.iter().map(|name| (name.clone(), serde_json::Value::Bool(true)));
            (of.clone(), own.collect())
        });
        Some(ImageRequest {
            operation: self.operation,
            model: self.model.clone(),
            model_default: None,
            prompt: self.prompt.stand_in(),
            negative_prompt: self.negative_prompt.map(Length::stand_in),
            count: self.count,
            frame: self.frame.parse::<Frame>().ok()?,
            seed: self.seed.then_some(1),
            steps: self.steps,
            guidance: self.guidance,
            style: self.style.map(Length::stand_in),
            preset: self.preset.clone(),
            quality: self.quality,
            format: self.format,
            compression: self.compression,
            background: self.background,
            strength: self.strength,
            inputs: self.inputs.iter().map(|size| blank(*size)).collect(),
            mask: self.mask.then(|| blank(None)),
            named_inputs: Vec::new(),
            safety: self.safety,
            end_user: self.end_user.then(|| "x".to_owned()),
            asset_key: None,
            delivery: self.delivery,
            stream: self.stream,
            previews: self.previews,
            labels: self.labels.clone(),
            options: options.collect(),
        })
    }

    /// Notes how large the pictures are that it works from.
    pub fn measure(&mut self, sizes: impl Iterator<Item = Option<Size>>) {
        self.inputs = sizes.map(|size| size.map(|size| (size.width, size.height))).collect();
    }
}

/// The head of a PNG, as much of it as says how large the picture is.
fn blank(size: Option<(u32, u32)>) -> InputImage {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    if let Some((width, height)) = size {
        bytes.extend(b"\0\0\0\x0dIHDR");
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 6, 0, 0, 0]);
        let mut crc = 0xffff_ffff_u32;
        for byte in bytes.iter().skip(12) {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
            }
        }
        bytes.extend((!crc).to_be_bytes());
    }
    InputImage { format: Format::Png, picture: Picture::Binary(bytes.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_is_as_long_as_what_it_stands_in_for() {
        for text in ["", "a fox", "ein Füchslein", "狐の絵", "🦊🦊", "a 狐 ü 🦊"] {
            let stand_in = Length::of(text).stand_in();
            assert_eq!(Length::of(&stand_in), Length::of(text), "{text}");
            assert!(text.is_empty() || stand_in != text);
        }
    }

    #[test]
    fn a_sketch_of_a_request_made_from_a_sketch_is_the_same_sketch() {
        let request = ImageRequest {
            model: Some("paint".to_owned()),
            prompt: "a fox".to_owned(),
            count: 2,
            frame: "16:9".parse().unwrap(),
            seed: Some(7),
            steps: Some(30),
            style: Some("oil".to_owned()),
            quality: Some(Quality::High),
            labels: BTreeMap::from([("team".to_owned(), "red".to_owned())]),
            ..ImageRequest::default()
        };
        let sketch = Sketch::of(&request);
        let text = serde_json::to_string(&sketch).unwrap();
        assert!(!text.contains("fox") && !text.contains("oil"), "{text}");
        let read: Sketch = serde_json::from_str(&text).unwrap();
        assert_eq!(read, sketch);
        assert_eq!(Sketch::of(&read.request().unwrap()), sketch);
    }
}
