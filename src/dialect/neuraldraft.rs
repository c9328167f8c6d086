//! The `NeuralDraft` API: a picture is a job, which is queued and asked after.
//!
//! Both sides of it. The paths of jobs are claimed here for every dialect: this is the one that
//! documents them.

use super::Dialect;
use crate::canonical::Ratio;

mod client;
mod vendor;

/// The `NeuralDraft` API.
pub(super) const DIALECT: Dialect =
    Dialect { name: "neuraldraft", client: Some(&client::Client), vendor: Some(&vendor::Vendor) };

/// The first is the documented default.
const RATIOS: [(&str, Ratio); 6] = [
    ("16:9", Ratio::new(16, 9)),
    ("1:1", Ratio::new(1, 1)),
    ("9:16", Ratio::new(9, 16)),
    ("4:5", Ratio::new(4, 5)),
    ("4:3", Ratio::new(4, 3)),
    ("3:2", Ratio::new(3, 2)),
];
