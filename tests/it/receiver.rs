//! An app that waits to be told of its jobs, on loopback.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::vendor::spawn;

/// What it was told once.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) path: String,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Bytes,
}

/// What it answers.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    /// This status, with these headers.
    Status(u16, Vec<(&'static str, String)>),
    /// Nothing, ever.
    Nothing,
}

/// An app that says one thing after the other, and in the end always 204.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    says: Arc<Mutex<VecDeque<Says>>>,
    told: mpsc::UnboundedReceiver<Told>,
}

impl Told {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether one of its signatures is by this secret.
    pub(crate) fn is_signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.trim().strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&key).unwrap();
        let (id, at) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        mac.update(format!("{id}.{at}.").as_bytes());
        mac.update(&self.body);
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').any(|one| one == signature)
    }
}

impl Receiver {
    pub(crate) async fn start(says: impl IntoIterator<Item = Says>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let says = Arc::new(Mutex::new(says.into_iter().collect::<VecDeque<_>>()));
        let (tell, told) = mpsc::unbounded_channel();
        let script = Arc::clone(&says);
        spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                spawn(meet(stream, Arc::clone(&script), tell.clone()));
            }
        });
        Self { address, says, told }
    }

    /// Answers these statuses first.
    pub(crate) async fn saying(statuses: &[u16]) -> Self {
        Self::start(statuses.iter().map(|status| Says::Status(*status, Vec::new()))).await
    }

    /// Where a job's end is to be told.
    pub(crate) fn webhook(&self) -> String {
        format!("{}/told?by=pixelgate", self.origin())
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Forgets what it was going to say.
    pub(crate) fn recovers(&self) {
        self.says.lock().unwrap().clear();
    }

    /// What it is told next; fails after ten silent seconds.
    pub(crate) async fn next(&mut self) -> Told {
        let told = tokio::time::timeout(Duration::from_secs(10), self.told.recv()).await;
        told.expect("the receiver is told").unwrap()
    }

    /// What it was told and nobody looked at, the first of it.
    pub(crate) fn heard(&mut self) -> Option<Told> {
        self.told.try_recv().ok()
    }

    /// Whether it has been told nothing that was not looked at.
    pub(crate) fn has_heard_nothing_more(&mut self) -> bool {
        self.told.try_recv().is_err()
    }
}

async fn meet(
    stream: tokio::net::TcpStream,
    script: Arc<Mutex<VecDeque<Says>>>,
    tell: mpsc::UnboundedSender<Told>,
) {
    let service = service_fn(move |request| answer(request, Arc::clone(&script), tell.clone()));
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // The gateway may hang up when it likes.
    let _ = connection.await;
}

async fn answer(
    request: Request<Incoming>,
    script: Arc<Mutex<VecDeque<Says>>>,
    tell: mpsc::UnboundedSender<Told>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let says = script.lock().unwrap().pop_front();
    // The test may be over.
    let _ = tell.send(Told { path, headers: head.headers, body });
    let (status, headers) = match says {
        None => (204, Vec::new()),
        Some(Says::Status(status, headers)) => (status, headers),
        Some(Says::Nothing) => return std::future::pending().await,
    };
    let response = Response::builder().status(status);
    let response =
        headers.iter().fold(response, |response, (name, value)| response.header(*name, value));
    Ok(response.body(Full::new(Bytes::new())).unwrap())
}
