//! Receivers that are not there, say no, say nothing, or are where nobody may be told.

use serde_json::json;

use super::{ask, hooked};
use crate::receiver::{Receiver, Says};
use crate::world::World;

fn dead(world: &World, why: &str) {
    let line = world.log_line("an app will not be told of its job");
    assert!(line.contains(&format!("\"why\":\"{why}\"")), "{line}");
    assert!(!line.contains("by=pixelgate"), "the log holds the address: {line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_twice_is_told_a_third_time_under_the_same_name() {
    let mut receiver = Receiver::saying(&[500, 302]).await;
    let hooked = hooked(&[&receiver], "", "");
    let id = hooked.asked(&receiver.webhook()).await;
    let told = [receiver.next().await, receiver.next().await, receiver.next().await];
    let [first, ..] = &told;
    for one in &told {
        assert_eq!(one.header("webhook-id"), first.header("webhook-id"));
        assert_eq!(one.body, first.body);
        assert!(one.is_signed_by(&hooked.secret()));
    }
    assert_eq!(hooked.over(&id).await, ("told".to_owned(), 3, Some("204".to_owned())));
    for answer in ["5xx", "3xx", "2xx"] {
        let line = format!("pixelgate_webhook_tries_total{{answer=\"{answer}\"}} 1");
        hooked.counted(&line).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let mut other = Receiver::saying(&[]).await;
    let moved = Says::Status(307, vec![("location", other.webhook())]);
    let mut receiver = Receiver::start([moved]).await;
    let hooked = hooked(&[&receiver, &other], "", "");
    hooked.asked(&receiver.webhook()).await;
    receiver.next().await;
    receiver.next().await;
    assert!(other.has_heard_nothing_more());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_told_nothing_more() {
    let mut receiver = Receiver::saying(&[410]).await;
    let hooked = hooked(&[&receiver], "", "");
    let id = hooked.asked(&receiver.webhook()).await;
    receiver.next().await;
    tokio::task::block_in_place(|| dead(&hooked.world, "gone"));
    assert_eq!(hooked.written(&id), ("gone".to_owned(), 1, Some("410".to_owned())));
    assert!(receiver.has_heard_nothing_more());
    hooked.counted("pixelgate_webhooks_total{end=\"gone\"} 1").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_so_many_tries_it_is_given_up() {
    let mut receiver = Receiver::saying(&[500; 9]).await;
    let hooked = hooked(&[&receiver], "tries_max = 3\nwait_max = \"2ms\"", "");
    let id = hooked.asked(&receiver.webhook()).await;
    for _ in 0..3 {
        receiver.next().await;
    }
    tokio::task::block_in_place(|| dead(&hooked.world, "tries"));
    assert_eq!(hooked.written(&id), ("tries".to_owned(), 3, Some("500".to_owned())));
    assert!(receiver.has_heard_nothing_more());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_wants_to_be_left_alone_for_too_long_is() {
    let wait = |seconds: u32| Says::Status(429, vec![("retry-after", seconds.to_string())]);
    let mut receiver = Receiver::start([wait(0), wait(61)]).await;
    let hooked = hooked(&[&receiver], "time_max = \"1m\"", "");
    let id = hooked.asked(&receiver.webhook()).await;
    receiver.next().await;
    receiver.next().await;
    tokio::task::block_in_place(|| dead(&hooked.world, "late"));
    assert_eq!(hooked.written(&id), ("late".to_owned(), 2, Some("429".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_delays_itself_only() {
    let silent = || [Says::Nothing, Says::Nothing, Says::Nothing, Says::Nothing];
    let mut slow = Receiver::start(silent()).await;
    let mut quick = Receiver::saying(&[]).await;
    let bounds = "[webhooks]\nsending_per_lane_max = 1\n";
    let hooked = hooked(&[&slow, &quick], "timeout = \"1m\"", bounds);
    for _ in 0..2 {
        hooked.asked(&slow.webhook()).await;
    }
    slow.next().await;
    for _ in 0..3 {
        let id = hooked.asked(&quick.webhook()).await;
        quick.next().await;
        assert_eq!(hooked.over(&id).await.0, "told");
    }
    assert!(slow.has_heard_nothing_more(), "its second notice did not wait for the first");
    hooked.counted("pixelgate_webhooks_waiting 2").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_hangs_is_asked_again_after_its_time() {
    let mut receiver = Receiver::start([Says::Nothing]).await;
    let hooked = hooked(&[&receiver], "timeout = \"50ms\"", "");
    let id = hooked.asked(&receiver.webhook()).await;
    receiver.next().await;
    receiver.next().await;
    assert_eq!(hooked.over(&id).await.1, 2);
    let line = "pixelgate_webhook_tries_total{answer=\"timed_out\"} 1";
    hooked.counted(line).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_name_that_leads_inside_is_not_called() {
    let mut receiver = Receiver::saying(&[]).await;
    let port = receiver.address.port();
    let also = format!("hosts = [\"http://localhost:{port}\"]\ntries_max = 1");
    let hooked = hooked(&[], &also, "");
    let id = hooked.asked(&format!("http://localhost:{port}/told?by=pixelgate")).await;
    tokio::task::block_in_place(|| dead(&hooked.world, "tries"));
    assert_eq!(hooked.written(&id), ("tries".to_owned(), 1, Some("inside".to_owned())));
    assert!(receiver.has_heard_nothing_more());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_taken_off_the_list_is_told_nothing_more() {
    let mut receiver = Receiver::saying(&[500; 9]).await;
    let hooked = hooked(&[&receiver], "first_wait = \"1h\"", "");
    let id = hooked.asked(&receiver.webhook()).await;
    receiver.next().await;
    tokio::task::block_in_place(|| hooked.world.log_line("an app is told of its job later"));
    let policy = std::fs::read_to_string(hooked.world.policy_file()).unwrap();
    let policy = policy.replace(&receiver.origin(), "https://other.example");
    std::fs::write(hooked.world.policy_file(), policy).unwrap();
    let hooked = tokio::task::block_in_place(|| hooked.restarted_when_due());
    assert_eq!(hooked.over(&id).await.0, "barred");
    assert!(receiver.has_heard_nothing_more());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_whose_time_passed_while_nobody_served_is_dead() {
    let mut receiver = Receiver::saying(&[500; 9]).await;
    let hooked = hooked(&[&receiver], "first_wait = \"1h\"", "");
    let id = hooked.asked(&receiver.webhook()).await;
    receiver.next().await;
    tokio::task::block_in_place(|| hooked.world.log_line("an app is told of its job later"));
    let policy = std::fs::read_to_string(hooked.world.policy_file()).unwrap();
    let policy = policy.replace("[webhooks]", "[webhooks]\ntime_max = \"1ms\"");
    std::fs::write(hooked.world.policy_file(), policy).unwrap();
    let hooked = tokio::task::block_in_place(|| hooked.restarted_when_due());
    assert_eq!(hooked.over(&id).await, ("late".to_owned(), 1, Some("500".to_owned())));
    assert!(receiver.has_heard_nothing_more());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_many_ends_to_be_told_of_is_refused_one_more_and_let_in_when_they_are() {
    let mut receiver = Receiver::start([Says::Nothing]).await;
    let bounds = "[jobs]\nuntold_per_workspace_max = 1\n";
    let hooked = hooked(&[&receiver], "timeout = \"1m\"", bounds);
    let id = hooked.asked(&receiver.webhook()).await;
    receiver.next().await;
    let body = json!({"prompt": "a fox"});
    let refused = ask(&hooked.world, super::IMAGES, &body, &receiver.webhook()).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("5")));
    assert_eq!(hooked.world.available(), "9");
    assert_eq!(hooked.world.post(super::IMAGES, &body).await.status, 202);
    let line = "pixelgate_bounds_met_total{bound=\"untold_per_workspace_max\"} 1";
    hooked.counted(line).await;
    receiver.recovers();
    let hooked = tokio::task::block_in_place(|| hooked.restarted());
    receiver.next().await;
    assert_eq!(hooked.over(&id).await.0, "told");
    hooked.asked(&receiver.webhook()).await;
    hooked.world.verify();
}
