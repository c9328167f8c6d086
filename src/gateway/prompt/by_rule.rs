//! Prompts that are written by rule: what was said stays as it was said, and what a picture needs
//! is added where nothing was said of it.

use crate::canonical::PromptAsk;

/// What a prompt should say something of, the words by which it is known to, and what is said where
/// it does not.
const NEEDED: [(&[&str], &str); 4] = [
    (
        &["light", "lit", "glow", "sun", "dusk", "dawn", "night", "neon", "shadow", "golden hour"],
        "soft directional light with gentle shadows",
    ),
    (
        &[
            "close-up",
            "closeup",
            "wide",
            "portrait",
            "angle",
            "view",
            "shot",
            "composition",
            "aerial",
        ],
        "a balanced composition with a clear focal point",
    ),
    (
        &["colour", "color", "palette", "monochrome", "pastel", "black and white", "vivid"],
        "a harmonious colour palette",
    ),
    (
        &["detail", "texture", "sharp", "minimal", "flat", "sketch", "intricate"],
        "fine detail and natural textures",
    ),
];

/// The prompt for what is asked.
pub(super) fn write(ask: &PromptAsk) -> String {
    match ask {
        PromptAsk::Enhance { prompt, tone } => {
            let mut parts = vec![trimmed(prompt).to_owned()];
            parts
                .extend(tone.as_deref().map(|tone| format!("{} in mood and style", trimmed(tone))));
            let said = parts.join(" ").to_lowercase();
            parts.extend(missing(&said));
            parts.join(", ")
        }
        PromptAsk::Build(parts) => {
            let mut written = Vec::new();
            for (name, text) in parts.named() {
                let text = trimmed(text);
                written.push(match name {
                    "setting" => format!("set in {text}"),
                    "mood" => format!("{text} mood"),
                    "art style" => format!("{text} style"),
                    "lighting" => format!("{text} lighting"),
                    "camera" => format!("seen through {text}"),
                    _ => text.to_owned(),
                });
            }
            written.join(", ")
        }
    }
}

/// What nothing was said of.
fn missing(said: &str) -> impl Iterator<Item = String> {
    let is_said = |words: &[&str]| words.iter().any(|word| said.contains(word));
    NEEDED.iter().filter(move |(words, _)| !is_said(words)).map(|(_, add)| (*add).to_owned())
}

/// A text without what would stand badly before a comma.
fn trimmed(text: &str) -> &str {
    text.trim().trim_end_matches(['.', ',', ';', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::PromptParts;

    fn enhanced(prompt: &str, tone: Option<&str>) -> String {
        write(&PromptAsk::Enhance { prompt: prompt.to_owned(), tone: tone.map(str::to_owned) })
    }

    #[test]
    fn what_was_said_stays_and_what_was_not_is_added() {
        let written = enhanced("robot reading a book.", Some("anime, cozy"));
        assert!(written.starts_with("robot reading a book, anime, cozy in mood and style, "));
        assert!(written.contains("light"), "{written}");
    }

    #[test]
    fn nothing_is_added_that_was_said() {
        let said = "a wide shot of a fox at dusk, pastel, intricate";
        assert_eq!(enhanced(said, None), said);
    }

    #[test]
    fn parts_are_said_in_one_order_whatever_is_left_out() {
        let parts = PromptParts {
            subject: Some("fox in a scarf".to_owned()),
            setting: Some("snowy forest".to_owned()),
            mood: Some("cozy".to_owned()),
            art_style: Some("watercolor".to_owned()),
            ..PromptParts::default()
        };
        let written = write(&PromptAsk::Build(parts));
        assert_eq!(written, "fox in a scarf, set in snowy forest, cozy mood, watercolor style");
        let only = PromptParts { lighting: Some("neon".to_owned()), ..PromptParts::default() };
        assert_eq!(write(&PromptAsk::Build(only)), "neon lighting");
    }
}
