//! A formula from its text: read as CEL, checked as a whole, and made small.
//!
//! What is taken is the part of CEL that always ends and always comes to a whole number: numbers,
//! names, arithmetic, comparisons, `? :`, and a few functions. There is no loop in it, so working
//! a formula out takes as many steps as it has pieces.

use crate::canonical::{Operation, Quality};
use crate::catalog::{Expression, Fact, Number, Order, Sign, Truth};
use crate::credits::Credits;
use crate::expression::{
    BadExpression, Bounds, CallExpr, Expr, LiteralValue, Piece, Source, operators, parse,
};

/// The longest formula.
pub const TEXT_BYTES_MAX: usize = 1000;

const BOUNDS: Bounds = Bounds {
    bytes_max: TEXT_BYTES_MAX,
    depth_max: 12,
    signs_max: 100,
    hint: "use rows and rates for what they can say",
    page: "docs/prices.md",
};

const FUNCTIONS: &str = "there are: amount(\"0.01\"), ceil_div(a, b), min(a, b), max(a, b)";

/// Reads a formula that comes to a whole number of nano-units.
pub fn read(text: &str) -> Result<Expression, BadExpression> {
    let parsed = parse(text, BOUNDS)?;
    let number = Reader { source: &parsed.source }.number(&parsed.piece)?;
    Ok(Expression { text: text.to_owned(), number })
}

fn bad(problem: impl Into<String>, hint: impl Into<String>) -> BadExpression {
    BadExpression::new(problem, hint)
}

struct Reader<'a> {
    source: &'a Source,
}

