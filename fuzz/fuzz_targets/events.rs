//! A stream of events is read the same however it is cut, and no event makes a vendor's reader panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pixelgate::dialect::{self, Call, Event, Events, WireRequest};
use pixelgate_fuzz::{offering, request, split};

fuzz_target!(|data: &[u8]| {
    let Some((step, stream)) = split(data) else { return };
    let whole = read(stream, stream.len().max(1));
    let cut = read(stream, step.max(1));
    assert_eq!(format!("{whole:?}"), format!("{cut:?}"));
    let (request, offering) = (request(), offering("any-model"));
    let asked = WireRequest::get("/");
    let call = Call { request: &request, offering: &offering, asked: &asked };
    for vendor in dialect::ALL.iter().filter_map(|dialect| dialect.vendor) {
        for event in &whole {
            vendor.decode_event(&call, event);
        }
    }
});

fn read(stream: &[u8], step: usize) -> Vec<Event> {
    let mut events = Events::default();
    let mut found = Vec::new();
    for chunk in stream.chunks(step) {
        found.extend(events.push(chunk));
    }
    found
}
