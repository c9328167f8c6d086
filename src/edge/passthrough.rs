//! One call on its way through Pingora's phases: measured, never gathered. What is seen of it is
//! told to its keeper, which ends its hold.

use std::time::Duration;

use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::http::ServerSession;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorSource, ErrorType};
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::canonical::{Refusal, RefusalKind};
use crate::config::Public;
use crate::dialect::WireReply;
use crate::fault::VendorFault;
use crate::gateway::Gateway;
use crate::gateway::passthrough::{Ended, Passage, is_kept_from_client, refused_by};
use crate::telemetry::Bound;
use crate::upstream::{Onward, Upstream, Way};

use super::body::{Met, announced_length, ask_for_body, too_large, too_slow};
use super::bounds::Place;
use super::public::Front;

/// Where a vendor's own name for a call is kept; ours takes its place.
const VENDOR_REQUEST_ID: &str = "pixelgate-vendor-request-id";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One call that was granted.
pub(super) struct Passing {
    passage: Passage,
    way: Option<Way>,
    is_connected: bool,
    /// By when all of the request must have come.
    body_until: Instant,
    request_bytes: usize,
    /// Whether the request's last byte has come.
    is_request_whole: bool,
    answer_bytes: usize,
    /// Whether the answer met a bound of ours.
    answer_was_cut: bool,
    /// How it ended, where the end is not that all was passed on.
    ended: Option<Ended>,
    _place: Place,
    _written: TaskTrackerToken,
}

/// The call that a phase is for. Pingora enters none of them without one.
pub(super) fn embarked(passing: &mut Option<Box<Passing>>) -> pingora::Result<&mut Passing> {
    passing
        .as_deref_mut()
        .ok_or_else(|| Error::explain(ErrorType::InternalError, "nothing is passed through"))
}

impl Front {
    /// Everything that must be granted before a call goes on.
    pub(super) async fn embark(
        &self,
        session: &mut ServerSession,
        written: TaskTrackerToken,
    ) -> Result<Box<Passing>, Box<WireReply>> {
        let (head, place) = self.enter(session)?;
        if announced_length(session) > self.bounds.body_bytes_max {
            session.set_keepalive(None);
            let Met { refusal, bound } = too_large(self.bounds.body_bytes_max);
            return Err(Box::new(self.refuse(&head, &refusal, bound)));
        }
        let target = session.req_header().raw_path().to_vec();
        let passage = self.gateway.embark(&head, &target).await?;
        ask_for_body(session).await;
        // Pingora would give the vendor up when the client leaves or says more than its request,
        // and nobody would know whether there is something to pay for.
        session.set_abort_on_close(false);
        if let ServerSession::H1(session) = session {
            session.set_pipelining_enabled(true);
            // What a vendor says before its answer is not undressed; it ends here.
            session.set_ignore_info_resp(true);
        }
        Ok(Box::new(Passing {
            passage,
            way: None,
            is_connected: false,
            body_until: Instant::now() + self.bounds.body_timeout,
            request_bytes: 0,
            is_request_whole: false,
            answer_bytes: 0,
            answer_was_cut: false,
            ended: None,
            _place: place,
            _written: written,
        }))
    }

    /// Why a call came to nothing, in our words, for a client that has had no word of it yet;
    /// nothing for one that is gone.
    pub(super) fn explain(
        &self,
        passing: &mut Passing,
        error: &Error,
        is_answered: bool,
    ) -> Option<WireReply> {
        let ended = passing.ended.take().unwrap_or_else(|| passing.ended_by(error));
        let ended = if is_answered { ended } else { passing.without_a_word(ended) };
        let refusal = match &ended {
            Ended::Passed | Ended::ClientLeft => None,
            Ended::Stopped(refusal) => Some(refusal.as_ref().clone()),
            Ended::Fault(fault) => Some(refused_by(fault)),
        };
        passing.ended = Some(ended);
        if let Some(bound) = refusal.as_ref().and_then(bound_of) {
            self.gateway.telemetry.metrics().bound_met(bound);
        }
        refusal.filter(|_| !is_answered).map(|refusal| passing.passage.refusal(&refusal))
    }
}

