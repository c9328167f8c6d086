//! Bodies that ask for pictures: one request, or several in `items`.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::super::json::Fields;
use super::super::super::{Asked, Batching, Item, ItemAnswer, Pieces, WireReply, WireRequest};
use super::super::{NEGATIVE_PROMPT_CHARS_MAX, PROMPT_CHARS_MAX, SEED_MAX, SIDE, STEPS};
use super::{LOGO, PRODUCT, answer};
use crate::canonical::{Delivery, Format, Frame, ImageRequest, Problem, Refusal, Size};

/// What draws where no model is named.
const MODEL_DEFAULT: &str = "flux-schnell";

const SIDE_DEFAULT: u32 = 512;

/// What the path for products adds to a prompt.
const PRODUCT_TREATMENT: &str = "\nA product photograph: the subject alone and whole, on a clean \
    plain background, in even studio light, with true colours and sharp focus.";

/// What the path for logos adds to a prompt.
const LOGO_TREATMENT: &str = "\nA logo: one simple, balanced mark in flat shapes and few colours, \
    with clean edges, centred on a plain background; no mock-up and no photograph.";

/// The fields of one request; beside `items` none of them may stand.
const FIELDS: [&str; 7] =
    ["prompt", "negative_prompt", "width", "height", "num_inference_steps", "seed", "model"];

/// Several requests in one body.
#[derive(Debug)]
pub(super) struct Items;

/// The items of a body, each as it was written.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    items: Vec<&'a RawValue>,
}

pub(super) fn decode(wire: &WireRequest) -> Result<ImageRequest, Refusal> {
    one(Fields::read(&wire.body.to_bytes())?, treatment(&wire.path))
}

fn one(mut fields: Fields, treatment: &str) -> Result<ImageRequest, Refusal> {
    let mut prompt = fields.required_text("prompt", PROMPT_CHARS_MAX)?;
    prompt.push_str(treatment);
    let negative_prompt = fields.text("negative_prompt", NEGATIVE_PROMPT_CHARS_MAX)?;
    let (width, height) = (side(&mut fields, "width")?, side(&mut fields, "height")?);
    let steps = i64::from(*STEPS.start())..=i64::from(*STEPS.end());
    let steps = fields.integer("num_inference_steps", steps)?;
    let seed_max = i64::try_from(SEED_MAX).unwrap_or(i64::MAX);
    Ok(ImageRequest {
        prompt,
        negative_prompt: negative_prompt.filter(|text| !text.trim().is_empty()),
        model: fields.text("model", usize::MAX)?.filter(|name| !name.is_empty()),
        model_default: Some(MODEL_DEFAULT),
        count: 1,
        frame: Frame::Pixels(Size::new(width, height)),
        steps: steps.and_then(|steps| u32::try_from(steps).ok()),
        seed: fields.integer("seed", -seed_max..=seed_max)?,
        format: Some(Format::Png),
        delivery: Delivery::AsPlanned,
        ..ImageRequest::default()
    })
}

fn side(fields: &mut Fields, name: &'static str) -> Result<u32, Refusal> {
    let bounds = i64::from(*SIDE.start())..=i64::from(*SIDE.end());
    let side = fields.integer(name, bounds)?;
    Ok(side.and_then(|side| u32::try_from(side).ok()).unwrap_or(SIDE_DEFAULT))
}

fn treatment(path: &str) -> &'static str {
    match path {
        PRODUCT => PRODUCT_TREATMENT,
        LOGO => LOGO_TREATMENT,
        _ => "",
    }
}

impl Batching for Items {
    fn decode_items(
        &self,
        wire: &WireRequest,
        items_max: usize,
    ) -> Result<Option<Vec<Item>>, Refusal> {
        let body = wire.body.to_bytes();
        let mut fields = Fields::read(&body)?;
        let items = match fields.value("items") {
            None => return Ok(None),
            Some(Value::Array(items)) => items,
            Some(_) => {
                let message = "`items` must be an array of requests";
                return Err(Refusal::field("items", Problem::WrongType, message));
            }
        };
        if items.is_empty() {
            let message = "`items` is empty; put at least one request into it";
            return Err(Refusal::field("items", Problem::TooSmall, message));
        }
        if items.len() > items_max {
            let message = format!("`items` may hold at most {items_max} requests on this plan");
            return Err(Refusal::field("items", Problem::TooLarge, message));
        }
        if let Some(beside) = FIELDS.into_iter().find(|name| fields.has(name)) {
            let message = format!("`{beside}` cannot stand beside `items`; put it into each item");
            return Err(Refusal::field(beside, Problem::BadValue, message));
        }
        // Read once more as text, so that a field that comes twice is seen in an item too.
        let written: Written<'_> = serde_json::from_slice(&body).map_err(|_| unreadable())?;
        let treatment = treatment(&wire.path);
        let each = items.iter().zip(written.items).map(|(item, written)| {
            if !item.is_object() {
                return Err(unreadable());
            }
            one(Fields::read(written.get().as_bytes())?, treatment)
        });
        Ok(Some(each.collect()))
    }

    fn encode_item(&self, item: &ItemAnswer<'_>) -> Pieces {
        answer::encode_item(item)
    }

    fn encode_items(&self, items: Vec<Pieces>, context: &Asked<'_>) -> WireReply {
        answer::encode_items(items, context)
    }
}

fn unreadable() -> Refusal {
    Refusal::field("items", Problem::WrongType, "an item must be an object with a `prompt`")
}

#[cfg(test)]
mod tests {
    use super::super::GENERATE;
    use super::*;

    #[test]
    fn texts_are_bounded_in_characters() {
        let decode = |prompt: &str, negative: &str| {
            let body = serde_json::json!({ "prompt": prompt, "negative_prompt": negative });
            decode(&WireRequest::post_json(GENERATE, body.to_string()))
        };
        let (longest, avoided) = ("ä".repeat(PROMPT_CHARS_MAX), "ö".repeat(1_000));
        assert!(decode(&longest, &avoided).is_ok());
        assert!(decode(&format!("{longest}ä"), &avoided).is_err());
        assert!(decode(&longest, &format!("{avoided}ö")).is_err());
    }

    #[test]
    fn a_prompt_for_a_product_is_bounded_without_what_the_path_adds() {
        let body = serde_json::json!({ "prompt": "x".repeat(PROMPT_CHARS_MAX) });
        let request = decode(&WireRequest::post_json(PRODUCT, body.to_string())).unwrap();
        assert!(request.prompt.ends_with(PRODUCT_TREATMENT));
    }

    #[test]
    fn a_batch_holds_one_at_least_and_the_most_at_most() {
        let decode = |count: usize| {
            let items = vec![serde_json::json!({ "prompt": "x" }); count];
            let body = serde_json::json!({ "items": items }).to_string();
            let decoded = Items.decode_items(&WireRequest::post_json(GENERATE, body), 3);
            decoded.map(|items| items.map(|items| items.len()))
        };
        assert_eq!(decode(0).unwrap_err().problem, Some(Problem::TooSmall));
        assert_eq!(decode(1), Ok(Some(1)));
        assert_eq!(decode(3), Ok(Some(3)));
        assert_eq!(decode(4).unwrap_err().problem, Some(Problem::TooLarge));
    }
}
