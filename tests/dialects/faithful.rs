//! No parameter is lost without a trace: what an offering can do is said to it, or is unsupported.

use std::collections::BTreeSet;

use pixelgate::canonical::{
    Background, Format, Frame, ImageRequest, InputImage, Operation, Picture, Quality, Ratio,
    Safety, Size,
};
use pixelgate::catalog::Offering;
use pixelgate::dialect::{self, Call, Dialect, Progress, VendorSide};
use serde_json::{Value, json};

use super::{filled, names_in, root, shapes};

/// Something that an app may ask for.
type Wish = (&'static str, fn(&mut ImageRequest));

/// Everything that an app may ask for beside what is to be done.
const WISHES: [Wish; 15] = [
    ("count", |r| r.count = 3),
    ("frame", |r| r.frame = Frame::Pixels(Size::new(1536, 1024))),
    // Nobody's default, which some say even when nothing is asked.
    ("frame", |r| r.frame = Frame::Ratio(Ratio::new(9, 16))),
    ("negative_prompt", |r| r.negative_prompt = Some("fog".to_owned())),
    ("seed", |r| r.seed = Some(77)),
    ("steps", |r| r.steps = Some(21)),
    ("guidance", |r| r.guidance = Some(3.5)),
    ("style", |r| r.style = Some("vivid".to_owned())),
    ("quality", |r| r.quality = Some(Quality::Low)),
    ("quality", |r| r.quality = Some(Quality::High)),
    ("quality", |r| r.quality = Some(Quality::Max)),
    ("compression", |r| r.compression = Some(55)),
    ("background", |r| r.background = Some(Background::Transparent)),
    ("safety", |r| r.safety = Some(Safety::Low)),
    ("end_user", |r| r.end_user = Some("someone".to_owned())),
];

/// What is to be done, and how one thing of it is undone.
type Deed = (Wish, fn(&mut ImageRequest));

/// What is to be done, each with what is left of it when one thing is taken away.
const DEEDS: [Deed; 7] = [
    (("drawing", |_| {}), |_| {}),
    (("encoding", |r| r.format = Some(Format::Jpeg)), |_| {}),
    (("inputs", |r| edit(r, 1)), |r| {
        (r.operation, r.inputs) = (Operation::Generate, Vec::new());
    }),
    (("inputs", |r| edit(r, 3)), |r| r.inputs.truncate(1)),
    (
        ("mask", |r| {
            edit(r, 1);
            r.mask = Some(picture(b"iVBORw0KGgoAAAANmask"));
        }),
        |r| r.mask = None,
    ),
    (
        ("strength", |r| {
            edit(r, 1);
            r.strength = Some(0.4);
        }),
        |r| r.strength = None,
    ),
    (
        ("variation", |r| {
            edit(r, 1);
            r.operation = Operation::Variation;
        }),
        |r| r.operation = Operation::Edit,
    ),
];

fn edit(request: &mut ImageRequest, count: usize) {
    request.operation = Operation::Edit;
    request.inputs = vec![picture(b"iVBORw0KGgoAAAANSUhEUgAA"); count];
}

fn picture(base64: &'static [u8]) -> InputImage {
    InputImage::new(Picture::Base64(base64.into())).unwrap()
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

/// Whether two requests, one of which asks for more, come to the same words.
fn is_same(
    vendor: &dyn VendorSide,
    offering: &Offering,
    answers: &[Vec<Value>],
    [more, less]: [&ImageRequest; 2],
) -> bool {
    answers.iter().all(|answers| {
        let say = |request| said(vendor, offering, request, answers);
        let (Some(more), Some(less)) = (say(more), say(less)) else {
            return false;
        };
        more == less
    })
}

/// What is lost on one offering: a deed by itself, or a wish that goes with a deed.
fn lost(vendor: &dyn VendorSide, offering: &Offering, answers: &[Vec<Value>]) -> Vec<String> {
    let plain =
        ImageRequest { prompt: "a lighthouse".to_owned(), count: 1, ..ImageRequest::default() };
    let mut lost = Vec::new();
    for ((deed, doing), undone) in DEEDS {
        let mut base = plain.clone();
        doing(&mut base);
        let mut less = base.clone();
        undone(&mut less);
        if less != base && is_same(vendor, offering, answers, [&base, &less]) {
            lost.push(format!("`{deed}` is lost"));
        }
        let wished = WISHES.into_iter().filter(|(_, wish)| {
            let mut more = base.clone();
            wish(&mut more);
            // A compression without a format to compress is nothing that can be asked for.
            let is_askable = more.compression.is_none() || more.format.is_some();
            is_askable && is_same(vendor, offering, answers, [&more, &base])
        });
        lost.extend(wished.map(|(wish, _)| format!("`{wish}` is lost with {deed}")));
    }
    lost
}

#[test]
fn what_an_offering_can_do_is_said_to_it_or_unsupported() {
    let mut faults = Vec::new();
    for dialect in dialect::ALL {
        let Some(vendor) = dialect.vendor else { continue };
        let answers = answers(dialect);
        for offering in offerings(dialect) {
            let lost = lost(vendor, &offering, &answers).into_iter();
            let model = &offering.vendor_model;
            faults.extend(lost.map(|lost| format!("{}, {model}: {lost}", dialect.name)));
        }
    }
    faults.dedup();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
