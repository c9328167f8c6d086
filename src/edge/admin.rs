//! The admin listener: whether the process lives, whether it should get traffic, its metrics, and
//! the way to the admin API.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Method, Response};
use pingora::apps::http_app::ServeHttp;
use pingora::protocols::http::ServerSession;

use crate::admin::{self, Answer, Asked};
use crate::gateway::Gateway;
use crate::scalar::Network;

use super::body::{announced_length, ask_for_body, read_away};
use super::client::client_address;

/// What answers on the admin listener.
pub(super) struct Admin {
    gateway: Arc<Gateway>,
    ready: Arc<AtomicBool>,
    api: Arc<admin::Admin>,
    trusted_proxies: Vec<Network>,
}

impl Admin {
    pub(super) fn new(
        api: Arc<admin::Admin>,
        gateway: Arc<Gateway>,
        ready: Arc<AtomicBool>,
        trusted_proxies: Vec<Network>,
    ) -> Self {
        Self { gateway, ready, api, trusted_proxies }
    }

    /// What the admin API answers to a request, once its body is here.
    async fn ask(&self, session: &mut ServerSession) -> Answer {
        let body = match read_body(session).await {
            Ok(body) => body,
            Err(refused) => {
                read_away(session).await;
                return refused;
            }
        };
        let peer =
            session.client_addr().and_then(|peer| peer.as_inet()).map(std::net::SocketAddr::ip);
        let head = session.req_header();
        let asked = Asked {
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers.clone(),
            body,
            client: client_address(peer, &head.headers, &self.trusted_proxies),
        };
        // A task of its own, so that a client who leaves does not leave a change half told.
        let api = Arc::clone(&self.api);
        let answering = self.gateway.tasks.spawn(async move { api.answer(asked).await });
        answering.await.unwrap_or_else(|_| Answer::failed())
    }

    /// Ready means: not draining, the books can be written, and nothing that everyone needs is stuck.
    fn readiness(&self) -> (u16, Cow<'static, str>) {
        if !self.ready.load(Ordering::Relaxed) {
            return (503, "draining\n".into());
        }
        if self.gateway.store.is_away() {
            return (503, "the store's database cannot be reached; it is tried again\n".into());
        }
        if self.gateway.store.poisoned() {
            return (503, "the store failed; restart after looking at its disk\n".into());
        }
        if self.gateway.store.is_full() {
            return (
                503,
                "the store's disk is full; what was begun is ended, nothing new begins\n".into(),
            );
        }
        if let Some(stuck) = self.gateway.stuck() {
            return (503, format!("{stuck}\n").into());
        }
        if self.gateway.is_disk_low() {
            return (200, "ready; the store's disk is nearly full\n".into());
        }
        (200, "ready\n".into())
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[async_trait]
impl ServeHttp for Admin {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        if admin::Admin::claims(session.req_header().uri.path()) {
            return told(self.ask(session).await);
        }
        let head = session.req_header();
        if head.method != Method::GET && head.method != Method::HEAD {
            return answer(405, TEXT, b"only GET is served here\n".to_vec());
        }
        let is_open = takes_open_metrics(&head.headers);
        match head.uri.path() {
            "/healthz" => answer(200, TEXT, b"alive\n".to_vec()),
            "/readyz" => {
                let (status, text) = self.readiness();
                answer(status, TEXT, text.as_bytes().to_vec())
            }
            "/metrics" => {
                self.gateway.read_gauges().await;
                let telemetry = &self.gateway.telemetry;
                if is_open {
                    answer(200, OPEN_METRICS, telemetry.scrape_openly())
                } else {
                    answer(200, METRICS, telemetry.scrape())
                }
            }
            _ => {
                let there = "there are /healthz, /readyz, /metrics, /admin/v1 and /console/\n";
                answer(404, TEXT, there.as_bytes().to_vec())
            }
        }
    }
}

/// The whole body, within its bounds.
async fn read_body(session: &mut ServerSession) -> Result<Bytes, Answer> {
    let most = admin::BODY_BYTES_MAX;
    let announced = announced_length(session);
    if announced > most {
        return Err(Answer::too_large());
    }
    ask_for_body(session).await;
    let reading = async {
        let mut body = BytesMut::with_capacity(announced);
        loop {
            match session.read_request_body().await {
                Ok(Some(chunk)) if body.len().saturating_add(chunk.len()) > most => {
                    return Err(Answer::too_large());
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => return Ok(body.freeze()),
                Err(_) => return Err(Answer::cut_short()),
            }
        }
    };
    let read = tokio::time::timeout(admin::BODY_TIMEOUT, reading).await;
    let body = read.unwrap_or_else(|_| Err(Answer::cut_short()))?;
    if body.len() < announced { Err(Answer::cut_short()) } else { Ok(body) }
}

/// Whether whoever asks for metrics can read OpenMetrics, as Prometheus says that it can.
fn takes_open_metrics(headers: &http::HeaderMap) -> bool {
    let accepts = headers.get_all(http::header::ACCEPT).iter();
    let mut accepts = accepts.filter_map(|accept| accept.to_str().ok());
    accepts.any(|accept| accept.contains("application/openmetrics-text"))
}

/// An answer of the admin API in bytes.
fn told(said: Answer) -> Response<Vec<u8>> {
    let mut response = answer(said.status, said.kind.media_type(), said.body);
    for (name, value) in said.headers {
        if let Ok(value) = http::HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn answer(status: u16, kind: &'static str, body: Vec<u8>) -> Response<Vec<u8>> {
    let length = body.len();
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    headers.insert(http::header::CONTENT_LENGTH, length.into());
    response
}
