//! Writes an answer that begins before it is whole: its head, what comes on the way, its end.

use std::time::Duration;

use bytes::Bytes;
use http::Version;
use pingora::ErrorType;
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use tokio::task::JoinHandle;

use crate::dialect::{Pieces, WireReply};
use crate::gateway::live::Begun;
use crate::telemetry::Bound;

use super::answer::write_head;
use super::public::Front;

/// How long a stream is silent before something shows that it is alive, to proxies in between too.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// What is said when the work behind a stream ended without an end of its own.
const LOST: &[u8] = b"event: error\ndata: {\"error\":{\"message\":\"the request failed inside the \
    gateway; tell the operator its id\",\"type\":\"server_error\",\"param\":null,\"code\":\"internal\"}}\n\n";

impl Front {
    /// Writes all of it. The work behind it goes on when the client has left.
    pub(super) async fn pour(
        &self,
        session: &mut ServerSession,
        begun: Begun,
        serving: JoinHandle<WireReply>,
    ) {
        // The connection ends with the stream. Announced, so that no client sends its next request into it.
        session.set_keepalive(None);
        let head = head(session, &begun.head);
        let patience = self.bounds.write_timeout;
        let Err(error) = Box::pin(pour(session, (head, patience), (begun, serving))).await else {
            return;
        };
        let metrics = self.gateway.telemetry.metrics();
        metrics.clients_gone.inc();
        if *error.etype() == ErrorType::WriteTimedout {
            metrics.bound_met(Bound::WriteTime);
        }
    }
}

async fn pour(
    session: &mut ServerSession,
    (head, patience): (pingora::Result<ResponseHeader>, Duration),
    (mut begun, serving): (Begun, JoinHandle<WireReply>),
) -> pingora::Result<()> {
    write_head(session, head?, patience).await?;
    loop {
        match tokio::time::timeout(SILENCE_MAX, begun.chunks.recv()).await {
            Ok(Some(piece)) => write_pieces(session, piece).await?,
            Ok(None) => break,
            Err(_) => write_pieces(session, Pieces::one(begun.alive)).await?,
        }
    }
    let mut serving = serving;
    let end = loop {
        match tokio::time::timeout(SILENCE_MAX, &mut serving).await {
            Ok(Ok(reply)) => break reply.body,
            Ok(Err(panic)) => {
                tracing::error!(%panic, "a request's work ended without an answer");
                break Pieces::one(LOST);
            }
            Err(_) => write_pieces(session, Pieces::one(begun.alive)).await?,
        }
    };
    write_pieces(session, end).await?;
    session.finish_body().await
}

fn head(session: &ServerSession, reply: &WireReply) -> pingora::Result<ResponseHeader> {
    let mut head = ResponseHeader::build(reply.status, Some(reply.headers.len() + 1))?;
    for (name, value) in &reply.headers {
        head.append_header(name.clone(), value.clone())?;
    }
    // A client of HTTP/1.0 knows no chunks, and HTTP/2 has frames: there the end is the end.
    if session.req_header().version == Version::HTTP_11 {
        head.insert_header(http::header::TRANSFER_ENCODING, "chunked")?;
    }
    Ok(head)
}

async fn write_pieces(session: &mut ServerSession, pieces: Pieces) -> pingora::Result<()> {
    for slice in pieces.into_slices() {
        let slice: Bytes = slice;
        session.write_response_body(slice, false).await?;
    }
    Ok(())
}
