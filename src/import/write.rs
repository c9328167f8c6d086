//! What was understood, as files of policy.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use toml::Value;

use super::catalogue::Catalogue;
use super::group::{Group, Offering, fidelity};
use super::report::Report;
use super::settings::Settings;
use super::vendor::Vendors;

/// Keys of a vendor that are known from elsewhere, and that a deployment never says.
const OF_VENDORS: [&str; 2] = ["hosts", "picture_hosts"];

/// Keys of an offering, in the order in which they are written.
const OF_OFFERINGS: [&str; 12] = [
    "sizes",
    "ratios",
    "sides",
    "size_default",
    "count_max",
    "formats",
    "can",
    "inputs_max",
    "prompt_chars_max",
    "extra",
    "workflow",
    "cost",
];

/// The files of the folder.
pub(super) fn files(
    (vendors, groups): (&Vendors, &BTreeMap<String, Group>),
    (settings, catalogue): (&Settings, &Catalogue),
    report: &mut Report,
) -> BTreeMap<&'static str, String> {
    let mut files = BTreeMap::from([
        ("vendors.toml", vendors_file(vendors, groups, catalogue)),
        ("models.toml", models_file(groups, settings, report)),
        ("plans.toml", PLANS.to_owned()),
    ]);
    if let Some((most, per)) = &settings.budget {
        let text = format!(
            "# Everyone's spend together; one credit is a dollar of vendors' list prices.\n\
             [budgets.all]\ncredits = \"{most}\"\nper = \"{per}\"\nalert_at = [80, 100]\nstop = true\n"
        );
        files.insert("budgets.toml", text);
    }
    files
}

