//! Every dialect against its golden files; knows no dialect by name.
//!
//! `tests/fixtures/dialects/README.md` says which files there are. `UPDATE_GOLDENS=1` rewrites
//! what is produced; review the difference.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a golden runner that cannot go on has failed"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pixelgate::canonical::{Problem, Refusal, RefusalKind};
use pixelgate::dialect::{
    self, Asked, Call, Claim, ClientSide, Dialect, RefusalContext, VendorSide,
};
use pixelgate::id::RequestId;
use serde_json::{Map, Value, json};

#[path = "dialects/extras.rs"]
mod extras;
#[path = "dialects/faithful.rs"]
mod faithful;
#[path = "dialects/faults.rs"]
mod faults;
#[path = "dialects/filled.rs"]
mod filled;
#[path = "dialects/forms.rs"]
mod forms;
#[path = "dialects/given.rs"]
mod given;
#[path = "dialects/hostile.rs"]
mod hostile;
#[path = "dialects/jobs.rs"]
mod jobs;
#[path = "dialects/library.rs"]
mod library;
#[path = "dialects/passing.rs"]
mod passing;
#[path = "dialects/shapes.rs"]
mod shapes;
#[path = "dialects/talk.rs"]
mod talk;

/// 2026-11-21T10:00:00Z, give or take 250 ms.
const UNIX_MS: i64 = 1_795_255_200_250;

/// One dialect's folder, and which of its files were used.
struct Folder {
    path: PathBuf,
    names: BTreeSet<String>,
    used: BTreeSet<String>,
    faults: Vec<String>,
}

impl Folder {
    fn open(root: &Path, dialect: &str) -> Self {
        let path = root.join(dialect);
        let names = names_in(&path);
        Self { path, names, used: BTreeSet::new(), faults: Vec::new() }
    }

    /// The cases that have a file with this ending.
    fn cases(&self, ending: &str) -> Vec<String> {
        let stripped = self.names.iter().filter_map(|name| name.strip_suffix(ending));
        stripped.map(str::to_owned).collect()
    }

    fn read(&mut self, name: &str) -> Value {
        self.used.insert(name.to_owned());
        let text = std::fs::read_to_string(self.path.join(name)).unwrap();
        serde_json::from_str(&text).unwrap_or_else(|fault| panic!("{name}: {fault}"))
    }