impl Reader<'_> {
    fn is_no_number<T>(&self, piece: &Piece, what: &str) -> Result<T, BadExpression> {
        let hint = "a formula comes to a whole number of nano-units; write amount(\"0.01\") for \
                    money, and ceil_div(a, b) for a quotient that is rounded up";
        Err(bad(
            format!("{} is {what}, where a whole number should be", self.source.text(piece)),
            hint,
        ))
    }

    fn number(&self, piece: &Piece) -> Result<Number, BadExpression> {
        match &piece.expr {
            Expr::Literal(LiteralValue::Int(number)) => Ok(Number::Is(*number.inner())),
            Expr::Literal(LiteralValue::Double(_)) => {
                self.is_no_number(piece, "a number with decimals")
            }
            Expr::Literal(LiteralValue::UInt(_)) => self.is_no_number(piece, "an unsigned number"),
            Expr::Literal(_) => self.is_no_number(piece, "a text or a truth"),
            Expr::Ident(name) => self.fact(piece, name),
            Expr::Call(call) => self.number_of_call(piece, call),
            Expr::Unspecified
            | Expr::Comprehension(_)
            | Expr::List(_)
            | Expr::Map(_)
            | Expr::Select(_)
            | Expr::Struct(_) => self.is_no_number(piece, "a list, a map, a loop or a field"),
        }
    }

    fn fact(&self, piece: &Piece, name: &str) -> Result<Number, BadExpression> {
        let fact = Fact::ALL.into_iter().find(|fact| fact.name() == name);
        if let Some(fact) = fact {
            return Ok(Number::Fact(fact));
        }
        if matches!(name, "quality" | "operation") {
            let hint = format!("compare it, as in {name} == \"…\" ? 1 : 2");
            return Err(bad(format!("{} is a word and no number", self.source.text(piece)), hint));
        }
        let names = Fact::ALL.map(Fact::name).join(", ");
        let hint = format!("there are: {names}, quality, operation");
        Err(bad(format!("nothing is known as `{name}`"), hint))
    }

    fn number_of_call(&self, piece: &Piece, call: &CallExpr) -> Result<Number, BadExpression> {
        if call.target.is_some() {
            return self.is_no_number(piece, "a call on something");
        }
        let args = call.args.as_slice();
        let sign = match (call.func_name.as_str(), args) {
            (operators::CONDITIONAL, [truth, one, other]) => {
                let truth = Box::new(self.truth(truth)?);
                let one = Box::new(self.number(one)?);
                return Ok(Number::If(truth, one, Box::new(self.number(other)?)));
            }
            (operators::NEGATE, [one]) => {
                let one = Box::new(self.number(one)?);
                return Ok(Number::Of(Sign::Minus, Box::new(Number::Is(0)), one));
            }
            ("amount", [piece]) => return self.amount(piece),
            (operators::ADD, [_, _]) => Sign::Plus,
            (operators::SUBSTRACT, [_, _]) => Sign::Minus,
            (operators::MULTIPLY, [_, _]) => Sign::Times,
            (operators::DIVIDE, [_, _]) => Sign::By,
            (operators::MODULO, [_, _]) => Sign::Rest,
            ("ceil_div", [_, _]) => Sign::CeilDiv,
            ("min", [_, _]) => Sign::Min,
            ("max", [_, _]) => Sign::Max,
            (name, _) => return self.is_no_function(piece, name),
        };
        let [one, other] = args else {
            return self.is_no_function(piece, &call.func_name);
        };
        Ok(Number::Of(sign, Box::new(self.number(one)?), Box::new(self.number(other)?)))
    }

    fn is_no_function<T>(&self, piece: &Piece, name: &str) -> Result<T, BadExpression> {
        let is_word = name.starts_with(|letter: char| letter.is_ascii_alphabetic());
        if !is_word {
            return self.is_no_number(piece, "a truth");
        }
        let problem = format!("`{name}` is no function, or takes other arguments");
        Err(bad(problem, FUNCTIONS))
    }

    /// Money as people write it, in nano-units.
    fn amount(&self, piece: &Piece) -> Result<Number, BadExpression> {
        let hint = "write the amount as a text, as in amount(\"0.000048\")";
        let Expr::Literal(LiteralValue::String(text)) = &piece.expr else {
            return Err(bad(format!("{} is no amount", self.source.text(piece)), hint));
        };
        let amount: Result<Credits, _> = text.inner().parse();
        amount
            .map(|amount| Number::Is(amount.nanos()))
            .map_err(|error| bad(error.to_string(), hint))
    }

    fn truth(&self, piece: &Piece) -> Result<Truth, BadExpression> {
        match &piece.expr {
            Expr::Literal(LiteralValue::Boolean(so)) => Ok(Truth::Is(*so.inner())),
            Expr::Call(call) if call.target.is_none() => self.truth_of_call(piece, call),
            Expr::Call(_)
            | Expr::Literal(_)
            | Expr::Ident(_)
            | Expr::Unspecified
            | Expr::Comprehension(_)
            | Expr::List(_)
            | Expr::Map(_)
            | Expr::Select(_)
            | Expr::Struct(_) => self.is_no_truth(piece),
        }
    }

    fn is_no_truth<T>(&self, piece: &Piece) -> Result<T, BadExpression> {
        let problem = format!("{} is neither true nor false", self.source.text(piece));
        Err(bad(problem, "write a comparison, such as steps > 4 or quality == \"high\""))
    }

    fn truth_of_call(&self, piece: &Piece, call: &CallExpr) -> Result<Truth, BadExpression> {
        let both = |one, other| Ok((Box::new(self.truth(one)?), Box::new(self.truth(other)?)));
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, [one]) => Ok(Truth::Not(Box::new(self.truth(one)?))),
            (operators::LOGICAL_AND, [one, other]) => {
                both(one, other).map(|(one, other)| Truth::And(one, other))
            }
            (operators::LOGICAL_OR, [one, other]) => {
                both(one, other).map(|(one, other)| Truth::Or(one, other))
            }
            (operators::LESS, [one, other]) => self.compare(Order::Less, one, other),
            (operators::GREATER, [one, other]) => self.compare(Order::Less, other, one),
            (operators::LESS_EQUALS, [one, other]) => self.compare(Order::AtMost, one, other),
            (operators::GREATER_EQUALS, [one, other]) => self.compare(Order::AtMost, other, one),
            (operators::EQUALS, [one, other]) => self.same(one, other),
            (operators::NOT_EQUALS, [one, other]) => {
                self.same(one, other).map(|truth| Truth::Not(Box::new(truth)))
            }
            (operators::IN, [one, among]) => match (&one.expr, &among.expr) {
                (Expr::Ident(name), Expr::List(list)) => self.among(one, name, &list.elements),
                _ => self.is_no_truth(piece),
            },
            _ => self.is_no_truth(piece),
        }
    }

    fn compare(&self, order: Order, one: &Piece, other: &Piece) -> Result<Truth, BadExpression> {
        let one = Box::new(self.number(one)?);
        Ok(Truth::Compare(order, one, Box::new(self.number(other)?)))
    }

    /// Whether two numbers are the same, or a word is the one that is written.
    fn same(&self, one: &Piece, other: &Piece) -> Result<Truth, BadExpression> {
        match (&one.expr, &other.expr) {
            (Expr::Ident(name), Expr::Literal(LiteralValue::String(_))) => {
                self.among(one, name, std::slice::from_ref(other))
            }
            (Expr::Literal(LiteralValue::String(_)), Expr::Ident(name)) => {
                self.among(other, name, std::slice::from_ref(one))
            }
            _ => self.compare(Order::Same, one, other),
        }
    }

    fn among(&self, piece: &Piece, name: &str, words: &[Piece]) -> Result<Truth, BadExpression> {
        match name {
            "quality" => self.words(words, &QUALITIES, Quality::name).map(Truth::Quality),
            "operation" => self.words(words, &OPERATIONS, Operation::name).map(Truth::Operation),
            _ => {
                let problem = format!("{} is a number and no word", self.source.text(piece));
                Err(bad(problem, "only quality and operation are words"))
            }
        }
    }

    fn words<Word: Copy>(
        &self,
        pieces: &[Piece],
        known: &[Word],
        name: impl Fn(Word) -> &'static str,
    ) -> Result<Vec<Word>, BadExpression> {
        let word = |piece: &Piece| {
            let text = if let Expr::Literal(LiteralValue::String(text)) = &piece.expr {
                Some(text.inner())
            } else {
                None
            };
            let found = known.iter().copied().find(|known| text == Some(name(*known)));
            found.ok_or_else(|| {
                let names = known.iter().map(|known| name(*known)).collect::<Vec<_>>();
                let problem =
                    format!("{} is none of the words that it may be", self.source.text(piece));
                bad(problem, format!("there are: {}", names.join(", ")))
            })
        };
        pieces.iter().map(word).collect()
    }
}

const QUALITIES: [Quality; 5] =
    [Quality::Low, Quality::Medium, Quality::High, Quality::XHigh, Quality::Max];

const OPERATIONS: [Operation; 3] = [Operation::Generate, Operation::Edit, Operation::Variation];
