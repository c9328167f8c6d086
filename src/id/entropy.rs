//! The machine's entropy, drawn a few names at a time: a request needs three, and each would be a call of
//! the system.

use std::cell::RefCell;

use zeroize::Zeroize as _;

/// What is drawn at once.
const DRAWN_BYTES: usize = 512;

/// Bytes that nobody has had yet.
struct Drawn {
    bytes: [u8; DRAWN_BYTES],
    /// How many of them were given out, from the first on.
    given: usize,
}

thread_local! {
    static DRAWN: RefCell<Drawn> =
        const { RefCell::new(Drawn { bytes: [0; DRAWN_BYTES], given: DRAWN_BYTES }) };
}

/// Fills `out` with bytes that nobody else is given. Nothing of them stays behind here.
pub(super) fn fill(out: &mut [u8]) -> Result<(), getrandom::Error> {
    if out.len() > DRAWN_BYTES {
        return getrandom::fill(out);
    }
    DRAWN.with_borrow_mut(|drawn| drawn.give(out))
}

impl Drawn {
    fn give(&mut self, out: &mut [u8]) -> Result<(), getrandom::Error> {
        if DRAWN_BYTES.saturating_sub(self.given) < out.len() {
            // Should it fail, what was given out is not given again.
            self.given = DRAWN_BYTES;
            getrandom::fill(&mut self.bytes)?;
            self.given = 0;
        }
        let end = self.given.saturating_add(out.len());
        if let Some(next) = self.bytes.get_mut(self.given..end) {
            out.copy_from_slice(next);
            next.zeroize();
        }
        self.given = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn nothing_is_given_twice_and_nothing_stays_behind() {
        let mut seen = HashSet::new();
        for _ in 0..1_000 {
            let mut bytes = [0; 15];
            fill(&mut bytes).unwrap();
            assert!(seen.insert(bytes));
            DRAWN.with_borrow(|drawn| assert!(drawn.bytes[..drawn.given].iter().all(|b| *b == 0)));
        }
    }

    #[test]
    fn what_is_longer_than_a_draw_is_filled_to_its_end() {
        let mut bytes = vec![0; 3 * DRAWN_BYTES];
        fill(&mut bytes).unwrap();
        let is_filled = |part: &[u8]| part.iter().any(|b| *b != 0);
        assert!(bytes.chunks(64).all(is_filled));
    }

    #[test]
    fn each_thread_draws_its_own() {
        let draw = || {
            let mut bytes = [0; 16];
            fill(&mut bytes).unwrap();
            bytes
        };
        assert_ne!(draw(), std::thread::spawn(draw).join().unwrap());
    }
}
