//! The names that a condition may use, and the words that some of them are among.

use crate::canonical::{Background, Operation, Quality};
use crate::expression::BadExpression;

use super::condition::{Number, Text, Truth};
use super::facts::{LABELS, NumberFact, SCOPES, TextFact, TruthFact, background};
use super::read::Typed;

/// What a name stands for.
pub(super) fn fact(name: &str) -> Option<Typed> {
    let number = NumberFact::ALL.iter().find(|fact| fact.name() == name);
    let text = TextFact::ALL.iter().find(|fact| fact.name() == name);
    let truth = TruthFact::ALL.iter().find(|fact| fact.name() == name);
    match name {
        SCOPES => Some(Typed::Scopes),
        LABELS => Some(Typed::Labels),
        _ => number
            .map(|fact| Typed::Number(Number::Fact(*fact)))
            .or_else(|| text.map(|fact| Typed::Text(Text::Fact(*fact))))
            .or_else(|| truth.map(|fact| Typed::Truth(Truth::Fact(*fact)))),
    }
}

/// Whether it is known only with the quote.
pub(super) const fn is_of_quote(found: &Typed) -> bool {
    match found {
        Typed::Number(Number::Fact(fact)) => fact.is_of_quote(),
        Typed::Text(Text::Fact(fact)) => fact.is_of_quote(),
        Typed::Truth(_) | Typed::Number(_) | Typed::Text(_) | Typed::Scopes | Typed::Labels => {
            false
        }
    }
}

/// Whether it is what is said.
pub(super) const fn is_of_words(found: &Typed) -> bool {
    match found {
        Typed::Text(Text::Fact(fact)) => fact.is_of_words(),
        Typed::Truth(_) | Typed::Number(_) | Typed::Text(_) | Typed::Scopes | Typed::Labels => {
            false
        }
    }
}

/// Every name that there is.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let numbers = NumberFact::ALL.iter().map(|fact| fact.name());
    let texts = TextFact::ALL.iter().map(|fact| fact.name());
    let truths = TruthFact::ALL.iter().map(|fact| fact.name());
    numbers.chain(texts).chain(truths).chain([SCOPES, LABELS])
}

/// A fault about a name that stands for nothing, with those that are near.
pub(super) fn unknown(name: &str) -> BadExpression {
    let root = name.split('.').next().unwrap_or_default();
    let mut near: Vec<&str> =
        names().filter(|known| known.split_once('.').is_some_and(|(own, _)| own == root)).collect();
    near.sort_unstable();
    let hint = if near.is_empty() {
        "what is known begins with request., caller., quote. or clock.".to_owned()
    } else {
        format!("there are: {}", near.join(", "))
    };
    BadExpression::new(format!("nothing is known as `{name}`"), hint)
}

/// Refuses to compare a fact with a word that it never is.
pub(super) fn possible(fact: &Text, with: &Text) -> Result<(), BadExpression> {
    let (Text::Fact(fact), Text::Is(word)) = (fact, with) else { return Ok(()) };
    let words: &[&str] = match fact {
        TextFact::Operation => {
            &[Operation::Generate.name(), Operation::Edit.name(), Operation::Variation.name()]
        }
        TextFact::Quality => &[
            "",
            Quality::Low.name(),
            Quality::Medium.name(),
            Quality::High.name(),
            Quality::XHigh.name(),
            Quality::Max.name(),
        ],
        TextFact::Format => &["", "png", "jpeg", "webp", "avif"],
        TextFact::Background => {
            &["", background(Background::Transparent), background(Background::Opaque)]
        }
        TextFact::Delivery => &["inline", "url", "bytes", "as_planned"],
        TextFact::Model
        | TextFact::Prompt
        | TextFact::NegativePrompt
        | TextFact::Frame
        | TextFact::Style
        | TextFact::Preset
        | TextFact::EndUser
        | TextFact::Dialect
        | TextFact::Workspace
        | TextFact::Key
        | TextFact::KeyName
        | TextFact::Plan
        | TextFact::Offering
        | TextFact::Vendor => return Ok(()),
    };
    if words.contains(&word.as_str()) {
        return Ok(());
    }
    let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    let problem = format!("`{}` is never \"{word}\"", fact.name());
    Err(BadExpression::new(problem, format!("it is one of: {}", words.join(", "))))
}
