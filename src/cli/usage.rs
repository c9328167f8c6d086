//! Usage for finance, from the command line: exports, sums, statements, forecasts. Read-only, and
//! beside a running gateway.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::clock::{Clock as _, SystemClock};
use crate::config::Config;
use crate::credits::{Cost, Credits};
use crate::export::{Export, Form, Written};
use crate::finance::{
    By, Column, Day, Exposure, Focus, Forecast, Row, Span, Statement, Sums, UsageLine, Worth,
    forecast,
};
use crate::store::Books;

use super::{CliError, say, say_aside};

#[derive(Debug, Subcommand)]
pub(super) enum UsageVerb {
    /// Writes usage line by line, or summed up.
    Export(ExportArgs),
    /// Writes the requests of which nobody knows what came of them: a vendor may bill them.
    Exposures {
        #[command(flatten)]
        span: SpanArgs,
        #[command(flatten)]
        file: FileArgs,
    },
    /// Writes what each workspace had, got, spent and has: a month's statement.
    Statement(StatementArgs),
    /// Says what the month will come to if its last days are any guide.
    Forecast {
        /// Whose, by id; everybody's when not given.
        #[arg(long)]
        workspace: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    span: SpanArgs,
    /// What it is split by, such as `workspace,model,label:team,day`; line by line when not given.
    #[arg(long, value_delimiter = ',')]
    by: Vec<By>,
    /// Lines in the columns of FOCUS 1.2 in place of our own.
    #[arg(long, conflicts_with = "by")]
    focus: bool,
    /// Who sends the bill, in the columns of FOCUS.
    #[arg(long, default_value = "Pixelgate", requires = "focus")]
    issuer: String,
    /// The currency of the bill, in the columns of FOCUS, such as USD.
    #[arg(long, requires = "focus", requires = "credit_worth", value_parser = currency)]
    currency: Option<String>,
    /// What a credit is worth in it, such as 0.01.
    #[arg(long, requires = "currency")]
    credit_worth: Option<Cost>,
    #[command(flatten)]
    file: FileArgs,
}

#[derive(Debug, Args)]
pub(super) struct StatementArgs {
    /// The month, such as 2026-11.
    #[arg(long)]
    month: String,
    /// Whose, by id; everybody's when not given.
    #[arg(long)]
    workspace: Option<String>,
    #[command(flatten)]
    file: FileArgs,
}

/// Which days.
#[derive(Debug, Args)]
pub(super) struct SpanArgs {
    /// A whole month, such as 2026-11.
    #[arg(long, conflicts_with_all = ["since", "until"])]
    month: Option<String>,
    /// The first UTC day, such as 2026-11-01; the first of this month when not given.
    #[arg(long)]
    since: Option<Day>,
    /// The UTC day after the last; tomorrow when not given.
    #[arg(long)]
    until: Option<Day>,
}

/// Where to, and in which form.
#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// The form of the file.
    #[arg(long, default_value = "csv")]
    format: FormArg,
    /// The file; standard output when not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormArg {
    Csv,
    Jsonl,
    Parquet,
}

impl SpanArgs {
    pub(super) fn span(&self) -> Result<Span, CliError> {
        if let Some(month) = &self.month {
            return Ok(Span::month(month)?);
        }
        let today = today();
        Ok(Span {
            since: self.since.unwrap_or_else(|| today.month_begins()),
            until: self.until.unwrap_or_else(|| today.plus(1)),
        })
    }
}

pub(super) async fn usage(config: &Config, verb: UsageVerb) -> Result<(), CliError> {
    let books = Books::open_for(config).await?;
    match verb {
        UsageVerb::Export(args) => export(&books, args).await,
        UsageVerb::Exposures { span, file } => {
            let exposures = books.exposures(span.span()?).await?.into_iter().map(Exposure::row);
            let written = write_all(&file, Exposure::columns(), exposures)?;
            say_aside(&format!("{} rows; sha256 {}", written.rows, written.digest));
            Ok(())
        }
        UsageVerb::Statement(args) => statement(&books, &args).await,
        UsageVerb::Forecast { workspace } => tell_forecast(&books, workspace.as_deref()).await,
    }
}

