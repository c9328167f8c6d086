//! What operators ask, decided: the change, and the audit row of it in the same batch.

use serde_json::{Value as Json, json};

use crate::auth::KeyStatus;
use crate::clock::Now;
use crate::id::{KeyId, WorkspaceId};
use crate::ledger::{NewAdjustment, NewGrant};

use super::super::ask::Answer;
use super::super::change::{Change, Drain, Rotation};
use super::super::deed::{Actor, Deed, Done};
use super::super::error::StoreError;
use super::super::registry::NewKey;
use super::{Batch, Writer};

/// What came of a change: the answer's content, and what is to be written of it; nothing where
/// nothing was changed.
type Came<T> = Result<(T, Option<Deed>), StoreError>;

impl Writer {
    pub(super) fn change(
        &mut self,
        actor: Actor,
        change: Change,
        (batch, now): (&mut Batch, Now),
    ) -> Result<(), StoreError> {
        let mut book = Book { batch, actor: Some(actor), now };
        match change {
            Change::Grant(new, reply) => {
                let came = self.give(&new, (&mut *book.batch, now));
                book.close(came, |answer| Answer::new(reply, answer));
            }
            Change::Adjust(new, reply) => {
                let came = self.take_back(*new, (&mut *book.batch, now))?;
                book.close(came, |answer| Answer::new(reply, answer));
            }
            Change::CreateWorkspace(name, reply) => {
                let came = self.make_workspace(name, (&mut *book.batch, now));
                book.close(came, |answer| Answer::new(reply, answer));
            }
            Change::SuspendWorkspace(id, suspended, reply) => {
                let came = self.suspend(id, suspended, book.batch);
                book.close(came, |answer| Answer::new(reply, answer));
            }
            Change::CreateKey(new, reply) => {
                let came = self.make_key(*new, (&mut *book.batch, now));
                book.close(came, |answer| Answer::new(reply, answer));
            }
            Change::RotateKey(id, rotation, reply) => {
                let came = self.rotate(&id, rotation, (&mut *book.batch, now));
                book.close(came, |answer| Answer::new(reply, answer));
            }
            Change::SetKeyStatus(id, status, reply) => {
                let came = self.set_status(id, status, book.batch);
                book.close(came, |answer| Answer::new(reply, answer));
            }
            Change::CreateToken(token, reply) => {
                let deed = Deed::new("token.create", token.id.as_str()).became(json!({
                    "name": token.name, "role": token.role, "expires_at_ms": token.expires_at_ms,
                }));
                book.batch.rows.audit.tokens.push(*token);
                book.close(Ok(((), Some(deed))), |answer| Answer::new(reply, answer));
            }
            Change::RevokeToken(token, reply) => {
                let deed = Deed::new("token.revoke", token.id.as_str())
                    .was(json!({ "name": token.name, "role": token.role }));
                book.batch.rows.audit.tokens.push(*token);
                book.close(Ok(((), Some(deed))), |answer| Answer::new(reply, answer));
            }
            Change::Drain(offering, reason, reply) => {
                let deed = book.drain(offering, reason);
                book.close(Ok(((), Some(deed))), |answer| Answer::new(reply, answer));
            }
            Change::Resume(offering, reply) => {
                let deed =
                    Deed::new("offering.resume", &*offering).was(json!({ "state": "drained" }));
                book.batch.rows.audit.resumed.push(offering);
                book.close(Ok(((), Some(deed))), |answer| Answer::new(reply, answer));
            }
            Change::Note(deed, reply) => {
                book.close(Ok(((), Some(*deed))), |answer| Answer::new(reply, answer));
            }
        }
        Ok(())
    }

    fn give(&mut self, new: &NewGrant, (batch, now): (&mut Batch, Now)) -> Came<()> {
        self.books.registry.must_know(&new.workspace)?;
        let done = self.books.ledger.grant(new, now)?;
        let is_news = !done.repeated;
        batch.rows.change(done.changes);
        let deed = || {
            Deed::new("credits.grant", new.id.as_str()).of(new.workspace.as_str()).became(json!({
                "amount": new.amount, "source": new.source, "expires_at_ms": new.expires_at_ms,
            }))
        };
        Ok(((), is_news.then(deed)))
    }

    fn take_back(
        &mut self,
        new: NewAdjustment,
        (batch, now): (&mut Batch, Now),
    ) -> Result<Came<()>, StoreError> {
        let deed = Deed::new("credits.adjust", new.id.as_str())
            .of(new.workspace.as_str())
            .became(json!({ "amount": new.amount, "memo": new.memo, "grant": new.grant }));
        let came = self.adjust(new, batch, now)?;
        Ok(came.map(|is_news| ((), is_news.then_some(deed))))
    }

