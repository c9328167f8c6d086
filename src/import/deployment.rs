//! One entry of a `model_list`: who draws what, where, at which cost.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};
use toml::{Table, Value};

use crate::dialect::litellm::{Named, named};

use super::Known;
use super::cost;
use super::report::Report;
use super::section::Section;
use super::vendor::{Account, account};

/// Sets of keys and addresses that entries name, by name.
pub(super) type Credentials = BTreeMap<String, Map<String, Json>>;

/// What reading an entry needs besides the entry.
pub(super) struct Hand<'a> {
    pub(super) known: Known<'a>,
    pub(super) credentials: &'a Credentials,
    /// Keys that stood in the file, by the variable that each shall be put into.
    pub(super) keys: &'a mut BTreeMap<String, String>,
    pub(super) report: &'a mut Report,
}

/// One entry, understood.
#[derive(Clone, Debug)]
pub(super) struct Deployment {
    /// Where it stands.
    pub(super) place: String,
    /// The name that apps ask for.
    pub(super) name: String,
    pub(super) account: Account,
    /// The vendor's own name of the model.
    pub(super) model: String,
    /// What it can do, as keys of an offering.
    pub(super) abilities: Table,
    /// Whether nothing is known of what it can do.
    pub(super) is_unknown: bool,
    pub(super) cost: Value,
    pub(super) rpm: Option<u64>,
    pub(super) weight: Option<u64>,
    pub(super) order: Option<u64>,
    pub(super) timeout_s: Option<u64>,
    /// Whether what a vendor cannot is dropped; `None` when nothing is said.
    pub(super) drops: Option<bool>,
}

impl Hand<'_> {
    /// The variable that a key shall be put into: the usual one, or a numbered one beside it.
    pub(super) fn variable_of_key(&mut self, usual: &str, key: String) -> String {
        let mut variable = usual.to_owned();
        let mut number = 1_u32;
        while self.keys.get(&variable).is_some_and(|known| *known != key) {
            number = number.saturating_add(1);
            variable = format!("{usual}_{number}");
        }
        self.keys.insert(variable.clone(), key);
        variable
    }
}

/// The sets of credentials that entries may name.
pub(super) fn credentials(whole: &mut Section, report: &mut Report) -> Credentials {
    let place = whole.at("credential_list");
    let Some(Json::Array(list)) = whole.take("credential_list") else { return Credentials::new() };
    let mut known = Credentials::new();
    for (number, entry) in list.into_iter().enumerate() {
        let place = format!("{place}[{number}]");
        let Some(mut section) = Section::of(&place, entry) else {
            report.left(place, "is no table");
            continue;
        };
        let (name, values) = (section.text("credential_name"), section.take("credential_values"));
        match (name, values) {
            (Some(name), Some(Json::Object(values))) => {
                report.taken(&place, format!("used where an entry names `{name}`"));
                known.insert(name, values);
            }
            _ => report.left(&place, "has no name or no values"),
        }
        section.leave(report);
    }
    known
}

impl Deployment {
    /// Reads an entry; `None` when it is left, which the report then says.
    pub(super) fn read(place: &str, entry: Json, hand: &mut Hand<'_>) -> Option<Self> {
        let Some(mut entry) = Section::of(place, entry) else {
            hand.report.left(place, "is no table");
            return None;
        };
        let name = entry.text("model_name");
        let mut params = entry.section("litellm_params", hand.report);
        let mut info = entry.section("model_info", hand.report);
        let Some((name, model)) = name.zip(params.text("model")) else {
            hand.report.left(place, "has no `model_name` or no `litellm_params.model`");
            return None;
        };
        fill(place, &mut params, hand)?;
        let named = images(place, (&name, &model), (&mut params, &mut info), hand)?;
        let Some(account) = account(&named, &mut params, hand) else {
            hand.report.left(place, "where it is cannot be told, so it is no offering");
            return None;
        };
        let (abilities, known_cost) = abilities(place, &named, hand);
        let is_unknown = abilities.is_none();
        let told = cost::read([&mut params, &mut info], known_cost.as_ref(), hand.report);
        if told.is_none() && known_cost.is_some() {
            hand.report.changed(place, "costs what policies/models.toml says: check it");
        }
        let Some(cost) = told.or(known_cost) else {
            let why = "nothing says what a picture costs, and a call without a price is refused: give \
                       `model_info.output_cost_per_image` in dollars and import again";
            hand.report.left(place, why);
            return None;
        };
        hand.report.taken(place, format!("model `{name}`, an offering of `{}`", named.model));
        let mut abilities = abilities.unwrap_or_else(unknown);
        if let Some(extra) = params.take("extra_body") {
            extra_body(&params.at("extra_body"), &extra, (&mut abilities, hand));
        }
        let read = Self {
            place: place.to_owned(),
            name,
            account,
            model: named.model,
            abilities,
            is_unknown,
            cost,
            rpm: params.count("rpm"),
            weight: params.count("weight"),
            order: params.count("order"),
            timeout_s: seconds(&mut params, "timeout"),
            drops: params.flag("drop_params"),
        };
        for section in [entry, params, info] {
            section.leave(hand.report);
        }
        Some(read)
    }
}

