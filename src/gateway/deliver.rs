//! From what a vendor drew to what the caller is given: only what plan and request ask for.

use std::sync::Arc;

use prometheus::IntGauge;
use tokio::time::Instant;

use crate::canonical::{Change, Format, Frame, Image, ImageRequest, Refusal, Size};
use crate::media::{MediaError, Rework};

use super::attempt::Delivery;
use super::{Delivered, Gateway, Visit, Work, refuse};

impl Gateway {
    /// Reworks, measures and stores every picture of a delivery.
    pub(super) async fn deliver(
        &self,
        visit: &Visit,
        work: &Work,
        delivery: Delivery,
        deadline: Instant,
    ) -> Result<Delivered, Refusal> {
        let Delivery { mut response, candidate, changes: of_vendor, .. } = delivery;
        let request = &work.request;
        let mut changes = [work.changes.as_slice(), &of_vendor].concat();
        let watermark = watermark(visit);
        let mut images = Vec::with_capacity(response.images.len());
        for image in response.images {
            let drawn = measured(image);
            let mut job = rework(request, candidate.crop_to, &drawn);
            job.watermark.clone_from(&watermark);
            note_surprise(&mut changes, &job, &drawn);
            match self.finish(visit, request, (drawn, job), deadline).await {
                Ok(image) => images.push(image),
                Err(refusal) => {
                    Box::pin(self.forget(&images)).await;
                    return Err(refusal);
                }
            }
        }
        response.images = images;
        response.watermarked |= watermark.is_some();
        Ok(Delivered { response, changes, candidate })
    }

    /// One picture as it is given: reworked, and kept when an address was asked for.
    async fn finish(
        &self,
        visit: &Visit,
        request: &ImageRequest,
        (drawn, job): (Image, Rework),
        deadline: Instant,
    ) -> Result<Image, Refusal> {
        let work = async {
            let image = self.reworked(drawn, job).await?;
            let shelved =
                if visit.keeps(request) { Some(self.shelve(visit, &image).await?) } else { None };
            Ok((image, shelved))
        };
        let done = tokio::time::timeout_at(deadline, work).await;
        let (image, shelved) =
            done.map_err(|_| refuse::media_late())?.map_err(|e| refuse::media(&e))?;
        let Some(shelved) = shelved else {
            return Ok(image);
        };
        let stored = self.register(visit, shelved).await;
        let stored = stored.map_err(|error| refuse::store(&error, self.clock.now()))?;
        Ok(Image { stored: Some(stored), ..image })
    }

    /// The picture as the job asks for it, with the time that this took told.
    async fn reworked(&self, drawn: Image, job: Rework) -> Result<Image, MediaError> {
        if job.is_done(&drawn) {
            return Ok(drawn);
        }
        let metrics = self.telemetry.metrics();
        let (_running, began) = (Running::begin(&metrics.pictures.reworks_running), Instant::now());
        let image = self.media.rework(drawn, job).await?;
        let format = image.format.map_or("", Format::name);
        let took = began.elapsed().as_secs_f64();
        metrics.pictures.rework_seconds.with_label_values(&[format]).observe(took);
        Ok(image)
    }
}

/// Counted among what runs until it is dropped, for a deadline may end it.
struct Running(IntGauge);

impl Running {
    fn begin(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The picture with its real size and format, read from its own head.
fn measured(image: Image) -> Image {
    match crate::media::probe(&image.picture) {
        Some((format, size)) => Image { format: Some(format), size: Some(size), ..image },
        None => image,
    }
}

/// What has to be done so that the caller gets what was asked, whatever the vendor drew.
fn rework(request: &ImageRequest, planned: Option<Size>, drawn: &Image) -> Rework {
    let exact = match request.frame {
        Frame::Pixels(size) => Some(size),
        Frame::Auto | Frame::Ratio(_) => planned,
    };
    Rework {
        format: request.format.filter(|format| Some(*format) != drawn.format),
        crop_to: exact.filter(|size| Some(*size) != drawn.size),
        compression: request.compression,
        watermark: None,
    }
}

/// The words that the caller's plan has drawn into every picture.
fn watermark(visit: &Visit) -> Option<Arc<str>> {
    visit.policy.plan(visit.caller.plan())?.watermark.clone()
}

/// A vendor may draw another size or format than it was asked for; what is mended is said.
fn note_surprise(changes: &mut Vec<Change>, job: &Rework, drawn: &Image) {
    let said =
        |changes: &[Change], name: &str| changes.iter().any(|change| change.parameter == name);
    if let (Some(to), Some(from)) = (job.crop_to, drawn.size)
        && !said(changes, "size")
    {
        let how = format!("drawn at {from}, scaled and cropped to {to}");
        changes.push(Change { parameter: "size".into(), how: how.into() });
    }
    if let (Some(to), Some(from)) = (job.format, drawn.format)
        && !said(changes, "format")
    {
        let how = format!("drawn as {}, transcoded to {}", from.name(), to.name());
        changes.push(Change { parameter: "format".into(), how: how.into() });
    }
}
