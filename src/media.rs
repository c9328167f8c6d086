//! Work on pictures that something asked for: measuring, reworking, keeping and finding them.
//!
//! A picture nobody asked anything of never comes here. Decoding and files stay off the async
//! threads, and so many jobs run at once as were allowed at the start; the rest wait their turn.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use bytes::Bytes;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

use crate::canonical::{Format, Image, InputImage, Picture, Size};
use crate::dialect::MaskStyle;
use crate::id::{MediaId, WorkspaceId};
use crate::raster::{self, RasterError};

mod mask;
mod rework;
mod shelf;

pub use rework::Rework;
use shelf::Shelf;
pub use shelf::file_name;

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
    /// The work was stopped before its end, which happens at shutdown.
    #[error("the work on a picture was stopped")]
    Stopped(#[source] JoinError),
    /// No more work is taken.
    #[error("no more work on pictures is taken")]
    Closed,
}

/// The workshop for pictures and the shelf they are kept on.
#[derive(Debug)]
pub struct Media {
    shelf: Arc<Shelf>,
    jobs: Arc<Semaphore>,
    files: Arc<Semaphore>,
}

impl Media {
    /// Keeps pictures below `dir`, which is made if need be, and works on `jobs_max` at a time.
    pub fn open(dir: impl Into<PathBuf>, jobs_max: usize) -> Result<Self, MediaError> {
        Ok(Self {
            shelf: Arc::new(Shelf::open(dir.into())?),
            jobs: Arc::new(Semaphore::new(jobs_max.max(1))),
            files: Arc::new(Semaphore::new(FILES_MAX)),
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

    /// Keeps a picture for a workspace, under a name that nobody can guess.
    ///
    /// When this returns, the picture is on the disk whole.
    pub async fn keep(
        &self,
        workspace: &WorkspaceId,
        picture: Picture,
        format: Format,
    ) -> Result<MediaId, MediaError> {
        let id = shelf::new_id(workspace);
        let folder = Arc::clone(&self.shelf);
        let write = move || {
            let bytes = content(&picture)?;
            folder.put(&id, format, &bytes)?;
            Ok(id)
        };
        run(&self.files, write).await
    }

    /// A kept picture; `None` when there is none of that name, or it is no name at all.
    pub async fn find(&self, id: &str) -> Result<Option<(Format, Bytes)>, MediaError> {
        let Some(id) = shelf::known_id(id) else {
            return Ok(None);
        };
        let folder = Arc::clone(&self.shelf);
        run(&self.files, move || folder.get(&id)).await
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
