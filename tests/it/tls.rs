//! TLS when a certificate is configured, and a clear word when it cannot be used.

use std::process::Command;

use crate::world::{PAINTED, World};

fn certificate(folder: &std::path::Path) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    (certificate.display().to_string(), key.display().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_http_1_and_http_2_are_served_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate(folder.path());
    let config =
        format!("public.tls_certificate = \"{certificate}\"\npublic.tls_key = \"{key}\"\n");
    let world = World::with(PAINTED, "10", &config);
    let port = world.public.rsplit(':').next().unwrap().to_owned();
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let done = tokio::task::block_in_place(|| {
            Command::new("curl")
                .args([
                    "-s",
                    option,
                    "--cacert",
                    &certificate,
                    "-w",
                    "\n%{http_version} %{http_code}",
                ])
                .args(["-H", &format!("Authorization: Bearer {}", world.key)])
                .arg(format!("https://localhost:{port}/v1/models"))
                .output()
                .unwrap()
        });
        let said = String::from_utf8(done.stdout).unwrap();
        assert!(said.ends_with(&format!("\n{version} 200")), "{option}: {said}");
    }
}

#[test]
fn a_certificate_that_is_none_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let (_, key) = certificate(folder.path());
    let wrong = folder.path().join("wrong.pem");
    std::fs::write(&wrong, "hello").unwrap();
    let config = folder.path().join("gateway.toml");
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    std::fs::write(folder.path().join("policies/p.toml"), PAINTED).unwrap();
    let text = format!(
        "public.address = \"127.0.0.1:0\"\nadmin.address = \"127.0.0.1:0\"\n\
         policy.directory = \"{0}/policies\"\nstore.directory = \"{0}/data\"\n\
         public.tls_certificate = \"{1}\"\npublic.tls_key = \"{key}\"\n",
        folder.path().display(),
        wrong.display(),
    );
    std::fs::write(&config, text).unwrap();
    let tried = Command::new(env!("CARGO_BIN_EXE_pixelgate"))
        .args(["serve", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&tried.stderr).into_owned();
    assert!(!tried.status.success());
    assert!(said.contains("wrong.pem holds no PEM block of a CERTIFICATE"), "{said}");
}
