//! A request of which nobody knows what came of it: a vendor may bill it all the same.

use super::table::{Column, Kind, Row};

/// One such request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// When the request came, or its hold was opened, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The request's name.
    pub request: String,
    /// Who would have paid.
    pub workspace: Option<String>,
    /// The key that asked.
    pub key: Option<String>,
    /// Who was asked, where that was written.
    pub vendor: Option<String>,
    /// What of theirs.
    pub offering: Option<String>,
    /// The public name of the model.
    pub model: Option<String>,
    /// What was set aside for it.
    pub hold: Option<String>,
    /// How much that was, in nano-credits.
    pub hold_nanos: Option<i64>,
    /// Why nobody knows.
    pub why: String,
}

impl Exposure {
    /// The columns of a table of them.
    pub fn columns() -> Vec<Column> {
        use Kind::{Money, Text, Time};
        [
            ("at", Time),
            ("request", Text),
            ("workspace", Text),
            ("key", Text),
            ("vendor", Text),
            ("offering", Text),
            ("model", Text),
            ("hold", Text),
            ("held", Money),
            ("why", Text),
        ]
        .into_iter()
        .map(|(name, kind)| Column::new(name, kind))
        .collect()
    }

    /// The row under [`Self::columns`].
    pub fn row(self) -> Row {
        vec![
            self.at_ms.into(),
            self.request.into(),
            self.workspace.into(),
            self.key.into(),
            self.vendor.into(),
            self.offering.into(),
            self.model.into(),
            self.hold.into(),
            self.hold_nanos.into(),
            self.why.into(),
        ]
    }
}
