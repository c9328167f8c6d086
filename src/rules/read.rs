//! A condition from its text: read as CEL, and every piece given its type.

use std::cell::Cell;

use regex::RegexBuilder;

use crate::credits::Credits;
use crate::expression::{
    BadExpression, Bounds, CallExpr, Expr, LiteralValue, Piece, SelectExpr, Source, operators,
    parse,
};

use super::condition::{Number, Order, Sign, Text, Truth};
use super::facts::LABELS;
use super::names::{fact, is_of_quote, is_of_words, possible, unknown};

const BOUNDS: Bounds = Bounds {
    bytes_max: 2000,
    depth_max: 16,
    signs_max: 200,
    hint: "make two rules of it",
    page: "docs/rules.md",
};

/// Bytes that a compiled pattern may take.
const PATTERN_BYTES_MAX: usize = 1 << 20;

const FUNCTIONS: &str = "there are: size(), contains(), startsWith(), endsWith(), matches(), lower(), \
                         has(request.labels.name), amount(\"0.01\")";

/// A piece that has a type.
pub(super) enum Typed {
    Truth(Truth),
    Number(Number),
    Text(Text),
    Scopes,
    Labels,
}

/// A condition that was read.
pub(super) struct Read {
    pub(super) truth: Truth,
    /// Whether it can be worked out only when the quote is known.
    pub(super) looks_at_quote: bool,
    /// Whether it looks at what is said, which no usage row keeps.
    pub(super) looks_at_words: bool,
}

/// Reads a condition.
pub(super) fn read(text: &str) -> Result<Read, BadExpression> {
    let parsed = parse(text, BOUNDS)?;
    let (looks_at_quote, looks_at_words) = (Cell::new(false), Cell::new(false));
    let reader = Reader { source: &parsed.source, looks_at_quote, looks_at_words };
    let truth = reader.truth(&parsed.piece)?;
    let (looks_at_quote, looks_at_words) =
        (reader.looks_at_quote.get(), reader.looks_at_words.get());
    Ok(Read { truth, looks_at_quote, looks_at_words })
}

/// Compiles a pattern that takes time linear in what it looks at.
pub(super) fn pattern(text: &str) -> Result<regex::Regex, BadExpression> {
    let built = RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build();
    built.map_err(|error| {
        let said = error.to_string();
        // The last line says what is wrong; those above draw an arrow at it.
        let last = said.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let hint = "write it as for the regex crate; look-around and back-references are not taken";
        bad(format!("`{text}` is no pattern: {last}"), hint)
    })
}

fn bad(problem: impl Into<String>, hint: impl Into<String>) -> BadExpression {
    BadExpression::new(problem, hint)
}

struct Reader<'a> {
    source: &'a Source,
    looks_at_quote: Cell<bool>,
    looks_at_words: Cell<bool>,
}

