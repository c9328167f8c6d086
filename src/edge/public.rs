//! The public listener: reads a request within bounds, hands it to the gateway, writes the answer.
//!
//! Every call is answered inside `request_filter`, because Pingora's later phases cannot send on a
//! body that was read before. See `docs/decisions/0001-the-edge.md`.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::Method;
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use pingora::proxy::{ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType};

use crate::canonical::{Refusal, RefusalKind};
use crate::config::Public;
use crate::dialect::{Pieces, WireReply};
use crate::gateway::live::Begun;
use crate::gateway::{Gateway, Head};
use crate::id::RequestId;
use crate::telemetry::Bound;

use super::bounds::{Place, Room};
use super::framing::{self, RawHead};
use super::live;
use super::patience::Timed;

/// What answers on the public listener.
pub(super) struct Front {
    gateway: Arc<Gateway>,
    bounds: Public,
    requests: Arc<Room>,
    body_bytes: Arc<Room>,
}

/// An unread body no larger than this is read away, so that its connection can be used again.
const DRAINED_BYTES_MAX: usize = 64 << 10;

/// How long reading it away may take.
const DRAIN_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(2);

/// What a client hears whose request ended without an answer.
const LOST: &[u8] =
    b"{\"error\":{\"code\":\"internal\",\"message\":\"the request failed inside the \
    gateway; tell the operator its id\",\"type\":\"us\",\"param\":null}}";

/// When it is worth asking an overloaded gateway again.
const OVERLOAD_WAIT: std::time::Duration = std::time::Duration::from_secs(1);

impl Front {
    pub(super) fn new(gateway: Arc<Gateway>, bounds: Public) -> Self {
        let metrics = gateway.telemetry.metrics();
        let requests = Room::new(bounds.in_flight_max, metrics.in_flight.clone());
        let body_bytes = Room::new(bounds.in_flight_bytes_max, metrics.in_flight_bytes.clone());
        Self { gateway, bounds, requests, body_bytes }
    }

    /// The answer to one request; `None` when its client has left.
    async fn answer(&self, session: &mut ServerSession) -> Option<WireReply> {
        let head = self.head(session);
        if let Some((refusal, bound)) = refused_framing(session, &self.bounds) {
            session.set_keepalive(None);
            return Some(self.refuse(&head, &refusal, bound));
        }
        let Some(place) = self.requests.take(1) else {
            let refusal = overloaded("too many requests are being served; try again in a moment");
            return Some(self.refuse(&head, &refusal, Some(Bound::InFlight)));
        };
        if let Some(reply) = self.stored_picture(&head).await {
            return Some(reply);
        }
        let request_id = head.request_id.clone();
        let mut visit = match self.gateway.meet(head) {
            Ok(visit) => visit,
            Err(reply) => return Some(*reply),
        };
        let (body, room) = match self.read_body(session).await {
            Ok(read) => read,
            Err(met) => {
                session.set_keepalive(None);
                if let Some(bound) = met.bound {
                    self.gateway.telemetry.metrics().bound_met(bound);
                }
                return Some(self.gateway.refuse_visit(visit, &met.refusal));
            }
        };
        let begun = visit.may_begin();
        let gateway = Arc::clone(&self.gateway);
        let serving = self.gateway.tasks.spawn(async move {
            // What a request takes up is given back when its work ends, not when its client goes.
            let _taken = (place, room);
            Box::pin(gateway.serve(visit, body)).await
        });
        self.watch(session, serving, begun, &request_id).await
    }

    /// Waits for the answer, or for the client to leave; the work goes on either way. `None` when
    /// there is nothing to write: the client has left, or the answer was streamed.
    async fn watch(
        &self,
        session: &mut ServerSession,
        mut serving: tokio::task::JoinHandle<WireReply>,
        begun: tokio::sync::oneshot::Receiver<Begun>,
        request_id: &RequestId,
    ) -> Option<WireReply> {
        let early = tokio::select! {
            reply = &mut serving => Some(reply),
            Ok(begun) = begun => {
                if live::pour(session, begun, serving).await.is_err() {
                    self.gateway.telemetry.metrics().clients_gone.inc();
                }
                return None;
            }
            left = session.read_body_or_idle(true) => match left {
                Err(error) if *error.etype() == ErrorType::ConnectionClosed => {
                    self.gateway.telemetry.metrics().clients_gone.inc();
                    return None;
                }
                // Bytes after the body: a pipelined request, which is not served on this connection.
                Ok(_) | Err(_) => {
                    session.set_keepalive(None);
                    None
                }
            },
        };
        let served = match early {
            Some(served) => served,
            None => serving.await,
        };
        Some(served.unwrap_or_else(|panic| {
            tracing::error!(%panic, %request_id, "a request's work ended without an answer");
            WireReply::json(500, Pieces::one(LOST)).with_header("x-request-id", request_id.as_str())
        }))
    }

