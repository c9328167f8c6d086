//! What a policy file says of pictures that callers name by an address.

use std::time::Duration;

use crate::reach::Reach;

use super::Policy;
use super::build::Faults;
use super::raw::{RawFile, RawInputPictures};
use super::reach::reach;

/// Which addresses of input pictures are fetched, and how much of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputPictures {
    /// The hosts they may be at; none unless policy lists some.
    pub reach: Reach,
    /// Bytes of one picture.
    pub bytes_max: usize,
    /// All pictures of one request together.
    pub timeout: Duration,
}

impl Default for InputPictures {
    fn default() -> Self {
        Self { reach: Reach::default(), bytes_max: 20 << 20, timeout: Duration::from_secs(15) }
    }
}

/// Takes over what one file says, if no other did.
pub(super) fn input_pictures(policy: &mut Policy, file: &RawFile, faults: &mut Faults<'_>) {
    let Some(spanned) = &file.input_pictures else { return };
    if policy.input_pictures != InputPictures::default() {
        let problem = "is said in two files".to_owned();
        faults.note(spanned.span(), "input_pictures".to_owned(), problem, "keep one of them");
        return;
    }
    let RawInputPictures { hosts, inside_hosts, bytes_max, timeout } = spanned.get_ref();
    let default = InputPictures::default();
    policy.input_pictures = InputPictures {
        reach: reach(hosts, inside_hosts, "input_pictures", faults),
        bytes_max: bytes_max.map_or(default.bytes_max, |bytes| bytes.0),
        timeout: timeout.map_or(default.timeout, |span| span.0),
    };
}
