//! What a moderation model finds in a text.

use std::collections::BTreeMap;

/// What was found, category by category, in the vendor's own names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moderated {
    /// Whether the vendor itself would not have it.
    pub is_flagged: bool,
    /// Every category that it spoke of.
    pub categories: BTreeMap<String, Found>,
}

/// How much of a category is in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Found {
    /// Whether the vendor itself would not have it.
    pub is_flagged: bool,
    /// From 0 for nothing to 1 for certain; 0 where the vendor gives no numbers.
    pub score: f64,
}
