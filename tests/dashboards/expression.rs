//! What a `PromQL` expression asks for: which metrics, matched and grouped by which labels.
//!
//! It reads the part of the language that the dashboards use; the rest is reported, not guessed.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::vec::IntoIter;

use super::declared::{Declared, Metric};

/// What Prometheus adds to a histogram's name.
const HISTOGRAM_ENDINGS: &[&str] = &["_bucket", "_sum", "_count"];

/// What Prometheus puts on every series that it scrapes.
const OF_TARGETS: &[&str] = &["job", "instance"];

/// Words that change which labels are left, in ways that are not followed here.
const NOT_FOLLOWED: &[&str] = &["without", "on", "ignoring", "group_left", "group_right"];

/// One metric of an expression, with the labels that are asked of it.
#[derive(Debug)]
struct Asked {
    metric: String,
    matched: Vec<String>,
    /// The `by (…)` of everything that it stands in.
    groups: Vec<Vec<String>>,
}

/// What is wrong with an expression and its legend.
pub(crate) fn faults(expression: &str, legend: &str, declared: &Declared) -> Vec<String> {
    let Reader { asked, mut faults, .. } = read(expression);
    if asked.is_empty() {
        faults.push("asks for no metric of ours".to_owned());
    }
    faults.extend(asked.iter().flat_map(|asked| unmet(asked, declared)));

    let grouped: BTreeSet<&str> = asked
        .iter()
        .flat_map(|asked| asked.groups.iter().flatten())
        .map(String::as_str)
        .filter(|label| *label != "le")
        .collect();
    let shown: BTreeSet<&str> = legend
        .split("{{")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("}}")?.0.trim()))
        .collect();
    if grouped != shown {
        faults.push(format!("is grouped by {grouped:?}, and its legend shows {shown:?}"));
    }
    faults
}

fn unmet(asked: &Asked, declared: &Declared) -> Vec<String> {
    let name = &asked.metric;
    let metric = match resolve(name, declared) {
        Ok(metric) => metric,
        Err(fault) => return vec![fault],
    };
    let is_bucket = metric.histogram && name.ends_with("_bucket");
    let labels = asked.matched.iter().chain(asked.groups.iter().flatten());
    let is_there = |label: &String| {
        let of_target = OF_TARGETS.contains(&label.as_str());
        metric.labels.contains(label) || of_target || (is_bucket && *label == "le")
    };
    let mut faults: Vec<String> = labels
        .filter(|label| !is_there(label))
        .map(|label| format!("`{name}` has no label `{label}`"))
        .collect();
    let keeps_le = |group: &Vec<String>| group.iter().any(|label| label == "le");
    if is_bucket && (asked.groups.is_empty() || !asked.groups.iter().all(keeps_le)) {
        faults.push(format!("`{name}` means nothing unless grouped by `le`"));
    }
    faults
}

fn resolve<'a>(name: &str, declared: &'a Declared) -> Result<&'a Metric, String> {
    match declared.get(name) {
        Some(metric) if metric.histogram => {
            return Err(format!("`{name}` is a histogram: it has {HISTOGRAM_ENDINGS:?}"));
        }
        Some(metric) => return Ok(metric),
        None => {}
    }
    HISTOGRAM_ENDINGS
        .iter()
        .find_map(|ending| declared.get(name.strip_suffix(ending)?))
        .filter(|metric| metric.histogram)
        .ok_or_else(|| format!("there is no metric `{name}`"))
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Sign(char),
    /// A string or a range, whose inside asks for nothing.
    Opaque,
}

fn tokens(expression: &str) -> Vec<Token> {
    let mut letters = expression.chars().peekable();
    let mut found = Vec::new();
    while let Some(letter) = letters.next() {
        if letter.is_alphanumeric() || letter == '_' {
            let mut word = String::from(letter);
            while let Some(next) =
                letters.next_if(|next| next.is_alphanumeric() || matches!(next, '_' | ':' | '.'))
            {
                word.push(next);
            }
            found.push(Token::Word(word));
        } else if let Some(end) = closing(letter) {
            letters.by_ref().find(|next| *next == end);
            found.push(Token::Opaque);
        } else if !letter.is_whitespace() {
            found.push(Token::Sign(letter));
        }
    }
    found
}

const fn closing(opening: char) -> Option<char> {
    match opening {
        '"' => Some('"'),
        '\'' => Some('\''),
        '[' => Some(']'),
        _ => None,
    }
}

#[derive(Debug)]
struct Reader {
    rest: Peekable<IntoIter<Token>>,
    /// For each open parenthesis, what its inside is grouped by.
    open: Vec<Option<Vec<String>>>,
    asked: Vec<Asked>,
    faults: Vec<String>,
}

fn read(expression: &str) -> Reader {
    let mut reader = Reader {
        rest: tokens(expression).into_iter().peekable(),
        open: Vec::new(),
        asked: Vec::new(),
        faults: Vec::new(),
    };
    while let Some(token) = reader.rest.next() {
        reader.take(token);
    }
    if !reader.open.is_empty() {
        reader.faults.push("leaves a `(` open".to_owned());
    }
    reader
}

impl Reader {
    fn take(&mut self, token: Token) {
        match token {
            Token::Word(word) if word == "by" => self.group(),
            Token::Word(word) if word.starts_with("pixelgate_") || word.starts_with("process_") => {
                self.ask(word);
            }
            Token::Word(word) if NOT_FOLLOWED.contains(&word.as_str()) => {
                self.faults.push(format!("uses `{word}`, which is not followed here"));
            }
            Token::Sign('(') => self.open.push(None),
            Token::Sign(')') => {
                if self.open.pop().is_none() {
                    self.faults.push("closes a `(` that is not open".to_owned());
                }
            }
            Token::Sign('{') => self.faults.push("matches without a metric".to_owned()),
            Token::Word(_) | Token::Sign(_) | Token::Opaque => {}
        }
    }

