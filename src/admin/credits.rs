//! Credits: where they are, and more of them.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::credits::Credits;
use crate::id::{GrantId, WorkspaceId};
use crate::ledger::{Balance, NewGrant, PRIORITY_USUAL};
use crate::store::{Command, GrantSummary, Page, WorkspaceBalance};

use super::answer::{Answer, Listed, maybe_moment, place};
use super::query::read_moment;
use super::refused::{self, Refused};
use super::{Admin, Call, workspaces};

/// Characters of the word for where credits come from.
const SOURCE_CHARS_MAX: usize = 32;

/// Characters of the name of a grant behind its beginning.
const GRANT_CHARS_MAX: usize = 64;

/// Characters of what is written to a grant.
const MEMO_CHARS_MAX: usize = 200;

/// Credits to be added.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskedGrant {
    /// Makes it safe to ask again.
    id: Option<String>,
    amount: Credits,
    #[serde(default = "manual")]
    source: String,
    expires_at: Option<String>,
    #[serde(default)]
    memo: String,
}

fn manual() -> String {
    "manual".to_owned()
}

impl Admin {
    pub(super) async fn balances(&self, call: &Call) -> Result<Answer, Refused> {
        let limit = call.query.limit()?;
        let page = Page { after: place(&call.query)?, limit: limit.saturating_add(1) };
        let found = self.gateway.store.balances(page).await?;
        let place = |found: &WorkspaceBalance| found.workspace.id.to_string();
        let show = |found: WorkspaceBalance| {
            let mut row = workspaces::shown(&found.workspace);
            if let Some(row) = row.as_object_mut() {
                row.insert("balance".to_owned(), shown(&found.balance));
            }
            row
        };
        Ok(Listed::of(found, limit, place, show).answer())
    }

    pub(super) async fn balance(&self, call: &Call) -> Result<Answer, Refused> {
        let workspace = self.known_workspace(&call.name).await?;
        Ok(Answer::ok(&shown(&self.gateway.store.balance(&workspace.id).await?)))
    }

    pub(super) async fn grants(&self, call: &Call) -> Result<Answer, Refused> {
        let workspace = self.known_workspace(&call.name).await?;
        let limit = call.query.limit()?;
        let page = Page { after: place(&call.query)?, limit: limit.saturating_add(1) };
        let found = self.gateway.store.grant_page(workspace.id.as_str(), page).await?;
        Ok(Listed::of(found, limit, |grant| grant.id.to_string(), |grant| granted(&grant)).answer())
    }

    pub(super) async fn grant(&self, call: &Call) -> Result<Answer, Refused> {
        let asked: AskedGrant = call.body()?;
        if asked.amount <= Credits::ZERO {
            let problem = "is not above zero".to_owned();
            return Err(refused::bad_field("amount", &problem));
        }
        let is_word = (1..=SOURCE_CHARS_MAX).contains(&asked.source.len())
            && asked.source.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if !is_word || asked.source == "plan" {
            let problem = "use a word such as manual, pack, refund or promo".to_owned();
            return Err(refused::bad_field("source", &problem));
        }
        let expires_at_ms =
            asked.expires_at.map(|text| read_moment("expires_at", &text)).transpose()?;
        let new = NewGrant {
            id: read_id(asked.id)?,
            workspace: WorkspaceId::known(&call.name),
            amount: asked.amount,
            priority: PRIORITY_USUAL,
            promotional: asked.source == "promo",
            source: asked.source,
            effective_at_ms: 0,
            expires_at_ms,
            memo: read_memo(asked.memo)?,
        };
        let id = new.id.clone();
        self.gateway.store.run_as(call.actor(), Command::Grant(new)).await?;
        let balance = self.gateway.store.balance(&WorkspaceId::known(&call.name)).await?;
        Ok(Answer::json(201, &json!({ "grant": id, "balance": shown(&balance) })))
    }
}

fn read_memo(memo: String) -> Result<String, Refused> {
    if memo.chars().count() <= MEMO_CHARS_MAX && !memo.chars().any(char::is_control) {
        Ok(memo)
    } else {
        Err(refused::bad_field("memo", "use one line of up to 200 characters"))
    }
}

fn read_id(id: Option<String>) -> Result<GrantId, Refused> {
    let Some(id) = id else { return Ok(GrantId::random()) };
    let own = id.strip_prefix("grant_").unwrap_or_default();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if own.is_empty() || own.len() > GRANT_CHARS_MAX || !own.bytes().all(is_plain) {
        let problem = "use grant_ and up to 64 letters, digits, - and _".to_owned();
        return Err(refused::bad_field("id", &problem));
    }
    Ok(GrantId::known(&id))
}

fn shown(balance: &Balance) -> Value {
    let Balance { granted, available, held, spent, expired } = balance;
    json!({
        "granted": granted, "available": available, "held": held, "spent": spent,
        "expired": expired,
    })
}

fn granted(grant: &GrantSummary) -> Value {
    json!({
        "id": grant.id,
        "amount": grant.amount,
        "left": grant.left,
        "source": grant.source,
        "expires_at": maybe_moment(grant.expires_at_ms),
    })
}
