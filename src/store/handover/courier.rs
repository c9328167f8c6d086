//! The side that gave the books away: what is asked here is carried to the other process.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::sync::OwnedSemaphorePermit;

use super::super::ask::{Ask, Chore, Letter, Reply};
use super::super::error::StoreError;
use super::super::jobs::JobAsk;
use super::super::shared::Shared;
use super::{Asked, Carried, Said};

/// How long a close waits for answers that are under way.
const CLOSE_PATIENCE: Duration = Duration::from_secs(30);

/// Who waits for an answer, and the place in line.
type Pending = (Deliver, Option<OwnedSemaphorePermit>);

/// Tells whoever asked.
type Deliver = Box<dyn FnOnce(Result<Box<RawValue>, StoreError>) + Send>;

/// What becomes of an ask.
enum Fate {
    Carried(Carried, Deliver),
    /// There is nothing to ask the other for.
    Done,
    Closing(Reply<()>),
}

/// Asks under way, each with its place in line; `None` once the other process is gone.
struct Waiting {
    asks: Mutex<Option<HashMap<u64, Pending>>>,
    emptied: Condvar,
    shared: Arc<Shared>,
}

/// Carries what is asked until it is told to close, or until nobody can ask any more.
pub(in super::super) fn carry(
    stream: &UnixStream,
    (line, inbox): (impl IntoIterator<Item = Letter>, &Receiver<Letter>),
    shared: Arc<Shared>,
) {
    let asks = Mutex::new(Some(HashMap::new()));
    let waiting = Arc::new(Waiting { asks, emptied: Condvar::new(), shared });
    let Ok(own) = stream.try_clone() else { return };
    let hearing = Arc::clone(&waiting);
    let listener = thread::Builder::new().name("store answers".to_owned());
    let listener = listener.spawn(move || hearing.listen(&own));
    if let Err(error) = &listener {
        tracing::error!(%error, "what is in flight cannot be ended: no thread");
        return;
    }
    let mut number = 0_u64;
    for letter in line.into_iter().chain(inbox.iter()) {
        match fate(letter.ask) {
            Fate::Carried(ask, deliver) => {
                number = number.wrapping_add(1);
                waiting.send(stream, &Asked { number, ask }, (deliver, letter.place));
            }
            Fate::Done => {}
            Fate::Closing(reply) => {
                waiting.until_empty();
                // The other end hears that nothing more comes; this one then does, too.
                let _ = stream.shutdown(Shutdown::Write);
                reply.give(Ok(()));
                return;
            }
        }
    }
}

impl Waiting {
    fn send(&self, stream: &UnixStream, asked: &Asked, (deliver, place): Pending) {
        match self.asks.lock().as_mut() {
            Some(asks) => {
                asks.insert(asked.number, (deliver, place));
            }
            None => return deliver(Err(StoreError::Away)),
        }
        if write_line(stream, asked).is_err() {
            self.give_up();
        }
    }

    /// Hears answers until the other process is gone.
    fn listen(&self, stream: &UnixStream) {
        for line in BufReader::new(stream).lines() {
            let said = line.ok().and_then(|line| serde_json::from_str::<Said>(&line).ok());
            let Some(Said { number, said }) = said else { break };
            let answered = self.asks.lock().as_mut().and_then(|asks| asks.remove(&number));
            if let Some((deliver, place)) = answered {
                self.shared.add_turn();
                // Whoever is answered finds the place free.
                drop(place);
                deliver(said.map_err(StoreError::from));
            }
            self.emptied.notify_all();
        }
        self.give_up();
    }

    /// Nobody answers any more.
    fn give_up(&self) {
        let left = self.asks.lock().take().unwrap_or_default();
        if !left.is_empty() {
            let asks = left.len();
            tracing::error!(asks, "the process that took over is gone; holds end when they expire");
        }
        for (deliver, _) in left.into_values() {
            deliver(Err(StoreError::Away));
        }
        self.emptied.notify_all();
    }

    fn until_empty(&self) {
        let mut asks = self.asks.lock();
        let is_waiting =
            |asks: &mut Option<HashMap<_, _>>| asks.as_ref().is_some_and(|asks| !asks.is_empty());
        self.emptied.wait_while_for(&mut asks, is_waiting, CLOSE_PATIENCE);
    }
}

/// Writes one line of JSON.
pub(super) fn write_line(mut stream: &UnixStream, what: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// What becomes of an ask in a process that gave its books away: what a request in flight asks is
/// carried, and what keeps house is the other's to do.
fn fate(ask: Ask) -> Fate {
    match ask {
        Ask::Hold(ask, pledge, reply) => Fate::Carried(Carried::Hold(ask, pledge), to(reply)),
        Ask::Settle(hold, price, receipt, kept, reply) => {
            Fate::Carried(Carried::Settle(hold, price, receipt, kept), to(reply))
        }
        Ask::Void(hold, receipt, kept, reply) => {
            Fate::Carried(Carried::Void(hold, receipt, kept), to(reply))
        }
        Ask::Note(receipt) => Fate::Carried(Carried::Note(receipt), Box::new(drop)),
        Ask::Chore(Chore::KeepPicture(kept, reply)) => {
            Fate::Carried(Carried::KeepPicture(kept), to(reply))
        }
        Ask::Chore(Chore::ErasePicture(id, reply)) => {
            Fate::Carried(Carried::ErasePicture(id), to(reply))
        }
        Ask::Job(ask) => fate_of_job(ask),
        Ask::Balance(workspace, reply) => Fate::Carried(Carried::Balance(workspace), to(reply)),
        Ask::Spendable(workspace, reply) => Fate::Carried(Carried::Spendable(workspace), to(reply)),
        Ask::QuotaUsed(subject, unit, period, reply) => {
            Fate::Carried(Carried::QuotaUsed(subject, unit, period), to(reply))
        }
        Ask::Close(reply) => Fate::Closing(reply),
        Ask::Sweep(reply) => {
            reply.give(Ok(()));
            Fate::Done
        }
        Ask::Allowances(_) => Fate::Done,
        Ask::Chore(Chore::AlertTried(..)) | Ask::Change(..) | Ask::HandOver(..) => refused(&ask),
        #[cfg(test)]
        Ask::Meddle(_) | Ask::Crash(_) => refused(&ask),
    }
}

fn fate_of_job(ask: JobAsk) -> Fate {
    match ask {
        JobAsk::Accept(hold, new, promised, reply) => {
            Fate::Carried(Carried::Accept(hold, new, promised), to(reply))
        }
        JobAsk::Begin(id, reply) => Fate::Carried(Carried::Begin(id), to(reply)),
        JobAsk::Place(id, order, reply) => Fate::Carried(Carried::Place(id, order), to(reply)),
        JobAsk::Cancel(id, reply) => Fate::Carried(Carried::Cancel(id), to(reply)),
        JobAsk::End(id, end, reply) => Fate::Carried(Carried::End(id, end), to(reply)),
        JobAsk::Tried(..) => refused(&Ask::Job(ask)),
    }
}

/// Whoever asks again asks the process that took over.
fn refused(ask: &Ask) -> Fate {
    ask.refuse(|| StoreError::Away);
    Fate::Done
}

fn to<T: DeserializeOwned + Send + 'static>(reply: Reply<T>) -> Deliver {
    Box::new(move |said| {
        let unreadable = |_| StoreError::Away;
        reply.give(said.and_then(|value| serde_json::from_str(value.get()).map_err(unreadable)));
    })
}
