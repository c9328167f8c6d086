//! The house rules, as tests: floors, words, lengths, and documents that must stay true.
//!
//! Every rule is a function from text to what it found, so that each is first shown to fire on a
//! small bad example and then run over the tree as it is. A finding says where, what and why.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a rule that stumbles over a file should fail loudly"
)]

mod tidy {
    mod documents;
    mod floors;
    mod form;
    mod names;
    mod paths;
    mod source;
    mod words;

    /// Fails with every finding, one a line.
    fn assert_tidy(findings: &[String]) {
        assert!(findings.is_empty(), "{} to tidy up:\n{}", findings.len(), findings.join("\n"));
    }
}
