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
use pingora::connectors::ConnectorOptions;
use pingora::connectors::http::Connector;
use pingora::upstreams::peer::{HttpPeer, PeerOptions};
use tokio::time::Instant;

use crate::catalog::{BaseUrl, InProcess, Vendor};
use crate::clock::Clock;
use crate::dialect::{WireReply, WireRequest};
use crate::fault::VendorFault;

mod accounts;
mod exchange;
mod google;
mod passthrough;
mod place;
mod sigv4;

use accounts::Accounts;
use exchange::Ask;
use google::Tokens;
use place::{Place, place};

pub use accounts::Account;
pub(crate) use passthrough::{ADDRESSES_TRIED_MAX, Onward, Way};

/// Connections kept open to vendors, all vendors together.
const POOL_MAX: usize = 512;

/// How long an unused connection is kept; below what vendors' front doors usually allow.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a connection may take to be made, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Addresses of one name that are tried in turn.
const ADDRESSES_MAX: usize = 4;

/// Names whose addresses are remembered.
const NAMES_MAX: usize = 1024;

/// How long a resolved address is used.
const ADDRESS_TTL: Duration = Duration::from_secs(30);

/// What answers for the vendor inside this process.
pub type InProcessVendor =
    Box<dyn Fn(InProcess, WireRequest) -> BoxFuture<'static, WireReply> + Send + Sync>;

/// What hears the pieces of an answer that is a stream of events, as they arrive.
pub type Ear<'a> = &'a (dyn Fn(&[u8]) + Send + Sync);

/// The addresses of a name, and until when they are used.
struct Resolved {
    addresses: Arc<[SocketAddr]>,
    until: Instant,
}

/// The way to every vendor.
pub struct Upstream {
    connector: Connector,
    in_process: InProcessVendor,
    /// What tells the time to signatures.
    clock: Arc<dyn Clock>,
    accounts: Accounts,
    tokens: Tokens,
    addresses: DashMap<(String, u16), Resolved>,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").finish_non_exhaustive()
    }
}

impl Upstream {
    /// Ways to vendors; `in_process` is what answers for the vendor inside this process, and `clock`
    /// tells signatures and tokens the time.
    pub fn new(in_process: InProcessVendor, clock: Arc<dyn Clock>) -> Self {
        Self {
            connector: Connector::new(Some(ConnectorOptions::new(POOL_MAX))),
            in_process,
            tokens: Tokens::new(Arc::clone(&clock)),
            clock,
            accounts: Accounts::default(),
            addresses: DashMap::new(),
        }
    }

    /// The account that takes the next order at a vendor, once its pace allows one.
    pub async fn account(
        &self,
        vendor: &Vendor,
        deadline: Instant,
    ) -> Result<Account, VendorFault> {
        self.accounts.take(vendor, deadline).await
    }

    /// Lets an account rest that a fault speaks against; whether another one can be tried.
    pub fn note_fault(&self, vendor: &Vendor, account: Account, fault: &VendorFault) -> bool {
        self.accounts.note(vendor, account, fault)
    }

    /// One exchange with a vendor, ended at `deadline` at the latest.
    pub async fn call(
        &self,
        vendor: &Vendor,
        account: Account,
        wire: &WireRequest,
        deadline: Instant,
    ) -> Result<WireReply, VendorFault> {
        self.call_heard(vendor, account, wire, (deadline, None)).await
    }

    /// The same, heard while it arrives: each piece of an answer that is a stream of events.
    pub async fn call_heard(
        &self,
        vendor: &Vendor,
        account: Account,
        wire: &WireRequest,
        (deadline, ear): (Instant, Option<Ear<'_>>),
    ) -> Result<WireReply, VendorFault> {
        let exchange = async {
            match &vendor.base {
                BaseUrl::InProcess(settings) => {
                    Ok((self.in_process)(*settings, wire.clone()).await)
                }
                BaseUrl::Http { .. } => {
                    let place = place(vendor, &wire.path)?;
                    let secret = vendor.secrets.get(account.0).filter(|_| place.is_api);
                    let shown = self.shown(vendor, secret, deadline).await?;
                    let peers = self.peers(&place).await?;
                    let ask =
                        Ask { vendor, secret: shown.as_deref(), path: &place.path, wire, ear };
                    let reply = self.over_http(ask, peers).await?;
                    self.tokens.note(secret, reply.status);
                    Ok(reply)
                }
            }
        };
        tokio::time::timeout_at(deadline, exchange).await.unwrap_or(Err(VendorFault::TimedOut))
    }

    /// Fetches a picture that a vendor keeps, from the vendor itself or a host that policy lists.
    pub async fn fetch(
        &self,
        vendor: &Vendor,
        account: Account,
        url: &str,
        deadline: Instant,
    ) -> Result<Bytes, VendorFault> {
        // At hosts other than its own, our credential is for what a vendor does, not for what lies
        // there.
        let picture_hosts = [&vendor.hosts[..], &vendor.picture_hosts].concat();
        let keeper = Vendor { hosts: Vec::new(), picture_hosts, ..vendor.clone() };
        let reply = self.call(&keeper, account, &WireRequest::get(url), deadline).await?;
        match reply.status {
            200 => Ok(reply.body.to_bytes()),
            status => Err(VendorFault::Garbled {
                detail: format!("its picture's address answered with status {status}"),
            }),
        }
    }

    /// The host at each of its addresses, in the order to try them.
    async fn peers(&self, place: &Place) -> Result<Vec<HttpPeer>, VendorFault> {
        let sni = place.host.trim_matches(['[', ']']);
        let mut options = PeerOptions::new();
        options.connection_timeout = Some(CONNECT_TIMEOUT);
        options.total_connection_timeout = Some(CONNECT_TIMEOUT);
        options.idle_timeout = Some(IDLE_TIMEOUT);
        options.max_h2_streams = 32;
        if place.tls {
            options.set_http_version(2, 1);
        }
        let addresses = self.resolve(&place.host, place.port).await?;
        if place.is_named && !addresses.iter().all(|address| place::is_public(address.ip())) {
            let detail = format!("it names {}, which is inside our own network", place.host);
            return Err(VendorFault::Garbled { detail });
        }
        let peer = |address: &SocketAddr| {
            let mut peer = HttpPeer::new(*address, place.tls, sni.to_owned());
            peer.options = options.clone();
            peer
        };
        Ok(addresses.iter().map(peer).collect())
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
        // Names are of policy or below one of policy, so this map stays small; names below one are
        // the vendor's choice, so it is kept from growing all the same.
        if self.addresses.len() >= NAMES_MAX {
            self.addresses.clear();
        }
        let until = Instant::now() + ADDRESS_TTL;
        self.addresses.insert(name, Resolved { addresses: Arc::clone(&found), until });
        Ok(found)
    }
}
