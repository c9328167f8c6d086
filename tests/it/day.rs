//! A day of requests in a real store, written through the store's own verbs: as many as a test or a
//! bench asks for, with what the policy beside it says of each. Used by both.

use std::path::Path;
use std::process;
use std::sync::Arc;

use pixelgate::auth::Mode;
use pixelgate::canonical::{Came, ImageRequest, Quality, RefusalKind, Sketch};
use pixelgate::clock::SystemClock;
use pixelgate::credits::{Cost, Credits};
use pixelgate::id::{GrantId, HoldId, KeyId, RequestId, WorkspaceId};
use pixelgate::ledger::{HoldAsk, NewGrant, Weighed};
use pixelgate::receipt::{Receipt, ReceiptCaller};
use pixelgate::store::{Command, NewKey, Store};
use tokio::task::JoinSet;

/// The policy that the day was under.
const POLICY: &str = r#"
[vendors.one]
dialect = "painter"
base_url = "painter:"
[vendors.two]
dialect = "painter"
base_url = "painter:"
[models.paint]
strategy = "cheapest"
price = [{ quality = "high", image = "3" }, { image = "1" }]
offerings = [
    { vendor = "one", sides = { min = 16, max = 4096, step = 1 }, count_max = 4, can = ["quality"], cost = [{ image = "0.01" }] },
    { vendor = "two", sides = { min = 16, max = 4096, step = 1 }, count_max = 4, can = ["quality"], cost = [{ image = "0.02" }] },
]
[plans.open]
models = ["*"]
limits = [{ name = "minute", requests = 1000, per = "5m" }, { name = "hour", images = 20000, per = "1h" }]
quotas = [{ name = "day", images = 1000000, per = "day" }]
[plans.short]
models = ["*"]
limits = [{ name = "burst", requests = 2, per = "1s" }]
[[rules.rule]]
name = "drafts"
if = 'has(request.labels.stage) && request.labels.stage == "draft"'
price = { percent = 80 }
"#;

/// The day, and its end.
const SINCE: &str = "2026-11-01";
const UNTIL: &str = "2026-11-02";
const BEGINS_MS: i64 = 1_793_491_200_000;
const DAY_MS: i64 = 86_400_000;

/// Requests that are at work on the store at once.
const HANDS: usize = 64;

/// Who asks: twenty workspaces with five keys each, and one whose bursts are cut short.
struct Askers {
    usual: Vec<ReceiptCaller>,
    short: ReceiptCaller,
}

/// One request of the day, with what came of it.
struct Asked {
    caller: ReceiptCaller,
    at_ms: i64,
    request: ImageRequest,
    charged: Credits,
    offering: &'static str,
    cost: Cost,
    away: Vec<String>,
    refusal: Option<RefusalKind>,
}

