//! The description as it is on disk: its files, its operations, and judging JSON by its schemas.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use http::Method;
use jsonschema::Registry;
use serde_json::{Value, json};

/// Where its files are, as addresses that are never asked.
const BASE: &str = "https://pixelgate.invalid/";

const ROOT: &str = "openapi.yaml";

static FILES: LazyLock<BTreeMap<String, Value>> = LazyLock::new(read);
static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(all_operations);
static AS_WRITTEN: LazyLock<Registry<'static>> = LazyLock::new(|| registry(Strictness::AsWritten));
static CLOSED: LazyLock<Registry<'static>> = LazyLock::new(|| registry(Strictness::Closed));

/// The methods that a path may have.
pub(crate) const METHODS: [&str; 8] =
    ["get", "head", "post", "put", "patch", "delete", "options", "trace"];

/// A place in one of its files, behind all references.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    file: String,
    pointer: String,
    pub(crate) value: &'static Value,
}

/// One method of one path.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    /// With its parameters in braces.
    pub(crate) path: String,
    pub(crate) node: Node,
    parameters: Vec<Node>,
}

/// How closely JSON is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// As the description says.
    AsWritten,
    /// As if no object could have fields but those that are described.
    Closed,
}

fn read() -> BTreeMap<String, Value> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut files = BTreeMap::new();
    let beside = std::fs::read_dir(docs.join("openapi")).unwrap();
    let names = beside.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names = names.map(|name| format!("openapi/{name}"));
    for name in names.chain([ROOT.to_owned()]) {
        let text = std::fs::read_to_string(docs.join(&name)).unwrap();
        let value = serde_saphyr::from_str(&text).unwrap_or_else(|no| panic!("{name}: {no}"));
        files.insert(name, value);
    }
    files
}

impl Node {
    fn at(file: &str, pointer: &str) -> Self {
        let value = FILES.get(file).and_then(|root| root.pointer(pointer));
        let value = value.unwrap_or_else(|| panic!("nothing is at {file}#{pointer}"));
        Self { file: file.to_owned(), pointer: pointer.to_owned(), value }
    }

    /// A field, or what its reference leads to.
    pub(crate) fn child(&self, name: &str) -> Option<Self> {
        self.schema(name).map(Self::followed)
    }

    /// A field as it is written: references of schemas are followed by whoever judges.
    pub(crate) fn schema(&self, name: &str) -> Option<Self> {
        let name = name.replace('~', "~0").replace('/', "~1");
        let pointer = format!("{}/{name}", self.pointer);
        let value = FILES.get(&self.file)?.pointer(&pointer)?;
        Some(Self { file: self.file.clone(), pointer, value })
    }

    fn followed(self) -> Self {
        let Some(reference) = self.value["$ref"].as_str() else { return self };
        let (file, pointer) = reference.split_once('#').expect("a reference names a place");
        let folder = self.file.rsplit_once('/').map_or("", |(folder, _)| folder);
        match (file, folder) {
            ("", _) => Self::at(&self.file, pointer),
            (file, "") => Self::at(file, pointer),
            (file, folder) => Self::at(&format!("{folder}/{file}"), pointer),
        }
    }

    /// The items of a list, each behind its reference.
    fn items(&self) -> Vec<Self> {
        let count = self.value.as_array().map_or(0, Vec::len);
        (0..count).filter_map(|index| self.child(&index.to_string())).collect()
    }

    /// The schema of what an app is told at the end of its job.
    pub(crate) fn told() -> Self {
        let body = Self::at(ROOT, "/webhooks/jobEnded/post/requestBody/content/application~1json");
        body.schema("schema").unwrap()
    }

    /// The codes of refusals, in their order.
    pub(crate) fn codes() -> Vec<&'static str> {
        let codes = Self::at("openapi/common.yaml", "/schemas/Code/enum");
        codes.value.as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect()
    }

    /// The names of its fields.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.value.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    }

    /// What is wrong with a value by the schema that is here; nothing when it is right.
    pub(crate) fn judge(&self, value: &Value, strictness: Strictness) -> Vec<String> {
        let schema = json!({ "$ref": format!("{BASE}{}#{}", self.file, self.pointer) });
        let registry = match strictness {
            Strictness::AsWritten => &*AS_WRITTEN,
            Strictness::Closed => &*CLOSED,
        };
        let options = jsonschema::draft202012::options().should_validate_formats(true);
        let validator = options.with_registry(registry).build(&schema).unwrap();
        validator.iter_errors(value).map(|no| format!("{no} at {}", no.instance_path())).collect()
    }
}

/// The operations, in their order.
pub(crate) fn operations() -> &'static [Operation] {
    &OPERATIONS
}