const PLANS: &str = "\
# What a key may do. Keys, teams and their budgets are in LiteLLM's database, not in its file: give each
# plan its models, limits and quotas here (docs/limits.md), and make keys with `pixelgate key create`.
[plans.default]
title = \"Default\"
models = [\"*\"]
";

fn vendors_file(
    vendors: &Vendors,
    groups: &BTreeMap<String, Group>,
    catalogue: &Catalogue,
) -> String {
    let mut text = String::from(
        "# Who is called. A credential is named here and kept elsewhere: \"env:NAME\" or \"file:/path\".\n",
    );
    let mut known: Vec<_> = vendors.known.iter().collect();
    known.sort_by(|(_, one), (_, other)| one.name.cmp(&other.name));
    let is_used = |name: &str| {
        groups.values().any(|group| group.offerings.iter().any(|own| own.vendor == name))
    };
    for (account, vendor) in known.into_iter().filter(|(_, vendor)| is_used(&vendor.name)) {
        let shipped = catalogue.vendor(account.dialect);
        // Writing to a string never fails.
        let _ = writeln!(text, "\n[vendors.{}]", key(&vendor.name));
        line(&mut text, "dialect", &Value::String(account.dialect.to_owned()));
        line(&mut text, "base_url", &Value::String(account.base_url.clone()));
        for (name, value) in [("auth", &account.auth), ("secret", &account.secret)] {
            if let Some(value) = value {
                line(&mut text, name, &Value::String(value.clone()));
            }
        }
        if let Some(seconds) = vendor.timeout_s {
            line(&mut text, "timeout", &Value::String(format!("{seconds}s")));
        }
        if let Some(rpm) = vendor.rpm.and_then(|rpm| i64::try_from(rpm).ok()) {
            line(&mut text, "calls_per_minute_max", &Value::Integer(rpm));
        }
        for name in OF_VENDORS {
            if let Some(value) = shipped.and_then(|shipped| shipped.get(name)) {
                line(&mut text, name, value);
            }
        }
    }
    text
}

fn models_file(
    groups: &BTreeMap<String, Group>,
    settings: &Settings,
    report: &mut Report,
) -> String {
    let mut text = String::from(
        "# The names that apps ask for, what they pay, and who draws. One credit is a dollar of the vendor's\n\
         # price, as spend was counted before: make the prices your own (docs/prices.md).\n",
    );
    for (name, group) in groups {
        let _ = write!(text, "\n[models.{}]\n", key(name));
        if let Some(of) = &group.alias_of {
            let _ = writeln!(text, "# Another name of {of}.");
        }
        if group.is_ordered() {
            line(&mut text, "strategy", &Value::String("priority".to_owned()));
        } else if group.offerings.len() > 1 {
            let strategy = settings.strategy.unwrap_or("weighted");
            line(&mut text, "strategy", &Value::String(strategy.to_owned()));
        }
        if let Some(drops) = group.drops().or(settings.drops) {
            line(&mut text, "fidelity", &Value::String(fidelity(drops).to_owned()));
        }
        if let Some(seconds) = settings.deadline_s {
            line(&mut text, "deadline", &Value::String(format!("{seconds}s")));
        }
        if let Some(price) = price(name, group, report) {
            line(&mut text, "price", price);
        }
        for offering in &group.offerings {
            let _ = write!(text, "\n[[models.{}.offerings]]\n", key(name));
            offering_lines(&mut text, offering, group.is_ordered());
        }
    }
    text
}

/// What apps pay: the dearest cost of the model's own offerings, or the first where they are not alike.
fn price<'g>(name: &str, group: &'g Group, report: &mut Report) -> Option<&'g Value> {
    let own = group.offerings.iter().filter(|own| own.deployment.name == *name);
    let costs: Vec<&Value> = own.map(|own| &own.deployment.cost).collect();
    let costs = if costs.is_empty() {
        group.offerings.iter().map(|own| &own.deployment.cost).collect()
    } else {
        costs
    };
    let first = *costs.first()?;
    if costs.iter().all(|cost| *cost == first) {
        return Some(first);
    }
    let flat: Option<Vec<(crate::credits::Cost, &Value)>> =
        costs.iter().map(|cost| Some((by_picture(cost)?, *cost))).collect();
    let dearest = flat.and_then(|flat| flat.into_iter().max_by_key(|(nanos, _)| *nanos));
    let words = if dearest.is_some() { "the dearest" } else { "the first" };
    report.changed(
        format!("models.{name}.price"),
        format!("its offerings cost different amounts, and a model has one price: that of {words}"),
    );
    Some(dearest.map_or(first, |(_, cost)| cost))
}

/// The cost of a picture, where that is all there is to it.
fn by_picture(cost: &Value) -> Option<crate::credits::Cost> {
    let [row] = cost.as_array()?.as_slice() else { return None };
    let row = row.as_table().filter(|row| row.len() == 1)?;
    row.get("image")?.as_str()?.parse().ok()
}

fn offering_lines(text: &mut String, offering: &Offering, is_ordered: bool) {
    let deployment = &offering.deployment;
    line(text, "vendor", &Value::String(offering.vendor.clone()));
    line(text, "model", &Value::String(deployment.model.clone()));
    if is_ordered && let Ok(priority) = i64::try_from(offering.priority) {
        line(text, "priority", &Value::Integer(priority));
    } else if let Some(weight) = offering.weight.and_then(|weight| i64::try_from(weight).ok()) {
        line(text, "weight", &Value::Integer(weight));
    }
    if deployment.is_unknown {
        text.push_str("# What it can is not known here; whatever it can beyond this, say it.\n");
    }
    for name in OF_OFFERINGS {
        let value =
            if name == "cost" { Some(&deployment.cost) } else { deployment.abilities.get(name) };
        if let Some(value) = value {
            line(text, name, value);
        }
    }
}

fn line(text: &mut String, name: &str, value: &Value) {
    let _ = writeln!(text, "{name} = {value}");
}

/// A name as a key: bare where it can be.
fn key(name: &str) -> String {
    let is_bare = |sign: char| sign.is_ascii_alphanumeric() || sign == '-' || sign == '_';
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        Value::String(name.to_owned()).to_string()
    }
}
