//! Answers that are said again to repeats: the small ones in rows, the large ones in files.
//!
//! A file is whole and on disk before the row that names it. It is named after a hold, which only
//! one row ever names, so that removing the row allows removing the file.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::canonical::RefusalKind;
use crate::config;
use crate::dialect::Pieces;
use crate::id::{HoldId, MediaId};
use crate::pledge::Gone;
use crate::scalar::as_base64;

use super::cells::{Cells, Query};
use super::error::StoreError;
use super::postgres::PostgresDesk;

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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AnswerKept(pub(super) Result<Prepared, Gone>);

/// What the row is to say.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Prepared {
    pub(super) head: String,
    pub(super) bytes: i64,
    pub(super) digest: [u8; 32],
    /// `None` when it is in its file.
    #[serde(with = "as_base64::maybe")]
    pub(super) body: Option<Bytes>,
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

/// Where answers are that are too large for rows of their pledges.
#[derive(Clone)]
pub(super) enum Shelf {
    Folder(Answers),
    /// A table of their own, for every node to read.
    Table(PostgresDesk),
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

/// What the row of a hold says of its answer.
pub(super) const ROW: Query =
    Query::same("SELECT head, digest, body FROM pledge WHERE hold = $1 AND state = 'kept'");

/// What the row of a hold says of how long its answer is.
pub(super) const BYTES: Query =
    Query::same("SELECT bytes FROM pledge WHERE hold = $1 AND state = 'kept'");

/// An answer as its row tells it.
pub(super) fn row(row: &dyn Cells) -> Result<Row, StoreError> {
    Ok(Row {
        head: row.text("head")?,
        digest: row.digest("digest")?,
        body: row.maybe_bytes("body")?,
    })
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
        let (prepared, slices) = match Prepared::of(answer, bytes_max) {
            Ok(prepared) => prepared,
            Err(gone) => return AnswerKept(Err(gone)),
        };
        if prepared.body.is_none()
            && let Err(error) = self.write(hold, &slices)
        {
            self.remove(std::slice::from_ref(hold));
            tracing::warn!(%error, %hold, "an answer could not be kept");
            return AnswerKept(Err(Gone::Lost));
        }
        AnswerKept(Ok(prepared))
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

/// Makes an answer ready for its row; what is too large for it comes beside.
pub(super) fn prepare_for_table(
    answer: KeptAnswer,
    bytes_max: usize,
) -> (AnswerKept, Option<Vec<u8>>) {
    match Prepared::of(answer, bytes_max) {
        Ok((prepared, slices)) => {
            let large = prepared.body.is_none().then(|| slices.concat());
            (AnswerKept(Ok(prepared)), large)
        }
        Err(gone) => (AnswerKept(Err(gone)), None),
    }
}

/// The answer that was kept with this hold, if it is there and whole.
pub(super) fn read(folder: Option<&Answers>, hold: &HoldId, row: Row) -> Option<KeptAnswer> {
    let Row { head, digest, body } = row;
    let body = body.or_else(|| fs::read(folder?.place(hold)).ok());
    let whole = body.filter(|body| <[u8; 32]>::from(Sha256::digest(body)) == digest);
    let head: Option<HeadRow> = serde_json::from_str(&head).ok();
    let (Some(body), Some(head)) = (whole, head) else {
        tracing::warn!(%hold, "an answer that was kept is not there whole");
        return None;
    };
    Some(head.with(body))
}

impl Row {
    /// Whether its body is not in the row.
    pub(super) const fn is_elsewhere(&self) -> bool {
        self.body.is_none()
    }

    /// The body that was elsewhere.
    pub(super) fn put(&mut self, body: Option<Vec<u8>>) {
        self.body = body;
    }
}

impl Prepared {
    /// The answer with its body, if that is small, and the slices of its body.
    fn of(answer: KeptAnswer, bytes_max: usize) -> Result<(Self, Vec<Bytes>), Gone> {
        let bytes = answer.body.len();
        if bytes > bytes_max {
            return Err(Gone::TooLarge);
        }
        let head = serde_json::to_string(&HeadRow::of(&answer)).map_err(|_| Gone::Lost)?;
        let slices = answer.body.into_slices();
        let mut hash = Sha256::new();
        for slice in &slices {
            hash.update(slice);
        }
        let prepared = Self {
            head,
            bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
            digest: hash.finalize().into(),
            body: (bytes <= ROW_BYTES_MAX).then(|| slices.concat().into()),
        };
        Ok((prepared, slices))
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
