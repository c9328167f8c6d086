//! Answers that are said again to repeats: the small ones in rows, the large ones in files.
//!
//! A file is whole and on disk before the row that names it. It is named after a hold, which only
//! one row ever names, so that removing the row allows removing the file.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::canonical::RefusalKind;
use crate::config;
use crate::dialect::Pieces;
use crate::id::{HoldId, MediaId};
use crate::pledge::Gone;

use super::error::StoreError;

/// The largest answer that is kept in its row; beyond it, commits of others would wait for it.
pub const ROW_BYTES_MAX: usize = 256 << 10;

/// What is kept where nothing else is said; a test holds it to the documented default.
pub const USUAL_BOUNDS: config::Answers =
    config::Answers { each_bytes_max: 16 << 20, all_bytes_max: 4 << 30 };

/// An answer as it was said first.
#[derive(Clone, Debug)]
pub struct KeptAnswer {
    /// The HTTP status.
    pub status: u16,
    /// What its head says, without what is said anew each time.
    pub headers: HeaderMap,
    /// What kind of no it is, if it is one.
    pub refusal: Option<RefusalKind>,
    /// Pictures that it names by address; without them it is worth nothing.
    pub pictures: Vec<MediaId>,
    /// The body.
    pub body: Pieces,
}

/// An answer on its way to its row, or why it will not be there.
#[derive(Debug)]
pub struct AnswerKept(pub(super) Result<Prepared, Gone>);

/// What the row is to say.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) head: String,
    pub(super) bytes: i64,
    pub(super) digest: [u8; 32],
    /// `None` when it is in its file.
    pub(super) body: Option<Vec<u8>>,
}

/// The head of an answer as its row has it.
#[derive(Debug, Serialize, Deserialize)]
struct HeadRow {
    status: u16,
    headers: Vec<(String, String)>,
    refusal: Option<String>,
    pictures: Vec<MediaId>,
}

/// What a row says of an answer.
pub(super) struct Row {
    head: String,
    digest: [u8; 32],
    /// `None` when it is in its file.
    body: Option<Vec<u8>>,
}

/// The folder of answers that are too large for rows.
#[derive(Clone, Debug)]
pub(super) struct Answers(PathBuf);

impl AnswerKept {
    /// Why it will not be there, if it will not.
    pub const fn gone(&self) -> Option<Gone> {
        match self.0 {
            Ok(_) => None,
            Err(gone) => Some(gone),
        }
    }

    /// Whether a file was written for it.
    pub(super) fn is_in_file(&self) -> bool {
        self.0.as_ref().is_ok_and(|prepared| prepared.body.is_none())
    }
}

impl Answers {
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        let folder = dir.join("answers");
        fs::create_dir_all(&folder)
            .map_err(|source| StoreError::Directory { dir: folder.clone(), source })?;
        Ok(Self(folder))
    }

    /// Makes an answer ready for its row; when this returns, a large one is on disk.
    pub(super) fn prepare(
        &self,
        hold: &HoldId,
        answer: KeptAnswer,
        bytes_max: usize,
    ) -> AnswerKept {
        let bytes = answer.body.len();
        if bytes > bytes_max {
            return AnswerKept(Err(Gone::TooLarge));
        }
        let head = HeadRow::of(&answer);
        let slices = answer.body.into_slices();
        let mut hash = Sha256::new();
        for slice in &slices {
            hash.update(slice);
        }
        let body = if bytes <= ROW_BYTES_MAX {
            Some(slices.concat())
        } else {
            if let Err(error) = self.write(hold, &slices) {
                self.remove(std::slice::from_ref(hold));
                tracing::warn!(%error, %hold, "an answer could not be kept");
                return AnswerKept(Err(Gone::Lost));
            }
            None
        };
        let head = serde_json::to_string(&head).map_err(|_| Gone::Lost);
        AnswerKept(head.map(|head| Prepared {
            head,
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            digest: hash.finalize().into(),
            body,
        }))
    }

    fn write(&self, hold: &HoldId, slices: &[Bytes]) -> io::Result<()> {
        let mut file = File::create_new(self.place(hold))?;
        for slice in slices {
            file.write_all(slice)?;
        }
        file.sync_all()?;
        // The name, too, must outlive a power cut before a row may count on it.
        File::open(&self.0)?.sync_all()
    }

    /// What the row of this hold says of its answer.
    pub(super) fn row(database: &Connection, hold: &HoldId) -> Result<Option<Row>, StoreError> {
        Ok(database
            .prepare_cached(
                "SELECT head, digest, body FROM pledge WHERE hold = ?1 AND state = 'kept'",
            )?
            .query_row([hold.as_str()], |row| {
                Ok(Row { head: row.get(0)?, digest: row.get(1)?, body: row.get(2)? })
            })
            .optional()?)
    }

    /// The answer that was kept with this hold, if it is there and whole.
    pub(super) fn read(&self, hold: &HoldId, row: Row) -> Option<KeptAnswer> {
        let Row { head, digest, body } = row;
        let body = body.map_or_else(|| fs::read(self.place(hold)), Ok);
        let whole = body.ok().filter(|body| <[u8; 32]>::from(Sha256::digest(body)) == digest);
        let head: Option<HeadRow> = serde_json::from_str(&head).ok();
        let (Some(body), Some(head)) = (whole, head) else {
            tracing::warn!(%hold, "an answer that was kept is not there whole");
            return None;
        };
        Some(head.with(body))
    }

    /// Removes the files of rows that are gone; what cannot be removed goes at the next start.
    pub(super) fn remove(&self, holds: &[HoldId]) {
        for hold in holds {
            let _ = fs::remove_file(self.place(hold));
        }
    }

    /// Removes every file that no row names: a crash came before its row.
    pub(super) fn tidy(&self, database: &Connection) -> Result<(), StoreError> {
        let unusable = |source| StoreError::Directory { dir: self.0.clone(), source };
        let mut named = database
            .prepare("SELECT 1 FROM pledge WHERE hold = ?1 AND state = 'kept' AND body IS NULL")?;
        for file in fs::read_dir(&self.0).map_err(unusable)? {
            let file = file.map_err(unusable)?;
            if !named.exists([file.file_name().to_string_lossy()])? {
                fs::remove_file(file.path()).map_err(unusable)?;
            }
        }
        Ok(())
    }

    fn place(&self, hold: &HoldId) -> PathBuf {
        self.0.join(hold.as_str())
    }
}

impl HeadRow {
    fn of(answer: &KeptAnswer) -> Self {
        let headers = answer.headers.iter().filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        });
        Self {
            status: answer.status,
            headers: headers.collect(),
            refusal: answer.refusal.map(|kind| kind.code().to_owned()),
            pictures: answer.pictures.clone(),
        }
    }

    fn with(self, body: Vec<u8>) -> KeptAnswer {
        let headers = self.headers.iter().filter_map(|(name, value)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::from_str(value).ok()?))
        });
        let named = |code: &str| RefusalKind::ALL.into_iter().find(|kind| kind.code() == code);
        KeptAnswer {
            status: self.status,
            headers: headers.collect(),
            refusal: self.refusal.as_deref().and_then(named),
            pictures: self.pictures,
            body: Pieces::one(body),
        }
    }
}
