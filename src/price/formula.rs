//! What a formula comes to. What is not known yet is a range of numbers, and so is what it comes
//! to: its upper end is above everything that may come, by the rules of interval arithmetic.
//!
//! Numbers are whole and of 64 bits, as CEL's are; what does not fit is an error, never a wrap.

use crate::canonical::{Operation, Quality};
use crate::catalog::{Fact, Number, Order, Sign, Tariff, TokenClass, Truth};

use super::{PriceError, Sight, Work, tokens};

/// All numbers from the least to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) least: i64,
    pub(super) most: i64,
}

/// What may be: that it is so, that it is not, or either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Maybe {
    so: bool,
    not: bool,
}

/// What is known of work when a formula is worked out.
#[derive(Clone, Debug)]
pub(super) struct Known {
    facts: [Result<Range, PriceError>; Fact::ALL.len()],
    quality: Option<Quality>,
    operation: Operation,
}

impl Range {
    pub(super) const fn exactly(number: i64) -> Self {
        Self { least: number, most: number }
    }

    const fn has_zero(self) -> bool {
        self.least <= 0 && self.most >= 0
    }

    /// The smallest range that holds both.
    fn around(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), most: self.most.max(other.most) }
    }
}

impl Maybe {
    const fn surely(so: bool) -> Self {
        Self { so, not: !so }
    }

    const fn opposite(self) -> Self {
        Self { so: self.not, not: self.so }
    }
}

impl Known {
    pub(super) fn of(tariff: &Tariff, work: &Work, sight: Sight) -> Self {
        let fact = |fact: Fact| fact_of(tariff, work, sight, fact);
        Self { facts: Fact::ALL.map(fact), quality: work.quality, operation: work.operation }
    }

    #[cfg(test)]
    pub(super) fn exactly(
        facts: [i64; Fact::ALL.len()],
        quality: Option<Quality>,
        operation: Operation,
    ) -> Self {
        Self { facts: facts.map(|number| Ok(Range::exactly(number))), quality, operation }
    }

    #[cfg(test)]
    pub(super) fn between(mut self, other: &Self) -> Self {
        for (own, other) in self.facts.iter_mut().zip(&other.facts) {
            *own = own.and_then(|own| other.map(|other| own.around(other)));
        }
        if self.quality != other.quality {
            self.quality = None;
        }
        self
    }

    fn fact(&self, fact: Fact) -> Result<Range, PriceError> {
        let at = Fact::ALL.iter().position(|one| *one == fact);
        let found = at.and_then(|at| self.facts.get(at).copied());
        found.unwrap_or_else(|| Err(PriceError::Unknown(fact.name())))
    }
}

fn fact_of(tariff: &Tariff, work: &Work, sight: Sight, fact: Fact) -> Result<Range, PriceError> {
    let exactly =
        |number: u64| i64::try_from(number).map(Range::exactly).map_err(|_| PriceError::Overflow);
    let token = |class| tokens_of(tariff, work, class);
    match fact {
        Fact::Count => {
            let most = i64::from(work.count);
            let least = if sight == Sight::Ahead { most.min(1) } else { most };
            Ok(Range { least, most })
        }
        Fact::Width => exactly(u64::from(work.size.width)),
        Fact::Height => exactly(u64::from(work.size.height)),
        Fact::Pixels => exactly(work.size.pixels()),
        Fact::Steps => {
            let steps = work.steps.or_else(|| tariff.steps.map(|rate| rate.usual));
            exactly(u64::from(steps.ok_or_else(|| PriceError::Unknown(fact.name()))?))
        }
        Fact::Inputs => exactly(u64::from(work.inputs)),
        Fact::InputPixels => {
            let least = work.input_pixels.ok_or_else(|| PriceError::Unknown(fact.name()))?;
            let most = least.checked_add(work.unseen_pixels).ok_or(PriceError::Overflow)?;
            Ok(Range { least: exactly(least)?.least, most: exactly(most)?.most })
        }
        Fact::Previews => exactly(u64::from(work.previews)),
        Fact::TextIn => token(TokenClass::TextIn),
        Fact::CachedTextIn => token(TokenClass::CachedTextIn),
        Fact::ImageIn => token(TokenClass::ImageIn),
        Fact::CachedImageIn => token(TokenClass::CachedImageIn),
        Fact::TextOut => token(TokenClass::TextOut),
        Fact::ImageOut => token(TokenClass::ImageOut),
    }
}

/// What was reported; any number up to what policy bounds where nothing was.
fn tokens_of(tariff: &Tariff, work: &Work, class: TokenClass) -> Result<Range, PriceError> {
    let counted = |number: u64| i64::try_from(number).map_err(|_| PriceError::Overflow);
    match &work.usage {
        Some(usage) => counted(tokens::reported(usage, class)).map(Range::exactly),
        None => Ok(Range { least: 0, most: counted(tokens::most(tariff, class, work)?)? }),
    }
}