    fn refuse(&self, head: &Head, refusal: &Refusal, bound: Option<Bound>) -> WireReply {
        if let Some(bound) = bound {
            self.gateway.telemetry.metrics().bound_met(bound);
        }
        self.gateway.refuse(head, refusal)
    }

    fn head(&self, session: &ServerSession) -> Head {
        let head = session.req_header();
        let host = head
            .headers
            .get(http::header::HOST)
            .and_then(|host| host.to_str().ok())
            .or_else(|| head.uri.authority().map(http::uri::Authority::as_str))
            .unwrap_or("localhost");
        let scheme = if self.bounds.tls.is_some() { "https" } else { "http" };
        Head {
            request_id: RequestId::random(),
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            headers: head.headers.clone(),
            public_url: self.bounds.url.clone().unwrap_or_else(|| format!("{scheme}://{host}")),
        }
    }

    /// A picture of the library, for whoever knows its unguessable name.
    async fn stored_picture(&self, head: &Head) -> Option<WireReply> {
        if head.method != Method::GET && head.method != Method::HEAD {
            return None;
        }
        let (id, file) = head.path.strip_prefix("/media/")?.split_once('/')?;
        let found = self.gateway.media.find(id).await.ok().flatten();
        let (format, bytes) = found.filter(|(f, _)| file == format!("original.{}", f.name()))?;
        let reply =
            WireReply { status: 200, headers: http::HeaderMap::new(), body: Pieces::one(bytes) };
        Some(
            reply
                .with_header("content-type", format.mime())
                .with_header("cache-control", "private, max-age=86400, immutable")
                .with_header("x-content-type-options", "nosniff")
                .with_header("x-request-id", head.request_id.as_str()),
        )
    }

    /// The whole body, within size, time and room.
    async fn read_body(&self, session: &mut ServerSession) -> Result<(Bytes, Place), Met> {
        let announced = announced_length(session);
        if announced > self.bounds.body_bytes_max {
            return Err(too_large(self.bounds.body_bytes_max));
        }
        let Some(mut room) = self.body_bytes.take(announced) else {
            return Err(no_room());
        };
        if expects_continue(session) {
            session.set_close_on_response_before_downstream_finish(false);
            // A client that cannot be told to go on goes on by itself, or leaves.
            let _ = session.write_continue_response().await;
        }
        let reading = self.gather(session, announced, &mut room);
        let read = tokio::time::timeout(self.bounds.body_timeout, reading).await;
        let body = read.unwrap_or_else(|_| Err(too_slow()))?;
        if body.len() < announced {
            return Err(ended_early());
        }
        Ok((body, room))
    }

