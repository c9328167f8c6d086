//! On a full disk: what was begun is ended in the room that was kept for it, nothing new begins,
//! and room is looked for until there is some.

use std::error::Error as _;
use std::sync::Arc;

use crate::pledge::Gone;

use super::super::answers::AnswerKept;
use super::super::ask::{Ask, Letter};
use super::super::error::StoreError;
use super::super::rows::Rows;
use super::super::tables::Broken;
use super::{Batch, Writer};

/// How often a full disk is looked at again.
const LOOK_EVERY_MS: u64 = 2_000;

impl Writer {
    /// Nothing of the batch was written, for there was no room. The reserve is let go, and what may
    /// still be done is put back in line; if that was so already, it is refused.
    pub(super) fn make_room(&mut self, batch: &mut Batch, back: Vec<Letter>, broken: &Broken) {
        let is_first = !self.shared.is_full();
        batch.answers.clear();
        batch.rows = Rows::default();
        // What was granted by a batch that came to nothing was not granted.
        self.allowances.forget();
        if let Err(error) = self.tables.make_room(&mut self.books, self.clock.now()) {
            self.shared.poison(&error);
        } else if is_first {
            let source = broken.error.source().map(ToString::to_string);
            tracing::error!(error = %broken.error, source, "the disk is full; nothing new is begun");
            self.shared.set_full(true);
            self.looked_tick_ms = self.clock.now().tick_ms;
            batch.stop = None;
            for letter in back.into_iter().rev() {
                self.line.push_front(letter);
            }
            return;
        }
        let why =
            if self.shared.poisoned() { || StoreError::Poisoned } else { || StoreError::Full };
        for letter in back {
            if !matches!(letter.ask, Ask::Close(_)) {
                letter.ask.refuse(why);
            }
        }
    }

    /// What is done of a batch while the disk is full: the rest is refused.
    pub(super) fn spare(&self, letters: Vec<Letter>) -> Vec<Letter> {
        if !self.shared.is_full() {
            return letters;
        }
        let spared = letters.into_iter().filter_map(|mut letter| {
            if letter.ask.is_growth() {
                letter.ask.refuse(|| StoreError::Full);
                return None;
            }
            letter.ask.make_small();
            Some(letter)
        });
        spared.collect()
    }

    /// Lays the reserve again as soon as there is room, and from then on all is as before.
    pub(super) fn look_for_room(&mut self) {
        let now = self.clock.now();
        let is_due = now.tick_ms.saturating_sub(self.looked_tick_ms) >= LOOK_EVERY_MS;
        if !self.shared.is_full() || !is_due {
            return;
        }
        self.looked_tick_ms = now.tick_ms;
        if self.tables.lay_reserve() {
            self.shared.set_full(false);
            tracing::info!("the disk has room again");
        }
    }
}

impl Ask {
    /// Whether it only adds to what the disk holds; whatever ends something, shuts somebody out or
    /// asks where things stand does not.
    fn is_growth(&self) -> bool {
        match self {
            Self::Note(_) => true,
            Self::Change(_, change) => change.is_growth(),
            Self::Hold(..) | Self::Job(_) => self.is_beginning(),
            Self::Settle(..)
            | Self::Void(..)
            | Self::Chore(_)
            | Self::Allowances(_)
            | Self::Balance(..)
            | Self::Spendable(..)
            | Self::QuotaUsed(..)
            | Self::Sweep(_)
            | Self::HandOver(..)
            | Self::Close(_) => false,
            #[cfg(test)]
            Self::Meddle(_) | Self::Crash(_) => false,
        }
    }

    /// Lets go of what can be spared: the answer to repeats, not the money.
    fn make_small(&mut self) {
        if let Self::Settle(_, _, _, kept, _) | Self::Void(_, _, kept, _) = self
            && let Some(kept) = kept
        {
            *kept = Arc::new(AnswerKept(Err(Gone::Lost)));
        }
    }
}
