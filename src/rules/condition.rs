//! A condition, made small: three kinds of trees that are made of each other, and what they come to.
//!
//! What was read has a type, so working it out can fail only where numbers do.

use std::borrow::Cow;

use regex::Regex;
use thiserror::Error;

use super::facts::{Facts, NumberFact, TextFact, TruthFact, labels};

/// Something that is so or not.
#[derive(Clone, Debug)]
pub(super) enum Truth {
    Is(bool),
    Fact(TruthFact),
    Compare(Order, Number, Number),
    Same(Text, Text),
    Alike(Box<Self>, Box<Self>),
    Among(Text, Vec<Text>),
    NumberAmong(Number, Vec<Number>),
    HasScope(Text),
    HasLabel(Text),
    Contains(Text, Text),
    Begins(Text, Text),
    Ends(Text, Text),
    Matches(Text, Regex),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    If(Box<Self>, Box<Self>, Box<Self>),
}

/// A whole number of 64 bits.
#[derive(Clone, Debug)]
pub(super) enum Number {
    Is(i64),
    Fact(NumberFact),
    /// Letters, as Unicode counts code points.
    Length(Text),
    Labels,
    Scopes,
    Of(Sign, Box<Self>, Box<Self>),
    If(Box<Truth>, Box<Self>, Box<Self>),
}

/// A text.
#[derive(Clone, Debug)]
pub(super) enum Text {
    Is(String),
    Fact(TextFact),
    /// The label of a name; empty where there is none.
    Label(Box<Self>),
    Lower(Box<Self>),
    Joined(Box<Self>, Box<Self>),
    If(Box<Truth>, Box<Self>, Box<Self>),
}

/// How two numbers are compared.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    Less,
    AtMost,
    Same,
}

/// How two numbers are put together.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sign {
    Plus,
    Minus,
    Times,
    By,
    Rest,
}

/// Why a condition came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RuleError {
    /// It divides by zero.
    #[error("it divides by zero")]
    DividedByZero,
    /// A number outgrew 64 bits.
    #[error("a number outgrew what can be counted")]
    Overflow,
    /// A fact is not known.
    #[error("`{0}` is not known of this request")]
    Unknown(&'static str),
}

/// Texts that a condition makes are bounded: a prompt that is joined to itself is not worth more.
const TEXT_BYTES_MAX: usize = 1 << 20;

impl Truth {
    pub(super) fn of(&self, facts: &Facts<'_>) -> Result<bool, RuleError> {
        Ok(match self {
            Self::Is(so) => *so,
            Self::Fact(fact) => fact.of(facts),
            Self::Compare(order, one, other) => {
                let (one, other) = (one.of(facts)?, other.of(facts)?);
                match order {
                    Order::Less => one < other,
                    Order::AtMost => one <= other,
                    Order::Same => one == other,
                }
            }
            Self::Same(one, other) => one.of(facts)? == other.of(facts)?,
            Self::Alike(one, other) => one.of(facts)? == other.of(facts)?,
            Self::Among(text, among) => {
                let text = text.of(facts)?;
                any(among, |one| Ok(one.of(facts)? == text))?
            }
            Self::NumberAmong(number, among) => {
                let number = number.of(facts)?;
                any(among, |one| Ok(one.of(facts)? == number))?
            }
            Self::HasScope(scope) => {
                let scope = scope.of(facts)?;
                facts.caller.scopes.iter().any(|own| **own == *scope)
            }
            Self::HasLabel(name) => labels(facts).contains_key(&*name.of(facts)?),
            Self::Contains(text, part) => text.of(facts)?.contains(&*part.of(facts)?),
            Self::Begins(text, part) => text.of(facts)?.starts_with(&*part.of(facts)?),
            Self::Ends(text, part) => text.of(facts)?.ends_with(&*part.of(facts)?),
            Self::Matches(text, pattern) => pattern.is_match(&text.of(facts)?),
            Self::Not(truth) => !truth.of(facts)?,
            Self::And(one, other) => decided(false, one, other, facts)?,
            Self::Or(one, other) => decided(true, one, other, facts)?,
            Self::If(truth, one, other) => {
                if truth.of(facts)? {
                    one.of(facts)?
                } else {
                    other.of(facts)?
                }
            }
        })
    }
}

/// As in CEL, the side that decides does so whatever is wrong with the other.
fn decided(by: bool, one: &Truth, other: &Truth, facts: &Facts<'_>) -> Result<bool, RuleError> {
    let first = one.of(facts);
    if first == Ok(by) {
        return Ok(by);
    }
    let second = other.of(facts);
    if second == Ok(by) {
        return Ok(by);
    }
    first.and(second)
}

fn any<One>(
    among: &[One],
    is: impl Fn(&One) -> Result<bool, RuleError>,
) -> Result<bool, RuleError> {
    for one in among {
        if is(one)? {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Number {
    fn of(&self, facts: &Facts<'_>) -> Result<i64, RuleError> {
        let counted = |count: usize| i64::try_from(count).map_err(|_| RuleError::Overflow);
        match self {
            Self::Is(number) => Ok(*number),
            Self::Fact(fact) => fact.of(facts).ok_or_else(|| RuleError::Unknown(fact.name())),
            Self::Length(text) => counted(text.of(facts)?.chars().count()),
            Self::Labels => counted(labels(facts).len()),
            Self::Scopes => counted(facts.caller.scopes.len()),
            Self::Of(sign, one, other) => sign.put(one.of(facts)?, other.of(facts)?),
            Self::If(truth, one, other) => {
                if truth.of(facts)? {
                    one.of(facts)
                } else {
                    other.of(facts)
                }
            }
        }
    }
}

impl Sign {
    fn put(self, one: i64, other: i64) -> Result<i64, RuleError> {
        if matches!(self, Self::By | Self::Rest) && other == 0 {
            return Err(RuleError::DividedByZero);
        }
        let found = match self {
            Self::Plus => one.checked_add(other),
            Self::Minus => one.checked_sub(other),
            Self::Times => one.checked_mul(other),
            Self::By => one.checked_div(other),
            Self::Rest => one.checked_rem(other),
        };
        found.ok_or(RuleError::Overflow)
    }
}

impl Text {
    fn of<'t>(&'t self, facts: &Facts<'t>) -> Result<Cow<'t, str>, RuleError> {
        Ok(match self {
            Self::Is(text) => text.as_str().into(),
            Self::Fact(fact) => fact.of(facts),
            Self::Label(name) => {
                let label = labels(facts).get(&*name.of(facts)?);
                label.map_or("", String::as_str).into()
            }
            Self::Lower(text) => text.of(facts)?.to_lowercase().into(),
            Self::Joined(one, other) => {
                let joined = one.of(facts)? + other.of(facts)?;
                if joined.len() > TEXT_BYTES_MAX {
                    return Err(RuleError::Overflow);
                }
                joined
            }
            Self::If(truth, one, other) => {
                if truth.of(facts)? {
                    one.of(facts)?
                } else {
                    other.of(facts)?
                }
            }
        })
    }
}
