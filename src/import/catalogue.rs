//! What is known of vendors and models beyond what was read: the policy that ships with the gateway.

use std::collections::BTreeMap;

use toml::{Table, Value};

/// Vendors by dialect, and what they sell.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    vendors: BTreeMap<String, Table>,
    offerings: Vec<Sold>,
}

#[derive(Clone, Debug)]
struct Sold {
    dialect: String,
    model: String,
    keys: Table,
}

/// What is known of a model.
pub(super) struct Found<'c> {
    /// The keys of its offering.
    pub(super) keys: &'c Table,
    /// Whether it is of the same dialect, or of another that sells the same.
    pub(super) is_same: bool,
}

impl Catalogue {
    /// Of these files of policy.
    pub fn read(vendors: &str, models: &str) -> Result<Self, toml::de::Error> {
        let (vendors, models): (Table, Table) = (toml::from_str(vendors)?, toml::from_str(models)?);
        let mut known = Self::default();
        let mut dialects = BTreeMap::new();
        for (name, vendor) in tables(vendors.get("vendors")) {
            let dialect = text(vendor, "dialect").to_owned();
            dialects.insert(name.clone(), dialect.clone());
            known.vendors.entry(dialect).or_insert_with(|| vendor.clone());
        }
        for (_, model) in tables(models.get("models")) {
            let offerings = model.get("offerings").and_then(Value::as_array);
            for keys in offerings.into_iter().flatten().filter_map(Value::as_table) {
                let dialect = dialects.get(text(keys, "vendor")).cloned().unwrap_or_default();
                let sold = text(keys, "model").to_owned();
                known.offerings.push(Sold { dialect, model: sold, keys: keys.clone() });
            }
        }
        Ok(known)
    }

    /// A vendor that speaks this dialect.
    pub(super) fn vendor(&self, dialect: &str) -> Option<&Table> {
        self.vendors.get(dialect)
    }

    /// What is known of a vendor's model: as this dialect sells it, else as another does.
    pub(super) fn offering(&self, dialect: &str, model: &str) -> Option<Found<'_>> {
        let is_it = |sold: &&Sold| sold.model == model;
        let same = self.offerings.iter().filter(is_it).find(|sold| sold.dialect == dialect);
        let other = || self.offerings.iter().find(is_it);
        same.map(|sold| Found { keys: &sold.keys, is_same: true })
            .or_else(|| other().map(|sold| Found { keys: &sold.keys, is_same: false }))
    }
}

fn tables(value: Option<&Value>) -> impl Iterator<Item = (&String, &Table)> {
    let table = value.and_then(Value::as_table).into_iter().flatten();
    table.filter_map(|(name, value)| Some((name, value.as_table()?)))
}

fn text<'t>(table: &'t Table, key: &str) -> &'t str {
    table.get(key).and_then(Value::as_str).unwrap_or_default()
}
