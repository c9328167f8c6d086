//! Text that is read as CEL: bounded before it is parsed, in pieces that messages can quote.
//!
//! What the pieces mean is said by those who read them: prices, and rules.

use cel::common::ast::SourceInfo;
use cel::parser::{Expression, Parser};

pub use cel::common::ast::{CallExpr, Expr, LiteralValue, SelectExpr, operators};

/// A piece of a parsed text.
pub type Piece = Expression;

/// How much of CEL is taken.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The longest text.
    pub bytes_max: usize,
    /// How deep it may be nested: brackets within brackets, and `? :` within each other.
    pub depth_max: usize,
    /// How many signs it may have.
    pub signs_max: usize,
    /// What to do about a text that is beyond these.
    pub hint: &'static str,
    /// The page that says what may be written.
    pub page: &'static str,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadExpression {
    /// The problem, with the piece that it is about.
    pub problem: String,
    /// What to do about it.
    pub hint: String,
}

/// A text that was parsed.
#[derive(Debug)]
pub struct Parsed {
    /// All of it.
    pub piece: Piece,
    /// Where its pieces stand.
    pub source: Source,
}

/// Where the pieces of a text stand in it.
#[derive(Debug)]
pub struct Source {
    info: SourceInfo,
}

impl BadExpression {
    /// A problem, and what to do about it.
    pub fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: hint.into() }
    }
}

/// Parses a text that keeps within bounds.
pub fn parse(text: &str, bounds: Bounds) -> Result<Parsed, BadExpression> {
    if text.len() > bounds.bytes_max {
        let problem = format!("is longer than {} bytes", bounds.bytes_max);
        return Err(BadExpression::new(problem, bounds.hint));
    }
    keep_within(text, bounds)?;
    let (piece, info) = Parser::new().parse_with_source_info(text).map_err(|errors| {
        let first = errors.errors.first();
        let said = first.map_or("", |error| error.msg.as_str());
        let at = first.map_or(1, |error| error.pos.1);
        let problem = format!("is not CEL: {said}, at letter {at}");
        BadExpression::new(problem, format!("see {}", bounds.page))
    })?;
    Ok(Parsed { piece, source: Source { info } })
}

/// Refuses what would take the parser too deep: it takes more stack the more a text is nested.
fn keep_within(text: &str, bounds: Bounds) -> Result<(), BadExpression> {
    let Bounds { depth_max, signs_max, .. } = bounds;
    let (mut open, mut deepest, mut signs) = (0_usize, 0_usize, 0_usize);
    for letter in text.chars() {
        match letter {
            '(' | '[' | '{' => open = open.saturating_add(1),
            ')' | ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
        signs = signs.saturating_add(usize::from("+-*/%<>=!&|,.".contains(letter)));
    }
    let choices = text.matches('?').count();
    if deepest > depth_max || choices > depth_max || signs > signs_max {
        let problem =
            format!("is nested more than {depth_max} deep, or has more than {signs_max} signs");
        return Err(BadExpression::new(problem, bounds.hint));
    }
    Ok(())
}

impl Source {
    /// The text of a piece, for messages; letters are counted as the parser counts them.
    pub fn text(&self, piece: &Piece) -> String {
        let Some((start, stop)) = self.span(piece) else {
            return "a part of it".to_owned();
        };
        let count = stop.saturating_sub(start).saturating_add(1);
        let text: String = self.info.source.chars().skip(start).take(count).collect();
        let is_mark = !text.chars().any(char::is_alphanumeric);
        if is_mark { "a part of it".to_owned() } else { format!("`{}`", text.trim()) }
    }

    /// From its first letter to its last, its own pieces included: the parser knows of a path or a
    /// call only where its point or its bracket stands.
    fn span(&self, piece: &Piece) -> Option<(usize, usize)> {
        let at = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
        let own = self.info.offset_for(piece.id).map(|(start, stop)| (at(start), at(stop)));
        let (within, name) = match &piece.expr {
            Expr::Select(select) => (vec![&*select.operand], select.field.chars().count()),
            Expr::Call(call) => (call.target.as_deref().into_iter().chain(&call.args).collect(), 0),
            Expr::List(list) => (list.elements.iter().collect(), 0),
            Expr::Unspecified
            | Expr::Comprehension(_)
            | Expr::Ident(_)
            | Expr::Literal(_)
            | Expr::Map(_)
            | Expr::Struct(_) => (Vec::new(), 0),
        };
        let own = own.map(|(start, stop)| (start, stop.saturating_add(name)));
        let spans = within.into_iter().filter_map(|piece| self.span(piece));
        spans.chain(own).reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
    }
}
