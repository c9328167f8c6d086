//! A request for predictions as a canonical one: the model by its path, the rest by its body.

use serde_json::{Map, Value};

use super::super::super::WireRequest;
use super::super::super::google::labels::labels;
use super::super::super::google::node::Node;
use super::super::super::google::path::called;
use super::super::super::google::picture::{self, Inputs};
use super::super::DIALECT;
use crate::canonical::{
    Format, Frame, ImageRequest, Operation, Problem, Ratio, Refusal, Safety, Size,
};

/// Our choice: the documentation counts tokens, which only the model can.
const PROMPT_CHARS_MAX: usize = 4_000;

/// Pictures of one request; as many when none are counted, as documented.
const COUNT_MAX: i64 = 4;

/// Pictures that an edit may refer to.
const REFERENCES_MAX: usize = 4;

/// The ratios, each with its pixels at the usual size.
const SHAPES: [(&str, Ratio, Size); 5] = [
    ("1:1", Ratio::new(1, 1), Size::new(1024, 1024)),
    ("3:4", Ratio::new(3, 4), Size::new(896, 1280)),
    ("4:3", Ratio::new(4, 3), Size::new(1280, 896)),
    ("9:16", Ratio::new(9, 16), Size::new(768, 1408)),
    ("16:9", Ratio::new(16, 9), Size::new(1408, 768)),
];

/// Documented parameters that ask for what is not offered here.
const NOT_OFFERED: [&str; 3] = ["storageUri", "upscaleConfig", "includeSafetyAttributes"];

pub(super) fn decode(wire: &WireRequest) -> Result<ImageRequest, Refusal> {
    let bytes = wire.body.to_bytes();
    let mut body = Node::read(&bytes)?;
    let (prompt, inputs) = instance(&mut body)?;
    picture::bounded(bytes.len(), !inputs.is_empty())?;
    let mut parameters = body.child("parameters")?;
    let request = parameters_of(&mut parameters)?;
    parameters.finish()?;
    let (end_user, labels) = labels(&mut body)?;
    body.finish()?;
    Ok(ImageRequest {
        operation: if inputs.is_empty() { Operation::Generate } else { Operation::Edit },
        model: called(&wire.path).map(|(model, _)| model),
        prompt,
        inputs: inputs.here,
        named_inputs: inputs.named,
        end_user,
        labels,
        ..request
    })
}

/// The one instance: what to draw, and what to draw it from.
fn instance(body: &mut Node) -> Result<(String, Inputs), Refusal> {
    let mut instances = body.list("instances")?;
    let (Some(mut instance), true) = (instances.pop(), instances.is_empty()) else {
        return Err(body.bad("instances", Problem::BadValue, "must hold one instance"));
    };
    let prompt = instance.text("prompt", PROMPT_CHARS_MAX)?.unwrap_or_default();
    if prompt.trim().is_empty() {
        return Err(instance.bad("prompt", Problem::Missing, "is required; say what to draw"));
    }
    let references = instance.list("referenceImages")?;
    if references.len() > REFERENCES_MAX {
        let message = "may hold at most 4 pictures";
        return Err(instance.bad("referenceImages", Problem::TooLarge, message));
    }
    let mut inputs = Inputs::default();
    for one in references {
        reference(one, &mut inputs)?;
    }
    instance.offers_none(&["image", "mask"])?;
    instance.finish()?;
    Ok((prompt, inputs))
}

/// A picture to edit. The other kinds need what a canonical request has no place for; a mask is
/// white here where canonical ones are transparent.
fn reference(mut reference: Node, inputs: &mut Inputs) -> Result<(), Refusal> {
    if reference.text("referenceType", usize::MAX)?.as_deref() != Some("REFERENCE_TYPE_RAW") {
        let message = "must be `REFERENCE_TYPE_RAW`; others are not offered here";
        return Err(reference.not_offered("referenceType", message));
    }
    reference.integer("referenceId", 0..=i64::from(i32::MAX))?;
    let mut image = reference.child("referenceImage")?;
    image.text("mimeType", usize::MAX)?;
    let content = image.text("bytesBase64Encoded", usize::MAX)?;
    match (content, image.text("gcsUri", usize::MAX)?) {
        (Some(content), None) => {
            inputs.here.push(picture::of_base64(&image.place("bytesBase64Encoded"), content)?);
        }
        // Where answers say where a picture lies.
        (None, Some(address)) => inputs.add_at(&image, "gcsUri", address)?,
        (Some(_), Some(_)) => {
            let message = "cannot be there beside `bytesBase64Encoded`";
            return Err(image.bad("gcsUri", Problem::BadValue, message));
        }
        (None, None) => {
            return Err(image.bad("bytesBase64Encoded", Problem::Missing, "is required"));
        }
    }
    image.finish()?;
    reference.finish()
}

