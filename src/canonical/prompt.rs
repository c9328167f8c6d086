//! What an app asks for that wants a better prompt, not a picture.

use serde::Serialize;

/// A prompt to be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptAsk {
    /// A richer one from a short idea.
    Enhance {
        /// The idea.
        prompt: String,
        /// How it should feel.
        #[serde(skip_serializing_if = "Option::is_none")]
        tone: Option<String>,
    },
    /// One from its parts; at least one of them is there.
    Build(PromptParts),
}

/// The parts of a prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PromptParts {
    /// Who or what is seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    /// How it feels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mood: Option<String>,
    /// How it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub art_style: Option<String>,
    /// How it is lit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lighting: Option<String>,
    /// How it is looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    /// Whatever else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extras: Option<String>,
}

impl PromptParts {
    /// Each part that is there with its name, in the order in which a prompt says them.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let parts = [
            ("subject", &self.subject),
            ("setting", &self.setting),
            ("mood", &self.mood),
            ("art style", &self.art_style),
            ("lighting", &self.lighting),
            ("camera", &self.camera),
            ("extras", &self.extras),
        ];
        parts.into_iter().filter_map(|(name, part)| Some((name, part.as_deref()?)))
    }
}

impl PromptAsk {
    /// Everything that the caller said, for rules to judge.
    pub fn said(&self) -> String {
        match self {
            Self::Enhance { prompt, tone } => {
                format!("{prompt}\n{}", tone.as_deref().unwrap_or_default())
            }
            Self::Build(parts) => {
                parts.named().map(|(_, text)| text).collect::<Vec<_>>().join("\n")
            }
        }
    }
}
