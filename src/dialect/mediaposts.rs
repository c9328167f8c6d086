//! The media-and-posts API: one picture for a post, kept in a media library.

use super::Dialect;
use crate::canonical::Ratio;

mod client;
mod vendor;

/// The media-and-posts API.
pub(super) const DIALECT: Dialect =
    Dialect { name: "mediaposts", client: Some(&client::Client), vendor: Some(&vendor::Vendor) };

/// The first is the documented default.
const RATIOS: [(&str, Ratio); 7] = [
    ("1:1", Ratio::new(1, 1)),
    ("16:9", Ratio::new(16, 9)),
    ("9:16", Ratio::new(9, 16)),
    ("4:3", Ratio::new(4, 3)),
    ("3:4", Ratio::new(3, 4)),
    ("4:5", Ratio::new(4, 5)),
    ("5:4", Ratio::new(5, 4)),
];

const PROMPT_CHARS_MAX: usize = 2_000;
