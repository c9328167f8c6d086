//! The commands of a page, and what it shows of their output.

/// A fence of shell commands.
#[derive(Debug)]
pub(crate) struct Block {
    /// Where its commands begin.
    pub(crate) line: usize,
    pub(crate) commands: String,
    pub(crate) fate: Fate,
    /// What is done before it that a reader has done already.
    pub(crate) before: String,
    /// What the page shows below it as its output.
    pub(crate) shown: Option<String>,
}

/// What becomes of a block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is run.
    Run,
    /// It is not, for this reason.
    NotRun(String),
    /// This test runs it.
    RunBy(String),
}

/// The blocks of a page, in order.
pub(crate) fn blocks(file: &str, text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let (mut fate, mut before) = (Fate::Run, String::new());
    let mut lines = text.lines().enumerate();
    // Whether nothing but blank lines came since the last block.
    let mut is_below = false;
    while let Some((number, line)) = lines.next() {
        if let Some(note) = note(line) {
            match note {
                Note::Before(own) => before = format!("{before}{own}\n"),
                Note::Fate(own) => fate = own,
            }
        } else if let Some(kind) = line.strip_prefix("```") {
            let body: Vec<&str> =
                lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            let commands = body.join("\n");
            match kind {
                "sh" => {
                    let (fate, before) =
                        (std::mem::replace(&mut fate, Fate::Run), std::mem::take(&mut before));
                    found.push(Block { line: number + 2, commands, fate, before, shown: None });
                    is_below = true;
                    continue;
                }
                "bash" | "console" | "shell" => panic!("{file}:{}: write ```sh", number + 1),
                "text" | "json" | "csv" if is_below => {
                    found.last_mut().unwrap().shown = Some(commands);
                }
                _ => {}
            }
            is_below = false;
        } else if !line.trim().is_empty() {
            is_below = false;
            assert!(
                fate == Fate::Run && before.is_empty(),
                "{file}:{}: a note is above no block",
                number + 1
            );
        }
    }
    found
}

enum Note {
    Before(String),
    Fate(Fate),
}

fn note(line: &str) -> Option<Note> {
    let words = line.strip_prefix("<!-- ")?.strip_suffix(" -->")?;
    if let Some(why) = words.strip_prefix("not run: ") {
        return Some(Note::Fate(Fate::NotRun(why.to_owned())));
    }
    if let Some(test) = words.strip_prefix("run by ") {
        return Some(Note::Fate(Fate::RunBy(test.to_owned())));
    }
    words.strip_prefix("before: ").map(|commands| Note::Before(commands.to_owned()))
}

/// Whether an output is what a page shows: `…` in a line is anything, a line of `…` alone is any lines.
pub(crate) fn is_shown(shown: &str, printed: &str) -> bool {
    let shown: Vec<&str> = shown.trim_end().lines().collect();
    let printed: Vec<&str> = printed.trim_end().lines().collect();
    are_lines(&shown, &printed)
}

fn are_lines(shown: &[&str], printed: &[&str]) -> bool {
    match (shown.split_first(), printed.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first.trim() == "…" => {
            (0..=printed.len()).any(|at| are_lines(rest, &printed[at..]))
        }
        (Some((first, rest)), Some((line, others))) => {
            is_line(first.trim_end(), line.trim_end()) && are_lines(rest, others)
        }
        _ => false,
    }
}

fn is_line(shown: &str, printed: &str) -> bool {
    match shown.split_once('…') {
        None => shown == printed,
        Some((begin, rest)) => printed.strip_prefix(begin).is_some_and(|tail| {
            let ends = tail.char_indices().map(|(at, _)| at).chain([tail.len()]);
            ends.into_iter().filter_map(|at| tail.get(at..)).any(|tail| is_line(rest, tail))
        }),
    }
}

#[test]
fn an_ellipsis_stands_for_anything_and_nothing_else_does() {
    assert!(is_shown("ws_…\nb", "ws_123\nb\n"));
    assert!(is_shown("a\n…\nz", "a\nb\nc\nz"));
    assert!(is_shown("{ … }", "{ x y }"));
    assert!(!is_shown("a\nz", "a\nb\nz"));
    assert!(!is_shown("ws_…b", "ws_123"));
}
