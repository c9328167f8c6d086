//! The header by which a test-mode key has an outcome played, in any dialect.

use super::refusal::{Problem, Refusal};

/// The header field that says what is to be played.
pub const SIMULATE_HEADER: &str = "pixelgate-simulate";

/// Its name as apps read it.
const NAME: &str = "Pixelgate-Simulate";

/// A no about the header field; the words name the remedy.
pub fn bad_simulation(problem: Problem, message: impl AsRef<str>) -> Refusal {
    Refusal::field(NAME, problem, format!("`{NAME}` {}", message.as_ref()))
}
