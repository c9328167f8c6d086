//! A request's head as the gateway takes it.

use pingora::protocols::http::ServerSession;

use crate::config::Public;
use crate::gateway::Head;
use crate::id::RequestId;
use crate::secret::Secret;

use super::client::client_address;

/// The head of a request.
pub(super) fn head_of(session: &ServerSession, bounds: &Public) -> Head {
    let head = session.req_header();
    let host = head
        .headers
        .get(http::header::HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| head.uri.authority().map(http::uri::Authority::as_str))
        .unwrap_or("localhost");
    let peer = session.client_addr().and_then(|peer| peer.as_inet()).map(std::net::SocketAddr::ip);
    let scheme = if bounds.tls.is_some() { "https" } else { "http" };
    Head {
        request_id: RequestId::random(),
        method: head.method.clone(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(|query| Secret::new(query.to_owned())),
        headers: head.headers.clone(),
        client: client_address(peer, &head.headers, &bounds.trusted_proxies),
        public_url: bounds.url.clone().unwrap_or_else(|| format!("{scheme}://{host}")),
    }
}
