//! Writes an answer to a client, however slowly that reads.

use std::sync::Arc;
use std::time::Duration;

use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use pingora::{Error, ErrorType};

use crate::dialect::WireReply;
use crate::gateway::Gateway;
use crate::telemetry::Bound;

use super::bounds::Place;
use super::pictures::Rest;
use super::public::Front;

/// From here on an answer counts as a request in flight until it is written.
const LARGE_BYTES: usize = 64 << 10;

/// An answer on its way, and what is taken up until its client has it.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) reply: WireReply,
    /// What follows the body.
    rest: Option<Rest>,
    place: Option<Arc<Place>>,
}

impl Outgoing {
    /// The same with this after its body, read while it is written.
    pub(super) fn followed_by(self, rest: Option<Rest>) -> Self {
        Self { rest, ..self }
    }

    /// The same with a place that is given back once it is written, if it is large. What is small waits in
    /// the connection's own buffers; anyone without a key is told as much, and must not fill all places by
    /// reading none of it.
    pub(super) fn in_place(self, place: Arc<Place>) -> Self {
        let is_large = self.rest.is_some() || self.reply.body.len() >= LARGE_BYTES;
        Self { place: is_large.then_some(place), ..self }
    }
}

impl From<WireReply> for Outgoing {
    fn from(reply: WireReply) -> Self {
        Self { reply, rest: None, place: None }
    }
}

impl Front {
    /// Writes an answer, or no more than its head, within our patience.
    pub(super) async fn say(
        &self,
        session: &mut ServerSession,
        outgoing: Outgoing,
        head_only: bool,
    ) -> pingora::Result<()> {
        self.say_last(session);
        let Outgoing { reply, rest, place: _place } = outgoing;
        let following = rest.map(|rest| (rest, &*self.gateway));
        let patience = self.bounds.write_timeout;
        let said = write(session, (reply, following), (head_only, patience)).await;
        if said.as_ref().is_err_and(|error| *error.etype() == ErrorType::WriteTimedout) {
            self.gateway.telemetry.metrics().bound_met(Bound::WriteTime);
        }
        said
    }
}

/// Writes an answer, its picture slice by slice as it came, and then what follows as it is read.
async fn write(
    session: &mut ServerSession,
    (reply, following): (WireReply, Option<(Rest, &Gateway)>),
    (head_only, patience): (bool, Duration),
) -> pingora::Result<()> {
    let mut head = ResponseHeader::build_no_case(reply.status, Some(reply.headers.len() + 1))?;
    for (name, value) in &reply.headers {
        head.append_header(name.clone(), value.clone())?;
    }
    // What is told of and not sent has a length of its own, or none: HEAD, and 304.
    let is_told = head_only && reply.headers.contains_key(http::header::CONTENT_LENGTH);
    if !is_told && reply.status != 304 {
        let more = following.as_ref().map_or(0, |(rest, _)| rest.bytes());
        head.insert_header(http::header::CONTENT_LENGTH, reply.body.len().saturating_add(more))?;
    }
    write_head(session, head, patience).await?;
    let slices = if head_only { Vec::new() } else { reply.body.into_slices() };
    let following = following.filter(|_| !head_only);
    let mut left = slices.len();
    for slice in slices {
        left -= 1;
        session.write_response_body(slice, left == 0 && following.is_none()).await?;
    }
    let Some((mut rest, gateway)) = following else {
        return session.finish_body().await;
    };
    while let Some(slice) = rest.next(gateway).await? {
        session.write_response_body(slice, rest.bytes() == 0).await?;
    }
    session.finish_body().await
}

/// Writes a head within our patience: Pingora bounds the writing of bodies only.
pub(super) async fn write_head(
    session: &mut ServerSession,
    head: ResponseHeader,
    patience: Duration,
) -> pingora::Result<()> {
    let writing = session.write_response_header(Box::new(head));
    tokio::time::timeout(patience, writing)
        .await
        .map_err(|_| Error::explain(ErrorType::WriteTimedout, "the client reads nothing"))?
}
