//! The description of the admin API, `docs/openapi-admin.yaml`, held to the table of routes and to
//! every answer that these tests are given.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use jsonschema::Registry;
use reqwest::Method;
use serde_json::{Value, json};

use super::Desk;
use crate::world::Reply;

const BASE: &str = "https://pixelgate.invalid/openapi-admin.yaml";

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi-admin.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
});

static REGISTRY: LazyLock<Registry<'static>> = LazyLock::new(|| {
    let files = [(BASE.to_owned(), DESCRIPTION.clone())];
    Registry::new().extend(files).unwrap().prepare().unwrap()
});

/// What is wrong with a value by the schema at this pointer.
fn judge(pointer: &str, value: &Value) -> Vec<String> {
    let schema = json!({ "$ref": format!("{BASE}#{pointer}") });
    let options = jsonschema::draft202012::options().should_validate_formats(true);
    let validator = options.with_registry(&REGISTRY).build(&schema).unwrap();
    validator.iter_errors(value).map(|no| format!("{no} at {}", no.instance_path())).collect()
}

/// A part of a pointer.
fn part(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1").replace('{', "%7B").replace('}', "%7D")
}

/// Where a path is described: the form that has a name where this has another.
fn form(path: &str) -> Option<&'static str> {
    let path = path.split('?').next().unwrap();
    let fits = |form: &str| {
        let (forms, parts) = (form.split('/'), path.split('/'));
        form.split('/').count() == path.split('/').count()
            && forms.zip(parts).all(|(form, part)| form == part || form.starts_with('{'))
    };
    let all = DESCRIPTION["paths"].as_object().unwrap().keys();
    // A path without a name goes before one that would take it for a name.
    let mut fitting: Vec<&'static str> =
        all.map(String::as_str).filter(|form| fits(form)).collect();
    fitting.sort_by_key(|form| form.matches('{').count());
    fitting.first().copied()
}

/// Fails when an answer, or the body that it answers, is not as it is described.
pub(super) fn must_be_described(
    (method, path): &(Method, &str),
    body: Option<&Value>,
    reply: &Reply,
) {
    let said = || String::from_utf8_lossy(&reply.bytes).into_owned();
    if reply.status >= 400 {
        let found = judge("/components/schemas/Error", &reply.json());
        assert!(found.is_empty(), "{method} {path}: {found:?}: {}", said());
        return;
    }
    let form = form(path).unwrap_or_else(|| panic!("{path} is not described"));
    let name = method.as_str().to_lowercase();
    let operation = &DESCRIPTION["paths"][form][&name];
    let place = format!("/paths/{}/{name}", part(form));
    let content = &operation["responses"][reply.status.to_string()]["content"];
    assert!(content.is_object(), "{method} {form}: no {} is described", reply.status);
    let kind = reply.header("content-type").unwrap();
    let kind = kind.split(';').next().unwrap();
    assert!(content[kind].is_object(), "{method} {form}: no {kind} is described");
    if kind == "application/json" {
        let pointer = format!("{place}/responses/{}/content/{}/schema", reply.status, part(kind));
        let found = judge(&pointer, &reply.json());
        assert!(found.is_empty(), "{method} {form}: {found:?}: {}", said());
    }
    if let Some(body) = body.filter(|_| operation["requestBody"].is_object()) {
        let pointer = format!("{place}/requestBody/content/application~1json/schema");
        let found = judge(&pointer, body);
        assert!(found.is_empty(), "{method} {form} took what is not described: {found:?}: {body}");
    }
}

#[test]
fn every_route_is_described_and_everything_described_is_a_route() {
    let served: BTreeSet<String> = pixelgate::admin::ROUTES
        .iter()
        .map(|route| {
            let takes: BTreeSet<&str> = route.takes.iter().copied().collect();
            format!("{} {} {} {takes:?}", route.method, route.path, route.role.name())
        })
        .collect();
    let mut described = BTreeSet::new();
    for (path, item) in DESCRIPTION["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if method == "parameters" {
                continue;
            }
            let role = operation["x-role"].as_str().unwrap();
            let lists = operation["parameters"].as_array().into_iter().flatten();
            let named = lists.map(|one| {
                let place = one["$ref"].as_str().unwrap().trim_start_matches('#');
                DESCRIPTION.pointer(place).unwrap_or_else(|| panic!("nothing is at {place}"))
            });
            let takes: BTreeSet<&str> = named
                .filter(|one| one["in"] == "query")
                .map(|one| one["name"].as_str().unwrap())
                .collect();
            described.insert(format!("{} {path} {role} {takes:?}", method.to_uppercase()));
        }
    }
    assert_eq!(served, described);
}

#[test]
fn every_example_is_what_its_schema_describes() {
    let mut looked_at = 0;
    for (path, item) in DESCRIPTION["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let media = &operation["requestBody"]["content"]["application/json"];
            let Some(example) = media.get("example") else { continue };
            let place = format!(
                "/paths/{}/{method}/requestBody/content/application~1json/schema",
                part(path)
            );
            assert_eq!(judge(&place, example), Vec::<String>::new(), "{method} {path}");
            looked_at += 1;
        }
    }
    let no =
        &DESCRIPTION["components"]["responses"]["No"]["content"]["application/json"]["example"];
    assert_eq!(judge("/components/schemas/Error", no), Vec::<String>::new());
    assert!(looked_at >= 7, "{looked_at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_with_some_history_answers_every_question_as_described() {
    let desk = Desk::new();
    assert_eq!(desk.world.paint().await.status, 200);
    let unknown = json!({"model": "no", "prompt": "x"});
    assert_eq!(desk.world.post("/v1/images/generations", &unknown).await.status, 404);
    for route in pixelgate::admin::ROUTES.iter().filter(|route| route.method == "GET") {
        if route.path.contains("{job}") {
            continue;
        }
        let path = route.path.replace("{workspace}", &desk.world.workspace);
        desk.get(&path).await;
        if route.takes.contains(&"format") {
            let csv = (Method::GET, &*format!("{path}?format=csv"));
            let reply = desk.ask(&desk.operator, csv, None).await;
            assert!(reply.header("content-disposition").unwrap().contains(".csv"), "{path}");
        }
    }
}
