//! A form of parts, as apps upload pictures.
#![no_main]

use http::{HeaderMap, HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use pixelgate::dialect::{self, Pieces, WireRequest};

fuzz_target!(|data: &[u8]| {
    let kind = HeaderValue::from_static("multipart/form-data; boundary=golden-form");
    for path in ["/v1/images/edits", "/v1/images/variations"] {
        let wire = WireRequest {
            method: Method::POST,
            path: path.to_owned(),
            headers: HeaderMap::from_iter([(http::header::CONTENT_TYPE, kind.clone())]),
            body: Pieces::one(data.to_vec()),
        };
        for client in dialect::ALL.iter().filter_map(|dialect| dialect.client) {
            if let Ok(request) = client.decode_request(&wire) {
                assert!(request.count >= 1);
            }
        }
    }
});
