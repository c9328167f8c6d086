//! A formula of a tariff, in whole nano-units: read from CEL, checked, and small.
//!
//! Only its shape is here. `price` reads it from text and says what it comes to.

use serde::{Deserialize, Serialize};

use crate::canonical::{Operation, Quality};

/// A formula, as it was written and as it is worked out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expression {
    /// What policy says.
    pub text: String,
    /// What it comes to.
    pub number: Number,
}

/// A whole number of a formula.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Number {
    /// This one.
    Is(i64),
    /// What is known of the work.
    Fact(Fact),
    /// Two numbers, put together.
    Of(Sign, Box<Self>, Box<Self>),
    /// The first where it is true, else the second.
    If(Box<Truth>, Box<Self>, Box<Self>),
}

/// How two numbers are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// The sum.
    Plus,
    /// The difference.
    Minus,
    /// The product.
    Times,
    /// The quotient, rounded towards zero.
    By,
    /// What is left of a division, with the sign of the first.
    Rest,
    /// The smaller one.
    Min,
    /// The larger one.
    Max,
    /// The quotient, rounded up.
    CeilDiv,
}

/// Something that is true or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truth {
    /// Always so.
    Is(bool),
    /// How two numbers compare.
    Compare(Order, Box<Number>, Box<Number>),
    /// Whether the quality is one of these.
    Quality(Vec<Quality>),
    /// Whether what is to be done is one of these.
    Operation(Vec<Operation>),
    /// The opposite.
    Not(Box<Self>),
    /// Both.
    And(Box<Self>, Box<Self>),
    /// At least one.
    Or(Box<Self>, Box<Self>),
}

/// How two numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The first is less.
    Less,
    /// The first is not more.
    AtMost,
    /// They are the same.
    Same,
}

/// A number that is known of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// Pictures.
    Count,
    /// Pixels across each picture.
    Width,
    /// Pixels down each picture.
    Height,
    /// Pixels of each picture.
    Pixels,
    /// Steps that each picture takes.
    Steps,
    /// Input pictures, without the mask.
    Inputs,
    /// Pixels of all input pictures together.
    InputPixels,
    /// Previews of each picture.
    Previews,
    /// Tokens of text in, cached ones among them.
    TextIn,
    /// Tokens of text in that were cached.
    CachedTextIn,
    /// Tokens of pictures in, cached ones among them.
    ImageIn,
    /// Tokens of pictures in that were cached.
    CachedImageIn,
    /// Tokens of text out.
    TextOut,
    /// Tokens of pictures out.
    ImageOut,
}

impl Fact {
    /// Every fact, in the order in which they are numbered.
    pub const ALL: [Self; 14] = [
        Self::Count,
        Self::Width,
        Self::Height,
        Self::Pixels,
        Self::Steps,
        Self::Inputs,
        Self::InputPixels,
        Self::Previews,
        Self::TextIn,
        Self::CachedTextIn,
        Self::ImageIn,
        Self::CachedImageIn,
        Self::TextOut,
        Self::ImageOut,
    ];

    /// Its name in a formula.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Width => "width",
            Self::Height => "height",
            Self::Pixels => "pixels",
            Self::Steps => "steps",
            Self::Inputs => "inputs",
            Self::InputPixels => "input_pixels",
            Self::Previews => "previews",
            Self::TextIn => "text_in",
            Self::CachedTextIn => "cached_text_in",
            Self::ImageIn => "image_in",
            Self::CachedImageIn => "cached_image_in",
            Self::TextOut => "text_out",
            Self::ImageOut => "image_out",
        }
    }
}

impl Expression {
    /// Whether what it comes to may depend on a fact.
    pub fn uses(&self, fact: Fact) -> bool {
        self.number.uses(fact)
    }
}

impl Number {
    fn uses(&self, fact: Fact) -> bool {
        match self {
            Self::Is(_) => false,
            Self::Fact(own) => *own == fact,
            Self::Of(_, one, other) => one.uses(fact) || other.uses(fact),
            Self::If(truth, one, other) => truth.uses(fact) || one.uses(fact) || other.uses(fact),
        }
    }
}

impl Truth {
    fn uses(&self, fact: Fact) -> bool {
        match self {
            Self::Is(_) | Self::Quality(_) | Self::Operation(_) => false,
            Self::Compare(_, one, other) => one.uses(fact) || other.uses(fact),
            Self::Not(one) => one.uses(fact),
            Self::And(one, other) | Self::Or(one, other) => one.uses(fact) || other.uses(fact),
        }
    }
}
