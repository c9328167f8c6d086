//! What an app asks for, whatever dialect it asked in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::frame::Frame;
use super::named_input::NamedInput;
use super::picture::{Format, Picture};

/// One request for pictures. Bounds are the client side's: what is here was allowed there.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ImageRequest {
    /// What is to be done.
    pub operation: Operation,
    /// The public model name; `None` where the dialect has a default model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What the dialect documents as its default, where no model is named: taken if policy has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_default: Option<&'static str>,
    /// What to draw.
    pub prompt: String,
    /// What not to draw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative_prompt: Option<String>,
    /// How many pictures; at least one.
    pub count: u32,
    /// The shape of each picture.
    pub frame: Frame,
    /// Makes the drawing repeatable where the offering can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Denoising steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// How closely to follow the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guidance: Option<f32>,
    /// A named look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// A named frame and prompt treatment, defined in policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// How much effort; `None` leaves it to the offering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// The encoding asked for; `None` leaves it to the offering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Compression quality for lossy formats, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<u8>,
    /// What is behind the subject; `None` leaves it to the offering.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub background: Option<Background>,
    /// How far to go from the input picture: 0 leaves it as it is, 1 forgets it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strength: Option<f32>,
    /// Pictures to work from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<InputImage>,
    /// Where to edit: transparent pixels are the area.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<InputImage>,
    /// Pictures that are named instead of sent, in the order of their places; none once they are here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub named_inputs: Vec<NamedInput>,
    /// How strict content filters should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safety: Option<Safety>,
    /// A tag for the app's own end user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_user: Option<String>,
    /// A stable address that the app wants the picture under.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset_key: Option<String>,
    /// How the pictures should arrive.
    pub delivery: Delivery,
    /// Whether the answer is wanted as a stream of events.
    #[serde(skip_serializing_if = "is_false")]
    pub stream: bool,
    /// How many partial previews the app would like, if streamed.
    #[serde(skip_serializing_if = "is_zero")]
    pub previews: u8,
    /// Labels for finance.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Options that only one dialect knows, passed on to the same dialect only.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, serde_json::Map<String, serde_json::Value>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(count: &u8) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Draw from the prompt.
    #[default]
    Generate,
    /// Change the input pictures as the prompt says.
    Edit,
    /// Draw something like the input picture.
    Variation,
}

/// How much effort goes into a picture.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Quality {
    /// A draft.
    Low,
    /// The usual.
    Medium,
    /// The best of most models.
    High,
    /// Beyond high, where a model has it.
    XHigh,
    /// The most a model can.
    Max,
}

/// What is behind the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Background {
    /// Nothing: the picture has an alpha channel.
    Transparent,
    /// Something.
    Opaque,
}

/// How strict content filters should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Safety {
    /// The usual.
    Standard,
    /// As little as the vendor allows.
    Low,
}

/// How the pictures should arrive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// As base64 text inside the answer.
    #[default]
    Inline,
    /// As an address to fetch them from.
    Url,
    /// As the answer's own bytes.
    Bytes,
    /// As the caller's plan says: from an address where it keeps pictures, inside the answer where
    /// it does not. The gateway puts one of the two in its place.
    AsPlanned,
}

/// A picture that the app sent: inline, never an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InputImage {
    /// Its encoding, read from its own first bytes.
    pub format: Format,
    /// Its content.
    #[serde(serialize_with = "only_the_length")]
    pub picture: Picture,
}

impl InputImage {
    /// A picture whose content says what it is; `None` when it is no picture that can be opened.
    pub fn new(picture: Picture) -> Option<Self> {
        let format = picture.sniff().filter(|format| format.is_opened())?;
        Some(Self { format, picture })
    }
}

fn only_the_length<S: serde::Serializer>(picture: &Picture, to: S) -> Result<S::Ok, S::Error> {
    match picture {
        Picture::Base64(text) => to.collect_str(&format_args!("{} letters", text.len())),
        Picture::Binary(bytes) => to.collect_str(&format_args!("{} bytes", bytes.len())),
        Picture::Url(_) => to.serialize_str("an address"),
    }
}

impl Operation {
    /// Its name in usage rows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generate => "generate",
            Self::Edit => "edit",
            Self::Variation => "variation",
        }
    }
}

impl Quality {
    /// Its name in bodies, policy and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }
}
