//! The receiver that the manual shows, run as it stands there.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use super::hooked;
use crate::receiver::Receiver;
use crate::world::read;

/// The one Python program in docs/webhooks.md.
fn shown() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/webhooks.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("```python\n").expect("the manual shows a receiver");
    rest.split_once("```").unwrap().0.to_owned()
}

/// A program that ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_in_the_manual_believes_us_and_nobody_else() {
    #[expect(clippy::disallowed_methods, reason = "the one setting of these tests")]
    let python = std::env::var("PIXELGATE_PYTHON")
        .unwrap_or_else(|_| panic!("PIXELGATE_PYTHON is not set; run this test by `scripts/test`"));
    let mut signed = Receiver::saying(&[]).await;
    let hooked = hooked(&[&signed], "", "");
    hooked.asked(&signed.webhook()).await;
    let told = signed.next().await;
    let file = hooked.world.folder.path().join("receiver.py");
    std::fs::write(&file, shown()).unwrap();
    let mut program = Command::new(python)
        .arg(file)
        .arg("0")
        .env("WEBHOOK_SECRETS", hooked.secret().trim())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(program.stdout.take().unwrap()).lines();
    let _program = Program(program);
    let mut line = || tokio::task::block_in_place(|| said.next().unwrap().unwrap());
    let ready = line();
    let address = format!("http://127.0.0.1:{}", ready.rsplit(' ').next().unwrap());

    let send = |body: Vec<u8>, at: &str| {
        let request = hooked.world.client.post(&address).body(body);
        let headers = ["webhook-id", "webhook-signature"];
        let request =
            headers.iter().fold(request, |request, name| request.header(*name, told.header(name)));
        read(request.header("webhook-timestamp", at))
    };
    let at = told.header("webhook-timestamp");
    let forged = json!({"type": "job.completed", "data": {"id": "job_forged"}}).to_string();
    assert_eq!(send(forged.into_bytes(), at).await.status, 401);
    assert_eq!(send(told.body.to_vec(), "1700000000").await.status, 401);
    assert_eq!(send(told.body.to_vec(), at).await.status, 204);
    assert_eq!(line(), format!("job.completed {}", told.json()["data"]["id"].as_str().unwrap()));

    // And from the gateway itself.
    let policy = std::fs::read_to_string(hooked.world.policy_file()).unwrap();
    let policy = policy.replace(&signed.origin(), &address);
    std::fs::write(hooked.world.policy_file(), policy).unwrap();
    tokio::task::block_in_place(|| hooked.world.log_line("a new policy is in force"));
    let id = hooked.asked(&address).await;
    assert_eq!(line(), format!("job.completed {id}"));
    assert_eq!(hooked.over(&id).await.0, "told");
}
