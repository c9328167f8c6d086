//! A request that names itself is served once: its repeat is told what the first came to.
//!
//! Looked up before anything is counted, decided by the store together with the hold, and kept
//! with the hold's end: docs/decisions/0006-idempotency.md.

use std::sync::Arc;

use bytes::Bytes;

use crate::canonical::{Refusal, RefusalKind};
use crate::credits::Credits;
use crate::dialect::WireReply;
use crate::id::{HoldId, MediaId, RequestId};
use crate::pledge::{self, Fingerprint, Gone, Named, Original, Pledge, Scope, Verdict};
use crate::store::{AnswerKept, KeptAnswer};
use crate::upstream::Lent;

use super::refuse::repeat;
use super::{Fulfilled, Gateway, Visit, refuse, reply};

mod join;

pub(super) use join::{Running, Turn};

/// A body longer than this is digested off the async threads.
const DIGESTED_HERE_MAX: usize = 256 << 10;

/// What a replay says of itself, and of the request that it repeats.
const REPLAYED: &str = "idempotency-replayed";
const ORIGINAL: &str = "pixelgate-original-request";

/// What a replay is called in receipts.
const WORD: &str = "replay";

/// What the first of several requests of one name was told.
pub(super) struct First {
    pub(super) request: RequestId,
    pub(super) answer: KeptAnswer,
}

/// An answer that is about to be kept, and the same as it is said now.
pub(super) struct Keeping {
    pub(super) kept: AnswerKept,
    pub(super) reply: WireReply,
}

impl Gateway {
    /// Answers a request for pictures: anew, or as it was answered before.
    pub(super) async fn answer_once(
        self: &Arc<Self>,
        visit: &mut Visit,
        body: Bytes,
    ) -> Result<WireReply, Refusal> {
        let answers_later = visit.answers_later();
        let batched = if answers_later { None } else { self.batch(visit, &body)? };
        if let Some(batched) = batched {
            visit.named = self.named(visit, &body).await?;
            return Box::pin(self.serve_batch(visit, batched)).await;
        }
        match self.look_back(visit, &body).await? {
            Some(replay) => Ok(replay),
            None if answers_later => Box::pin(self.reply_with_job(visit, body)).await,
            None => self.draw_asked(visit, body).await,
        }
    }

    /// What it calls itself, and asks.
    async fn named(&self, visit: &Visit, body: &Bytes) -> Result<Option<Named>, Refusal> {
        let name = pledge::name(&visit.head.headers).map_err(repeat::bad_name)?;
        let Some(name) = name else { return Ok(None) };
        let scope = Scope::named(visit.caller.key(), name);
        let fingerprint = fingerprint(visit, body).await;
        Ok(Some(Named { scope, fingerprint, is_implied: false }))
    }

    /// What was said before to the same request; `None` when it is new, and named from now on if
    /// it is to be served once.
    pub(super) async fn look_back(
        &self,
        visit: &mut Visit,
        body: &Bytes,
    ) -> Result<Option<WireReply>, Refusal> {
        let Some(named) = self.named(visit, body).await? else {
            if !visit.caller.joins_repeats() {
                return Ok(None);
            }
            let fingerprint = fingerprint(visit, body).await;
            return self.join(visit, fingerprint).await;
        };
        let (verdict, known) = self.looked_up(self.store.look_up(named).await)?;
        visit.named = Some(named);
        self.say_again(visit, verdict, known, "replayed").await
    }

    fn looked_up<T>(&self, found: Result<T, crate::store::StoreError>) -> Result<T, Refusal> {
        found.map_err(|error| refuse::store(&error, self.clock.now()))
    }

    /// The answer to a request of which this is known; `None` when that is nothing.
    async fn say_again(
        &self,
        visit: &mut Visit,
        verdict: Verdict,
        known: Option<Pledge>,
        outcome: &str,
    ) -> Result<Option<WireReply>, Refusal> {
        let mut lent = self.lend();
        let found = self.first_answer(verdict, known, &mut lent).await?;
        let replay = found.map(|found| self.replay(visit, found, outcome));
        Ok(replay.map(|reply| WireReply { body: lent.hold(reply.body), ..reply }))
    }

    /// What was kept of one request of several; `None` where there is nothing. Its room is put to
    /// that of the others.
    pub(super) async fn item_again(
        &self,
        visit: &Visit,
        lent: &mut Lent,
    ) -> Result<Option<First>, Refusal> {
        let Some(named) = visit.named else { return Ok(None) };
        let (verdict, known) = self.looked_up(self.store.look_up(named).await)?;
        self.first_answer(verdict, known, lent).await
    }

    async fn first_answer(
        &self,
        verdict: Verdict,
        known: Option<Pledge>,
        lent: &mut Lent,
    ) -> Result<Option<First>, Refusal> {
        let known = match (verdict, known) {
            (Verdict::New, _) => return Ok(None),
            (Verdict::Replay, Some(known)) => known,
            (verdict, _) => return Err(repeat::pledged(verdict)),
        };
        let bytes = self.looked_up(self.store.kept_answer_bytes(known.hold.clone()).await)?;
        self.make_room(lent, bytes)?;
        let found = self.looked_up(self.store.kept_answer(known.hold.clone()).await)?;
        let gone = |why| repeat::pledged(Verdict::Gone(why));
        let answer = found.ok_or_else(|| gone(Gone::Lost))?;
        for picture in &answer.pictures {
            let found = self.store.find_picture(picture.as_str().to_owned()).await;
            let found = found.map_err(|_| gone(Gone::Lost))?;
            found.ok_or_else(|| gone(Gone::Erased))?;
        }
        Ok(Some(First { request: known.request, answer }))
    }

