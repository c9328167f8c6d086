//! The tools that write prompts: a richer one from an idea, or one from its parts.

use serde_json::json;

use super::super::super::json::Fields;
use super::super::super::{Asked, Pieces, Prompting, WireReply, WireRequest};
use super::super::PROMPT_CHARS_MAX;
use super::BUILD;
use crate::canonical::{Problem, PromptAsk, PromptParts, Refusal};

/// Our choice: the documentation names no bound.
const PART_CHARS_MAX: usize = 500;

/// Asks for prompts.
#[derive(Debug)]
pub(super) struct Tools;

impl Prompting for Tools {
    fn decode_prompt(&self, wire: &WireRequest) -> Result<PromptAsk, Refusal> {
        let mut fields = Fields::read(&wire.body.to_bytes())?;
        if wire.path == BUILD {
            return build(fields);
        }
        let prompt = fields.required_text("prompt", PROMPT_CHARS_MAX)?;
        Ok(PromptAsk::Enhance { prompt, tone: part(&mut fields, "tone")? })
    }

    fn encode_prompt(&self, prompt: &str, context: &Asked<'_>) -> WireReply {
        let body = json!({
            "success": true,
            "data": { "prompt": prompt },
            "request_id": context.request_id.as_str(),
        });
        WireReply::json(200, Pieces::one(body.to_string()))
    }
}

fn build(mut fields: Fields) -> Result<PromptAsk, Refusal> {
    let parts = PromptParts {
        subject: part(&mut fields, "subject")?,
        setting: part(&mut fields, "setting")?,
        mood: part(&mut fields, "mood")?,
        art_style: part(&mut fields, "art_style")?,
        lighting: part(&mut fields, "lighting")?,
        camera: part(&mut fields, "camera")?,
        extras: part(&mut fields, "extras")?,
    };
    if parts == PromptParts::default() {
        let message = "nothing is said; send at least one of `subject`, `setting`, `mood`, \
                       `art_style`, `lighting`, `camera` and `extras`";
        return Err(Refusal::field("subject", Problem::Missing, message));
    }
    Ok(PromptAsk::Build(parts))
}

/// A part that says something; blanks are the same as nothing.
fn part(fields: &mut Fields, name: &'static str) -> Result<Option<String>, Refusal> {
    let text = fields.text(name, PART_CHARS_MAX)?;
    Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
}