/// Adds what the set of credentials says that an entry names, if it names one; `None` when it is not
/// there.
fn fill(place: &str, params: &mut Section, hand: &mut Hand<'_>) -> Option<()> {
    let at = params.at("litellm_credential_name");
    let Some(set) = params.text("litellm_credential_name") else { return Some(()) };
    let Some(values) = hand.credentials.get(&set) else {
        hand.report.left(place, format!("`credential_list` has no `{set}`"));
        return None;
    };
    params.fill(values);
    hand.report.taken(at, format!("what `credential_list` says of `{set}`"));
    Some(())
}

/// What this entry stands for, if it draws and is spoken to here.
fn images(
    place: &str,
    (name, model): (&str, &str),
    (params, info): (&mut Section, &mut Section),
    hand: &mut Hand<'_>,
) -> Option<Named> {
    if name.contains('*') || model.contains('*') {
        let why = "a name with `*` stands for models that nobody listed: policy names each";
        hand.report.left(place, why);
        return None;
    }
    let mode = info.text("mode");
    let draws = mode.as_deref().is_some_and(|mode| mode.starts_with("image_"));
    if let Some(mode) = mode.filter(|_| !draws) {
        hand.report.left(place, format!("`{model}` is no image model: its mode is `{mode}`"));
        return None;
    }
    let base_model = info.text("base_model");
    let prefix = params.text("custom_llm_provider");
    let Some(named) = named(model, prefix.as_deref(), base_model.as_deref()) else {
        let why = format!("no dialect here speaks to the vendor of `{model}`");
        hand.report.left(place, why);
        return None;
    };
    let is_known = hand.known.catalogue.offering(named.dialect, &named.base_model).is_some();
    let is_priced = cost::is_by_picture(params) || cost::is_by_picture(info);
    if !(draws || named.draws_only || is_known || is_priced) {
        let why = format!(
            "nothing says that `{model}` draws: if it does, set `model_info.mode` to \
             `image_generation` and import again"
        );
        hand.report.left(place, why);
        return None;
    }
    Some(named)
}

/// What is known of a model: its abilities and its cost.
fn abilities(place: &str, named: &Named, hand: &mut Hand<'_>) -> (Option<Table>, Option<Value>) {
    let Some(found) = hand.known.catalogue.offering(named.dialect, &named.base_model) else {
        let words = format!(
            "what `{}` can is not known here: 1024x1024, one picture a call and nothing else until \
             its offering says more (docs/routing.md)",
            named.model
        );
        hand.report.changed(place, words);
        return (None, None);
    };
    let mut keys = found.keys.clone();
    let cost = keys.remove("cost");
    for key in ["vendor", "model", "priority", "weight", "stand_in", "later_costs"] {
        keys.remove(key);
    }
    if !found.is_same {
        for key in ["extra", "workflow"] {
            keys.remove(key);
        }
        let words = format!("taken to be able to do what `{}` can elsewhere", named.base_model);
        hand.report.changed(place, words);
    }
    (Some(keys), cost)
}

/// The least that anything that draws can do.
fn unknown() -> Table {
    let mut keys = Table::new();
    keys.insert("sizes".to_owned(), Value::Array(vec![Value::String("1024x1024".to_owned())]));
    keys
}

fn extra_body(place: &str, extra: &Json, (abilities, hand): (&mut Table, &mut Hand<'_>)) {
    match extra.is_object().then(|| Value::try_from(extra)) {
        Some(Ok(extra)) => {
            abilities.insert("extra".to_owned(), extra);
            hand.report.taken(place, "`extra` of the offering");
        }
        Some(Err(_)) | None => hand.report.left(place, "is no table that policy can hold"),
    }
}

/// Seconds at a key, begun ones as whole.
pub(super) fn seconds(section: &mut Section, key: &str) -> Option<u64> {
    let text = section.text(key)?;
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let whole: u64 = whole.parse().ok()?;
    let begun = u64::from(part.bytes().any(|digit| digit != b'0'));
    Some(whole.saturating_add(begun)).filter(|seconds| *seconds > 0)
}
