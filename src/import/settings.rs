//! What holds for all models: routing, deadlines, other models that stand in, a budget.

use serde_json::Value;

use super::deployment::seconds;
use super::group::fidelity;
use super::report::Report;
use super::section::Section;

/// What was understood of the settings.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// The strategy of a model with several offerings.
    pub(super) strategy: Option<&'static str>,
    pub(super) deadline_s: Option<u64>,
    pub(super) drops: Option<bool>,
    /// Models that stand in for another, with the place that says so.
    pub(super) fallbacks: Vec<(String, String, Vec<String>)>,
    /// Models that stand in for any other.
    pub(super) for_all: Vec<(String, String)>,
    /// Other names of models, with the place that says so.
    pub(super) aliases: Vec<(String, String, String)>,
    /// Dollars, and the period that they are for.
    pub(super) budget: Option<(String, &'static str)>,
}

impl Settings {
    /// Reads the settings; what has no like here is reported as left.
    pub(super) fn read(whole: &mut Section, report: &mut Report) -> Self {
        let mut settings = Self::default();
        for key in ["router_settings", "litellm_settings"] {
            let mut section = whole.section(key, report);
            settings.routing(&mut section, report);
            settings.standing_in(&mut section, report);
            settings.spending(&mut section, report);
            section.leave(report);
        }
        let general = whole.section("general_settings", report);
        general.leave(report);
        for (key, why) in [
            ("environment_variables", "set it for the gateway as you do now; no value is copied"),
            ("callback_settings", "metrics are at /metrics, and each request is a line of the log"),
        ] {
            whole.section(key, report).leave_all(why, report);
        }
        settings
    }

    fn routing(&mut self, section: &mut Section, report: &mut Report) {
        let place = section.at("routing_strategy");
        if let Some(named) = section.text("routing_strategy") {
            let (strategy, is_same) = match named.as_str() {
                "simple-shuffle" => ("weighted", true),
                "latency-based-routing" => ("fastest", true),
                "cost-based-routing" => ("cheapest", true),
                "least-busy" => ("fastest", false),
                _ => ("weighted", false),
            };
            let words = format!("`strategy = \"{strategy}\"` of models with several offerings");
            if is_same {
                report.taken(place, words);
            } else {
                report.changed(place, format!("`{named}` has no like here: {words}"));
            }
            self.strategy = Some(strategy);
        }
        for key in ["timeout", "request_timeout"] {
            let place = section.at(key);
            let Some(deadline) = seconds(section, key) else { continue };
            if self.deadline_s.is_some() {
                report.left(place, "another deadline is there already");
            } else {
                report.changed(place, "`deadline` of every model: all tries together, not each");
                self.deadline_s = Some(deadline);
            }
        }
        let place = section.at("drop_params");
        if let Some(drops) = section.flag("drop_params") {
            let words = format!(
                "`fidelity = \"{}\"` of every model; what is not done as asked is said in \
                 `Pixelgate-Changed`",
                fidelity(drops)
            );
            report.changed(place, words);
            self.drops = Some(drops);
        }
    }

    fn standing_in(&mut self, section: &mut Section, report: &mut Report) {
        let place = section.at("fallbacks");
        for (number, entry) in list(section.take("fallbacks")).into_iter().enumerate() {
            let place = format!("{place}[{number}]");
            let Value::Object(entry) = entry else {
                report.left(place, "is no table");
                continue;
            };
            for (model, others) in entry {
                let others = list(Some(others));
                let names = others.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                self.fallbacks.push((format!("{place}.{model}"), model, names));
            }
        }
        let place = section.at("default_fallbacks");
        for (number, other) in list(section.take("default_fallbacks")).into_iter().enumerate() {
            let place = format!("{place}[{number}]");
            if let Some(other) = other.as_str() {
                self.for_all.push((place, other.to_owned()));
            } else {
                report.left(place, "is no name");
            }
        }
        let place = section.at("model_group_alias");
        let Some(Value::Object(aliases)) = section.take("model_group_alias") else { return };
        for (alias, of) in aliases {
            let name = of.as_str().or_else(|| of.get("model").and_then(Value::as_str));
            let place = format!("{place}.{alias}");
            match name {
                Some(name) => self.aliases.push((place, alias, name.to_owned())),
                None => report.left(place, "names no model"),
            }
        }
    }

    fn spending(&mut self, section: &mut Section, report: &mut Report) {
        let place = section.at("max_budget");
        let duration_at = section.at("budget_duration");
        let Some(most) = section.text("max_budget") else { return };
        let duration = section.text("budget_duration");
        let per = match duration.as_deref() {
            Some("1d" | "24h") => Some("day"),
            Some("1mo" | "30d") | None => Some("month"),
            Some(_) => None,
        };
        let is_amount = most.parse::<crate::credits::Credits>().is_ok();
        let Some(per) = per.filter(|_| is_amount) else {
            report.left(place, "budgets are by the day or the month: docs/finance.md");
            if duration.is_some() {
                report.left(duration_at, "budgets are by the day or the month");
            }
            return;
        };
        let words = "`[budgets.all]`, in credits: one is a dollar here. It stops what might go beyond \
                     it, before a vendor is called";
        report.changed(place, words);
        if duration.is_some() {
            report.changed(duration_at, format!("`per = \"{per}\"`: by the calendar, in UTC"));
        }
        self.budget = Some((most, per));
    }
}

fn list(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(list)) => list,
        Some(other) if !other.is_null() => vec![other],
        Some(_) | None => Vec::new(),
    }
}
