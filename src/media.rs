//! Work on pictures that something asked for: measuring, reworking, keeping and finding them.
//!
//! A picture nobody asked anything of never comes here. Decoding and files stay off the async
//! threads, and so many jobs run at once as were allowed at the start; the rest wait their turn.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use tokio::sync::{Mutex, OwnedMutexGuard, Semaphore};
use tokio::task::{JoinError, spawn_blocking};

use crate::canonical::{Format, Image, InputImage, Picture, Size};
use crate::clock::Now;
use crate::config::Library;
use crate::dialect::MaskStyle;
use crate::id::MediaId;
use crate::raster::{self, RasterError};

mod address;
mod mask;
mod rework;
mod shelf;

use address::Addresses;
pub use address::{Standing, file_name};
pub use rework::Rework;
use shelf::Shelf;

/// Bytes of one encoded picture, whether it is reworked, kept or found.
pub const PICTURE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Files written or read at once; apart from other work, so that serving never waits for scaling.
pub const FILES_MAX: usize = 32;

/// Why a picture was not measured, reworked, kept or found.
#[derive(Debug, Error)]
pub enum MediaError {
    /// It is an address; somebody has to fetch it first.
    #[error("the picture is an address, and its content is not here")]
    NotHere,
    /// It is not what it claims to be wrapped in.
    #[error("the picture is not standard base64")]
    NotBase64(#[source] base64::DecodeError),
    /// It is longer than what is worked on.
    #[error("the picture has {bytes} bytes, which is beyond the bound of {PICTURE_BYTES_MAX}")]
    TooLong {
        /// Its length, estimated where it is still wrapped.
        bytes: usize,
    },
    /// Its pixels cannot be had.
    #[error(transparent)]
    Raster(#[from] RasterError),
    /// The pixels asked for are none, or more than are made.
    #[error("a picture of {0} cannot be made")]
    BadSize(Size),
    /// The disk did not do as told.
    #[error("cannot {what} {}", .path.display())]
    Disk {
        /// What was tried.
        what: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The object store did not do as told.
    #[error("cannot {what} pictures in the object store")]
    Objects {
        /// What was tried.
        what: &'static str,
        /// What the object store said.
        #[source]
        source: object_store::Error,
    },
    /// A credential that config names is not there.
    #[error("there is no credential at {place}, which config names")]
    NoCredential {
        /// Where it should be.
        place: String,
    },
    /// The work was stopped before its end, which happens at shutdown.
    #[error("the work on a picture was stopped")]
    Stopped(#[source] JoinError),
    /// No more work is taken.
    #[error("no more work on pictures is taken")]
    Closed,
}

/// Pictures with as many different digests can be kept and erased at once.
const LOCKS: usize = 64;

/// The workshop for pictures and the shelf they are kept on.
#[derive(Debug)]
pub struct Media {
    shelf: Shelf,
    addresses: Addresses,
    jobs: Arc<Semaphore>,
    files: Arc<Semaphore>,
    locks: Vec<Arc<Mutex<()>>>,
}

/// The encoded bytes of a picture and what they are called.
#[derive(Clone, Debug)]
pub struct Weighed {
    /// SHA-256 over them, as 64 lower-case hexadecimal digits.
    pub digest: String,
    /// Themselves.
    pub bytes: Bytes,
}

/// The right to keep or erase the bytes of one digest. While it is held nobody else may.
#[derive(Debug)]
pub struct DigestLock {
    digest: String,
    _lock: OwnedMutexGuard<()>,
}

impl Media {
    /// Keeps pictures as `library` says, or in a folder below `folder`, which is made if need be;
    /// works on `jobs_max` at a time.
    pub fn open(library: &Library, folder: &Path, jobs_max: usize) -> Result<Self, MediaError> {
        let shelf = match &library.s3 {
            Some(s3) => Shelf::in_bucket(s3)?,
            None => Shelf::in_folder(folder.join("media"))?,
        };
        let key = library.address_key.as_ref();
        Ok(Self {
            shelf,
            addresses: Addresses::new(library.addresses_last, key, folder)?,
            jobs: Arc::new(Semaphore::new(jobs_max.max(1))),
            files: Arc::new(Semaphore::new(FILES_MAX)),
            locks: std::iter::repeat_with(Arc::default).take(LOCKS).collect(),
        })
    }

    /// Makes a picture what `job` asks for; one that is that already is returned untouched.
    pub async fn rework(&self, image: Image, job: Rework) -> Result<Image, MediaError> {
        if job.is_done(&image) {
            return Ok(image);
        }
        run(&self.jobs, move || rework::rework(image, &job)).await
    }

    /// Marks in a mask the area to change as a vendor reads it, at the size of the picture it is
    /// for.
    pub async fn redraw_mask(
        &self,
        mask: InputImage,
        over: InputImage,
        style: MaskStyle,
    ) -> Result<InputImage, MediaError> {
        run(&self.jobs, move || mask::redraw(&mask, &over, style)).await
    }

    /// The bytes of a picture, unwrapped, and their digest.
    pub async fn weigh(&self, picture: Picture) -> Result<Weighed, MediaError> {
        let weigh = move || {
            let bytes = content(&picture)?;
            let digest = address::hex(&Sha256::digest(&bytes));
            Ok(Weighed { digest, bytes })
        };
        run(&self.files, weigh).await
    }

    /// Waits until nobody else keeps or erases these bytes.
    pub async fn lock(&self, digest: &str) -> DigestLock {
        let bucket = digest.get(..2).and_then(|start| usize::from_str_radix(start, 16).ok());
        let lock = self.locks.get(bucket.unwrap_or(0) % LOCKS).map(Arc::clone).unwrap_or_default();
        DigestLock { digest: digest.to_owned(), _lock: lock.lock_owned().await }
    }

    /// Keeps bytes; durable when answered. Whoever keeps the lock until the index names them can
    /// be sure that they stay.
    pub async fn keep(&self, lock: &DigestLock, weighed: Weighed) -> Result<(), MediaError> {
        let _place = self.files.acquire().await.map_err(|_| MediaError::Closed)?;
        self.shelf.put(&lock.digest, weighed.bytes).await
    }

    /// A part of kept bytes; `None` when they are not there.
    pub async fn read(&self, digest: &str, part: Range<u64>) -> Result<Option<Bytes>, MediaError> {
        let _place = self.files.acquire().await.map_err(|_| MediaError::Closed)?;
        self.shelf.get(digest, part).await
    }

    /// Bytes that are read at once for whoever takes them piece by piece.
    pub const fn slice_bytes(&self) -> u64 {
        self.shelf.slice_bytes()
    }

    /// Takes bytes away. Only for whoever knows, with the lock in hand, that nothing names them.
    pub async fn erase(&self, lock: &DigestLock) -> Result<(), MediaError> {
        self.shelf.erase(&lock.digest).await
    }

    /// The digests of bytes that were kept before that moment.
    pub async fn kept_before(&self, unix_ms: i64) -> Result<Vec<String>, MediaError> {
        self.shelf.older_than(unix_ms).await
    }

    /// Takes away what was half-written before that moment, and says how many there were.
    pub async fn erase_drafts(&self, unix_ms: i64) -> Result<usize, MediaError> {
        match self.shelf.folder() {
            Some(folder) => run(&self.files, move || shelf::erase_drafts(&folder, unix_ms)).await,
            None => Ok(0),
        }
    }

    /// Path and query of a kept picture's address.
    pub fn address(&self, id: &MediaId, format: Format, now: Now) -> String {
        self.addresses.path(id.as_str(), format, now)
    }

    /// What an address is worth that names this picture and has this query.
    pub fn check_address(&self, id: &str, query: &str, now: Now) -> Standing {
        self.addresses.check(id, query, now)
    }
}

/// Works off the async threads, when one of the `places` is free.
async fn run<T: Send + 'static>(
    places: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, MediaError> + Send + 'static,
) -> Result<T, MediaError> {
    let place = Arc::clone(places).acquire_owned().await;
    let place = place.map_err(|_| MediaError::Closed)?;
    let job = move || {
        let done = work();
        // Held by the work itself: a caller who leaves does not free a place still in use.
        drop(place);
        done
    };
    spawn_blocking(job).await.map_err(MediaError::Stopped)?
}

/// What a vendor leaves off at the end of its base64 is not missed.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The encoded bytes of a picture: free when they are there already, otherwise decoded.
pub fn content(picture: &Picture) -> Result<Bytes, MediaError> {
    let bytes = match picture {
        Picture::Binary(bytes) => bytes.len(),
        Picture::Base64(text) => text.len() / 4 * 3,
        Picture::Url(_) => return Err(MediaError::NotHere),
    };
    if bytes > PICTURE_BYTES_MAX {
        return Err(MediaError::TooLong { bytes });
    }
    match picture {
        Picture::Binary(bytes) => Ok(bytes.clone()),
        Picture::Base64(text) => {
            LENIENT.decode(text).map(Bytes::from).map_err(MediaError::NotBase64)
        }
        Picture::Url(_) => Err(MediaError::NotHere),
    }
}

/// Bytes of a head that nearly every picture declares its size in.
const HEAD_BYTES: usize = 48;

/// Bytes of a head at most: photographs carry colour profiles and previews before their size.
const HEAD_BYTES_MAX: usize = 192 * 1024;

/// Format and size as the picture's head declares them; only the head is looked at.
pub fn probe(picture: &Picture) -> Option<(Format, Size)> {
    match picture {
        Picture::Binary(bytes) => raster::measure(bytes.get(..HEAD_BYTES_MAX).unwrap_or(bytes)),
        Picture::Base64(text) => {
            measure_wrapped(text, HEAD_BYTES).or_else(|| measure_wrapped(text, HEAD_BYTES_MAX))
        }
        Picture::Url(_) => None,
    }
}

fn measure_wrapped(text: &[u8], head_bytes: usize) -> Option<(Format, Size)> {
    let letters = text.len().min(head_bytes / 3 * 4);
    // Four letters make three bytes; what is cut elsewhere does not decode.
    let whole = text.get(..letters / 4 * 4)?;
    raster::measure(&STANDARD.decode(whole).ok()?)
}

#[cfg(test)]
mod tests;