/// The most that a formula may come to.
pub(super) fn most(number: &Number, known: &Known) -> Result<i64, PriceError> {
    range(number, known).map(|range| range.most)
}

/// Every number that a formula may come to lies in it.
pub(super) fn range(number: &Number, known: &Known) -> Result<Range, PriceError> {
    match number {
        Number::Is(number) => Ok(Range::exactly(*number)),
        Number::Fact(fact) => known.fact(*fact),
        Number::Of(sign, one, other) => put(*sign, range(one, known)?, range(other, known)?),
        Number::If(truth, one, other) => match maybe(truth, known)? {
            Maybe { so: true, not: false } => range(one, known),
            Maybe { so: false, .. } => range(other, known),
            Maybe { so: true, not: true } => Ok(range(one, known)?.around(range(other, known)?)),
        },
    }
}

/// Each of these is largest and smallest at ends of its ranges, but for the rest of a division.
fn put(sign: Sign, one: Range, other: Range) -> Result<Range, PriceError> {
    if matches!(sign, Sign::By | Sign::Rest | Sign::CeilDiv) && other.has_zero() {
        return Err(PriceError::DividedByZero);
    }
    if sign == Sign::Rest && (one.least != one.most || other.least != other.most) {
        return rest(one, other);
    }
    let mut found: Option<Range> = None;
    for (a, b) in [
        (one.least, other.least),
        (one.least, other.most),
        (one.most, other.least),
        (one.most, other.most),
    ] {
        let corner = Range::exactly(both(sign, a, b).ok_or(PriceError::Overflow)?);
        found = Some(found.map_or(corner, |found| found.around(corner)));
    }
    found.ok_or(PriceError::Overflow)
}

fn both(sign: Sign, a: i64, b: i64) -> Option<i64> {
    match sign {
        Sign::Plus => a.checked_add(b),
        Sign::Minus => a.checked_sub(b),
        Sign::Times => a.checked_mul(b),
        Sign::By => a.checked_div(b),
        Sign::Rest => a.checked_rem(b),
        Sign::Min => Some(a.min(b)),
        Sign::Max => Some(a.max(b)),
        Sign::CeilDiv => {
            let whole = a.checked_div(b)?;
            let rest = a.checked_rem(b)?;
            let is_up = rest != 0 && (rest < 0) == (b < 0);
            whole.checked_add(i64::from(is_up))
        }
    }
}

/// The rest of a division has the sign of the first, and is smaller than either.
fn rest(one: Range, other: Range) -> Result<Range, PriceError> {
    let size = |number: i64| number.checked_abs().ok_or(PriceError::Overflow);
    let below = size(other.least)?.max(size(other.most)?).saturating_sub(1);
    Ok(Range {
        least: one.least.max(below.saturating_neg()).min(0),
        most: one.most.min(below).max(0),
    })
}

fn maybe(truth: &Truth, known: &Known) -> Result<Maybe, PriceError> {
    match truth {
        Truth::Is(so) => Ok(Maybe::surely(*so)),
        Truth::Compare(order, one, other) => {
            Ok(compared(*order, range(one, known)?, range(other, known)?))
        }
        Truth::Quality(among) => Ok(match known.quality {
            Some(quality) => Maybe::surely(among.contains(&quality)),
            None => Maybe { so: true, not: true },
        }),
        Truth::Operation(among) => Ok(Maybe::surely(among.contains(&known.operation))),
        Truth::Not(truth) => maybe(truth, known).map(Maybe::opposite),
        Truth::And(one, other) => both_so(maybe(one, known), || maybe(other, known)),
        Truth::Or(one, other) => {
            let opposite = |found: Result<Maybe, PriceError>| found.map(Maybe::opposite);
            opposite(both_so(opposite(maybe(one, known)), || opposite(maybe(other, known))))
        }
    }
}

/// Whether both are so. As in CEL, one that surely is not decides it whatever is wrong with the
/// other.
fn both_so(
    one: Result<Maybe, PriceError>,
    other: impl FnOnce() -> Result<Maybe, PriceError>,
) -> Result<Maybe, PriceError> {
    let is_surely_not = |found: &Result<Maybe, PriceError>| found.is_ok_and(|found| !found.so);
    if is_surely_not(&one) {
        return one;
    }
    let other = other();
    if is_surely_not(&other) {
        return other;
    }
    let (one, other) = (one?, other?);
    Ok(Maybe { so: one.so && other.so, not: one.not || other.not })
}

const fn compared(order: Order, one: Range, other: Range) -> Maybe {
    match order {
        Order::Less => Maybe { so: one.least < other.most, not: one.most >= other.least },
        Order::AtMost => Maybe { so: one.least <= other.most, not: one.most > other.least },
        Order::Same => {
            let is_one = one.least == one.most && other.least == other.most;
            let meet = one.least <= other.most && other.least <= one.most;
            Maybe { so: meet, not: !(is_one && one.least == other.least) }
        }
    }
}
