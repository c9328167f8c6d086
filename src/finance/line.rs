//! One answered request, as finance reads it.

use std::collections::BTreeMap;

use super::day::Day;
use super::table::{Cell, Column, Kind, Row};

/// One line of usage: the row that the gateway wrote when it answered, and the names of whoever pays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsageLine {
    /// Its place among all lines; never changes.
    pub seq: i64,
    /// When the request came, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The request's name.
    pub request: String,
    /// Who pays; nobody for requests that were turned away unknown.
    pub workspace: Option<String>,
    /// What people call them.
    pub workspace_name: Option<String>,
    /// The key that asked.
    pub key: Option<String>,
    /// What people call it.
    pub key_name: Option<String>,
    /// Its plan.
    pub plan: Option<String>,
    /// Whether a test key asked.
    pub test: bool,
    /// The dialect that it was asked in.
    pub dialect: String,
    /// What was to be done.
    pub operation: Option<String>,
    /// The public name of the model.
    pub model: Option<String>,
    /// Who drew, or was tried last.
    pub vendor: Option<String>,
    /// What of theirs.
    pub offering: Option<String>,
    /// Pictures asked for.
    pub images_asked: u32,
    /// Pictures delivered.
    pub images: u32,
    /// Width and height.
    pub size: Option<String>,
    /// How much effort.
    pub quality: Option<String>,
    /// What the app put on it.
    pub labels: BTreeMap<String, String>,
    /// The credits that were set aside for it.
    pub hold: Option<String>,
    /// Nano-credits that the caller paid.
    pub charged_nanos: i64,
    /// Nano-dollars that vendors charge us, as booked.
    pub cost_nanos: i64,
    /// Calls to vendors.
    pub attempts: u32,
    /// `ok`, `cancelled`, or the code of the refusal.
    pub outcome: String,
    /// The HTTP status.
    pub status: u32,
    /// Whether a vendor may have drawn and billed without our knowing.
    pub outcome_unknown: bool,
    /// The policy that priced it.
    pub policy_version: String,
    /// The version of the price that the caller paid by.
    pub price_version: Option<String>,
    /// The version of the vendor's cost that was booked.
    pub cost_version: Option<String>,
}

impl UsageLine {
    /// The columns of an export that has one row for each line.
    pub fn columns() -> Vec<Column> {
        use Kind::{Flag, Money, Text, Time, Whole};
        [
            ("at", Time),
            ("request", Text),
            ("workspace", Text),
            ("workspace_name", Text),
            ("key", Text),
            ("key_name", Text),
            ("plan", Text),
            ("test", Flag),
            ("dialect", Text),
            ("operation", Text),
            ("model", Text),
            ("vendor", Text),
            ("offering", Text),
            ("images_asked", Whole),
            ("images", Whole),
            ("size", Text),
            ("quality", Text),
            ("labels", Text),
            ("hold", Text),
            ("charged", Money),
            ("cost_dollars", Money),
            ("attempts", Whole),
            ("outcome", Text),
            ("status", Whole),
            ("outcome_unknown", Flag),
            ("policy_version", Text),
            ("price_version", Text),
            ("cost_version", Text),
        ]
        .into_iter()
        .map(|(name, kind)| Column::new(name, kind))
        .collect()
    }

    /// The line as a row under [`Self::columns`].
    pub fn row(self) -> Row {
        let labels = self.labels_text();
        vec![
            self.at_ms.into(),
            self.request.into(),
            self.workspace.into(),
            self.workspace_name.into(),
            self.key.into(),
            self.key_name.into(),
            self.plan.into(),
            self.test.into(),
            self.dialect.into(),
            self.operation.into(),
            self.model.into(),
            self.vendor.into(),
            self.offering.into(),
            self.images_asked.into(),
            self.images.into(),
            self.size.into(),
            self.quality.into(),
            labels.into(),
            self.hold.into(),
            self.charged_nanos.into(),
            self.cost_nanos.into(),
            self.attempts.into(),
            self.outcome.into(),
            self.status.into(),
            self.outcome_unknown.into(),
            self.policy_version.into(),
            self.price_version.into(),
            self.cost_version.into(),
        ]
    }

    /// The day that it belongs to.
    pub const fn day(&self) -> Day {
        Day::of(self.at_ms)
    }

    /// Labels as a JSON object; `None` when there are none.
    pub fn labels_text(&self) -> Option<String> {
        (!self.labels.is_empty()).then(|| serde_json::json!(self.labels).to_string())
    }
}

/// Text, or nothing.
pub(super) fn or_nothing(text: Option<&String>) -> Cell {
    text.map_or(Cell::Nothing, |text| Cell::Text(text.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_cell_for_each_column_and_of_its_kind() {
        let line = UsageLine {
            labels: BTreeMap::from([("team".to_owned(), "red".to_owned())]),
            ..UsageLine::default()
        };
        let (columns, row) = (UsageLine::columns(), line.row());
        assert_eq!(columns.len(), row.len());
        for (column, cell) in columns.iter().zip(&row) {
            let fits = match column.kind {
                Kind::Text => matches!(cell, Cell::Text(_) | Cell::Nothing),
                Kind::Whole | Kind::Money | Kind::Time => matches!(cell, Cell::Whole(_)),
                Kind::Flag => matches!(cell, Cell::Flag(_)),
            };
            assert!(fits, "{column:?}: {cell:?}");
        }
        assert!(row.contains(&Cell::Text(r#"{"team":"red"}"#.to_owned())));
    }
}
