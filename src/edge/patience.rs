//! How long a head may take: from its first byte to its last, whatever trickles in between; and how
//! long its first byte.
//!
//! Pingora bounds each read, not their sum, so a byte a minute would hold a connection for ever; and
//! it waits without any bound for as many bytes as tell whether HTTP/2 is spoken. The stream under
//! Pingora is wrapped: when time is up it says 408 itself and ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Buf as _, Bytes};
use pingora::apps::ServerApp;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::{SslDigest, TlsRef};
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    Stream, TimingDigest, UniqueID, UniqueIDType,
};
use pingora::proxy::HttpProxy;
use pingora::server::ShutdownWatch;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::config::Public;
use crate::id::RequestId;
use crate::telemetry::{Bound, Telemetry};

use super::arrivals::Arrivals;
use super::bounds::{Place, Room};
use super::crowd::turn_away;
use super::public::Front;

/// How long connections that wait for a request are kept after listening has ended, and how often it is
/// looked whether any are left.
const LINGER: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The public proxy, behind streams with bounded patience.
pub(super) struct Patient {
    proxy: Arc<HttpProxy<Front>>,
    patience: Patience,
    arrivals: Arc<Arrivals>,
    connections: Arc<Room>,
    telemetry: Telemetry,
}

impl Patient {
    pub(super) fn new(proxy: HttpProxy<Front>, bounds: &Public, telemetry: Telemetry) -> Self {
        let gauge = telemetry.metrics().connections.clone();
        let connections = Room::new(bounds.connections_max, gauge);
        let patience = Patience { silence: bounds.idle_timeout, head: bounds.head_timeout };
        let arrivals = Arc::default();
        Self { proxy: Arc::new(proxy), patience, arrivals, connections, telemetry }
    }

    /// Where connections are counted before they come here.
    pub(super) fn arrivals(&self) -> Arc<Arrivals> {
        Arc::clone(&self.arrivals)
    }

    fn nobody_is_left(&self) -> bool {
        // Whoever has arrived is among the connections.
        !self.arrivals.are_on_the_way() && self.connections.is_empty()
    }
}

