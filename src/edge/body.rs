//! The body of a request, within size, time and room: read whole, or asked for and measured as it
//! goes by.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pingora::protocols::http::ServerSession;
use pingora::{Error, ErrorType};

use crate::canonical::{Refusal, RefusalKind};
use crate::id::WorkspaceId;
use crate::telemetry::Bound;

use super::bounds::Place;
use super::public::Front;
use super::shares::Share;

/// How long reading an unread body away may take.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// When it is worth asking an overloaded gateway again.
const OVERLOAD_WAIT: Duration = Duration::from_secs(1);

/// A no that a body came to, and the bound it met, if it was one.
pub(super) struct Met {
    pub(super) refusal: Box<Refusal>,
    pub(super) bound: Option<Bound>,
}

impl Met {
    fn new(refusal: Refusal, bound: Option<Bound>) -> Self {
        Self { refusal: Box::new(refusal), bound }
    }
}

/// The room that a body takes up: of all, and of its workspace's share.
pub(super) struct BodyRoom {
    of_all: Place,
    of_workspace: Share,
}

impl BodyRoom {
    fn grow(&mut self, by: usize) -> Result<(), Met> {
        if !self.of_workspace.grow(by) {
            return Err(no_share());
        }
        if self.of_all.grow(by) { Ok(()) } else { Err(no_room()) }
    }
}

impl Front {
    /// Room for a body of this length, for as long as what it asks for is worked on.
    fn room_for(&self, workspace: &WorkspaceId, length: usize) -> Result<BodyRoom, Met> {
        let of_workspace = self.shares.take(workspace, length).ok_or_else(no_share)?;
        let of_all = self.body_bytes.take(length).ok_or_else(no_room)?;
        Ok(BodyRoom { of_all, of_workspace })
    }

    /// The whole body, within size, time and room.
    pub(super) async fn read_body(
        &self,
        session: &mut ServerSession,
        workspace: &WorkspaceId,
    ) -> Result<(Bytes, BodyRoom), Met> {
        let announced = announced_length(session);
        if announced > self.bounds.body_bytes_max {
            return Err(too_large(self.bounds.body_bytes_max));
        }
        let mut room = self.room_for(workspace, announced)?;
        ask_for_body(session).await;
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
        room: &mut BodyRoom,
    ) -> Result<Bytes, Met> {
        let mut body = BytesMut::with_capacity(announced);
        while let Some(chunk) = session.read_request_body().await.map_err(cut_short)? {
            let size = body.len().saturating_add(chunk.len());
            if size > self.bounds.body_bytes_max {
                return Err(too_large(self.bounds.body_bytes_max));
            }
            let more = size.saturating_sub(announced.max(body.len()));
            if more > 0 {
                room.grow(more)?;
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

/// Tells a client that waits to be told that its body may come.
pub(super) async fn ask_for_body(session: &mut ServerSession) {
    if expects_continue(session) {
        session.set_close_on_response_before_downstream_finish(false);
        // A client that cannot be told to go on goes on by itself, or leaves.
        let _ = session.write_continue_response().await;
    }
}

/// Reads away what is left of a body that nobody wants, so that its client gets to read our no.
pub(super) async fn read_away(session: &mut ServerSession) {
    let reading = async { while let Ok(Some(_)) = session.read_request_body().await {} };
    // Whoever takes longer may miss our no.
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, reading).await;
}

pub(super) fn announced_length(session: &ServerSession) -> usize {
    session
        .get_header(http::header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok())
        .unwrap_or(0)
}

pub(super) fn expects_continue(session: &ServerSession) -> bool {
    session
        .get_header(http::header::EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

pub(super) fn overloaded(message: &'static str) -> Refusal {
    Refusal::new(RefusalKind::Overloaded, message).retry_after(OVERLOAD_WAIT)
}

fn no_share() -> Met {
    let message = "too many bytes of this workspace's requests are in flight; wait for some to end";
    let refusal = Refusal::new(RefusalKind::ConcurrencyExceeded, message);
    Met::new(refusal.retry_after(OVERLOAD_WAIT), Some(Bound::InFlightBytesPerWorkspace))
}

fn no_room() -> Met {
    let refusal = overloaded("too many bytes are being received; try again in a moment");
    Met::new(refusal, Some(Bound::InFlightBytes))
}

pub(super) fn too_large(most: usize) -> Met {
    let message = format!("the body is larger than {most} bytes; send less");
    Met::new(Refusal::new(RefusalKind::BodyTooLarge, message), Some(Bound::BodyBytes))
}

pub(super) fn too_slow() -> Met {
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
