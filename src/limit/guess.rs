//! Guessing keys: how many different wrong keys a client address may show.
//!
//! An app with one wrong key that it shows over and over is not guessing, so a key that an address
//! showed lately counts once: nobody is shut out by a neighbour's typing error. Who has shown too many
//! is refused before its key is looked at, right or wrong, until the oldest guesses age out.

use core::net::IpAddr;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Now;

use super::{Limit, Unit, Weight, Windows};

/// Rooms that addresses are spread over; each is locked on its own.
const ROOMS: usize = 256;

/// Addresses remembered in one room. One more makes the room forget who guessed least lately.
const ADDRESSES_PER_ROOM: usize = 64;

/// Wrong keys of an address that are known again.
const KEYS_KNOWN: usize = 16;

/// An address has shown too many wrong keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuessesMet {
    /// When it may ask again.
    pub retry_after: Duration,
    /// Whether this is the first time that it is told.
    pub is_news: bool,
}

/// The guesses of every address that guessed lately: at most 16,384 addresses.
#[derive(Debug)]
pub struct Guesses {
    limit: Option<[Limit; 1]>,
    rooms: Vec<Mutex<VecDeque<Guesser>>>,
    hash: RandomState,
}

#[derive(Debug)]
struct Guesser {
    address: IpAddr,
    windows: Windows,
    known: VecDeque<u64>,
    was_told: bool,
}

impl Guesses {
    /// Allows so many different wrong keys in any span of a window; none sets no bound.
    pub fn new(most: u32, window: Duration) -> Self {
        let limit = Limit {
            name: "wrong keys".to_owned(),
            unit: Unit::Requests,
            most: u64::from(most),
            window,
            of: super::Of::Key,
            shadow: false,
        };
        Self {
            limit: (most > 0).then_some([limit]),
            rooms: std::iter::repeat_with(Mutex::default).take(ROOMS).collect(),
            hash: RandomState::new(),
        }
    }

    /// Looks at a key unless its address has shown too many wrong ones. `look` says what came of it,
    /// and the digest of a key that nobody has.
    pub fn try_key<T>(
        &self,
        address: Option<IpAddr>,
        now: Now,
        look: impl FnOnce() -> (T, Option<[u8; 32]>),
    ) -> Result<T, GuessesMet> {
        let (Some(limits), Some(address)) = (&self.limit, address.map(network)) else {
            return Ok(look().0);
        };
        let Some(room) = self.room(address) else {
            return Ok(look().0);
        };
        // Held while the key is looked at, so that guesses at once do not all pass.
        let mut room = room.lock();
        let place = room.iter().position(|guesser| guesser.address == address);
        if let Some(guesser) = place.and_then(|place| room.get_mut(place)) {
            guesser.judge(limits, now)?;
        }
        let (looked, wrong) = look();
        let Some(wrong) = wrong else {
            return Ok(looked);
        };
        let mut guesser = place.and_then(|place| room.remove(place)).unwrap_or_else(|| Guesser {
            address,
            windows: Windows::default(),
            known: VecDeque::new(),
            was_told: false,
        });
        guesser.note(limits, short(&wrong), now);
        room.push_back(guesser);
        if room.len() > ADDRESSES_PER_ROOM {
            room.pop_front();
        }
        Ok(looked)
    }

    fn room(&self, address: IpAddr) -> Option<&Mutex<VecDeque<Guesser>>> {
        let rooms = u64::try_from(self.rooms.len()).unwrap_or(1);
        let number = self.hash.hash_one(address).checked_rem(rooms)?;
        self.rooms.get(usize::try_from(number).ok()?)
    }
}

impl Guesser {
    fn judge(&mut self, limits: &[Limit], now: Now) -> Result<(), GuessesMet> {
        let standing = self.windows.standings(limits, now).into_iter().next();
        match standing.filter(|standing| standing.remaining == 0) {
            None => {
                self.was_told = false;
                Ok(())
            }
            Some(full) => {
                let is_news = !std::mem::replace(&mut self.was_told, true);
                Err(GuessesMet { retry_after: full.resets_in, is_news })
            }
        }
    }

    fn note(&mut self, limits: &[Limit], key: u64, now: Now) {
        if self.known.contains(&key) {
            return;
        }
        if self.known.len() >= KEYS_KNOWN {
            self.known.pop_front();
        }
        self.known.push_back(key);
        self.windows.remember(limits, now.tick_ms, Weight::default());
    }
}

/// The part of a digest that tells wrong keys apart.
fn short(digest: &[u8; 32]) -> u64 {
    digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Whoever has one IPv6 address has the 2^64 around it too.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << 64)).into()),
    }
}

#[cfg(test)]
mod tests;
