//! ComfyUI, an engine that runs workflows: policy holds the workflow, with places for what is asked.
//!
//! Vendor side only. Pictures to work from are uploaded, the workflow is queued, its history is
//! asked for until it is there, and the pictures are fetched from the engine.

use super::{Call, Dialect, Progress, Unsupported, VendorSide, WireReply, WireRequest};
use crate::canonical::ImageRequest;
use crate::catalog::{AuthScheme, Offering};
use crate::fault::VendorFault;

mod order;
mod place;
mod reply;

use order::Order;

/// ComfyUI.
pub(super) const DIALECT: Dialect =
    Dialect { name: "comfyui", client: None, vendor: Some(&Vendor) };

/// Where pictures to work from are sent.
const UPLOAD: &str = "/upload/image";

/// Where a workflow is queued.
const QUEUE: &str = "/prompt";

/// Faces ComfyUI.
#[derive(Debug)]
struct Vendor;

impl VendorSide for Vendor {
    fn auth_scheme(&self) -> AuthScheme {
        AuthScheme::None
    }

    /// The engine remembers what it drew: a workflow that is the same to the last number is not run
    /// again, and some builds then answer without a picture.
    fn needs_seed(&self, offering: &Offering) -> bool {
        order::has_place_for_seed(offering)
    }

    fn encode_request(
        &self,
        request: &ImageRequest,
        offering: &Offering,
    ) -> Result<WireRequest, Unsupported> {
        Order::new(request, offering)?.first()
    }

    fn decode_reply(&self, call: &Call<'_>, reply: &WireReply) -> Result<Progress, VendorFault> {
        match call.asked.path.as_str() {
            UPLOAD => reply::uploaded(call, reply),
            QUEUE => reply::queued(reply),
            _ => reply::history(call, reply),
        }
    }
}
