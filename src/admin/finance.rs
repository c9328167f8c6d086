//! What finance asks: the same sums, statements and forecasts that the command line gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::clock::Clock;
use crate::credits::{Cost, Credits, Overflow};
use crate::export::{Export, Form};
use crate::finance::{
    By, Column, Day, Exposure, Row, Span, Statement, SumError, Sums, UsageLine, forecast,
};
use crate::store::{Books, StoreError};

use super::answer::Answer;
use super::query::Query;
use super::refused::{self, Refused};
use super::{Admin, Call};

/// Rows of one answer.
const ROWS_MAX: usize = 20_000;

/// Days of one question: two years.
const DAYS_MAX: i64 = 731;

/// How long one question may read.
const READ_MAX_MS: u64 = 30_000;

/// Lines between two looks at the clock.
const LINES_PER_LOOK: u32 = 4_096;

/// Usage is split by so many things at once.
const BY_MAX: usize = 4;

/// A table, and what is said beside it.
struct Sheet {
    name: &'static str,
    columns: Vec<Column>,
    rows: Vec<Row>,
    beside: Vec<(&'static str, Value)>,
}

/// Ends a question that takes too long.
struct Patience {
    clock: Arc<dyn Clock>,
    until_tick_ms: u64,
    lines: u32,
}

impl Patience {
    fn one_more(&mut self) -> Result<(), Refused> {
        self.lines = self.lines.wrapping_add(1);
        let looks = self.lines.is_multiple_of(LINES_PER_LOOK);
        let is_late = looks && self.clock.now().tick_ms > self.until_tick_ms;
        if is_late { Err(refused::too_slow()) } else { Ok(()) }
    }
}

impl From<SumError> for Refused {
    fn from(error: SumError) -> Self {
        refused::too_much(&error.to_string(), "split it by less, or over fewer days")
    }
}

impl From<Overflow> for Refused {
    fn from(error: Overflow) -> Self {
        refused::too_much(&error.to_string(), "ask for fewer days")
    }
}

impl Admin {
    pub(super) async fn usage(&self, call: &Call) -> Result<Answer, Refused> {
        let query = &call.query;
        let span = self.span(query)?;
        let by = read_by(query.text("by").unwrap_or("day"))?;
        let wants = Wanted {
            workspace: query.filter("workspace"),
            model: query.filter("model"),
            vendor: query.filter("vendor"),
        };
        let patience = self.patience();
        let sheet =
            self.read(move |books| Box::pin(sum_up(books, (span, by), wants, patience))).await?;
        answer(query, sheet, Some(span))
    }

    pub(super) async fn statements(&self, call: &Call) -> Result<Answer, Refused> {
        let month = call.query.text("month");
        let span = match month {
            Some(month) => Span::month(month).map_err(|bad| refused::bad_query(bad.to_string()))?,
            None => self.this_month(),
        };
        let whose = call.query.filter("workspace");
        let sheet = self.read(move |books| {
            Box::pin(async move {
                let mut statements = books.statements(span).await?;
                statements.retain(|one| whose.as_ref().is_none_or(|id| one.workspace == *id));
                let nobody = whose.filter(|_| statements.is_empty());
                nobody.map_or(Ok(()), |id| Err(refused::unknown("workspace", &id)))?;
                let rows = statements.into_iter().flat_map(Statement::rows).collect();
                Ok(Sheet {
                    name: "statement",
                    columns: Statement::columns(),
                    rows,
                    beside: Vec::new(),
                })
            })
        });
        answer(&call.query, sheet.await?, Some(span))
    }

    pub(super) async fn exposures(&self, call: &Call) -> Result<Answer, Refused> {
        let span = self.span(&call.query)?;
        let sheet = self.read(move |books| {
            Box::pin(async move {
                let rows = books.exposures(span).await?.into_iter().map(Exposure::row).collect();
                Ok(Sheet {
                    name: "exposures",
                    columns: Exposure::columns(),
                    rows,
                    beside: Vec::new(),
                })
            })
        });
        answer(&call.query, sheet.await?, Some(span))
    }

    pub(super) async fn forecast(&self, call: &Call) -> Result<Answer, Refused> {
        let today = self.today();
        let whose = call.query.filter("workspace");
        let patience = self.patience();
        let said = self.read(move |books| {
            Box::pin(async move {
                let span = Span { since: today.month_begins().plus(-7), until: today.plus(1) };
                let spent = spent_by_day(books, span, whose.as_deref(), patience).await?;
                forecast(&spent, today).map_err(Refused::from)
            })
        });
        let credits = Credits::from_nanos;
        let body = said.await?.map(|said| {
            json!({
                "so_far": credits(said.so_far_nanos),
                "expected": credits(said.expected_nanos),
                "low": credits(said.low_nanos),
                "high": credits(said.high_nanos),
                "days": said.days,
            })
        });
        let month_ends = today.month_ends().plus(-1).to_string();
        Ok(Answer::ok(&json!({ "month_ends": month_ends, "forecast": body })))
    }

    /// Reads the books off the async threads, few at a time.
    async fn read<T, F>(&self, read: F) -> Result<T, Refused>
    where
        T: Send + 'static,
        F: FnOnce(Books) -> LocalBoxFuture<'static, Result<T, Refused>> + Send + 'static,
    {
        let _place = self.heavy.acquire().await.map_err(|_| refused::busy())?;
        let (config, handle) = (self.config.clone(), Handle::current());
        let reading =
            move || handle.block_on(async move { read(Books::open_for(&config).await?).await });
        tokio::task::spawn_blocking(reading)
            .await
            .unwrap_or_else(|_| Err(StoreError::Closed.into()))
    }