impl Passing {
    /// The vendor at its next address.
    pub(super) async fn next_peer(
        &mut self,
        upstream: &Upstream,
        asked: &RequestHeader,
    ) -> pingora::Result<Box<HttpPeer>> {
        if self.way.is_none() {
            let passage = &self.passage;
            let onward = Onward {
                vendor: &passage.vendor,
                account: passage.account,
                method: &passage.method,
                path: &passage.path,
                headers: passage.headers_for_vendor(&asked.headers),
                deadline: passage.deadline,
            };
            match upstream.way(onward).await {
                Ok(way) => self.way = Some(way),
                Err(fault) => return self.stop(Ended::Fault(fault)),
            }
        }
        let peer = self.way.as_mut().and_then(|way| way.peers.next());
        peer.map(Box::new)
            .ok_or_else(|| Error::explain(ErrorType::ConnectNoRoute, "no address is left"))
    }

    pub(super) fn has_another_peer(&self) -> bool {
        self.way.as_ref().is_some_and(|way| way.peers.len() > 0)
    }

    pub(super) const fn is_connected(&mut self) {
        self.is_connected = true;
    }

    /// The head as the vendor gets it. Pingora adds how the body ends where its length is unknown.
    pub(super) fn head_for_vendor(&self, has_body: bool) -> pingora::Result<RequestHeader> {
        let way = self.way.as_ref();
        let way = way.ok_or_else(|| Error::explain(ErrorType::InternalError, "no way is known"))?;
        let mut head = way.head.clone();
        // Some servers will not take a POST that says nothing of a length.
        let takes_body = [Method::POST, Method::PUT, Method::PATCH].contains(&head.method);
        if takes_body && !has_body {
            head.insert_header(CONTENT_LENGTH, 0)?;
        }
        Ok(head)
    }

    /// Measures what goes to the vendor; says how soon more of it must come.
    pub(super) fn pass_request(
        &mut self,
        bounds: &Public,
        size: usize,
        is_last: bool,
    ) -> pingora::Result<Duration> {
        self.request_bytes = self.request_bytes.saturating_add(size);
        if self.request_bytes > bounds.body_bytes_max {
            return self.stop(Ended::Stopped(too_large(bounds.body_bytes_max).refusal));
        }
        self.is_request_whole |= is_last;
        let left = self.body_until.saturating_duration_since(Instant::now());
        if left.is_zero() && !is_last {
            return self.stop(Ended::Stopped(too_slow().refusal));
        }
        Ok(left.max(Duration::from_millis(1)))
    }

    /// Looks at the vendor's head, and makes it fit for the client.
    pub(super) fn pass_head(
        &mut self,
        gateway: &Gateway,
        head: &mut ResponseHeader,
    ) -> pingora::Result<()> {
        // Before all else: a vendor that only says that it will answer may say so for ever.
        if Instant::now() >= self.passage.deadline {
            return self.stop(Ended::Fault(VendorFault::TimedOut));
        }
        if head.status.is_informational() {
            return Ok(());
        }
        let status = head.status.as_u16();
        if let Err(fault) = gateway.hear(&self.passage, status) {
            return self.stop(Ended::Fault(fault));
        }
        let most = self.passage.vendor.answer_bytes_max;
        if announced(&head.headers).is_some_and(|length| length > most) {
            let detail = format!("its answer is larger than answer_bytes_max, {most}");
            return self.stop(Ended::Fault(VendorFault::Garbled { detail }));
        }
        dress(head, self.passage.own_lines(status))
    }

    /// Measures what goes to the client.
    pub(super) fn pass_answer(&mut self, size: usize) -> pingora::Result<()> {
        let sum = self.answer_bytes.saturating_add(size);
        let most = self.passage.vendor.answer_bytes_max;
        if sum > most {
            let message = format!("the vendor's answer was cut at {most} bytes");
            return self.cut(RefusalKind::VendorFailed, message);
        }
        if size > 0 && Instant::now() >= self.passage.deadline {
            let message = "the vendor's answer was cut when its time was up".to_owned();
            return self.cut(RefusalKind::VendorTimedOut, message);
        }
        self.answer_bytes = sum;
        Ok(())
    }