    /// The first answer, said again; where the caller stands with its limits is said as it is now.
    fn replay(&self, visit: &mut Visit, first: First, outcome: &str) -> WireReply {
        self.note_replay(visit, &first, outcome);
        let KeptAnswer { status, headers, body, .. } = first.answer;
        let reply = marked(WireReply { status, headers, body }, &first.request);
        let now = self.clock.now();
        reply::with_standings(reply, visit.client, &self.standings(visit, now), now)
    }

    /// Writes down that an answer is given again.
    pub(super) fn note_replay(&self, visit: &mut Visit, first: &First, outcome: &str) {
        self.telemetry.metrics().replays.with_label_values(&[outcome]).inc();
        visit.receipt.operation = Some(WORD);
        visit.receipt.status = first.answer.status;
        visit.receipt.refusal = first.answer.refusal;
        visit.said = Some(format!("a replay of {}", first.request).into());
        if !self.store.note(visit.receipt.clone()) {
            self.telemetry.metrics().usage_rows_lost.inc();
        }
    }

    /// The answer with pictures, on disk if it is large, before they are paid for.
    pub(super) async fn keep_pictures(
        &self,
        visit: &Visit,
        hold: &HoldId,
        quote: Credits,
        fulfilled: &mut Fulfilled,
    ) -> Result<Option<Keeping>, Refusal> {
        if visit.named.is_none() {
            return Ok(None);
        }
        let spendable = self.looked_up(self.store.spendable(visit.caller.workspace()).await)?;
        let back = quote.minus(fulfilled.charged).unwrap_or(Credits::ZERO);
        fulfilled.remaining = spendable.plus(back).unwrap_or(spendable);
        let undelivered = fulfilled.request.count.saturating_sub(visit.receipt.images);
        fulfilled.quotas = self.quota_standings(visit, undelivered).await;
        let reply = self.encode_pictures(visit, fulfilled);
        let images = fulfilled.response.images.iter();
        let pictures = images.filter_map(|image| Some(image.stored.as_ref()?.id.clone())).collect();
        Ok(Some(self.keep_answer(visit, hold, reply, (None, pictures)).await))
    }

    /// The no that repeats are told too, if it is of such a kind.
    pub(super) async fn keep_refusal(
        &self,
        visit: &Visit,
        hold: &HoldId,
        refusal: &Refusal,
    ) -> Option<Keeping> {
        if visit.named.is_none() || !pledge::is_kept(refusal.kind) {
            return None;
        }
        let reply = self.encode_refusal(visit, refusal);
        Some(self.keep_answer(visit, hold, reply, (Some(refusal.kind), Vec::new())).await)
    }

    /// An answer without pictures: a job that was accepted, a prompt that was written.
    pub(super) async fn keep_reply(
        &self,
        visit: &Visit,
        hold: &HoldId,
        reply: &WireReply,
    ) -> Option<AnswerKept> {
        visit.named?;
        Some(self.keep_answer(visit, hold, reply.clone(), (None, Vec::new())).await.kept)
    }

    async fn keep_answer(
        &self,
        visit: &Visit,
        hold: &HoldId,
        reply: WireReply,
        (refusal, pictures): (Option<RefusalKind>, Vec<MediaId>),
    ) -> Keeping {
        let answer = KeptAnswer {
            // A stream had said that all is well before it said no.
            status: if visit.has_begun { 200 } else { reply.status },
            headers: reply.headers.clone(),
            refusal,
            pictures,
            body: reply.body.clone(),
        };
        let kept = self.store.keep(hold, answer).await;
        if let Some(gone) = kept.gone() {
            self.telemetry.metrics().answers_not_kept.with_label_values(&[gone.name()]).inc();
        }
        Keeping { kept, reply }
    }
}

/// The mark of an answer that was given before.
pub(super) fn marked(reply: WireReply, original: &RequestId) -> WireReply {
    reply.with_header(REPLAYED, "true").with_header(ORIGINAL, original.as_str())
}

async fn fingerprint(visit: &Visit, body: &Bytes) -> Fingerprint {
    let (head, dialect) = (&visit.head, visit.receipt.dialect);
    if body.len() <= DIGESTED_HERE_MAX {
        return Fingerprint::of(&Original {
            dialect,
            method: head.method.as_str(),
            path: &head.path,
            headers: &head.headers,
            body,
        });
    }
    let (head, body) = (head.clone(), body.clone());
    let work = move || {
        Fingerprint::of(&Original {
            dialect,
            method: head.method.as_str(),
            path: &head.path,
            headers: &head.headers,
            body: &body,
        })
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(fingerprint) => fingerprint,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
