//! Calls to vendors: host, credential, send, read. The only module besides the edge that names
//! Pingora.
//!
//! One call is one exchange with a deadline and a byte bound. It is sent again only when a pooled
//! connection turned out to be closed: the stream was refused, or the connection broke without a byte of answer within
//! a moment of the sending. Everything less certain is a fault for `attempt` to weigh.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use pingora::connectors::ConnectorOptions;
use pingora::connectors::http::Connector;
use tokio::time::Instant;

use crate::catalog::{BaseUrl, InProcess, Vendor};
use crate::clock::Clock;
use crate::dialect::{WireReply, WireRequest};
use crate::fault::VendorFault;
use crate::reach::Target;

mod accounts;
mod buffers;
mod exchange;
mod google;
mod lent;
mod passthrough;
mod place;
mod reach;
mod resolve;
mod sigv4;

use accounts::Accounts;
use buffers::Buffers;
use exchange::Ask;
use google::Tokens;
use place::place;
use resolve::Names;

pub use accounts::Account;
pub use lent::Lent;
pub(crate) use passthrough::{ADDRESSES_TRIED_MAX, Onward, Way};
pub use reach::{Bounds, Unreached};
pub use resolve::Resolver;

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

/// Times that one picture's address may send us on.
const REDIRECTS_MAX: usize = 3;

/// Bytes of answers held at once, unless config says otherwise.
const ANSWERS_BYTES_MAX: usize = 512 << 20;

/// How often memory that is not needed any more is given back.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// What answers for the vendor inside this process.
pub type InProcessVendor =
    Box<dyn Fn(InProcess, WireRequest) -> BoxFuture<'static, WireReply> + Send + Sync>;

/// What hears the pieces of an answer that is a stream of events, as they arrive.
pub type Ear<'a> = &'a (dyn Fn(&[u8]) + Send + Sync);

/// The way to every vendor.
pub struct Upstream {
    connector: Connector,
    in_process: InProcessVendor,
    /// What tells the time to signatures.
    clock: Arc<dyn Clock>,
    accounts: Accounts,
    tokens: Tokens,
    names: Names,
    buffers: Buffers,
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
            names: Names::default(),
            buffers: Buffers::new(ANSWERS_BYTES_MAX),
        }
    }

    /// The same, with room for so many bytes of answers in flight.
    #[must_use]
    pub fn with_answers_bytes_max(mut self, bytes_max: usize) -> Self {
        self.buffers = Buffers::new(bytes_max);
        self
    }

    /// Room for an answer that no vendor sends now, because it was kept: none yet, to be grown.
    pub fn lend(&self) -> Lent {
        self.buffers.lend()
    }

    /// Bytes of answers that are held, and how many answers had to wait for room since the
    /// last look.
    pub fn answers_in_flight(&self) -> (usize, u64) {
        (self.buffers.in_flight(), self.buffers.take_waited())
    }

    /// Gives memory back to the system that answers have not needed for a while. Never ends.
    pub async fn keep_tidy(&self) {
        loop {
            tokio::time::sleep(TIDY_EVERY).await;
            self.buffers.tidy();
        }
    }

    /// The same, with names found by this in place of the system.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Resolver) -> Self {
        self.names = Names::new(resolver);
        self
    }

    /// The account that takes the next so many calls at a vendor, once its pace allows them.
    pub async fn account(
        &self,
        vendor: &Vendor,
        calls: u32,
        deadline: Instant,
    ) -> Result<Account, VendorFault> {
        self.accounts.take(vendor, calls, deadline).await
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
                    let ask = Ask {
                        credential: shown.as_deref().map(|secret| (&vendor.auth, secret)),
                        path: &place.path,
                        wire,
                        bytes_max: vendor.answer_bytes_max,
                        ear,
                        keeps: true,
                    };
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
        let mut at = url.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            let reply = self.call(&keeper, account, &WireRequest::get(&at), deadline).await?;
            match reply.status {
                200 => return Ok(reply.body.to_bytes()),
                // Where it sends us is judged like what the vendor named.
                301 | 302 | 303 | 307 | 308 => at = sent_on(&at, &reply)?,
                // In a moment it may be there.
                status @ (408 | 429 | 500..=599) => return Err(VendorFault::Broken { status }),
                status => {
                    let detail = format!("its picture's address answered with status {status}");
                    return Err(VendorFault::Garbled { detail });
                }
            }
        }
        let detail = "its picture's address sends us on too often".to_owned();
        Err(VendorFault::Garbled { detail })
    }
}

/// Where an answer sends us that was asked at this whole address.
fn sent_on(from: &str, reply: &WireReply) -> Result<String, VendorFault> {
    let next = Target::parse(from)
        .and_then(|from| from.join(reply.header("location").unwrap_or_default()));
    next.map(|target| target.to_string()).map_err(|barred| VendorFault::Garbled {
        detail: format!("its picture's address sends us to one that {barred}"),
    })
}
