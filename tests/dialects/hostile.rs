//! Whatever comes, nothing panics: any request towards any vendor, any bytes from anyone.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use http::{HeaderMap, Method};
use pixelgate::canonical::{
    Background, Delivery, Format, Frame, ImageRequest, InputImage, Operation, Picture, Quality,
    Ratio, Safety, Size,
};
use pixelgate::dialect::{self, Call, Pieces, WireReply, WireRequest};
use proptest::prelude::*;
use proptest::{option, sample};
use serde_json::{Value, json};

use super::{names_in, root, shapes};

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
        operation in prop_oneof![
            6 => Just(Operation::Generate), 2 => Just(Operation::Edit), 1 => Just(Operation::Variation),
        ],
        inputs in prop_oneof![6 => Just(0_usize), 2 => Just(1), 1 => 2_usize..20],
        has_mask in proptest::bool::weighted(0.1),
        strength in option::weighted(0.1, any::<f32>()),
        previews in prop_oneof![9 => Just(0_u8), 1 => any::<u8>()],
        end_user in option::of(".{0,10}"),
    ) -> ImageRequest {
        let input = InputImage { format: Format::Png, picture: Picture::Base64("iVBORw0KGgo=".into()) };
        ImageRequest {
            quality, format, compression, background, safety, operation, end_user,
            mask: has_mask.then(|| input.clone()),
            inputs: vec![input; inputs],
            strength, previews,
            delivery: Delivery::Inline,
            ..request
        }
    }
}

/// What the goldens are made of: whoever adds a dialect adds its words.
#[derive(Clone)]
struct Words {
    models: Vec<String>,
    keys: Vec<String>,
    texts: Vec<String>,
}

fn words() -> Words {
    static WORDS: LazyLock<Words> = LazyLock::new(|| {
        let (mut models, mut keys, mut texts) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for folder in names_in(&root()) {
            let folder = root().join(folder);
            for name in names_in(&folder) {
                let text = std::fs::read_to_string(folder.join(name)).unwrap();
                let golden: Value = serde_json::from_str(&text).unwrap();
                models.extend(golden["offering"]["vendor_model"].as_str().map(str::to_owned));
                gather(&golden["body"], &mut keys, &mut texts);
            }
        }
        models.insert("x".to_owned());
        let all = |set: BTreeSet<String>| set.into_iter().collect();
        Words { models: all(models), keys: all(keys), texts: all(texts) }
    });
    WORDS.clone()
}

fn gather(body: &Value, keys: &mut BTreeSet<String>, texts: &mut BTreeSet<String>) {
    match body {
        Value::Object(pairs) => {
            keys.extend(pairs.keys().cloned());
            pairs.values().for_each(|value| gather(value, keys, texts));
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, keys, texts)),
        Value::String(text) if text.len() < 60 => {
            texts.insert(text.clone());
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn any_offering() -> impl Strategy<Value = Value> {
    let model = sample::select(words().models);
    let flags = proptest::collection::vec(any::<bool>(), 5);
    (model, flags).prop_map(|(model, flags)| {
        let abilities = ["seed", "negative_prompt", "transparency"].into_iter().zip(&flags);
        let cannot: Vec<_> =
            abilities.filter_map(|(ability, lacks)| lacks.then_some(ability)).collect();
        let ratios = json!([["16:9", "1376x768"], ["1:1", "2048x2048"]]);
        json!({
            "vendor_model": model,
            "cannot": cannot,
            "ratios": flags[3].then_some(ratios),
            "workflow": flags[4].then(workflow),
        })
    })
}

/// A workflow with a place for all that can have one.
fn workflow() -> Value {
    let places = "{prompt} {negative_prompt} {style} {model} {width} {height} {count} {seed}";
    json!({ "1": [places, "{steps:1}", "{guidance:1}", "{strength:1}", "{input:x}", "{mask:x}"] })
}

/// Bytes of no meaning, and JSON that has the right words in the wrong places.
fn any_body() -> impl Strategy<Value = Vec<u8>> {
    let Words { keys, texts, .. } = words();
    let word = sample::select(keys);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        sample::select(texts).prop_map(Value::from),
        Just(Value::from("data:image/png;base64,a/b=")),
        Just(Value::from("1e999s")),
        Just(Value::from("1024x1024")),
    ];
    let tree = leaf.prop_recursive(5, 40, 5, move |inner| {
        let pair = (word.clone(), inner.clone());
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(Value::from),
            proptest::collection::vec(pair, 0..5).prop_map(|pairs| {
                let pairs = pairs.into_iter();
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
