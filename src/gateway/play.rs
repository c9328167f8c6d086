//! Outcomes that a test-mode key has played: in the way of the request, at the moment at which the
//! real one would come, with its hold, its receipt and its usage row.
//!
//! No vendor is asked for an outcome that is final, and no offering's health learns of it.

use std::time::Duration;

use tokio::time::Instant;

use crate::canonical::{Change, Problem, Refusal, SIMULATE_HEADER, bad_simulation};
use crate::dialect::{Claim, WireReply};
use crate::fault::VendorFault;
use crate::played::{AFTER_MAX, Moment, Outcome, Played};

use super::attempt::Delivery;
use super::{Visit, refuse};

/// What an answer that was played says of itself.
const MARK: &str = "pixelgate-simulated";

impl Visit {
    /// Reads what is to be played. What has no pictures to come to comes to it at once.
    pub(super) async fn read_played(&mut self) -> Result<(), Refusal> {
        let Some(played) = self.played_of_head()? else { return Ok(()) };
        if self.claim == Claim::Images {
            self.played = Some(played);
            return Ok(());
        }
        if played.is_about_pictures() {
            let message = "has `fault`, `images` or `item`, which are for requests for pictures; \
                           use `status` or `refusal` here";
            return Err(bad_simulation(Problem::BadValue, message));
        }
        self.pause(played.after, Instant::now() + AFTER_MAX).await?;
        let refusal = played.refusal();
        self.played = Some(played);
        refusal.map_or(Ok(()), Err)
    }

    /// What the head asks to be played; a job's, as it was when it was accepted.
    pub(super) fn played_of_head(&self) -> Result<Option<Played>, Refusal> {
        if !self.head.headers.contains_key(SIMULATE_HEADER) {
            return Ok(None);
        }
        if !self.caller.is_test() {
            return Err(not_for_live_keys());
        }
        Played::read(&self.head.headers)
    }

    /// What is played for one request of a batch.
    pub(super) fn played_for(&self, index: usize) -> Option<Played> {
        self.played.clone().filter(|played| played.item.is_none_or(|item| item == index))
    }

    /// Plays what there is to play at this moment, within the deadline.
    pub(super) async fn play(&self, moment: Moment, deadline: Instant) -> Result<(), Refusal> {
        let Some(played) = self.played.as_ref().filter(|played| played.moment() == moment) else {
            return Ok(());
        };
        self.pause(played.after, deadline).await?;
        match &played.outcome {
            None | Some(Outcome::Images(_)) => Ok(()),
            Some(Outcome::Refused { .. }) => played.refusal().map_or(Ok(()), Err),
            Some(Outcome::Fault(fault)) => Err(refuse::fault(fault)),
            Some(Outcome::Hang) => self.pause(Duration::MAX, deadline).await,
        }
    }

    /// A delivery with no more pictures than are to be played.
    pub(super) fn cut_short(&self, mut delivery: Delivery, asked: u32) -> Delivery {
        let outcome = self.played.as_ref().and_then(|played| played.outcome.as_ref());
        let Some(Outcome::Images(most)) = outcome else { return delivery };
        let images = &mut delivery.response.images;
        images.truncate(usize::try_from(*most).unwrap_or(usize::MAX));
        let got = images.len();
        let is_told = delivery.changes.iter().any(|change| change.parameter == "count");
        if u32::try_from(got).is_ok_and(|got| got < asked) && !is_told {
            let how = format!("{got} of {asked} were delivered and paid for");
            delivery.changes.push(Change { parameter: "count".into(), how: how.into() });
        }
        delivery
    }

    /// The answer, marked where something was played.
    pub(super) fn marked_as_played(&self, reply: WireReply) -> WireReply {
        match &self.played {
            Some(played) => reply.with_header(MARK, &played.text),
            None => reply,
        }
    }

    /// Waits; a job that is wanted no more ends here.
    async fn pause(&self, wait: Duration, deadline: Instant) -> Result<(), Refusal> {
        let until = Instant::now().checked_add(wait).map_or(deadline, |until| until.min(deadline));
        let is_late = until == deadline;
        match &self.errand {
            None => tokio::time::sleep_until(until).await,
            Some(errand) => tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = errand.unwanted() => return Err(refuse::job_cancelled()),
            },
        }
        if is_late { Err(refuse::fault(&VendorFault::TimedOut)) } else { Ok(()) }
    }
}

/// Nobody ships it by mistake: a live key that asks for it is told so.
fn not_for_live_keys() -> Refusal {
    let message = "is for test-mode keys, and this key is live; leave it out, or use a test key";
    bad_simulation(Problem::BadValue, message)
}

/// Calls that are passed through play nothing, whoever makes them.
pub(super) fn none_in_passing(headers: &http::HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(SIMULATE_HEADER) {
        let message = "plays nothing for calls that are passed through; leave it out";
        return Err(bad_simulation(Problem::BadValue, message));
    }
    Ok(())
}