/// What the command says of a day that was recorded in this folder.
pub(crate) fn simulated(folder: &Path) -> serde_json::Value {
    let output = process::Command::new(env!("CARGO_BIN_EXE_pixelgate"))
        .arg("--data")
        .arg(folder.join("data"))
        .args(["simulate", "--since", SINCE, "--until", UNTIL, "--format", "json"])
        .arg("--policy")
        .arg(folder.join("policy"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Writes a day of so many requests into a store in this folder, and the policy beside it.
pub(crate) async fn record(folder: &Path, requests: usize) {
    std::fs::create_dir(folder.join("policy")).unwrap();
    std::fs::write(folder.join("policy/policy.toml"), POLICY).unwrap();
    let store = Store::open(&folder.join("data"), Arc::new(SystemClock::start())).unwrap();
    let askers = askers(&store).await;
    let mut hands = JoinSet::new();
    for number in 0..requests {
        if hands.len() == HANDS {
            hands.join_next().await.unwrap().unwrap();
        }
        let asked = asked(&askers, number, requests);
        hands.spawn(write(store.clone(), asked));
    }
    hands.join_all().await;
    store.close().await.unwrap();
}

async fn askers(store: &Store) -> Askers {
    let mut usual = Vec::new();
    for number in 0..20 {
        let workspace = workspace(store, &format!("team {number}")).await;
        for _ in 0..5 {
            usual.push(key(store, &workspace, "open").await);
        }
    }
    let workspace = workspace(store, "hasty").await;
    Askers { usual, short: key(store, &workspace, "short").await }
}

async fn workspace(store: &Store, name: &str) -> WorkspaceId {
    let workspace = store.create_workspace(name.to_owned()).await.unwrap();
    let grant = NewGrant {
        id: GrantId::random(),
        workspace: workspace.clone(),
        amount: Credits::from_nanos(1_000_000_000_000_000),
        source: "manual".to_owned(),
        priority: 0,
        promotional: false,
        effective_at_ms: 0,
        expires_at_ms: None,
        memo: String::new(),
    };
    store.run(Command::Grant(grant)).await.unwrap();
    workspace
}

async fn key(store: &Store, workspace: &WorkspaceId, plan: &str) -> ReceiptCaller {
    let new = NewKey {
        workspace: workspace.clone(),
        name: String::new(),
        plan: plan.to_owned(),
        scopes: vec!["*".to_owned()],
        mode: Mode::Live,
        expires_at_ms: None,
        prefix: None,
        joins_repeats: false,
    };
    let (key, _) = store.create_key(new).await.unwrap();
    ReceiptCaller { workspace: workspace.clone(), key, plan: plan.to_owned(), test: false }
}

/// Of fifty requests three are a burst; of the others one in ten asks for what is not there.
fn asked(askers: &Askers, number: usize, of: usize) -> Asked {
    let at = |number: usize| {
        BEGINS_MS + DAY_MS * i64::try_from(number).unwrap() / i64::try_from(of).unwrap()
    };
    let mut asked = Asked {
        caller: askers.usual[number % askers.usual.len()].clone(),
        at_ms: at(number),
        request: ImageRequest {
            model: Some("paint".to_owned()),
            prompt: "a fox in the snow at dawn, soft light, long shadows ".repeat(8),
            quality: Some(Quality::Low),
            count: 1,
            frame: "1024x1024".parse().unwrap(),
            ..ImageRequest::default()
        },
        charged: Credits::from_nanos(1_000_000_000),
        offering: "paint/one",
        cost: Cost::from_nanos(10_000_000),
        away: Vec::new(),
        refusal: None,
    };
    if let place @ 40..=42 = number % 50 {
        asked.caller = askers.short.clone();
        asked.at_ms = at(number - place + 40) + i64::try_from(place).unwrap() - 40;
        asked.refusal = (place == 42).then_some(RefusalKind::RateLimited);
        return asked;
    }
    match number % 10 {
        6 => {
            asked.request.quality = Some(Quality::High);
            asked.request.count = 2;
            asked.charged = Credits::from_nanos(6_000_000_000);
            asked.cost = Cost::from_nanos(20_000_000);
        }
        7 => {
            asked.request.labels.insert("stage".to_owned(), "draft".to_owned());
            asked.charged = Credits::from_nanos(800_000_000);
        }
        8 => {
            asked.away = vec!["paint/one".to_owned()];
            asked.offering = "paint/two";
            asked.cost = Cost::from_nanos(20_000_000);
        }
        9 => {
            asked.request.model = Some("nope".to_owned());
            asked.refusal = Some(RefusalKind::ModelUnknown);
        }
        _ => {}
    }
    asked
}

async fn write(store: Store, asked: Asked) {
    let request = RequestId::random();
    let came =
        asked.refusal.is_none().then(|| Came { count: asked.request.count, ..Came::default() });
    let sketch = Sketch { away: asked.away.clone(), came, ..Sketch::of(&asked.request) };
    let receipt = Receipt {
        dialect: "openai",
        caller: Some(asked.caller.clone()),
        operation: Some("generate"),
        model: asked
            .request
            .model
            .clone()
            .filter(|_| asked.refusal != Some(RefusalKind::ModelUnknown)),
        images_asked: asked.request.count,
        labels: asked.request.labels.clone(),
        refusal: asked.refusal,
        total_us: 4_000_000,
        sketch: Some(Box::new(sketch)),
        ..Receipt::begin(request.clone(), asked.at_ms, "day".into())
    };
    if asked.refusal.is_some() {
        while !store.note(receipt.clone()) {
            tokio::task::yield_now().await;
        }
        return;
    }
    let hold = HoldId::random();
    store.hold(ask(&asked, &hold, request)).await.unwrap();
    let receipt = Receipt {
        offering: Some(asked.offering.to_owned()),
        vendor: Some(asked.offering.trim_start_matches("paint/").to_owned()),
        images: asked.request.count,
        attempts: 1,
        status: 200,
        charged: asked.charged,
        cost: asked.cost,
        hold: Some(hold.clone()),
        ..receipt
    };
    store.settle(hold, asked.charged, receipt).await.unwrap();
}

fn ask(asked: &Asked, hold: &HoldId, request: RequestId) -> HoldAsk {
    let key: &KeyId = &asked.caller.key;
    HoldAsk {
        hold: hold.clone(),
        workspace: asked.caller.workspace.clone(),
        key: key.clone(),
        request,
        amount: asked.charged,
        expires_at_ms: i64::MAX,
        quotas: Vec::new(),
        price_version: None,
        policy_version: "day".into(),
        weighs: Weighed::default(),
    }
}
