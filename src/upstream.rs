//! Calls to vendors: host, credential, send, read. The only module besides the edge that names
//! Pingora.
//!
//! One call is one exchange with a deadline and a byte bound. It is sent again only when a pooled
//! connection turned out to be closed and not one byte of answer came, the one case where Pingora
//! vouches that a retry is safe to try; everything less certain is a fault for `attempt` to weigh.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use dashmap::DashMap;
use http::HeaderMap;
use pingora::connectors::ConnectorOptions;
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::protocols::http::client::HttpSession;
use pingora::upstreams::peer::{HttpPeer, PeerOptions};
use tokio::time::Instant;

use crate::catalog::{AuthScheme, BaseUrl, Vendor};
use crate::dialect::{Pieces, WireReply, WireRequest};
use crate::fault::VendorFault;
use crate::painter::Painter;

mod pace;

use pace::Pacers;

/// Connections kept open to vendors, all vendors together.
const POOL_MAX: usize = 512;

/// How long an unused connection is kept; below what vendors' front doors usually allow.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection may take to be made, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a resolved address is used.
const ADDRESS_TTL: Duration = Duration::from_secs(30);

/// The way to every vendor.
pub struct Upstream {
    connector: Connector,
    painter: Painter,
    pacers: Pacers,
    addresses: DashMap<(String, u16), (SocketAddr, Instant)>,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").finish_non_exhaustive()
    }
}

impl Upstream {
    /// Ways to vendors, with the in-process painter as one of them.
    pub fn new(painter: Painter) -> Self {
        Self {
            connector: Connector::new(Some(ConnectorOptions::new(POOL_MAX))),
            painter,
            pacers: Pacers::default(),
            addresses: DashMap::new(),
        }
    }

    /// One exchange with a vendor, ended at `deadline` at the latest.
    pub async fn call(
        &self,
        vendor: &Vendor,
        wire: &WireRequest,
        deadline: Instant,
    ) -> Result<WireReply, VendorFault> {
        self.pacers.wait(vendor, deadline).await?;
        let exchange = async {
            match &vendor.base {
                BaseUrl::InProcess(settings) => Ok(self.painter.answer(*settings, wire).await),
                BaseUrl::Http {
                    tls,
                    host,
                    port,
                    prefix,
                } => {
                    let mut peer = self.peer(host, *port, *tls).await?;
                    self.over_http(vendor, &mut peer, &format!("{prefix}{}", wire.path), wire)
                        .await
                }
            }
        };
        tokio::time::timeout_at(deadline, exchange)
            .await
            .unwrap_or(Err(VendorFault::TimedOut))
    }

    /// Fetches a picture that a vendor keeps, from a host that policy allows.
    pub async fn fetch(
        &self,
        vendor: &Vendor,
        url: &str,
        deadline: Instant,
    ) -> Result<Bytes, VendorFault> {
        let (tls, host, port, path) = self.allowed_picture(vendor, url)?;
        let wire = WireRequest {
            method: http::Method::GET,
            path: path.clone(),
            headers: HeaderMap::new(),
            body: Pieces::default(),
        };
        let exchange = async {
            let mut peer = self.peer(&host, port, tls).await?;
            // Our credential is for the vendor's API, never for the place its pictures lie.
            let stranger = Vendor {
                auth: AuthScheme::None,
                secret: None,
                ..vendor.clone()
            };
            self.over_http(&stranger, &mut peer, &path, &wire).await
        };
        let reply = tokio::time::timeout_at(deadline, exchange)
            .await
            .unwrap_or(Err(VendorFault::TimedOut))?;
        match reply.status {
            200 => Ok(reply.body.to_bytes()),
            status => Err(VendorFault::Garbled {
                detail: format!("its picture's address answered with status {status}"),
            }),
        }
    }

    #[expect(clippy::unused_self, reason = "a step of `fetch`, kept beside it")]
    fn allowed_picture(
        &self,
        vendor: &Vendor,
        url: &str,
    ) -> Result<(bool, String, u16, String), VendorFault> {
        let garbled = |detail: String| VendorFault::Garbled { detail };
        let uri: http::Uri = url
            .parse()
            .map_err(|_| garbled("its picture's address is not a URL".to_owned()))?;
        let tls = uri.scheme_str() == Some("https");
        let host = uri.host().unwrap_or_default().to_owned();
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let of_vendor = matches!(&vendor.base, BaseUrl::Http { host: own, port: own_port, .. }
            if *own == host && *own_port == port);
        let allowed = tls && vendor.picture_hosts.contains(&host);
        if !of_vendor && !allowed {
            return Err(garbled(format!(
                "its picture lies at {host}, which is not among vendors.{}.picture_hosts",
                vendor.name
            )));
        }
        let path = uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        Ok((tls, host, port, path.to_owned()))
    }

