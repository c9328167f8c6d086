//! What the head alone decides: which dialect claims the path, and who asks.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::auth::Caller;
use crate::canonical::{Refusal, RefusalKind};
use crate::dialect::{self, Claim, ClientSide, Pieces, WireReply, WireRequest};
use crate::id::RequestId;
use crate::pledge::Named;
use crate::policy::Policy;
use crate::receipt::Receipt;

use super::live::{BeginWith, Begun};
use super::once::Turn;
use super::permit::permit;
use super::{Gateway, note_caller, passthrough, refuse, reply};

/// A request's head, as the edge read it.
#[derive(Clone, Debug)]
pub struct Head {
    /// The request's name.
    pub request_id: RequestId,
    /// The method.
    pub method: Method,
    /// The path, without its query.
    pub path: String,
    /// Its query, without the question mark; empty when there is none.
    pub query: String,
    /// All header fields.
    pub headers: HeaderMap,
    /// Where apps reach us, for the addresses of stored pictures; no slash at its end.
    pub public_url: String,
}

/// A request by someone we know, on a path that somebody claims.
#[derive(Debug)]
pub struct Visit {
    pub(super) head: Head,
    pub(super) client: &'static dyn ClientSide,
    pub(super) claim: Claim,
    pub(super) caller: Caller,
    pub(super) policy: Arc<Policy>,
    pub(super) receipt: Receipt,
    pub(super) began: Instant,
    /// Where the answer is handed over if it begins before it is whole.
    pub(super) begin_with: Option<BeginWith>,
    /// Whether it has begun.
    pub(super) has_begun: bool,
    /// What it is known by, if it is to be served once.
    pub(super) named: Option<Named>,
    /// The right to be joined by its repeats, until it is answered.
    pub(super) turn: Option<Turn>,
    /// What was kept for its repeats, and is to be said to it too.
    pub(super) kept: Option<WireReply>,
    /// The words of the refusal, for the log.
    pub(super) said: Option<Cow<'static, str>>,
}

impl Visit {
    /// The answer may begin before it is whole, and is handed over here then.
    pub fn may_begin(&mut self) -> oneshot::Receiver<Begun> {
        let (begin_with, begun) = oneshot::channel();
        self.begin_with = Some(begin_with);
        begun
    }

    /// The whole request as the dialect reads it.
    pub(super) fn wire(&self, body: Bytes) -> WireRequest {
        WireRequest {
            method: self.head.method.clone(),
            path: self.head.path.clone(),
            headers: self.head.headers.clone(),
            body: Pieces::one(body),
        }
    }
}

impl Gateway {
    /// Who claims this path, and who asks. A no is already in the dialect's own words.
    pub fn meet(&self, head: Head) -> Result<Visit, Box<WireReply>> {
        let began = Instant::now();
        let claimed = dialect::claim(&head.method, &head.path)
            .and_then(|(dialect, claim)| Some((dialect.name, dialect.client?, claim)));
        let Some((name, client, claim)) = claimed else {
            let refusal = refuse::unknown_path(&head.method, &head.path);
            return Err(Box::new(self.refuse(&head, &refusal)));
        };
        let now = self.clock.now();
        let policy = self.policy.current();
        let mut receipt =
            Receipt::begin(head.request_id.clone(), now.unix_ms, Arc::clone(&policy.version));
        receipt.dialect = name;
        let presented = client.presented_key(&head.headers);
        let known =
            self.store.keys().authenticate(presented, now.unix_ms).map_err(refuse::auth).and_then(
                |caller| {
                    note_caller(&mut receipt, &caller);
                    self.store.touch(caller.key());
                    permit(&policy, (name, client), &claim, &caller).map(|()| caller)
                },
            );
        match known {
            Ok(caller) => {
                let (begin_with, has_begun, said) = (None, false, None);
                let (named, turn, kept) = (None, None, None);
                Ok(Visit {
                    head,
                    client,
                    claim,
                    caller,
                    policy,
                    receipt,
                    began,
                    begin_with,
                    has_begun,
                    named,
                    turn,
                    kept,
                    said,
                })
            }
            Err(refusal) => Err(Box::new(self.turn_away(&head, client, receipt, &refusal))),
        }
    }

    /// A no to a request that never became a visit: an unknown path, a bound met, a bad key.
    pub fn refuse(&self, head: &Head, refusal: &Refusal) -> WireReply {
        let now = self.clock.now();
        let version = Arc::clone(&self.policy.current().version);
        let mut receipt = Receipt::begin(head.request_id.clone(), now.unix_ms, version);
        match dialect::claim(&head.method, &head.path).and_then(|(d, _)| Some((d.name, d.client?)))
        {
            Some((name, client)) => {
                receipt.dialect = name;
                self.turn_away(head, client, receipt, refusal)
            }
            None if passthrough::is_passed_through(&head.path) => {
                self.told(head, receipt, refusal, passthrough::refusal(refusal, &head.request_id))
            }
            None => self.turn_away(head, dialect::fallback(), receipt, refusal),
        }
    }

    /// A no to a visit whose body could not be read.
    pub fn refuse_visit(&self, visit: Visit, refusal: &Refusal) -> WireReply {
        self.turn_away(&visit.head, visit.client, visit.receipt, refusal)
    }

    fn turn_away(
        &self,
        head: &Head,
        client: &dyn ClientSide,
        receipt: Receipt,
        refusal: &Refusal,
    ) -> WireReply {
        let reply = reply::refusal(client, refusal, (&head.request_id, None), self.clock.now());
        self.told(head, receipt, refusal, reply)
    }

    fn told(
        &self,
        head: &Head,
        mut receipt: Receipt,
        refusal: &Refusal,
        reply: WireReply,
    ) -> WireReply {
        receipt.refusal = Some(refusal.kind);
        receipt.status = reply.status;
        self.telemetry.tell(&receipt, Some(&refusal.message));
        let reply = if refusal.kind == RefusalKind::KeyMissing {
            reply.with_header("www-authenticate", "Bearer")
        } else {
            reply
        };
        reply.with_header("x-request-id", head.request_id.as_str())
    }
}
