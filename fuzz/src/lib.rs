//! What the fuzz targets share: an offering that can do anything, and a way to split their input.

use std::sync::Arc;

use pixelgate::canonical::{ImageRequest, Size};
use pixelgate::catalog::{BaseUrl, Capabilities, Frames, InProcess, Offering, Vendor};

/// An offering of one model that can do anything.
pub fn offering(model: &str) -> Offering {
    let frames = Frames::Any { side_min: 16, side_max: 4096, step: 16 };
    let can = Capabilities::everything(frames, Size::new(1024, 1024));
    let base = BaseUrl::InProcess(InProcess::default());
    let vendor = Arc::new(Vendor::new("vendor", "fuzzed", base));
    Offering::new("fuzzed/vendor", vendor, model.to_owned(), can)
}

/// The smallest request that there is.
pub fn request() -> ImageRequest {
    ImageRequest { prompt: "a fox".to_owned(), count: 1, ..ImageRequest::default() }
}

/// The first byte, and the rest.
pub fn split(data: &[u8]) -> Option<(usize, &[u8])> {
    data.split_first().map(|(first, rest)| (usize::from(*first), rest))
}
