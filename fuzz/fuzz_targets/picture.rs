//! A picture of anybody's: opened within bounds or refused.
#![no_main]

use std::panic;

use libfuzzer_sys::fuzz_target;
use pixelgate::canonical::Format;
use pixelgate::raster;

/// Known (zune-image, issue 382): sums of broken JPEGs overflow. What is shipped does not check them, and where a
/// decoder panics the picture does not decode. Generic code is compiled for its caller, whose sums are checked here.
fn is_known(panic: &panic::PanicHookInfo<'_>) -> bool {
    let is_theirs = panic.location().is_some_and(|at| at.file().contains("/zune-jpeg-"));
    is_theirs && panic.payload_as_str().is_some_and(|said| said.ends_with("with overflow"))
}

fn go_on_after_known() {
    let end = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !is_known(panic) {
            end(panic);
        }
    }));
}

fuzz_target!(init: go_on_after_known(), |data: &[u8]| {
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