    /// `by (a, b) (`: what follows, up to its `)`, is grouped by `a` and `b`.
    fn group(&mut self) {
        let labels = self.words_until(')');
        if self.rest.next_if_eq(&Token::Sign('(')).is_some() {
            self.open.push(Some(labels));
        } else {
            self.faults.push("has a `by` that does not stand before what it groups".to_owned());
        }
    }

    /// `{a="x", b!="y"}`, if it is there, matches `a` and `b`.
    fn ask(&mut self, metric: String) {
        let matched = match self.rest.next_if_eq(&Token::Sign('{')) {
            Some(_) => self.words_until('}'),
            None => Vec::new(),
        };
        let groups = self.open.iter().flatten().cloned().collect();
        self.asked.push(Asked { metric, matched, groups });
    }

    fn words_until(&mut self, end: char) -> Vec<String> {
        let tokens = self.rest.by_ref();
        tokens
            .take_while(|token| *token != Token::Sign(end))
            .filter_map(|token| match token {
                Token::Word(word) => Some(word),
                Token::Sign(_) | Token::Opaque => None,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::declared::declared;
    use super::faults;

    const TABLE: &str = r#"
        calls: counters(&r, "pixelgate_calls_total", "Calls", &["vendor", "outcome"])?,
        waits: histograms(&r, "pixelgate_wait_seconds", "Waits", &["vendor"], OWN)?,"#;

    fn faults_of(expression: &str, legend: &str) -> Vec<String> {
        faults(expression, legend, &declared(TABLE))
    }

    #[test]
    fn a_sound_expression_has_no_faults() {
        for (expression, legend) in [
            ("sum(rate(pixelgate_calls_total[5m]))", "calls"),
            ("sum by (vendor) (pixelgate_calls_total{outcome!=\"by (x)\"}) / 2", "{{vendor}}"),
            (
                "histogram_quantile(0.99, sum by (le, vendor) (rate(pixelgate_wait_seconds_bucket[$__rate_interval])))",
                "p99 {{ vendor }}",
            ),
            ("sum(rate(pixelgate_wait_seconds_count[1h]))", "waits"),
        ] {
            assert_eq!(faults_of(expression, legend), [""; 0], "{expression}");
        }
    }

    #[test]
    fn an_unknown_metric_is_reported() {
        assert_eq!(
            faults_of("sum(rate(pixelgate_made_up_total[5m]))", ""),
            ["there is no metric `pixelgate_made_up_total`"]
        );
    }

    #[test]
    fn only_a_histogram_has_a_histograms_endings() {
        assert_eq!(
            faults_of("pixelgate_calls_total_count", ""),
            ["there is no metric `pixelgate_calls_total_count`"]
        );
        assert_eq!(
            faults_of("pixelgate_wait_seconds", ""),
            ["`pixelgate_wait_seconds` is a histogram: it has [\"_bucket\", \"_sum\", \"_count\"]"]
        );
    }

    #[test]
    fn a_label_that_is_not_declared_is_reported_wherever_it_is_used() {
        assert_eq!(
            faults_of("sum by (model) (pixelgate_calls_total)", "{{model}}"),
            ["`pixelgate_calls_total` has no label `model`"]
        );
        assert_eq!(
            faults_of("pixelgate_wait_seconds_sum{le=\"1\", vendor=~\"a.*\"}", ""),
            ["`pixelgate_wait_seconds_sum` has no label `le`"]
        );
        assert_eq!(
            faults_of(
                "(sum by (vendor) (max by (code) (pixelgate_calls_total)))",
                "{{vendor}} {{code}}"
            ),
            ["`pixelgate_calls_total` has no label `code`"]
        );
    }

    #[test]
    fn buckets_that_lose_their_bounds_are_reported() {
        for expression in [
            "sum by (vendor) (rate(pixelgate_wait_seconds_bucket[5m]))",
            "sum by (vendor) (sum by (le, vendor) (pixelgate_wait_seconds_bucket))",
        ] {
            assert_eq!(
                faults_of(expression, "{{vendor}}"),
                ["`pixelgate_wait_seconds_bucket` means nothing unless grouped by `le`"]
            );
        }
    }

    #[test]
    fn a_legend_that_does_not_tell_its_lines_apart_is_reported() {
        assert_eq!(
            faults_of("sum by (vendor) (pixelgate_calls_total)", "{{outcome}}"),
            ["is grouped by {\"vendor\"}, and its legend shows {\"outcome\"}"]
        );
    }

    #[test]
    fn what_cannot_be_followed_is_reported() {
        for (expression, fault) in [
            ("up", "asks for no metric of ours"),
            ("sum(pixelgate_calls_total", "leaves a `(` open"),
            ("sum pixelgate_calls_total)", "closes a `(` that is not open"),
            (
                "sum without (vendor) (pixelgate_calls_total)",
                "uses `without`, which is not followed here",
            ),
            (
                "sum(pixelgate_calls_total) by (vendor)",
                "has a `by` that does not stand before what it groups",
            ),
            ("pixelgate_calls_total + {vendor=\"a\"}", "matches without a metric"),
        ] {
            assert_eq!(faults_of(expression, ""), [fault], "{expression}");
        }
    }
}
