//! From a presented admin token to an [`Operator`], the evidence that somebody may operate.
//!
//! Tokens are no keys: they are kept elsewhere, begin otherwise, and open another door. As of keys,
//! only the SHA-256 digest is kept.

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::id::{TokenId, random_text};

use super::digest;

/// What every admin token begins with.
pub const TOKEN_PREFIX: &str = "pgadm_";

/// Random letters in a token: 200 bits.
const TOKEN_LETTERS: usize = 40;

/// The longest text that is looked at as a token.
const TOKEN_BYTES_MAX: usize = 128;

/// What an admin token may do; each step may do what the steps before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees traffic, health, policy, jobs and the names of things.
    Viewer,
    /// Also sees money, and may grant credits.
    Finance,
    /// May do everything.
    Operator,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Finance, Self::Operator];

    /// Its name in tables and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Finance => "finance",
            Self::Operator => "operator",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether it may do what needs `least`.
    pub fn includes(self, least: Self) -> bool {
        self >= least
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::named(text).ok_or_else(|| "use viewer, finance or operator".to_owned())
    }
}

/// What is known of a token: everything but its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// Its public name.
    pub id: TokenId,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// SHA-256 over the whole text.
    pub digest: [u8; 32],
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_at_ms: i64,
    /// From when it is no longer good.
    pub expires_at_ms: Option<i64>,
    /// Since when it is not good any more.
    pub revoked_at_ms: Option<i64>,
}

/// Somebody who may operate, proven by a token. Only [`TokenRecord::prove`] makes one.
#[derive(Clone, Debug)]
pub struct Operator {
    record: TokenRecord,
}

/// Why a token was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// None was presented.
    #[error("no admin token was presented")]
    Missing,
    /// No token has this text.
    #[error("the admin token is not known")]
    Unknown,
    /// The token is revoked.
    #[error("the admin token is revoked")]
    Revoked,
    /// The token's time is over.
    #[error("the admin token has expired")]
    Expired,
}

impl TokenRecord {
    /// Proves that whoever shows this digest may operate.
    pub fn prove(self, shown: &[u8; 32], now_unix_ms: i64) -> Result<Operator, TokenError> {
        if !bool::from(self.digest.ct_eq(shown)) {
            return Err(TokenError::Unknown);
        }
        if self.revoked_at_ms.is_some() {
            return Err(TokenError::Revoked);
        }
        if self.expires_at_ms.is_some_and(|end_ms| end_ms <= now_unix_ms) {
            return Err(TokenError::Expired);
        }
        Ok(Operator { record: self })
    }
}

impl Operator {
    /// What is known of the token.
    pub const fn record(&self) -> &TokenRecord {
        &self.record
    }

    /// What it may do.
    pub const fn role(&self) -> Role {
        self.record.role
    }
}

/// The digest of a presented text; an error when it cannot be a token whatever is stored.
pub fn token_digest(presented: Option<&str>) -> Result<[u8; 32], TokenError> {
    let text = presented.map(str::trim).filter(|text| !text.is_empty());
    let text = text.ok_or(TokenError::Missing)?;
    if text.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::Unknown);
    }
    Ok(digest(text))
}

/// The text of a new token, to be shown once.
pub fn new_token_text() -> String {
    format!("{TOKEN_PREFIX}{}", random_text(TOKEN_LETTERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> TokenRecord {
        TokenRecord {
            id: TokenId::known("adm_1"),
            name: "ops".to_owned(),
            role: Role::Finance,
            digest: digest(text),
            created_at_ms: 0,
            expires_at_ms: Some(100),
            revoked_at_ms: None,
        }
    }

    #[test]
    fn only_the_whole_text_proves_and_only_in_its_time() {
        let text = new_token_text();
        let shown = |text: &str| token_digest(Some(text)).unwrap();
        assert!(token(&text).prove(&shown(&format!(" {text} ")), 99).is_ok());
        assert_eq!(token(&text).prove(&shown(&text), 100).unwrap_err(), TokenError::Expired);
        let shorter = text.trim_end_matches(|_: char| true);
        assert_eq!(token_digest(Some(shorter)), Err(TokenError::Missing));
        let cut: String = text.chars().take(45).collect();
        assert_eq!(token(&text).prove(&shown(&cut), 0).unwrap_err(), TokenError::Unknown);
        let revoked = TokenRecord { revoked_at_ms: Some(5), ..token(&text) };
        assert_eq!(revoked.prove(&shown(&text), 9).unwrap_err(), TokenError::Revoked);
        assert_eq!(token_digest(Some(&"x".repeat(129))), Err(TokenError::Unknown));
    }

    #[test]
    fn each_role_may_do_what_the_roles_before_it_may() {
        assert!(Role::Operator.includes(Role::Viewer) && Role::Finance.includes(Role::Finance));
        assert!(!Role::Viewer.includes(Role::Finance) && !Role::Finance.includes(Role::Operator));
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
    }
}
