//! The public listener: reads a request within bounds, hands it to the gateway, writes the answer.
//!
//! What is translated is answered inside `request_filter`, because Pingora's later phases cannot
//! send on a body that was read before; those phases are for what is passed through. See
//! `docs/decisions/0001-the-edge.md`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::modules::http::HttpModules;
use pingora::protocols::Digest;
use pingora::protocols::http::ServerSession;
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType};

use crate::canonical::Refusal;
use crate::config::Public;
use crate::dialect::{Pieces, WireReply};
use crate::gateway::live::Begun;
use crate::gateway::passthrough::is_passed_through;
use crate::gateway::{Gateway, Head};
use crate::id::RequestId;
use crate::telemetry::Bound;

use super::answer::Outgoing;
use super::body::{DRAIN_TIMEOUT, announced_length, expects_continue, overloaded, read_away};
use super::bounds::{Place, Room};
use super::framing::{self, RawHead};
use super::head::head_of;
use super::passthrough::{Passing, embarked};
use super::patience::Timed;
use super::shares::Shares;

/// What answers on the public listener.
pub(super) struct Front {
    pub(super) gateway: Arc<Gateway>,
    pub(super) bounds: Public,
    requests: Arc<Room>,
    pub(super) body_bytes: Arc<Room>,
    pub(super) shares: Arc<Shares>,
    /// False from the moment at which the gateway stops.
    ready: Arc<AtomicBool>,
}

/// An unread body no larger than this is read away, so that its connection can be used again.
const DRAINED_BYTES_MAX: usize = 64 << 10;

/// What a client hears whose request ended without an answer.
const LOST: &[u8] =
    b"{\"error\":{\"code\":\"internal\",\"message\":\"the request failed inside the \
    gateway; tell the operator its id\",\"type\":\"us\",\"param\":null}}";

impl Front {
    pub(super) fn new(gateway: Arc<Gateway>, bounds: Public, ready: Arc<AtomicBool>) -> Self {
        let shown = |most: usize| i64::try_from(most).unwrap_or(i64::MAX);
        let metrics = gateway.telemetry.metrics();
        let requests = Room::new(bounds.in_flight_max, metrics.in_flight.clone());
        let body_bytes = Room::new(bounds.in_flight_bytes_max, metrics.in_flight_bytes.clone());
        metrics.room.requests.set(shown(bounds.in_flight_max));
        metrics.room.bytes.set(shown(bounds.in_flight_bytes_max));
        metrics.room.connections.set(shown(bounds.connections_max));
        let shares = Shares::new(bounds.in_flight_bytes_per_workspace_max);
        Self { gateway, bounds, requests, body_bytes, shares, ready }
    }

    /// Tells a client with its answer that no other follows, once the gateway stops: one that sent its next
    /// request into a connection that ends would not know what became of it.
    pub(super) fn say_last(&self, session: &mut ServerSession) {
        if !self.ready.load(Ordering::Relaxed) {
            session.set_keepalive(None);
        }
    }

    /// The answer to one request; `None` when its client has left.
    async fn answer(&self, session: &mut ServerSession) -> Option<Outgoing> {
        let (head, place) = match self.enter(session) {
            Ok(entered) => entered,
            Err(reply) => return Some((*reply).into()),
        };
        let place = Arc::new(place);
        let answer = self.answer_entered(session, head, &place).await;
        // A large answer that nobody reads takes up as much as the work for it.
        answer.map(|answer| answer.in_place(place))
    }

