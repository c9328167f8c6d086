//! Budgets: how many credits may be spent in a UTC day or month, by whom, and who hears of it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::credits::Credits;
use crate::reach::Allowed;

use super::build::Faults;
use super::raw::{RawAmount, RawBudget, RawFile};
use super::{Period, Policy};

/// Budgets of one policy; each that counts a request is one more counter of its hold.
const BUDGETS_MAX: usize = 64;

/// Bytes of a budget's name.
const NAME_BYTES_MAX: usize = 64;

/// Parts of a budget that are told of.
const ALERTS_MAX: usize = 8;

/// The highest part, in percent.
const PERCENT_MAX: u8 = 200;

/// The parts that are told of unless policy says otherwise.
const ALERTS_USUAL: [u8; 3] = [50, 80, 100];

/// So many credits in each UTC day or month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its name in policy, refusals, the log and metrics.
    pub name: String,
    /// The workspaces whose spend counts; `None` for all, together.
    pub workspace: Option<Pick>,
    /// The keys whose spend counts.
    pub key: Option<Pick>,
    /// The label of requests that count, by name.
    pub label: Option<(String, Pick)>,
    /// What may be spent, in nano-credits.
    pub limit: u64,
    /// In which period.
    pub per: Period,
    /// The parts that are told of when they are spent, in percent and rising.
    pub alert_at: Vec<u8>,
    /// Whether what would go beyond it is refused.
    pub stops: bool,
    /// Who is told, besides the log and the metrics.
    pub webhook: Option<String>,
}

/// Which of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// The one of this name.
    One(String),
    /// Each, and each by itself.
    Each,
}

/// Who pays for a request.
#[derive(Clone, Copy, Debug)]
pub struct Payer<'a> {
    /// Its workspace.
    pub workspace: &'a str,
    /// Its key.
    pub key: &'a str,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
}

impl Budget {
    /// Whose spend a request is counted with: a counter's name, which no quota and no other budget
    /// has; `None` where the budget does not count it.
    pub fn subject(&self, payer: Payer<'_>) -> Option<Arc<str>> {
        let mut whose = Vec::new();
        if let Some(pick) = &self.workspace {
            whose.push(format!("workspace={}", pick.of(payer.workspace)?));
        }
        if let Some(pick) = &self.key {
            whose.push(format!("key={}", pick.of(payer.key)?));
        }
        if let Some((name, pick)) = &self.label {
            let value = pick.of(payer.labels.get(name)?)?;
            whose.push(format!("label:{name}={value}"));
        }
        Some(format!("{}{}", self.counters(), whose.join(",")).into())
    }

    /// What a counter of this budget counts, such as `workspace=ws_1,label:team=red`.
    pub fn whose<'s>(&self, subject: &'s str) -> &'s str {
        subject.strip_prefix(&self.counters()).unwrap_or(subject)
    }

    /// What the names of all its counters begin with.
    pub fn counters(&self) -> String {
        format!("budget/{}/{}/", self.name, self.per.name())
    }
}

impl Pick {
    fn read(text: &str) -> Self {
        if text == "*" { Self::Each } else { Self::One(text.to_owned()) }
    }

    fn of<'a>(&self, own: &'a str) -> Option<&'a str> {
        match self {
            Self::Each => Some(own),
            Self::One(name) => (name == own).then_some(own),
        }
    }
}

/// Adds the budgets of one file; the webhooks of all files are known by then.
pub(super) fn budgets(policy: &mut Policy, file: &RawFile, faults: &mut Faults<'_>) {
    for (name, spanned) in &file.budgets {
        if !faults.is_new(&policy.budgets, "budgets", name, spanned.span()) {
            continue;
        }
        let (place, span) = (format!("budgets.{name}"), spanned.span());
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.contains('/') {
            let problem = "is no name".to_owned();
            faults.note(span.clone(), place.clone(), problem, "use 1 to 64 bytes, and no `/`");
        }
        if policy.budgets.len() >= BUDGETS_MAX {
            let problem = format!("there are more than {BUDGETS_MAX}");
            faults.note(
                span.clone(),
                place.clone(),
                problem,
                "let one count each of several: \"*\"",
            );
        }
        let budget = budget((name, place), (spanned.get_ref(), span), policy, faults);
        policy.budgets.insert(name.clone(), Arc::new(budget));
    }
}

