//! Labels that an app puts on a request, so that finance can split spend by them.

use std::collections::BTreeMap;

use super::refusal::{Problem, Refusal};

/// The header field that carries them in every dialect.
pub const LABELS_HEADER: &str = "pixelgate-labels";

/// Labels of one request.
pub const LABELS_MAX: usize = 64;

/// Characters of a label's name, and of its value.
pub const LABEL_CHARS_MAX: usize = 63;

/// Reads `team=red, campaign=autumn`. A later label of the same name takes the place of an earlier.
pub fn read_labels(text: &str) -> Result<BTreeMap<String, String>, Refusal> {
    let mut labels = BTreeMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(|| {
            bad(Problem::BadValue, "must be pairs such as `team=red`, with commas between them")
        })?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() || value.is_empty() {
            return Err(bad(
                Problem::BadValue,
                "must have a name and a value on either side of `=`",
            ));
        }
        if name.chars().count().max(value.chars().count()) > LABEL_CHARS_MAX {
            let message = "must have names and values of at most 63 characters";
            return Err(bad(Problem::TooLong, message));
        }
        labels.insert(name.to_owned(), value.to_owned());
    }
    if labels.len() > LABELS_MAX {
        return Err(bad(Problem::TooLarge, "may hold at most 64 labels"));
    }
    Ok(labels)
}

/// A no about the header field.
pub fn bad_labels() -> Refusal {
    bad(Problem::BadValue, "must be text; leave out what is not ASCII")
}

fn bad(problem: Problem, message: &str) -> Refusal {
    Refusal::field("Pixelgate-Labels", problem, format!("`Pixelgate-Labels` {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_pairs_between_commas_and_the_last_of_a_name_counts() {
        let read = read_labels(" team=red, campaign = autumn,,team=blue ").unwrap();
        let read: Vec<_> = read.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(read, [("campaign", "autumn"), ("team", "blue")]);
        assert!(read_labels("").unwrap().is_empty());
    }

    #[test]
    fn a_label_of_the_most_characters_passes_and_one_more_does_not() {
        for (chars, passes) in [(63, true), (64, false)] {
            let long = "ü".repeat(chars);
            assert_eq!(read_labels(&format!("{long}=x")).is_ok(), passes);
            assert_eq!(read_labels(&format!("x={long}")).is_ok(), passes);
        }
        let many =
            |count: usize| (0..count).map(|n| format!("n{n}=x")).collect::<Vec<_>>().join(",");
        assert!(read_labels(&many(64)).is_ok());
        assert!(read_labels(&many(65)).is_err());
    }

    #[test]
    fn what_is_no_pair_is_refused_by_the_name_of_the_field() {
        for text in ["team", "=red", "team=", "a=b,c"] {
            let refusal = read_labels(text).unwrap_err();
            assert_eq!(refusal.field.as_deref(), Some("Pixelgate-Labels"), "{text}");
        }
    }
}