    async fn answer_entered(
        &self,
        session: &mut ServerSession,
        head: Head,
        place: &Arc<Place>,
    ) -> Option<Outgoing> {
        if let Some(refusal) = framing::refuse_coding(&head.headers) {
            return Some(self.refuse(&head, &refusal, None).into());
        }
        if let Some(picture) = self.stored_picture(&head).await {
            return Some(picture);
        }
        let request_id = head.request_id.clone();
        let mut visit = match self.gateway.meet(head) {
            Ok(visit) => visit,
            Err(reply) => return Some((*reply).into()),
        };
        let (body, room) = match self.read_body(session, visit.workspace()).await {
            Ok(read) => read,
            Err(met) => {
                session.set_keepalive(None);
                if let Some(bound) = met.bound {
                    self.gateway.telemetry.metrics().bound_met(bound);
                }
                return Some(self.gateway.refuse_visit(visit, &met.refusal).into());
            }
        };
        let begun = visit.may_begin();
        let work = Box::pin(Arc::clone(&self.gateway).serve(visit, body));
        let place = Arc::clone(place);
        let serving = self.gateway.tasks.spawn(async move {
            // What a request takes up is given back when its work ends, not when its client goes.
            let _taken = (place, room);
            work.await
        });
        self.watch(session, serving, begun, &request_id).await.map(Outgoing::from)
    }

    /// A head that is no trouble, and a place among the requests in flight.
    pub(super) fn enter(
        &self,
        session: &mut ServerSession,
    ) -> Result<(Head, Place), Box<WireReply>> {
        let head = head_of(session, &self.bounds);
        if let Some((refusal, bound)) = refused_framing(session, &self.bounds) {
            session.set_keepalive(None);
            return Err(Box::new(self.refuse(&head, &refusal, bound)));
        }
        let Some(place) = self.requests.take(1) else {
            let refusal = overloaded("too many requests are being served; try again in a moment");
            return Err(Box::new(self.refuse(&head, &refusal, Some(Bound::InFlight))));
        };
        Ok((head, place))
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
                self.pour(session, begun, serving).await;
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

    pub(super) fn refuse(&self, head: &Head, refusal: &Refusal, bound: Option<Bound>) -> WireReply {
        if let Some(bound) = bound {
            self.gateway.telemetry.metrics().bound_met(bound);
        }
        self.gateway.refuse(head, refusal)
    }
}

fn refused_framing(session: &ServerSession, bounds: &Public) -> Option<(Refusal, Option<Bound>)> {
    let raw = session.as_http1().map(|_| session.to_h1_raw());
    let head = RawHead { bytes: raw.as_deref(), fields: &session.req_header().headers };
    framing::refuse(&head, bounds)
}

/// Every phase after `request_filter` is for a call that is passed through, and has one.
#[async_trait]
impl ProxyHttp for Front {
    type CTX = Option<Box<Passing>>;

    fn new_ctx(&self) -> Self::CTX {
        None
    }

    /// None: nothing is compressed on its way.
    fn init_downstream_modules(&self, _: &mut HttpModules) {}

    async fn early_request_filter(
        &self,
        session: &mut Session,
        _: &mut Self::CTX,
    ) -> pingora::Result<()> {
        let session = session.as_downstream_mut();
        if let Some(stream) = session.stream() {
            Timed::head_is_done(stream);
        }
        // A client of HTTP/1.0 that did not ask for more waits for the connection's end.
        if session.get_keepalive().is_some() {
            session.set_keepalive(Some(self.bounds.idle_timeout.as_secs().max(1)));
        }
        session.set_read_timeout(Some(self.bounds.body_timeout));
        session.set_write_timeout(Some(self.bounds.write_timeout));
        // Whoever asks whether to go on may take a no for an answer and send no body.
        if announced_length(session) <= DRAINED_BYTES_MAX && !expects_continue(session) {
            session.set_close_on_response_before_downstream_finish(false);
            session.set_total_drain_timeout(Some(DRAIN_TIMEOUT));
        }
        Ok(())
    }

