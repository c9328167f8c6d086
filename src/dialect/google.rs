//! What Google's APIs for pictures share: how an error is written, and frames that are a ratio
//! beside a size class. What their client sides share is in the modules below.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::reply::{fault_of_status, shortened};
use super::unsupported::{Unsupported, no};
use crate::canonical::{Format, Frame, ImageRequest, Ratio, Size};
use crate::catalog::{Capabilities, Frames};
use crate::fault::VendorFault;

pub(super) mod key;
pub(super) mod labels;
pub(super) mod listing;
pub(super) mod node;
pub(super) mod path;
pub(super) mod picture;
pub(super) mod said;

/// An error as Google's APIs write it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Failed {
    pub(super) code: u16,
    pub(super) message: String,
    status: String,
    details: Vec<Value>,
}

/// How many pixels are drawn, in classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tier {
    /// Half of the usual.
    Half,
    /// The usual.
    One,
    /// Twice the usual, per side.
    Two,
    /// Four times the usual, per side.
    Four,
}

/// A frame as these APIs have it; what is `None` is left to them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) ratio: Option<Ratio>,
    pub(super) tier: Option<Tier>,
}

impl Tier {
    /// The class of a picture of this size, whatever its shape.
    fn of(size: Size) -> Self {
        match size.pixels().isqrt() {
            0..768 => Self::Half,
            768..1536 => Self::One,
            1536..3072 => Self::Two,
            3072.. => Self::Four,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Half => "512",
            Self::One => "1K",
            Self::Two => "2K",
            Self::Four => "4K",
        }
    }
}

/// The ratio and the class that a frame comes to; exact pixels only where a listed ratio comes out
/// as them.
pub(super) fn shape(frame: Frame, can: &Capabilities) -> Result<Shape, Unsupported> {
    let (ratio, size) = match frame {
        Frame::Auto => (None, Some(can.size_default)),
        Frame::Ratio(wanted) => {
            (Some(wanted), listed(can, |ratio, _| ratio == wanted).map(|(_, size)| size))
        }
        Frame::Pixels(wanted) => {
            let (ratio, size) = listed(can, |_, size| size == wanted)
                .ok_or_else(|| no("frame", "this API draws ratios, not pixels"))?;
            (Some(ratio), Some(size))
        }
    };
    Ok(Shape { ratio, tier: size.map(Tier::of) })
}

/// The first shape that the offering draws and that is wanted.
fn listed(can: &Capabilities, wanted: impl Fn(Ratio, Size) -> bool) -> Option<(Ratio, Size)> {
    let Frames::Ratios(shapes) = &can.frames else {
        return None;
    };
    let mut shapes = shapes.iter().copied();
    shapes.find(|(ratio, size)| wanted(*ratio, *size))
}

/// The encoding to ask for, with its compression. What these APIs cannot encode is left to them
/// and made of what comes.
pub(super) fn encoding(
    request: &ImageRequest,
    can: &Capabilities,
) -> Result<Option<(Format, Option<u8>)>, Unsupported> {
    let wanted = request.format.filter(|format| can.formats.contains(format));
    match (wanted, request.format, request.compression) {
        (Some(Format::Jpeg), _, compression) => Ok(Some((Format::Jpeg, compression))),
        (_, Some(Format::Jpeg | Format::Webp | Format::Avif), Some(_)) => {
            Err(no("compression", "only the compression of a JPEG that it encodes can be chosen"))
        }
        (Some(Format::Png), _, _) => Ok(Some((Format::Png, None))),
        (Some(Format::Webp | Format::Avif) | None, _, _) => Ok(None),
    }
}

/// The encoding of this media type.
pub(super) fn declared(mime: &str) -> Option<Format> {
    let formats = [Format::Png, Format::Jpeg, Format::Webp];
    formats.into_iter().find(|format| format.mime() == mime)
}

/// The fault that an error stands for.
pub(super) fn fault(status: u16, said: &Failed) -> VendorFault {
    let detail = match said.status.as_str() {
        "" => shortened(&said.message),
        word => shortened(&format!("{word}: {}", said.message)),
    };
    let is_ours = match status {
        400 => said.status == "FAILED_PRECONDITION" || said.is_about_our_key(),
        429 => said.is_used_up(),
        _ => false,
    };
    if is_ours {
        return VendorFault::Denied { detail };
    }
    fault_of_status(status, &detail, said.retry_delay())
}

impl Failed {
    fn is_about_our_key(&self) -> bool {
        let reasons = self.details.iter().filter_map(|d| d.get("reason")?.as_str());
        let mut ours = reasons.filter(|reason| reason.starts_with("API_KEY_"));
        ours.next().is_some() || self.message.contains("API key not valid")
    }

    /// Whether a quota is gone for the day, or was never there: waiting does not help.
    fn is_used_up(&self) -> bool {
        let violations = self.details.iter().filter_map(|d| d.get("violations")?.as_array());
        let mut ids = violations.flatten().filter_map(|v| v.get("quotaId")?.as_str());
        ids.any(|id| id.contains("PerDay")) || self.message.contains("limit: 0")
    }

    /// The wait that the error's details name, such as `34.07s`.
    fn retry_delay(&self) -> Option<Duration> {
        let mut delays = self.details.iter().filter_map(|d| d.get("retryDelay")?.as_str());
        let seconds = delays.next()?.strip_suffix('s')?.parse().ok()?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}