    /// Body bytes until their end, or until one bound is met.
    async fn gather(
        &self,
        session: &mut ServerSession,
        announced: usize,
        room: &mut Place,
    ) -> Result<Bytes, Met> {
        let mut body = BytesMut::with_capacity(announced);
        while let Some(chunk) = session.read_request_body().await.map_err(cut_short)? {
            let size = body.len().saturating_add(chunk.len());
            if size > self.bounds.body_bytes_max {
                return Err(too_large(self.bounds.body_bytes_max));
            }
            let more = size.saturating_sub(announced.max(body.len()));
            if more > 0 && !room.grow(more) {
                return Err(no_room());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

/// A no that a body came to, and the bound it met, if it was one.
struct Met {
    refusal: Box<Refusal>,
    bound: Option<Bound>,
}

impl Met {
    fn new(refusal: Refusal, bound: Option<Bound>) -> Self {
        Self { refusal: Box::new(refusal), bound }
    }
}

fn refused_framing(session: &ServerSession, bounds: &Public) -> Option<(Refusal, Option<Bound>)> {
    let raw = session.as_http1().map(|_| session.to_h1_raw());
    let head = RawHead { bytes: raw.as_deref(), fields: &session.req_header().headers };
    framing::refuse(&head, bounds)
}

fn announced_length(session: &ServerSession) -> usize {
    session
        .get_header(http::header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok())
        .unwrap_or(0)
}

fn expects_continue(session: &ServerSession) -> bool {
    session
        .get_header(http::header::EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn overloaded(message: &'static str) -> Refusal {
    Refusal::new(RefusalKind::Overloaded, message).retry_after(OVERLOAD_WAIT)
}

fn no_room() -> Met {
    let refusal = overloaded("too many bytes are being received; try again in a moment");
    Met::new(refusal, Some(Bound::InFlightBytes))
}

fn too_large(most: usize) -> Met {
    let message = format!("the body is larger than {most} bytes; send less");
    Met::new(Refusal::new(RefusalKind::BodyTooLarge, message), Some(Bound::BodyBytes))
}

fn too_slow() -> Met {
    let message = "the body took too long to arrive; send it faster or in parts";
    Met::new(Refusal::new(RefusalKind::TooSlow, message), Some(Bound::BodyTime))
}

fn ended_early() -> Met {
    let message = "the body ended before its announced length; send all of it";
    Met::new(Refusal::new(RefusalKind::BadFraming, message), None)
}

#[expect(clippy::boxed_local, reason = "Pingora hands out its errors in boxes")]
#[expect(clippy::needless_pass_by_value, reason = "it is the last that anyone wants of the error")]
fn cut_short(error: Box<Error>) -> Met {
    if *error.etype() == ErrorType::ReadTimedout { too_slow() } else { ended_early() }
}

/// Writes an answer, its picture slice by slice as it came.
async fn write(
    session: &mut ServerSession,
    reply: WireReply,
    head_only: bool,
) -> pingora::Result<()> {
    let mut head = ResponseHeader::build(reply.status, Some(reply.headers.len() + 1))?;
    for (name, value) in &reply.headers {
        head.append_header(name.clone(), value.clone())?;
    }
    head.insert_header(http::header::CONTENT_LENGTH, reply.body.len())?;
    session.write_response_header(Box::new(head)).await?;
    let slices = if head_only { Vec::new() } else { reply.body.into_slices() };
    let mut left = slices.len();
    for slice in slices {
        left -= 1;
        session.write_response_body(slice, left == 0).await?;
    }
    if left == 0 { session.finish_body().await } else { Ok(()) }
}

#[async_trait]
impl ProxyHttp for Front {
    type CTX = ();

    fn new_ctx(&self) -> Self::CTX {}

    async fn early_request_filter(
        &self,
        session: &mut Session,
        (): &mut (),
    ) -> pingora::Result<()> {
        let session = session.as_downstream_mut();
        if let Some(stream) = session.stream() {
            Timed::head_is_done(stream);
        }
        session.set_keepalive(Some(self.bounds.idle_timeout.as_secs().max(1)));
        session.set_read_timeout(Some(self.bounds.body_timeout));
        session.set_write_timeout(Some(self.bounds.write_timeout));
        if announced_length(session) <= DRAINED_BYTES_MAX {
            session.set_close_on_response_before_downstream_finish(false);
            session.set_total_drain_timeout(Some(DRAIN_TIMEOUT));
        }
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, (): &mut ()) -> pingora::Result<bool> {
        let session = session.as_downstream_mut();
        // A drain waits for the last byte of the answer, not only for the work behind it.
        let _written = self.gateway.tasks.token();
        let head_only = session.req_header().method == Method::HEAD;
        match self.answer(session).await {
            Some(reply) => write(session, reply, head_only).await?,
            None => session.set_keepalive(None),
        }
        Ok(true)
    }

    async fn upstream_peer(&self, _: &mut Session, (): &mut ()) -> pingora::Result<Box<HttpPeer>> {
        // `request_filter` answers every request, so Pingora never asks for a peer.
        Err(Error::explain(ErrorType::InternalError, "nothing is passed through"))
    }

    fn suppress_error_log(&self, _: &Session, (): &(), _: &Error) -> bool {
        true
    }
}
