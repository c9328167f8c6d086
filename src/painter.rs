//! The painter: a vendor inside this process that paints landscapes from prompt and seed.
//!
//! It speaks a wire form of its own, so the path to it is the path to any vendor. It can play a
//! vendor's faults on purpose, for people who test their own apps.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::future::try_join_all;
use http::{HeaderMap, HeaderValue};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::catalog::{InProcess, PlayedFault};
use crate::dialect::{Pieces, WireReply, WireRequest};
use crate::raster::{self, RasterError};

mod brush;
mod canvas;
mod colour;
mod edit;
mod grid;
mod mood;
mod noise;
mod order;
mod scene;

pub use canvas::{Spec, paint};
use edit::Under;
use order::{No, Order, Painted};

/// Orders that are waited for at once; the next is told that the painter is busy.
pub const ORDERS_MAX: usize = 256;

/// How long a caller should wait when the painter is busy.
const RETRY_AFTER_MS: u64 = 250;

/// Paints off the async threads, so many pictures at once.
#[derive(Debug)]
pub struct Painter {
    easels: Arc<Semaphore>,
    orders: Semaphore,
}

impl Painter {
    /// A painter with so many easels: pictures painted at the same time, one at least.
    pub fn new(easels: usize) -> Self {
        Self { easels: Arc::new(Semaphore::new(easels.max(1))), orders: Semaphore::new(ORDERS_MAX) }
    }

    /// The painter as a vendor inside the process, for whoever calls vendors.
    pub fn into_vendor(
        self,
    ) -> Box<dyn Fn(InProcess, WireRequest) -> BoxFuture<'static, WireReply> + Send + Sync> {
        let painter = Arc::new(self);
        Box::new(move |settings, wire| {
            let painter = Arc::clone(&painter);
            Box::pin(async move { painter.answer(settings, &wire).await })
        })
    }

    /// Answers one request as a vendor would; a played [`PlayedFault::Hang`] never answers.
    pub async fn answer(&self, settings: InProcess, request: &WireRequest) -> WireReply {
        if !settings.latency.is_zero() {
            tokio::time::sleep(settings.latency).await;
        }
        match settings.fault {
            None => self.fill(request).await.unwrap_or_else(|no| no.reply()),
            Some(PlayedFault::Busy) => busy().reply(),
            Some(PlayedFault::Broken) => No::broken("broken on purpose").reply(),
            Some(PlayedFault::Refused) => No::refused("refused on purpose").reply(),
            Some(PlayedFault::Empty) => order::reply(&[]),
            Some(PlayedFault::Garbled) => garbled(),
            Some(PlayedFault::Hang) => std::future::pending().await,
        }
    }

    async fn fill(&self, request: &WireRequest) -> Result<WireReply, No> {
        let order = Order::decode(request)?;
        let _place = self.orders.try_acquire().map_err(|_| busy())?;
        let under = order.under()?.map(Arc::new);
        let pictures = order.specs().map(|spec| self.paint_one(&order, spec, under.clone()));
        let painted = try_join_all(pictures).await?;
        Ok(order::reply(&painted))
    }

    async fn paint_one(
        &self,
        order: &Order,
        spec: Spec,
        under: Option<Arc<Under>>,
    ) -> Result<Painted, No> {
        let (format, compression) = (order.format, order.compression);
        let easel = Arc::clone(&self.easels).acquire_owned().await;
        let easel = easel.map_err(|_| No::broken("the painter has closed"))?;
        let work = move || {
            let painting = paint(&spec);
            let painting =
                under.map_or(Ok(painting.clone()), |under| edit::over(&under, &painting));
            let bytes = painting.and_then(|done| raster::encode(done, format, compression));
            // Held by the work itself: a caller who leaves does not free an easel still in use.
            drop(easel);
            bytes.map(|bytes| Painted { bytes, format, size: spec.size, seed: spec.seed })
        };
        spawn_blocking(work)
            .await
            .map_err(|stopped| No::broken(&stopped.to_string()))?
            .map_err(|failed| unpainted(&failed))
    }
}

/// A picture that cannot be opened is whose order it is in, not the painter's: others are still served.
fn unpainted(failed: &RasterError) -> No {
    let detail = failed.to_string();
    match failed {
        RasterError::TooLarge(_)
        | RasterError::Unknown
        | RasterError::Decode(_)
        | RasterError::TooLargeForAvif(_) => No::invalid(&detail),
        RasterError::Encode { .. }
        | RasterError::EncodeAvif(_)
        | RasterError::EncodeWebp(_)
        | RasterError::NoFont => No::broken(&detail),
    }
}

fn busy() -> No {
    No::busy("too many pictures are being painted", RETRY_AFTER_MS)
}

fn garbled() -> WireReply {
    let html = HeaderValue::from_static("text/html");
    WireReply {
        status: 200,
        headers: HeaderMap::from_iter([(http::header::CONTENT_TYPE, html)]),
        body: Pieces::one(&b"<html><body>We will be right back.</body></html>"[..]),
    }
}

#[cfg(test)]
mod tests;