    fn make_workspace(
        &mut self,
        name: String,
        (batch, now): (&mut Batch, Now),
    ) -> Came<WorkspaceId> {
        let became = json!({ "name": name });
        let id = self.books.registry.create_workspace(name, now)?;
        batch.rows.workspaces.insert(id.clone());
        let deed = Deed::new("workspace.create", id.as_str()).of(id.as_str()).became(became);
        Ok((id, Some(deed)))
    }

    fn suspend(&mut self, id: WorkspaceId, suspended: bool, batch: &mut Batch) -> Came<()> {
        let was = self.books.registry.workspaces.get(&id).map(|known| known.suspended);
        self.books.registry.suspend_workspace(&id, suspended)?;
        self.allowances.look_again(&id);
        let action = if suspended { "workspace.suspend" } else { "workspace.resume" };
        let deed = Deed::new(action, id.as_str())
            .of(id.as_str())
            .was(json!({ "suspended": was }))
            .became(json!({ "suspended": suspended }));
        batch.rows.workspaces.insert(id);
        Ok(((), (was != Some(suspended)).then_some(deed)))
    }

    fn make_key(&mut self, new: NewKey, (batch, now): (&mut Batch, Now)) -> Came<(KeyId, String)> {
        self.allowances.look_again(&new.workspace);
        let workspace = new.workspace.clone();
        let (id, text) = self.books.registry.create_key(new, now)?;
        batch.rows.keys.insert(id.clone());
        let deed =
            Deed::new("key.create", id.as_str()).of(workspace.as_str()).became(self.shown(&id));
        Ok(((id, text), Some(deed)))
    }

    fn rotate(
        &mut self,
        id: &KeyId,
        rotation: Rotation,
        (batch, now): (&mut Batch, Now),
    ) -> Came<(KeyId, String)> {
        let was = self.shown(id);
        let (new, text) = self.books.registry.rotate_key(id, rotation, now)?;
        let workspace = self.books.registry.keys.get(id).map(|key| key.record.workspace.clone());
        if let Some(workspace) = &workspace {
            self.allowances.look_again(workspace);
        }
        batch.rows.keys.extend([id.clone(), new.clone()]);
        let became = json!({ "old": self.shown(id), "new": new, "key": self.shown(&new) });
        let mut deed = Deed::new("key.rotate", id.as_str()).was(was).became(became);
        deed.workspace = workspace.map(|workspace| workspace.to_string());
        Ok(((new, text), Some(deed)))
    }

    fn set_status(&mut self, id: KeyId, status: KeyStatus, batch: &mut Batch) -> Came<()> {
        let known = self.books.registry.keys.get(&id).map(|key| &key.record);
        let was = known.map(|key| (key.status, key.workspace.clone()));
        self.books.registry.set_key_status(&id, status)?;
        let Some((was, workspace)) = was else { return Ok(((), None)) };
        self.allowances.look_again(&workspace);
        let action = match status {
            KeyStatus::Active => "key.resume",
            KeyStatus::Suspended => "key.suspend",
            KeyStatus::Revoked => "key.revoke",
        };
        let deed = Deed::new(action, id.as_str())
            .of(workspace.as_str())
            .was(json!({ "status": was }))
            .became(json!({ "status": status }));
        batch.rows.keys.insert(id);
        Ok(((), (was != status).then_some(deed)))
    }

    /// A key as the audit log has it: no text and no digest.
    fn shown(&self, id: &KeyId) -> Json {
        let known = self.books.registry.keys.get(id).map(|key| &key.record);
        known.map_or(Json::Null, |key| {
            json!({
                "name": key.name, "plan": key.plan, "scopes": key.scopes, "mode": key.mode,
                "status": key.status, "expires_at_ms": key.expires_at_ms,
            })
        })
    }
}

/// Where one change is written down.
struct Book<'a> {
    batch: &'a mut Batch,
    actor: Option<Actor>,
    now: Now,
}

impl Book<'_> {
    fn drain(&mut self, offering: String, reason: String) -> Deed {
        let deed = Deed::new("offering.drain", &*offering)
            .became(json!({ "state": "drained", "reason": reason }));
        let name = self.actor.as_ref().map(|actor| actor.name.clone()).unwrap_or_default();
        let drain = Drain { offering, at_ms: self.now.unix_ms, reason, name };
        self.batch.rows.audit.drains.push(drain);
        deed
    }

    /// The answer, and the row of the audit log where something was changed.
    fn close<T>(&mut self, came: Came<T>, answer: impl FnOnce(Result<T, StoreError>) -> Answer) {
        let verdict = came.map(|(said, deed)| {
            if let Some((deed, actor)) = deed.zip(self.actor.take()) {
                let at_ms = self.now.unix_ms;
                self.batch.rows.audit.done.push(Done { at_ms, actor, deed });
            }
            said
        });
        self.batch.answers.push(answer(verdict));
    }
}
