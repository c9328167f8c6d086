//! Stands between a store and its database, and loses what it is told to.
#![expect(clippy::disallowed_methods, reason = "what is spawned ends with the test's runtime")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What is lost on the way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// What the database says of a commit that it did.
    Answer,
    /// What it was to commit.
    Commit,
    /// What the database says of a commit that it did, and every line to it until it is back.
    AnswerAndLine,
}

/// Between a store and its database; cuts the line where it is told to, once.
pub(crate) struct Proxy {
    /// The database, by way of this.
    pub(crate) url: String,
    fate: Arc<Fate>,
}

#[derive(Default)]
struct Fate {
    /// What is lost next, of the commit that writes this text.
    next: Mutex<Option<(Lost, String)>>,
    is_shut: AtomicBool,
}

impl Proxy {
    pub(crate) async fn before(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = listener.local_addr().unwrap().to_string();
        let theirs = url.split('@').nth(1).unwrap().split('/').next().unwrap().to_owned();
        let fate = Arc::new(Fate::default());
        let (seen, to) = (Arc::clone(&fate), theirs.clone());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(relay(client, to.clone(), Arc::clone(&seen)));
            }
        });
        Self { url: url.replace(&theirs, &ours), fate }
    }

    /// The next commit that writes this text is lost, in one way or another.
    pub(crate) fn lose(&self, lost: Lost, written: &str) {
        *self.fate.next() = Some((lost, written.to_owned()));
    }

    pub(crate) fn has_lost(&self) -> bool {
        self.fate.next().is_none()
    }

    pub(crate) fn is_back(&self) {
        self.fate.is_shut.store(false, Ordering::SeqCst);
    }
}

impl Fate {
    fn next(&self) -> std::sync::MutexGuard<'_, Option<(Lost, String)>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be lost of a commit that writes this.
    fn of(&self, asked: &[u8]) -> Option<Lost> {
        let next = self.next();
        let (lost, written) = next.as_ref()?;
        let writes = asked.windows(written.len()).any(|part| part == written.as_bytes());
        writes.then_some(*lost)
    }

    fn meet(&self, lost: Lost) {
        self.is_shut.fetch_or(lost == Lost::AnswerAndLine, Ordering::SeqCst);
        *self.next() = None;
    }
}

/// One line, until either side ends it or it is cut.
async fn relay(mut client: TcpStream, to: String, fate: Arc<Fate>) {
    if fate.is_shut.load(Ordering::SeqCst) {
        return;
    }
    let mut server = TcpStream::connect(&to).await.unwrap();
    let (mut asked, mut told) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut lost = None;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(read @ 1..) = read else { return };
                lost = lost.or_else(|| fate.of(&asked[..read]));
                if lost == Some(Lost::Commit) {
                    return fate.meet(Lost::Commit);
                }
                if server.write_all(&asked[..read]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut told) => {
                let Ok(read @ 1..) = read else { return };
                let commits = told[..read].windows(7).any(|part| part == b"COMMIT\0");
                if let Some(lost) = lost.filter(|_| commits) {
                    return fate.meet(lost);
                }
                let is_shut = fate.is_shut.load(Ordering::SeqCst);
                if is_shut || client.write_all(&told[..read]).await.is_err() {
                    return;
                }
            }
        }
    }
}
