//! A vendor that takes orders and serves them when it is told to, or takes them back.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};

/// Counts what is ordered, asked after and taken back.
#[derive(Debug, Default)]
pub(crate) struct Clerk {
    placed: AtomicUsize,
    asked: AtomicUsize,
    taken_back: AtomicUsize,
    serves: AtomicBool,
    fails: AtomicBool,
    is_stubborn: bool,
}

impl Clerk {
    /// One who serves what was taken back all the same.
    pub(crate) fn stubborn() -> Self {
        Self { is_stubborn: true, ..Self::default() }
    }

    /// From now on every order is served.
    pub(crate) fn serve(&self) {
        self.serves.store(true, Ordering::SeqCst);
    }

    /// From now on every order has failed.
    pub(crate) fn fail(&self) {
        self.fails.store(true, Ordering::SeqCst);
    }

    pub(crate) fn placed(&self) -> usize {
        self.placed.load(Ordering::SeqCst)
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn taken_back(&self) -> usize {
        self.taken_back.load(Ordering::SeqCst)
    }

    /// Waits until somebody asked after an order that was placed, so that its name is known.
    pub(crate) async fn is_asked(&self) {
        while self.asked() == 0 {
            tokio::task::yield_now().await;
        }
    }

    /// The recorded form of an answer, in fal's words.
    pub(crate) fn answer(&self, method: &hyper::Method, path: &str) -> Value {
        let order = |status: &str| {
            json!({
                "status": status,
                "response_url": "{vendor}/v1/requests/1",
                "status_url": "{vendor}/v1/requests/1/status",
                "cancel_url": "{vendor}/v1/requests/1/cancel",
            })
        };
        let body = match (method.as_str(), path) {
            ("POST", _) => {
                self.placed.fetch_add(1, Ordering::SeqCst);
                order("IN_QUEUE")
            }
            ("PUT", _) => {
                self.taken_back.fetch_add(1, Ordering::SeqCst);
                if self.is_stubborn {
                    self.serve();
                }
                json!({ "status": "CANCELLATION_REQUESTED" })
            }
            (_, asked) if asked.ends_with("/status") => {
                self.asked.fetch_add(1, Ordering::SeqCst);
                self.status(&order)
            }
            _ => json!({ "images": [{ "url": "{vendor}/pictures/1.png" }] }),
        };
        json!({ "status": 200, "body": body })
    }

    fn status(&self, order: &dyn Fn(&str) -> Value) -> Value {
        if self.serves.load(Ordering::SeqCst) {
            return order("COMPLETED");
        }
        let why = match (self.taken_back(), self.fails.load(Ordering::SeqCst)) {
            (0, false) => return order("IN_PROGRESS"),
            (0, true) => "internal_server_error",
            _ => "request_cancelled",
        };
        let mut ended = order("COMPLETED");
        ended["error_type"] = why.into();
        ended
    }
}