impl Reader<'_> {
    fn truth(&self, piece: &Piece) -> Result<Truth, BadExpression> {
        let typed = self.typed(piece)?;
        if let Typed::Truth(truth) = typed {
            return Ok(truth);
        }
        let problem = format!("{} is {}", self.source.text(piece), typed.kind());
        Err(bad(problem, "what stands here is true or false, such as request.count > 2"))
    }

    fn number(&self, piece: &Piece) -> Result<Number, BadExpression> {
        let typed = self.typed(piece)?;
        if let Typed::Number(number) = typed {
            return Ok(number);
        }
        self.is_other(piece, &typed, "a whole number")
    }

    fn string(&self, piece: &Piece) -> Result<Text, BadExpression> {
        let typed = self.typed(piece)?;
        if let Typed::Text(text) = typed {
            return Ok(text);
        }
        self.is_other(piece, &typed, "a text")
    }

    fn is_other<T>(&self, piece: &Piece, is: &Typed, wanted: &str) -> Result<T, BadExpression> {
        let problem =
            format!("{} is {}, where {wanted} should be", self.source.text(piece), is.kind());
        Err(bad(problem, "nothing is turned from one into another by itself"))
    }

    fn typed(&self, piece: &Piece) -> Result<Typed, BadExpression> {
        match &piece.expr {
            Expr::Literal(literal) => self.literal(piece, literal),
            Expr::Ident(name) => Err(unknown(name)),
            Expr::Select(select) if select.test => has(select),
            Expr::Select(select) => self.field(piece, select),
            Expr::Call(call) => self.call(piece, call),
            Expr::List(_)
            | Expr::Map(_)
            | Expr::Struct(_)
            | Expr::Comprehension(_)
            | Expr::Unspecified => {
                let problem = format!("{} is a list, a map or a loop", self.source.text(piece));
                Err(bad(
                    problem,
                    "a list may stand after `in`, as in caller.plan in [\"a\", \"b\"]",
                ))
            }
        }
    }

    fn literal(&self, piece: &Piece, literal: &LiteralValue) -> Result<Typed, BadExpression> {
        let other = |what: &str| {
            let problem = format!("{} is {what}", self.source.text(piece));
            Err(bad(problem, "there are whole numbers, texts, true and false"))
        };
        match literal {
            LiteralValue::Boolean(so) => Ok(Typed::Truth(Truth::Is(*so.inner()))),
            LiteralValue::Int(number) => Ok(Typed::Number(Number::Is(*number.inner()))),
            LiteralValue::String(text) => Ok(Typed::Text(Text::Is(text.inner().to_owned()))),
            LiteralValue::Double(_) => other("a number with decimals"),
            LiteralValue::UInt(_) => other("an unsigned number"),
            LiteralValue::Bytes(_) => other("bytes"),
            LiteralValue::Null => other("null; what an app did not say is empty"),
        }
    }

    /// What a path of names stands for.
    fn field(&self, piece: &Piece, select: &SelectExpr) -> Result<Typed, BadExpression> {
        if path(&select.operand).as_deref() == Some(LABELS) {
            return Ok(Typed::Text(Text::Label(Box::new(Text::Is(select.field.clone())))));
        }
        let Some(name) = path(piece) else {
            let problem = format!("{} has no fields", self.source.text(&select.operand));
            return Err(bad(problem, FUNCTIONS));
        };
        let found = fact(&name).ok_or_else(|| unknown(&name))?;
        self.looks_at_quote.set(self.looks_at_quote.get() || is_of_quote(&found));
        self.looks_at_words.set(self.looks_at_words.get() || is_of_words(&found));
        Ok(found)
    }

    fn call(&self, piece: &Piece, call: &CallExpr) -> Result<Typed, BadExpression> {
        let name = call.func_name.as_str();
        match (name, call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, None, [one]) => {
                self.truth(one).map(|truth| Typed::Truth(Truth::Not(Box::new(truth))))
            }
            (operators::LOGICAL_AND, None, [one, other]) => {
                let (one, other) = (Box::new(self.truth(one)?), Box::new(self.truth(other)?));
                Ok(Typed::Truth(Truth::And(one, other)))
            }
            (operators::LOGICAL_OR, None, [one, other]) => {
                let (one, other) = (Box::new(self.truth(one)?), Box::new(self.truth(other)?));
                Ok(Typed::Truth(Truth::Or(one, other)))
            }
            (operators::EQUALS, None, [one, other]) => self.same(one, other).map(Typed::Truth),
            (operators::NOT_EQUALS, None, [one, other]) => {
                self.same(one, other).map(|truth| Typed::Truth(Truth::Not(Box::new(truth))))
            }
            (operators::LESS, None, [one, other]) => self.compare(Order::Less, one, other),
            (operators::GREATER, None, [one, other]) => self.compare(Order::Less, other, one),
            (operators::LESS_EQUALS, None, [one, other]) => self.compare(Order::AtMost, one, other),
            (operators::GREATER_EQUALS, None, [one, other]) => {
                self.compare(Order::AtMost, other, one)
            }
            (operators::CONDITIONAL, None, [truth, one, other]) => self.choice(truth, one, other),
            (operators::NEGATE, None, [one]) => {
                let one = Box::new(self.number(one)?);
                Ok(Typed::Number(Number::Of(Sign::Minus, Box::new(Number::Is(0)), one)))
            }
            (operators::ADD, None, [one, other]) => self.sum(one, other),
            (operators::SUBSTRACT, None, [one, other]) => self.put(Sign::Minus, one, other),
            (operators::MULTIPLY, None, [one, other]) => self.put(Sign::Times, one, other),
            (operators::DIVIDE, None, [one, other]) => self.put(Sign::By, one, other),
            (operators::MODULO, None, [one, other]) => self.put(Sign::Rest, one, other),
            (operators::IN, None, [one, among]) => self.is_in(one, among).map(Typed::Truth),
            (operators::INDEX, None, [map, name]) => self.label(map, name),
            ("amount", None, [text]) => self.amount(text),
            ("size", None, [one]) | ("size", Some(one), []) => self.size(one),
            ("lower", Some(text), []) => Ok(Typed::Text(Text::Lower(Box::new(self.string(text)?)))),
            ("contains", Some(text), [part]) => {
                Ok(Typed::Truth(Truth::Contains(self.string(text)?, self.string(part)?)))
            }
            ("startsWith", Some(text), [part]) => {
                Ok(Typed::Truth(Truth::Begins(self.string(text)?, self.string(part)?)))
            }
            ("endsWith", Some(text), [part]) => {
                Ok(Typed::Truth(Truth::Ends(self.string(text)?, self.string(part)?)))
            }
            ("matches", Some(text), [like]) | ("matches", None, [text, like]) => {
                self.matches(text, like)
            }
            _ if name.starts_with(|letter: char| letter.is_ascii_alphabetic()) => {
                let problem = format!("`{name}` is no function, or takes other arguments");
                Err(bad(problem, FUNCTIONS))
            }
            _ => {
                let problem = format!("{} is not taken here", self.source.text(piece));
                Err(bad(problem, FUNCTIONS))
            }
        }
    }

    fn compare(&self, order: Order, one: &Piece, other: &Piece) -> Result<Typed, BadExpression> {
        Ok(Typed::Truth(Truth::Compare(order, self.number(one)?, self.number(other)?)))
    }

    fn put(&self, sign: Sign, one: &Piece, other: &Piece) -> Result<Typed, BadExpression> {
        let one = Box::new(self.number(one)?);
        Ok(Typed::Number(Number::Of(sign, one, Box::new(self.number(other)?))))
    }

    fn sum(&self, one: &Piece, other: &Piece) -> Result<Typed, BadExpression> {
        match self.typed(one)? {
            Typed::Text(text) => {
                Ok(Typed::Text(Text::Joined(Box::new(text), Box::new(self.string(other)?))))
            }
            Typed::Truth(_) | Typed::Number(_) | Typed::Scopes | Typed::Labels => {
                self.put(Sign::Plus, one, other)
            }
        }
    }

    fn choice(&self, truth: &Piece, one: &Piece, other: &Piece) -> Result<Typed, BadExpression> {
        let truth = Box::new(self.truth(truth)?);
        Ok(match self.typed(one)? {
            Typed::Truth(one) => {
                Typed::Truth(Truth::If(truth, Box::new(one), Box::new(self.truth(other)?)))
            }
            Typed::Text(one) => {
                Typed::Text(Text::If(truth, Box::new(one), Box::new(self.string(other)?)))
            }
            Typed::Number(_) | Typed::Scopes | Typed::Labels => {
                let one = Box::new(self.number(one)?);
                Typed::Number(Number::If(truth, one, Box::new(self.number(other)?)))
            }
        })
    }

    fn same(&self, one: &Piece, other: &Piece) -> Result<Truth, BadExpression> {
        match (self.typed(one)?, self.typed(other)?) {
            (Typed::Text(left), Typed::Text(right)) => {
                possible(&left, &right)?;
                possible(&right, &left)?;
                Ok(Truth::Same(left, right))
            }
            (Typed::Number(left), Typed::Number(right)) => {
                Ok(Truth::Compare(Order::Same, left, right))
            }
            (Typed::Truth(left), Typed::Truth(right)) => {
                Ok(Truth::Alike(Box::new(left), Box::new(right)))
            }
            (left, right) => {
                let (one, other) = (self.source.text(one), self.source.text(other));
                let problem = format!("{one} is {} and {other} is {}", left.kind(), right.kind());
                Err(bad(problem, "they are never the same; compare what is alike"))
            }
        }
    }

    fn is_in(&self, one: &Piece, among: &Piece) -> Result<Truth, BadExpression> {
        if let Expr::List(list) = &among.expr {
            return match self.typed(one)? {
                Typed::Text(text) => {
                    let words = list.elements.iter().map(|word| self.string(word));
                    let words = words.collect::<Result<Vec<_>, _>>()?;
                    words.iter().try_for_each(|word| possible(&text, word))?;
                    Ok(Truth::Among(text, words))
                }
                Typed::Truth(_) | Typed::Number(_) | Typed::Scopes | Typed::Labels => {
                    let numbers = list.elements.iter().map(|number| self.number(number));
                    Ok(Truth::NumberAmong(self.number(one)?, numbers.collect::<Result<_, _>>()?))
                }
            };
        }
        match self.typed(among)? {
            Typed::Scopes => self.string(one).map(Truth::HasScope),
            Typed::Labels => self.string(one).map(Truth::HasLabel),
            other @ (Typed::Truth(_) | Typed::Number(_) | Typed::Text(_)) => {
                self.is_other(among, &other, "a list")
            }
        }
    }

    fn label(&self, map: &Piece, name: &Piece) -> Result<Typed, BadExpression> {
        let typed = self.typed(map)?;
        if let Typed::Labels = typed {
            return Ok(Typed::Text(Text::Label(Box::new(self.string(name)?))));
        }
        self.is_other(map, &typed, LABELS)
    }

    fn size(&self, piece: &Piece) -> Result<Typed, BadExpression> {
        Ok(Typed::Number(match self.typed(piece)? {
            Typed::Text(text) => Number::Length(text),
            Typed::Scopes => Number::Scopes,
            Typed::Labels => Number::Labels,
            other @ (Typed::Truth(_) | Typed::Number(_)) => {
                return self.is_other(piece, &other, "a text or a list");
            }
        }))
    }

    fn matches(&self, text: &Piece, like: &Piece) -> Result<Typed, BadExpression> {
        let Expr::Literal(LiteralValue::String(like)) = &like.expr else {
            let problem = format!("{} is no pattern that is written out", self.source.text(like));
            return Err(bad(problem, "write the pattern itself, in quotes"));
        };
        Ok(Typed::Truth(Truth::Matches(self.string(text)?, pattern(like.inner())?)))
    }

    /// Money as people write it, in nano-units.
    fn amount(&self, piece: &Piece) -> Result<Typed, BadExpression> {
        let hint = "write the amount as a text, as in amount(\"0.5\")";
        let Expr::Literal(LiteralValue::String(text)) = &piece.expr else {
            return Err(bad(format!("{} is no amount", self.source.text(piece)), hint));
        };
        let amount: Result<Credits, _> = text.inner().parse();
        amount
            .map(|amount| Typed::Number(Number::Is(amount.nanos())))
            .map_err(|error| bad(error.to_string(), hint))
    }
}

impl Typed {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Truth(_) => "true or false",
            Self::Number(_) => "a whole number",
            Self::Text(_) => "a text",
            Self::Scopes => "a list of texts",
            Self::Labels => "a map of texts",
        }
    }
}

fn has(select: &SelectExpr) -> Result<Typed, BadExpression> {
    if path(&select.operand).as_deref() == Some(LABELS) {
        return Ok(Typed::Truth(Truth::HasLabel(Text::Is(select.field.clone()))));
    }
    let problem = "has() is asked of something that is always there";
    Err(bad(problem, "what an app did not say is empty: compare it with \"\" or 0"))
}

/// The names of a piece that is a path of names, joined by points.
fn path(piece: &Piece) -> Option<String> {
    match &piece.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => {
            Some(format!("{}.{}", path(&select.operand)?, select.field))
        }
        Expr::Select(_)
        | Expr::Literal(_)
        | Expr::Call(_)
        | Expr::List(_)
        | Expr::Map(_)
        | Expr::Struct(_)
        | Expr::Comprehension(_)
        | Expr::Unspecified => None,
    }
}