fn budget(
    (name, place): (&str, String),
    (raw, span): (&RawBudget, Range<usize>),
    policy: &Policy,
    faults: &mut Faults<'_>,
) -> Budget {
    let limit = limit(&raw.credits);
    if limit.is_none() {
        let hint = "write credits above zero, such as 500 or \"12.5\"";
        faults.note(span.clone(), place.clone(), "is not an amount of credits".to_owned(), hint);
    }
    let label = raw.label.as_deref().and_then(|text| text.split_once('='));
    if raw.label.is_some() && label.is_none_or(|(name, value)| name.is_empty() || value.is_empty())
    {
        let hint = "write a name and a value, such as \"team=red\", or \"team=*\" for each value";
        faults.note(span.clone(), format!("{place}.label"), "is no label".to_owned(), hint);
    }
    let webhook = raw.webhook.as_ref().and_then(|address| {
        match policy.webhooks.reach.judge(address.get_ref()) {
            Ok(Allowed { target, .. }) => Some(target.to_string()),
            Err(barred) => {
                let hint = "list its host in `webhooks.hosts` or `webhooks.inside_hosts`";
                faults.note(address.span(), format!("{place}.webhook"), barred.to_string(), hint);
                None
            }
        }
    });
    Budget {
        name: name.to_owned(),
        workspace: raw.workspace.as_deref().map(Pick::read),
        key: raw.key.as_deref().map(Pick::read),
        label: label.map(|(name, value)| (name.to_owned(), Pick::read(value))),
        limit: limit.unwrap_or(1),
        per: raw.per,
        alert_at: alert_at(&place, raw, span, faults),
        stops: raw.stop,
        webhook,
    }
}

fn alert_at(place: &str, raw: &RawBudget, span: Range<usize>, faults: &mut Faults<'_>) -> Vec<u8> {
    let mut parts = raw.alert_at.clone().unwrap_or_else(|| ALERTS_USUAL.to_vec());
    let is_wrong = |part: &u8| !(1..=PERCENT_MAX).contains(part);
    if parts.len() > ALERTS_MAX || parts.iter().any(is_wrong) {
        let hint = "write at most eight percentages from 1 to 200, such as [50, 80, 100]";
        let problem = "cannot be told of".to_owned();
        faults.note(span, format!("{place}.alert_at"), problem, hint);
    }
    parts.sort_unstable();
    parts.dedup();
    parts
}

fn limit(raw: &RawAmount) -> Option<u64> {
    let credits = match raw {
        RawAmount::Whole(whole) => Credits::from_whole(*whole),
        RawAmount::Text(text) => text.parse().ok(),
    };
    u64::try_from(credits?.nanos()).ok().filter(|nanos| *nanos > 0)
}

#[cfg(test)]
mod tests {
    use super::super::{PolicyText, build};
    use super::*;

    fn read(budgets: &str) -> Result<Policy, Vec<String>> {
        let text =
            format!("[webhooks]\nhosts = [\"hooks.example\"]\nsecrets = [\"env:H\"]\n{budgets}");
        let texts = [PolicyText { file: "p.toml".to_owned(), text }];
        build(&texts, &|_| None).map_err(|faults| faults.iter().map(ToString::to_string).collect())
    }

    fn subject(budget: &str, label: Option<&str>) -> Option<String> {
        let policy = read(&format!("[budgets.b]\ncredits = 1\nper = \"month\"\n{budget}")).unwrap();
        let labels = label.map(|value| ("team".to_owned(), value.to_owned())).into_iter().collect();
        let payer = Payer { workspace: "ws_1", key: "key_1", labels: &labels };
        policy.budgets["b"].subject(payer).map(|subject| subject.to_string())
    }

    #[test]
    fn a_budget_counts_whom_it_names_and_each_of_several_by_itself() {
        let counted = |subject: &str| Some(format!("budget/b/month/{subject}"));
        assert_eq!(subject("", None), counted(""));
        assert_eq!(subject("workspace = \"ws_1\"", None), counted("workspace=ws_1"));
        assert_eq!(subject("workspace = \"ws_2\"", None), None);
        assert_eq!(subject("key = \"*\"", None), counted("key=key_1"));
        assert_eq!(subject("label = \"team=red\"", Some("red")), counted("label:team=red"));
        assert_eq!(subject("label = \"team=red\"", Some("blue")), None);
        assert_eq!(subject("label = \"team=*\"", None), None);
        let both = "workspace = \"*\"\nlabel = \"team=*\"";
        assert_eq!(subject(both, Some("red")), counted("workspace=ws_1,label:team=red"));
    }

    #[test]
    fn what_is_wrong_with_a_budget_is_said_with_its_place() {
        for (budget, said) in [
            ("credits = 0\nper = \"day\"", "budgets.b: is not an amount of credits"),
            ("credits = 1\nper = \"day\"\nlabel = \"red\"", "budgets.b.label: is no label"),
            ("credits = 1\nper = \"day\"\nalert_at = [0]", "budgets.b.alert_at: cannot be told of"),
            (
                "credits = 1\nper = \"day\"\nwebhook = \"https://other.example/\"",
                "list its host in `webhooks.hosts`",
            ),
        ] {
            let faults = read(&format!("[budgets.b]\n{budget}\n")).unwrap_err();
            assert!(faults.iter().any(|fault| fault.contains(said)), "{said}: {faults:?}");
        }
        let policy = read(
            "[budgets.b]\ncredits = \"2.5\"\nper = \"day\"\nstop = true\nalert_at = [90, 10, 90]\n\
             webhook = \"https://hooks.example/b\"\n",
        );
        let budget = &policy.unwrap().budgets["b"];
        assert_eq!((budget.limit, budget.stops), (2_500_000_000, true));
        assert_eq!(budget.alert_at, [10, 90]);
        assert_eq!(budget.webhook.as_deref(), Some("https://hooks.example/b"));
    }
}
