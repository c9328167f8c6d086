//! No parameter is lost without a trace: what an offering can do is said to it, or is unsupported.

use std::collections::BTreeSet;

use pixelgate::canonical::{
    Background, Format, Frame, ImageRequest, InputImage, Operation, Picture, Quality, Safety, Size,
};
use pixelgate::catalog::Offering;
use pixelgate::dialect::{self, Call, Dialect, Progress, VendorSide};
use serde_json::{Value, json};

use super::{filled, names_in, root, shapes};

/// Something that an app may ask for.
type Wish = (&'static str, fn(&mut ImageRequest));

/// Everything that an app may ask for, one thing at a time.
const WISHES: [Wish; 19] = [
    ("count", |r| r.count = 3),
    ("frame", |r| r.frame = Frame::Pixels(Size::new(1536, 1024))),
    ("negative_prompt", |r| r.negative_prompt = Some("fog".to_owned())),
    ("seed", |r| r.seed = Some(77)),
    ("steps", |r| r.steps = Some(21)),
    ("guidance", |r| r.guidance = Some(3.5)),
    ("style", |r| r.style = Some("vivid".to_owned())),
    ("quality", |r| r.quality = Some(Quality::Low)),
    ("quality", |r| r.quality = Some(Quality::High)),
    ("quality", |r| r.quality = Some(Quality::Max)),
    ("compression", |r| (r.format, r.compression) = (Some(Format::Jpeg), Some(55))),
    ("background", |r| r.background = Some(Background::Transparent)),
    ("safety", |r| r.safety = Some(Safety::Low)),
    ("end_user", |r| r.end_user = Some("someone".to_owned())),
    ("inputs", |r| edit(r, 1)),
    ("inputs", |r| edit(r, 3)),
    ("mask", |r| {
        edit(r, 1);
        r.mask = Some(picture(b"iVBORw0KGgoAAAANmask"));
    }),
    ("strength", |r| {
        edit(r, 1);
        r.strength = Some(0.4);
    }),
    ("variation", |r| {
        edit(r, 1);
        r.operation = Operation::Variation;
    }),
];

fn edit(request: &mut ImageRequest, count: usize) {
    request.operation = Operation::Edit;
    request.inputs = vec![picture(b"iVBORw0KGgoAAAANSUhEUgAA"); count];
}

fn picture(base64: &'static [u8]) -> InputImage {
    InputImage::new(Picture::Base64(base64.into())).unwrap()
}

/// The request without what `parameter` names, everything else being equal.
fn without(parameter: &str, with: &ImageRequest) -> ImageRequest {
    let plain = ImageRequest { prompt: with.prompt.clone(), count: 1, ..ImageRequest::default() };
    match parameter {
        "compression" => ImageRequest { compression: None, ..with.clone() },
        "mask" => ImageRequest { mask: None, ..with.clone() },
        "strength" => ImageRequest { strength: None, ..with.clone() },
        "variation" => ImageRequest { operation: Operation::Edit, ..with.clone() },
        "inputs" if with.inputs.len() > 1 => {
            ImageRequest { inputs: with.inputs[..1].to_vec(), ..with.clone() }
        }
        _ => plain,
    }
}

/// The models that a dialect's goldens name: families of models differ in what they are told.
fn offerings(dialect: &Dialect) -> Vec<Offering> {
    let folder = root().join(dialect.name);
    let goldens = names_in(&folder).into_iter().filter(|name| name.ends_with(".request.json"));
    let mut seen = BTreeSet::new();
    let mut offerings = Vec::new();
    for name in goldens {
        let text = std::fs::read_to_string(folder.join(&name)).unwrap();
        let golden: Value = serde_json::from_str(&text).unwrap();
        let own = &golden["offering"];
        let offering = json!({
            "vendor_model": own["vendor_model"],
            "workflow": own["workflow"],
            "ratios": own["ratios"],
        });
        if seen.insert(offering.to_string()) {
            offerings.push(shapes::offering(&offering));
        }
    }
    offerings
}

/// The answers of a dialect's talks, and none at all: orders that are placed in steps say the rest
/// of what they have to say after an answer.
fn answers(dialect: &Dialect) -> Vec<Vec<Value>> {
    let folder = root().join(dialect.name);
    let names = names_in(&folder).into_iter().filter(|name| name.ends_with(".talk.json"));
    let talks = names.map(|name| {
        let text = std::fs::read_to_string(folder.join(&name)).unwrap();
        let golden = serde_json::from_str(&text).unwrap();
        let golden = filled::filled(&golden, "https://vendor.test");
        golden["replies"].as_array().unwrap().clone()
    });
    talks.chain([Vec::new()]).collect()
}

/// Everything that is said for a request, as far as these answers lead.
fn said(
    vendor: &dyn VendorSide,
    offering: &Offering,
    request: &ImageRequest,
    answers: &[Value],
) -> Option<Vec<Value>> {
    let mut asked = vendor.encode_request(request, offering).ok()?;
    let mut said = vec![shapes::request_shown(&asked)];
    for golden in answers {
        let call = Call { request, offering, asked: &asked };
        let next = match vendor.decode_reply(&call, &shapes::wire_reply(golden)) {
            Ok(Progress::Then(next)) => *next,
            Ok(Progress::Pending(pending)) => pending.next,
            Ok(Progress::Done(_)) | Err(_) => break,
        };
        said.push(shapes::request_shown(&next));
        asked = next;
    }
    Some(said)
}

fn is_lost(
    vendor: &dyn VendorSide,
    offering: &Offering,
    answers: &[Vec<Value>],
    (parameter, wish): Wish,
) -> bool {
    let mut wished =
        ImageRequest { prompt: "a lighthouse".to_owned(), count: 1, ..ImageRequest::default() };
    wish(&mut wished);
    let plain = without(parameter, &wished);
    answers.iter().all(|answers| {
        let say = |request| said(vendor, offering, request, answers);
        let (Some(told), Some(plain)) = (say(&wished), say(&plain)) else {
            return false;
        };
        told == plain
    })
}

#[test]
fn what_an_offering_can_do_is_said_to_it_or_unsupported() {
    let mut faults = Vec::new();
    for dialect in dialect::ALL {
        let Some(vendor) = dialect.vendor else { continue };
        let answers = answers(dialect);
        for offering in offerings(dialect) {
            let lost = WISHES.into_iter().filter(|w| is_lost(vendor, &offering, &answers, *w));
            let model = &offering.vendor_model;
            faults.extend(
                lost.map(|(wish, _)| format!("{}, {model}: `{wish}` is lost", dialect.name)),
            );
        }
    }
    faults.dedup();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
