//! Who asks, who else may, and what was done.

use serde_json::{Value, json};

use crate::id::TokenId;
use crate::store::{AuditLine, Command, Page, TokenSummary};

use super::answer::{Answer, Listed, maybe_moment, moment, number};
use super::refused::Refused;
use super::{Admin, Call};

/// Whoever asks.
pub(super) fn me(call: &Call) -> Answer {
    let record = call.operator.record();
    Answer::ok(&json!({
        "token": record.id,
        "name": record.name,
        "role": record.role,
        "expires_at": maybe_moment(record.expires_at_ms),
    }))
}

impl Admin {
    pub(super) async fn tokens(&self) -> Result<Answer, Refused> {
        let tokens = self.gateway.store.list_tokens().await?;
        let items: Vec<Value> = tokens.iter().map(shown).collect();
        Ok(Answer::ok(&json!({ "items": items })))
    }

    pub(super) async fn revoke_token(&self, call: &Call) -> Result<Answer, Refused> {
        let token = TokenId::known(&call.name);
        self.gateway.store.run_as(call.actor(), Command::RevokeToken { token }).await?;
        Ok(Answer::ok(&json!({ "token": call.name, "revoked": true })))
    }

    pub(super) async fn audit(&self, call: &Call) -> Result<Answer, Refused> {
        let limit = call.query.limit()?;
        let page = Page { after: number(&call.query)?, limit: limit.saturating_add(1) };
        let lines = self.gateway.store.audit(page).await?;
        Ok(Listed::of(lines, limit, |line| line.seq.to_string(), |line| audited(&line)).answer())
    }
}

fn shown(token: &TokenSummary) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "created_at": moment(token.created_at_ms),
        "expires_at": maybe_moment(token.expires_at_ms),
        "revoked_at": maybe_moment(token.revoked_at_ms),
    })
}

fn audited(line: &AuditLine) -> Value {
    json!({
        "number": line.seq,
        "at": moment(line.at_ms),
        "token": line.token,
        "name": line.name,
        "role": line.role,
        "address": line.address,
        "request": line.request,
        "action": line.action,
        "subject": line.subject,
        "workspace": line.workspace,
        "before": line.was,
        "after": line.became,
    })
}
