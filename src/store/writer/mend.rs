//! After a failure: what is known of the batch, who still waits, and when to try again.

use std::error::Error as _;
use std::mem;
use std::thread;
use std::time::Duration;

use crate::clock::Now;
use crate::credits::Credits;
use crate::id::GrantId;
use crate::ledger::{NewGrant, PRIORITY_USUAL};

use super::super::ask::{Ask, Letter, Reply};
use super::super::change::Change;
use super::super::deed::Actor;
use super::super::error::StoreError;
use super::super::rows::Rows;
use super::super::tables::{Broken, Standing, Stands};
use super::{Batch, Writer};

/// How long the end of something may wait for tables that are away.
const PATIENCE_MS: u64 = 30_000;

/// How long the beginning of something may: its caller waits for it.
const HOLD_PATIENCE_MS: u64 = 5_000;

/// From the first to the longest wait between two tries.
const WAITS: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(500)];

/// Tries after which the tables are said to be away: by then a second has gone by, and whoever
/// would begin something is refused at once.
const QUIET_TRIES: u32 = 6;

impl Writer {
    /// Mends the tables, and then answers the batch or puts it back in line. What waits longer than
    /// its patience is refused meanwhile.
    pub(super) fn mend(&mut self, batch: &mut Batch, mut back: Vec<Letter>, broken: Broken) {
        let Broken { error, standing } = broken;
        let source = error.source().map(ToString::to_string);
        tracing::warn!(%error, source, ?standing, asks = back.len(), "a batch was not written");
        if standing == Standing::Wrong {
            self.find_the_wrong_one(&mut back);
        }
        batch.stop = None;
        // What was granted by a batch that came to nothing was not granted.
        self.allowances.forget();
        let sent: Vec<Ask> = back.iter().map(|letter| letter.ask.clone()).collect();
        let stands = self.mend_tables(&mut back);
        if standing == Standing::Unknown && stands == Some(Stands::Yes) {
            for ask in &sent {
                self.refund_unheard(ask);
            }
            self.answer(batch);
            back.retain(|letter| matches!(letter.ask, Ask::Close(_)));
        }
        // Answers that were not given are given when the same asks are decided again.
        batch.answers.clear();
        batch.rows = Rows::default();
        for letter in back.into_iter().rev() {
            self.line.push_front(letter);
        }
    }

    /// Gives back what a settlement took that stands although its request was told, when its patience
    /// was over, that nothing was taken: it got no picture. One that has a name gets its answer when it is repeated,
    /// and one whose answer was out before has what it paid for.
    fn refund_unheard(&mut self, ask: &Ask) {
        let Ask::Settle(hold, price, receipt, None, reply) = ask else { return };
        let Some(caller) = receipt.caller.as_ref().filter(|_| reply.is_forsaken()) else { return };
        if *price <= Credits::ZERO || receipt.answer_bytes > 0 {
            return;
        }
        let request = receipt.request_id.clone();
        tracing::error!(%request, %hold, credits = %price, "a charge without a picture is refunded");
        let refund = NewGrant {
            id: GrantId::known(&format!("refund_{hold}")),
            workspace: caller.workspace.clone(),
            amount: *price,
            source: "refund".to_owned(),
            priority: PRIORITY_USUAL,
            promotional: false,
            effective_at_ms: 0,
            expires_at_ms: None,
            memo: format!("{request} was charged while the store was away, and given no picture"),
        };
        let change = Change::Grant(Box::new(refund), Reply::new().0);
        let ask = Ask::Change(Box::new(Actor::itself(request)), change);
        // Nobody waits for it, so it is never late.
        self.line.push_back(Letter { ask, sent_tick_ms: u64::MAX, place: None });
    }

    /// Rows that the tables do not take are one ask's; the others are not to suffer for it.
    fn find_the_wrong_one(&mut self, back: &mut Vec<Letter>) {
        if back.len() > 1 {
            self.singly = back.len();
            return;
        }
        for letter in back.drain(..) {
            letter.ask.refuse(|| StoreError::Unwritten);
        }
    }

    /// `None` when the tables stay away and nobody waits for them any more.
    fn mend_tables(&mut self, back: &mut Vec<Letter>) -> Option<Stands> {
        let [mut wait, longest] = WAITS;
        let mut tries = 0_u32;
        loop {
            self.shared.add_turn();
            let error = match self.tables.mend(&mut self.books) {
                Ok(stands) => {
                    self.shared.set_away(false);
                    return Some(stands);
                }
                Err(error) => error,
            };
            tries = tries.saturating_add(1);
            if tries == QUIET_TRIES {
                let source = error.source().map(ToString::to_string);
                tracing::error!(%error, source, "the store is away; holds are refused meanwhile");
                self.shared.set_away(true);
            }
            thread::sleep(wait);
            wait = wait.saturating_mul(2).min(longest);
            self.line.extend(self.inbox.try_iter());
            let waiting = mem::take(&mut self.line).into();
            self.line = self.still_wanted(waiting).into();
            *back = self.still_wanted(mem::take(back));
            let mut all = back.iter().chain(&self.line);
            let is_closing = all.clone().any(|letter| matches!(letter.ask, Ask::Close(_)));
            if is_closing && all.all(|letter| matches!(letter.ask, Ask::Close(_))) {
                return None;
            }
        }
    }

    /// Refuses what has waited too long, and lets go of holds that nobody waits for.
    pub(super) fn still_wanted(&self, mut letters: Vec<Letter>) -> Vec<Letter> {
        let now = self.clock.now();
        letters.retain(|letter| {
            let is_late = letter.is_late(now);
            if is_late {
                letter.ask.refuse(|| StoreError::Away);
            }
            !is_late && !letter.ask.is_forsaken()
        });
        letters
    }
}

impl Letter {
    fn is_late(&self, now: Now) -> bool {
        let waited_ms = now.tick_ms.saturating_sub(self.sent_tick_ms);
        let most_ms = if self.ask.is_beginning() { HOLD_PATIENCE_MS } else { PATIENCE_MS };
        waited_ms > most_ms && !matches!(self.ask, Ask::Close(_))
    }
}
