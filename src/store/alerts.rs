//! What is told of budgets, in the store: written in the commit that spent so much, and marked when it
//! was said. Nothing is lost with the process, and after a restart in good order nothing is said twice.

use crate::id::NoticeId;
use crate::ledger::Alert;

use super::Store;
use super::ask::{Ask, Chore};
use super::desk::Line;
use super::error::StoreError;
use super::notices::Tried;
use super::postgres::GONE_MS;
use super::rows::alerts as rows;

/// What is still to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untold {
    /// Its name; the same at every try.
    pub id: NoticeId,
    /// What.
    pub alert: Alert,
    /// Whether the log and the metrics have it.
    pub is_said: bool,
    /// When it is to be tried, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// How often it was tried.
    pub tries: u32,
}

/// What became of an alert.
#[derive(Clone, Debug)]
pub enum AlertTried {
    /// The log and the metrics have it.
    Said(NoticeId),
    /// Its webhook was tried, or needs to be tried no more.
    Told(Tried),
}

impl Store {
    /// Returns when there may be something to tell of budgets.
    pub async fn alerted(&self) {
        self.shared.alerted.notified().await;
    }

    /// What this process is to tell of budgets, the oldest first.
    pub async fn untold_alerts(&self) -> Result<Vec<Untold>, StoreError> {
        let run = if self.is_shared() { vec![self.run.into(), GONE_MS.into()] } else { Vec::new() };
        let mut found = self.rows(Line::Books, rows::WAITING, run, rows::untold).await?;
        found.sort_by_key(|one| one.alert.at_ms);
        Ok(found)
    }

    /// What became of an alert; durable when answered.
    pub async fn note_alert(&self, tried: AlertTried) -> Result<(), StoreError> {
        self.ask(|reply| Ask::Chore(Chore::AlertTried(Box::new(tried), reply))).await
    }
}