    async fn over_http(
        &self,
        vendor: &Vendor,
        peer: &mut HttpPeer,
        path: &str,
        wire: &WireRequest,
    ) -> Result<WireReply, VendorFault> {
        let head = request_head(vendor, peer, path, wire)?;
        match self.exchange(vendor, peer, &head, wire).await {
            Ok(reply) => Ok(reply),
            Err(Broken {
                fault,
                stale: false,
            }) => Err(fault),
            Err(Broken { stale: true, .. }) => {
                // A key of its own keeps this try away from the other pooled connections, which
                // were probably closed together with the one that failed.
                peer.group_key = peer.group_key.wrapping_add(1);
                self.exchange(vendor, peer, &head, wire)
                    .await
                    .map_err(|broken| broken.fault)
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
        // A vendor may refuse a body early and close: its answer says more than the write error.
        let answered = match session.read_response_header().await {
            Ok(()) => Ok(()),
            Err(read_error) => Err(sent.err().unwrap_or(read_error)),
        };
        answered.map_err(|error| Broken::after(error, reused))?;
        let reply = read(&mut session, vendor.answer_bytes_max).await?;
        self.connector
            .release_http_session(session, peer, Some(IDLE_TIMEOUT))
            .await;
        Ok(reply)
    }

    async fn peer(&self, host: &str, port: u16, tls: bool) -> Result<HttpPeer, VendorFault> {
        let address = self.resolve(host, port).await?;
        let sni = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let mut peer = HttpPeer::new(address, tls, sni);
        let mut options = PeerOptions::new();
        options.connection_timeout = Some(CONNECT_TIMEOUT);
        options.total_connection_timeout = Some(CONNECT_TIMEOUT);
        options.idle_timeout = Some(IDLE_TIMEOUT);
        options.max_h2_streams = 32;
        if tls {
            options.set_http_version(2, 1);
        }
        peer.options = options;
        Ok(peer)
    }

    async fn resolve(&self, host: &str, port: u16) -> Result<SocketAddr, VendorFault> {
        if let Ok(address) = host.trim_matches(['[', ']']).parse() {
            return Ok(SocketAddr::new(address, port));
        }
        let name = (host.to_owned(), port);
        if let Some(known) = self.addresses.get(&name) {
            let (address, until) = *known;
            if Instant::now() < until {
                return Ok(address);
            }
        }
        let unreachable = |detail: String| VendorFault::Unreachable { detail };
        let found = tokio::time::timeout(CONNECT_TIMEOUT, tokio::net::lookup_host((host, port)))
            .await
            .map_err(|_| unreachable(format!("the name {host} did not resolve in time")))?
            .map_err(|error| unreachable(format!("the name {host} does not resolve: {error}")))?
            .next()
            .ok_or_else(|| unreachable(format!("the name {host} has no address")))?;
        // Names are those of policy, so this map is as small as policy is.
        self.addresses
            .insert(name, (found, Instant::now() + ADDRESS_TTL));
        Ok(found)
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
        Self {
            fault: VendorFault::Unreachable {
                detail: one_line(error),
            },
            stale: false,
        }
    }

    /// Something was sent; the vendor may have begun.
    fn after(mut error: Box<pingora::Error>, reused: bool) -> Self {
        error.retry.decide_reuse(reused);
        let stale = reused && error.retry();
        Self {
            fault: VendorFault::Cut {
                detail: one_line(&error),
            },
            stale,
        }
    }
}

impl From<VendorFault> for Broken {
    fn from(fault: VendorFault) -> Self {
        Self {
            fault,
            stale: false,
        }
    }
}

fn one_line(error: &pingora::Error) -> String {
    error
        .to_string()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn request_head(
    vendor: &Vendor,
    peer: &HttpPeer,
    path: &str,
    wire: &WireRequest,
) -> Result<RequestHeader, VendorFault> {
    let rejected = |_| VendorFault::Rejected {
        detail: "the request has no valid head".to_owned(),
    };
    let mut head =
        RequestHeader::build(wire.method.clone(), path.as_bytes(), None).map_err(rejected)?;
    for (name, value) in &wire.headers {
        head.append_header(name.clone(), value.clone())
            .map_err(rejected)?;
    }
    head.insert_header(http::header::HOST, host_header(peer))
        .map_err(rejected)?;
    head.insert_header(http::header::USER_AGENT, USER_AGENT)
        .map_err(rejected)?;
    if !wire.body.is_empty() || wire.method == http::Method::POST {
        head.insert_header(http::header::CONTENT_LENGTH, wire.body.len())
            .map_err(rejected)?;
    }
    if let Some(secret) = &vendor.secret {
        match &vendor.auth {
            AuthScheme::Bearer => {
                let shown = format!("Bearer {}", secret.reveal());
                head.insert_header(http::header::AUTHORIZATION, shown)
                    .map_err(rejected)?;
            }
            AuthScheme::Header(name) => {
                head.insert_header(name.clone(), secret.reveal())
                    .map_err(rejected)?;
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
    while session
        .response_header()
        .is_some_and(|head| head.status.is_informational())
    {
        session
            .read_response_header()
            .await
            .map_err(|error| Broken::after(error, false))?;
    }
    let Some(head) = session.response_header() else {
        return Err(VendorFault::Cut {
            detail: "no answer".to_owned(),
        }
        .into());
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
    while let Some(chunk) = session
        .read_response_body()
        .await
        .map_err(|error| Broken::after(error, false))?
    {
        if body.len().saturating_add(chunk.len()) > bytes_max {
            return Err(too_large().into());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(WireReply {
        status,
        headers,
        body: Pieces::one(body.freeze()),
    })
}
