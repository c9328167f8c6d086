//! Writes an answer that begins before it is whole: its head, what comes on the way, its end.

use std::time::Duration;

use bytes::Bytes;
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use tokio::task::JoinHandle;

use crate::dialect::{Pieces, WireReply};
use crate::gateway::live::Begun;

/// How long a stream is silent before something shows that it is alive, to proxies in between too.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// What is said when the work behind a stream ended without an end of its own.
const LOST: &[u8] = b"event: error\ndata: {\"error\":{\"message\":\"the request failed inside the \
    gateway; tell the operator its id\",\"type\":\"server_error\",\"param\":null,\"code\":\"internal\"}}\n\n";

/// Writes all of it. The work behind it goes on when the client has left.
pub(super) async fn pour(
    session: &mut ServerSession,
    mut begun: Begun,
    serving: JoinHandle<WireReply>,
) -> pingora::Result<()> {
    // The connection ends with the stream. Announced, so that no client sends its next request into it.
    session.set_keepalive(None);
    write_head(session, &begun.head).await?;
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

async fn write_head(session: &mut ServerSession, reply: &WireReply) -> pingora::Result<()> {
    let mut head = ResponseHeader::build(reply.status, Some(reply.headers.len() + 1))?;
    for (name, value) in &reply.headers {
        head.append_header(name.clone(), value.clone())?;
    }
    if !session.is_http2() {
        head.insert_header(http::header::TRANSFER_ENCODING, "chunked")?;
    }
    session.write_response_header(Box::new(head)).await
}

async fn write_pieces(session: &mut ServerSession, pieces: Pieces) -> pingora::Result<()> {
    for slice in pieces.into_slices() {
        let slice: Bytes = slice;
        session.write_response_body(slice, false).await?;
    }
    Ok(())
}