fn parameters_of(parameters: &mut Node) -> Result<ImageRequest, Refusal> {
    parameters.offers_none(&NOT_OFFERED)?;
    // What was filtered out is always said.
    parameters.flag("includeRaiReason")?;
    let count = parameters.integer("sampleCount", 1..=COUNT_MAX)?.unwrap_or(COUNT_MAX);
    let mut request = ImageRequest {
        count: u32::try_from(count).unwrap_or(1),
        frame: frame(parameters)?,
        negative_prompt: parameters.text("negativePrompt", PROMPT_CHARS_MAX)?,
        seed: parameters.integer("seed", 0..=i64::from(u32::MAX))?,
        guidance: guidance(parameters)?,
        ..ImageRequest::default()
    };
    let mut kept = Map::new();
    watermark(parameters, &request, &mut kept)?;
    request.safety = safety(parameters, &mut kept)?;
    encoding(parameters, &mut request)?;
    let mut edit = parameters.child("editConfig")?;
    let steps = edit.integer("baseSteps", 1..=75)?;
    request.steps = steps.and_then(|steps| u32::try_from(steps).ok());
    edit.finish()?;
    for (name, words) in WORDS {
        let word = parameters.word_in_any_case(name, words)?;
        kept.extend(word.map(|word| (name.to_owned(), word.into())));
    }
    let enhance = parameters.flag("enhancePrompt")?;
    kept.extend(enhance.map(|flag| ("enhancePrompt".to_owned(), flag.into())));
    if !kept.is_empty() {
        let options = Map::from_iter([("parameters".to_owned(), Value::Object(kept))]);
        request.options.insert(DIALECT.name.to_owned(), options);
    }
    Ok(request)
}

/// Words that only vendors of this dialect have a place for.
const WORDS: [(&str, &[&str]); 3] = [
    ("personGeneration", &["dont_allow", "allow_adult", "allow_all"]),
    ("language", &["auto", "en", "ja", "ko", "hi", "zh", "pt", "es"]),
    // The modes of an edit that need no mask.
    ("editMode", &["EDIT_MODE_DEFAULT"]),
];

fn frame(parameters: &mut Node) -> Result<Frame, Refusal> {
    let shapes = SHAPES.map(|(name, ratio, size)| (name, (ratio, size)));
    let shape = parameters.word("aspectRatio", &shapes)?;
    let twice = [("1K", 1), ("2K", 2)];
    Ok(match (shape, parameters.word("sampleImageSize", &twice)?) {
        (None, None) => Frame::Auto,
        (Some((ratio, _)), None) => Frame::Ratio(ratio),
        (shape, Some(times)) => {
            let (_, Size { width, height }) =
                shape.unwrap_or((Ratio::new(1, 1), Size::new(1024, 1024)));
            Frame::Pixels(Size::new(width.saturating_mul(times), height.saturating_mul(times)))
        }
    })
}

/// By its decimal text, so that 7.1 stays 7.1.
fn guidance(parameters: &mut Node) -> Result<Option<f32>, Refusal> {
    let Some(number) = parameters.number("guidanceScale")? else { return Ok(None) };
    match number.to_string().parse::<f32>() {
        Ok(scale) if scale.is_finite() && scale >= 0.0 => Ok(Some(scale)),
        Ok(_) | Err(_) => {
            Err(parameters.bad("guidanceScale", Problem::BadValue, "must not be below 0"))
        }
    }
}

/// Documented: a picture with a watermark has no seed. The vendor side turns it off for one.
fn watermark(
    parameters: &mut Node,
    request: &ImageRequest,
    kept: &mut Map<String, Value>,
) -> Result<(), Refusal> {
    match (parameters.flag("addWatermark")?, request.seed) {
        (Some(true), Some(_)) => {
            let message = "needs `addWatermark` to be false; set it, or leave the seed out";
            Err(parameters.bad("seed", Problem::BadValue, message))
        }
        (Some(flag), None) => {
            kept.insert("addWatermark".to_owned(), flag.into());
            Ok(())
        }
        (None, _) | (Some(false), Some(_)) => Ok(()),
    }
}

/// The canonical safety where it is what the vendor side says for it; the usual is not said.
fn safety(parameters: &mut Node, kept: &mut Map<String, Value>) -> Result<Option<Safety>, Refusal> {
    let words = ["block_low_and_above", "block_medium_and_above", "block_only_high", "block_none"];
    match parameters.word_in_any_case("safetySetting", &words)? {
        None | Some("block_medium_and_above") => Ok(None),
        Some("block_only_high") => Ok(Some(Safety::Low)),
        Some(word) => {
            kept.insert("safetySetting".to_owned(), word.into());
            Ok(None)
        }
    }
}

fn encoding(parameters: &mut Node, request: &mut ImageRequest) -> Result<(), Refusal> {
    let mut output = parameters.child("outputOptions")?;
    let formats = [("image/png", Format::Png), ("image/jpeg", Format::Jpeg)];
    request.format = output.word("mimeType", &formats)?;
    let percent = output.integer("compressionQuality", 0..=100)?;
    if percent.is_some() && request.format != Some(Format::Jpeg) {
        let message = "needs `mimeType` to be `image/jpeg`";
        return Err(output.bad("compressionQuality", Problem::BadValue, message));
    }
    request.compression = percent.and_then(|percent| u8::try_from(percent).ok());
    output.finish()
}
