//! A vendor whose API no dialect expresses: what it does follows from the path.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::http::response::Builder;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::vendor::spawn;

/// One call as the vendor saw it.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Bytes,
}

/// A vendor on loopback.
#[derive(Clone)]
pub(crate) struct Upscaler {
    pub(crate) address: SocketAddr,
    calls: Arc<AtomicUsize>,
    heard: Arc<Mutex<Vec<Heard>>>,
    /// What lets `/v1/long` and `/v1/held…` go on.
    released: Arc<Notify>,
}

/// What comes before the pause of `/v1/long`, and after it.
pub(crate) const HALF: usize = 1 << 20;

type Answer = Response<BoxBody<Bytes, std::io::Error>>;

impl Upscaler {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let vendor = Self {
            address: listener.local_addr().unwrap(),
            calls: Arc::default(),
            heard: Arc::default(),
            released: Arc::default(),
        };
        let own = vendor.clone();
        spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                spawn(own.clone().meet(stream));
            }
        });
        vendor
    }

    /// Calls whose head has come.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn last(&self) -> Heard {
        self.heard.lock().unwrap().last().expect("the vendor was called").clone()
    }

    pub(crate) fn release(&self) {
        self.released.notify_one();
    }

    pub(crate) async fn is_called(&self) {
        while self.calls() == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// All of a call has come.
    pub(crate) async fn has_heard(&self, calls: usize) {
        while self.heard.lock().unwrap().len() < calls {
            tokio::task::yield_now().await;
        }
    }

    async fn meet(self, stream: TcpStream) {
        let service = service_fn(move |request| self.clone().answer(request));
        let server = hyper::server::conn::http1::Builder::new();
        // The gateway may hang up when it likes.
        let _ = server.serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Answer, Infallible> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let (asked, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes);
        let body = body.unwrap_or_default();
        self.heard.lock().unwrap().push(Heard {
            method: asked.method.to_string(),
            target: asked.uri.to_string(),
            headers: asked.headers,
            body: body.clone(),
        });
        Ok(match asked.uri.path() {
            "/v1/upscale" => said(200, body),
            "/v1/held" => {
                self.released.notified().await;
                said(200, body)
            }
            "/v1/held-and-failed" => {
                self.released.notified().await;
                said(500, Bytes::from_static(b"{\"oops\":true}"))
            }
            "/v1/long" => self.long(),
            "/v1/slow" => {
                tokio::time::sleep(Duration::from_secs(20)).await;
                said(200, body)
            }
            "/v1/cut" => cut(),
            "/v1/endless" => endless(),
            "/v1/large" => said(200, Bytes::from(vec![b'x'; 4 * HALF])),
            path => match path.strip_prefix("/v1/status/") {
                Some(status) => said(status.parse().unwrap(), Bytes::from_static(b"{\"its\":1}")),
                None => said(200, Bytes::from_static(b"{\"status\":\"done\"}")),
            },
        })
    }

    /// Half of an answer, and the other half once it is released.
    fn long(self) -> Answer {
        let half = || Ok(Frame::data(Bytes::from(vec![b'x'; HALF])));
        let rest = stream::once(async move {
            self.released.notified().await;
            half()
        });
        streamed(stream::iter([half()]).chain(rest))
    }
}

fn said(status: u16, body: Bytes) -> Answer {
    let body = Full::new(body).map_err(|never| match never {}).boxed();
    dressed(Response::builder().status(status)).body(body).unwrap()
}

fn streamed(
    frames: impl stream::Stream<Item = Result<Frame<Bytes>, std::io::Error>> + Send + Sync + 'static,
) -> Answer {
    dressed(Response::builder().status(200)).body(BodyExt::boxed(StreamBody::new(frames))).unwrap()
}

/// The beginning of an answer, and a while later the end of the connection.
fn cut() -> Answer {
    let start = Ok(Frame::data(Bytes::from_static(b"half of")));
    let end = stream::once(async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        Err(std::io::Error::other("cut"))
    });
    streamed(stream::iter([start]).chain(end))
}

/// An answer that trickles for ever.
fn endless() -> Answer {
    streamed(stream::unfold((), async |()| {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Some((Ok(Frame::data(Bytes::from_static(b"drop"))), ()))
    }))
}

/// What vendors say besides.
fn dressed(response: Builder) -> Builder {
    response
        .header("content-type", "application/octet-stream")
        .header("x-request-id", "theirs-1")
        .header("set-cookie", "session=theirs")
        .header("x-ratelimit-remaining-requests", "7")
        .header("alt-svc", "h3=\":443\"")
        .header("x-kept", "as it is")
}
