//! Whether everything that an offering can be asked for has a price and a cost: what has none
//! would be refused when it is asked, so it is said when policy is read.

use std::sync::Arc;

use crate::canonical::{ImageRequest, Operation, Quality, Size};
use crate::catalog::{Frames, Model, Offering, Tariff};
use crate::dialect;
use crate::price::{self, PriceError, Work};

const QUALITIES: [Quality; 5] =
    [Quality::Low, Quality::Medium, Quality::High, Quality::XHigh, Quality::Max];

/// The first thing that a version of a model's price or of an offering's cost has no answer to.
pub(super) struct Hole {
    /// Whose price or cost it is, in words.
    pub(super) what: String,
    /// What it has no answer to.
    pub(super) asked: String,
    /// Why.
    pub(super) why: PriceError,
}

/// What an offering of a model can be asked for and has no price, or no cost.
pub(super) fn holes(model: &Model, offering: &Offering) -> Vec<Hole> {
    let qualities = qualities(offering);
    let prices = model.price.versions().map(|tariff| ("the model's price", tariff));
    let costs = offering.cost.versions().map(|tariff| ("its cost", tariff));
    let hole = |(what, tariff): (&str, &Arc<Tariff>)| {
        let asked = works(offering, tariff, model.pixels_max, &qualities);
        asked.into_iter().find_map(|work| {
            let why = price::quoted_parts(tariff, &work).err()?;
            let what = format!("{what} (version {})", tariff.version);
            Some(Hole { what, asked: shown(&work), why })
        })
    };
    prices.chain(costs).filter_map(hole).collect()
}

/// No quality, and each that the offering's dialect has a word for.
fn qualities(offering: &Offering) -> Vec<Option<Quality>> {
    let side = dialect::by_name(offering.vendor.dialect).and_then(|dialect| dialect.vendor);
    let can_say = |quality: &Quality| {
        let asked = ImageRequest {
            prompt: "a".to_owned(),
            count: 1,
            quality: Some(*quality),
            ..ImageRequest::default()
        };
        let said = side.map(|side| side.encode_request(&asked, offering));
        offering.can.quality && said.is_some_and(|said| said.is_ok())
    };
    let known = QUALITIES.into_iter().filter(can_say).map(Some);
    std::iter::once(None).chain(known).collect()
}

/// Work at the ends of everything that can be asked for.
fn works(
    offering: &Offering,
    tariff: &Tariff,
    pixels_max: Option<u64>,
    qualities: &[Option<Quality>],
) -> Vec<Work> {
    let mut works = Vec::new();
    for size in sizes(&offering.can.frames, tariff, pixels_max) {
        for quality in qualities {
            let plain = Work { quality: *quality, ..Work::plain(1, size) };
            let inputs = offering.can.inputs_max;
            works.push(plain);
            works.push(Work { count: offering.can.count_max, ..plain });
            if inputs > 0 {
                let operation = Operation::Edit;
                let input_pixels = Some(u64::from(inputs).saturating_mul(1 << 20));
                works.push(Work { operation, inputs, input_pixels, ..plain });
            }
        }
    }
    works
}

/// The sizes that an offering draws; of one that draws any, the smallest, the largest, and one of
/// every size class of the tariff between them.
fn sizes(frames: &Frames, tariff: &Tariff, pixels_max: Option<u64>) -> Vec<Size> {
    let is_allowed = |size: &Size| pixels_max.is_none_or(|most| size.pixels() <= most);
    let sizes: Vec<Size> = match frames {
        Frames::Sizes(sizes) => sizes.clone(),
        Frames::Ratios(ratios) => ratios.iter().map(|(_, size)| *size).collect(),
        Frames::Any { side_min, side_max, step } => {
            let step = (*step).max(1);
            let (least, most) = (side_min.div_ceil(step) * step, side_max / step * step);
            let edges = tariff.rows.iter().filter_map(|row| row.pixels_max);
            let square = |pixels: u64| {
                let side = u32::try_from(pixels.isqrt()).unwrap_or(u32::MAX);
                [side / step * step, side.saturating_add(step) / step * step]
            };
            let between = edges.chain(pixels_max).flat_map(square);
            let sides = [least.max(1), most.max(1)].into_iter().chain(between);
            let sides = sides.map(|side| side.clamp(least.max(1), most.max(1)));
            sides.map(|side| Size::new(side, side)).collect()
        }
    };
    sizes.into_iter().filter(is_allowed).collect()
}

fn shown(work: &Work) -> String {
    let quality = work.quality.map_or("no quality", Quality::name);
    match work.inputs {
        0 => format!("{} at {quality}", work.size),
        inputs => format!("{} at {quality} from {inputs} input pictures", work.size),
    }
}
