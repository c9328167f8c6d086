//! The images of each admission: a byte each, until one asks for more than fit a byte.

use std::collections::VecDeque;

/// Small numbers in order.
#[derive(Clone, Debug)]
pub(super) enum Column {
    Narrow(VecDeque<u8>),
    Wide(VecDeque<u16>),
}

/// Says the same of either.
macro_rules! either {
    ($column:expr, $numbers:ident => $what:expr) => {
        match $column {
            Self::Narrow($numbers) => $what,
            Self::Wide($numbers) => $what,
        }
    };
}

impl Column {
    pub(super) fn insert(&mut self, place: usize, number: u16) {
        match (self, u8::try_from(number)) {
            (Self::Narrow(numbers), Ok(number)) => numbers.insert(place, number),
            (Self::Wide(numbers), _) => numbers.insert(place, number),
            (own @ Self::Narrow(_), Err(_)) => {
                let mut numbers: VecDeque<u16> = own.from(0).collect();
                numbers.insert(place, number);
                *own = Self::Wide(numbers);
            }
        }
    }

    pub(super) fn get(&self, place: usize) -> Option<u16> {
        match self {
            Self::Narrow(numbers) => numbers.get(place).copied().map(u16::from),
            Self::Wide(numbers) => numbers.get(place).copied(),
        }
    }

    pub(super) fn remove(&mut self, place: usize) {
        either!(self, numbers => drop(numbers.remove(place)));
    }

    pub(super) fn pop_front(&mut self) {
        either!(self, numbers => drop(numbers.pop_front()));
    }

    /// Drops the first so many.
    pub(super) fn forget(&mut self, count: usize) {
        either!(self, numbers => drop(numbers.drain(..count)));
        // An empty column begins anew.
        if matches!(self, Self::Wide(numbers) if numbers.is_empty()) {
            *self = Self::default();
        }
    }

    pub(super) fn reserve_exact(&mut self, more: usize) {
        either!(self, numbers => numbers.reserve_exact(more));
    }

    /// Every number from this place on.
    pub(super) fn from(&self, start: usize) -> impl Iterator<Item = u16> {
        let (narrow, wide) = match self {
            Self::Narrow(numbers) => (Some(numbers.range(start..)), None),
            Self::Wide(numbers) => (None, Some(numbers.range(start..))),
        };
        let narrow = narrow.into_iter().flatten().copied().map(u16::from);
        narrow.chain(wide.into_iter().flatten().copied())
    }
}

impl Default for Column {
    fn default() -> Self {
        Self::Narrow(VecDeque::new())
    }
}

#[cfg(test)]
impl Column {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Narrow(numbers) => numbers.capacity(),
            Self::Wide(numbers) => numbers.capacity() * size_of::<u16>(),
        }
    }
}
