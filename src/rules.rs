//! What policy says no to before anything is counted or paid: terms that no prompt may hold.
//!
//! A denial names the rule and its message, never the prompt.

use memchr::memmem::Finder;

use crate::canonical::ImageRequest;

/// A term that no prompt may hold, in any case, as a whole word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedTerm {
    /// One word or several.
    pub term: String,
    /// What the caller is told.
    pub message: String,
}

/// The rules of a policy, ready to judge by.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    terms: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    /// Finds the term in lower case.
    finder: Finder<'static>,
    message: String,
}

/// A rule's no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// What the caller is told.
    pub message: String,
    /// Which of the terms it was, in the order they were given.
    pub term_index: usize,
}

impl Rules {
    /// Rules from what policy lists.
    pub fn new(denied_terms: &[DeniedTerm]) -> Self {
        let rule = |denied: &DeniedTerm| Rule {
            finder: Finder::new(denied.term.trim().to_lowercase().as_bytes()).into_owned(),
            message: denied.message.clone(),
        };
        Self { terms: denied_terms.iter().map(rule).collect() }
    }

    /// Says no to the first term that the prompt or the style holds.
    ///
    /// The negative prompt is not judged: it says what not to draw.
    pub fn judge(&self, request: &ImageRequest) -> Result<(), Denied> {
        if self.terms.is_empty() {
            return Ok(());
        }
        let texts = [Some(&request.prompt), request.style.as_ref()];
        for text in texts.into_iter().flatten().map(|text| text.to_lowercase()) {
            if let Some(term_index) = self.terms.iter().position(|rule| rule.is_in(&text)) {
                let message = self.terms.get(term_index).map(|rule| rule.message.clone());
                return Err(Denied { message: message.unwrap_or_default(), term_index });
            }
        }
        Ok(())
    }
}

impl Rule {
    fn is_in(&self, text: &str) -> bool {
        let length = self.finder.needle().len();
        length > 0
            && self
                .finder
                .find_iter(text.as_bytes())
                .any(|start| stands_alone(text, start, start.saturating_add(length)))
    }
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

    fn rules(terms: &[&str]) -> Rules {
        let denied = |term: &&str| DeniedTerm {
            term: (*term).to_owned(),
            message: format!("rule {}", term.len()),
        };
        Rules::new(&terms.iter().map(denied).collect::<Vec<_>>())
    }

    fn denies(term: &str, prompt: &str) -> bool {
        let request = ImageRequest { prompt: prompt.to_owned(), ..ImageRequest::default() };
        rules(&[term]).judge(&request).is_err()
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
        let denied = rules(&["cat", "noir"]).judge(&request).unwrap_err();
        let expected = Denied { message: "rule 4".to_owned(), term_index: 1 };
        assert_eq!(denied, expected);
    }

    #[test]
    fn what_not_to_draw_is_not_judged_and_an_empty_term_denies_nobody() {
        let request =
            ImageRequest { negative_prompt: Some("gore".to_owned()), ..ImageRequest::default() };
        assert_eq!(rules(&["gore", " "]).judge(&request), Ok(()));
    }
}
