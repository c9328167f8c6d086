//! Keys of apps: made, listed, replaced with an overlap, ended.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::auth::{KeyStatus, Mode, is_key_prefix};
use crate::id::{KeyId, WorkspaceId};
use crate::store::{Command, KeySummary, NewKey, Outcome, Page, Rotation};

use super::answer::{Answer, Listed, maybe_moment, moment, place};
use super::query::read_moment;
use super::refused::{self, Refused};
use super::workspaces::read_name;
use super::{Admin, Call};

/// How long a replaced key stays good where nothing else is asked.
const OVERLAP_MS: i64 = 86_400_000;

/// How long it may at most: thirty days.
const OVERLAP_MS_MAX: i64 = 30 * 86_400_000;

/// Scopes that one key may have.
const SCOPES_MAX: usize = 32;

/// Characters of a scope.
const SCOPE_CHARS_MAX: usize = 64;

/// A key to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedKey {
    workspace: String,
    plan: String,
    #[serde(default)]
    name: String,
    #[serde(default = "every_scope")]
    scopes: Vec<String>,
    #[serde(default)]
    test: bool,
    expires_at: Option<String>,
    #[serde(default)]
    join_repeats: bool,
    prefix: Option<String>,
}

/// How a key is to be replaced.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedRotation {
    old_key_until: Option<String>,
    prefix: Option<String>,
}

fn every_scope() -> Vec<String> {
    vec![crate::auth::EVERY_SCOPE.to_owned()]
}

impl Admin {
    pub(super) async fn keys(&self, call: &Call) -> Result<Answer, Refused> {
        let limit = call.query.limit()?;
        let page = Page { after: place(&call.query)?, limit: limit.saturating_add(1) };
        let found = self.gateway.store.key_page(page, call.query.filter("workspace")).await?;
        Ok(Listed::of(found, limit, |key| key.id.to_string(), |key| shown(&key)).answer())
    }

    pub(super) async fn create_key(&self, call: &Call) -> Result<Answer, Refused> {
        let asked: AskedKey = call.body()?;
        let policy = self.gateway.policy.current();
        if policy.plan(&asked.plan).is_none() {
            let known: Vec<&str> = policy.plans.keys().map(String::as_str).collect();
            let problem =
                format!("no plan `{}` is in force; there are {}", asked.plan, known.join(", "));
            return Err(refused::bad_field("plan", &problem));
        }
        let expires_at_ms =
            asked.expires_at.map(|text| read_moment("expires_at", &text)).transpose()?;
        if expires_at_ms.is_some_and(|end_ms| end_ms <= self.gateway.clock.now().unix_ms) {
            return Err(refused::bad_field("expires_at", "is over already"));
        }
        let new = NewKey {
            workspace: WorkspaceId::known(&asked.workspace),
            name: read_name(&asked.name)?,
            plan: asked.plan,
            scopes: read_scopes(asked.scopes)?,
            mode: if asked.test { Mode::Test } else { Mode::Live },
            expires_at_ms,
            prefix: read_prefix(asked.prefix)?,
            joins_repeats: asked.join_repeats,
        };
        self.made(call, Command::CreateKey(new)).await
    }

    pub(super) async fn rotate_key(&self, call: &Call) -> Result<Answer, Refused> {
        let asked: AskedRotation = call.body()?;
        let now_ms = self.gateway.clock.now().unix_ms;
        let old_until_ms = match asked.old_key_until {
            None => now_ms.saturating_add(OVERLAP_MS),
            Some(text) => read_moment("old_key_until", &text)?,
        };
        if old_until_ms > now_ms.saturating_add(OVERLAP_MS_MAX) {
            let problem = "is more than thirty days away".to_owned();
            return Err(refused::bad_field("old_key_until", &problem));
        }
        let known = self.known_key(&call.name).await?;
        if known.expires_at_ms.is_some_and(|end_ms| end_ms <= now_ms) {
            let message = format!("key `{}` has expired", known.id);
            return Err(refused::conflict(message, "create another key"));
        }
        let rotation = Rotation { old_until_ms, prefix: read_prefix(asked.prefix)? };
        self.made(call, Command::RotateKey { key: known.id, rotation }).await
    }

    pub(super) async fn revoke_key(&self, call: &Call) -> Result<Answer, Refused> {
        let key = KeyId::known(&call.name);
        let command = Command::SetKeyStatus { key, status: KeyStatus::Revoked };
        self.gateway.store.run_as(call.actor(), command).await?;
        Ok(Answer::ok(&shown(&self.known_key(&call.name).await?)))
    }

    /// A key that is made, with its text, which is in this answer and nowhere else.
    async fn made(&self, call: &Call, command: Command) -> Result<Answer, Refused> {
        let made = self.gateway.store.run_as(call.actor(), command).await?;
        let Outcome::KeyCreated { key, text } = made else {
            return Ok(Answer::ok(&Value::Null));
        };
        let mut body = shown(&self.known_key(key.as_str()).await?);
        if let Some(body) = body.as_object_mut() {
            body.insert("secret".to_owned(), text.into());
        }
        Ok(Answer::json(201, &body))
    }

    async fn known_key(&self, id: &str) -> Result<KeySummary, Refused> {
        let known = self.gateway.store.find_key(id).await?;
        known.ok_or_else(|| refused::unknown("key", id))
    }
}

fn read_scopes(scopes: Vec<String>) -> Result<Vec<String>, Refused> {
    let is_word = |scope: &String| {
        let length = scope.chars().count();
        (1..=SCOPE_CHARS_MAX).contains(&length) && scope.chars().all(|c| c.is_ascii_graphic())
    };
    if scopes.is_empty() || scopes.len() > SCOPES_MAX || !scopes.iter().all(is_word) {
        let problem = "use one to thirty-two short words, such as images; * for everything";
        return Err(refused::bad_field("scopes", problem));
    }
    Ok(scopes)
}

fn read_prefix(prefix: Option<String>) -> Result<Option<String>, Refused> {
    match prefix {
        Some(prefix) if !is_key_prefix(&prefix) => {
            let problem = "use one to sixteen small letters and digits, such as ndsk".to_owned();
            Err(refused::bad_field("prefix", &problem))
        }
        prefix => Ok(prefix),
    }
}

fn shown(key: &KeySummary) -> Value {
    json!({
        "id": key.id,
        "workspace": key.workspace,
        "name": key.name,
        "plan": key.plan,
        "scopes": key.scopes,
        "test": key.mode == Mode::Test,
        "status": key.status,
        "expires_at": maybe_moment(key.expires_at_ms),
        "created_at": moment(key.created_at_ms),
        "last_used_at": maybe_moment(key.last_used_at_ms),
    })
}
