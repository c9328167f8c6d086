//! What translating costs: small requests in, small answers out, and a large picture through.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a bench that cannot go on has failed")]

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::{HeaderMap, Method};
use pixelgate::canonical::{Answer, Image, ImageRequest, ImageResponse, Picture, Size, Stored};
use pixelgate::catalog::{BaseUrl, Capabilities, Frames, InProcess, Offering, Vendor};
use pixelgate::credits::Credits;
use pixelgate::dialect::{self, Call, ClientSide, Pieces, Progress, WireReply, WireRequest};
use pixelgate::id::{MediaId, RequestId};

/// Base64 characters in the large answer.
const PICTURE_CHARS: usize = 2 << 20;

const REQUESTS: [(&str, &str); 2] = [
    (
        "openai",
        r#"{"model":"gpt-image-2","prompt":"a lighthouse in fog","n":2,"size":"1024x1024","quality":"high"}"#,
    ),
    (
        "posteverywhere",
        r#"{"model":"gemini-3-pro","prompt":"a lighthouse in fog","aspect_ratio":"16:9"}"#,
    ),
];

fn small(criterion: &mut Criterion) {
    for (name, body) in REQUESTS {
        let client = client(name);
        let wire = WireRequest {
            method: Method::POST,
            path: "/".to_owned(),
            headers: HeaderMap::new(),
            body: Pieces::one(body),
        };
        criterion.bench_function(&format!("{name}: decode a request"), |bench| {
            bench.iter(|| client.decode_request(black_box(&wire)).unwrap());
        });
        let request = client.decode_request(&wire).unwrap();
        let mut image = Image::new(Picture::Base64(Bytes::from_static(b"iVBORw0KGgoAAAAN")));
        image.size = Some(Size::new(1024, 1024));
        image.stored = Some(Stored {
            id: MediaId::known("med_bench"),
            url: "https://gate.example/media/med_bench.webp".to_owned(),
            created_at_ms: 0,
        });
        let response = ImageResponse { images: vec![image], ..ImageResponse::default() };
        criterion.bench_function(&format!("{name}: encode an answer"), |bench| {
            bench.iter(|| encoded(client, black_box(&request), black_box(&response)));
        });
    }
}

fn large(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("2 MiB of base64 to an app that speaks openai");
    group.throughput(Throughput::Bytes(PICTURE_CHARS as u64));
    let picture = format!("iVBORw0KGgoAAAAN{}", "aB3/".repeat(PICTURE_CHARS / 4));
    let replies = [
        ("openai", format!(r#"{{"created":1,"data":[{{"b64_json":"{picture}"}}]}}"#)),
        (
            "gemini",
            format!(
                r#"{{"candidates":[{{"content":{{"parts":[{{"inlineData":{{"mimeType":"image/png","data":"{picture}"}}}}]}},"finishReason":"STOP"}}]}}"#
            ),
        ),
        (
            "painter",
            format!(
                r#"{{"images":[{{"picture":"{picture}","format":"png","width":9,"height":9,"seed":1}}]}}"#
            ),
        ),
    ];
    let request = ImageRequest {
        prompt: "a lighthouse in fog".to_owned(),
        count: 1,
        ..ImageRequest::default()
    };
    let (offering, to_app, asked) = (offering(), client("openai"), WireRequest::get("/"));
    for (name, body) in replies {
        let vendor = dialect::by_name(name).unwrap().vendor.unwrap();
        let reply = WireReply::json(200, Pieces::one(body));
        group.bench_function(format!("from {name}"), |bench| {
            let call = Call { request: &request, offering: &offering, asked: &asked };
            bench.iter(|| match vendor.decode_reply(&call, &reply) {
                Ok(Progress::Done(response)) => encoded(to_app, &request, &response),
                other => panic!("no picture: {other:?}"),
            });
        });
    }
    group.finish();
}

/// The bytes of the answer that a client side writes.
fn encoded(client: &dyn ClientSide, request: &ImageRequest, response: &ImageResponse) -> usize {
    let request_id = RequestId::known("req_bench");
    let answer = Answer {
        request_id: &request_id,
        unix_ms: 1_795_255_200_250,
        request,
        model: "gpt-image-2",
        response,
        charged: Credits::ZERO,
        remaining: Credits::ZERO,
        changes: &[],
        quotas: &[],
        disclaimer: None,
        storage: None,
    };
    client.encode_response(&answer).body.len()
}

fn client(name: &str) -> &'static dyn ClientSide {
    dialect::by_name(name).unwrap().client.unwrap()
}

fn offering() -> Offering {
    let base = BaseUrl::InProcess(InProcess::default());
    let vendor = Arc::new(Vendor::new("vendor", "openai", base));
    let can = Capabilities::only(Frames::Sizes(Vec::new()), Size::new(1024, 1024));
    Offering::new("bench/vendor", vendor, "bench", can)
}

criterion_group!(benches, small, large);
criterion_main!(benches);