    /// Tells the keeper how it ended.
    pub(super) fn end(&mut self, sent_bytes: Option<usize>) {
        let ended = self.ended.take().unwrap_or(Ended::Passed);
        let is_sent = self.is_request_whole
            && self.is_connected
            && sent_bytes.is_none_or(|sent| sent >= self.request_bytes);
        let answer_bytes = u64::try_from(self.answer_bytes).unwrap_or(u64::MAX);
        self.passage.ended(ended, is_sent, answer_bytes);
    }

    /// The end of a call whose client was told nothing: an answer that was cut before its head
    /// went out is an answer that was not passed on.
    fn without_a_word(&self, ended: Ended) -> Ended {
        match ended {
            Ended::Stopped(refusal) if self.answer_was_cut => {
                Ended::Fault(VendorFault::Garbled { detail: refusal.message.into_owned() })
            }
            Ended::Passed | Ended::ClientLeft | Ended::Stopped(_) | Ended::Fault(_) => ended,
        }
    }

    /// What Pingora's error says of the end.
    fn ended_by(&self, error: &Error) -> Ended {
        let detail = || error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        match (error.esource(), error.etype()) {
            (ErrorSource::Upstream, _) if !self.is_connected => {
                Ended::Fault(VendorFault::Unreachable { detail: detail() })
            }
            // The vendor waits for what the client does not send.
            (_, ErrorType::ReadTimedout) if !self.is_request_whole => {
                Ended::Stopped(too_slow().refusal)
            }
            (ErrorSource::Upstream, ErrorType::ReadTimedout | ErrorType::WriteTimedout) => {
                Ended::Fault(VendorFault::TimedOut)
            }
            (ErrorSource::Upstream, ErrorType::InvalidHTTPHeader) => {
                Ended::Fault(VendorFault::Garbled { detail: detail() })
            }
            (ErrorSource::Upstream, _) => Ended::Fault(VendorFault::Cut { detail: detail() }),
            (ErrorSource::Downstream, ErrorType::InvalidHTTPHeader) => {
                let message = "the request's Connection header makes no sense; leave it out";
                stopped(Refusal::new(RefusalKind::BadFraming, message))
            }
            (ErrorSource::Downstream, _)
            | (_, ErrorType::WriteError | ErrorType::WriteTimedout | ErrorType::ConnectionClosed) => {
                Ended::ClientLeft
            }
            (ErrorSource::Internal | ErrorSource::Unset, _) => {
                tracing::error!(error = detail(), "a call could not be passed through");
                let message = "the call failed inside the gateway; tell the operator its id";
                stopped(Refusal::new(RefusalKind::Internal, message))
            }
        }
    }

    fn cut<T>(&mut self, kind: RefusalKind, message: String) -> pingora::Result<T> {
        let vendor = self.passage.vendor.name.as_str();
        tracing::warn!(vendor, reason = message, "an answer was not passed on to its end");
        self.answer_was_cut = true;
        self.stop(stopped(Refusal::new(kind, message)))
    }

    /// Keeps in mind why, and tells Pingora no more than that it is over.
    fn stop<T>(&mut self, ended: Ended) -> pingora::Result<T> {
        self.ended = Some(ended);
        Err(Error::explain(ErrorType::InternalError, "the call is not passed on"))
    }
}

fn stopped(refusal: Refusal) -> Ended {
    Ended::Stopped(Box::new(refusal))
}

/// The bound that a call met, if that is what it was refused for.
fn bound_of(refusal: &Refusal) -> Option<Bound> {
    let met =
        [(RefusalKind::BodyTooLarge, Bound::BodyBytes), (RefusalKind::TooSlow, Bound::BodyTime)];
    met.into_iter().find(|(kind, _)| *kind == refusal.kind).map(|(_, bound)| bound)
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Takes what is not the client's from a vendor's head, and adds our own lines.
fn dress(head: &mut ResponseHeader, own_lines: Vec<(&'static str, String)>) -> pingora::Result<()> {
    let kept = head.headers.keys().filter(|name| is_kept_from_client(&head.headers, name));
    let kept: Vec<HeaderName> = kept.cloned().collect();
    for name in &kept {
        head.remove_header(name);
    }
    if let Some(theirs) = head.remove_header(&REQUEST_ID) {
        head.insert_header(VENDOR_REQUEST_ID, theirs)?;
    }
    for (name, value) in own_lines {
        if let Ok(value) = HeaderValue::from_str(&value) {
            head.insert_header(name, value)?;
        }
    }
    Ok(())
}
