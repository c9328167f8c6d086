//! Uploads: a form for each picture, sent to the address that Leonardo names.
//!
//! A side keeps nothing between steps, so what is left to do rides along behind the `#` of the
//! address that is asked, which is never sent.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::multipart::Form;
use super::super::reply::garbled;
use super::super::{WireReply, WireRequest};
use crate::canonical::InputImage;
use crate::fault::VendorFault;

/// The pictures of an order, by the names that they got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Uploaded {
    /// It needs none.
    Nothing,
    /// A picture to work on.
    Picture(String),
    /// A picture, and a mask that says where to work on it.
    Canvas { init: String, mask: String },
}

/// Where to put a picture, and what its form must hold besides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) url: String,
    /// The fields, as JSON.
    pub(super) fields: String,
}

/// What is left to do once an upload is through.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Rest {
    /// What to order then.
    pub(super) order: Uploaded,
    /// Where to put the mask before that.
    pub(super) mask: Option<Place>,
}

/// The upload of a picture: all fields first, the file last, or the store does not see them.
pub(super) fn upload(
    place: &Place,
    image: &InputImage,
    rest: &Rest,
) -> Result<WireRequest, VendorFault> {
    if !place.url.starts_with("https://") && !place.url.starts_with("http://") {
        return Err(garbled("the address to upload to is not a URL"));
    }
    let fields: Map<String, Value> = serde_json::from_str(&place.fields)
        .map_err(|_| garbled("the fields of an upload are not the JSON that is documented"))?;
    let mut form = Form::default();
    for (name, value) in &fields {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        form.text(name, text);
    }
    form.file("file", image)
        .map_err(|no| VendorFault::Inexpressible { parameter: no.parameter, why: no.why })?;
    let url = place.url.split('#').next().unwrap_or_default();
    let rest = serde_json::to_vec(rest).unwrap_or_default();
    Ok(form.post(format!("{url}#{}", URL_SAFE_NO_PAD.encode(rest))))
}

/// What is left to do, if an upload was asked for.
pub(super) fn rest_of(path: &str) -> Option<Rest> {
    let (_, rest) = path.split_once('#')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(rest).ok()?).ok()
}

/// Why an upload failed. The store knows nothing of our credential, so its no is not about that.
pub(super) fn fault(reply: &WireReply) -> VendorFault {
    let is_too_large = || {
        let body = reply.body.to_bytes();
        memchr::memmem::find(&body, b"EntityTooLarge").is_some()
    };
    match reply.status {
        503 => VendorFault::Busy { retry_after: None },
        400 if is_too_large() => {
            VendorFault::Rejected { detail: "a picture is too large to be uploaded".to_owned() }
        }
        status => VendorFault::Broken { status },
    }
}
