//! The side that took the books over: what requests in flight in the other process ask is done here.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use super::super::Store;
use super::super::ask::{Ask, Chore};
use super::super::error::StoreError;
use super::super::jobs::JobAsk;
use super::{Asked, Carried, No, Said, Will};

impl Store {
    /// Does what the process before this one asks, until it is gone.
    pub async fn serve_predecessor(&self, stream: UnixStream, will: Will) {
        let (read, write) = stream.into_split();
        let write = Arc::new(Mutex::new(write));
        let mut lines = BufReader::new(read).lines();
        let asks = TaskTracker::new();
        while let Ok(Some(line)) = lines.next_line().await {
            let Ok(Asked { number, ask }) = serde_json::from_str(&line) else {
                tracing::error!("the process before this one asks in a way that is not understood");
                break;
            };
            let (store, write) = (self.clone(), Arc::clone(&write));
            asks.spawn(async move {
                let said = store.do_for_another(ask).await.map_err(No::from);
                say(&write, &Said { number, said }).await;
            });
        }
        asks.close();
        asks.wait().await;
        let gone = |run: &i64| will.runs.contains(run);
        let living = self.shared.living();
        self.shared.set_living(living.iter().copied().filter(|run| !gone(run)).collect());
    }

    async fn do_for_another(&self, ask: Carried) -> Result<Box<RawValue>, StoreError> {
        match ask {
            Carried::Hold(ask, pledge) => {
                told(self.ask_now(|reply| Ask::Hold(ask, pledge, reply)).await)
            }
            Carried::Settle(hold, price, receipt, kept) => {
                told(self.ask(|reply| Ask::Settle(hold, price, receipt, kept, reply)).await)
            }
            Carried::Void(hold, receipt, kept) => {
                told(self.ask(|reply| Ask::Void(hold, receipt, kept, reply)).await)
            }
            Carried::Note(receipt) => {
                self.note(Arc::unwrap_or_clone(receipt));
                told(Ok(()))
            }
            Carried::KeepPicture(kept) => {
                told(self.ask(|reply| Ask::Chore(Chore::KeepPicture(kept, reply))).await)
            }
            Carried::ErasePicture(id) => {
                told(self.ask(|reply| Ask::Chore(Chore::ErasePicture(id, reply))).await)
            }
            Carried::Accept(hold, new, promised) => {
                let accept = |reply| Ask::Job(JobAsk::Accept(hold, new, promised, reply));
                told(self.ask_now(accept).await)
            }
            Carried::Begin(id) => told(self.ask(|reply| Ask::Job(JobAsk::Begin(id, reply))).await),
            Carried::Place(id, order) => {
                told(self.ask(|reply| Ask::Job(JobAsk::Place(id, order, reply))).await)
            }
            Carried::Cancel(id) => {
                told(self.ask(|reply| Ask::Job(JobAsk::Cancel(id, reply))).await)
            }
            Carried::End(id, end) => {
                told(self.ask(|reply| Ask::Job(JobAsk::End(id, end, reply))).await)
            }
            Carried::Balance(workspace) => {
                told(self.ask(|reply| Ask::Balance(workspace, reply)).await)
            }
            Carried::Spendable(workspace) => {
                told(self.ask(|reply| Ask::Spendable(workspace, reply)).await)
            }
            Carried::QuotaUsed(subject, unit, period) => {
                told(self.ask(|reply| Ask::QuotaUsed(subject, unit, period, reply)).await)
            }
        }
    }
}

fn told<T: Serialize>(said: Result<T, StoreError>) -> Result<Box<RawValue>, StoreError> {
    serde_json::value::to_raw_value(&said?).map_err(|_| StoreError::Unwritten)
}

async fn say(write: &Mutex<OwnedWriteHalf>, said: &Said) {
    let Ok(mut line) = serde_json::to_vec(said) else { return };
    line.push(b'\n');
    // Whoever asked may be gone; what was decided stands all the same.
    let _ = write.lock().await.write_all(&line).await;
}
