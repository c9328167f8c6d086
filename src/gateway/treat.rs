//! What policy makes of a request before anyone is asked to draw: its preset is opened, and
//! previews are left out where every picture must carry a watermark.

use crate::canonical::{Change, Frame, ImageRequest, Refusal};
use crate::catalog::{Fidelity, Model};
use crate::policy::{Plan, Policy, Preset};
use crate::rules::Holding;

use super::refuse;

/// A request as policy treats it.
#[derive(Debug)]
pub(super) struct Treated {
    /// What is asked of vendors; answers show what the app asked.
    pub(super) request: ImageRequest,
    /// What could not be kept of it, and what policy's rules make of it.
    pub(super) changes: Vec<Change>,
    /// How many of those, in front, are the rules' own will.
    willed: usize,
}

/// Treats a request. A preset that policy does not have stays in it, for routing to say.
pub(super) fn treat(
    policy: &Policy,
    (plan, model): (&Plan, &Model),
    asked: &ImageRequest,
    ruled: &Holding,
) -> Treated {
    let mut request = asked.clone();
    request.format = asked.format.or(model.format);
    let mut changes = ruled.treat(&mut request);
    changes.extend(ruled.rerouted(&model.name));
    let willed = changes.len();
    if let Some(preset) = asked.preset.as_ref().and_then(|name| policy.presets.get(name)) {
        // What it stands for says it all: nobody is told its name besides.
        request.preset = None;
        open(preset, model, &mut request, &mut changes);
    }
    if plan.watermark.is_some() && request.previews > 0 {
        request.previews = 0;
        let how = "only the finished picture, which carries the watermark";
        changes.push(Change { parameter: "previews".into(), how: how.into() });
    }
    changes.extend(plan.watermark.as_deref().map(marked));
    Treated { request, changes, willed }
}

impl Treated {
    /// Refuses what was not kept where nothing else will do. What rules set is what the operator
    /// wants, and is told only.
    pub(super) fn kept(self, plan: &Plan, model: &Model) -> Result<Self, Refusal> {
        let is_strict = plan.fidelity.unwrap_or(model.fidelity) == Fidelity::Strict;
        let mut lost = self.changes.iter().skip(self.willed);
        let lost = lost.find(|change| is_strict && change.parameter != WATERMARK);
        match lost {
            Some(change) => Err(refuse::not_kept(change)),
            None => Ok(self),
        }
    }
}

/// What the words of a watermark are named by, among the changes.
const WATERMARK: &str = "watermark";

/// What the plan has done to every picture is no way of not doing what was asked, but it is said.
fn marked(words: &str) -> Change {
    let how = format!("the words {words:?} are drawn into the picture, as the plan requires");
    Change { parameter: WATERMARK.into(), how: how.into() }
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
