//! A call of a vendor's own API that is passed through as it is: who may make it, what it is worth,
//! what of its head goes on. The bytes are the edge's; the money is the keeper's.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, Method};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::auth::Caller;
use crate::canonical::{Refusal, RefusalKind, Standing};
use crate::catalog::{Fare, Vendor};
use crate::credits::Cost;
use crate::dialect::{Pieces, WireReply, retry_headers};
use crate::fault::VendorFault;
use crate::id::{HoldId, RequestId};
use crate::policy::{Plan, Policy};
use crate::receipt::Receipt;
use crate::secret::Secret;
use crate::trail::{Asked, Carried, Step};
use crate::turnstile::Lease;
use crate::upstream::Account;

use super::admit::Stake;
use super::follow::{self, enter};
use super::limits::Asking;
use super::meet::labels;
use super::{Gateway, Head, micros, note_caller, plan, play, refuse, reply};

mod headers;
mod keeper;
mod target;

use keeper::{Granted, Seen};
use target::Target;

pub use headers::is_kept_from_client;
pub use keeper::{Ended, refused_by};

/// What every target that is passed through begins with.
const PREFIX: &str = "/passthrough/";

/// What it is called in receipts: as dialect, as operation, as model and as scope.
const WORD: &str = "passthrough";

/// What one call weighs in windows and quotas.
const IMAGES: u32 = 1;

/// A call that was granted and goes on to a vendor. Its keeper is told what becomes of it.
#[derive(Debug)]
pub struct Passage {
    /// Whom it goes to.
    pub vendor: Arc<Vendor>,
    /// In whose name.
    pub account: Account,
    /// The method.
    pub method: Method,
    /// Path and query below the vendor's base.
    pub path: String,
    /// When the vendor's time is up.
    pub deadline: Instant,
    request_id: RequestId,
    key: Secret,
    /// The fare's name and cost, where the plan lets them be seen.
    shown: Option<(String, Cost)>,
    standings: Vec<Standing>,
    /// What the vendor is told of the trace.
    carried: Option<Carried>,
    told: watch::Sender<Seen>,
}

