//! The PostEverywhere API: one path that draws one picture and answers with its address.

use super::Dialect;
use crate::canonical::Ratio;

mod client;
mod vendor;

/// The PostEverywhere API.
pub(super) const DIALECT: Dialect = Dialect {
    name: "posteverywhere",
    client: Some(&client::Client),
    vendor: Some(&vendor::Vendor),
};

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
