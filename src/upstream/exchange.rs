//! One exchange over one connection: the head with our credential, the body, the answer.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use pingora::ErrorType;
use pingora::http::RequestHeader;
use pingora::protocols::http::client::HttpSession;
use pingora::upstreams::peer::HttpPeer;
use tokio::time::Instant;

use crate::catalog::AuthScheme;
use crate::clock::Now;
use crate::dialect::{Pieces, WireReply, WireRequest};
use crate::fault::VendorFault;
use crate::secret::Secret;

use super::buffers::Buffers;
use super::{Ear, IDLE_TIMEOUT, Upstream, sigv4};

/// How soon after a request was sent a connection that had been closed before shows that it was: a round trip and
/// some. One that breaks later may have had it drawn.
const STALE_WITHIN: Duration = Duration::from_secs(1);

/// What is sent, and in whose name.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    /// The credential to show, and how; `None` for a place that is not a vendor's API.
    pub(super) credential: Option<(&'a AuthScheme, &'a Secret)>,
    /// Path and query at the place that is asked.
    pub(super) path: &'a str,
    pub(super) wire: &'a WireRequest,
    /// The largest answer that is read.
    pub(super) bytes_max: usize,
    pub(super) ear: Option<Ear<'a>>,
    /// Whether the connection is kept for the next exchange.
    pub(super) keeps: bool,
}

impl Upstream {
    /// Sends and reads, at the first address that can be reached.
    pub(super) async fn over_http(
        &self,
        ask: Ask<'_>,
        peers: Vec<HttpPeer>,
    ) -> Result<WireReply, VendorFault> {
        self.at_first(ask, peers).await.map_err(|broken| broken.fault)
    }

    /// The same, and what kind of end it came to.
    pub(super) async fn at_first(
        &self,
        ask: Ask<'_>,
        mut peers: Vec<HttpPeer>,
    ) -> Result<WireReply, Broken> {
        let detail = "the host has no address".to_owned();
        let mut last = Broken::from(VendorFault::Unreachable { detail });
        for peer in &mut peers {
            match self.at_address(ask, peer).await {
                Err(broken @ Broken { fault: VendorFault::Unreachable { .. }, .. }) => {
                    last = broken;
                }
                ended => return ended,
            }
        }
        Err(last)
    }

    /// Sends and reads; once more where a pooled connection turned out to be closed.
    async fn at_address(&self, ask: Ask<'_>, peer: &mut HttpPeer) -> Result<WireReply, Broken> {
        let now = self.clock.now();
        match self.exchange(ask, peer, now).await {
            Err(Broken { kind: Kind::Stale, .. }) => {
                // A key of its own keeps this try away from the other pooled connections, which
                // were probably closed together with the one that failed.
                peer.group_key = peer.group_key.wrapping_add(1);
                self.exchange(ask, peer, now).await
            }
            ended => ended,
        }
    }

    async fn exchange(&self, ask: Ask<'_>, peer: &HttpPeer, now: Now) -> Result<WireReply, Broken> {
        let head = Box::new(request_head(ask, peer, now)?);
        // In a place of its own that is given back once connected: a request that waits for its vendor
        // would hold 9 KB for it, and 3 KB for what gives the connection back below.
        let connected = Box::pin(self.connector.get_http_session(peer)).await;
        let (mut session, reused) = connected.map_err(|error| Broken::before(&error))?;
        let sent = send(&mut session, head, ask.wire).await;
        let (sent_whole, sent_at) = (sent.is_ok(), Instant::now());
        // A vendor may refuse a body early and close: its answer says more than the write error.
        let answered = match session.read_response_header().await {
            Ok(()) => Ok(()),
            Err(read_error) => Err(sent.err().unwrap_or(read_error)),
        };
        answered.map_err(|error| Broken::waiting(error, reused, sent_at.elapsed()))?;
        let reply = read(&mut session, ask.bytes_max, ask.ear, &self.buffers).await?;
        // What was not sent to its end would run into the next request on this connection.
        if sent_whole && ask.keeps {
            Box::pin(self.connector.release_http_session(session, peer, Some(IDLE_TIMEOUT))).await;
        }
        Ok(reply)
    }
}

/// An exchange that failed.
pub(super) struct Broken {
    pub(super) fault: VendorFault,
    pub(super) kind: Kind,
}

/// What kind of end an exchange came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Only because a pooled connection was closed already.
    Stale,
    /// The answer is larger than may be read.
    TooLarge,
    /// As the fault says.
    Fault,
}

