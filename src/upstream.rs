//! Calls to vendors: host, credential, send, read. The only module besides the edge that names
//! Pingora.
//!
//! One call is one exchange with a deadline and a byte bound. It is sent again only when a pooled
//! connection turned out to be closed and not one byte of answer came, the one case where Pingora
//! vouches that a retry is safe to try; everything less certain is a fault for `attempt` to weigh.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dashmap::DashMap;
use futures_util::future::BoxFuture;
use http::HeaderMap;
use pingora::connectors::ConnectorOptions;
use pingora::connectors::http::Connector;
use pingora::upstreams::peer::{HttpPeer, PeerOptions};
use tokio::time::Instant;

use crate::catalog::{AuthScheme, BaseUrl, InProcess, Vendor};
use crate::dialect::{Pieces, WireReply, WireRequest};
use crate::fault::VendorFault;

mod exchange;
mod pace;

use pace::Pacers;

/// Connections kept open to vendors, all vendors together.
const POOL_MAX: usize = 512;

/// How long an unused connection is kept; below what vendors' front doors usually allow.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection may take to be made, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Addresses of one name that are tried in turn.
const ADDRESSES_MAX: usize = 4;

/// How long a resolved address is used.
const ADDRESS_TTL: Duration = Duration::from_secs(30);

/// What answers for the vendor inside this process.
pub type InProcessVendor =
    Box<dyn Fn(InProcess, WireRequest) -> BoxFuture<'static, WireReply> + Send + Sync>;

/// The addresses of a name, and until when they are used.
struct Resolved {
    addresses: Arc<[SocketAddr]>,
    until: Instant,
}

/// The way to every vendor.
pub struct Upstream {
    connector: Connector,
    in_process: InProcessVendor,
    pacers: Pacers,
    addresses: DashMap<(String, u16), Resolved>,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").finish_non_exhaustive()
    }
}

impl Upstream {
    /// Ways to vendors; `in_process` is what answers for the vendor inside this process.
    pub fn new(in_process: InProcessVendor) -> Self {
        Self {
            connector: Connector::new(Some(ConnectorOptions::new(POOL_MAX))),
            in_process,
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
                BaseUrl::InProcess(settings) => {
                    Ok((self.in_process)(*settings, wire.clone()).await)
                }
                BaseUrl::Http { tls, host, port, prefix } => {
                    let peers = self.peers(host, *port, *tls).await?;
                    self.over_http(vendor, peers, &format!("{prefix}{}", wire.path), wire).await
                }
            }
        };
        tokio::time::timeout_at(deadline, exchange).await.unwrap_or(Err(VendorFault::TimedOut))
    }

    /// Fetches a picture that a vendor keeps, from a host that policy allows.
    pub async fn fetch(
        &self,
        vendor: &Vendor,
        url: &str,
        deadline: Instant,
    ) -> Result<Bytes, VendorFault> {
        let (tls, host, port, path) = allowed_picture(vendor, url)?;
        let wire = WireRequest {
            method: http::Method::GET,
            path: path.clone(),
            headers: HeaderMap::new(),
            body: Pieces::default(),
        };
        let exchange = async {
            let peers = self.peers(&host, port, tls).await?;
            // Our credential is for the vendor's API, never for the place its pictures lie.
            let stranger = Vendor { auth: AuthScheme::None, secret: None, ..vendor.clone() };
            self.over_http(&stranger, peers, &path, &wire).await
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

    /// The host at each of its addresses, in the order to try them.
    async fn peers(&self, host: &str, port: u16, tls: bool) -> Result<Vec<HttpPeer>, VendorFault> {
        let sni = host.trim_matches(['[', ']']);
        let mut options = PeerOptions::new();
        options.connection_timeout = Some(CONNECT_TIMEOUT);
        options.total_connection_timeout = Some(CONNECT_TIMEOUT);
        options.idle_timeout = Some(IDLE_TIMEOUT);
        options.max_h2_streams = 32;
        if tls {
            options.set_http_version(2, 1);
        }
        let peer = |address: &SocketAddr| {
            let mut peer = HttpPeer::new(*address, tls, sni.to_owned());
            peer.options = options.clone();
            peer
        };
        Ok(self.resolve(host, port).await?.iter().map(peer).collect())
    }

    async fn resolve(&self, host: &str, port: u16) -> Result<Arc<[SocketAddr]>, VendorFault> {
        if let Ok(address) = host.trim_matches(['[', ']']).parse() {
            return Ok(Arc::from([SocketAddr::new(address, port)]));
        }
        let name = (host.to_owned(), port);
        if let Some(known) = self.addresses.get(&name)
            && Instant::now() < known.until
        {
            return Ok(Arc::clone(&known.addresses));
        }
        let unreachable = |detail: String| VendorFault::Unreachable { detail };
        let found: Arc<[SocketAddr]> =
            tokio::time::timeout(CONNECT_TIMEOUT, tokio::net::lookup_host((host, port)))
                .await
                .map_err(|_| unreachable(format!("the name {host} did not resolve in time")))?
                .map_err(|error| unreachable(format!("the name {host} does not resolve: {error}")))?
                .take(ADDRESSES_MAX)
                .collect();
        if found.is_empty() {
            return Err(unreachable(format!("the name {host} has no address")));
        }
        // Names are those of policy, so this map is as small as policy is.
        let until = Instant::now() + ADDRESS_TTL;
        self.addresses.insert(name, Resolved { addresses: Arc::clone(&found), until });
        Ok(found)
    }
}

/// Where a picture lies, if policy lets it be fetched from there: TLS or not, host, port, path.
fn allowed_picture(vendor: &Vendor, url: &str) -> Result<(bool, String, u16, String), VendorFault> {
    let garbled = |detail: String| VendorFault::Garbled { detail };
    let uri: http::Uri =
        url.parse().map_err(|_| garbled("its picture's address is not a URL".to_owned()))?;
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
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    Ok((tls, host, port, path.to_owned()))
}
