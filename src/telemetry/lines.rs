//! Log lines: where they go, and a line of JSON written in one pass.
//!
//! The subscriber's own JSON goes through a writer that looks again at every few letters; with the
//! line of each request it was a twelfth of what a small request took.

use std::fmt::{self, Debug};
use std::io::{BufWriter, stderr};
use std::sync::OnceLock;

use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::config::LogFormat;

/// About as long as the line of a request is.
const LINE_BYTES: usize = 1024;

/// Lines that may wait for whoever reads the log; those that come while so many do are lost. Some ten megabytes.
const LINES_WAITING_MAX: usize = 16_384;

/// Bytes of lines that are written at once where several wait.
const WRITE_BYTES: usize = 64 << 10;

/// Counts lines that were lost.
static LOST: OnceLock<ErrorCounter> = OnceLock::new();

/// What writes the log. What waits is written when this is dropped.
#[must_use]
#[derive(Debug)]
pub struct Log {
    _worker: WorkerGuard,
}

/// Lines that were lost since the start, because nobody read those before them.
pub(super) fn lines_lost() -> u64 {
    LOST.get().map_or(0, |lost| u64::try_from(lost.dropped_lines()).unwrap_or(u64::MAX))
}

/// Sends log lines to standard error in this format. They are written beside everything else: a pipe that nobody
/// reads, or a terminal that was stopped, is waited for by no request.
pub fn start_log(format: LogFormat, level: tracing::Level) -> Log {
    // Pingora reports every hung-up client as an error of its own; ours are in the receipts.
    // Libraries say whole heads, keys and all, at the levels below `info`.
    let of_libraries = level.min(tracing::Level::INFO);
    let filter = tracing_subscriber::EnvFilter::new(format!(
        "{of_libraries},pixelgate={level},pingora=error,pingora_core=error,pingora_proxy=error"
    ));
    let (lines, worker) = NonBlockingBuilder::default()
        .buffered_lines_limit(LINES_WAITING_MAX)
        .thread_name("log")
        .finish(BufWriter::with_capacity(WRITE_BYTES, stderr()));
    LOST.get_or_init(|| lines.error_counter());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines)
        // Whoever read the log may be gone; telling that on the same way would be a panic.
        .log_internal_errors(false);
    let started = match format {
        LogFormat::Json => builder.event_format(JsonLines).try_init(),
        LogFormat::Text => builder.try_init(),
    };
    if started.is_err() {
        tracing::debug!("the log was started before");
    }
    Log { _worker: worker }
}

/// One object a line: the time, the level, the event's own fields, and where it comes from.
struct JsonLines;

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let of_library = event.normalized_metadata();
        let about = of_library.as_ref().unwrap_or_else(|| event.metadata());
        let mut time = String::with_capacity(32);
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut line = Line(Vec::with_capacity(LINE_BYTES));
        line.put("timestamp", &time);
        line.put("level", about.level().as_str());
        event.record(&mut line);
        line.put("target", about.target());
        line.0.extend_from_slice(b"}\n");
        writer.write_str(std::str::from_utf8(&line.0).map_err(|_| fmt::Error)?)
    }
}

/// A line that is being written.
struct Line(Vec<u8>);

impl Line {
    /// One more member. Writing to memory cannot fail.
    fn put(&mut self, name: &str, value: impl Serialize) {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
        let _ = serde_json::to_writer(&mut self.0, name);
        self.0.push(b':');
        let _ = serde_json::to_writer(&mut self.0, &value);
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field.name(), format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;
    use serde_json::Value;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Kept {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    fn say() {
        tracing::info!(
            status = 200_u16,
            less = -1_i64,
            share = 0.5,
            test = true,
            none = Option::<String>::None,
            shown = %"a \"fox\"\n",
            debugged = ?Some("x"),
            text = "\u{1}ü",
            "a {}",
            "request"
        );
        tracing::warn!("no fields");
    }

    fn lines(kept: &Kept) -> Vec<Value> {
        let text = String::from_utf8(kept.0.lock().clone()).unwrap();
        assert!(text.ends_with('\n'));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_says_what_the_subscribers_own_says() {
        let (ours, theirs) = (Kept::default(), Kept::default());
        let own = tracing_subscriber::fmt().event_format(JsonLines).with_writer(ours.clone());
        tracing::subscriber::with_default(own.finish(), say);
        let other = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(false);
        tracing::subscriber::with_default(other.with_writer(theirs.clone()).finish(), say);
        let (mut ours, mut theirs) = (lines(&ours), lines(&theirs));
        for line in ours.iter_mut().chain(&mut theirs) {
            let time = line.as_object_mut().unwrap().remove("timestamp").unwrap();
            assert_eq!(time.as_str().unwrap().len(), "2026-11-21T10:00:00.000000Z".len());
        }
        assert_eq!(ours.len(), 2);
        assert_eq!(ours, theirs);
    }
}
