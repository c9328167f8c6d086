//! Which requests are exported, and a collector that is gone: nobody waits for it.

use serde_json::json;

use crate::collector::{Collector, Takes};
use crate::vendor::{Answers, FakeVendor};
use crate::world::{OPENAI, World};

use super::{ask, policy, traceparent};

/// The value of a metric without labels, or of all its rows.
pub(crate) async fn metric(world: &World, name: &str) -> f64 {
    let metrics = world.metrics().await;
    let rows = metrics.lines().filter(|line| line.starts_with(name));
    rows.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_what_is_not_traced_only_faults_of_others_are_kept() {
    let broken = FakeVendor::start(Answers::Json(500, json!({"error": {"message": "no"}}))).await;
    let collector = Collector::start(Takes::All).await;
    let config = collector.config("http", "ratio = 0.0");
    let world = World::with(&policy(&broken, &broken), "10", &config);
    assert_eq!(world.paint().await.status, 200);
    let wrong = world.post(OPENAI, &json!({"model": "paint", "size": "32x32"})).await;
    assert_eq!(wrong.status, 400);
    assert_eq!(world.post_as("pg_wrong", OPENAI, "{}".to_owned()).await.status, 401);
    assert_eq!(ask(&world, &[("traceparent", &traceparent("00"))]).await.status, 502);
    assert_eq!(ask(&world, &[]).await.status, 502);
    let spans = collector.of_requests(1).await;
    let roots: Vec<_> = spans.iter().filter(|span| span.is_whole()).collect();
    assert_eq!(roots.len(), 1, "{roots:#?}");
    assert!(roots[0].is_error);
    assert_eq!(roots[0].said["pixelgate.refusal"], "vendor_failed");
    assert_eq!(roots[0].said["error.type"], "vendor_failed");
    assert_eq!(roots[0].said["pixelgate.blame"], "vendor");
    assert_eq!(roots[0].said["http.response.status_code"], 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_kept_where_config_says_so() {
    let broken = FakeVendor::start(Answers::Json(500, json!({"error": {"message": "no"}}))).await;
    let collector = Collector::start(Takes::All).await;
    let config = collector.config("http", "ratio = 0.0\nkeep_faults = false");
    let mut world = World::with(&policy(&broken, &broken), "10", &config);
    assert_eq!(ask(&world, &[]).await.status, 502);
    assert!(world.stop().success());
    assert_eq!(collector.so_far().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_its_code_and_is_no_error_where_the_caller_is_to_blame() {
    let collector = Collector::start(Takes::All).await;
    let world = World::with(crate::world::PAINTED, "10", &collector.config("grpc", ""));
    assert_eq!(world.post_as("pg_wrong", OPENAI, "{}".to_owned()).await.status, 401);
    let spans = collector.of_requests(1).await;
    let root = spans.iter().find(|span| span.is_whole()).unwrap();
    assert_eq!(
        (root.said["pixelgate.refusal"].as_str(), root.is_error),
        (Some("key_unknown"), false)
    );
    assert_eq!(root.said["error.type"], json!(null));
    assert!(!format!("{spans:?}").contains("pg_wrong"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_is_exported_at_the_end_of_the_process() {
    for way in ["http", "grpc"] {
        let collector = Collector::start(Takes::All).await;
        let config = collector.config(way, "").replace("20ms", "1h");
        let mut world = World::with(crate::world::PAINTED, "10", &config);
        for _ in 0..3 {
            assert_eq!(world.paint().await.status, 200);
        }
        assert_eq!(collector.so_far().len(), 0);
        assert!(world.stop().success());
        assert_eq!(collector.so_far().iter().filter(|span| span.is_whole()).count(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_answers_delays_nobody_and_what_it_misses_is_counted() {
    for way in ["http", "grpc"] {
        let collector = Collector::start(Takes::Never).await;
        let more = "queue_max = 2\ntimeout = \"1h\"\nbatch_spans = 1\nflush_timeout = \"50ms\"";
        let config = collector.config(way, more);
        let mut world = World::with(crate::world::PAINTED, "100", &config);
        assert_eq!(world.paint().await.status, 200);
        // From here on the exporter waits, two requests fit, and the others are let go.
        collector.asked(1).await;
        for _ in 0..6 {
            assert_eq!(world.paint().await.status, 200);
        }
        let dropped =
            metric(&world, "pixelgate_trace_spans_dropped_total{why=\"queue_full\"}").await;
        assert!(dropped >= 4.0 * 10.0, "{dropped} spans of four requests");
        let waiting = metric(&world, "pixelgate_trace_requests_waiting").await;
        assert!((waiting - 2.0).abs() < 0.5, "{waiting}");
        assert!(metric(&world, "pixelgate_trace_spans_exported_total").await < 0.5);
        assert!(world.stop().success(), "the end has a bound");
        world.verify();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_gone_or_says_no_is_told_of_once_and_costs_nothing() {
    let refusing = Collector::start(Takes::Nothing).await;
    let gone = "[traces]\nexport = \"grpc\"\nendpoint = \"http://127.0.0.1:1\"\nevery = \"20ms\"\n\
        timeout = \"200ms\"\n";
    for config in [refusing.config("http", ""), refusing.config("grpc", ""), gone.to_owned()] {
        let mut world = World::with(crate::world::PAINTED, "100", &config);
        assert_eq!(world.paint().await.status, 200);
        let line = tokio::task::block_in_place(|| world.log_line("spans cannot be exported"));
        assert!(line.contains("\"level\":\"WARN\""), "{line}");
        assert_eq!(world.paint().await.status, 200);
        assert!(world.stop().success());
        let again = world.rest_of_log().into_iter().filter(|line| line.contains("cannot be"));
        assert_eq!(again.count(), 0, "once is enough");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_is_not_where_config_says_keeps_the_process_from_starting() {
    let world = World::painted("1");
    let own = tempfile::tempdir().unwrap();
    let file = own.path().join("gateway.toml");
    let config = format!(
        "store.directory = \"data\"\npolicy.directory = \"{}\"\nadmin.address = \"127.0.0.1:0\"\n\
         public.address = \"127.0.0.1:0\"\n[traces]\nexport = \"http\"\nheaders = {{ a = \"env:NOT_THERE\" }}\n",
        world.folder.path().join("policies").display()
    );
    std::fs::write(&file, config).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_pixelgate"))
        .args(["serve", "--config"])
        .arg(&file)
        .current_dir(own.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("traces.headers") && said.contains("env:NOT_THERE"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_behind_tls_is_sent_spans_if_its_authority_is_known_and_nothing_else() {
    for way in ["http", "grpc"] {
        let (collector, authority) = Collector::start_tls().await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("authority.pem");
        std::fs::write(&file, authority).unwrap();
        let config = collector.config(way, &format!("authority = \"{}\"", file.display()));
        let at = format!("https://localhost:{}", collector.address.port());
        let config = config.replace(&format!("http://{}", collector.address), &at);
        let world = World::with(crate::world::PAINTED, "10", &config);
        assert_eq!(world.paint().await.status, 200);
        collector.of_requests(1).await;

        let stranger = config.replace(&format!("{}", file.display()), "");
        let world = World::with(crate::world::PAINTED, "10", &stranger);
        let already = collector.so_far().len();
        assert_eq!(world.paint().await.status, 200);
        tokio::task::block_in_place(|| world.log_line("spans cannot be exported"));
        assert_eq!(collector.so_far().len(), already, "nobody vouches for it");
    }
}
