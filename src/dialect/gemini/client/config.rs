//! The `generationConfig` of a request: how to draw, and how the picture should be.

use serde_json::{Map, Value};

use super::super::super::google::node::Node;
use super::frame::{Tier, frame, ratio, tier};
use crate::canonical::{Format, Frame, Problem, Ratio, Refusal};

/// Documented for the API as a whole; its own image models take one, and are asked so often here.
const CANDIDATES_MAX: i64 = 8;

/// Documented fields that ask for something other than a picture.
const NOT_OFFERED: [&str; 12] = [
    "responseSchema",
    "responseJsonSchema",
    "speechConfig",
    "responseLogprobs",
    "logprobs",
    "stopSequences",
    "audioTimestamp",
    "routingConfig",
    "modelSelectionConfig",
    "audioTranscriptionConfig",
    "enableEnhancedCivicAnswers",
    "enableAffectiveDialog",
];

/// Numbers that only vendors of this dialect have a place for.
const NUMBERS: [&str; 6] =
    ["temperature", "topP", "topK", "maxOutputTokens", "presencePenalty", "frequencyPenalty"];

/// What it says.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) frame: Frame,
    pub(super) count: u32,
    pub(super) seed: Option<i64>,
    pub(super) format: Option<Format>,
    pub(super) compression: Option<u8>,
    /// What only vendors of this dialect understand, in its words.
    pub(super) kept: Map<String, Value>,
}

/// How the picture should be; said in one of two places.
#[derive(Clone, Copy, Debug, Default)]
struct Shape {
    ratio: Option<Ratio>,
    tier: Option<Tier>,
    format: Option<Format>,
    compression: Option<u8>,
}

pub(super) fn read(mut config: Node, has_inputs: bool) -> Result<Config, Refusal> {
    config.offers_none(&NOT_OFFERED)?;
    modalities(&mut config)?;
    let mut kept = Map::new();
    for name in NUMBERS {
        kept.extend(config.number(name)?.map(|number| (name.to_owned(), number)));
    }
    thinking(&mut config, &mut kept)?;
    let resolutions = RESOLUTIONS.map(|word| (word, word));
    let resolution = config.word("mediaResolution", &resolutions)?;
    kept.extend(resolution.map(|word| ("mediaResolution".to_owned(), word.into())));
    let count = config.integer("candidateCount", 1..=CANDIDATES_MAX)?.unwrap_or(1);
    let seed = config.integer("seed", i64::from(i32::MIN)..=i64::from(i32::MAX))?;

    let older = image_config(&mut config, &mut kept)?;
    let Shape { ratio, tier, format, compression } = response_format(&mut config, older)?;
    let frame = frame(ratio, tier, has_inputs).ok_or_else(|| {
        let message = "needs `aspectRatio` beside it when there are pictures to work from";
        config.bad("imageConfig.imageSize", Problem::BadValue, message)
    })?;
    config.finish()?;
    let count = u32::try_from(count).unwrap_or(1);
    Ok(Config { frame, count, seed, format, compression, kept })
}

const RESOLUTIONS: [&str; 3] =
    ["MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM", "MEDIA_RESOLUTION_HIGH"];

/// A picture must be among what is wanted; words beside it may be, and do not come.
fn modalities(config: &mut Node) -> Result<(), Refusal> {
    let kind = config.text("responseMimeType", usize::MAX)?;
    if kind.is_some_and(|kind| !kind.is_empty() && kind != "text/plain") {
        let message = "is for words, which are not offered here; leave it out";
        return Err(config.not_offered("responseMimeType", message));
    }
    let wanted = match config.value("responseModalities") {
        None => return Ok(()),
        Some(Value::Array(wanted)) => wanted,
        Some(_) => vec![Value::Null],
    };
    let words: Option<Vec<_>> =
        wanted.iter().map(|word| Some(word.as_str()?.to_ascii_uppercase())).collect();
    let is_known = |word: &String| ["TEXT", "IMAGE"].contains(&word.as_str());
    let problem = match words {
        None => Problem::WrongType,
        Some(words) if words.is_empty() => return Ok(()),
        Some(words) if words.iter().all(is_known) && words.iter().any(|word| word == "IMAGE") => {
            return Ok(());
        }
        Some(_) => Problem::BadValue,
    };
    let message = "must be an array of `TEXT` and `IMAGE`, with `IMAGE` in it";
    Err(config.bad("responseModalities", problem, message))
}

