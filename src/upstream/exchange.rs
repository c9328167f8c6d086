//! One exchange over one connection: the head with our credential, the body, the answer.

use std::net::SocketAddr;

use bytes::BytesMut;
use http::HeaderMap;
use pingora::http::RequestHeader;
use pingora::protocols::http::client::HttpSession;
use pingora::upstreams::peer::HttpPeer;

use crate::catalog::{AuthScheme, Vendor};
use crate::dialect::{Pieces, WireReply, WireRequest};
use crate::fault::VendorFault;

use super::{IDLE_TIMEOUT, Upstream};

impl Upstream {
    /// Sends and reads, at the first address that can be reached.
    pub(super) async fn over_http(
        &self,
        vendor: &Vendor,
        peers: Vec<HttpPeer>,
        path: &str,
        wire: &WireRequest,
    ) -> Result<WireReply, VendorFault> {
        let mut last = VendorFault::Unreachable { detail: "the host has no address".to_owned() };
        for peer in peers {
            match self.at_address(vendor, peer, path, wire).await {
                Err(fault @ VendorFault::Unreachable { .. }) => last = fault,
                ended => return ended,
            }
        }
        Err(last)
    }

    /// Sends and reads; once more where a pooled connection turned out to be closed.
    async fn at_address(
        &self,
        vendor: &Vendor,
        mut peer: HttpPeer,
        path: &str,
        wire: &WireRequest,
    ) -> Result<WireReply, VendorFault> {
        let head = request_head(vendor, &peer, path, wire)?;
        match self.exchange(vendor, &peer, &head, wire).await {
            Ok(reply) => Ok(reply),
            Err(Broken { fault, stale: false }) => Err(fault),
            Err(Broken { stale: true, .. }) => {
                // A key of its own keeps this try away from the other pooled connections, which
                // were probably closed together with the one that failed.
                peer.group_key = peer.group_key.wrapping_add(1);
                self.exchange(vendor, &peer, &head, wire).await.map_err(|broken| broken.fault)
            }
        }
    }

    async fn exchange(
        &self,
        vendor: &Vendor,
        peer: &HttpPeer,
        head: &RequestHeader,
        wire: &WireRequest,
    ) -> Result<WireReply, Broken> {
        let connected = self.connector.get_http_session(peer).await;
        let (mut session, reused) = connected.map_err(|error| Broken::before(&error))?;
        let sent = send(&mut session, head, wire).await;
        let sent_whole = sent.is_ok();
        // A vendor may refuse a body early and close: its answer says more than the write error.
        let answered = match session.read_response_header().await {
            Ok(()) => Ok(()),
            Err(read_error) => Err(sent.err().unwrap_or(read_error)),
        };
        answered.map_err(|error| Broken::after(error, reused))?;
        let reply = read(&mut session, vendor.answer_bytes_max).await?;
        // What was not sent to its end would run into the next request on this connection.
        if sent_whole {
            self.connector.release_http_session(session, peer, Some(IDLE_TIMEOUT)).await;
        }
        Ok(reply)
    }
}

/// An exchange that failed, and whether only because a pooled connection was closed already.
struct Broken {
    fault: VendorFault,
    stale: bool,
}

impl Broken {
    /// Nothing was sent.
    fn before(error: &pingora::Error) -> Self {
        Self { fault: VendorFault::Unreachable { detail: one_line(error) }, stale: false }
    }

    /// Something was sent; the vendor may have begun.
    fn after(mut error: Box<pingora::Error>, reused: bool) -> Self {
        error.retry.decide_reuse(reused);
        let stale = reused && error.retry();
        Self { fault: VendorFault::Cut { detail: one_line(&error) }, stale }
    }
}

impl From<VendorFault> for Broken {
    fn from(fault: VendorFault) -> Self {
        Self { fault, stale: false }
    }
}

fn one_line(error: &pingora::Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn request_head(
    vendor: &Vendor,
    peer: &HttpPeer,
    path: &str,
    wire: &WireRequest,
) -> Result<RequestHeader, VendorFault> {
    let rejected = |_| VendorFault::Rejected { detail: "the request has no valid head".to_owned() };
    let mut head =
        RequestHeader::build(wire.method.clone(), path.as_bytes(), None).map_err(rejected)?;
    for (name, value) in &wire.headers {
        head.append_header(name.clone(), value.clone()).map_err(rejected)?;
    }
    head.insert_header(http::header::HOST, host_header(peer)).map_err(rejected)?;
    head.insert_header(http::header::USER_AGENT, USER_AGENT).map_err(rejected)?;
    if !wire.body.is_empty() || wire.method == http::Method::POST {
        head.insert_header(http::header::CONTENT_LENGTH, wire.body.len()).map_err(rejected)?;
    }
    if let Some(secret) = &vendor.secret {
        match &vendor.auth {
            AuthScheme::Bearer => {
                let shown = format!("Bearer {}", secret.reveal());
                head.insert_header(http::header::AUTHORIZATION, shown).map_err(rejected)?;
            }
            AuthScheme::Header(name) => {
                head.insert_header(name.clone(), secret.reveal()).map_err(rejected)?;
            }
            AuthScheme::None => {}
        }
    }
    Ok(head)
}

/// What we call ourselves to vendors.
const USER_AGENT: &str = concat!("pixelgate/", env!("CARGO_PKG_VERSION"));

fn host_header(peer: &HttpPeer) -> String {
    let usual = if peer.is_tls() { 443 } else { 80 };
    match peer._address.as_inet().map(SocketAddr::port) {
        Some(port) if port != usual => format!("{}:{port}", peer.sni),
        Some(_) | None => peer.sni.clone(),
    }
}

async fn send(
    session: &mut HttpSession,
    head: &RequestHeader,
    wire: &WireRequest,
) -> Result<(), Box<pingora::Error>> {
    session.write_request_header(Box::new(head.clone())).await?;
    for slice in wire.body.clone().into_slices() {
        session.write_request_body(slice, false).await?;
    }
    session.finish_request_body().await
}

async fn read(session: &mut HttpSession, bytes_max: usize) -> Result<WireReply, Broken> {
    // Interim answers (1xx) announce the real one.
    while session.response_header().is_some_and(|head| head.status.is_informational()) {
        session.read_response_header().await.map_err(|error| Broken::after(error, false))?;
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
    let too_large = || VendorFault::Garbled {
        detail: format!("its answer is larger than answer_bytes_max, {bytes_max}"),
    };
    if announced > bytes_max {
        return Err(too_large().into());
    }
    let mut body = BytesMut::with_capacity(announced);
    while let Some(chunk) =
        session.read_response_body().await.map_err(|error| Broken::after(error, false))?
    {
        if body.len().saturating_add(chunk.len()) > bytes_max {
            return Err(too_large().into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(WireReply { status, headers, body: Pieces::one(body.freeze()) })
}
