//! What passes through is not touched: a picture is never copied, a request comes back the same.

use bytes::Bytes;
use http::Method;
use pixelgate::canonical::{
    Background, Format, Frame, Image, ImageRequest, ImageResponse, Picture, Quality, Safety,
};
use pixelgate::dialect::{self, Call, Claim, Progress, WireRequest};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{root, shapes};

#[test]
fn a_picture_out_of_a_vendors_answer_is_a_slice_of_that_answer() {
    for dialect in dialect::ALL {
        let Some(vendor) = dialect.vendor else {
            continue;
        };
        let golden = std::fs::read(root().join(dialect.name).join("done.reply.json")).unwrap();
        let golden: Value = serde_json::from_slice(&golden).unwrap();
        let reply = shapes::wire_reply(&golden);
        let body = reply.body.to_bytes();
        let offering = shapes::offering(&Value::Null);
        let request = ImageRequest { prompt: "x".to_owned(), count: 1, ..ImageRequest::default() };
        let asked = WireRequest::get("/");
        let call = Call { request: &request, offering: &offering, asked: &asked };
        let Ok(Progress::Done(response)) = vendor.decode_reply(&call, &reply) else {
            panic!("{}: no picture", dialect.name);
        };
        let content = match &response.images[0].picture {
            Picture::Base64(content) | Picture::Binary(content) => content,
            // It is fetched: there is nothing to copy yet.
            Picture::Url(_) => continue,
        };
        assert!(
            body.as_ptr_range().contains(&content.as_ptr()),
            "{}: the picture was copied",
            dialect.name
        );
    }
}

#[test]
fn a_picture_into_an_apps_answer_is_a_piece_of_that_answer() {
    let content = Bytes::from_static(b"iVBORw0KGgoAAAANSUhEUgAA");
    let delivered = shapes::Delivered::read(&json!({
        "request": { "prompt": "a lighthouse" },
        "model": "m",
        "images": [],
    }));
    let response = ImageResponse {
        images: vec![Image::new(Picture::Base64(content.clone()))],
        ..ImageResponse::default()
    };
    for dialect in dialect::ALL {
        let Some(client) = dialect.client else {
            continue;
        };
        // One that draws nothing answers with no picture.
        if client.claim(&Method::POST, client.example().path) != Some(Claim::Images) {
            continue;
        }
        let mut answer = delivered.answer(0);
        answer.response = &response;
        let slices = client.encode_response(&answer).body.into_slices();
        let is_there = slices.iter().any(|slice| slice.as_ptr() == content.as_ptr());
        assert!(is_there, "{}: the picture was copied", dialect.name);
    }
}

/// Requests that need no emulation by a model that can do everything.
fn plain_request() -> impl Strategy<Value = ImageRequest> {
    let frames = ["auto", "1024x1024", "1536x1024", "3840x2160"];
    let frame =
        proptest::sample::select(frames.map(|text| text.parse::<Frame>().unwrap()).to_vec());
    let quality = proptest::sample::select(vec![
        Quality::Low,
        Quality::Medium,
        Quality::High,
        Quality::XHigh,
        Quality::Max,
    ]);
    let encoding = prop_oneof![
        Just((None, None)),
        Just((Some(Format::Png), None)),
        (0_u8..=100).prop_map(|percent| (Some(Format::Jpeg), Some(percent))),
        Just((Some(Format::Webp), None)),
    ];
    let rest = (
        option::of(quality),
        encoding,
        option::of(Just(Background::Opaque)),
        option::of(Just(Safety::Low)),
        option::of("[a-z0-9]{1,20}"),
    );
    ("[a-zäß☃ \"\\\\]{0,40}x", 1_u32..=10, frame, rest).prop_map(|(prompt, count, frame, rest)| {
        let (quality, (format, compression), background, safety, end_user) = rest;
        ImageRequest {
            model: Some("gpt-image-2.5-flare".to_owned()),
            prompt,
            count,
            frame,
            quality,
            format,
            compression,
            background,
            safety,
            end_user,
            ..ImageRequest::default()
        }
    })
}

proptest! {
    /// A dialect that has few words says few of the requests; what it says loses nothing more.
    #[test]
    fn what_is_said_to_a_vendor_is_read_the_same_by_our_own_client_side(
        request in plain_request(),
    ) {
        let offering = shapes::offering(&json!({ "vendor_model": request.model }));
        let mut said = 0;
        for dialect in dialect::ALL {
            if let (Some(client), Some(vendor)) = (dialect.client, dialect.vendor)
                && let Ok(wire) = vendor.encode_request(&request, &offering)
            {
                said += 1;
                let read = client.decode_request(&wire).unwrap();
                prop_assert_eq!(&read.prompt, &request.prompt);
                // An API of one model has no word for it.
                prop_assert!(read.model.is_none() || read.model == request.model);
                prop_assert_eq!(read.count, request.count);
                let again = vendor.encode_request(&read, &offering).unwrap();
                prop_assert_eq!(shapes::request_shown(&again), shapes::request_shown(&wire));
            }
        }
        prop_assert!(said > 0, "no dialect with two sides says it");
    }
}
