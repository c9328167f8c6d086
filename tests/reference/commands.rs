//! The command line as a page of tables.

use std::fmt::Write as _;

use clap::{Arg, Command};

/// The page: what goes before any verb, then every verb, each with those below it.
pub(crate) fn of(head: &str, all: &Command) -> String {
    let mut text = format!("{head}\n## Before any of them\n\n");
    table(&mut text, all);
    for verb in all.get_subcommands() {
        section(&mut text, verb, verb.get_name());
    }
    text
}

fn section(text: &mut String, verb: &Command, path: &str) {
    let _ = write!(text, "\n## {path}\n\n{}\n", sentence(verb));
    let below: Vec<&Command> = verb.get_subcommands().collect();
    if below.is_empty() {
        usage(text, verb, path);
    }
    for own in below {
        let path = format!("{path} {}", own.get_name());
        if own.has_subcommands() {
            section(text, own, &path);
        } else {
            let _ = write!(text, "\n### {path}\n\n{}\n", sentence(own));
            usage(text, own, &path);
        }
    }
}

/// What is written, and what each part of it means.
fn usage(text: &mut String, verb: &Command, path: &str) {
    let written = |arg: &&Arg| arg.is_required_set() || arg.is_positional();
    let parts: String = verb
        .get_arguments()
        .filter(written)
        .map(|arg| if arg.is_required_set() { form(arg) } else { format!("[{}]", form(arg)) })
        .fold(String::new(), |all, part| format!("{all} {part}"));
    let _ = write!(text, "\n`pixelgate {path}{parts}`\n");
    if verb.get_arguments().next().is_some() {
        text.push('\n');
        table(text, verb);
    }
}

fn table(text: &mut String, verb: &Command) {
    text.push_str("| argument | default | meaning |\n|---|---|---|\n");
    for arg in verb.get_arguments() {
        let defaults = arg.get_default_values().iter().filter(|value| !value.is_empty());
        let defaults: Vec<_> = defaults.map(|value| format!("`{}`", value.display())).collect();
        let default = if arg.is_required_set() {
            "required".to_owned()
        } else {
            // A flag is off unless it is given.
            defaults.join(", ").replace("`false`", "")
        };
        let _ = writeln!(text, "| `{}` | {default} | {} |", form(arg), meaning(arg));
    }
}

/// How it is written: `--name VALUE`, or `VALUE` alone.
fn form(arg: &Arg) -> String {
    let value = match arg.get_value_names() {
        Some(names) => names.join(" "),
        None => arg.get_id().as_str().to_uppercase(),
    };
    match arg.get_long() {
        None => value,
        Some(long) if arg.get_action().takes_values() => format!("--{long} {value}"),
        Some(long) => format!("--{long}"),
    }
}

fn meaning(arg: &Arg) -> String {
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string);
    let mut said = ended(&help.unwrap_or_default());
    let words: Vec<String> = if arg.get_action().takes_values() {
        arg.get_possible_values().iter().map(|word| format!("`{}`", word.get_name())).collect()
    } else {
        Vec::new()
    };
    if !words.is_empty() {
        let _ = write!(said, " One of {}.", words.join(", "));
    }
    said.replace('|', "\\|")
}

fn sentence(verb: &Command) -> String {
    let about = verb.get_long_about().or_else(|| verb.get_about());
    ended(&about.map(ToString::to_string).unwrap_or_default())
}

/// Clap takes the full stop of a single sentence away.
fn ended(text: &str) -> String {
    let text = text.replace('\n', " ");
    let is_ended = text.is_empty() || text.ends_with(['.', ':', '?']);
    if is_ended { text } else { format!("{text}.") }
}
