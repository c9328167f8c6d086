//! The files of `deploy/`, held against the gateway's own settings and against each other.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::watch::promtool;

use super::{CONTAINED, environment, policies, root, seconds, settings, text, variables, yaml};

/// The one container of the Deployment.
fn container(deployment: &Value) -> &Value {
    &deployment["spec"]["template"]["spec"]["containers"][0]
}

#[test]
fn every_deployment_serves_where_its_ports_say() {
    let dockerfile = text("deploy/Dockerfile");
    for path in CONTAINED {
        let config = settings(path);
        assert_eq!(config.public.address.to_string(), "0.0.0.0:8080", "{path}");
        assert_eq!(config.admin_address.to_string(), "0.0.0.0:8081", "{path}");
        assert_eq!(config.store_directory.to_str(), Some("/var/lib/pixelgate"), "{path}");
        assert_eq!(config.policy_directory.to_str(), Some("/etc/pixelgate/policies"), "{path}");
    }
    assert!(dockerfile.contains("\nEXPOSE 8080 8081\n"));
    let compose = yaml("deploy/compose.yaml");
    let ports = &compose["services"]["gateway"]["ports"];
    assert_eq!(ports, &json!(["8080:8080", "127.0.0.1:8081:8081"]));
    let deployment = yaml("deploy/kubernetes/deployment.yaml");
    let own = &container(&deployment)["ports"];
    let said = json!([{"name": "public", "containerPort": 8080}, {"name": "admin", "containerPort": 8081}]);
    assert_eq!(own, &said);
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        assert_eq!(container(&deployment)[probe]["httpGet"]["port"], "admin", "{probe}");
    }
    let scraped = &yaml("deploy/prometheus.yaml")["scrape_configs"][0];
    assert_eq!(scraped["dns_sd_configs"][0]["port"], 8081);
    let single = settings("deploy/systemd/gateway.toml");
    assert!(single.public.address.ip().is_loopback() && single.admin_address.ip().is_loopback());
    assert_eq!(single.store_directory.to_str(), Some("/var/lib/pixelgate"));
}

#[test]
fn whoever_stops_a_gateway_waits_longer_than_it_drains() {
    let drains = |path: &str| settings(path).drain_timeout.as_secs();
    let compose = yaml("deploy/compose.yaml");
    let patience = seconds(&compose["services"]["gateway"]["stop_grace_period"]);
    assert!(patience > drains("deploy/gateway.toml"));
    let deployment = yaml("deploy/kubernetes/deployment.yaml");
    let patience = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"].as_u64();
    let before = container(&deployment)["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64();
    assert!(patience.unwrap() > before.unwrap() + drains("deploy/kubernetes/gateway.toml"));
    let unit = text("deploy/systemd/pixelgate.service");
    let patience = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).unwrap();
    assert!(patience.parse::<u64>().unwrap() > drains("deploy/systemd/gateway.toml"));
}

#[test]
fn every_file_that_is_mounted_or_copied_is_there() {
    let compose = yaml("deploy/compose.yaml");
    let mut mounted = 0;
    for (name, service) in compose["services"].as_object().unwrap() {
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let from = volume.as_str().unwrap().split(':').next().unwrap();
            if from.starts_with('.') {
                assert!(root().join("deploy").join(from).exists(), "{name} mounts {from}");
                mounted += 1;
            } else if from.starts_with('/') {
                // Two gateways never share a data folder, so theirs has no name.
                assert_eq!((name.as_str(), from), ("gateway", "/var/lib/pixelgate"));
            } else {
                assert!(compose["volumes"].get(from).is_some(), "{name}: no volume {from}");
            }
        }
    }
    assert!(mounted >= 8, "{mounted}");
    let provider = yaml("deploy/grafana/dashboards.yaml");
    assert_eq!(provider["providers"][0]["options"]["path"], "/var/lib/grafana/dashboards");
    for name in ["platform", "finance"] {
        let place = format!("../dashboards/{name}.json:/var/lib/grafana/dashboards/{name}.json:ro");
        let volumes = compose["services"]["grafana"]["volumes"].as_array().unwrap();
        assert!(volumes.contains(&place.clone().into()), "{place}");
    }
    let kustomization = yaml("deploy/kubernetes/kustomization.yaml");
    for resource in kustomization["resources"].as_array().unwrap() {
        let place = root().join("deploy/kubernetes").join(resource.as_str().unwrap());
        assert!(place.exists(), "{}", place.display());
    }
}

