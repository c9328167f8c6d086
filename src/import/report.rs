//! What became of each part of what was read.

use std::fmt::Write as _;

/// What became of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It is the same here.
    Taken,
    /// It is there in another way, or something is yours to do.
    Changed,
    /// It is not there.
    Left,
}

/// What became of one part, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which part, as a dotted place.
    pub place: String,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, or as what.
    pub words: String,
}

/// Every part, in the order in which they were looked at.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The parts.
    pub lines: Vec<Line>,
}

impl Verdict {
    /// Its word in a report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Changed => "changed",
            Self::Left => "left",
        }
    }
}

impl Report {
    pub(super) fn taken(&mut self, place: impl Into<String>, words: impl Into<String>) {
        self.note(place.into(), Verdict::Taken, words.into());
    }

    pub(super) fn changed(&mut self, place: impl Into<String>, words: impl Into<String>) {
        self.note(place.into(), Verdict::Changed, words.into());
    }

    pub(super) fn left(&mut self, place: impl Into<String>, words: impl Into<String>) {
        self.note(place.into(), Verdict::Left, words.into());
    }

    fn note(&mut self, place: String, verdict: Verdict, words: String) {
        self.lines.push(Line { place, verdict, words });
    }

    /// How many parts came to this.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.lines.iter().filter(|line| line.verdict == verdict).count()
    }

    /// As a page: what is left first, for that is what a person must look at.
    pub fn page(&self, of: &str) -> String {
        let mut text = format!("# What became of {of}\n");
        for (verdict, title) in [
            (Verdict::Left, "Left: not in the policy"),
            (Verdict::Changed, "Changed: there in another way, or yours to do"),
            (Verdict::Taken, "Taken: the same here"),
        ] {
            if self.count(verdict) == 0 {
                continue;
            }
            // Writing to a string never fails.
            let _ = writeln!(text, "\n## {title}\n\n| what | why |\n|---|---|");
            for line in self.lines.iter().filter(|line| line.verdict == verdict) {
                let _ = writeln!(text, "| `{}` | {} |", cell(&line.place), cell(&line.words));
            }
        }
        text
    }
}

/// Text that ends no cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}
