//! A body of an app, in every dialect: a request that can be asked of every vendor, or a refusal.
#![no_main]

use http::{HeaderMap, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use pixelgate::dialect::{self, Pieces, WireRequest};
use pixelgate_fuzz::{offering, split};

fuzz_target!(|data: &[u8]| {
    let Some((choice, body)) = split(data) else { return };
    let clients: Vec<_> = dialect::ALL.iter().filter_map(|dialect| dialect.client).collect();
    let client = clients[choice % clients.len()];
    let json = HeaderValue::from_static("application/json");
    let wire = WireRequest {
        method: Method::POST,
        path: client.example().path.to_owned(),
        headers: HeaderMap::from_iter([(http::header::CONTENT_TYPE, json)]),
        body: Pieces::one(body.to_vec()),
    };
    let Ok(request) = client.decode_request(&wire) else { return };
    assert!(request.count >= 1);
    assert!(!request.prompt.is_empty());
    let offering = offering("any-model");
    for vendor in dialect::ALL.iter().filter_map(|dialect| dialect.vendor) {
        if let Ok(wire) = vendor.encode_request(&request, &offering) {
            assert!(wire.path.starts_with('/'));
            assert!(wire.path.bytes().all(|byte| byte.is_ascii_graphic()), "{}", wire.path);
        }
    }
});
