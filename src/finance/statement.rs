//! The statement of one workspace over a span: what it had, what came, what went, what it has.

use crate::credits::Overflow;

use super::sums::plus;
use super::table::{Cell, Column, Kind, Row};

/// Credits that came to a workspace or left it: a sum of entries of one kind.
///
/// Credits that are merely set aside stay the workspace's, so a hold is no movement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// The account that they came from, as the entries name it.
    pub source: String,
    /// The account that they went to.
    pub target: String,
    /// Whether an operator took them back.
    pub is_adjusted: bool,
    /// Where the grant came from: pack, plan, manual, refund and so on.
    pub grant_source: String,
    /// The sum, in nano-credits.
    pub nanos: i64,
}

/// What a workspace had, what came and went, and what it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// Who.
    pub workspace: String,
    /// What people call them.
    pub name: String,
    /// Nano-credits before the span, those that were set aside among them.
    pub opening_nanos: i64,
    /// What was granted, by where it came from.
    pub granted: Vec<(String, i64)>,
    /// What was spent.
    pub spent_nanos: i64,
    /// What reached its end unspent.
    pub expired_nanos: i64,
    /// What an operator took back.
    pub adjusted_nanos: i64,
    /// What is there after it, those that are set aside among them.
    pub closing_nanos: i64,
    /// Of the closing sum, what is set aside for requests that are not over.
    pub held_nanos: i64,
}

impl Statement {
    /// The statement that these movements come to; `opening_nanos` is what was there before them.
    pub fn of(
        (workspace, name): (String, String),
        opening_nanos: i64,
        held_nanos: i64,
        movements: Vec<Movement>,
    ) -> Result<Self, Overflow> {
        let mut statement = Self {
            workspace,
            name,
            opening_nanos,
            closing_nanos: opening_nanos,
            held_nanos,
            ..Self::default()
        };
        for Movement { source, target, is_adjusted, grant_source, nanos } in movements {
            match (source.as_str(), target.as_str()) {
                (_, "expired") if is_adjusted => {
                    statement.closing_nanos = less(statement.closing_nanos, nanos)?;
                    statement.adjusted_nanos = plus(statement.adjusted_nanos, nanos)?;
                }
                ("issued", _) => {
                    statement.closing_nanos = plus(statement.closing_nanos, nanos)?;
                    statement.granted.push((grant_source, nanos));
                }
                (_, "spent") => {
                    statement.closing_nanos = less(statement.closing_nanos, nanos)?;
                    statement.spent_nanos = plus(statement.spent_nanos, nanos)?;
                }
                (_, "expired") => {
                    statement.closing_nanos = less(statement.closing_nanos, nanos)?;
                    statement.expired_nanos = plus(statement.expired_nanos, nanos)?;
                }
                _ => {}
            }
        }
        Ok(statement)
    }

    /// `workspace`, `workspace_name`, `line` and `credits`: opening, each source of grants, spent,
    /// expired, adjusted where an operator took credits back, closing, and what of it is held.
    pub fn columns() -> Vec<Column> {
        vec![
            Column::new("workspace", Kind::Text),
            Column::new("workspace_name", Kind::Text),
            Column::new("line", Kind::Text),
            Column::new("credits", Kind::Money),
        ]
    }

    /// The lines under [`Self::columns`]. What left is negative, so the lines down to `closing` add up.
    pub fn rows(self) -> Vec<Row> {
        let (workspace, name) = (self.workspace, self.name);
        let line = |what: String, nanos: i64| -> Row {
            vec![Cell::from(workspace.clone()), name.clone().into(), what.into(), nanos.into()]
        };
        let mut rows = vec![line("opening".to_owned(), self.opening_nanos)];
        let granted = self.granted.into_iter();
        rows.extend(granted.map(|(source, nanos)| line(format!("granted ({source})"), nanos)));
        rows.push(line("spent".to_owned(), self.spent_nanos.saturating_neg()));
        rows.push(line("expired".to_owned(), self.expired_nanos.saturating_neg()));
        if self.adjusted_nanos != 0 {
            rows.push(line("adjusted".to_owned(), self.adjusted_nanos.saturating_neg()));
        }
        rows.push(line("closing".to_owned(), self.closing_nanos));
        rows.push(line("of which held".to_owned(), self.held_nanos));
        rows
    }
}

fn less(sum: i64, away: i64) -> Result<i64, Overflow> {
    sum.checked_sub(away).ok_or(Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken_back(nanos: i64) -> Movement {
        Movement { is_adjusted: true, ..movement("available", "expired", "pack", nanos) }
    }

    fn movement(source: &str, target: &str, grant_source: &str, nanos: i64) -> Movement {
        let (source, target) = (source.to_owned(), target.to_owned());
        let grant_source = grant_source.to_owned();
        Movement { source, target, is_adjusted: false, grant_source, nanos }
    }

    #[test]
    fn opening_and_what_moved_come_to_closing() {
        let movements = vec![
            movement("issued", "available", "pack", 500),
            movement("issued", "available", "plan", 50),
            movement("available", "held", "pack", 40),
            movement("held", "available", "pack", 10),
            movement("held", "spent", "pack", 30),
            movement("available", "expired", "plan", 20),
            taken_back(3),
        ];
        let names = ("ws_1".to_owned(), "Acme".to_owned());
        let statement = Statement::of(names, 7, 0, movements).unwrap();
        assert_eq!(statement.closing_nanos, 7 + 500 + 50 - 30 - 20 - 3);
        let rows = statement.rows();
        let nanos = |row: &Row| match row[3] {
            Cell::Whole(nanos) => nanos,
            Cell::Nothing | Cell::Text(_) | Cell::Flag(_) => panic!("{row:?}"),
        };
        let (closing, above) = (&rows[rows.len() - 2], &rows[..rows.len() - 2]);
        assert_eq!(above.iter().map(nanos).sum::<i64>(), nanos(closing));
    }
}
