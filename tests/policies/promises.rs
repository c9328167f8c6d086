//! The shipped catalogue promises nothing that its vendors' dialects have no words for.

use pixelgate::canonical::{
    Background, Format, Frame, ImageRequest, InputImage, Operation, Picture, Quality, Safety, Size,
};
use pixelgate::catalog::{Frames, Model, Offering};
use pixelgate::credits::{Cost, Credits};
use pixelgate::dialect;
use pixelgate::price::{self, Work};

/// Something that an offering may promise, and a request that takes it at its word.
type Promise = (&'static str, fn(&Offering) -> bool, fn(&mut ImageRequest, &Offering));

const PROMISES: [Promise; 13] = [
    ("count", |o| o.can.count_max > 1, |r, o| r.count = o.can.count_max),
    ("seed", |o| o.can.seed, |r, _| r.seed = Some(7)),
    (
        "negative_prompt",
        |o| o.can.negative_prompt,
        |r, _| {
            r.negative_prompt = Some("fog".to_owned());
        },
    ),
    ("steps", |o| o.can.steps, |r, _| r.steps = Some(10)),
    ("guidance", |o| o.can.guidance, |r, _| r.guidance = Some(3.5)),
    ("quality", |o| o.can.quality, |r, o| r.quality = quality(o)),
    (
        "compression",
        |o| o.can.compression,
        |r, _| {
            (r.format, r.compression) = (Some(Format::Jpeg), Some(60));
        },
    ),
    ("end_user", |o| o.can.end_user, |r, _| r.end_user = Some("someone".to_owned())),
    ("safety", |o| o.can.safety, |r, _| r.safety = Some(Safety::Low)),
    (
        "transparency",
        |o| o.can.transparency,
        |r, _| {
            (r.background, r.format) = (Some(Background::Transparent), Some(Format::Png));
        },
    ),
    (
        "inputs",
        |o| o.can.inputs_max > 0,
        |r, o| {
            edit(r, usize::try_from(o.can.inputs_max).unwrap());
        },
    ),
    (
        "mask",
        |o| o.can.mask,
        |r, _| {
            edit(r, 1);
            r.mask = r.inputs.first().cloned();
        },
    ),
    (
        "strength",
        |o| o.can.strength,
        |r, _| {
            edit(r, 1);
            r.strength = Some(0.5);
        },
    ),
];

/// The highest quality that has a price.
fn quality(offering: &Offering) -> Option<Quality> {
    let tariff = offering.cost.at(NOW_MS);
    let of_tokens = tariff.tokens.values().flat_map(|rate| rate.rows.iter().map(|row| row.quality));
    let priced = tariff.rows.iter().map(|row| row.quality).chain(of_tokens).flatten().max();
    priced.or(Some(Quality::High))
}

fn edit(request: &mut ImageRequest, count: usize) {
    let picture = Picture::Base64("iVBORw0KGgoAAAANSUhEUgAA".into());
    request.operation = Operation::Edit;
    request.frame = Frame::Auto;
    request.inputs = vec![InputImage::new(picture).unwrap(); count];
}

fn frames(offering: &Offering) -> Vec<Frame> {
    match &offering.can.frames {
        Frames::Any { side_min, side_max, step } => {
            let side = |side: u32| side.div_ceil(*step) * step;
            let (small, large) = (side((*side_min).max(512)), side_max / step * step);
            let pixels = |width, height| Frame::Pixels(Size::new(width, height));
            vec![
                pixels(small, small),
                pixels(large.min(1024), small),
                pixels(small, large.min(1024)),
            ]
        }
        Frames::Sizes(sizes) => sizes.iter().copied().map(Frame::Pixels).collect(),
        Frames::Ratios(ratios) => ratios.iter().map(|(ratio, _)| Frame::Ratio(*ratio)).collect(),
    }
}

/// What an offering promises and its dialect cannot say.
fn broken(offering: &Offering) -> Vec<String> {
    let side = dialect::by_name(offering.vendor.dialect).unwrap().vendor.unwrap();
    let plain =
        ImageRequest { prompt: "a lighthouse".to_owned(), count: 1, ..ImageRequest::default() };
    let mut asked: Vec<(String, ImageRequest)> = frames(offering)
        .into_iter()
        .map(|frame| (format!("frame {frame}"), ImageRequest { frame, ..plain.clone() }))
        .collect();
    for format in &offering.can.formats {
        let format = Some(*format);
        asked.push((format!("format {format:?}"), ImageRequest { format, ..plain.clone() }));
    }
    for (name, promises, take) in PROMISES {
        if promises(offering) {
            let mut request = plain.clone();
            take(&mut request, offering);
            asked.push((name.to_owned(), request));
        }
    }
    let said = asked.into_iter().filter_map(|(what, request)| {
        let no = side.encode_request(&request, offering).err()?;
        Some(format!("{}: {what}: {no}", offering.name))
    });
    said.collect()
}

#[test]
fn whatever_the_shipped_catalogue_promises_can_be_said() {
    let policy = super::shipped();
    let offerings = policy.models.values().flat_map(|model| &model.offerings);
    let faults: Vec<String> = offerings.flat_map(|offering| broken(offering)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// When the catalogue was shipped; what it says of later is judged too.
const NOW_MS: i64 = 1_795_000_000_000;

/// Work that an offering may be asked for, at every quality that anything has a price for.
fn works(model: &Model, offering: &Offering) -> Vec<Work> {
    let is_allowed = |size: &Size| model.pixels_max.is_none_or(|most| size.pixels() <= most);
    let sizes: Vec<Size> = match &offering.can.frames {
        Frames::Any { side_max, .. } => {
            vec![offering.can.size_default, Size::new(*side_max, *side_max)]
        }
        Frames::Sizes(sizes) => sizes.clone(),
        Frames::Ratios(ratios) => ratios.iter().map(|(_, size)| *size).collect(),
    };
    let sizes = sizes.into_iter().filter(is_allowed);
    let qualities: Vec<Option<Quality>> =
        model.price.at(NOW_MS).rows.iter().map(|row| row.quality).collect();
    let plain = |size| {
        qualities.clone().into_iter().map(move |quality| Work {
            quality,
            text_bytes: 200,
            ..Work::plain(1, size)
        })
    };
    let plain: Vec<Work> = sizes.flat_map(plain).collect();
    let longer = plain.iter().filter(|_| offering.can.steps);
    let longer: Vec<Work> = longer.map(|work| Work { steps: Some(50), ..*work }).collect();
    let edited = plain.iter().filter(|_| offering.can.inputs_max > 0).map(|work| Work {
        operation: Operation::Edit,
        inputs: 1,
        input_pixels: Some(1 << 20),
        ..*work
    });
    let edited: Vec<Work> = edited.collect();
    plain.into_iter().chain(edited).chain(longer).collect()
}

/// The work for which apps would pay less than a vendor's list price.
fn sold_below_cost(model: &Model) -> Vec<String> {
    let mut faults = Vec::new();
    for offering in model.offerings.iter().filter(|offering| !offering.stand_in) {
        for work in works(model, offering) {
            let price = price::quote(model.price.at(NOW_MS), &work).map(Credits::nanos);
            let cost = price::cost_quote(offering.cost.at(NOW_MS), &work).map(Cost::nanos);
            // A credit is a cent: a hundred nano-credits to a nano-dollar.
            let covers = price.and_then(|price| cost.map(|cost| price >= cost * 100)) == Ok(true);
            let Work { size, quality, inputs, .. } = work;
            let what =
                format!("{}: {size} {quality:?} {inputs}: {price:?} {cost:?}", offering.name);
            faults.extend((!covers).then_some(what));
        }
    }
    faults
}

/// Sold at a documented price, in credits that are worth more than a cent.
const DEARER_CREDITS: &str = "gemini-3-pro";

#[test]
fn every_shipped_picture_is_priced_and_no_list_price_is_above_what_apps_pay() {
    let policy = super::shipped();
    let models = policy.models.values().filter(|model| model.name != DEARER_CREDITS);
    let mut faults: Vec<String> = models.flat_map(|model| sold_below_cost(model)).collect();
    faults.dedup();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
