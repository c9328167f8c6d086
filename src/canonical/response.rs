//! What comes back: the vendor's pictures, and the answer that a client side writes from them.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::credits::{Cost, Credits};
use crate::id::{MediaId, RequestId};

use super::frame::Size;
use super::picture::{Format, Picture};
use super::request::{Background, ImageRequest, Quality};

/// What a vendor delivered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageResponse {
    /// The pictures; at least one in a response that is a success.
    pub images: Vec<Image>,
    /// Tokens as the vendor reports them.
    pub usage: Option<TokenUsage>,
    /// The quality that the vendor resolved, if it says so.
    pub quality: Option<Quality>,
    /// The background that the vendor resolved, if it says so.
    pub background: Option<Background>,
    /// What the vendor says it charges for all of it, if it says so.
    pub cost: Option<Cost>,
    /// Whether the pictures carry a watermark: the vendor says so, or we drew one.
    pub watermarked: bool,
}

/// One picture and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The content.
    pub picture: Picture,
    /// Its encoding, when known.
    pub format: Option<Format>,
    /// Its pixels, when known.
    pub size: Option<Size>,
    /// The prompt as the vendor rewrote it.
    pub revised_prompt: Option<String>,
    /// The seed it was drawn with.
    pub seed: Option<i64>,
    /// Where we stored it, when we did.
    pub stored: Option<Stored>,
}

/// A picture that we keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name in the media library.
    pub id: MediaId,
    /// The address we serve it at.
    pub url: String,
    /// When it was kept, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
}

/// Tokens as a vendor reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TokenUsage {
    /// Text tokens in.
    pub text_in: u64,
    /// Image tokens in.
    pub image_in: u64,
    /// Text tokens out, thinking included.
    pub text_out: u64,
    /// Image tokens out.
    pub image_out: u64,
    /// Of the text tokens in, those that came out of the vendor's cache.
    #[serde(default)]
    pub cached_text_in: u64,
    /// Of the image tokens in, those that came out of the vendor's cache.
    #[serde(default)]
    pub cached_image_in: u64,
}

/// One parameter that was not done as asked: the rule allowed it, and the answer says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The canonical parameter.
    pub parameter: Cow<'static, str>,
    /// What was done about it.
    pub how: Cow<'static, str>,
}

/// Where a caller stands with one limit, for the dialect's own headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The limit's name in policy.
    pub limit: String,
    /// Whether it is what stood in the way.
    pub is_met: bool,
    /// What it counts: `requests`, `images`, `megapixels` or `credits`.
    pub unit: &'static str,
    /// What it allows per window.
    pub most: u64,
    /// What is left now.
    pub remaining: u64,
    /// The window's length.
    pub window: Duration,
    /// Until more becomes free; zero when nothing is used.
    pub resets_in: Duration,
}

/// Where a caller stands with one calendar quota.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaStanding {
    /// The quota's name in policy.
    pub name: String,
    /// What it allows in the period.
    pub most: u64,
    /// What is used of it.
    pub used: u64,
    /// When it begins anew, in milliseconds since the Unix epoch.
    pub resets_at_ms: i64,
}

/// Everything a client side needs to write a success.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The request, for its name in the answer.
    pub request_id: &'a RequestId,
    /// When the answer is made, in milliseconds since the Unix epoch.
    pub unix_ms: i64,
    /// What was asked.
    pub request: &'a ImageRequest,
    /// The public name of the model that served.
    pub model: &'a str,
    /// What was delivered.
    pub response: &'a ImageResponse,
    /// What the caller paid.
    pub charged: Credits,
    /// What the caller has left.
    pub remaining: Credits,
    /// What was not done as asked.
    pub changes: &'a [Change],
    /// Where the caller stands with its daily quotas, this request included; empty unless
    /// [the dialect tells of them](crate::dialect::ClientSide::tells_quotas).
    pub quotas: &'a [QuotaStanding],
    /// What the plan has said of its pictures.
    pub disclaimer: Option<&'a str>,
    /// What the caller's plan calls its storage; `None` where it keeps no pictures.
    pub storage: Option<&'a str>,
}

impl Image {
    /// A picture of which nothing but its content is known.
    pub fn new(picture: Picture) -> Self {
        let format = picture.sniff();
        Self { picture, format, size: None, revised_prompt: None, seed: None, stored: None }
    }
}

impl QuotaStanding {
    /// What is left of it.
    pub const fn remaining(&self) -> u64 {
        self.most.saturating_sub(self.used)
    }
}

impl TokenUsage {
    /// All tokens in.
    pub const fn input(&self) -> u64 {
        self.text_in.saturating_add(self.image_in)
    }

    /// All tokens out.
    pub const fn output(&self) -> u64 {
        self.text_out.saturating_add(self.image_out)
    }

    /// The sum, field by field: what a fan-out used in all.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            text_in: self.text_in.saturating_add(other.text_in),
            image_in: self.image_in.saturating_add(other.image_in),
            text_out: self.text_out.saturating_add(other.text_out),
            image_out: self.image_out.saturating_add(other.image_out),
            cached_text_in: self.cached_text_in.saturating_add(other.cached_text_in),
            cached_image_in: self.cached_image_in.saturating_add(other.cached_image_in),
        }
    }
}
