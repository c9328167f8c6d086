//! What the head alone decides: which dialect claims the path, and who asks.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::auth::{self, AuthError, Caller};
use crate::canonical::{
    ImageRequest, LABELS_HEADER, Refusal, RefusalKind, bad_labels, read_labels,
};
use crate::clock::Now;
use crate::dialect::{self, Batching, Claim, ClientSide, Pieces, WireReply, WireRequest};
use crate::id::{RequestId, WorkspaceId};
use crate::played::Played;
use crate::pledge::Named;
use crate::policy::Policy;
use crate::receipt::Receipt;
use crate::secret::Secret;
use crate::telemetry::Bound;
use crate::trail::Step;

use super::follow::{enter, traced};
use super::job::Errand;
use super::live::{BeginWith, Begun};
use super::once::Turn;
use super::permit::permit;
use super::{Gateway, passthrough, refuse, reply};

/// A request's head, as the edge read it.
#[derive(Clone, Debug)]
pub struct Head {
    /// The request's name.
    pub request_id: RequestId,
    /// The method.
    pub method: Method,
    /// The path, without its query.
    pub path: String,
    /// The query, which may hold a key.
    pub query: Option<Secret>,
    /// All header fields.
    pub headers: HeaderMap,
    /// The client's address, where it is known.
    pub client: Option<IpAddr>,
    /// Where apps reach us, for the addresses of stored pictures; no slash at its end.
    pub public_url: String,
}

impl Head {
    /// The query, without the question mark; empty when there is none.
    pub fn query_text(&self) -> &str {
        self.query.as_ref().map_or("", Secret::reveal)
    }

    /// Who claims it, and what for.
    fn claim(&self) -> Option<(&'static str, &'static dyn ClientSide, Claim)> {
        let shows_key = |side: &dyn ClientSide| self.key(side).is_some();
        let (dialect, claim) = dialect::claim_by_key(&self.method, &self.path, shows_key)?;
        Some((dialect.name, dialect.client?, claim))
    }

    /// The key, where this side's apps show it.
    fn key(&self, side: &dyn ClientSide) -> Option<&str> {
        side.presented_key(&self.headers).or_else(|| {
            let (name, query) = (side.key_parameter()?, self.query.as_ref()?);
            let pairs = query.reveal().split('&').filter_map(|pair| pair.split_once('='));
            let mut keys = pairs.filter(|(own, key)| *own == name && !key.is_empty());
            keys.next().map(|(_, key)| key)
        })
    }
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
    /// Whether it is a job now, which is told of when that ends.
    pub(super) became_job: bool,
    /// What rules of policy put on it.
    pub(super) labels: BTreeMap<String, String>,
    /// The job that is worked on, where it is one.
    pub(super) errand: Option<Arc<Errand>>,
    /// How its answer stands in that of a batch, where it is one request of several.
    pub(super) item_of: Option<&'static dyn Batching>,
    /// What it is known by, if it is to be served once.
    pub(super) named: Option<Named>,
    /// The right to be joined by its repeats, until it is answered.
    pub(super) turn: Option<Turn>,
    /// What was kept for its repeats, and is to be said to it too.
    pub(super) kept: Option<WireReply>,
    /// The words of the refusal, for the log.
    pub(super) said: Option<Cow<'static, str>>,
    /// What a test-mode key has played.
    pub(super) played: Option<Played>,
}

impl Visit {
    /// Who pays for it.
    pub fn workspace(&self) -> &WorkspaceId {
        self.caller.workspace()
    }

    /// The answer may begin before it is whole, and is handed over here then.
    pub fn may_begin(&mut self) -> oneshot::Receiver<Begun> {
        let (begin_with, begun) = oneshot::channel();
        self.begin_with = Some(begin_with);
        begun
    }

