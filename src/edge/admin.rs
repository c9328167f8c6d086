//! The admin listener: whether the process lives, whether it should get traffic, its metrics, and
//! the way to the admin API.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Method, Response};
use pingora::apps::http_app::ServeHttp;
use pingora::protocols::http::ServerSession;

use crate::admin::{self, Answer, Asked};
use crate::gateway::Gateway;
use crate::pledge::Gone;
use crate::scalar::Network;
use crate::telemetry::{Bound, Metrics};
use crate::turnstile::Decided;

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

    /// Ready means: not draining, and the books can be written.
    fn readiness(&self) -> (u16, &'static str) {
        if !self.ready.load(Ordering::Relaxed) {
            return (503, "draining\n");
        }
        if self.gateway.store.is_away() {
            return (503, "the store's database cannot be reached; it is tried again\n");
        }
        if self.gateway.store.poisoned() {
            return (503, "the store failed; restart after looking at its disk\n");
        }
        if self.gateway.store.is_full() {
            return (
                503,
                "the store's disk is full; what was begun is ended, nothing new begins\n",
            );
        }
        (200, "ready\n")
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
                let store = &self.gateway.store;
                let metrics = self.gateway.telemetry.metrics();
                let jobs = self.gateway.store.open_jobs_count();
                metrics.jobs_open.set(i64::try_from(jobs).unwrap_or(i64::MAX));
                let (untold, oldest_ms) = self.gateway.untold();
                let now_ms = self.gateway.clock.now().unix_ms;
                let age_ms = oldest_ms.map_or(0, |ms| now_ms.saturating_sub(ms).max(0));
                metrics.webhooks.waiting.set(i64::try_from(untold).unwrap_or(i64::MAX));
                metrics.webhooks.oldest_seconds.set(age_ms / 1000);
                metrics.holds_open.set(i64::try_from(store.open_holds()).unwrap_or(i64::MAX));
                metrics.answers_bytes.set(store.kept_bytes());
                let (answers_bytes, waited) = self.gateway.upstream.answers_in_flight();
                let shown_bytes = i64::try_from(answers_bytes).unwrap_or(i64::MAX);
                metrics.answers.in_flight_bytes.set(shown_bytes);
                if waited > 0 {
                    metrics.bounds_met_often(Bound::AnswersInFlightBytes, waited);
                }
                metrics.store.full.set(i64::from(store.is_full()));
                metrics.store.poisoned.set(i64::from(store.poisoned()));
                metrics.store.away.set(i64::from(store.is_away()));
                let dropped = metrics.answers_not_kept.with_label_values(&[Gone::Dropped.name()]);
                dropped.inc_by(store.take_dropped());
                tell_of_counting(metrics, self.gateway.turnstile.take_decided());
                if let Ok(total) = store.pictures_total_of_all().await {
                    let shown = |count| i64::try_from(count).unwrap_or(i64::MAX);
                    metrics.library_pictures.set(shown(total.pictures));
                    metrics.library_bytes.set(shown(total.bytes));
                }
                let telemetry = &self.gateway.telemetry;
                if is_open {
                    answer(200, OPEN_METRICS, telemetry.scrape_openly())
                } else {
                    answer(200, METRICS, telemetry.scrape())
                }
            }
            _ => {
                let there = "there are /healthz, /readyz, /metrics and /admin/v1\n";
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

fn tell_of_counting(metrics: &Metrics, tally: Decided) {
    let Some(is_up) = tally.is_up else { return };
    metrics.shared_up.with_label_values(&["redis"]).set(i64::from(is_up));
    for (how, count) in
        [("shared", tally.shared), ("alone", tally.alone), ("refused", tally.refused)]
    {
        metrics.shared_decisions.with_label_values(&[how]).inc_by(count);
    }
    metrics.shared_let_go.inc_by(tally.let_go);
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
