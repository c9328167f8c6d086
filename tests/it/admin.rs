//! The admin API from outside: who may ask what, and that what is changed is written down.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{OPENAI, Reply, World, read};

mod book;
mod budgets;
pub(crate) mod console;
mod described;
mod operate;
mod shown;

use described::must_be_described;

/// A gateway, and a token of each role.
pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) viewer: String,
    pub(crate) finance: String,
    pub(crate) operator: String,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::over(World::painted("10"))
    }

    pub(crate) fn over(world: World) -> Self {
        let token = |role: &str| new_token(&world, role, &[]);
        let (viewer, finance, operator) = (token("viewer"), token("finance"), token("operator"));
        Self { world, viewer, finance, operator }
    }

    /// What is answered; whatever that is, it is as the description says.
    pub(crate) async fn ask(
        &self,
        token: &str,
        (method, path): (Method, &str),
        body: Option<&Value>,
    ) -> Reply {
        let asked = (method.clone(), path);
        let asking = self.world.client.request(method, format!("{}{path}", self.world.admin));
        let asking = if token.is_empty() { asking } else { asking.bearer_auth(token) };
        let asking = match body {
            Some(body) => asking.header("content-type", "application/json").body(body.to_string()),
            None => asking,
        };
        let reply = read(asking).await;
        must_be_described(&asked, body, &reply);
        reply
    }

    /// What an operator is told; must be well.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let reply = self.ask(&self.operator, (Method::GET, path), None).await;
        assert_eq!(reply.status, 200, "{path}: {}", String::from_utf8_lossy(&reply.bytes));
        reply.json()
    }

    /// What comes of an operator's change; must be well.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let reply = self.ask(&self.operator, (Method::POST, path), Some(body)).await;
        assert!(reply.status < 300, "{path}: {}", String::from_utf8_lossy(&reply.bytes));
        reply.json()
    }
}

/// The text of a new token of this role.
pub(crate) fn new_token(world: &World, role: &str, options: &[&str]) -> String {
    new_token_and_id(world, role, options).0
}

fn new_token_and_id(world: &World, role: &str, options: &[&str]) -> (String, String) {
    let args = ["admin", "token", "create", "--role", role, "--name", role];
    let said = world.cli(&[&args, options].concat());
    let find = |start: &str| {
        let found = said.split_whitespace().find(|part| part.starts_with(start));
        found.unwrap_or_else(|| panic!("no {start} in: {said}")).to_owned()
    };
    (find("pgadm_"), find("adm_"))
}