    async fn request_filter(
        &self,
        session: &mut Session,
        passing: &mut Self::CTX,
    ) -> pingora::Result<bool> {
        let session = session.as_downstream_mut();
        // A drain waits for the last byte of the answer, not only for the work behind it.
        let written = self.gateway.tasks.token();
        let head_only = session.req_header().method == Method::HEAD;
        let reply = if is_passed_through(session.req_header().uri.path()) {
            match Box::pin(self.embark(session, written.clone())).await {
                Ok(embarked) => {
                    *passing = Some(embarked);
                    return Ok(false);
                }
                Err(reply) => Some((*reply).into()),
            }
        } else {
            self.answer(session).await
        };
        match reply {
            Some(mut answer) => {
                answer.reply = self.let_pages_read(session.req_header(), answer.reply);
                self.say(session, answer, head_only).await?;
            }
            None => session.set_keepalive(None),
        }
        Ok(true)
    }

    /// For Pingora's own log lines: without the query, which may hold a key.
    fn request_summary(&self, session: &Session, _: &Self::CTX) -> String {
        let head = session.req_header();
        format!("{} {}", head.method, head.uri.path())
    }

    async fn upstream_peer(
        &self,
        session: &mut Session,
        passing: &mut Self::CTX,
    ) -> pingora::Result<Box<HttpPeer>> {
        embarked(passing)?.next_peer(&self.gateway.upstream, session.req_header()).await
    }

    fn fail_to_connect(
        &self,
        _: &mut Session,
        _: &HttpPeer,
        passing: &mut Self::CTX,
        mut error: Box<Error>,
    ) -> Box<Error> {
        error.set_retry(passing.as_ref().is_some_and(|passing| passing.has_another_peer()));
        error
    }

    async fn connected_to_upstream(
        &self,
        _: &mut Session,
        _: bool,
        _: &HttpPeer,
        _: std::os::unix::io::RawFd,
        _: Option<&Digest>,
        passing: &mut Self::CTX,
    ) -> pingora::Result<()> {
        embarked(passing)?.is_connected();
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        head: &mut RequestHeader,
        passing: &mut Self::CTX,
    ) -> pingora::Result<()> {
        let has_body = !session.as_downstream_mut().is_body_empty();
        *head = embarked(passing)?.head_for_vendor(has_body)?;
        Ok(())
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        is_last: bool,
        passing: &mut Self::CTX,
    ) -> pingora::Result<()> {
        let size = body.as_ref().map_or(0, Bytes::len);
        let next_within = embarked(passing)?.pass_request(&self.bounds, size, is_last)?;
        session.as_downstream_mut().set_read_timeout(Some(next_within));
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        head: &mut ResponseHeader,
        passing: &mut Self::CTX,
    ) -> pingora::Result<()> {
        self.say_last(session.as_downstream_mut());
        embarked(passing)?.pass_head(&self.gateway, head)
    }

    fn response_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        _: bool,
        passing: &mut Self::CTX,
    ) -> pingora::Result<Option<Duration>> {
        let size = body.as_ref().map_or(0, Bytes::len);
        embarked(passing)?.pass_answer(size)?;
        Ok(None)
    }

    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        _: &mut Session,
        mut error: Box<Error>,
        _: &mut Self::CTX,
        _: bool,
    ) -> Box<Error> {
        // The vendor may have begun.
        error.set_retry(false);
        error
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        passing: &mut Self::CTX,
    ) -> FailToProxy {
        let session = session.as_downstream_mut();
        session.set_keepalive(None);
        let is_answered =
            session.response_written().is_some_and(|head| !head.status.is_informational());
        let reply = passing.as_mut().and_then(|passing| self.explain(passing, error, is_answered));
        let mut error_code = 0;
        if let Some(reply) = reply {
            error_code = reply.status;
            let head_only = session.req_header().method == Method::HEAD;
            // A client that cannot be told any more has left.
            if self.say(session, reply.into(), head_only).await.is_ok() {
                read_away(session).await;
            }
        }
        FailToProxy { error_code, can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, _: Option<&Error>, passing: &mut Self::CTX) {
        if let Some(passing) = passing {
            passing.end(session.upstream_body_bytes_sent());
        }
    }

    fn suppress_error_log(&self, _: &Session, _: &Self::CTX, _: &Error) -> bool {
        true
    }
}
