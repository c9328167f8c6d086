//! An answer that begins before it is whole: previews while the vendor draws, then the end.

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use crate::canonical::{ImageRequest, Refusal};
use crate::clock::Clock;
use crate::dialect::{
    Call, Events, Pieces, Preview, RefusalContext, Streaming, VendorSide, WireReply,
};

use super::{Fulfilled, Gateway, Visit, follow, reply};

/// Pieces that wait for a slow reader; a preview more is left out, since the end says it all.
const WAITING_MAX: usize = 8;

/// An answer that has begun. What it ends with is what the request comes to.
#[derive(Debug)]
pub struct Begun {
    /// Its head; the body follows in chunks.
    pub head: WireReply,
    /// What comes before the end.
    pub chunks: mpsc::Receiver<Pieces>,
    /// What shows that it is alive while nothing comes.
    pub alive: &'static [u8],
}

/// Where an answer that wants to begin early is handed over.
pub type BeginWith = oneshot::Sender<Begun>;

/// An answer on its way.
#[derive(Debug)]
pub(super) struct Live {
    side: &'static dyn Streaming,
    request: ImageRequest,
    chunks: mpsc::Sender<Pieces>,
}

impl Gateway {
    /// Begins the answer, where the request wants that and its dialect and the edge can.
    pub(super) fn begin(&self, visit: &mut Visit, request: &ImageRequest) -> Option<Live> {
        let side = visit.client.streaming().filter(|_| request.stream)?;
        let begin = visit.begin_with.take()?;
        let (sender, chunks) = mpsc::channel(WAITING_MAX);
        let now = self.clock.now();
        let head = stream(200, Pieces::default())
            .with_header("x-request-id", visit.receipt.request_id.as_str());
        let head = follow::traced(&visit.receipt, head);
        let head = reply::with_standings(head, visit.client, &self.standings(visit, now), now);
        let alive: &[u8] = if side.has_comments() { b": at work\n\n" } else { b"\n" };
        begin.send(Begun { head, chunks, alive }).ok()?;
        visit.has_begun = true;
        Some(Live { side, request: request.clone(), chunks: sender })
    }

    /// What an answer that has begun ends with.
    pub(super) fn end_with_pictures(
        &self,
        visit: &Visit,
        fulfilled: &Fulfilled,
    ) -> Option<WireReply> {
        let side = visit.client.streaming().filter(|_| visit.has_begun)?;
        let mut body = Pieces::default();
        // A comment: whoever reads the stream by eye sees it, and no client is disturbed.
        for change in fulfilled.changes.iter().filter(|_| side.has_comments()) {
            body.push(format!(": pixelgate-changed {}=\"{}\"\n", change.parameter, change.how));
        }
        let end = side.encode_end(&fulfilled.answer(visit, self.clock.now().unix_ms));
        end.into_slices().into_iter().for_each(|slice| body.push(slice));
        Some(stream(200, body))
    }

    /// What an answer that has begun ends with when there are no pictures.
    pub(super) fn end_with_refusal(&self, visit: &Visit, refusal: &Refusal) -> Option<WireReply> {
        let side = visit.client.streaming().filter(|_| visit.has_begun)?;
        let unix_ms = self.clock.now().unix_ms;
        let (request_id, model) = (&visit.receipt.request_id, visit.receipt.model.as_deref());
        let context = RefusalContext { request_id, unix_ms, model };
        let body = side.encode_no(refusal, &context);
        Some(stream(refusal.kind.status(), body))
    }
}

/// A part of a stream, with the head that a stream has when it is said again as a whole.
fn stream(status: u16, body: Pieces) -> WireReply {
    WireReply { status, headers: http::HeaderMap::new(), body }
        .with_header("content-type", "text/event-stream; charset=utf-8")
        .with_header("cache-control", "no-store")
}

impl Live {
    /// What hears the vendor's events and passes previews on.
    pub(super) fn ear<'a>(
        &'a self,
        side: &'a dyn VendorSide,
        call: Call<'a>,
        clock: &'a dyn Clock,
    ) -> impl Fn(&[u8]) + Send + Sync + 'a {
        let events = Mutex::new(Events::default());
        move |chunk: &[u8]| {
            let events = events.lock().push(chunk);
            let previews = events.iter().filter_map(|event| side.decode_event(&call, event));
            previews.for_each(|preview| self.pass_on(&preview, clock.now().unix_ms));
        }
    }

    fn pass_on(&self, preview: &Preview, unix_ms: i64) {
        let piece = self.side.encode_preview(preview, &self.request, unix_ms);
        // A reader who is slow or gone misses a preview and nothing else.
        let _ = self.chunks.try_send(piece);
    }
}
