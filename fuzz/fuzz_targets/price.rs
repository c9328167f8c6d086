//! The formula of a price: it is read or refused, and what is delivered never costs more than was quoted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pixelgate::canonical::{Operation, Quality, Size};
use pixelgate::catalog::Tariff;
use pixelgate::price::{self, Work};
use pixelgate_fuzz::split;

fuzz_target!(|data: &[u8]| {
    let Some((count, text)) = split(data) else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Ok(expression) = price::read(text) else { return };
    let tariff = Tariff { expression: Some(expression), ..Tariff::default() };
    let count = u32::try_from(count % 10).unwrap_or(0) + 1;
    let work = Work {
        operation: Operation::Generate,
        count,
        size: Size::new(1024, 768),
        quality: Some(Quality::High),
        steps: Some(28),
        inputs: 2,
        input_pixels: Some(1 << 20),
        unseen_pixels: 0,
        masks: 1,
        previews: 1,
        text_bytes: 300,
        calls: 1,
        usage: None,
    };
    let Ok(quote) = price::quote(&tariff, &work) else { return };
    assert!(quote.nanos() >= 0);
    if let Ok(charge) = price::charge(&tariff, &work, quote) {
        assert!(charge.price <= quote);
    }
});