async fn export(books: &Books, args: ExportArgs) -> Result<(), CliError> {
    let span = args.span.span()?;
    let (mut charged, mut cost) = (Credits::ZERO, Cost::ZERO);
    let mut count = |line: &UsageLine| -> Result<(), CliError> {
        charged = charged.plus(Credits::from_nanos(line.charged_nanos))?;
        cost = cost.plus(Cost::from_nanos(line.cost_nanos))?;
        Ok(())
    };
    let written = if !args.by.is_empty() {
        let mut sums = Sums::by(args.by);
        books
            .usage(span, |line| -> Result<(), CliError> {
                count(&line)?;
                Ok(sums.add(&line)?)
            })
            .await?;
        write_all(&args.file, sums.columns(), sums.rows())?
    } else if args.focus {
        let worth = args.currency.zip(args.credit_worth);
        let worth = worth.map(|(currency, worth)| Worth { currency, nanos: worth.nanos() });
        let focus = Focus { issuer: args.issuer, worth };
        let mut file = begin(&args.file, Focus::columns())?;
        books
            .usage(span, |line| -> Result<(), CliError> {
                count(&line)?;
                focus.row(&line)?.map_or(Ok(()), |row| Ok(file.write(row)?))
            })
            .await?;
        file.finish()?
    } else {
        let mut file = begin(&args.file, UsageLine::columns())?;
        books
            .usage(span, |line| -> Result<(), CliError> {
                count(&line)?;
                Ok(file.write(line.row())?)
            })
            .await?;
        file.finish()?
    };
    say_aside(&format!(
        "{} to {}: {} rows, {charged} credits charged, {cost} dollars of vendor cost; sha256 {}",
        span.since,
        span.until.plus(-1),
        written.rows,
        written.digest
    ));
    Ok(())
}

async fn statement(books: &Books, args: &StatementArgs) -> Result<(), CliError> {
    let span = Span::month(&args.month)?;
    let mut statements = books.statements(span).await?;
    if let Some(workspace) = &args.workspace {
        statements.retain(|statement| statement.workspace == *workspace);
        if statements.is_empty() {
            let message = format!("no workspace `{workspace}` was there in {}", args.month);
            return Err(CliError::Refused { message });
        }
    }
    let rows = statements.into_iter().flat_map(Statement::rows);
    let written = write_all(&args.file, Statement::columns(), rows)?;
    if span.holds(SystemClock::start().now().unix_ms) {
        say_aside("this month is not over: what is written here will change");
    }
    say_aside(&format!("{} rows; sha256 {}", written.rows, written.digest));
    Ok(())
}

async fn tell_forecast(books: &Books, workspace: Option<&str>) -> Result<(), CliError> {
    let today = today();
    let span = Span { since: today.month_begins().plus(-7), until: today.plus(1) };
    let mut spent: BTreeMap<Day, i64> = BTreeMap::new();
    books
        .usage(span, |line| -> Result<(), CliError> {
            if line.charged_nanos > 0
                && workspace.is_none_or(|id| line.workspace.as_deref() == Some(id))
            {
                let day = spent.entry(line.day()).or_default();
                let sum =
                    Credits::from_nanos(*day).plus(Credits::from_nanos(line.charged_nanos))?;
                *day = sum.nanos();
            }
            Ok(())
        })
        .await?;
    say(&match forecast(&spent, today)? {
        None => "not enough days yet: three whole days since the first spend are needed".to_owned(),
        Some(said) => told(said),
    });
    Ok(())
}

fn told(said: Forecast) -> String {
    let Forecast { so_far_nanos, expected_nanos, low_nanos, high_nanos, days } = said;
    let credits = Credits::from_nanos;
    format!(
        "so far    {}\nexpected  {}\nlow       {}\nhigh      {}\nfrom the last {days} whole days",
        credits(so_far_nanos),
        credits(expected_nanos),
        credits(low_nanos),
        credits(high_nanos),
    )
}

fn currency(text: &str) -> Result<String, String> {
    if text.len() == 3 && text.bytes().all(|letter| letter.is_ascii_uppercase()) {
        Ok(text.to_owned())
    } else {
        Err("use the three letters of ISO 4217, such as USD".to_owned())
    }
}

fn today() -> Day {
    Day::of(SystemClock::start().now().unix_ms)
}

fn begin(file: &FileArgs, columns: Vec<Column>) -> Result<Export<Box<dyn Write + Send>>, CliError> {
    let target: Box<dyn Write + Send> = match &file.out {
        Some(path) => {
            let made = File::create(path).map_err(|source| CliError::System {
                what: "make the file of the export",
                source,
            })?;
            Box::new(BufWriter::new(made))
        }
        None => Box::new(BufWriter::new(io::stdout())),
    };
    let form = match file.format {
        FormArg::Csv => Form::Csv,
        FormArg::Jsonl => Form::JsonLines,
        FormArg::Parquet => Form::Parquet,
    };
    Ok(Export::begin(form, columns, target)?)
}

fn write_all(
    file: &FileArgs,
    columns: Vec<Column>,
    rows: impl Iterator<Item = Row>,
) -> Result<Written, CliError> {
    let mut file = begin(file, columns)?;
    for row in rows {
        file.write(row)?;
    }
    Ok(file.finish()?)
}
