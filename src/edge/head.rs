//! A request's head as the gateway takes it.

use pingora::protocols::http::ServerSession;

use crate::config::Public;
use crate::gateway::Head;
use crate::id::RequestId;
use crate::secret::Secret;

/// The head of a request.
pub(super) fn head_of(session: &ServerSession, bounds: &Public) -> Head {
    let head = session.req_header();
    let host = head
        .headers
        .get(http::header::HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| head.uri.authority().map(http::uri::Authority::as_str))
        .unwrap_or("localhost");
    let scheme = if bounds.tls.is_some() { "https" } else { "http" };
    Head {
        request_id: RequestId::random(),
        method: head.method.clone(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(|query| Secret::new(query.to_owned())),
        headers: head.headers.clone(),
        public_url: bounds.url.clone().unwrap_or_else(|| format!("{scheme}://{host}")),
    }
}
