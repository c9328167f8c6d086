//! A picture of anybody's: opened within bounds or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pixelgate::canonical::Format;
use pixelgate::raster;

fuzz_target!(|data: &[u8]| {
    let Ok(opened) = raster::decode(data) else { return };
    assert!(Format::sniff(data).is_some());
    let (width, height) = (opened.width(), opened.height());
    assert!(raster::fits(pixelgate::canonical::Size::new(width, height)));
    // Large ones are slow and are no other path.
    if width * height <= 1 << 14 {
        for format in [Format::Png, Format::Jpeg, Format::Webp] {
            assert!(raster::encode(opened.clone(), format, None).is_ok());
        }
    }
});
