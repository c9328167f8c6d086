//! Replicate's words for an order that came to nothing: a model's own message, told by its codes.

use crate::fault::VendorFault;

/// What the messages of failed orders hold, and what each stands for.
const WORDS: [(&str, Failure); 11] = [
    ("(E005)", Failure::Blocked),
    ("NSFW content", Failure::Blocked),
    ("flagged as sensitive", Failure::Blocked),
    ("E003", Failure::Busy),
    ("high demand", Failure::Busy),
    ("E004", Failure::Busy),
    ("temporarily unavailable", Failure::Busy),
    ("(code: PA)", Failure::Broken),
    ("Prediction interrupted", Failure::Broken),
    ("CUDA out of memory", Failure::Broken),
    ("E6716", Failure::Broken),
];

/// What a message stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Failure {
    /// The content filter took it.
    Blocked,
    /// There was no room for it.
    Busy,
    /// It broke on the way.
    Broken,
}

/// The fault that the message of a failed order stands for. The message itself may be a model's
/// own and is not repeated, for it may hold what was asked.
pub(super) fn fault(message: &str) -> VendorFault {
    let known = WORDS.iter().find(|(words, _)| message.contains(words));
    let (words, failure) = known.copied().unwrap_or(("", Failure::Broken));
    match failure {
        Failure::Blocked => VendorFault::refused(words.trim_matches(['(', ')']).to_owned()),
        Failure::Busy => VendorFault::Busy { retry_after: None },
        Failure::Broken => VendorFault::Broken { status: 500 },
    }
}
