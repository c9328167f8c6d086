//! What recorded usage would have come to under another policy. Read-only, and beside a running
//! gateway.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::credits::{Cost, Credits};
use crate::finance::Day;
use crate::gateway::replay::{Credit, Pair, Replayed, Sums, replay, warm_from};
use crate::reload;
use crate::scalar::Span;
use crate::store::Books;

use super::{CliError, say, say_aside};

/// What `pixelgate simulate` is told.
#[derive(Debug, Args)]
pub(super) struct SimulateArgs {
    /// The folder of policy that is tried; the config's when not given.
    #[arg(long, value_name = "DIR")]
    policy: Option<PathBuf>,
    /// From when: so long ago, such as 7d or 12h, or a UTC day, such as 2026-11-01.
    #[arg(long, default_value = "7d")]
    since: Moment,
    /// Until when, in the same words; now when not given.
    #[arg(long)]
    until: Option<Moment>,
    /// Whose, by name; everybody's when not given.
    #[arg(long)]
    workspace: Option<String>,
    /// What a credit is worth in dollars, for the margin.
    #[arg(long, default_value = "1")]
    credit_worth: Cost,
    /// A table for people, or JSON.
    #[arg(long, default_value = "table")]
    format: Form,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    Table,
    Json,
}

/// A moment as people name it.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Ago(Span),
    On(Day),
}

impl std::str::FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(span) = text.parse() {
            return Ok(Self::Ago(span));
        }
        let day = text.parse().map(Self::On);
        day.map_err(|_| format!("`{text}` is no moment; write 7d, 12h or a day such as 2026-11-01"))
    }
}

impl Moment {
    fn unix_ms(self, now_ms: i64) -> i64 {
        match self {
            Self::Ago(Span(span)) => {
                now_ms.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
            }
            Self::On(day) => day.begins_ms(),
        }
    }
}

pub(super) async fn run(config: &Config, args: &SimulateArgs) -> Result<(), CliError> {
    let policy = reload::check(args.policy.as_deref().unwrap_or(&config.policy_directory))?;
    let now_ms = SystemClock::start().now().unix_ms;
    let since = args.since.unix_ms(now_ms);
    let until = args.until.map_or(i64::MAX, |until| until.unix_ms(now_ms));
    if since >= until {
        let message = "`--until` is not after `--since`".to_owned();
        return Err(CliError::Refused { message });
    }
    let books = Books::open_for(config).await?;
    let recorded = books.recorded(warm_from(&policy, since), until).await?;
    let replayed = replay(&policy, recorded, since, Credit(args.credit_worth))?.sorted();
    let replayed = match &args.workspace {
        Some(name) => replayed.of_workspace(name),
        None => replayed,
    };
    match args.format {
        Form::Json => say(&serde_json::to_string_pretty(&replayed).unwrap_or_default()),
        Form::Table => say(table(&replayed).trim_end()),
    }
    for note in notes(&replayed) {
        say_aside(&format!("note: {note}"));
    }
    Ok(())
}

fn table(replayed: &Replayed) -> String {
    let mut text = String::new();
    for row in &replayed.rows {
        let or_none = |name: &str| if name.is_empty() { "-".to_owned() } else { name.to_owned() };
        section(
            &mut text,
            &format!("{} / {}", or_none(&row.workspace), or_none(&row.model)),
            &row.sums,
        );
    }
    section(&mut text, "in all", &replayed.total);
    text
}

/// Writing to a string never fails.
fn section(text: &mut String, title: &str, Pair { was, would }: &Pair) {
    let _ = writeln!(text, "{title:<28}{:>20}{:>20}{:>20}", "was", "would be", "difference");
    let mut line = |name: &str, was: String, would: String, more: String| {
        let _ = writeln!(text, "  {name:<26}{was:>20}{would:>20}{more:>20}");
    };
    let mut count = |name: &str, was: u64, would: u64| {
        let more = i128::from(would) - i128::from(was);
        line(name, was.to_string(), would.to_string(), signed(more.to_string()));
    };
    count("requests", was.requests, would.requests);
    count("served", was.served, would.served);
    count("pictures", was.images, would.images);
    let money = |of: fn(&Sums) -> i64| (of(was), of(would));
    let mut amount = |name: &str, (was, would): (i64, i64)| {
        let shown = |nanos: i64| Credits::from_nanos(nanos).to_string();
        line(name, shown(was), shown(would), signed(shown(would.saturating_sub(was))));
    };
    amount("spend, credits", money(|sums| sums.spend_nanos));
    amount("vendor cost, dollars", money(|sums| sums.cost_nanos));
    amount("margin, dollars", money(|sums| sums.margin_nanos));
    let mut each = |what: &str, of: fn(&Sums) -> &std::collections::BTreeMap<String, u64>| {
        let names: std::collections::BTreeSet<_> = of(was).keys().chain(of(would).keys()).collect();
        for name in names {
            let at = |sums: &Sums| of(sums).get(name).copied().unwrap_or(0);
            let more = i128::from(at(would)) - i128::from(at(was));
            let (was, would) = (at(was).to_string(), at(would).to_string());
            line(&format!("{what} {name}"), was, would, signed(more.to_string()));
        }
    };
    each("by", |sums| &sums.offerings);
    each("refused", |sums| &sums.refusals);
    text.push('\n');
}

fn signed(text: String) -> String {
    let is_plain = text.starts_with('-') || text == "0";
    if is_plain { text } else { format!("+{text}") }
}

/// What must be known of how it was judged.
fn notes(replayed: &Replayed) -> Vec<String> {
    let notes = &replayed.notes;
    let mut said = vec![format!(
        "{} requests were judged again, {} were left as they were",
        notes.judged, notes.as_was
    )];
    let mut say = |is_so: bool, words: String| said.extend(is_so.then_some(words));
    say(
        notes.words_unknown,
        "what prompts say is not kept: lists, patterns and rules about words \
                              were judged without it, and what was refused for its content stays so"
            .to_owned(),
    );
    say(
        notes.unsketched > 0,
        format!(
            "{} rows that were held for bear too little to be judged: older ones, and calls that are \
         passed through",
            notes.unsketched
        ),
    );
    say(
        notes.estimated > 0,
        format!(
            "{} requests that were refused would be admitted: they count with the most that they may \
         come to",
            notes.estimated
        ),
    );
    say(
        notes.elsewhere > 0,
        format!(
            "{} requests would be served by another offering: its tokens and its own word on cost are \
         not known, so policy's bounds count",
            notes.elsewhere
        ),
    );
    said
}