fn all_operations() -> Vec<Operation> {
    let paths = Node::at(ROOT, "/paths");
    let mut found = Vec::new();
    for path in paths.names() {
        let item = paths.child(path).unwrap();
        for method in METHODS {
            let Some(node) = item.child(method) else { continue };
            let lists = [item.child("parameters"), node.child("parameters")];
            let parameters = lists.into_iter().flatten().flat_map(|list| list.items()).collect();
            let method = method.to_uppercase().parse().unwrap();
            found.push(Operation { method, path: path.to_owned(), node, parameters });
        }
    }
    found
}

/// The operation that serves a request; of several paths that fit, the one that says most of it.
pub(crate) fn serving(method: &Method, path: &str) -> Option<&'static Operation> {
    let fitting = operations().iter().filter(|one| one.covers(path));
    let fittest = &fitting.max_by_key(|one| one.letters())?.path;
    operations().iter().find(|one| one.path == *fittest && one.method == *method)
}

/// Whether a path is one of the described.
pub(crate) fn is_described(path: &str) -> bool {
    operations().iter().any(|one| one.covers(path))
}

impl Operation {
    /// Its name in what is said of it.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// A path that it serves, of the examples of its parameters.
    pub(crate) fn example(&self) -> String {
        self.parameters.iter().filter(|one| one.value["in"] == "path").fold(
            self.path.clone(),
            |path, one| {
                let name = format!("{{{}}}", one.value["name"].as_str().unwrap());
                let example = one.value["example"].as_str();
                let example = example.or_else(|| one.value["schema"]["enum"].get(0)?.as_str());
                path.replace(&name, example.unwrap_or_else(|| panic!("{name} has no example")))
            },
        )
    }

    /// Whether this path is one of its own.
    pub(crate) fn covers(&self, path: &str) -> bool {
        let own: Vec<&str> = self.path.split('/').collect();
        // The name of a model may have slashes in it, and is last.
        let most = if own.last().is_some_and(|last| last.starts_with("{model}")) {
            own.len()
        } else {
            usize::MAX
        };
        let path: Vec<&str> = path.splitn(most, '/').collect();
        own.len() == path.len()
            && own.iter().zip(path).all(|(own, part)| self.covers_part(own, part))
    }

    /// How much of its path is no parameter.
    fn letters(&self) -> usize {
        let between = self.path.split('{').map(|part| part.rsplit('}').next().unwrap_or_default());
        between.map(str::len).sum()
    }

    fn covers_part(&self, own: &str, part: &str) -> bool {
        let Some((name, rest)) = own.strip_prefix('{').and_then(|own| own.split_once('}')) else {
            return own == part;
        };
        let Some(value) = part.strip_suffix(rest).filter(|value| !value.is_empty()) else {
            return false;
        };
        let parameter = self.parameters.iter().find(|one| one.value["name"] == name);
        let schema =
            &parameter.unwrap_or_else(|| panic!("{name} is not described")).value["schema"];
        let words = schema["enum"].as_array();
        words.is_none_or(|words| words.iter().any(|word| word == value))
    }

    /// Whether a header of this name is described for its requests.
    pub(crate) fn takes(&self, header: &str) -> bool {
        let is_it = |one: &Node| one.value["in"] == "header" && one.value["name"] == header;
        self.parameters.iter().any(is_it)
    }

    /// Its answers by their status.
    pub(crate) fn responses(&self) -> Vec<(&'static str, Node)> {
        let responses = self.node.child("responses").unwrap();
        responses.names().iter().map(|s| (*s, responses.child(s).unwrap())).collect()
    }

    /// The answer of a status.
    pub(crate) fn response(&self, status: u16) -> Option<Node> {
        self.node.child("responses")?.child(&status.to_string())
    }

    /// The schema of a body of this type.
    pub(crate) fn body(&self, media_type: &str) -> Option<Node> {
        self.node.child("requestBody")?.child("content")?.child(media_type)?.schema("schema")
    }

    /// The ways in which a key is shown, each by the name of its scheme; none where none is needed.
    pub(crate) fn keys(&self) -> Vec<&'static str> {
        let ways = self.node.value["security"].as_array();
        let ways = ways.unwrap_or_else(|| panic!("{}: no security", self.name()));
        ways.iter().flat_map(|way| way.as_object().unwrap().keys().map(String::as_str)).collect()
    }
}

fn registry(strictness: Strictness) -> Registry<'static> {
    let files = FILES.iter().map(|(name, file)| {
        let mut file = file.clone();
        if strictness == Strictness::Closed {
            close(&mut file);
        }
        (format!("{BASE}{name}"), file)
    });
    Registry::new().extend(files).unwrap().prepare().unwrap()
}

/// Lets no object have fields that are not described, unless it says that it may.
fn close(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let is_schema = map.get("type").is_some_and(|kind| kind == "object");
            if is_schema && map.get("properties").is_some_and(Value::is_object) {
                map.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            map.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