/// How long to think; thoughts themselves are not passed on.
fn thinking(config: &mut Node, kept: &mut Map<String, Value>) -> Result<(), Refusal> {
    let mut thinking = config.child("thinkingConfig")?;
    let mut own = Map::new();
    if let Some(level) = thinking.text("thinkingLevel", usize::MAX)? {
        let levels = ["minimal", "low", "medium", "high", "thinking_level_unspecified"];
        if !levels.contains(&level.to_ascii_lowercase().as_str()) {
            let message = "must be `minimal`, `low`, `medium` or `high`";
            return Err(thinking.bad("thinkingLevel", Problem::BadValue, message));
        }
        own.insert("thinkingLevel".to_owned(), level.into());
    }
    let budget = thinking.integer("thinkingBudget", -1..=i64::from(i32::MAX))?;
    own.extend(budget.map(|budget| ("thinkingBudget".to_owned(), budget.into())));
    if thinking.flag("includeThoughts")? == Some(true) {
        let message = "must be false; thoughts are not passed on here";
        return Err(thinking.not_offered("includeThoughts", message));
    }
    thinking.finish()?;
    if !own.is_empty() {
        kept.insert("thinkingConfig".to_owned(), own.into());
    }
    Ok(())
}

/// `imageConfig`, with what is documented for Vertex alone.
fn image_config(config: &mut Node, kept: &mut Map<String, Value>) -> Result<Shape, Refusal> {
    let mut image = config.child("imageConfig")?;
    let mut shape =
        Shape { ratio: ratio(&mut image)?, tier: tier(&mut image)?, ..Shape::default() };
    let mut output = image.child("imageOutputOptions")?;
    shape.format = output.word("mimeType", &FORMATS)?;
    shape.compression = compression(&mut output, shape.format)?;
    output.finish()?;

    let mut own = Map::new();
    let words = [
        ("personGeneration", &["ALLOW_ALL", "ALLOW_ADULT", "ALLOW_NONE"][..]),
        ("prominentPeople", &["ALLOW_PROMINENT_PEOPLE", "BLOCK_PROMINENT_PEOPLE"]),
    ];
    for (name, words) in words {
        let words: Vec<_> = words.iter().map(|word| (*word, *word)).collect();
        own.extend(image.word(name, &words)?.map(|word| (name.to_owned(), word.into())));
    }
    image.finish()?;
    if !own.is_empty() {
        kept.insert("imageConfig".to_owned(), own.into());
    }
    Ok(shape)
}

/// `responseFormat.image`, the newer twin of `imageConfig`: each thing is said in one of the two.
fn response_format(config: &mut Node, older: Shape) -> Result<Shape, Refusal> {
    let mut format = config.child("responseFormat")?;
    let mut image = format.child("image")?;
    let (ratio, tier) = (ratio(&mut image)?, tier(&mut image)?);
    let encoding = image.word("mimeType", &FORMATS)?;
    image.word_or("delivery", &[("inline", ())], &[("INLINE", ())])?;
    let is_double = (ratio.is_some() && older.ratio.is_some())
        || (tier.is_some() && older.tier.is_some())
        || (encoding.is_some() && older.format.is_some());
    if is_double {
        let message = "says what `imageConfig` says too; use one of them";
        return Err(format.bad("image", Problem::BadValue, message));
    }
    image.finish()?;
    format.finish()?;
    Ok(Shape {
        ratio: ratio.or(older.ratio),
        tier: tier.or(older.tier),
        format: encoding.or(older.format),
        ..older
    })
}

const FORMATS: [(&str, Format); 2] = [("image/png", Format::Png), ("image/jpeg", Format::Jpeg)];

fn compression(output: &mut Node, format: Option<Format>) -> Result<Option<u8>, Refusal> {
    let percent = output.integer("compressionQuality", 0..=100)?;
    if percent.is_some() && format != Some(Format::Jpeg) {
        let message = "needs `mimeType` to be `image/jpeg`";
        return Err(output.bad("compressionQuality", Problem::BadValue, message));
    }
    Ok(percent.and_then(|percent| u8::try_from(percent).ok()))
}
