//! The console: pages for a browser, as they lie in `dashboards/console`, compiled in. They hold
//! nothing that is secret: what they show they ask the admin API for, with a token that somebody
//! types in.

use http::Method;

use super::answer::{Answer, Kind};
use super::refused;

/// Where it is.
const ROOT: &str = "/console";

macro_rules! files {
    ($($name:literal: $kind:ident,)*) => {
        &[$(($name, Kind::$kind, include_str!(concat!("../../dashboards/console/", $name)))),*]
    };
}

/// Every file of it, by its name.
const FILES: &[(&str, Kind, &str)] = files! {
    "index.html": Page,
    "console.css": Sheet,
    "console.js": Script,
    "api.js": Script,
    "charts.js": Script,
    "dom.js": Script,
    "icon.svg": Picture,
    "views/audit.js": Script,
    "views/jobs.js": Script,
    "views/offerings.js": Script,
    "views/overview.js": Script,
    "views/paged.js": Script,
    "views/policy.js": Script,
    "views/spend.js": Script,
    "views/workspace.js": Script,
    "views/workspaces.js": Script,
    "vendor/uPlot.esm.js": Script,
    "vendor/uPlot.min.css": Sheet,
    "vendor/uPlot.LICENSE": Text,
};

/// What browsers may do with it: run what comes from here, ask here, and nothing else. No text
/// becomes markup.
const GUARDS: [(&str, &str); 7] = [
    ("cache-control", "no-cache"),
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

/// Whether a path is of the console.
pub(super) fn claims(path: &str) -> bool {
    path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The file at a path.
pub(super) fn answer(method: &Method, path: &str) -> Answer {
    if method != Method::GET && method != Method::HEAD {
        return refused::wrong_method(method, "GET").answer();
    }
    let Some(name) = path.strip_prefix(ROOT).and_then(|rest| rest.strip_prefix('/')) else {
        return Answer::moved("/console/");
    };
    let name = if name.is_empty() { "index.html" } else { name };
    match FILES.iter().find(|(own, ..)| *own == name) {
        Some((_, kind, text)) => Answer::file(*kind, text.as_bytes(), &GUARDS),
        None => refused::unknown_path(path).answer(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn names(folder: &Path, before: &str, into: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{before}{}", entry.file_name().into_string().unwrap());
            if entry.file_type().unwrap().is_dir() {
                names(&entry.path(), &format!("{name}/"), into);
            } else {
                into.push(name);
            }
        }
    }

    #[test]
    fn every_file_of_the_console_is_served_and_as_it_lies_there() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/console");
        let mut there = Vec::new();
        names(&folder, "", &mut there);
        there.retain(|name| name != "vendor/README.md");
        there.sort();
        let mut served: Vec<&str> = FILES.iter().map(|(name, ..)| *name).collect();
        served.sort_unstable();
        assert_eq!(there, served);
        for (name, _, text) in FILES {
            assert_eq!(std::fs::read_to_string(folder.join(name)).unwrap(), **text, "{name}");
        }
    }

    #[test]
    fn every_module_that_a_module_imports_is_there() {
        for (name, _, text) in FILES.iter().filter(|(_, kind, _)| *kind == Kind::Script) {
            let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
            for line in text.lines().filter(|line| line.starts_with("import ")) {
                let from = line.rsplit('"').nth(1).unwrap();
                let path = match (from.strip_prefix("./"), from.strip_prefix("../")) {
                    (Some(own), _) if folder.is_empty() => own.to_owned(),
                    (Some(own), _) => format!("{folder}/{own}"),
                    (None, Some(above)) => above.to_owned(),
                    (None, None) => panic!("{name}: {line}"),
                };
                assert!(FILES.iter().any(|(own, ..)| *own == path), "{name}: {path}");
            }
        }
    }

    #[test]
    fn only_its_own_paths_are_the_consoles() {
        for (path, is_ours) in [
            ("/console", true),
            ("/console/", true),
            ("/console/views/spend.js", true),
            ("/consoles", false),
            ("/", false),
        ] {
            assert_eq!(claims(path), is_ours, "{path}");
        }
        for (path, status) in [
            ("/console", 308),
            ("/console/", 200),
            ("/console/vendor/README.md", 404),
            ("/console/../Cargo.toml", 404),
        ] {
            assert_eq!(answer(&Method::GET, path).status, status, "{path}");
        }
        assert_eq!(answer(&Method::POST, "/console/").status, 405);
    }
}
