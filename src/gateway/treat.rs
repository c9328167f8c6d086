//! What policy makes of a request before anyone is asked to draw: its preset is opened, and
//! previews are left out where every picture must carry a watermark.

use crate::canonical::{Change, Frame, ImageRequest, Refusal};
use crate::catalog::{Fidelity, Model};
use crate::policy::{Plan, Policy, Preset};

use super::refuse;

/// A request as policy treats it.
#[derive(Debug)]
pub(super) struct Treated {
    /// What is asked of vendors; answers show what the app asked.
    pub(super) request: ImageRequest,
    /// What could not be kept of it.
    pub(super) changes: Vec<Change>,
}

/// Treats a request; refuses it where something cannot be kept and nothing else will do.
pub(super) fn treat(
    policy: &Policy,
    (plan, model): (&Plan, &Model),
    asked: &ImageRequest,
) -> Result<Treated, Refusal> {
    let mut request = asked.clone();
    let mut changes = Vec::new();
    if let Some(name) = &asked.preset {
        match policy.presets.get(name) {
            Some(preset) => open(preset, model, &mut request, &mut changes),
            None => changes.push(not_kept("policy has none of this name; left to the vendor")),
        }
    }
    if plan.watermark.is_some() && request.previews > 0 {
        request.previews = 0;
        let how = "only the finished picture, which carries the watermark";
        changes.push(Change { parameter: "previews".into(), how: how.into() });
    }
    let fidelity = plan.fidelity.unwrap_or(model.fidelity);
    match changes.first() {
        Some(change) if fidelity == Fidelity::Strict => Err(refuse::not_kept(change)),
        _ => {
            changes.extend(plan.watermark.as_deref().map(marked));
            Ok(Treated { request, changes })
        }
    }
}

/// What the plan has done to every picture is no way of not doing what was asked, but it is said.
fn marked(words: &str) -> Change {
    let how = format!("the words {words:?} are drawn into the picture, as the plan requires");
    Change { parameter: "watermark".into(), how: how.into() }
}

/// The frame and the prompt that a preset stands for.
fn open(preset: &Preset, model: &Model, request: &mut ImageRequest, changes: &mut Vec<Change>) {
    match (preset.frame, request.frame) {
        (frame, Frame::Auto) => request.frame = frame,
        (Frame::Auto, _) => {}
        (own, asked) if own == asked => {}
        (own, asked) => changes.push(not_kept(format!("its frame {own} gives way to {asked}"))),
    }
    let Some(suffix) = &preset.prompt_suffix else { return };
    let treated = format!("{}\n{suffix}", request.prompt);
    if fits(model, &treated) || !fits(model, &request.prompt) {
        request.prompt = treated;
    } else {
        changes.push(not_kept("its words do not fit beside so long a prompt"));
    }
}

/// Whether anything that serves the model takes a prompt of this length.
fn fits(model: &Model, prompt: &str) -> bool {
    let longest = model.offerings.iter().map(|offering| offering.can.prompt_chars_max).max();
    let longest = longest.unwrap_or(0);
    // A text never has more characters than bytes, so most prompts need no counting.
    prompt.len() <= longest || prompt.chars().count() <= longest
}

fn not_kept(how: impl Into<std::borrow::Cow<'static, str>>) -> Change {
    Change { parameter: "preset".into(), how: how.into() }
}