impl Broken {
    /// Nothing was sent.
    fn before(error: &pingora::Error) -> Self {
        VendorFault::Unreachable { detail: one_line(error) }.into()
    }

    /// The request was sent this long ago, and no answer had begun.
    fn waiting(mut error: Box<pingora::Error>, reused: bool, waited: Duration) -> Self {
        // Where Pingora allows a second try: the stream was refused, or HTTP/1.1 is wanted for it.
        let is_refused = matches!(error.etype(), ErrorType::H2Error | ErrorType::H2Downgrade);
        let is_early = waited <= STALE_WITHIN && *error.etype() != ErrorType::InvalidH2;
        error.retry.decide_reuse(reused);
        let is_stale = reused && (is_refused || is_early) && error.retry();
        let kind = if is_stale { Kind::Stale } else { Kind::Fault };
        Self { kind, ..Self::after(&error) }
    }

    /// Something was sent; the vendor may have begun.
    fn after(error: &pingora::Error) -> Self {
        VendorFault::Cut { detail: one_line(error) }.into()
    }
}

impl From<VendorFault> for Broken {
    fn from(fault: VendorFault) -> Self {
        Self { fault, kind: Kind::Fault }
    }
}

fn one_line(error: &pingora::Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn request_head(ask: Ask<'_>, peer: &HttpPeer, now: Now) -> Result<RequestHeader, VendorFault> {
    let Ask { credential, path, wire, keeps, .. } = ask;
    let rejected = |_| VendorFault::Rejected { detail: "the request has no valid head".to_owned() };
    let fields = wire.headers.len() + OWN_FIELDS;
    let mut head = RequestHeader::build_no_case(wire.method.clone(), path.as_bytes(), Some(fields))
        .map_err(rejected)?;
    for (name, value) in &wire.headers {
        head.append_header(name.clone(), value.clone()).map_err(rejected)?;
    }
    head.insert_header(http::header::HOST, host_header(peer)).map_err(rejected)?;
    head.insert_header(http::header::USER_AGENT, USER_AGENT).map_err(rejected)?;
    let may_have_body = matches!(wire.method, http::Method::POST | http::Method::PUT);
    if !wire.body.is_empty() || may_have_body {
        head.insert_header(http::header::CONTENT_LENGTH, wire.body.len()).map_err(rejected)?;
    }
    if !keeps {
        head.insert_header(http::header::CONNECTION, "close").map_err(rejected)?;
    }
    if let Some((AuthScheme::SigV4 { region, service }, secret)) = credential {
        let scope = sigv4::Scope { region, service };
        for (name, value) in signature(ask, &head, scope, (secret, now))? {
            head.insert_header(name, value).map_err(rejected)?;
        }
    } else if let Some((name, shown)) = credential.and_then(|(auth, secret)| shown(auth, secret)) {
        head.insert_header(name, shown).map_err(rejected)?;
    }
    Ok(head)
}

/// The header that shows a credential.
pub(super) fn shown(auth: &AuthScheme, secret: &Secret) -> Option<(String, String)> {
    let secret = secret.reveal();
    match auth {
        AuthScheme::Bearer | AuthScheme::GoogleAccount => {
            Some((AUTHORIZATION.to_string(), format!("Bearer {secret}")))
        }
        AuthScheme::Word(word) => Some((AUTHORIZATION.to_string(), format!("{word} {secret}"))),
        AuthScheme::Basic => {
            let coded = base64::engine::general_purpose::STANDARD.encode(secret);
            Some((AUTHORIZATION.to_string(), format!("Basic {coded}")))
        }
        AuthScheme::Header(name) => Some((name.clone(), secret.to_owned())),
        // A signature is of what is sent.
        AuthScheme::SigV4 { .. } | AuthScheme::None => None,
    }
}

/// The headers that sign what is sent to AWS.
fn signature(
    ask: Ask<'_>,
    head: &RequestHeader,
    scope: sigv4::Scope<'_>,
    (secret, now): (&Secret, Now),
) -> Result<Vec<(&'static str, String)>, VendorFault> {
    let unsigned = sigv4::Unsigned {
        method: &head.method,
        path: ask.path,
        headers: &head.headers,
        body: &ask.wire.body,
    };
    sigv4::sign(&unsigned, secret.reveal(), scope, now.unix_seconds()).ok_or_else(|| {
        VendorFault::Denied {
            detail: "the credential is not ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]"
                .to_owned(),
        }
    })
}

/// Fields that we add to those of a dialect, mostly: host, name, length, credential.
const OWN_FIELDS: usize = 4;

/// What we call ourselves to vendors.
const USER_AGENT: &str = concat!("pixelgate/", env!("CARGO_PKG_VERSION"));

pub(super) fn host_header(peer: &HttpPeer) -> String {
    let usual = if peer.is_tls() { 443 } else { 80 };
    let is_v6 = peer.sni.contains(':');
    let name = if is_v6 { format!("[{}]", peer.sni) } else { peer.sni.clone() };
    match peer._address.as_inet().map(SocketAddr::port) {
        Some(port) if port != usual => format!("{name}:{port}"),
        Some(_) | None => name,
    }
}

async fn send(
    session: &mut HttpSession,
    head: Box<RequestHeader>,
    wire: &WireRequest,
) -> Result<(), Box<pingora::Error>> {
    session.write_request_header(head).await?;
    for slice in wire.body.clone().into_slices() {
        session.write_request_body(slice, false).await?;
    }
    session.finish_request_body().await
}

async fn read(
    session: &mut HttpSession,
    bytes_max: usize,
    ear: Option<Ear<'_>>,
    buffers: &Buffers,
) -> Result<WireReply, Broken> {
    // Interim answers (1xx) announce the real one.
    while session.response_header().is_some_and(|head| head.status.is_informational()) {
        session.read_response_header().await.map_err(|error| Broken::after(&error))?;
    }
    let Some(head) = session.response_header() else {
        return Err(VendorFault::Cut { detail: "no answer".to_owned() }.into());
    };
    let status = head.status.as_u16();
    let headers: HeaderMap = head.headers.clone();
    let announced: usize = headers
        .get(http::header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok())
        .unwrap_or(0);
    let too_large = || {
        let detail = format!("its answer is larger than answer_bytes_max, {bytes_max}");
        Broken { fault: VendorFault::Garbled { detail }, kind: Kind::TooLarge }
    };
    if announced > bytes_max {
        return Err(too_large());
    }
    let kind = headers.get(http::header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let is_stream = kind.is_some_and(|kind| kind.starts_with(b"text/event-stream"));
    let mut body = buffers.take(announced).await;
    let mut gather = |chunk: &[u8]| {
        if body.len().saturating_add(chunk.len()) > bytes_max {
            return Err(too_large());
        }
        if let Some(ear) = ear.filter(|_| is_stream) {
            ear(chunk);
        }
        body.add(chunk);
        Ok(())
    };
    let cut = |error: Box<pingora::Error>| Broken::after(&error);
    if let HttpSession::H1(session) = session {
        // What Pingora has read is copied once, into the buffer.
        while let Some(chunk) = session.read_body_ref().await.map_err(cut)? {
            gather(chunk)?;
        }
    } else {
        while let Some(chunk) = session.read_response_body().await.map_err(cut)? {
            gather(&chunk)?;
        }
    }
    Ok(WireReply { status, headers, body: Pieces::one(body.freeze()) })
}

#[cfg(test)]
mod tests {
    use pingora::Error;
    use pingora::RetryType::{self, Decided, ReusedOnly};

    use super::*;

    /// What an exchange came to that failed so, on a connection that was used before or not.
    fn kind(kind: ErrorType, retry: RetryType, (reused, waited_ms): (bool, u64)) -> Kind {
        let mut error = Error::explain(kind, "it broke");
        error.retry = retry;
        Broken::waiting(error, reused, Duration::from_millis(waited_ms)).kind
    }

    #[test]
    fn only_what_a_vendor_cannot_have_drawn_is_sent_again() {
        // Closed before we used it, or closed while it was drawn.
        assert_eq!(kind(ErrorType::ConnectionClosed, ReusedOnly, (true, 40)), Kind::Stale);
        assert_eq!(kind(ErrorType::ConnectionClosed, ReusedOnly, (true, 1_001)), Kind::Fault);
        assert_eq!(kind(ErrorType::ReadError, ReusedOnly, (true, 40_000)), Kind::Fault);
        assert_eq!(kind(ErrorType::ConnectionClosed, ReusedOnly, (false, 40)), Kind::Fault);
        assert_eq!(kind(ErrorType::ReadError, Decided(false), (true, 40)), Kind::Fault);
        // Refused, however late.
        assert_eq!(kind(ErrorType::H2Error, Decided(true), (true, 40_000)), Kind::Stale);
        assert_eq!(kind(ErrorType::H2Error, Decided(false), (true, 40)), Kind::Fault);
        // What it said made no sense.
        assert_eq!(kind(ErrorType::InvalidH2, Decided(true), (true, 40)), Kind::Fault);
    }
}
