//! What the painter reads and writes on the wire.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde::{Deserialize, Serialize};

use crate::canonical::{Background, Format, Quality, Size};
use crate::dialect::{Pieces, WireReply, WireRequest};

use super::canvas::Spec;
use super::edit::Under;

/// Where orders are taken.
const PATH: &str = "/paint";

/// Bytes of an order's body.
const BODY_BYTES_MAX: usize = 64 << 20;

/// The longest side.
const SIDE_MAX: u32 = 4096;

/// Pictures of one order.
const COUNT_MAX: u32 = 10;

/// An order as it is written, with nothing left to check.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    model: String,
    prompt: String,
    seed: Option<i64>,
    width: u32,
    height: u32,
    count: u32,
    pub(super) format: Format,
    pub(super) compression: Option<u8>,
    quality: Option<Quality>,
    background: Option<Background>,
    /// What is painted over, as base64; the first of them.
    #[serde(default)]
    inputs: Vec<String>,
    /// Where, as base64.
    mask: Option<String>,
    /// Whether it is a variation; it is painted over in the same way.
    #[serde(default, rename = "variation")]
    _variation: bool,
}

/// One painted picture, encoded.
#[derive(Debug)]
pub(super) struct Painted {
    pub(super) bytes: Vec<u8>,
    pub(super) format: Format,
    pub(super) size: Size,
    pub(super) seed: i64,
}

/// Why there is no picture.
#[derive(Debug, Serialize)]
pub(super) struct No {
    kind: Kind,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Busy,
    Broken,
    Refused,
    Invalid,
}

impl Order {
    /// Reads an order; one that names no seed is given one.
    pub(super) fn decode(request: &WireRequest) -> Result<Self, No> {
        if request.method != Method::POST || request.path != PATH {
            return Err(No::invalid("orders are taken at `POST /paint` only"));
        }
        if request.body.len() > BODY_BYTES_MAX {
            return Err(No::invalid("the order is longer than 64 MiB"));
        }
        let mut order: Self = serde_json::from_slice(&request.body.to_bytes())
            .map_err(|problem| No::invalid(&problem.to_string()))?;
        order.check()?;
        if order.seed.is_none() {
            order.seed = Some(drawn_seed()?);
        }
        Ok(order)
    }

    fn check(&self) -> Result<(), No> {
        let side = 1..=SIDE_MAX;
        if !side.contains(&self.width) || !side.contains(&self.height) {
            return Err(No::invalid("`width` and `height` are from 1 to 4096"));
        }
        if !(1..=COUNT_MAX).contains(&self.count) {
            return Err(No::invalid("`count` is from 1 to 10"));
        }
        if self.compression.is_some_and(|compression| compression > 100) {
            return Err(No::invalid("`compression` is from 0 to 100"));
        }
        if self.is_transparent() && self.format == Format::Jpeg {
            return Err(No::invalid("a jpeg has no transparent `background`"));
        }
        Ok(())
    }

    fn is_transparent(&self) -> bool {
        self.background == Some(Background::Transparent)
    }

    /// What is painted over, if anything is.
    pub(super) fn under(&self) -> Result<Option<Under>, No> {
        let decoded = |text: &String| {
            STANDARD.decode(text).map_err(|_| No::invalid("a picture is base64 that is not"))
        };
        let Some(first) = self.inputs.first() else { return Ok(None) };
        let mask = self.mask.as_ref().map(decoded).transpose()?;
        Ok(Some(Under { picture: decoded(first)?, mask }))
    }

    /// Each picture of the order; the seeds count up.
    pub(super) fn specs(&self) -> impl Iterator<Item = Spec> {
        let first = self.seed.unwrap_or_default();
        (0..self.count).map(move |index| Spec {
            model: self.model.clone(),
            prompt: self.prompt.clone(),
            seed: first.wrapping_add(i64::from(index)),
            size: Size::new(self.width, self.height),
            quality: self.quality.unwrap_or(Quality::Medium),
            transparent: self.is_transparent(),
        })
    }
}

/// Within 32 bits, so that every JSON reader keeps it exactly.
fn drawn_seed() -> Result<i64, No> {
    getrandom::u32()
        .map(i64::from)
        .map_err(|_| No::broken("the machine gives no entropy for a seed"))
}

/// A success: the pictures in one body, so that it is sliced and never joined.
pub(super) fn reply(painted: &[Painted]) -> WireReply {
    let bytes: usize = painted.iter().map(|one| one.bytes.len() / 3 * 4 + 128).sum();
    let mut body = String::with_capacity(bytes + 16);
    body.push_str("{\"images\":[");
    for (index, one) in painted.iter().enumerate() {
        body.push_str(if index == 0 { "" } else { "," });
        body.push_str("{\"picture\":\"");
        STANDARD.encode_string(&one.bytes, &mut body);
        let Size { width, height } = one.size;
        let (format, seed) = (one.format.name(), one.seed);
        // Writing to a string never fails.
        let _ = write!(
            body,
            "\",\"format\":\"{format}\",\"width\":{width},\"height\":{height},\"seed\":{seed}}}"
        );
    }
    body.push_str("]}");
    WireReply::json(200, Pieces::one(body))
}

impl No {
    fn new(kind: Kind, detail: &str) -> Self {
        Self { kind, detail: detail.to_owned(), retry_after_ms: None }
    }

    pub(super) fn busy(detail: &str, retry_after_ms: u64) -> Self {
        Self { retry_after_ms: Some(retry_after_ms), ..Self::new(Kind::Busy, detail) }
    }

    pub(super) fn broken(detail: &str) -> Self {
        Self::new(Kind::Broken, detail)
    }

    pub(super) fn refused(detail: &str) -> Self {
        Self::new(Kind::Refused, detail)
    }

    pub(super) fn invalid(detail: &str) -> Self {
        Self::new(Kind::Invalid, detail)
    }

    pub(super) fn reply(&self) -> WireReply {
        let status = match self.kind {
            Kind::Busy => 429,
            Kind::Broken => 500,
            Kind::Refused | Kind::Invalid => 400,
        };
        let body = serde_json::json!({ "error": self }).to_string();
        WireReply::json(status, Pieces::one(body))
    }
}
