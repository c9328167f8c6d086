//! Which generation of the API a model is asked through, and the words that they share.

use super::super::unsupported::{self, Unsupported, no};
use super::super::{WireRequest, native};
use super::{current, legacy, v3, v4};
use crate::canonical::{ImageRequest, Operation, Quality, Safety, Size};
use crate::catalog::Offering;

/// The largest seed of every generation.
const SEED_MAX: i64 = 2_147_483_647;

/// The most pictures of a call.
const COUNT_MAX: u32 = 8;

pub(super) fn encode(
    request: &ImageRequest,
    offering: &Offering,
) -> Result<WireRequest, Unsupported> {
    unsupported::refuse(&[
        ("operation", request.operation == Operation::Variation),
        ("steps", request.steps.is_some()),
        ("guidance", request.guidance.is_some()),
        ("compression", request.compression.is_some()),
        ("safety", request.safety == Some(Safety::Low)),
        ("end_user", request.end_user.is_some()),
        ("previews", request.previews > 0),
    ])?;
    native::within("count", Some(request.count), (0, COUNT_MAX))?;
    if request.inputs.is_empty() {
        let is_edit = request.operation == Operation::Edit || request.mask.is_some();
        if is_edit {
            return Err(no("inputs", "there is no picture to work on; send one"));
        }
    }
    match offering.vendor_model.as_str() {
        "ideogram-v3" => v3::encode(request, offering),
        "ideogram-v4" => v4::encode(request, offering),
        "ideogram-3" => current::encode_3(request, offering),
        newer if newer.starts_with("ideogram-4") => current::encode(request, offering),
        older if older.starts_with("V_") => legacy::encode(request, offering),
        _ => Err(no("model", "what this model takes is not known here")),
    }
}

/// The seed, if it is within bounds.
pub(super) fn seed(request: &ImageRequest) -> Result<Option<i64>, Unsupported> {
    native::within("seed", request.seed, (0, SEED_MAX))
}

/// The number of pictures, left out where it is one.
pub(super) fn count(request: &ImageRequest) -> Option<u32> {
    (request.count > 1).then_some(request.count)
}

/// The quality as a speed: draft, usual, best.
pub(super) fn speed(quality: Option<Quality>) -> Result<Option<&'static str>, Unsupported> {
    match quality {
        None => Ok(None),
        Some(Quality::Low) => Ok(Some("TURBO")),
        Some(Quality::Medium) => Ok(Some("DEFAULT")),
        Some(Quality::High) => Ok(Some("QUALITY")),
        Some(Quality::XHigh | Quality::Max) => Err(no("quality", "this model stops at high")),
    }
}

/// The sizes of 4.0 and later at their largest, wide ones only: each may be turned, and halved.
const SIZES_2K: [(u32, u32); 12] = [
    (2048, 2048),
    (2880, 1440),
    (2496, 1664),
    (2240, 1792),
    (2560, 1440),
    (2560, 1600),
    (2304, 1728),
    (3168, 1296),
    (2944, 1152),
    (3328, 1248),
    (3072, 1280),
    (3072, 1024),
];

/// Whether 4.0 and later draw pictures of this size.
pub(super) fn draws(size: Size) -> bool {
    let wide = (size.width.max(size.height), size.width.min(size.height));
    let doubled = (wide.0.saturating_mul(2), wide.1.saturating_mul(2));
    SIZES_2K.contains(&wide) || SIZES_2K.contains(&doubled)
}
