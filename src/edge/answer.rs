//! Writes an answer to a client, however slowly that reads.

use std::time::Duration;

use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use pingora::{Error, ErrorType};

use crate::dialect::WireReply;
use crate::telemetry::Bound;

use super::public::Front;

impl Front {
    /// Writes an answer, or no more than its head, within our patience.
    pub(super) async fn say(
        &self,
        session: &mut ServerSession,
        reply: WireReply,
        head_only: bool,
    ) -> pingora::Result<()> {
        self.say_last(session);
        let said = write(session, reply, (head_only, self.bounds.write_timeout)).await;
        if said.as_ref().is_err_and(|error| *error.etype() == ErrorType::WriteTimedout) {
            self.gateway.telemetry.metrics().bound_met(Bound::WriteTime);
        }
        said
    }
}

/// Writes an answer, its picture slice by slice as it came.
async fn write(
    session: &mut ServerSession,
    reply: WireReply,
    (head_only, patience): (bool, Duration),
) -> pingora::Result<()> {
    let mut head = ResponseHeader::build_no_case(reply.status, Some(reply.headers.len() + 1))?;
    for (name, value) in &reply.headers {
        head.append_header(name.clone(), value.clone())?;
    }
    // What is told of and not sent has a length of its own, or none: HEAD, and 304.
    let is_told = head_only && reply.headers.contains_key(http::header::CONTENT_LENGTH);
    if !is_told && reply.status != 304 {
        head.insert_header(http::header::CONTENT_LENGTH, reply.body.len())?;
    }
    write_head(session, head, patience).await?;
    let slices = if head_only { Vec::new() } else { reply.body.into_slices() };
    let mut left = slices.len();
    for slice in slices {
        left -= 1;
        session.write_response_body(slice, left == 0).await?;
    }
    if left == 0 { session.finish_body().await } else { Ok(()) }
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
