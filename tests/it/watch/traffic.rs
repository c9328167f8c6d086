//! Traffic of every kind that is counted: successes, refusals, vendors' faults, jobs, webhooks,
//! budgets, rules, repeats, reloads.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::receiver::Receiver;
use crate::rules::verdict;
use crate::shared::Redis;
use crate::vendor::{Answers, FakeVendor};
use crate::webhooks::{NEW, ask};
use crate::world::{OPENAI, PAINTED, World, read};

/// A gateway with everything that it counts, and whom it needs for that.
pub(super) struct Stage {
    pub(super) world: World,
    /// A key whose plan has limits.
    tight: String,
    receiver: Receiver,
    rounds: AtomicUsize,
    policy: String,
    vendors: Vec<FakeVendor>,
    _redis: Redis,
    _folders: [TempDir; 2],
}

const POLICY: &str = r#"
[models.remote]
price.tokens.image_out = { million = "100000", max = 5 }
[[models.remote.offerings]]
vendor = "acme"
sizes = ["64x64"]
formats = ["png"]
cost.tokens.image_out = { million = "30", max = 5 }

[models.silent]
price.tokens.image_out = { million = "100", max = 500 }
[[models.silent.offerings]]
vendor = "wordless"
sizes = ["64x64"]
cost.tokens.image_out = { million = "30", max = 500 }

[models.broken]
price = [{ image = "1" }]
offerings = [{ vendor = "broken", sizes = ["64x64"], cost = [{ image = "0.01" }] }]

[models.hanging]
price = [{ image = "1" }]
deadline = "1s"
offerings = [{ vendor = "hanging", sizes = ["64x64"], cost = [{ image = "0.01" }] }]

[models.odd]
price = { expression = "1000 / (width - 112)" }
[[models.odd.offerings]]
vendor = "acme"
sides = { min = 64, max = 512, step = 4 }
cost = [{ image = "1" }]

[plans.tight]
models = ["*"]
limits = [
  { name = "tried", requests = 1, per = "1m", shadow = true },
  { name = "few", requests = 2, per = "1m" },
]

[budgets.all]
credits = 100000
per = "day"
alert_at = [1]

[budgets.small]
label = "team=red"
credits = 2
per = "day"
stop = true

[rules.moderation]
vendor = "checker"
model = "omni"
cost = "0.001"
deny_from = { violence = 0.5 }
message = "nothing violent"

[[rules.rule]]
name = "few"
if = 'request.count > 5'
deny = "five pictures at most"
"#;

impl Stage {
    pub(super) async fn set() -> Self {
        let wordless = json!({ "data": [{ "b64_json": picture() }] });
        let fault = json!({ "error": { "message": "we are on fire" } });
        let mut vendors = Vec::new();
        let mut policy = format!("[defaults]\nmodel = \"paint\"\n{PAINTED}\n");
        for (name, answers) in [
            ("acme", Answers::OpenAi),
            ("checker", verdict(0.1)),
            ("wordless", Answers::Json(200, wordless)),
            ("broken", Answers::Json(500, fault)),
            ("hanging", Answers::Hangs),
        ] {
            let vendor = FakeVendor::start(answers).await;
            policy.push_str(&vendor.policy(name, "openai"));
            vendors.push(vendor);
        }
        let receiver = Receiver::start([]).await;
        let (secrets, shadow) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let secret = secrets.path().join("new");
        std::fs::write(&secret, NEW).unwrap();
        let rest = format!(
            "[webhooks]\ninside_hosts = {}\nsecrets = [\"file:{}\"]\n{POLICY}",
            json!([receiver.origin()]),
            secret.display()
        );
        policy.push_str(&rest);
        std::fs::write(shadow.path().join("policy.toml"), PAINTED).unwrap();
        let redis = Redis::start();
        let config = redis.config(&format!(
            "policy.shadow_directory = \"{}\"\nstore.audit_every = \"1s\"\nmetrics.workspaces_max = 5\n\
             public.body_bytes_max = \"64KiB\"\n",
            shadow.path().display()
        ));
        let (world, tight) = tokio::task::block_in_place(|| {
            let world = World::with(&policy, "10000", &config);
            let tight = world.new_key(&["--plan", "tight"]);
            (world, tight)
        });
        let rounds = AtomicUsize::new(0);
        let folders = [secrets, shadow];
        Self { world, tight, receiver, rounds, policy, vendors, _redis: redis, _folders: folders }
    }

    /// A little of everything, once; what must have succeeded has.
    pub(super) async fn round(&self) {
        let round = self.rounds.fetch_add(1, Ordering::Relaxed);
        let world = &self.world;
        for _ in 0..3 {
            assert_eq!(world.paint().await.status, 200);
        }
        let webp = json!({ "output_format": "webp" });
        assert_eq!(self.asked("remote", &webp).await, 200, "acme draws, and it is made a WebP");
        assert_eq!(self.asked("silent", &json!({})).await, 200);
        self.asked("broken", &json!({})).await;
        self.asked("odd", &json!({ "size": "112x64" })).await;
        assert_eq!(self.asked("paint", &json!({ "n": 6 })).await, 403, "a rule says no");
        let body = json!({ "model": "paint", "prompt": "a fox", "size": "32x32" });
        world.post_as("pg_nobody", OPENAI, body.to_string()).await;
        world.post_as(&self.tight, OPENAI, body.to_string()).await;
        world.post_with(OPENAI, &body, &[("pixelgate-labels", "team=red")]).await;
        let again = [("idempotency-key", "the-same-each-time")];
        assert_eq!(world.post_with(OPENAI, &body, &again).await.status, 200);
        world.post_as(&world.key, OPENAI, " ".repeat(100 << 10)).await;
        let (fox, webhook) = (json!({ "prompt": "a fox" }), self.receiver.webhook());
        assert_eq!(ask(world, "/v1/images", &fox, &webhook).await.status, 202);
        read(world.client.get(format!("{}/admin/v1/me", world.admin))).await;
        if round == 0 {
            self.asked("hanging", &json!({})).await;
        }
        if round < 4 {
            let more =
                format!("{}\n# {round}\n{}", self.policy, if round == 1 { "not TOML" } else { "" });
            std::fs::write(world.policy_file(), more).unwrap();
            world.signal("-HUP");
        }
        assert!(self.vendors.iter().any(|vendor| vendor.calls() > 0));
    }

    async fn asked(&self, model: &str, more: &Value) -> u16 {
        let mut body = json!({ "model": model, "prompt": "a fox", "size": "64x64" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.world.post(OPENAI, &body).await.status
    }
}

/// A small picture in Base64.
fn picture() -> String {
    use base64::Engine as _;
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(64, 64).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    base64::engine::general_purpose::STANDARD.encode(bytes.into_inner())
}
