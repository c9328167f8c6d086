//! Usage summed up by whatever finance splits it by.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::credits::Overflow;

use super::line::UsageLine;
use super::table::{Cell, Column, Kind, Row};

/// The most rows that one sum may come to.
const GROUPS_MAX: usize = 1_000_000;

/// What usage is split by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// Who pays, by name.
    Workspace,
    /// The key, by name and id.
    Key,
    /// The public name of the model.
    Model,
    /// Who drew.
    Vendor,
    /// What of theirs.
    Offering,
    /// The dialect that was spoken.
    Dialect,
    /// The key's plan.
    Plan,
    /// How it ended.
    Outcome,
    /// The UTC day.
    Day,
    /// The UTC month.
    Month,
    /// A label of the app's.
    Label(String),
}

/// Text that names nothing that usage is split by.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "usage cannot be split by `{0}`; use workspace, key, model, vendor, offering, dialect, plan, \
     outcome, day, month or label:NAME"
)]
pub struct BadBy(String);

/// Why lines were not summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SumError {
    /// A sum outgrew what can be counted.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// There are too many rows.
    #[error("this comes to more than a million rows; split it by less, or over fewer days")]
    TooMany,
}

impl By {
    fn of(&self, line: &UsageLine) -> Option<String> {
        match self {
            Self::Workspace => line.workspace_name.clone().or_else(|| line.workspace.clone()),
            Self::Key => match (&line.key_name, &line.key) {
                (Some(name), Some(key)) if !name.is_empty() => Some(format!("{name} ({key})")),
                (_, key) => key.clone(),
            },
            Self::Model => line.model.clone(),
            Self::Vendor => line.vendor.clone(),
            Self::Offering => line.offering.clone(),
            Self::Dialect => Some(line.dialect.clone()),
            Self::Plan => line.plan.clone(),
            Self::Outcome => Some(line.outcome.clone()),
            Self::Day => Some(line.day().to_string()),
            Self::Month => {
                let day = line.day().to_string();
                day.rsplit_once('-').map(|(month, _)| month.to_owned())
            }
            Self::Label(name) => line.labels.get(name).cloned(),
        }
    }
}

impl FromStr for By {
    type Err = BadBy;

    fn from_str(text: &str) -> Result<Self, BadBy> {
        Ok(match text {
            "workspace" => Self::Workspace,
            "key" => Self::Key,
            "model" => Self::Model,
            "vendor" => Self::Vendor,
            "offering" => Self::Offering,
            "dialect" => Self::Dialect,
            "plan" => Self::Plan,
            "outcome" => Self::Outcome,
            "day" => Self::Day,
            "month" => Self::Month,
            other => match other.strip_prefix("label:") {
                Some(name) if !name.is_empty() => Self::Label(name.to_owned()),
                Some(_) | None => return Err(BadBy(text.to_owned())),
            },
        })
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workspace => f.write_str("workspace"),
            Self::Key => f.write_str("key"),
            Self::Model => f.write_str("model"),
            Self::Vendor => f.write_str("vendor"),
            Self::Offering => f.write_str("offering"),
            Self::Dialect => f.write_str("dialect"),
            Self::Plan => f.write_str("plan"),
            Self::Outcome => f.write_str("outcome"),
            Self::Day => f.write_str("day"),
            Self::Month => f.write_str("month"),
            Self::Label(name) => write!(f, "label:{name}"),
        }
    }
}

/// One group of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum {
    requests: i64,
    images: i64,
    charged_nanos: i64,
    cost_nanos: i64,
    unknown: i64,
}

/// Lines summed up as they come.
#[derive(Debug)]
pub struct Sums {
    by: Vec<By>,
    groups: BTreeMap<Vec<Option<String>>, Sum>,
}

impl Sums {
    /// Nothing yet.
    pub const fn by(by: Vec<By>) -> Self {
        Self { by, groups: BTreeMap::new() }
    }

