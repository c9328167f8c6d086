//! The admin listener: whether the process lives, whether it should get traffic, and its metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use http::{Method, Response};
use pingora::apps::http_app::ServeHttp;
use pingora::protocols::http::ServerSession;

use crate::gateway::Gateway;
use crate::pledge::Gone;
use crate::telemetry::Metrics;
use crate::turnstile::Decided;

/// What answers on the admin listener.
pub(super) struct Admin {
    gateway: Arc<Gateway>,
    ready: Arc<AtomicBool>,
}

impl Admin {
    pub(super) const fn new(gateway: Arc<Gateway>, ready: Arc<AtomicBool>) -> Self {
        Self { gateway, ready }
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

#[async_trait]
impl ServeHttp for Admin {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let head = session.req_header();
        if head.method != Method::GET && head.method != Method::HEAD {
            return answer(405, TEXT, b"only GET is served here\n".to_vec());
        }
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
                metrics.webhooks_waiting.set(i64::try_from(untold).unwrap_or(i64::MAX));
                metrics.webhooks_oldest_seconds.set(age_ms / 1000);
                metrics.holds_open.set(i64::try_from(store.open_holds()).unwrap_or(i64::MAX));
                metrics.answers_bytes.set(store.kept_bytes());
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
                answer(200, METRICS, self.gateway.telemetry.scrape())
            }
            _ => answer(404, TEXT, b"there are /healthz, /readyz and /metrics\n".to_vec()),
        }
    }
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
