//! Room on the disk that is kept for ending what was begun.
//!
//! A file that nobody reads. When the disk is full it is removed, and settlements, voids and
//! expiries fit in its place; nothing new is begun until there is room to lay it again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::error::StoreError;

/// What is written at once. Its bytes are random, so that no file system folds them into less.
const CHUNK_BYTES: usize = 1 << 20;

/// The file of a store's reserve, and how large it is meant to be.
#[derive(Debug)]
pub(super) struct Reserve {
    file: PathBuf,
    bytes: u64,
}

impl Reserve {
    /// The reserve of the store in `dir`; nothing is written yet. Zero bytes keep nothing free.
    pub(super) fn of(dir: &Path, bytes: u64) -> Self {
        Self { file: dir.join("pixelgate.reserve"), bytes }
    }

    /// Gives its room to whoever needs it first: the store has a disk of its own, or shares.
    pub(super) fn release(&self) {
        if let Err(error) = fs::remove_file(&self.file)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::error!(%error, "the store's reserve could not be released");
        }
    }

    /// Whether anything of it is there, to be released.
    pub(super) fn is_there(&self) -> bool {
        self.file.exists()
    }

    /// Sees to it that it is there. False, and nothing is kept, when there is no room for it and a
    /// quarter more: else the next hold would only find the disk full again.
    pub(super) fn lay(&self) -> bool {
        let laid = fs::metadata(&self.file).is_ok_and(|file| file.len() == self.bytes);
        if laid {
            return true;
        }
        match self.write() {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, bytes = self.bytes, "there is no room for the store's reserve");
                self.release();
                false
            }
        }
    }

    fn write(&self) -> io::Result<()> {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).open(&self.file)?;
        let chunk = noise();
        let mut missing = self.bytes.saturating_add(self.bytes.div_ceil(4));
        // Without a reserve, a little room is looked for all the same.
        missing = missing.max(u64::try_from(chunk.len()).unwrap_or(0));
        while missing > 0 {
            let part = usize::try_from(missing).unwrap_or(usize::MAX).min(chunk.len());
            file.write_all(chunk.get(..part).unwrap_or_default())?;
            missing = missing.saturating_sub(u64::try_from(part).unwrap_or(u64::MAX));
        }
        file.sync_all()?;
        self.cut(&file)
    }

    fn cut(&self, file: &File) -> io::Result<()> {
        if self.bytes == 0 { fs::remove_file(&self.file) } else { file.set_len(self.bytes) }
    }
}

/// Whether an error is want of room alone. `SQLite` says so before the commit's last byte is
/// written, so that nothing of it is there; want of room that a sync finds is another error.
pub(super) fn is_full(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(error)
        if error.sqlite_error_code() == Some(ErrorCode::DiskFull))
}

/// Whether an error puts in doubt what is on the disk.
pub(super) fn is_doubt(error: &StoreError) -> bool {
    matches!(error, StoreError::Database(error)
        if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure))
}

fn noise() -> Vec<u8> {
    let mut bytes = vec![0; CHUNK_BYTES];
    // Zeros would do on most file systems.
    if let Err(error) = getrandom::fill(&mut bytes) {
        tracing::debug!(%error, "the reserve is laid with zeros");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_laid_once_released_and_laid_again() {
        let dir = tempfile::tempdir().unwrap();
        let reserve = Reserve::of(dir.path(), 3 << 20);
        let file = dir.path().join("pixelgate.reserve");
        assert!(reserve.lay());
        assert_eq!(fs::metadata(&file).unwrap().len(), 3 << 20);
        fs::write(&file, vec![0; 3 << 20]).unwrap();
        assert!(reserve.lay());
        assert!(fs::read(&file).unwrap().iter().all(|byte| *byte == 0), "it was there already");
        reserve.release();
        assert!(!file.exists());
        assert!(reserve.lay() && file.exists());
    }

    #[test]
    fn no_reserve_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Reserve::of(dir.path(), 0).lay());
        assert!(!dir.path().join("pixelgate.reserve").exists());
    }

    #[test]
    fn a_reserve_that_cannot_be_laid_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let nowhere = dir.path().join("gone");
        assert!(!Reserve::of(&nowhere, 1 << 20).lay());
        assert!(!nowhere.exists());
    }
}
