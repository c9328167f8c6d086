//! Room for what is said again or shown and not drawn: it was kept, so a no loses nothing.

use std::time::Duration;

use crate::canonical::{Refusal, RefusalKind};
use crate::telemetry::Bound;
use crate::upstream::Lent;

use super::Gateway;

/// When there may be room again.
const ROOM_WAIT: Duration = Duration::from_secs(1);

impl Gateway {
    /// Room for an answer that was kept, of none yet.
    pub fn lend(&self) -> Lent {
        self.upstream.lend()
    }

    /// Makes it larger by so many bytes, before they are read; a no where there is not as much left.
    pub fn make_room(&self, lent: &mut Lent, bytes: u64) -> Result<(), Refusal> {
        if lent.grow(usize::try_from(bytes).unwrap_or(usize::MAX)) {
            return Ok(());
        }
        self.telemetry.metrics().bound_met(Bound::AnswersInFlightBytes);
        let message = "too many bytes are on their way to clients; try again in a moment";
        Err(Refusal::new(RefusalKind::Overloaded, message).retry_after(ROOM_WAIT))
    }
}