#[test]
fn every_variable_that_settings_and_policy_ask_for_is_given() {
    let compose = text("deploy/compose.yaml");
    let services = yaml("deploy/compose.yaml");
    let given = services["services"]["gateway"]["environment"].as_object().unwrap();
    let asked = environment(&text("deploy/gateway.toml"));
    assert_eq!(asked.len(), 4, "{asked:?}");
    for name in &asked {
        assert!(given.contains_key(name), "Compose does not set {name}");
    }
    let deployment = text("deploy/kubernetes/deployment.yaml");
    for name in environment(&text("deploy/kubernetes/gateway.toml")) {
        assert!(deployment.contains(&name), "the Deployment does not name {name}");
    }
    // What Compose takes from its own file, both ways round.
    let used: BTreeSet<String> = compose
        .split("${")
        .skip(1)
        .map(|rest| rest.split([':', '}']).next().unwrap().to_owned())
        .collect();
    assert_eq!(used, variables("deploy/.env.example").into_iter().collect());
    let named = policies()
        .iter()
        .flat_map(|file| environment(&std::fs::read_to_string(file).unwrap()))
        .collect::<BTreeSet<_>>();
    assert_eq!(named, variables("deploy/vendors.env.example").into_iter().collect());
}

#[test]
fn containers_run_without_rights_and_on_a_root_that_cannot_be_written() {
    let dockerfile = text("deploy/Dockerfile");
    let last = dockerfile.rsplit("\nFROM ").next().unwrap();
    assert!(last.starts_with("gcr.io/distroless/") && last.contains("\nUSER 65532:65532\n"));
    assert!(!last.contains("\nRUN "), "there is no shell");
    let gateway = &yaml("deploy/compose.yaml")["services"]["gateway"];
    assert_eq!((&gateway["read_only"], &gateway["user"]), (&json!(true), &json!("65532:65532")));
    assert_eq!(gateway["cap_drop"], json!(["ALL"]));
    let deployment = yaml("deploy/kubernetes/deployment.yaml");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["automountServiceAccountToken"], false);
    let own = &container(&deployment)["securityContext"];
    assert_eq!(own["readOnlyRootFilesystem"], true);
    assert_eq!(own["capabilities"], json!({ "drop": ["ALL"] }));
}

