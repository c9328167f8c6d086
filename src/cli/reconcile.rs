//! A vendor's invoice beside the books, from the command line.

use std::path::PathBuf;

use clap::Args;

use crate::config::Config;
use crate::credits::Cost;
use crate::finance::{Billed, Difference, Invoice, Reconciliation, UsageLine, reconcile};
use crate::store::Books;

use super::usage::SpanArgs;
use super::{CliError, say};

/// Differences that are told one by one.
const TOLD_MAX: usize = 1_000;

/// What `pixelgate reconcile` is told.
#[derive(Debug, Args)]
pub(super) struct ReconcileArgs {
    /// The vendor, by its name in policy.
    #[arg(long)]
    vendor: String,
    /// The vendor's invoice: CSV with a header row.
    #[arg(long, value_name = "FILE")]
    invoice: PathBuf,
    #[command(flatten)]
    span: SpanArgs,
    /// The column that says how many dollars.
    #[arg(long, default_value = "cost")]
    cost_column: String,
    /// The column that holds the day, or a moment that begins with it.
    #[arg(long, default_value = "date")]
    day_column: String,
    /// The column that says what was bought; it is compared with the offering. Days alone are
    /// compared when not given.
    #[arg(long)]
    model_column: Option<String>,
    /// The column that holds our request's name: then line by line, and days and models do not count.
    #[arg(long, conflicts_with = "model_column")]
    request_column: Option<String>,
    /// Dollars by which two sums may differ.
    #[arg(long, default_value = "0")]
    tolerance: Cost,
}

pub(super) async fn run(config: &Config, args: &ReconcileArgs) -> Result<(), CliError> {
    let span = args.span.span()?;
    let invoiced = args.read_invoice()?;
    let mut booked = Invoice::default();
    let books = Books::open_for(config).await?;
    let add = |line: UsageLine| -> Result<(), CliError> {
        let is_theirs = line.vendor.as_deref() == Some(&args.vendor);
        if is_theirs && (line.cost_nanos != 0 || line.outcome_unknown) {
            booked.add(args.name_of(&line), line.cost_nanos, line.outcome_unknown)?;
        }
        Ok(())
    };
    books.usage(span, add).await?;
    let found = reconcile(&booked, &invoiced, args.tolerance.nanos())?;
    say(&told(&found));
    if found.differences.is_empty() { Ok(()) } else { Err(CliError::Unreconciled) }
}

impl ReconcileArgs {
    /// What a line of the books is known by.
    fn name_of(&self, line: &UsageLine) -> Vec<String> {
        if self.request_column.is_some() {
            return vec![line.request.clone()];
        }
        let mut name = vec![line.day().to_string()];
        if self.model_column.is_some() {
            name.push(line.offering.clone().unwrap_or_default());
        }
        name
    }

    fn read_invoice(&self) -> Result<Invoice, CliError> {
        let refused = |message: String| CliError::Refused { message };
        let shown = self.invoice.display();
        let mut reader = csv::Reader::from_path(&self.invoice)
            .map_err(|fault| refused(format!("cannot read {shown}: {fault}")))?;
        let header = reader
            .headers()
            .map_err(|fault| refused(format!("cannot read the header of {shown}: {fault}")))?
            .clone();
        let place = |column: &str| {
            let found = header.iter().position(|name| name.trim() == column);
            found.ok_or_else(|| {
                let names: Vec<&str> = header.iter().collect();
                let names = names.join(", ");
                refused(format!("{shown} has no column `{column}`; it has: {names}"))
            })
        };
        let cost = place(&self.cost_column)?;
        let request = self.request_column.as_deref().map(place).transpose()?;
        let day = if request.is_none() { Some(place(&self.day_column)?) } else { None };
        let model = self.model_column.as_deref().map(place).transpose()?;
        let mut invoice = Invoice::default();
        for (number, record) in reader.records().enumerate() {
            let line = number.saturating_add(2);
            let bad = |why: &str| refused(format!("line {line} of {shown}: {why}"));
            let record = record.map_err(|fault| bad(&fault.to_string()))?;
            let cell = |place: usize| record.get(place).unwrap_or_default().trim();
            let paid = cell(cost).trim_start_matches('$');
            let nanos = dollars(paid).ok_or_else(|| bad(&format!("`{paid}` is no amount")))?;
            let day = day.map(|place| cell(place).chars().take(10).collect::<String>());
            if let Some(Err(fault)) = day.as_ref().map(|day| day.parse::<crate::finance::Day>()) {
                return Err(bad(&fault.to_string()));
            }
            let others = [request, model].into_iter().flatten().map(|place| cell(place).to_owned());
            invoice.add(day.into_iter().chain(others).collect(), nanos, false)?;
        }
        Ok(invoice)
    }
}

/// Dollars as nano-dollars; vendors write what they give back with a minus sign.
fn dollars(text: &str) -> Option<i64> {
    let (is_credit, amount) = match text.strip_prefix('-') {
        Some(amount) => (true, amount),
        None => (false, text),
    };
    let nanos = amount.parse::<Cost>().ok()?.nanos();
    Some(if is_credit { nanos.saturating_neg() } else { nanos })
}

fn told(found: &Reconciliation) -> String {
    let dollars = |nanos| Cost::from_nanos(nanos).to_string();
    let mut lines: Vec<String> = found.differences.iter().take(TOLD_MAX).map(difference).collect();
    let untold = found.differences.len().saturating_sub(TOLD_MAX);
    if untold > 0 {
        lines.push(format!("and {untold} smaller differences"));
    }
    lines.push(format!(
        "{} agree, {} differ; booked {} dollars, invoiced {}",
        found.agreed,
        found.differences.len(),
        dollars(found.booked_nanos),
        dollars(found.invoiced_nanos)
    ));
    lines.join("\n")
}

fn difference(one: &Difference) -> String {
    let side = |billed: Option<Billed>| {
        billed.map_or_else(
            || "nothing".to_owned(),
            |billed| format!("{} ({} lines)", Cost::from_nanos(billed.nanos), billed.lines),
        )
    };
    format!(
        "{}: booked {}, invoiced {}: {}",
        one.name.join(" "),
        side(one.booked),
        side(one.invoiced),
        one.why()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_credits_are_negative() {
        assert_eq!(dollars("0.04"), Some(40_000_000));
        assert_eq!(dollars("-1.5"), Some(-1_500_000_000));
        for text in ["", "1,5", "1e3", "--1", "free"] {
            assert_eq!(dollars(text), None, "{text}");
        }
    }
}
