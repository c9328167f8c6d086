//! Whatever comes, nothing panics: any request towards any vendor, any bytes from anyone.

use http::{HeaderMap, Method};
use pixelgate::canonical::{
    Background, Delivery, Format, Frame, ImageRequest, InputImage, Operation, Picture, Quality,
    Ratio, Safety, Size,
};
use pixelgate::dialect::{self, Call, Pieces, WireReply, WireRequest};
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::shapes;

fn frames() -> impl Strategy<Value = Frame> {
    let side = prop_oneof![1_u32..5_000, Just(u32::MAX)];
    prop_oneof![
        Just(Frame::Auto),
        (side.clone(), side.clone()).prop_map(|(w, h)| Frame::Pixels(Size::new(w, h))),
        (side.clone(), side).prop_map(|(w, h)| Frame::Ratio(Ratio::new(w, h))),
        Just(Frame::Ratio(Ratio::new(16, 9))),
    ]
}

prop_compose! {
    fn what()(
        prompt in ".{0,40}",
        negative_prompt in option::of(".{0,10}"),
        count in 0_u32..20,
        frame in frames(),
        seed in option::of(any::<i64>()),
        steps in option::weighted(0.1, any::<u32>()),
        guidance in option::weighted(0.1, any::<f32>()),
        style in option::weighted(0.2, ".{0,10}"),
    ) -> ImageRequest {
        ImageRequest {
            prompt, negative_prompt, count, frame, seed, steps, guidance, style,
            ..ImageRequest::default()
        }
    }
}

prop_compose! {
    fn any_request()(
        request in what(),
        quality in option::of(prop_oneof![
            Just(Quality::Low), Just(Quality::High), Just(Quality::Max),
        ]),
        format in option::of(prop_oneof![
            Just(Format::Png), Just(Format::Jpeg), Just(Format::Webp),
        ]),
        compression in option::of(any::<u8>()),
        background in option::of(prop_oneof![
            Just(Background::Transparent), Just(Background::Opaque),
        ]),
        safety in option::of(prop_oneof![Just(Safety::Standard), Just(Safety::Low)]),
        operation in prop_oneof![9 => Just(Operation::Generate), 1 => Just(Operation::Edit)],
        has_input in proptest::bool::weighted(0.1),
        end_user in option::of(".{0,10}"),
    ) -> ImageRequest {
        let input = InputImage { format: Format::Png, picture: Picture::Base64("iVBORw0KGgo=".into()) };
        ImageRequest {
            quality, format, compression, background, safety, operation, end_user,
            inputs: has_input.then_some(input).into_iter().collect(),
            delivery: Delivery::Inline,
            ..request
        }
    }
}

fn any_offering() -> impl Strategy<Value = Value> {
    let model = prop_oneof![
        Just("gpt-image-2"),
        Just("gpt-image-2.5-flare"),
        Just("dall-e-3"),
        Just("gemini-2.5-flash-image"),
        Just("gemini-3-pro-image"),
        Just("x"),
    ];
    let flags = proptest::collection::vec(any::<bool>(), 4);
    (model, flags).prop_map(|(model, flags)| {
        let abilities = ["seed", "negative_prompt", "transparency"].into_iter().zip(&flags);
        let cannot: Vec<_> =
            abilities.filter_map(|(ability, lacks)| lacks.then_some(ability)).collect();
        let ratios = json!([["16:9", "1376x768"], ["1:1", "2048x2048"]]);
        json!({
            "vendor_model": model,
            "cannot": cannot,
            "ratios": flags[3].then_some(ratios),
        })
    })
}

/// Bytes of no meaning, and JSON that has the right words in the wrong places.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just("prompt"),
        Just("n"),
        Just("size"),
        Just("model"),
        Just("data"),
        Just("error"),
        Just("images"),
        Just("picture"),
        Just("b64_json"),
        Just("url"),
        Just("usage"),
        Just("candidates"),
        Just("content"),
        Just("parts"),
        Just("inlineData"),
        Just("code"),
        Just("finishReason"),
        Just("promptFeedback"),
        Just("message"),
        Just("aspect_ratio"),
        Just("details"),
        Just("retryDelay"),
        Just("output_format"),
        Just("stream"),
        Just("contents"),
        Just("generationConfig"),
        Just("safetySettings"),
        Just("instances"),
        Just("parameters"),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(Value::from("data:image/png;base64,a/b=")),
        Just(Value::from("1e999s")),
        Just(Value::from("1024x1024")),
    ];
    let tree = leaf.prop_recursive(5, 40, 5, move |inner| {
        let pair = (word.clone(), inner.clone());
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Value::from),
            proptest::collection::vec(pair, 0..5).prop_map(|pairs| {
                let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value));
                Value::Object(pairs.collect())
            }),
        ]
    });
    prop_oneof![
        1 => proptest::collection::vec(any::<u8>(), 0..200),
        4 => tree.prop_map(|value| value.to_string().into_bytes()),
    ]
}

proptest! {
    #[test]
    fn any_request_is_said_to_a_vendor_or_unsupported(
        request in any_request(),
        offering in any_offering(),
    ) {
        let offering = shapes::offering(&offering);
        for vendor in dialect::ALL.iter().filter_map(|dialect| dialect.vendor) {
            if let Ok(wire) = vendor.encode_request(&request, &offering) {
                prop_assert!(!wire.body.is_empty());
                prop_assert!(wire.path.starts_with('/'));
                prop_assert!(wire.path.bytes().all(|byte| byte.is_ascii_graphic()), "{}", wire.path);
            }
        }
    }

    #[test]
    fn no_body_of_an_app_makes_a_decoder_panic(body in any_body()) {
        let wire = WireRequest {
            method: Method::POST,
            path: "/".to_owned(),
            headers: HeaderMap::new(),
            body: Pieces::one(body),
        };
        for client in dialect::ALL.iter().filter_map(|dialect| dialect.client) {
            if let Ok(request) = client.decode_request(&wire) {
                prop_assert!(request.count >= 1);
                prop_assert!(!request.prompt.is_empty());
            }
        }
    }

    #[test]
    fn no_reply_of_a_vendor_makes_a_decoder_panic(
        status in prop_oneof![3 => Just(200_u16), 1 => any::<u16>()],
        body in any_body(),
    ) {
        let offering = shapes::offering(&Value::Null);
        let request = ImageRequest { prompt: "x".to_owned(), count: 1, ..ImageRequest::default() };
        let asked = WireRequest::get("/");
        let reply = WireReply::json(status, Pieces::one(body));
        for vendor in dialect::ALL.iter().filter_map(|dialect| dialect.vendor) {
            let call = Call { request: &request, offering: &offering, asked: &asked };
            if let Ok(dialect::Progress::Done(response)) = vendor.decode_reply(&call, &reply) {
                prop_assert!(!response.images.is_empty());
                prop_assert!((200..300).contains(&status));
            }
        }
    }
}
