//! The presets of a policy file: names that apps may ask by.

use crate::canonical::{BadFrame, Frame};

use super::build::Faults;
use super::raw::{RawFile, RawPreset};
use super::{Policy, Preset};

/// The longest treatment of a prompt, in characters.
const SUFFIX_CHARS_MAX: usize = 500;

/// Adds the presets of one file.
pub(super) fn presets(policy: &mut Policy, file: &RawFile, faults: &mut Faults<'_>) {
    for (name, spanned) in &file.presets {
        if !faults.is_new(&policy.presets, "presets", name, spanned.span()) {
            continue;
        }
        let raw = spanned.get_ref();
        if raw.frame.is_none() && raw.prompt_suffix.is_none() {
            let hint = "give it a `frame`, a `prompt_suffix` or both";
            let problem = "stands for nothing".to_owned();
            faults.note(spanned.span(), format!("presets.{name}"), problem, hint);
        }
        let preset = Preset {
            frame: frame(name, raw, faults),
            prompt_suffix: prompt_suffix(name, raw, faults),
        };
        policy.presets.insert(name.clone(), preset);
    }
}

fn frame(name: &str, raw: &RawPreset, faults: &mut Faults<'_>) -> Frame {
    let Some(spanned) = &raw.frame else { return Frame::Auto };
    spanned.get_ref().parse().unwrap_or_else(|_: BadFrame| {
        let problem = format!("`{}` is not a frame", spanned.get_ref());
        let hint = "write \"auto\", a ratio such as \"16:9\" or a size such as \"1024x1024\"";
        faults.note(spanned.span(), format!("presets.{name}.frame"), problem, hint);
        Frame::Auto
    })
}

fn prompt_suffix(name: &str, raw: &RawPreset, faults: &mut Faults<'_>) -> Option<String> {
    let spanned = raw.prompt_suffix.as_ref()?;
    let text = spanned.get_ref().trim();
    if text.is_empty() || text.chars().count() > SUFFIX_CHARS_MAX {
        let hint = format!("write at most {SUFFIX_CHARS_MAX} characters, or leave it out");
        let problem = "is empty or too long".to_owned();
        faults.note(spanned.span(), format!("presets.{name}.prompt_suffix"), problem, &hint);
    }
    Some(text.to_owned())
}
