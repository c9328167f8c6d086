//! The steps of the way of a request, as spans are named.

/// A step of the way of a request; the order is that of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Whose key it is.
    Authenticate,
    /// The body comes in.
    Read,
    /// What needs no picture to be drawn is answered.
    Answer,
    /// Whether it is a repeat.
    Repeat,
    /// From the wire to canonical.
    Decode,
    /// The rules of policy.
    Rules,
    /// What policy makes of it: presets, the plan's treatment.
    Treat,
    /// The offerings that can, best first.
    Route,
    /// The most that it may be worth.
    Quote,
    /// The windows and the lease.
    Limit,
    /// A moderation model is asked.
    Moderate,
    /// Pictures that it names are fetched.
    Gather,
    /// Credits are set aside.
    Hold,
    /// Vendors are asked.
    Attempt,
    /// Work on the pictures.
    Media,
    /// The price is taken.
    Settle,
    /// The hold is given back.
    Void,
    /// From canonical to the wire.
    Encode,
}

impl Step {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::Read => "read",
            Self::Answer => "answer",
            Self::Repeat => "repeat",
            Self::Decode => "decode",
            Self::Rules => "rules",
            Self::Treat => "treat",
            Self::Route => "route",
            Self::Quote => "quote",
            Self::Limit => "limit",
            Self::Moderate => "moderate",
            Self::Gather => "gather",
            Self::Hold => "hold",
            Self::Attempt => "attempt",
            Self::Media => "media",
            Self::Settle => "settle",
            Self::Void => "void",
            Self::Encode => "encode",
        }
    }
}
