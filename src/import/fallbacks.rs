//! Models that stand in for others, and other names of models.
//!
//! Here a model's own offerings stand in for each other, so those of the models that are named are put
//! behind them, in the order in which they are named.

use std::collections::BTreeMap;

use super::group::{Group, Offering};
use super::report::Report;
use super::settings::Settings;

/// Puts fallbacks behind, and makes a model of every other name.
pub(super) fn join(groups: &mut BTreeMap<String, Group>, settings: &Settings, report: &mut Report) {
    let before = groups.clone();
    for (place, model, others) in &settings.fallbacks {
        stand_in(groups, &before, (place, model, others), report);
    }
    for (place, other) in &settings.for_all {
        let models: Vec<String> = groups.keys().filter(|model| *model != other).cloned().collect();
        if models.is_empty() {
            report.left(place, "there is no model for it to stand in for");
        }
        for model in models {
            stand_in(groups, &before, (place, &model, std::slice::from_ref(other)), report);
        }
    }
    for (place, alias, name) in &settings.aliases {
        match groups.get(name).cloned() {
            Some(group) if !groups.contains_key(alias) => {
                report.changed(place, format!("a model of its own, the same as `{name}`"));
                groups.insert(alias.clone(), Group { alias_of: Some(name.clone()), ..group });
            }
            Some(_) => report.left(place, "a model has this name"),
            None => report.left(place, format!("`{name}` is no model of this policy")),
        }
    }
}

fn stand_in(
    groups: &mut BTreeMap<String, Group>,
    before: &BTreeMap<String, Group>,
    (place, model, others): (&str, &String, &[String]),
    report: &mut Report,
) {
    let Some(group) = groups.get_mut(model) else {
        report.left(place, format!("`{model}` is no model of this policy"));
        return;
    };
    if others.is_empty() {
        report.left(place, "names no model");
    }
    for other in others {
        let Some(found) = before.get(other) else {
            report.left(place, format!("`{other}` is no model of this policy"));
            continue;
        };
        let behind = group.offerings.iter().map(|own| own.priority).max().unwrap_or(0);
        for offering in &found.offerings {
            let is_there = |own: &Offering| {
                own.vendor == offering.vendor && own.deployment.model == offering.deployment.model
            };
            if group.offerings.iter().any(is_there) {
                continue;
            }
            let priority = behind.saturating_add(1).saturating_add(offering.priority);
            group.offerings.push(Offering { priority, ..offering.clone() });
        }
        group.has_fallbacks = true;
        let words = format!(
            "the offerings of `{other}` stand behind those of `{model}`, which are asked in order; \
             apps pay the price of `{model}`"
        );
        report.changed(place, words);
    }
}
