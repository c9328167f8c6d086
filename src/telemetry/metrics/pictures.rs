//! The metrics of pictures: those that requests name, work on them, and the library of kept ones.

use prometheus::{HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry};

use super::{VENDOR_BUCKETS, counter, counters, gauge, histograms};

/// What becomes of pictures.
#[derive(Debug)]
pub struct PictureMetrics {
    /// Pictures that requests named, by what became of them: `fetched`, `kept`, or why not.
    pub inputs: IntCounterVec,
    /// Bytes of such pictures held now.
    pub input_bytes: IntGauge,
    /// Making a picture into another, the wait for its turn included, by the encoding it ends in.
    pub rework_seconds: HistogramVec,
    /// Pictures that are worked on or wait for it now.
    pub reworks_running: IntGauge,
    /// Pictures in the media library.
    pub kept: IntGauge,
    /// Their bytes, each picture counted for itself.
    pub kept_bytes: IntGauge,
    /// Pictures erased, by why: `asked`, `over`, or `unowned` bytes.
    pub erased: IntCounterVec,
    /// Pictures that could not be erased when they should have been.
    pub not_erased: IntCounter,
}

impl PictureMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            inputs: counters(
                r,
                "pixelgate_input_pictures_total",
                "Pictures that requests named instead of sending, by what became of them",
                &["outcome"],
            )?,
            input_bytes: gauge(
                r,
                "pixelgate_input_pictures_bytes",
                "Bytes of pictures that requests named, held now",
            )?,
            rework_seconds: histograms(
                r,
                "pixelgate_rework_duration_seconds",
                "Making a picture into another, the wait for its turn included",
                &["format"],
                VENDOR_BUCKETS,
            )?,
            reworks_running: gauge(
                r,
                "pixelgate_reworks_running",
                "Pictures that are worked on or wait for it now",
            )?,
            kept: gauge(r, "pixelgate_library_pictures", "Pictures in the media library")?,
            kept_bytes: gauge(
                r,
                "pixelgate_library_bytes",
                "Bytes of the pictures in the media library, each counted for itself",
            )?,
            erased: counters(
                r,
                "pixelgate_pictures_erased_total",
                "Pictures erased from the media library, by why",
                &["why"],
            )?,
            not_erased: counter(
                r,
                "pixelgate_pictures_not_erased_total",
                "Pictures that could not be erased when they should have been",
            )?,
        })
    }
}
