//! The metrics in the format of OpenMetrics 1.0, which has a place for exemplars
//! (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
//!
//! The library that counts writes Prometheus's older format alone, so this one is written here.

use std::fmt::Write as _;

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

use super::exemplars::{Exemplar, Exemplars};

/// How the end is told from an answer that was cut.
const END: &str = "# EOF\n";

/// The text of all metrics.
pub(super) fn encode(families: &[MetricFamily], exemplars: &Exemplars) -> String {
    let mut text = String::new();
    for family in families {
        let kind = family.get_field_type();
        // A counter's family is named without what its samples end in.
        let name = match kind {
            MetricType::COUNTER => family.name().trim_end_matches("_total"),
            MetricType::GAUGE
            | MetricType::HISTOGRAM
            | MetricType::SUMMARY
            | MetricType::UNTYPED => family.name(),
        };
        let kind_name = match kind {
            MetricType::COUNTER => "counter",
            MetricType::GAUGE => "gauge",
            MetricType::HISTOGRAM => "histogram",
            MetricType::SUMMARY => "summary",
            MetricType::UNTYPED => "unknown",
        };
        line(&mut text, format_args!("# TYPE {name} {kind_name}"));
        line(&mut text, format_args!("# HELP {name} {}", escaped(family.help())));
        for metric in family.get_metric() {
            match kind {
                MetricType::COUNTER => {
                    sample(&mut text, name, "_total", metric, metric.get_counter().get_value());
                }
                MetricType::GAUGE => {
                    sample(&mut text, name, "", metric, metric.get_gauge().get_value());
                }
                MetricType::HISTOGRAM => histogram(&mut text, name, metric, exemplars),
                // There are none.
                MetricType::SUMMARY | MetricType::UNTYPED => {}
            }
        }
    }
    text.push_str(END);
    text
}

fn histogram(text: &mut String, name: &str, metric: &Metric, exemplars: &Exemplars) {
    let histogram = metric.get_histogram();
    let (own, count) = (metric.get_label(), histogram.get_sample_count());
    let buckets = histogram.get_bucket().iter();
    let buckets = buckets.map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()));
    let buckets = buckets.filter(|(most, _)| most.is_finite()).chain([(f64::INFINITY, count)]);
    let mut above = f64::NEG_INFINITY;
    for (most, count) in buckets {
        let values = own.iter().map(LabelPair::value);
        let exemplar = exemplars.find(name, values, (above, most));
        let labels = labels(own, Some(&number(most)));
        let exemplar = exemplar.map(told).unwrap_or_default();
        line(text, format_args!("{name}_bucket{labels} {count}{exemplar}"));
        above = most;
    }
    line(text, format_args!("{name}_count{} {count}", labels(own, None)));
    let sum = number(histogram.get_sample_sum());
    line(text, format_args!("{name}_sum{} {sum}", labels(own, None)));
}

fn told(exemplar: Exemplar) -> String {
    let Exemplar { trace, value, unix_seconds } = exemplar;
    format!(" # {{trace_id=\"{trace:032x}\"}} {} {unix_seconds:.3}", number(value))
}

fn sample(text: &mut String, name: &str, end: &str, metric: &Metric, value: f64) {
    let labels = labels(metric.get_label(), None);
    line(text, format_args!("{name}{end}{labels} {}", number(value)));
}

fn labels(own: &[LabelPair], most: Option<&str>) -> String {
    let own = own.iter().map(|label| (label.name(), label.value()));
    let all = own.chain(most.map(|most| ("le", most)));
    let all: Vec<String> = all.map(|(n, v)| format!("{n}=\"{}\"", escaped(v))).collect();
    if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) }
}

