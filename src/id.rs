//! Names of things: short texts with a prefix that says what they name.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

mod entropy;

/// Letters of a random name: no vowels and no look-alikes, so no words and no misreading.
const LETTERS: &[u8; 32] = b"0123456789bcdfghjkmnpqrstvwxyzBC";

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// A name that was given out before.
            pub fn known(text: &str) -> Self {
                Self(text.into())
            }

            /// A new name that nobody can guess.
            pub fn random() -> Self {
                Self(format!("{}{}", $prefix, random_text(20)).into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// Who pays.
    WorkspaceId, "ws_"
);
id!(
    /// The public name of a key.
    KeyId, "key_"
);
id!(
    /// The public name of an admin token.
    TokenId, "adm_"
);
id!(
    /// One request, from its first byte to its receipt.
    RequestId, "req_"
);
id!(
    /// Credits set aside for one request.
    HoldId, "hold_"
);
id!(
    /// Credits that were added to a workspace.
    GrantId, "grant_"
);
id!(
    /// Credits that an operator took back.
    AdjustmentId, "adj_"
);
id!(
    /// A stored picture.
    MediaId, "med_"
);
id!(
    /// A request whose client does not wait.
    JobId, "job_"
);
id!(
    /// What an app is told once of a job's end.
    NoticeId, "msg_"
);

impl HoldId {
    /// A new name that nobody can guess, which begins with the time: names that are given out one
    /// after another lie side by side in every index, so that each commit writes a few pages of it
    /// and not one page for each hold.
    pub fn at(unix_ms: i64) -> Self {
        Self(format!("hold_{:011x}{}", unix_ms.max(0), random_text(15)).into())
    }
}

impl NoticeId {
    /// The name of what is told of a job's end: always the same, so that a receiver who was told
    /// twice can see it.
    pub fn of(job: &JobId) -> Self {
        let own = job.as_str();
        Self(format!("msg_{}", own.strip_prefix("job_").unwrap_or(own)).into())
    }
}

impl NoticeId {
    /// The name of what is told once of a part of a budget in a period; as random as its parts differ.
    pub fn of_budget(subject: &str, period: i64, percent: u8) -> Self {
        let digest = Sha256::digest(format!("{percent}/{period}/{subject}"));
        let letters = digest.iter().take(20);
        let letter = |byte: &u8| char::from(*LETTERS.get(usize::from(byte & 31)).unwrap_or(&b'0'));
        Self(format!("msg_{}", letters.map(letter).collect::<String>()).into())
    }
}

impl MediaId {
    /// A new name that nobody can guess, as a UUID of version 4: 122 random bits.
    pub fn uuid() -> Self {
        let (high, low) = (random_number(), random_number());
        let (high, low) = (high & !0xF000 | 0x4000, low & !(0b11 << 62) | 0b10 << 62);
        let text = format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xFFFF,
            high & 0xFFFF,
            low >> 48,
            low & 0xFFFF_FFFF_FFFF
        );
        Self(text.into())
    }
}

/// Random text of `length` letters, five bits each, from the machine's entropy.
///
/// # Panics
/// When the machine has no entropy to give: no key and no name would be safe then.
#[expect(clippy::expect_used, reason = "a machine without entropy cannot name or guard anything")]
pub fn random_text(length: usize) -> String {
    let mut bytes = vec![0_u8; length];
    entropy::fill(&mut bytes).expect("the machine gives entropy");
    bytes.iter().map(|b| char::from(*LETTERS.get(usize::from(b & 31)).unwrap_or(&b'0'))).collect()
}

/// Any number, a new one each time.
///
/// # Panics
///
/// When the machine gives no entropy: without it no name is safe, so nothing may go on.
#[expect(clippy::expect_used, reason = "without entropy no name is safe, so nothing may go on")]
pub fn random_number() -> u64 {
    let mut bytes = [0_u8; 8];
    entropy::fill(&mut bytes).expect("the machine gives entropy");
    u64::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pictures_name_is_a_uuid_of_version_4() {
        for _ in 0..100 {
            let id = MediaId::uuid();
            let parts: Vec<_> = id.as_str().split('-').collect();
            let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
            assert!(
                parts[2].starts_with('4') && parts[3].starts_with(['8', '9', 'a', 'b']),
                "{id}"
            );
        }
        assert_ne!(MediaId::uuid(), MediaId::uuid());
    }

    #[test]
    fn names_of_holds_are_in_the_order_of_their_time() {
        let [early, late] = [999, 1_000_000].map(HoldId::at);
        assert!(early < late, "{early} {late}");
        assert_eq!(early.as_str().len(), late.as_str().len());
        assert_ne!(HoldId::at(1), HoldId::at(1));
    }

    #[test]
    fn what_is_told_of_a_job_is_named_after_it() {
        assert_eq!(NoticeId::of(&JobId::known("job_7")).as_str(), "msg_7");
    }

    #[test]
    fn a_random_name_says_what_it_names_and_never_repeats() {
        let (one, two) = (HoldId::random(), HoldId::random());
        assert!(one.as_str().starts_with("hold_"));
        assert_eq!(one.as_str().len(), 25);
        assert_ne!(one, two);
    }
}
