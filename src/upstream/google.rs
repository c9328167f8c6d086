//! Access tokens of Google service accounts: what a key file is exchanged for, kept until shortly
//! before it expires.
//!
//! One exchange at a time for each account, and none once an order has been placed: whatever goes
//! wrong here, nothing was bought. Neither the key, nor what it signs, nor the token is ever part
//! of a fault.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use dashmap::DashMap;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::catalog::{AuthScheme, Vendor};
use crate::clock::Clock;
use crate::dialect::{WireReply, WireRequest};
use crate::fault::VendorFault;
use crate::secret::Secret;

use super::exchange::Ask;
use super::place::place;
use super::{CONNECT_TIMEOUT, Upstream};

mod key_file;
#[cfg(test)]
mod tests;

use key_file::KeyFile;

/// How long an exchange may take, the wait for another one of the same account included.
const EXCHANGE_TIMEOUT: Duration = CONNECT_TIMEOUT;

/// How long before it expires a token is not shown any more.
const REFRESH_BEFORE: Duration = Duration::from_mins(2);

/// The largest answer of a token endpoint that is read.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Accounts whose tokens are remembered.
const ACCOUNTS_MAX: usize = 256;

/// Characters of a token endpoint's words that are kept.
const WORDS_CHARS_MAX: usize = 200;

/// Characters of its longest word: what is longer may be a credential.
const WORD_CHARS_MAX: usize = 30;

/// The token of one account; whoever holds the lock may be exchanging for it.
type Slot = Arc<Mutex<Option<Token>>>;

/// The tokens that are kept.
pub(super) struct Tokens {
    clock: Arc<dyn Clock>,
    /// By the digest of the key file, so that a new file is a new account.
    slots: DashMap<[u8; 32], Slot>,
}

/// What is shown in place of the key.
struct Token {
    text: Secret,
    /// When it is too old to be shown, in ticks.
    until_ms: u64,
}

/// What a token endpoint answers with: a token, or a word for why not.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Granted {
    access_token: String,
    expires_in: u64,
    error: String,
    error_description: String,
}

impl Tokens {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, slots: DashMap::new() }
    }

    fn slot(&self, secret: &Secret) -> Slot {
        if self.slots.len() >= ACCOUNTS_MAX {
            self.slots.clear();
        }
        Arc::clone(&self.slots.entry(digest(secret)).or_default())
    }

    /// Forgets a token that a vendor does not know, so that the next order asks for another.
    pub(super) fn note(&self, secret: Option<&Secret>, status: u16) {
        if let (Some(secret), 401) = (secret, status) {
            self.slots.remove(&digest(secret));
        }
    }
}

fn digest(secret: &Secret) -> [u8; 32] {
    Sha256::digest(secret.reveal().as_bytes()).into()
}

impl Upstream {
    /// What is shown for a credential: itself, or the token that it is exchanged for.
    pub(super) async fn shown<'a>(
        &self,
        vendor: &Vendor,
        secret: Option<&'a Secret>,
        deadline: Instant,
    ) -> Result<Option<Cow<'a, Secret>>, VendorFault> {
        let Some(secret) = secret else { return Ok(None) };
        if vendor.auth != AuthScheme::GoogleAccount {
            return Ok(Some(Cow::Borrowed(secret)));
        }
        let deadline = deadline.min(Instant::now() + EXCHANGE_TIMEOUT);
        let late = || unreachable("it did not answer in time");
        // Rarely taken, and large: every request would hold the room for it.
        let token = tokio::time::timeout_at(deadline, Box::pin(self.token(secret))).await;
        token.unwrap_or_else(|_| Err(late())).map(|token| Some(Cow::Owned(token)))
    }

    async fn token(&self, secret: &Secret) -> Result<Secret, VendorFault> {
        let slot = self.tokens.slot(secret);
        let mut kept = slot.lock().await;
        let now = self.tokens.clock.now();
        if let Some(token) = kept.as_ref().filter(|token| now.tick_ms < token.until_ms) {
            return Ok(token.text.clone());
        }
        let key = KeyFile::read(secret.reveal()).map_err(|problem| VendorFault::Denied {
            detail: format!("its credential is no key file of a service account: {problem}"),
        })?;
        let asked = key.question(now.unix_seconds()).ok_or_else(|| VendorFault::Denied {
            detail: "the key of its service account does not sign".to_owned(),
        })?;
        let reply = self.at_token_endpoint(&key, &asked).await;
        let granted = granted(&reply.map_err(|fault| unreachable(&fault.to_string()))?)?;
        let lives = Duration::from_secs(granted.expires_in).saturating_sub(REFRESH_BEFORE);
        let lives_ms = u64::try_from(lives.as_millis()).unwrap_or(u64::MAX);
        let text = Secret::new(granted.access_token);
        let token = Token { text: text.clone(), until_ms: now.tick_ms.saturating_add(lives_ms) };
        *kept = Some(token);
        Ok(text)
    }

    async fn at_token_endpoint(
        &self,
        key: &KeyFile,
        wire: &WireRequest,
    ) -> Result<WireReply, VendorFault> {
        let endpoint = Vendor::new("token endpoint", "", key.endpoint.clone());
        let place = place(&endpoint, &wire.path)?;
        let peers = self.peers(&place).await?;
        let ask = Ask {
            credential: None,
            path: &place.path,
            wire,
            bytes_max: ANSWER_BYTES_MAX,
            ear: None,
            keeps: true,
        };
        self.over_http(ask, peers).await
    }
}

fn granted(reply: &WireReply) -> Result<Granted, VendorFault> {
    let read: Granted = serde_json::from_slice(&reply.body.to_bytes()).unwrap_or_default();
    match reply.status {
        200 if !read.access_token.is_empty() => Ok(read),
        status @ (200 | 400..=403) => {
            let said = [plain(&read.error), plain(&read.error_description)].join(" ");
            let detail = format!("no token for its service account, status {status} {said}");
            Err(VendorFault::Denied { detail: detail.trim_end().to_owned() })
        }
        status => Err(unreachable(&format!("it answered with status {status}"))),
    }
}

/// The endpoint's own words, unless they could hold what was signed or given.
fn plain(said: &str) -> String {
    let is_wordy = |c: char| c.is_ascii_alphanumeric() || " .,:;_-'()/".contains(c);
    let words = said.split(|c: char| !c.is_ascii_alphanumeric());
    if words.map(str::len).any(|length| length > WORD_CHARS_MAX) {
        return String::new();
    }
    said.chars().filter(|c| is_wordy(*c)).take(WORDS_CHARS_MAX).collect()
}

/// Nothing was placed yet, so no fault on the way leaves open what the vendor did.
fn unreachable(detail: &str) -> VendorFault {
    VendorFault::Unreachable { detail: format!("the token endpoint: {detail}") }
}
