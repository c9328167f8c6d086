//! Terms and patterns that no prompt may hold.

use memchr::memmem::Finder;
use regex::Regex;

use crate::canonical::ImageRequest;
use crate::expression::BadExpression;

use super::read;

/// A term that no prompt may hold, in any case, as a whole word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedTerm {
    /// One word or several.
    pub term: String,
    /// What the caller is told.
    pub message: String,
}

/// Content's no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// What the caller is told.
    pub message: String,
}

/// What no prompt may hold, and what is said of it.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    what: What,
    message: String,
}

#[derive(Clone, Debug)]
enum What {
    /// Finds the term in lower case.
    Term(Box<Finder<'static>>),
    Pattern(Regex),
}

impl Refused {
    pub(super) fn term(denied: &DeniedTerm) -> Self {
        let finder = Finder::new(denied.term.trim().to_lowercase().as_bytes()).into_owned();
        Self { what: What::Term(Box::new(finder)), message: denied.message.clone() }
    }

    pub(super) fn pattern(text: &str, message: String) -> Result<Self, BadExpression> {
        Ok(Self { what: What::Pattern(read::pattern(text)?), message })
    }

    /// Whether it is in a text, which is also given in lower case.
    fn is_in(&self, text: &str, lower: &str) -> bool {
        match &self.what {
            What::Term(finder) => is_in(finder, lower),
            What::Pattern(pattern) => pattern.is_match(text),
        }
    }
}

/// Says no to the first that the prompt or the style holds.
///
/// The negative prompt is not judged: it says what not to draw.
pub(super) fn judge(refused: &[Refused], request: &ImageRequest) -> Result<(), Denied> {
    if refused.is_empty() {
        return Ok(());
    }
    for text in [Some(&request.prompt), request.style.as_ref()].into_iter().flatten() {
        let lower = text.to_lowercase();
        if let Some(found) = refused.iter().find(|refused| refused.is_in(text, &lower)) {
            return Err(Denied { message: found.message.clone() });
        }
    }
    Ok(())
}

fn is_in(finder: &Finder<'_>, text: &str) -> bool {
    let length = finder.needle().len();
    let alone = |start: usize| stands_alone(text, start, start.saturating_add(length));
    length > 0 && finder.find_iter(text.as_bytes()).any(alone)
}

/// Whether no word goes on across either end of a place in a text.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let (Some((before, rest)), Some(after)) = (text.split_at_checked(start), text.get(end..))
    else {
        return false;
    };
    let Some(term) = rest.get(..end.saturating_sub(start)) else {
        return false;
    };
    !joined(before.chars().next_back(), term.chars().next())
        && !joined(term.chars().next_back(), after.chars().next())
}

/// Whether two neighbours belong to one word.
fn joined(left: Option<char>, right: Option<char>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => {
            in_word(left) && in_word(right) && !spaceless(left) && !spaceless(right)
        }
        _ => false,
    }
}

/// Letters, digits, and the marks that combine with them.
fn in_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '\u{300}'..='\u{36f}')
}

/// Scripts that put no space between words, so that any neighbour may be another word: Thai, Lao,
/// Khmer, kana, Han.
fn spaceless(letter: char) -> bool {
    matches!(
        letter,
        '\u{e00}'..='\u{eff}'
            | '\u{1780}'..='\u{17ff}'
            | '\u{3040}'..='\u{30ff}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{20000}'..='\u{3ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(terms: &[&str]) -> Vec<Refused> {
        let denied = |term: &&str| DeniedTerm {
            term: (*term).to_owned(),
            message: format!("rule {}", term.len()),
        };
        terms.iter().map(denied).map(|denied| Refused::term(&denied)).collect()
    }

    fn denies(term: &str, prompt: &str) -> bool {
        let request = ImageRequest { prompt: prompt.to_owned(), ..ImageRequest::default() };
        judge(&rules(&[term]), &request).is_err()
    }

    #[test]
    fn a_term_is_found_in_any_case_as_a_whole_word() {
        assert!(denies("Gore", "all GORE, please"));
        assert!(denies("gore", "gore"));
        assert!(denies("gore", "gorey gore!"));
        assert!(denies("dead body", "a Dead Body."));
        assert!(!denies("gore", "Gorey's cats by Al Gorenson"));
        assert!(!denies("gore", "category"));
    }

    #[test]
    fn words_are_words_in_other_scripts_too() {
        assert!(denies("ÉTOILE", "une étoile noire"));
        assert!(!denies("étoile", "étoilement"));
        assert!(!denies("cafe", "cafe\u{301}"));
        assert!(denies("血", "大量の血が流れる"));
        assert!(denies("кровь", "Много КРОВЬ"));
    }

    #[test]
    fn a_denial_names_the_rule_and_never_the_prompt() {
        let request = ImageRequest {
            prompt: "a secret plan".to_owned(),
            style: Some("noir".to_owned()),
            ..ImageRequest::default()
        };
        let denied = judge(&rules(&["cat", "noir"]), &request).unwrap_err();
        let expected = Denied { message: "rule 4".to_owned() };
        assert_eq!(denied, expected);
    }

    #[test]
    fn what_not_to_draw_is_not_judged_and_an_empty_term_denies_nobody() {
        let request =
            ImageRequest { negative_prompt: Some("gore".to_owned()), ..ImageRequest::default() };
        assert_eq!(judge(&rules(&["gore", " "]), &request), Ok(()));
    }

    #[test]
    fn a_pattern_is_looked_for_as_it_is_written() {
        let refused = Refused::pattern(r"(?i)\bnude[sd]?\b", "no nudes".to_owned()).unwrap();
        let asks = |prompt: &str| {
            let request = ImageRequest { prompt: prompt.to_owned(), ..ImageRequest::default() };
            judge(std::slice::from_ref(&refused), &request).is_err()
        };
        assert!(asks("two Nudes on a beach"));
        assert!(!asks("denuded hills"));
    }
}