    fn patience(&self) -> Patience {
        let clock = Arc::clone(&self.gateway.clock);
        let until_tick_ms = clock.now().tick_ms.saturating_add(READ_MAX_MS);
        Patience { clock, until_tick_ms, lines: 0 }
    }

    fn today(&self) -> Day {
        Day::of(self.gateway.clock.now().unix_ms)
    }

    fn this_month(&self) -> Span {
        let today = self.today();
        Span { since: today.month_begins(), until: today.month_ends() }
    }

    /// The days that are asked for: this month until today where nothing is said.
    fn span(&self, query: &Query) -> Result<Span, Refused> {
        if let Some(month) = query.text("month") {
            if query.text("since").is_some() || query.text("until").is_some() {
                let problem = "`month` stands alone, without `since` and `until`";
                return Err(refused::bad_query(problem.to_owned()));
            }
            return Span::month(month).map_err(|bad| refused::bad_query(bad.to_string()));
        }
        let today = self.today();
        let span = Span {
            since: query.parsed("since")?.unwrap_or_else(|| today.month_begins()),
            until: query.parsed("until")?.unwrap_or_else(|| today.plus(1)),
        };
        if span.days() > DAYS_MAX || span.days() < 0 {
            let problem =
                format!("`until` is the day after the last, at most {DAYS_MAX} days after `since`");
            return Err(refused::bad_query(problem));
        }
        Ok(span)
    }
}

/// Whose usage is meant.
struct Wanted {
    workspace: Option<String>,
    model: Option<String>,
    vendor: Option<String>,
}

impl Wanted {
    fn wants(&self, line: &UsageLine) -> bool {
        let is = |wanted: &Option<String>, has: &Option<String>| wanted.is_none() || wanted == has;
        is(&self.workspace, &line.workspace)
            && is(&self.model, &line.model)
            && is(&self.vendor, &line.vendor)
    }
}

async fn sum_up(
    books: Books,
    (span, by): (Span, Vec<By>),
    wants: Wanted,
    mut patience: Patience,
) -> Result<Sheet, Refused> {
    let (mut charged, mut cost) = (Credits::ZERO, Cost::ZERO);
    let (mut requests, mut images) = (0_u64, 0_u64);
    let mut sums = Sums::by(by);
    books
        .usage(span, |line| -> Result<(), Refused> {
            patience.one_more()?;
            if !wants.wants(&line) {
                return Ok(());
            }
            charged = charged.plus(Credits::from_nanos(line.charged_nanos))?;
            cost = cost.plus(Cost::from_nanos(line.cost_nanos))?;
            requests = requests.saturating_add(1);
            images = images.saturating_add(line.images.into());
            Ok(sums.add(&line)?)
        })
        .await?;
    let total = json!({
        "requests": requests, "images": images, "charged": charged, "cost_dollars": cost,
    });
    let columns = sums.columns();
    let rows: Vec<Row> = sums.rows().take(ROWS_MAX.saturating_add(1)).collect();
    Ok(Sheet { name: "usage", columns, rows, beside: vec![("total", total)] })
}

async fn spent_by_day(
    books: Books,
    span: Span,
    workspace: Option<&str>,
    mut patience: Patience,
) -> Result<BTreeMap<Day, i64>, Refused> {
    let mut spent: BTreeMap<Day, i64> = BTreeMap::new();
    books
        .usage(span, |line| -> Result<(), Refused> {
            patience.one_more()?;
            let is_wanted = workspace.is_none_or(|id| line.workspace.as_deref() == Some(id));
            if line.charged_nanos > 0 && is_wanted {
                let day = spent.entry(line.day()).or_default();
                *day = day.checked_add(line.charged_nanos).ok_or(Overflow)?;
            }
            Ok(())
        })
        .await?;
    Ok(spent)
}

fn read_by(text: &str) -> Result<Vec<By>, Refused> {
    let by: Result<Vec<By>, _> = text.split(',').map(str::parse).collect();
    let by = by.map_err(|bad| refused::bad_query(bad.to_string()))?;
    if by.len() > BY_MAX {
        return Err(refused::bad_query(format!("`by` splits by at most {BY_MAX} things")));
    }
    Ok(by)
}

/// The table as it is asked for: JSON, or a CSV file.
fn answer(query: &Query, sheet: Sheet, span: Option<Span>) -> Result<Answer, Refused> {
    let Sheet { name, columns, rows, beside } = sheet;
    if rows.len() > ROWS_MAX {
        let message = format!("this comes to more than {ROWS_MAX} rows");
        return Err(refused::too_much(&message, "split it by less, or over fewer days"));
    }
    let (form, is_csv) = match query.text("format").unwrap_or("json") {
        "json" => (Form::JsonLines, false),
        "csv" => (Form::Csv, true),
        other => return Err(refused::bad_query(format!("`format` is `{other}`; use json or csv"))),
    };
    let mut body = Vec::new();
    let mut file =
        Export::begin(form, columns, &mut body).map_err(|error| refused::internal(&error))?;
    for row in rows {
        file.write(row).map_err(|error| refused::internal(&error))?;
    }
    file.finish().map_err(|error| refused::internal(&error))?;
    if is_csv {
        return Ok(Answer::csv(name, body));
    }
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let rows: Result<Vec<Value>, _> = lines.map(serde_json::from_slice).collect();
    let mut whole = json!({ "rows": rows.map_err(|error| refused::internal(&error))? });
    if let Some(whole) = whole.as_object_mut() {
        if let Some(span) = span {
            whole.insert("since".to_owned(), span.since.to_string().into());
            whole.insert("until".to_owned(), span.until.to_string().into());
        }
        whole.extend(beside.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
    Ok(Answer::ok(&whole))
}