/// Whether a call of this path is passed through.
pub fn is_passed_through(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// A no to a call that would have been passed through: in no vendor's shape.
pub fn refusal(refusal: &Refusal, request_id: &RequestId) -> WireReply {
    let body = serde_json::json!({
        "error": {
            "code": refusal.kind.code(),
            "message": refusal.message,
            "request_id": request_id.as_str(),
        },
    });
    let reply = WireReply::json(refusal.kind.status(), Pieces::one(body.to_string()));
    let reply = if refusal.kind == RefusalKind::KeyMissing {
        reply.with_header("www-authenticate", "Bearer")
    } else {
        reply
    };
    retry_headers(refusal)
        .into_iter()
        .chain(reply::standing_headers(&refusal.standings))
        .fold(reply, |reply, (name, value)| reply.with_header(name, &value))
        .with_header("x-request-id", request_id.as_str())
}

impl Gateway {
    /// Everything that must be granted before a call goes on; what it takes is its keeper's.
    pub async fn embark(
        self: &Arc<Self>,
        head: &Head,
        target: &[u8],
    ) -> Result<Passage, Box<WireReply>> {
        let began = Instant::now();
        let now = self.clock.now();
        let policy = self.policy.current();
        let version = Arc::clone(&policy.version);
        let mut receipt = Receipt::begin(head.request_id.clone(), now.unix_ms, version);
        receipt.trail = self.trail(head, began, now.unix_ms);
        enter(&receipt, Step::Authenticate);
        receipt.dialect = WORD;
        receipt.operation = Some(WORD);
        match self.book(head, target, &policy, &mut receipt).await {
            Ok(booked) => self.send_off(head, booked, receipt, began).await,
            Err(refusal) => Err(Box::new(self.turn_back(head, receipt, began, &refusal))),
        }
    }

    /// Who asks, for what, at which price; windows, lease and hold.
    async fn book(
        &self,
        head: &Head,
        target: &[u8],
        policy: &Policy,
        receipt: &mut Receipt,
    ) -> Result<Booked, Refusal> {
        let target = target::read(target)?;
        let vendor = policy.vendors.get(target.vendor).filter(|vendor| !vendor.fares.is_empty());
        let own = vendor.map(|vendor| &vendor.auth);
        let key = headers::presented_key(&head.headers, own);
        let caller = self.known_to_pass((head.client, key), receipt)?;
        play::none_in_passing(&head.headers)?;
        let vendor = vendor.ok_or_else(|| no_fare(head))?;
        let path = format!("{}{}", vendor.prefix(), target.path);
        let fare = vendor.fare(&head.method, &path).ok_or_else(|| no_fare(head))?.clone();
        let plan = plan(policy, &caller)?;
        allowed(&caller, &plan, vendor)?;
        receipt.labels = labels(&head.headers)?;
        receipt.model = Some(WORD.to_owned());
        receipt.vendor = Some(vendor.name.clone());
        receipt.offering = Some(format!("{} {}", vendor.name, fare.name()));
        receipt.images_asked = IMAGES;

        let (amount, time) = (fare.price, vendor.timeout);
        let stake = Stake { amount, images: IMAGES, pixels: 0, time, named: None };
        let asking = Asking { policy, caller: &caller, plan: &plan, model: None };
        enter(receipt, Step::Limit);
        let lease = self.admit(&asking, stake.weight()).await?;
        let (hold, lease) = self.hold(&asking, &stake, lease, receipt).await?;
        Ok(Booked {
            vendor: Arc::clone(vendor),
            path: onward(&target),
            key: Secret::new(key.unwrap_or_default().to_owned()),
            shows: plan.show_offering,
            fare,
            hold,
            lease,
        })
    }

    fn known_to_pass(
        &self,
        (client, key): (Option<IpAddr>, Option<&str>),
        receipt: &mut Receipt,
    ) -> Result<Caller, Refusal> {
        let caller = self.known(client, key, self.clock.now())?;
        note_caller(receipt, &caller);
        self.store.touch(caller.key());
        if caller.has_scope(WORD) { Ok(caller) } else { Err(refuse::scope(WORD)) }
    }

    /// Puts a keeper in charge of what was granted, and waits until an account of ours may go.
    async fn send_off(
        self: &Arc<Self>,
        head: &Head,
        booked: Booked,
        receipt: Receipt,
        began: Instant,
    ) -> Result<Passage, Box<WireReply>> {
        let Booked { vendor, path, key, shows, fare, hold, lease } = booked;
        let deadline = Instant::now() + vendor.timeout;
        let shown = receipt.offering.clone().filter(|_| shows).map(|name| (name, fare.cost));
        let standings = lease.standings();
        let (told, hearing) = watch::channel(Seen::default());
        enter(&receipt, Step::Attempt);
        let offering = receipt.offering.as_deref().unwrap_or_default();
        let whom = Asked { vendor: &vendor, offering, model: "", calls: 1 };
        let asked = follow::begin(&receipt.trail, &whom);
        let carried = asked.carried.clone();
        let granted = Granted { fare, hold, lease, receipt, asked, began, deadline };
        self.tasks.spawn(Arc::clone(self).keep(granted, hearing));
        match self.upstream.account(&vendor, 1, deadline).await {
            Ok(account) => Ok(Passage {
                vendor,
                account,
                method: head.method.clone(),
                path,
                deadline,
                request_id: head.request_id.clone(),
                key,
                shown,
                standings,
                carried,
                told,
            }),
            Err(fault) => {
                let refusal = refused_by(&fault);
                let reply = self::refusal(&refusal, &head.request_id);
                told.send_modify(|seen| seen.ended = Some(Ended::Stopped(Box::new(refusal))));
                Err(Box::new(reply))
            }
        }
    }

    fn turn_back(
        &self,
        head: &Head,
        mut receipt: Receipt,
        began: Instant,
        refusal: &Refusal,
    ) -> WireReply {
        receipt.refusal = Some(refusal.kind);
        receipt.status = refusal.kind.status();
        receipt.total_us = micros(began.elapsed());
        if receipt.caller.is_some() && !self.store.note(receipt.clone()) {
            self.telemetry.metrics().usage_rows_lost.inc();
        }
        self.telemetry.tell(&receipt, Some(&refusal.message));
        self::refusal(refusal, &head.request_id)
    }

    /// The vendor has answered. A fault when its answer is about our account, and so not for the
    /// caller.
    pub fn hear(&self, passage: &Passage, status: u16) -> Result<(), VendorFault> {
        passage.told.send_modify(|seen| seen.status = Some(status));
        let (vendor, account) = (&passage.vendor, passage.account);
        match status {
            401 | 402 | 407 => {
                let fault = VendorFault::Denied { detail: format!("status {status}") };
                self.upstream.note_fault(vendor, account, &fault);
                let request_id = passage.request_id.as_str();
                tracing::warn!(request_id, vendor = vendor.name, status, "a vendor denies us");
                Err(fault)
            }
            429 => {
                let fault = VendorFault::Busy { retry_after: None };
                self.upstream.note_fault(vendor, account, &fault);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Passage {
    /// What the vendor may see of the client's head.
    pub fn headers_for_vendor(&self, headers: &HeaderMap) -> HeaderMap {
        let mut seen = headers::for_vendor(headers, self.key.reveal(), &self.vendor.auth);
        if let Some(carried) = &self.carried {
            carried.put_on(&mut seen);
        }
        seen
    }

    /// Our own lines on the vendor's answer.
    pub fn own_lines(&self, status: u16) -> Vec<(&'static str, String)> {
        let mut lines = reply::standing_headers(&self.standings);
        lines.push(("x-request-id", self.request_id.to_string()));
        if let Some((offering, cost)) = self.shown.as_ref().filter(|_| status < 400) {
            lines.push(("pixelgate-offering", offering.clone()));
            lines.push(("pixelgate-cost", cost.to_string()));
        }
        lines
    }

    /// The last that the keeper is told: how it ended, whether the vendor was sent all of the
    /// request, and how much of the answer went out.
    pub fn ended(&self, ended: Ended, is_sent: bool, answer_bytes: u64) {
        self.told.send_modify(|seen| {
            seen.is_sent = is_sent;
            seen.answer_bytes = answer_bytes;
            seen.ended = Some(ended);
        });
    }

    /// Our no to a call that had been granted.
    pub fn refusal(&self, refusal: &Refusal) -> WireReply {
        self::refusal(refusal, &self.request_id)
    }
}

/// What was granted to a call, and where it goes.
struct Booked {
    vendor: Arc<Vendor>,
    path: String,
    key: Secret,
    shows: bool,
    fare: Fare,
    hold: HoldId,
    lease: Lease,
}

/// Whether this caller may call this vendor at all.
fn allowed(caller: &Caller, plan: &Plan, vendor: &Vendor) -> Result<(), Refusal> {
    if caller.is_test() {
        let message = "a test-mode key never reaches a vendor that charges; use a live key";
        return Err(Refusal::new(RefusalKind::ScopeMissing, message));
    }
    if !plan.passes_through_to(&vendor.name) {
        let message =
            format!("the plan `{}` does not include calls of `{}`", plan.name, vendor.name);
        return Err(Refusal::new(RefusalKind::ModelForbidden, message));
    }
    if let Some(missing) = &vendor.secret_missing {
        tracing::warn!(vendor = vendor.name, missing, "a vendor has no credential");
        let message = format!("`{}` is not connected yet; tell the operator", vendor.name);
        return Err(Refusal::new(RefusalKind::NoneAvailable, message));
    }
    Ok(())
}

fn no_fare(head: &Head) -> Refusal {
    let shown: String = head.path.chars().take(200).collect();
    let message = format!("policy has no fare for {} {shown}, so it is not passed on", head.method);
    Refusal::new(RefusalKind::UnknownPath, message)
}

/// Path and query as the vendor gets them, below its base.
fn onward(target: &Target<'_>) -> String {
    match target.query {
        Some(query) => format!("{}?{query}", target.path),
        None => target.path.to_owned(),
    }
}
