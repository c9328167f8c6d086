//! Words of a closed set, such as the names of dialects, as they come back from another process of ours.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serializer};

/// A word that is a part of the program.
pub type Word = &'static str;

/// Other words that a process learns in its life. They are those of its own program, and of one other
/// version of it; what comes beyond is not kept.
const LEARNT_MAX: usize = 256;

static LEARNT: Mutex<BTreeSet<Word>> = Mutex::new(BTreeSet::new());

/// The same word, for as long as the process lives.
fn learn(word: &str) -> Word {
    let mut learnt = LEARNT.lock();
    if let Some(known) = learnt.get(word) {
        return known;
    }
    if learnt.len() >= LEARNT_MAX {
        return "";
    }
    let word: Word = Box::leak(word.into());
    learnt.insert(word);
    word
}

pub(super) fn serialize<S: Serializer>(word: &str, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(word)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Word, D::Error> {
    Ok(learn(&String::deserialize(from)?))
}

/// The same for a word that may not be there.
pub(super) mod maybe {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    use super::{Word, learn};

    pub(in super::super) fn serialize<S: Serializer>(
        word: &Option<Word>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        word.serialize(to)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Word>, D::Error> {
        Ok(Option::<String>::deserialize(from)?.map(|word| learn(&word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_learnt_once() {
        let (first, again) = (learn("a word"), learn("a word"));
        assert_eq!(first, "a word");
        assert!(std::ptr::eq(first, again));
    }
}
