//! The media-and-posts API: one picture for a post, kept in the vendor's media library.
//!
//! Vendor side only.

use super::Dialect;

mod vendor;

/// The media-and-posts API.
pub(super) const DIALECT: Dialect =
    Dialect { name: "mediaposts", client: None, vendor: Some(&vendor::Vendor) };