#[async_trait]
impl ServerApp for Patient {
    async fn process_new(
        self: &Arc<Self>,
        stream: Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<Stream> {
        // A connection that is used again is unwrapped first, so that its next head has its time.
        let (bare, place) = if (*stream).as_any().is::<Timed>() {
            let timed = stream.into_any().downcast::<Timed>().ok()?;
            (timed.inner, Some(timed.place))
        } else {
            let place = self.connections.take(1);
            self.arrivals.serve();
            (stream, place)
        };
        let Some(place) = place else {
            self.telemetry.metrics().bound_met(Bound::Connections);
            turn_away(bare).await;
            return None;
        };
        let timed = Timed::new((bare, place), self.patience, self.telemetry.clone());
        self.proxy.process_new(Box::new(timed), shutdown).await
    }

    /// Listening has ended. Whoever keeps a connection open, or has just opened one, may be sending a request
    /// into it: it is answered, and told that the connection ends.
    async fn cleanup(&self) {
        let nobody_left = async {
            while !self.nobody_is_left() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        // Whoever is silent for longer is hung up on.
        let _ = tokio::time::timeout(LINGER, nobody_left).await;
        self.proxy.cleanup().await;
    }
}

/// How long a client is waited for.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// Until its first byte.
    silence: Duration,
    /// From there to the end of its head.
    head: Duration,
}

/// A stream that gives a head only so much time.
#[derive(Debug)]
pub(super) struct Timed {
    inner: Stream,
    /// Among the connections.
    place: Place,
    patience: Patience,
    telemetry: Telemetry,
    opened: Instant,
    began: Option<Instant>,
    /// How much of HTTP/2's beginning has come, while it may be that.
    preface: Option<usize>,
    timer: Option<Pin<Box<Sleep>>>,
    head_done: AtomicBool,
    /// What is left to say of the 408, once it has begun.
    farewell: Option<Bytes>,
}

/// What a client hears whose head took too long.
fn too_slow() -> Bytes {
    let id = RequestId::random();
    let body = r#"{"error":{"code":"request_too_slow","message":"the request's head took too long to arrive","type":"caller","param":null}}"#;
    let length = body.len();
    format!(
        "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nx-request-id: {id}\r\nconnection: close\r\n\r\n{body}"
    )
    .into()
}

/// How HTTP/2 begins; its frames have no head to wait for, and its own idle bound.
const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl Timed {
    fn new((inner, place): (Stream, Place), patience: Patience, telemetry: Telemetry) -> Self {
        Self {
            inner,
            place,
            patience,
            telemetry,
            opened: Instant::now(),
            began: None,
            preface: Some(0),
            timer: None,
            head_done: AtomicBool::new(false),
            farewell: None,
        }
    }

    /// The head is complete; what follows has other bounds.
    pub(super) fn head_is_done(stream: &Stream) {
        if let Some(timed) = (**stream).as_any().downcast_ref::<Self>() {
            timed.head_done.store(true, Ordering::Relaxed);
        }
    }

    fn waits_for_head(&self) -> bool {
        !self.head_done.load(Ordering::Relaxed)
    }

    /// Looks at what has just come.
    fn note(&mut self, fresh: &[u8]) {
        if fresh.is_empty() {
            return;
        }
        if self.began.is_none() {
            self.began = Some(Instant::now());
            self.timer = None;
        }
        let Some(seen) = self.preface else { return };
        let left = H2_PREFACE.get(seen..).unwrap_or_default();
        let shared = left.len().min(fresh.len());
        self.preface = (left.get(..shared) == fresh.get(..shared)).then_some(seen + shared);
        if self.preface == Some(H2_PREFACE.len()) {
            self.preface = None;
            self.head_done.store(true, Ordering::Relaxed);
        }
    }

    fn until(&self) -> Instant {
        self.began.map_or(self.opened + self.patience.silence, |began| began + self.patience.head)
    }

    /// Waits for time to be up, says so, and ends the stream. Who said nothing is told nothing.
    fn poll_give_up(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let until = self.until();
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        ready!(timer.as_mut().poll(cx));
        if self.began.is_none() {
            return Poll::Ready(Ok(()));
        }
        let telemetry = &self.telemetry;
        let mut left = self.farewell.take().unwrap_or_else(|| {
            telemetry.metrics().bound_met(Bound::HeadTime);
            too_slow()
        });
        while !left.is_empty() {
            let Poll::Ready(written) = Pin::new(&mut self.inner).poll_write(cx, &left) else {
                self.farewell = Some(left);
                return Poll::Pending;
            };
            left.advance(written?);
        }
        self.farewell = Some(left);
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        // Nothing read: the end of the stream, as Pingora sees it.
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Timed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.inner).poll_read(cx, buffer) {
            Poll::Pending if self.waits_for_head() => self.poll_give_up(cx),
            Poll::Pending => Poll::Pending,
            Poll::Ready(result) => {
                self.note(buffer.filled().get(before..).unwrap_or_default());
                Poll::Ready(result)
            }
        }
    }
}

impl AsyncWrite for Timed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[async_trait]
impl Shutdown for Timed {
    async fn shutdown(&mut self) {
        self.inner.shutdown().await;
    }
}

impl UniqueID for Timed {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for Timed {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.inner.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.inner.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner.selected_alpn_proto()
    }
}

impl GetTimingDigest for Timed {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.inner.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.inner.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.inner.get_write_pending_time()
    }
}

impl GetProxyDigest for Timed {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.inner.get_proxy_digest()
    }

    fn set_proxy_digest(&mut self, digest: ProxyDigest) {
        self.inner.set_proxy_digest(digest);
    }
}

impl GetSocketDigest for Timed {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }

    fn set_socket_digest(&mut self, digest: SocketDigest) {
        self.inner.set_socket_digest(digest);
    }
}

#[async_trait]
impl Peek for Timed {
    /// Pingora looks for HTTP/2 before it reads. The same bytes are read once more after that.
    async fn try_peek(&mut self, buffer: &mut [u8]) -> std::io::Result<bool> {
        let (mut first, until) = ([0; 1], self.until());
        if !tokio::time::timeout_at(until, self.inner.try_peek(&mut first)).await?? {
            return Ok(false);
        }
        self.began = Some(Instant::now());
        let until = self.until();
        if let Ok(looked) = tokio::time::timeout_at(until, self.inner.try_peek(buffer)).await {
            return looked;
        }
        std::future::poll_fn(|cx| self.poll_give_up(cx)).await?;
        Err(std::io::ErrorKind::TimedOut.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_408_says_its_own_length_and_its_id() {
        let text = String::from_utf8(too_slow().to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}\r\n", body.len())));
        assert!(head.contains("x-request-id: req_"));
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
