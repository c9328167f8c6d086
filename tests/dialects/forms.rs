//! Forms with pictures: what one side of a dialect writes the other reads, and nothing panics.

use bytes::Bytes;
use http::Method;
use pixelgate::canonical::{
    Background, Format, Frame, ImageRequest, InputImage, Operation, Picture, Quality, Safety, Size,
};
use pixelgate::dialect::{self, Claim, Pieces, WireRequest};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::shapes;

/// Parts as client libraries write them: a `text`, or a file by its `base64`.
pub(crate) fn written(parts: &[Value]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        let head = format!("Content-Disposition: form-data; name={}", part["name"]);
        let (head, content) = match part["base64"].as_str() {
            Some(file) => (
                format!("{head}; filename=\"blob\"\r\nContent-Type: image/png"),
                super::filled::binary(file),
            ),
            None => (head, part["text"].as_str().unwrap().into()),
        };
        body.extend(format!("--golden-form\r\n{head}\r\n\r\n").into_bytes());
        body.extend(content);
        body.extend(b"\r\n");
    }
    body.extend(b"--golden-form--\r\n");
    body
}

/// A picture of a format that the first bytes say, with anything after them.
fn any_picture(formats: &'static [Format]) -> impl Strategy<Value = InputImage> {
    let format = proptest::sample::select(formats);
    let tail = proptest::collection::vec(any::<u8>(), 0..40);
    (format, tail).prop_map(|(format, tail)| {
        let head: &[u8] = match format {
            Format::Png => b"\x89PNG\r\n\x1a\n",
            Format::Jpeg => b"\xff\xd8\xff\xe0",
            Format::Webp => b"RIFF\0\0\0\0WEBP",
            Format::Avif => b"\0\0\0\x1cftypavif",
        };
        InputImage::new(Picture::Binary([head, &tail].concat().into())).unwrap()
    })
}

prop_compose! {
    fn any_edit()(
        prompt in "[a-zäß☃ \"\\\\\r\n-]{0,40}x",
        count in 1_u32..=10,
        quality in option::of(prop_oneof![Just(Quality::Low), Just(Quality::Max)]),
        encoding in prop_oneof![
            Just((None, None)),
            (0_u8..=100).prop_map(|percent| (Some(Format::Webp), Some(percent))),
        ],
        background in option::of(Just(Background::Transparent)),
        safety in option::of(Just(Safety::Low)),
        end_user in option::of("[a-z0-9]{1,20}"),
        frame in prop_oneof![Just(Frame::Auto), Just(Frame::Pixels(Size::new(1536, 1024)))],
        inputs in proptest::collection::vec(
            any_picture(&[Format::Png, Format::Jpeg, Format::Webp]), 1..=16,
        ),
        mask in option::of(any_picture(&[Format::Png])),
    ) -> ImageRequest {
        let (format, compression) = encoding;
        ImageRequest {
            operation: Operation::Edit,
            model: Some("gpt-image-2.5-flare".to_owned()),
            prompt, count, quality, format, compression, background, safety, end_user, frame,
            inputs, mask,
            ..ImageRequest::default()
        }
    }
}

/// The same picture in no wrapping: JSON has it as base64, which is passed on as it is.
fn unwrapped(image: &mut InputImage) {
    image.picture = Picture::Binary(image.picture.to_binary().unwrap());
}

/// Pieces of forms, in any order.
fn torn_form() -> impl Strategy<Value = Vec<u8>> {
    let head = |name: &str| format!("Content-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    let piece = prop_oneof![
        4 => Just("--b\r\n".to_owned().into_bytes()),
        4 => Just("\r\n--b\r\n".to_owned().into_bytes()),
        2 => Just("\r\n--b--\r\n".to_owned().into_bytes()),
        2 => Just([head("image").as_bytes(), b"\x89PNG"].concat()),
        1 => Just([head("mask").as_bytes(), b"\x89PNG"].concat()),
        2 => Just([head("prompt").as_bytes(), b"x"].concat()),
        1 => Just([head("n").as_bytes(), b"2"].concat()),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

/// Where apps send forms.
fn paths() -> [&'static str; 2] {
    ["/v1/images/edits", "/v1/images/variations"]
}

proptest! {
    #[test]
    fn an_edit_is_read_by_our_own_client_side_as_it_was_said_to_a_vendor(request in any_edit()) {
        let offering = shapes::offering(&json!({ "vendor_model": request.model }));
        for dialect in dialect::ALL {
            let (Some(client), Some(vendor)) = (dialect.client, dialect.vendor) else {
                continue;
            };
            if let Ok(wire) = vendor.encode_request(&request, &offering) {
                let mut read = client.decode_request(&wire).unwrap();
                read.inputs.iter_mut().chain(&mut read.mask).for_each(unwrapped);
                prop_assert_eq!(&read, &request);
            }
        }
    }

    #[test]
    fn no_form_of_an_app_makes_a_decoder_panic(body in torn_form()) {
        for path in paths() {
            let (dialect, claim) = dialect::claim(&Method::POST, path).unwrap();
            prop_assert_eq!(claim, Claim::Images);
            let wire = WireRequest {
                body: Pieces::one(Bytes::from(body.clone())),
                ..WireRequest::get(path)
            };
            let wire = wire.with_header("content-type", "multipart/form-data; boundary=b");
            if let Ok(request) = dialect.client.unwrap().decode_request(&wire) {
                prop_assert!(!request.inputs.is_empty());
            }
        }
    }
}