/// A number as the format has it: always with its point, so that each is written in one way.
fn number(value: f64) -> String {
    if value == f64::INFINITY { "+Inf".to_owned() } else { format!("{value:?}") }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};

    use crate::clock::Moment;
    use crate::telemetry::Telemetry;
    use crate::trail::{Beginning, Context, Fate, Of, Trail};

    use super::*;

    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[expect(clippy::disallowed_methods, reason = "a test's own beginning")]
    fn trail(fate: Fate) -> (Trail, Moment) {
        let at = std::time::Instant::now();
        let context = Context::parse(TRACE).unwrap();
        let (parent, link, state) = (None, None, None);
        let unix_nanos = 1_700_000_000_000_000_000;
        let (of, later) = (Of::Job, at + Duration::from_millis(250));
        let at = at.into();
        let beginning = Beginning { context, parent, link, state, of, fate, at, unix_nanos };
        (Trail::begin(beginning), later.into())
    }

    #[test]
    fn each_kind_is_written_as_the_format_has_it() {
        let r = Registry::new();
        let counter = IntCounterVec::new(Opts::new("asked_total", "Has \"quotes\""), &["who"]);
        let counter = counter.unwrap();
        counter.with_label_values(&["a\\b\n"]).inc_by(3);
        let gauge = IntGauge::new("open", "Open now").unwrap();
        gauge.set(-2);
        let opts = HistogramOpts::new("took_seconds", "Took").buckets(vec![0.5, 1.0]);
        let histogram = HistogramVec::new(opts, &["by", "as"]).unwrap();
        for seconds in [0.25, 0.75, 3.0] {
            histogram.with_label_values(&["x", "y"]).observe(seconds);
        }
        r.register(Box::new(counter)).unwrap();
        r.register(Box::new(gauge)).unwrap();
        r.register(Box::new(histogram)).unwrap();
        let exemplars = Exemplars::default();
        let (kept, at) = trail(Fate::Kept);
        // The values of labels go by their names: `as`, then `by`.
        exemplars.note(("took_seconds", &["y", "x"]), 0.6, (&kept, at));
        exemplars.note(("took_seconds", &["y", "x"]), 0.75, (&kept, at));
        exemplars.note(("took_seconds", &["y", "x"]), 3.0, (&trail(Fate::KeptOnFault).0, at));
        let expected = "\
# TYPE asked counter
# HELP asked Has \\\"quotes\\\"
asked_total{who=\"a\\\\b\\n\"} 3.0
# TYPE open gauge
# HELP open Open now
open -2.0
# TYPE took_seconds histogram
# HELP took_seconds Took
took_seconds_bucket{as=\"y\",by=\"x\",le=\"0.5\"} 1
took_seconds_bucket{as=\"y\",by=\"x\",le=\"1.0\"} 2 # {trace_id=\"0af7651916cd43dd8448eb211c80319c\"} 0.75 1700000000.250
took_seconds_bucket{as=\"y\",by=\"x\",le=\"+Inf\"} 3
took_seconds_count{as=\"y\",by=\"x\"} 3
took_seconds_sum{as=\"y\",by=\"x\"} 4.0
# EOF
";
        assert_eq!(encode(&r.gather(), &exemplars), expected);
    }

    #[test]
    fn every_counter_of_ours_has_a_name_that_the_format_takes() {
        let telemetry = Telemetry::new().unwrap();
        let counters = telemetry.metrics.registry().gather();
        let counters = counters.iter().filter(|f| f.get_field_type() == MetricType::COUNTER);
        let odd: Vec<&str> =
            counters.map(MetricFamily::name).filter(|n| !n.ends_with("_total")).collect();
        assert_eq!(odd, [""; 0]);
    }

    #[test]
    fn what_nobody_traces_is_no_exemplar() {
        let exemplars = Exemplars::default();
        let (_, at) = trail(Fate::Kept);
        exemplars.note(("took_seconds", &[]), 1.0, (&Trail::default(), at));
        exemplars.note(("took_seconds", &[]), 1.0, (&trail(Fate::Carried).0, at));
        assert_eq!(exemplars.find("took_seconds", std::iter::empty(), (0.0, 9.0)), None);
    }
}
