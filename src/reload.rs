//! Keeps the policy in force: reads the folder, builds a snapshot, swaps it or keeps the old one.
//!
//! The folder is read four times a second and compared as text, and news must be there twice: a file that
//! is just being written may read as sound. One that is empty is a fault, however long it is empty. That
//! sees every way a file can change (an editor's rename, a mounted map that is swapped by its link, a
//! network share), where watching for events sees only some.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::Notify;

use crate::policy::{self, Policy, PolicyFault, PolicyText, SecretPlace};

/// How often the folder is read; a change is in force well within a second.
const READ_EVERY: Duration = Duration::from_millis(250);

/// The most files that a policy may have.
const FILES_MAX: usize = 256;

/// The policy in force, and the folder that it comes from.
#[derive(Debug)]
pub struct LivePolicy {
    folder: PathBuf,
    current: ArcSwap<Policy>,
    seen: Mutex<Vec<PolicyText>>,
    /// What the last look found, where that was new.
    news: Mutex<Option<Vec<PolicyText>>>,
    asked: Notify,
}

/// Why a policy cannot be used.
#[derive(Debug, Error)]
pub enum ReloadError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There are more files than a policy may have.
    #[error("{} holds more than {FILES_MAX} policy files", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
    },
    /// The text has faults.
    #[error("{}", list(.0))]
    Faults(Vec<PolicyFault>),
}

fn list(faults: &[PolicyFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// What one look at the folder came to.
#[derive(Debug)]
pub enum Look {
    /// Nothing has changed.
    Same,
    /// A new snapshot is in force.
    Swapped(Arc<Policy>),
    /// The change cannot be used; the old snapshot stays.
    Kept(ReloadError),
}

impl LivePolicy {
    /// Reads and builds the policy in `folder`.
    pub fn load(folder: &Path) -> Result<Self, ReloadError> {
        let texts = read(folder)?;
        let policy = build(&texts)?;
        Ok(Self {
            folder: folder.to_owned(),
            current: ArcSwap::from_pointee(policy),
            seen: Mutex::new(texts),
            news: Mutex::new(None),
            asked: Notify::new(),
        })
    }

    /// The snapshot in force; one request keeps one from end to end.
    pub fn current(&self) -> Arc<Policy> {
        self.current.load_full()
    }

    /// Asks for the folder to be read at once, changed or not.
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// Follows the folder for ever, telling `told` of every change.
    pub async fn follow(self: Arc<Self>, told: impl Fn(&Look) + Send + Sync) {
        loop {
            let forced = tokio::select! {
                () = tokio::time::sleep(READ_EVERY) => false,
                () = self.asked.notified() => true,
            };
            // A network share may hang, so the folder is not read on an async thread.
            let own = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || own.look(forced)).await {
                Ok(look) => told(&look),
                Err(error) => tracing::error!(%error, "the policy folder could not be looked at"),
            }
        }
    }

    /// Looks at the folder once. `forced` builds even when the text is the same, since a credential
    /// that policy names may have changed.
    pub fn look(&self, forced: bool) -> Look {
        let texts = match read(&self.folder) {
            Ok(texts) => texts,
            Err(error) => {
                // Told once, not at every look: an empty list stands for "could not be read".
                let mut seen = self.seen.lock();
                let news = forced || !seen.is_empty();
                seen.clear();
                return if news { Look::Kept(error) } else { Look::Same };
            }
        };
        let mut seen = self.seen.lock();
        if !forced && *seen == texts {
            *self.news.lock() = None;
            return Look::Same;
        }
        if !self.stands(&texts) && !forced {
            return Look::Same;
        }
        *self.news.lock() = None;
        let built = build(&texts);
        *seen = texts;
        match built {
            Ok(policy) => {
                let policy = Arc::new(policy);
                self.current.store(Arc::clone(&policy));
                Look::Swapped(policy)
            }
            Err(error) => Look::Kept(error),
        }
    }

    /// Whether the look before this one found the same.
    fn stands(&self, texts: &[PolicyText]) -> bool {
        let mut news = self.news.lock();
        let stands = news.as_deref() == Some(texts);
        *news = (!stands).then(|| texts.to_vec());
        stands
    }
}

/// Reads and builds the policy in `folder`, for `check`.
pub fn check(folder: &Path) -> Result<Policy, ReloadError> {
    build(&read(folder)?)
}

fn build(texts: &[PolicyText]) -> Result<Policy, ReloadError> {
    policy::build(texts, &SecretPlace::find).map_err(ReloadError::Faults)
}

/// Every `.toml` file of the folder, by name.
fn read(folder: &Path) -> Result<Vec<PolicyText>, ReloadError> {
    let cannot = |path: &Path| {
        let path = path.to_owned();
        move |source| ReloadError::Read { path, source }
    };
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot(folder))? {
        let path = entry.map_err(cannot(folder))?.path();
        let file = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let is_policy = path.extension().is_some_and(|extension| extension == "toml");
        if !is_policy || file.starts_with('.') {
            continue;
        }
        if texts.len() >= FILES_MAX {
            return Err(ReloadError::TooMany { path: folder.to_owned() });
        }
        let text = std::fs::read_to_string(&path).map_err(cannot(&path))?;
        texts.push(PolicyText { file, text });
    }
    texts.sort_by(|a, b| a.file.cmp(&b.file));
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_being_written_is_not_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &str| std::fs::write(folder.path().join("a.toml"), text).unwrap();
        write("# one\n");
        let live = LivePolicy::load(folder.path()).unwrap();
        write("");
        assert!(matches!(live.look(false), Look::Same));
        write("# two\n");
        assert!(matches!(live.look(false), Look::Same));
        assert!(matches!(live.look(false), Look::Swapped(_)));
        assert!(matches!(live.look(false), Look::Same));
        // What came and went again is news once more.
        write("# two\n# more\n");
        assert!(matches!(live.look(false), Look::Same));
        write("# two\n");
        assert!(matches!(live.look(false), Look::Same));
        write("# two\n# more\n");
        assert!(matches!(live.look(false), Look::Same));
        // An empty file is not taken for a policy without plans.
        write("");
        assert!(matches!(live.look(false), Look::Same));
        let Look::Kept(error) = live.look(false) else { panic!("nothing new is in force") };
        assert_eq!(
            error.to_string(),
            "a.toml:1: file: is empty; write policy into it, or remove it"
        );
        // Who asks for it says that it is whole.
        write("# three\n");
        assert!(matches!(live.look(true), Look::Swapped(_)));
    }
}
