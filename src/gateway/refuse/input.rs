//! Refusals about pictures that a request names: they name the field and cost nothing.
//!
//! They never tell a host that is not there from one that is inside our own network.

use std::time::Duration;

use crate::canonical::{Format, NamedInput, Problem, Refusal, RefusalKind as Kind};
use crate::raster::PIXELS_MAX;
use crate::reach::Barred;

/// When memory for pictures is worth asking for again.
const ROOM_WAIT: Duration = Duration::from_secs(2);

/// A no, and what it is called in the metric.
#[derive(Debug)]
pub(in super::super) struct Refused {
    pub(in super::super) refusal: Box<Refusal>,
    pub(in super::super) how: &'static str,
}

impl Refused {
    /// A no that is nobody's fault but ours.
    pub(in super::super) fn by_us(refusal: Refusal) -> Self {
        Self { refusal: Box::new(refusal), how: "failed" }
    }
}

fn about(named: &NamedInput, problem: Problem, message: &str) -> Refusal {
    let field = named.field.clone();
    let message = format!("`{field}` {message}");
    Refusal::field(field, problem, message)
}

pub(in super::super) fn barred(named: &NamedInput, barred: &Barred, is_off: bool) -> Refusal {
    let unsupported = |message: &str| {
        let refusal = about(named, Problem::BadValue, message);
        Refusal { kind: Kind::Unsupported, ..refusal }
    };
    match barred {
        Barred::Malformed | Barred::Userinfo => {
            about(named, Problem::BadValue, &format!("{barred}; send a plain address"))
        }
        Barred::Unlisted { .. } if is_off => unsupported(
            "is an address, and pictures are not fetched here; send the picture itself, or ask the \
             operator to list its host in `input_pictures.hosts`",
        ),
        Barred::Unlisted { at } => unsupported(&format!(
            "is at {at}, which this gateway does not fetch from; send the picture itself, or ask \
             the operator to list it in `input_pictures.hosts`"
        )),
        Barred::Inside { .. } => *unreached(named).refusal,
    }
}

pub(in super::super) fn unreached(named: &NamedInput) -> Refused {
    let message = "names a place that cannot be reached from here; send the picture itself";
    Refused { refusal: Box::new(about(named, Problem::BadValue, message)), how: "unreached" }
}

pub(in super::super) fn late(named: &NamedInput) -> Refused {
    let message = "names a place that did not answer in time; send the picture itself";
    Refused { refusal: Box::new(about(named, Problem::BadValue, message)), how: "late" }
}

pub(in super::super) fn answered(named: &NamedInput, status: u16) -> Refused {
    let message = format!("names a place that answered with status {status}, not with a picture");
    Refused { refusal: Box::new(about(named, Problem::BadValue, &message)), how: "unreached" }
}

pub(in super::super) fn too_large(named: &NamedInput, bytes_max: usize) -> Refused {
    let message = format!("names a picture that is too large; it may have {bytes_max} bytes");
    Refused { refusal: Box::new(about(named, Problem::TooLarge, &message)), how: "too_large" }
}

pub(in super::super) fn too_many_pixels(named: &NamedInput) -> Refused {
    let message = format!("names a picture that is too large; it may have {PIXELS_MAX} pixels");
    Refused { refusal: Box::new(about(named, Problem::TooLarge, &message)), how: "too_large" }
}

pub(in super::super) fn no_picture(named: &NamedInput) -> Refused {
    let formats: Vec<_> = named.formats.iter().copied().map(Format::name).collect();
    let message = format!("must name a picture in {}", formats.join(", "));
    Refused { refusal: Box::new(about(named, Problem::BadValue, &message)), how: "no_picture" }
}

pub(in super::super) fn unknown(named: &NamedInput) -> Refused {
    let message = "names no picture of this workspace's media library";
    Refused { refusal: Box::new(about(named, Problem::BadValue, message)), how: "unknown" }
}

pub(in super::super) fn overloaded() -> Refused {
    let message = "too many pictures are being fetched now; try again";
    let refusal = Refusal::new(Kind::Overloaded, message).retry_after(ROOM_WAIT);
    Refused { refusal: Box::new(refusal), how: "failed" }
}

pub(in super::super) fn unwritable() -> Refusal {
    let message = "the pictures that it names cannot be kept with this job; send them in it";
    Refusal::new(Kind::BadRequest, message)
}
