//! An answer of a vendor, in every dialect: pictures that every app can be given, or a fault.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pixelgate::dialect::{self, Call, Pieces, Progress, WireReply, WireRequest};
use pixelgate_fuzz::{offering, request, split};

const STATUSES: [u16; 8] = [200, 201, 202, 400, 401, 404, 429, 500];

fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = split(data) else { return };
    let Some((status, body)) = split(rest) else { return };
    let vendors: Vec<_> = dialect::ALL.iter().filter_map(|dialect| dialect.vendor).collect();
    let vendor = vendors[choice % vendors.len()];
    let (request, offering) = (request(), offering("any-model"));
    let asked = vendor.encode_request(&request, &offering);
    let asked = asked.unwrap_or_else(|_| WireRequest::get("/"));
    let call = Call { request: &request, offering: &offering, asked: &asked };
    let status = STATUSES[status % STATUSES.len()];
    let reply = WireReply::json(status, Pieces::one(body.to_vec()));
    if let Ok(Progress::Done(response)) = vendor.decode_reply(&call, &reply) {
        assert!((200..300).contains(&status));
        assert!(!response.images.is_empty());
        for image in &response.images {
            image.picture.sniff();
        }
    }
});
