//! The half of a dialect that faces vendors: what every side does, and where an order stands.

use std::borrow::Cow;
use std::time::Duration;

use crate::canonical::{ImageRequest, ImageResponse, Picture};
use crate::catalog::{AuthScheme, Offering};
use crate::credits::Cost;
use crate::fault::VendorFault;

use super::{Event, WireReply, WireRequest};

/// The half of a dialect that faces vendors. Never does I/O, never sees a credential.
pub trait VendorSide: std::fmt::Debug + Sync {
    /// How a credential is shown unless policy says otherwise.
    fn auth_scheme(&self) -> AuthScheme;

    /// The dialect whose vendor-only options this one understands; `None` for its own.
    fn options_of(&self) -> Option<&'static str> {
        None
    }

    /// How the area to change is marked in a mask.
    fn mask_style(&self, _offering: &Offering) -> MaskStyle {
        MaskStyle::Alpha
    }

    /// Whether an order must carry a seed: without one, this vendor would draw for everyone who
    /// asks the same the same picture.
    fn needs_seed(&self, _offering: &Offering) -> bool {
        false
    }

    /// Whether the pictures of an offering come as addresses, always or as a rule: who lists no host
    /// that they may be at pays for what cannot be fetched.
    fn answers_by_address(&self, _offering: &Offering) -> bool {
        false
    }

    /// Canonical to body. `Unsupported` means: try the next candidate.
    fn encode_request(
        &self,
        request: &ImageRequest,
        offering: &Offering,
    ) -> Result<WireRequest, Unsupported>;

    /// The vendor's answer to where the exchange stands.
    fn decode_reply(&self, call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault>;

    /// One event of an answer that is streamed, while more may follow: a preview, if it is one.
    /// The whole stream is read by [`VendorSide::decode_reply`] once it has ended.
    fn decode_event(&self, _call: &Call<'_>, _event: &Event) -> Option<Preview> {
        None
    }
}

/// What was said to a vendor, for reading its answer: sides keep nothing between steps.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What is wanted.
    pub request: &'a ImageRequest,
    /// Of what.
    pub offering: &'a Offering,
    /// What was sent last.
    pub asked: &'a WireRequest,
}

/// How the area to change is marked in a mask. Canonical masks are [`MaskStyle::Alpha`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MaskStyle {
    /// It is transparent.
    Alpha,
    /// It is white on black.
    White,
    /// It is black on white.
    Black,
}

/// A parameter that a vendor side cannot say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{parameter}` cannot be expressed: {why}")]
pub struct Unsupported {
    /// The canonical parameter.
    pub parameter: &'static str,
    /// What stands against it.
    pub why: Cow<'static, str>,
}

/// Where an exchange stands after one reply.
#[derive(Debug)]
pub enum Progress {
    /// The pictures are here.
    Done(ImageResponse),
    /// The order is not placed yet: send this next, once.
    Then(Box<WireRequest>),
    /// The order is placed and not served yet.
    Pending(Box<Pending>),
}

/// An order that a vendor is at work on.
#[derive(Clone, Debug)]
pub struct Pending {
    /// What to ask; asked again when the question, not the order, comes to nothing.
    pub next: WireRequest,
    /// The wait that the vendor advises; `None` leaves it to us.
    pub wait: Option<Duration>,
    /// What takes the order back, where the vendor can.
    pub cancel: Option<WireRequest>,
    /// What the vendor says it charges, if it says so before it is done.
    pub cost: Option<Cost>,
}

/// A picture on the way to the final one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// Which of the previews, from 0.
    pub index: u32,
    /// Its content.
    pub picture: Picture,
}