/// Every method and path, the least role, and a body that may be sent.
fn all_routes(desk: &Desk) -> Vec<(Method, String, usize)> {
    let names = [
        ("{workspace}", desk.world.workspace.as_str()),
        ("{key}", "key_none"),
        ("{job}", "job_none"),
        ("{budget}", "none"),
        ("{picture}", "none"),
        ("{token}", "adm_none"),
    ];
    let routes = pixelgate::admin::ROUTES.iter().map(|route| {
        let path =
            names.iter().fold(route.path.to_owned(), |path, (form, name)| path.replace(form, name));
        let rank = pixelgate::auth::Role::ALL.iter().position(|role| *role == route.role);
        (route.method.parse().unwrap(), path, rank.unwrap())
    });
    routes.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_may_do_what_its_step_allows_and_nothing_above_it() {
    let desk = Desk::new();
    let tokens = [&desk.viewer, &desk.finance, &desk.operator];
    let names = ["viewer", "finance", "operator"];
    for (method, path, least) in all_routes(&desk) {
        for (rank, token) in tokens.iter().enumerate() {
            // Empty bodies change nothing where they may: what is needed is missing.
            let reply = desk.ask(token, (method.clone(), &path), None).await;
            let code = reply.json()["error"]["code"].clone();
            let message = reply.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
            let is_refused = reply.status == 403 && code == "role_needed";
            assert_eq!(is_refused, rank < least, "{method} {path} as {}: {code}", names[rank]);
            assert!(!is_refused || message.contains(names[least]), "{message}");
            assert_ne!(reply.status, 401, "{method} {path}");
        }
        let nobody = desk.ask("", (method.clone(), &path), None).await;
        assert_eq!(
            (nobody.status, &nobody.json()["error"]["code"]),
            (401, &json!("token_missing"))
        );
        assert!(nobody.header("www-authenticate").unwrap().starts_with("Bearer"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_forged_revoked_over_or_no_admins_proves_nothing() {
    let desk = Desk::new();
    let me = (Method::GET, "/admin/v1/me");
    let refused = async |token: &str| {
        let reply = desk.ask(token, me.clone(), None).await;
        assert_eq!(reply.status, 401, "{}", reply.json());
        reply.json()["error"]["code"].as_str().unwrap().to_owned()
    };
    let mut forged = desk.operator.clone();
    forged.pop();
    assert_eq!(refused(&forged).await, "token_unknown");
    assert_eq!(refused(&format!("{forged}!")).await, "token_unknown");
    assert_eq!(refused(&desk.world.key).await, "token_unknown", "a key of an app opens no desk");
    assert_eq!(
        refused(&new_token(&desk.world, "operator", &["--expires", "1"])).await,
        "token_expired"
    );

    let (spare, id) = new_token_and_id(&desk.world, "operator", &[]);
    assert_eq!(desk.ask(&spare, me.clone(), None).await.status, 200);
    desk.world.cli(&["admin", "token", "revoke", &id]);
    assert_eq!(
        refused(&spare).await,
        "token_revoked",
        "what was good a moment ago is not replayed"
    );
    let used = desk.world.post_as(&desk.operator, OPENAI, "{}".to_owned()).await;
    assert_eq!(used.status, 401, "an admin token buys no pictures");

    let in_query = format!("/admin/v1/me?token={}", desk.operator);
    assert_eq!(desk.ask("", (Method::GET, &in_query), None).await.status, 401);
    let folder = desk.world.folder.path().join("data");
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        if file.file_type().unwrap().is_file() {
            let bytes = std::fs::read(file.path()).unwrap();
            let text = desk.operator.as_bytes();
            assert!(!bytes.windows(text.len()).any(|part| part == text), "{:?}", file.path());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_guesses_is_refused_even_when_it_guesses_right() {
    let desk = Desk::new();
    let me = (Method::GET, "/admin/v1/me");
    let mut last = 0;
    for guess in 0..=10 {
        last = desk.ask(&format!("pgadm_{guess}"), me.clone(), None).await.status;
    }
    assert_eq!(last, 429);
    let right = desk.ask(&desk.operator, me, None).await;
    assert_eq!(
        (right.status, &right.json()["error"]["code"]),
        (429, &json!("too_many_wrong_tokens"))
    );
    assert!(right.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
    let probe = read(desk.world.client.get(format!("{}/readyz", desk.world.admin))).await;
    assert_eq!(probe.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_changes_nothing_even_with_a_token() {
    let desk = Desk::new();
    let make = async |lines: &[(&'static str, String)]| {
        let path = format!("{}/admin/v1/workspaces", desk.world.admin);
        let asking = desk.world.client.post(path).bearer_auth(&desk.operator);
        let asking = lines.iter().fold(asking, |asking, (name, value)| asking.header(*name, value));
        read(asking.body(r#"{"name":"sneaked in"}"#)).await
    };
    for line in [
        ("origin", "https://evil.example".to_owned()),
        ("origin", "null".to_owned()),
        ("sec-fetch-site", "cross-site".to_owned()),
    ] {
        let reply = make(&[line]).await;
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (403, &json!("foreign_origin")));
        assert!(reply.header("access-control-allow-origin").is_none());
    }
    let preflight = read(
        desk.world
            .client
            .request(Method::OPTIONS, format!("{}/admin/v1/workspaces", desk.world.admin))
            .header("origin", "https://evil.example"),
    )
    .await;
    assert_eq!(preflight.status, 401);
    assert!(preflight.header("access-control-allow-origin").is_none());
    let there = desk.get("/admin/v1/workspaces").await;
    assert_eq!(there["items"].as_array().unwrap().len(), 1);
    assert_eq!(make(&[("origin", desk.world.admin.clone())]).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_wrongly_is_told_what_is_wrong_and_changes_nothing() {
    let desk = Desk::new();
    let grants = format!("/admin/v1/workspaces/{}/grants", desk.world.workspace);
    let (post, get) = (Method::POST, Method::GET);
    let long = "x".repeat(200);
    let cases = [
        (&post, "/admin/v1/workspaces", json!({ "name": long }), 400, "bad_field"),
        (&post, "/admin/v1/workspaces", json!({ "title": "x" }), 400, "bad_body"),
        (&post, "/admin/v1/workspaces", json!(["a list"]), 400, "bad_body"),
        (&post, "/admin/v1/workspaces", json!({ "name": "test" }), 409, "name_taken"),
        (&post, &grants, json!({ "amount": "0" }), 400, "bad_field"),
        (&post, &grants, json!({ "amount": "-1" }), 400, "bad_body"),
        (&post, &grants, json!({ "amount": "1", "id": "g/1" }), 400, "bad_field"),
        (&post, &grants, json!({ "amount": "1", "source": "plan" }), 400, "bad_field"),
        (&post, "/admin/v1/workspaces/ws_none/grants", json!({ "amount": "1" }), 404, "not_found"),
        (&post, "/admin/v1/keys", json!({ "workspace": "w", "plan": "none" }), 400, "bad_field"),
        (&post, "/admin/v1/keys/key_none/revoke", json!({}), 404, "not_found"),
        (&post, "/admin/v1/offerings/drain", json!({ "offering": "none" }), 404, "not_found"),
        (&post, "/admin/v1/policy/check", json!({ "files": {} }), 400, "bad_field"),
        (&get, "/admin/v1/workspaces?limit=0", json!({}), 400, "bad_query"),
        (&get, "/admin/v1/workspaces?cursor=abc", json!({}), 400, "bad_cursor"),
        (&get, "/admin/v1/workspaces?color=red", json!({}), 400, "bad_query"),
        (&get, "/admin/v1/usage?by=size", json!({}), 400, "bad_query"),
        (&get, "/admin/v1/usage?since=2020-01-01&until=2026-01-01", json!({}), 400, "bad_query"),
        (&get, "/admin/v1/usage?format=xml", json!({}), 400, "bad_query"),
        (&get, "/admin/v1/nothing", json!({}), 404, "path_unknown"),
        (&Method::DELETE, "/admin/v1/keys", json!({}), 405, "wrong_method"),
    ];
    for (method, path, body, status, code) in cases {
        let reply = desk.ask(&desk.operator, (method.clone(), path), Some(&body)).await;
        let error = &reply.json()["error"];
        assert_eq!(
            (reply.status, &error["code"]),
            (status, &json!(code)),
            "{path} {body}: {error}"
        );
        assert!(!error["remedy"].as_str().unwrap().is_empty(), "{error}");
    }
    let large = json!({ "name": "x".repeat(2 << 20) });
    let reply =
        desk.ask(&desk.operator, (post.clone(), "/admin/v1/workspaces"), Some(&large)).await;
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (413, &json!("body_too_large")));
    assert_eq!(desk.world.available(), "10");
    let audit = desk.get("/admin/v1/audit").await;
    let actions: BTreeSet<&str> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["action"].as_str().unwrap())
        .collect();
    assert_eq!(
        actions,
        BTreeSet::from(["workspace.create", "credits.grant", "key.create", "token.create"]),
        "what was refused is no change"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_for_whoever_asked_and_for_nobody_else() {
    let desk = Desk::new();
    for token in [&desk.operator, ""] {
        let reply = desk.ask(token, (Method::GET, "/admin/v1/me"), None).await;
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("content-type", "application/json"),
        ] {
            assert_eq!(reply.header(name), Some(value), "{name}");
        }
        assert!(reply.header("content-security-policy").unwrap().contains("default-src 'none'"));
        assert!(reply.header("x-request-id").unwrap().starts_with("req_"));
        assert!(reply.header("set-cookie").is_none());
    }
    let metrics = desk.world.metrics().await;
    let line = r#"pixelgate_admin_requests_total{outcome="ok",route="/admin/v1/me"} 1"#;
    assert!(metrics.contains(line), "{metrics}");
}