    /// Compares what was produced with the golden file, or rewrites it.
    fn expect(&mut self, name: &str, produced: &Value) {
        self.used.insert(name.to_owned());
        let path = self.path.join(name);
        let produced = format!("{produced:#}\n");
        if is_update() {
            std::fs::write(path, produced).unwrap();
            return;
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        if golden != produced {
            let path = path.display();
            self.faults.push(format!("{path}\n--- golden\n{golden}+++ produced\n{produced}"));
        }
    }

    /// What is wrong with it, a file that nothing used included.
    fn close(mut self) -> Vec<String> {
        for name in self.names.difference(&self.used) {
            let path = self.path.join(name);
            if is_update() && shapes::is_produced(name) {
                std::fs::remove_file(path).unwrap();
            } else {
                self.faults.push(format!("nothing uses {}", path.display()));
            }
        }
        self.faults
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test may be told by its environment to rewrite its goldens"
)]
fn is_update() -> bool {
    std::env::var("UPDATE_GOLDENS").is_ok_and(|value| value == "1")
}

fn names_in(path: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(path).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dialects")
}

#[test]
fn every_dialect_has_a_folder_and_every_folder_a_dialect() {
    let mut folders = names_in(&root());
    folders.remove("README.md");
    let dialects: BTreeSet<_> = dialect::ALL.iter().map(|d| d.name.to_owned()).collect();
    assert_eq!(folders, dialects);
}

#[test]
fn every_dialect_keeps_to_its_goldens() {
    let mut faults = Vec::new();
    for dialect in dialect::ALL {
        let mut folder = Folder::open(&root(), dialect.name);
        if let Some(client) = dialect.client {
            requests(&mut folder, dialect, client);
            answers(&mut folder, client);
            batches(&mut folder, client);
            jobs::shown(&mut folder, client);
            refusals(&mut folder, client);
            limits(&mut folder, client);
        }
        if let Some(vendor) = dialect.vendor {
            calls(&mut folder, vendor);
            replies(&mut folder, vendor);
            talks(&mut folder, vendor);
        }
        faults.extend(folder.close());
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_side_has_the_cases_that_are_required() {
    for dialect in dialect::ALL {
        let names = names_in(&root().join(dialect.name));
        let mut required = Vec::new();
        if dialect.client.is_some() {
            required.extend(["full.client.json", "minimal.client.json"]);
            let is_bad = |name: &String| name.starts_with("bad-");
            assert!(names.iter().any(is_bad), "{}: no bad request", dialect.name);
        }
        if dialect.vendor.is_some() {
            required.extend(["full.request.json", "minimal.request.json"]);
            required.extend(["done.reply.json", "busy.reply.json", "garbled.reply.json"]);
            required.extend(["refused.reply.json", "broken.reply.json", "done.talk.json"]);
        }
        for name in required {
            assert!(names.contains(name), "{}: no {name}", dialect.name);
        }
    }
}

/// `CASE.client.json` → `CASE.canonical.json`, `CASE.refusal.json` or `CASE.listing.json`
fn requests(folder: &mut Folder, dialect: &Dialect, client: &dyn ClientSide) {
    for case in folder.cases(".client.json") {
        let wire = shapes::wire_request(&folder.read(&format!("{case}.client.json")));
        let shows_key = |side: &dyn ClientSide| side.presented_key(&wire.headers).is_some();
        let claimed = dialect::claim_by_key(&wire.method, &wire.path, shows_key);
        let (who, claim) = claimed.unwrap_or_else(|| panic!("{case}: nobody claims its path"));
        assert_eq!(who.name, dialect.name, "{case}: another dialect claims it");
        let is_open = matches!(claim, Claim::OpenModels | Claim::Health | Claim::Preflight { .. });
        let is_keyed = client.presented_key(&wire.headers).is_some();
        assert!(is_keyed || is_open, "{case}: no key");
        let models = extras::models();
        let request_id = RequestId::known("req_golden");
        let context = Asked { request_id: &request_id, unix_ms: UNIX_MS };
        if let (Claim::Images, Some(side)) = (&claim, client.batching())
            && let Some(shown) = extras::items(client, side, &wire)
        {
            folder.expect(&format!("{case}.items.json"), &shown);
            continue;
        }
        let listing = match claim {
            Claim::Images | Claim::Quote => match client.decode_request(&wire) {
                Ok(request) => {
                    folder.expect(&format!("{case}.canonical.json"), &json!(request));
                    continue;
                }
                Err(refusal) => {
                    folder.expect(&format!("{case}.refusal.json"), &refused(client, &refusal));
                    continue;
                }
            },
            Claim::Jobs => json!({ "jobs": "all" }),
            Claim::Job(id) => json!({ "job": id }),
            Claim::CancelJob(id) => json!({ "cancel": id }),
            Claim::Asset(key) => json!({ "asset": key }),
            Claim::WebhookSecret => json!({ "webhook": "secret" }),
            Claim::WrongMethod { allow } => json!({ "allow": allow }),
            Claim::Prompt => match client.prompting().unwrap().decode_prompt(&wire) {
                Ok(ask) => extras::prompt(client, &ask, &context),
                Err(refusal) => {
                    folder.expect(&format!("{case}.refusal.json"), &refused(client, &refusal));
                    continue;
                }
            },
            Claim::Preflight { allow } => json!({ "preflight": allow }),
            Claim::Usage => extras::usage(client, &context),
            Claim::Health => extras::health(client, &context),
            Claim::Models | Claim::OpenModels => {
                shapes::reply_shown(&client.encode_models(&models))
            }
            Claim::Library(ask) => library::shown(client.library().unwrap(), &ask),
            Claim::Model(id) => {
                let model = models.iter().find(|model| model.name == id);
                shapes::reply_shown(&client.encode_model(model.unwrap()))
            }
        };
        folder.expect(&format!("{case}.listing.json"), &listing);
    }
}

/// `CASE.delivered.json` → `CASE.answer.json`, and `CASE.streamed.json` when it is asked so
fn answers(folder: &mut Folder, client: &dyn ClientSide) {
    for case in folder.cases(".delivered.json") {
        let delivered = shapes::Delivered::read(&folder.read(&format!("{case}.delivered.json")));
        let reply = client.encode_response(&delivered.answer(UNIX_MS));
        folder.expect(&format!("{case}.answer.json"), &shapes::reply_shown(&reply));
        if let Some(side) = client.streaming().filter(|_| delivered.is_streamed()) {
            folder.expect(&format!("{case}.streamed.json"), &delivered.streamed(side, UNIX_MS));
        }
    }
}

/// `CASE.batch.json` → `CASE.answer.json`: what several requests of one body came to
fn batches(folder: &mut Folder, client: &dyn ClientSide) {
    for case in folder.cases(".batch.json") {
        let golden = folder.read(&format!("{case}.batch.json"));
        let shown = extras::batch(client.batching().unwrap(), &golden, UNIX_MS);
        folder.expect(&format!("{case}.answer.json"), &shown);
    }
}

/// `refusals.json`: one of every kind, and one of every problem with a field
fn refusals(folder: &mut Folder, client: &dyn ClientSide) {
    let mut all = Map::new();
    for kind in RefusalKind::ALL {
        let refusal = shapes::refusal(kind);
        all.insert(kind.code().to_owned(), refused(client, &refusal));
    }
    let problems = [
        Problem::Missing,
        Problem::WrongType,
        Problem::BadValue,
        Problem::TooLong,
        Problem::TooLarge,
        Problem::TooSmall,
        Problem::UnknownField,
    ];
    for problem in problems {
        let refusal = Refusal::field("colour", problem, "`colour` is wrong; mend it");
        all.insert(format!("field: {problem:?}"), refused(client, &refusal));
    }
    folder.expect("refusals.json", &Value::Object(all));
}

/// A refusal as it goes out, with the headers that the gateway adds to every one.
fn refused(client: &dyn ClientSide, refusal: &Refusal) -> Value {
    let request_id = RequestId::known("req_golden");
    let context =
        RefusalContext { request_id: &request_id, unix_ms: UNIX_MS, model: Some("paint") };
    let mut reply = client.encode_refusal(refusal, &context);
    for (name, value) in dialect::retry_headers(refusal) {
        reply = reply.with_header(name, &value);
    }
    shapes::reply_shown(&reply)
}

/// `limits.json`: the dialect's own headers for a caller with two limits
fn limits(folder: &mut Folder, client: &dyn ClientSide) {
    let headers = client.limit_headers(&shapes::standings(), UNIX_MS);
    let shown: Map<_, _> =
        headers.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    folder.expect("limits.json", &Value::Object(shown));
}

/// `CASE.request.json` → `CASE.vendor.json`
fn calls(folder: &mut Folder, vendor: &dyn VendorSide) {
    for case in folder.cases(".request.json") {
        let asked = folder.read(&format!("{case}.request.json"));
        let offering = shapes::offering(&asked["offering"]);
        let request = shapes::image_request(&asked["request"]);
        let shown = match vendor.encode_request(&request, &offering) {
            Ok(wire) => shapes::request_shown(&wire),
            Err(no) => json!({ "unsupported": { "parameter": no.parameter, "why": no.why } }),
        };
        folder.expect(&format!("{case}.vendor.json"), &shown);
    }
}

/// `CASE.reply.json` → `CASE.outcome.json`
fn replies(folder: &mut Folder, vendor: &dyn VendorSide) {
    for case in folder.cases(".reply.json") {
        let golden = folder.read(&format!("{case}.reply.json"));
        let reply = shapes::wire_reply(&golden);
        let offering = shapes::offering(&golden["offering"]);
        let request =
            shapes::image_request(&asked_or(&golden["request"], json!({ "prompt": "x" })));
        let asked = json!({ "method": "POST", "path": "/" });
        let asked = shapes::wire_request(&asked_or(&golden["asked"], asked));
        let call = Call { request: &request, offering: &offering, asked: &asked };
        let shown = shapes::outcome_shown(vendor.decode_reply(&call, &reply));
        folder.expect(&format!("{case}.outcome.json"), &shown);
    }
}

fn asked_or(golden: &Value, usual: Value) -> Value {
    if golden.is_null() { usual } else { golden.clone() }
}

/// `CASE.talk.json` → `CASE.said.json`: an order and everything that is said until its end
fn talks(folder: &mut Folder, vendor: &dyn VendorSide) {
    for case in folder.cases(".talk.json") {
        let golden = folder.read(&format!("{case}.talk.json"));
        let said = talk::play(vendor, &golden);
        folder.expect(&format!("{case}.said.json"), &said);
    }
}
