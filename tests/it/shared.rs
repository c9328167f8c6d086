//! Several gateways that count together in one Redis.

use std::process::{Child, Command, Stdio};

use crate::world::{PAINTED, World};

/// A Redis of one's own, which ends with the test.
pub(crate) struct Redis {
    process: Child,
    port: u16,
}

impl Redis {
    pub(crate) fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is there; `scripts/need redis-server` installs it");
        Self { process, port }
    }

    pub(crate) fn address(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What a gateway is told of it.
    pub(crate) fn config(&self, more: &str) -> String {
        format!(
            "limits.redis = \"redis://127.0.0.1:{}\"\nlimits.redis_deadline = \"2s\"\n{more}",
            self.port
        )
    }

    fn end(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.end();
    }
}

fn fifty() -> String {
    let limits = r#"limits = [{ name = "everyone", requests = 50, per = "5m", of = "plan" }]"#;
    PAINTED.replace("concurrency_max = 1000", limits)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_three_gateways_fifty_requests_pass_and_not_one_more() {
    let redis = Redis::start();
    let worlds: Vec<World> = tokio::task::block_in_place(|| {
        (0..3).map(|_| World::with(&fifty(), "100", &redis.config(""))).collect()
    });
    let asked = (0..90).map(|n: usize| worlds[n % 3].paint());
    let replies = futures_util::future::join_all(asked).await;
    let served = replies.iter().filter(|reply| reply.status == 200).count();
    let refused = replies.iter().filter(|reply| reply.status == 429).count();
    assert_eq!((served, refused), (50, 40));
    let told = replies.iter().find(|reply| reply.status == 429).unwrap();
    assert!(told.header("ratelimit").unwrap().contains("\"everyone\";r=0"));
    assert!(told.header("retry-after").is_some());
    let metrics = worlds[0].metrics().await;
    assert!(metrics.contains("pixelgate_shared_windows_up{store=\"redis\"} 1"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_requests_are_refused_or_served_within_a_share_as_configured() {
    let mut redis = Redis::start();
    let share = "limits.lost = \"local_share\"\nlimits.nodes = 10\n";
    let (refusing, sharing) = tokio::task::block_in_place(|| {
        let refusing = World::with(&fifty(), "100", &redis.config(""));
        (refusing, World::with(&fifty(), "100", &redis.config(share)))
    });
    assert_eq!(refusing.paint().await.status, 200);
    redis.end();
    let refused = refusing.paint().await;
    assert_eq!(refused.status, 503, "{}", refused.json());
    assert!(refused.header("retry-after").is_some());
    let mut served = 0;
    for _ in 0..8 {
        served += usize::from(sharing.paint().await.status == 200);
    }
    assert_eq!(served, 5, "a tenth of fifty");
    refusing.verify();
    sharing.verify();
}
