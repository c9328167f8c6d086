//! The half of the OpenAI dialect that faces vendors: OpenAI itself and everyone compatible.
//!
//! Another dialect that says the same words in another place says so by a [`Manner`].

use super::super::{Call, Event, Preview, Progress, Unsupported, VendorSide};
use super::super::{WireReply, WireRequest};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

mod body;
mod embedded;
mod family;
mod fault;
mod reply;
mod request;

pub(in crate::dialect) use family::Family;

/// Faces vendors that speak OpenAI.
#[derive(Debug)]
pub(super) struct Vendor;

/// What one API does differently from the others that speak these words.
#[derive(Clone, Copy, Debug)]
pub(in crate::dialect) struct Manner<'a> {
    /// What precedes `/images/…` in the path.
    pub(in crate::dialect) before: &'a str,
    /// What follows it.
    pub(in crate::dialect) after: &'a str,
    /// The model's name in the body, where it is asked for there.
    pub(in crate::dialect) model: Option<&'a str>,
    /// What the model is told.
    pub(in crate::dialect) family: Family,
}

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::Bearer
    }

    fn encode_request(
        &self,
        request: &ImageRequest,
        offering: &Offering,
    ) -> Result<WireRequest, Unsupported> {
        let model = offering.vendor_model.as_str();
        let family = Family::of(model);
        encode(request, offering, &Manner { before: "", after: "", model: Some(model), family })
    }

    fn decode_reply(&self, _: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        decode(reply)
    }

    fn decode_event(&self, _: &Call<'_>, event: &Event) -> Option<Preview> {
        preview(event)
    }
}

/// The request in this manner.
pub(in crate::dialect) fn encode(
    request: &ImageRequest,
    offering: &Offering,
    manner: &Manner<'_>,
) -> Result<WireRequest, Unsupported> {
    request::encode(request, offering, manner)
}

/// Where an answer leaves the order.
pub(in crate::dialect) fn decode(reply: &WireReply) -> Result<Progress, VendorFault> {
    reply::decode(reply)
}

/// The preview that an event of an answer is, if it is one.
pub(in crate::dialect) fn preview(event: &Event) -> Option<Preview> {
    reply::preview(event)
}
