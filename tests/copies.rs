//! A picture passes from a vendor's answer into an app's without being copied: bytes that are
//! allocated on the way are counted, for every vendor side that answers inline and every client
//! side that answers so.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::path::Path;

use bytes::Bytes;
use http::Method;
use pixelgate::canonical::{Answer, ImageRequest, ImageResponse, Picture};
use pixelgate::catalog::{BaseUrl, Capabilities, Frames, InProcess, Offering, Vendor};
use pixelgate::credits::Credits;
use pixelgate::dialect::{
    self, Call, Claim, ClientSide, Pieces, Progress, VendorSide, WireReply, WireRequest,
};
use pixelgate::id::RequestId;
use serde_json::Value;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Base64 letters in the picture.
const LETTERS: usize = 2 << 20;

/// The most that may be allocated for an exchange, in percent of the vendor's answer.
const ALLOCATED_PERCENT_MAX: u64 = 110;

/// The small pictures that recorded answers hold.
const SMALL: [&str; 2] = ["iVBORw0KGgoAAAANSUhEUgAA", "/9j/4AAQSkZJRgABAQAAAQAB"];

/// The vendor's recorded answer with a large picture in the place of the small one; `None` when it
/// answers with bytes or an address, which there is no text to copy of.
fn large_reply(dialect: &str, vendor: &dyn VendorSide) -> Option<WireReply> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dialects");
    let text = std::fs::read_to_string(root.join(dialect).join("done.reply.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    let body = golden.get("body")?.to_string();
    let recorded = WireReply::json(200, Pieces::one(Bytes::from(body.clone())));
    drawn(vendor, &recorded).images.first().filter(|image| is_inline(&image.picture))?;
    let small = SMALL.into_iter().find(|small| body.contains(small));
    let small = small.unwrap_or_else(|| panic!("{dialect}: which part of it is its picture?"));
    let large = format!("{small}{}", "aB3/".repeat(LETTERS / 4));
    Some(WireReply::json(200, Pieces::one(Bytes::from(body.replacen(small, &large, 1)))))
}

const fn is_inline(picture: &Picture) -> bool {
    matches!(picture, Picture::Base64(_))
}

fn offering() -> Offering {
    let base = BaseUrl::InProcess(InProcess::default());
    let vendor = std::sync::Arc::new(Vendor::new("vendor", "golden", base));
    let size = "1024x1024".parse().unwrap();
    Offering::new("m/vendor", vendor, "m", Capabilities::only(Frames::Sizes(vec![size]), size))
}

fn request() -> ImageRequest {
    ImageRequest { prompt: "x".to_owned(), count: 1, ..ImageRequest::default() }
}

/// What the vendor drew.
fn drawn(vendor: &dyn VendorSide, reply: &WireReply) -> ImageResponse {
    let (request, asked, offering) = (request(), WireRequest::get("/"), offering());
    let call = Call { request: &request, offering: &offering, asked: &asked };
    let Ok(Progress::Done(response)) = vendor.decode_reply(&call, reply) else {
        panic!("no picture");
    };
    response
}

/// From the vendor's bytes to the app's.
fn pass(vendor: &dyn VendorSide, client: &dyn ClientSide, reply: &WireReply) -> Pieces {
    let (request, response) = (request(), drawn(vendor, reply));
    assert!(response.images.iter().any(|image| is_inline(&image.picture)));
    let answer = Answer {
        request_id: &RequestId::known("req_copies"),
        unix_ms: 0,
        request: &request,
        model: "m",
        response: &response,
        charged: Credits::ZERO,
        remaining: Credits::ZERO,
        changes: &[],
        quotas: &[],
        disclaimer: None,
        storage: None,
    };
    client.encode_response(&answer).body
}

#[test]
fn between_any_two_dialects_a_picture_is_copied_at_most_once() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let clients: Vec<_> = dialect::ALL
        .iter()
        .filter_map(|dialect| Some((dialect.name, dialect.client?)))
        .filter(|(_, client)| {
            client.claim(&Method::POST, client.example().path) == Some(Claim::Images)
        })
        .collect();
    let mut faults = Vec::new();
    let (mut pairs, mut most) = (0, 0);
    for dialect in dialect::ALL {
        let Some(vendor) = dialect.vendor else { continue };
        let Some(reply) = large_reply(dialect.name, vendor) else { continue };
        for (name, client) in &clients {
            let before = dhat::HeapStats::get().total_bytes;
            let body = pass(vendor, *client, &reply);
            let allocated = dhat::HeapStats::get().total_bytes - before;
            assert!(body.len() >= LETTERS, "{name} over {}: where is it?", dialect.name);
            let percent = allocated * 100 / u64::try_from(reply.body.len()).unwrap();
            pairs += 1;
            most = most.max(allocated);
            if percent > ALLOCATED_PERCENT_MAX {
                faults.push(format!("{name} over {}: {percent} % allocated", dialect.name));
            }
        }
    }
    println!("{pairs} pairs; {most} bytes at most for {LETTERS} letters of base64");
    assert!(pairs > 3, "only {pairs} pairs pass a picture inline");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