    /// Puts the labels of the header on what is asked, beside those that its dialect has words for.
    pub(super) fn label(&mut self, request: &mut ImageRequest) -> Result<(), Refusal> {
        request.labels.extend(labels(&self.head.headers)?);
        self.receipt.labels.clone_from(&request.labels);
        Ok(())
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

/// The labels of a head.
pub(super) fn labels(headers: &HeaderMap) -> Result<BTreeMap<String, String>, Refusal> {
    let mut labels = BTreeMap::new();
    for value in headers.get_all(LABELS_HEADER) {
        let text = value.to_str().map_err(|_| bad_labels())?;
        labels.extend(read_labels(text)?);
    }
    Ok(labels)
}

impl Gateway {
    /// Who claims this path, and who asks. What is answered already is what needs no key, and a no
    /// in the dialect's own words.
    pub fn meet(&self, head: Head) -> Result<Visit, Box<WireReply>> {
        let began = Instant::now();
        let Some((name, client, claim)) = head.claim() else {
            let refusal = refuse::unknown_path(&head.method, &head.path);
            return Err(Box::new(self.refuse(&head, &refusal)));
        };
        let now = self.clock.now();
        let policy = self.policy.current();
        let mut receipt =
            Receipt::begin(head.request_id.clone(), now.unix_ms, Arc::clone(&policy.version));
        receipt.dialect = name;
        receipt.trail = self.trail(&head, began, now.unix_ms);
        enter(&receipt, Step::Authenticate);
        if let Some(reply) = self.answer_openly(&head, (client, &claim), &policy) {
            receipt.status = reply.status;
            let is_no = matches!(claim, Claim::WrongMethod { .. });
            receipt.refusal = is_no.then_some(RefusalKind::WrongMethod);
            self.telemetry.tell(&receipt, None);
            return Err(Box::new(reply.with_header("x-request-id", head.request_id.as_str())));
        }
        let presented = head.key(client);
        let known = self.known(head.client, presented, now).and_then(|caller| {
            note_caller(&mut receipt, &caller);
            self.store.touch(caller.key());
            permit(&policy, (name, client), &claim, &caller).map(|()| caller)
        });
        match known {
            Ok(caller) => {
                enter(&receipt, Step::Read);
                let (begin_with, has_begun, said) = (None, false, None);
                let (became_job, errand, item_of) = (false, None, None);
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
                    became_job,
                    labels: BTreeMap::new(),
                    errand,
                    item_of,
                    named,
                    turn,
                    kept,
                    said,
                    played: None,
                })
            }
            Err(refusal) => Err(Box::new(self.turn_away(&head, client, receipt, &refusal))),
        }
    }

    /// Whose key it is, unless its address has shown too many wrong ones.
    pub(super) fn known(
        &self,
        client: Option<IpAddr>,
        key: Option<&str>,
        now: Now,
    ) -> Result<Caller, Refusal> {
        let look = || {
            let known = self.store.keys().authenticate(key, now.unix_ms);
            let is_wrong = matches!(known, Err(AuthError::Unknown));
            let digest = key.filter(|_| is_wrong).map(|key| auth::digest(key.trim()));
            (known, digest)
        };
        match self.guesses.try_key(client, now, look) {
            Ok(known) => known.map_err(refuse::auth),
            Err(met) => {
                self.telemetry.metrics().bound_met(Bound::WrongKeys);
                if met.is_news {
                    let address = client.map(|client| client.to_string());
                    tracing::warn!(
                        address,
                        "a client address shows many wrong keys and is refused for a while; if it \
                         is a proxy of yours, name it in `public.trusted_proxies`"
                    );
                }
                Err(refuse::guesses(met))
            }
        }
    }

    /// A no to a request that never became a visit: an unknown path, a bound met, a bad key.
    pub fn refuse(&self, head: &Head, refusal: &Refusal) -> WireReply {
        let now = self.clock.now();
        let version = Arc::clone(&self.policy.current().version);
        let mut receipt = Receipt::begin(head.request_id.clone(), now.unix_ms, version);
        receipt.trail = self.trail(head, Instant::now(), now.unix_ms);
        match head.claim() {
            Some((name, client, _)) => {
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
        let reply = traced(&receipt, reply);
        let reply = if refusal.kind == RefusalKind::KeyMissing {
            reply.with_header("www-authenticate", "Bearer")
        } else {
            reply
        };
        reply.with_header("x-request-id", head.request_id.as_str())
    }
}

/// Writes down who asks.
pub(super) fn note_caller(receipt: &mut Receipt, caller: &Caller) {
    receipt.caller = Some(crate::receipt::ReceiptCaller {
        workspace: caller.workspace().clone(),
        key: caller.key().clone(),
        plan: caller.plan().to_owned(),
        test: caller.is_test(),
    });
}