#[test]
fn prometheus_itself_takes_its_settings() {
    let settings = text("deploy/prometheus.yaml");
    let rules = format!("{}/dashboards/rules/", root().display());
    assert!(settings.contains("/etc/prometheus/rules/"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, settings.replace("/etc/prometheus/rules/", &rules)).unwrap();
    promtool(&["check", "config", file.path().to_str().unwrap()], b"");
}

#[test]
fn replicas_that_lost_redis_share_limits_among_as_many_as_there_may_be() {
    let most = &yaml("deploy/kubernetes/autoscaling.yaml")["spec"]["maxReplicas"];
    let lost = settings("deploy/kubernetes/gateway.toml").limits.redis.unwrap().lost;
    let pixelgate::config::Lost::LocalShare { nodes } = lost else { panic!("{lost:?}") };
    assert_eq!(most.as_u64(), Some(u64::from(nodes)));
}

#[test]
fn the_autoscaler_asks_for_a_metric_that_there_is() {
    let scaler = yaml("deploy/kubernetes/autoscaling.yaml");
    let name = scaler["spec"]["metrics"][0]["pods"]["metric"]["name"].as_str().unwrap();
    assert!(text("src/telemetry/metrics.rs").contains(&format!("\"{name}\"")), "{name}");
    let rule = &yaml("deploy/kubernetes/prometheus-adapter.yaml")["rules"]["custom"][0];
    assert_eq!(rule["name"]["as"], name);
    assert!(rule["seriesQuery"].as_str().unwrap().starts_with(name));
}

#[test]
fn the_image_is_built_by_the_pinned_compiler_from_all_that_the_build_needs() {
    let toolchain = text("rust-toolchain.toml");
    let channel = toolchain.split('"').nth(1).unwrap();
    let dockerfile = text("deploy/Dockerfile");
    assert!(dockerfile.contains(&format!("FROM rust:{channel}-bookworm")), "not Rust {channel}");
    // The archive of a release is built beside the same C library.
    let release = text(".github/workflows/release.yml");
    assert!(release.contains(&format!("container: rust:{channel}-bookworm\n")));
    let ignored = text("deploy/Dockerfile.dockerignore");
    let sent: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    // Cargo itself says whether a target is missing, and the sources what they include.
    let context = tempfile::tempdir().unwrap();
    for path in &sent {
        let to = context.path().join(path);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let copied = Command::new("cp").arg("-r").arg(root().join(path)).arg(&to).status();
        assert!(copied.unwrap().success(), "{path} is not there");
    }
    let read = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--locked", "--format-version", "1"])
        .current_dir(context.path())
        .output()
        .unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    for copied in ["deploy/gateway.toml", "policies/models.toml", "config/gateway.toml"] {
        assert!(context.path().join(copied).is_file(), "{copied} is not sent");
    }
    let missing =
        included().into_iter().filter(|path| !sent.iter().any(|own| path.starts_with(own)));
    assert_eq!(missing.collect::<Vec<_>>(), [""; 0], "sources include what is not sent");
}

/// What sources include from outside of `src`, unless for their tests alone.
fn included() -> BTreeSet<String> {
    let found = Command::new("grep")
        .args(["-rhoE", "include_(str|bytes)!\\([^\"]*\"[^\"]+\"", "src"])
        .current_dir(root())
        .output()
        .unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    let paths = found.lines().filter_map(|line| line.split('"').nth(1)?.rsplit_once("../"));
    let outside = paths.map(|(_, path)| path.to_owned());
    outside.filter(|path| !path.starts_with("schema/") && !path.starts_with("tests/")).collect()
}

#[test]
fn a_unit_of_systemd_writes_only_its_state_and_opens_files_for_all_connections() {
    let unit = text("deploy/systemd/pixelgate.service");
    for line in [
        "DynamicUser=yes",
        "StateDirectory=pixelgate",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
    ] {
        assert!(unit.lines().any(|own| own == line), "{line}");
    }
    let files = unit.lines().find_map(|line| line.strip_prefix("LimitNOFILE=")).unwrap();
    let config = settings("deploy/systemd/gateway.toml");
    assert!(files.parse::<usize>().unwrap() > 2 * config.public.connections_max);
    assert!(config.drain_timeout > Duration::from_secs(1));
}

#[test]
fn a_unit_of_systemd_is_started_once_it_serves_and_again_once_it_is_stuck() {
    let unit = text("deploy/systemd/pixelgate.service");
    for line in ["Type=notify", "NotifyAccess=main", "Restart=on-failure"] {
        assert!(unit.lines().any(|own| own == line), "{line}");
    }
    let patience = unit.lines().find_map(|line| line.strip_prefix("WatchdogSec=")).unwrap();
    let watchdog = settings("deploy/systemd/gateway.toml").watchdog;
    // What is stuck is in the log before the process is killed for it.
    let bounds = watchdog.runtime.max(watchdog.store_writer);
    assert!(Duration::from_secs(patience.parse().unwrap()) > bounds);
}