    /// One line more.
    pub fn add(&mut self, line: &UsageLine) -> Result<(), SumError> {
        let group: Vec<Option<String>> = self.by.iter().map(|by| by.of(line)).collect();
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&group) {
            return Err(SumError::TooMany);
        }
        let sum = self.groups.entry(group).or_default();
        *sum = Sum {
            requests: plus(sum.requests, 1)?,
            images: plus(sum.images, line.images.into())?,
            charged_nanos: plus(sum.charged_nanos, line.charged_nanos)?,
            cost_nanos: plus(sum.cost_nanos, line.cost_nanos)?,
            unknown: plus(sum.unknown, line.outcome_unknown.into())?,
        };
        Ok(())
    }

    /// What was split by, then `requests`, `images`, `charged`, `cost_dollars`, and
    /// `outcome_unknown`: requests that a vendor may have billed without our knowing.
    pub fn columns(&self) -> Vec<Column> {
        let split = self.by.iter().map(|by| Column::new(&by.to_string(), Kind::Text));
        let sums = [
            ("requests", Kind::Whole),
            ("images", Kind::Whole),
            ("charged", Kind::Money),
            ("cost_dollars", Kind::Money),
            ("outcome_unknown", Kind::Whole),
        ];
        split.chain(sums.map(|(name, kind)| Column::new(name, kind))).collect()
    }

    /// One row for each group, in the order of what they are split by.
    pub fn rows(self) -> impl Iterator<Item = Row> {
        self.groups.into_iter().map(|(group, sum)| {
            let sums = [sum.requests, sum.images, sum.charged_nanos, sum.cost_nanos, sum.unknown];
            group.into_iter().map(Cell::from).chain(sums.map(Cell::from)).collect()
        })
    }
}

pub(super) fn plus(sum: i64, more: i64) -> Result<i64, Overflow> {
    sum.checked_add(more).ok_or(Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(model: &str, team: Option<&str>, charged_nanos: i64) -> UsageLine {
        UsageLine {
            model: Some(model.to_owned()),
            labels: team.map(|team| ("team".to_owned(), team.to_owned())).into_iter().collect(),
            images: 2,
            charged_nanos,
            ..UsageLine::default()
        }
    }

    #[test]
    fn lines_are_summed_up_by_what_is_asked_for_and_nothing_is_lost() {
        let mut sums = Sums::by(vec!["model".parse().unwrap(), "label:team".parse().unwrap()]);
        for line in [
            line("a", Some("red"), 5),
            line("a", None, 7),
            line("b", Some("red"), 1),
            line("a", Some("red"), 2),
        ] {
            sums.add(&line).unwrap();
        }
        let names: Vec<String> = sums.columns().into_iter().map(|column| column.name).collect();
        assert_eq!(names[..2], ["model", "label:team"]);
        let rows: Vec<Row> = sums.rows().collect();
        let said: Vec<(Cell, Cell, Cell, Cell)> =
            rows.iter().map(|r| (r[0].clone(), r[1].clone(), r[3].clone(), r[4].clone())).collect();
        assert_eq!(
            said,
            [
                ("a".into(), Cell::Nothing, 2_i64.into(), 7_i64.into()),
                ("a".into(), "red".into(), 4_i64.into(), 7_i64.into()),
                ("b".into(), "red".into(), 2_i64.into(), 1_i64.into()),
            ]
        );
    }

    #[test]
    fn a_sum_that_cannot_be_counted_is_an_error() {
        let mut sums = Sums::by(Vec::new());
        sums.add(&line("a", None, i64::MAX)).unwrap();
        assert_eq!(sums.add(&line("a", None, 1)), Err(SumError::Overflow(Overflow)));
    }

    #[test]
    fn what_usage_is_split_by_reads_back_as_it_was_written() {
        for text in [
            "workspace",
            "key",
            "model",
            "vendor",
            "offering",
            "dialect",
            "plan",
            "outcome",
            "day",
            "month",
            "label:team",
        ] {
            assert_eq!(text.parse::<By>().unwrap().to_string(), text);
        }
        for text in ["", "label:", "Model", "size"] {
            assert!(text.parse::<By>().is_err(), "{text}");
        }
    }
}
