//! One answered request, as it would be judged again.

use crate::canonical::Sketch;

use super::line::UsageLine;

/// A line of usage with everything that judging it again takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// What finance reads of it.
    pub line: UsageLine,
    /// From its head to its end, in milliseconds.
    pub took_ms: u64,
    /// What its key may do.
    pub scopes: Vec<String>,
    /// The request without its words; `None` for what was turned away before it was understood, and
    /// for rows of before sketches were kept.
    pub sketch: Option<Sketch>,
}
