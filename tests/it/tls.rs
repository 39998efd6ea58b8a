//! The door with a certificate of its own: clients of two families, renewal, and files that are no good.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::fixture::authority::Authority;
use crate::fixture::house::{House, wait_for};

const TOKEN: &str = "a-door-token-that-is-long-enough";

/// A house whose door reads its certificate from the two files.
fn settings(cert: &Path, key: &Path) -> String {
    format!(
        "[door]\nlisten = '127.0.0.1:0'\ntoken = '{TOKEN}'\ntls_cert = '{}'\ntls_key = '{}'\n\
         [[camera]]\nid = 'shed'\nsource = 'test:'\n",
        cert.display(),
        key.display()
    )
}

fn discover() -> Value {
    json!({ "directive": {
        "header": {
            "namespace": "Alexa.Discovery", "name": "Discover", "payloadVersion": "3", "messageId": "m-1",
        },
        "payload": { "scope": { "type": "BearerToken", "token": TOKEN } },
    }})
}

/// Discovers over TLS as rustls does it.
async fn discover_at(door: SocketAddr, authority: &Authority) -> Result<Value, reqwest::Error> {
    let root = std::fs::read(authority.file("root.pem")).unwrap();
    let root = reqwest::Certificate::from_pem(&root).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([root]).build().unwrap();
    let address = format!("https://localhost:{}/api/alexa/smart_home", door.port());
    client.post(address).bearer_auth(TOKEN).json(&discover()).send().await?.json().await
}

/// Says something over TLS as OpenSSL does it; gives what it tells of the connection, and the answer.
fn openssl(door: SocketAddr, authority: &Authority, version: &str, request: &str) -> (bool, String) {
    let mut client = Command::new("openssl")
        .args(["s_client", "-connect", &format!("localhost:{}", door.port()), "-servername", "localhost"])
        .args(["-CAfile", &authority.file("root.pem").display().to_string(), "-verify_return_error"])
        .args(["-verify_hostname", "localhost", version, "-ign_eof"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all(request.as_bytes()).ok();
    let Output { status, stdout, .. } = client.wait_with_output().unwrap();
    (status.success(), String::from_utf8_lossy(&stdout).into_owned())
}

const LOOK: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[actix::test]
async fn a_directive_over_tls_is_answered_whatever_the_client_and_without_tls_nothing_is() {
    let authority = Authority::new("localhost");
    let (chain, key) = authority.issue("door");
    let (cert, key_file) = (authority.file("fullchain.pem"), authority.file("privkey.pem"));
    std::fs::write(&cert, chain).unwrap();
    std::fs::write(&key_file, key).unwrap();
    let house = House::start(&settings(&cert, &key_file));

    let event = discover_at(house.door, &authority).await.unwrap();
    assert_eq!(event["event"]["payload"]["endpoints"][0]["endpointId"], "shed", "{event}");
    let body = discover().to_string();
    let request = format!(
        "POST /api/alexa/smart_home HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    for version in ["-tls1_2", "-tls1_3"] {
        let (well, told) = openssl(house.door, &authority, version, &request);
        assert!(well && told.contains("Verify return code: 0 (ok)") && told.contains("\"shed\""), "{told}");
    }
    let plain = reqwest::Client::new().get(format!("http://{}/healthz", house.door));
    assert!(plain.send().await.is_err());
}

#[actix::test]
async fn a_renewed_certificate_is_shown_without_a_new_start_and_never_with_the_key_of_the_old_one() {
    let authority = Authority::new("localhost");
    let (cert, key_file) = (authority.file("fullchain.pem"), authority.file("privkey.pem"));
    let (chain, key) = authority.issue("spring");
    std::fs::write(&cert, chain).unwrap();
    std::fs::write(&key_file, key).unwrap();
    let house = House::start(&settings(&cert, &key_file));
    let shows = |name: &str| {
        let (well, told) = openssl(house.door, &authority, "-tls1_3", LOOK);
        // Blanks differ between versions of the tool.
        well && told.replace(' ', "").contains(&format!("subject=CN={name}"))
    };
    assert!(shows("spring"));

    // As tools do that write one file after the other, and stop between.
    let (chain, key) = authority.issue("autumn");
    std::fs::write(&cert, chain).unwrap();
    wait_for("the half renewal to be named", async || {
        let problems = house.api("status").await["problems"].to_string();
        (problems.contains("door.tls_key") && problems.contains("is not the key of")).then_some(())
    })
    .await;
    assert!(shows("spring"));
    std::fs::write(&key_file, key).unwrap();
    wait_for("the new certificate", async || shows("autumn").then_some(())).await;
    assert_eq!(house.api("status").await["problems"], json!([]));
}

/// What `doorstep check` says of these settings.
fn check(authority: &Authority, settings: &str) -> (bool, String) {
    let config = authority.file("config.toml");
    std::fs::write(&config, settings).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_doorstep"));
    let Output { status, stdout, .. } = check.args(["check", "--config"]).arg(&config).output().unwrap();
    (status.success(), String::from_utf8_lossy(&stdout).into_owned())
}

#[test]
fn files_that_are_no_good_are_named_with_what_to_do() {
    let authority = Authority::new("localhost");
    let (cert, key_file) = (authority.file("fullchain.pem"), authority.file("privkey.pem"));
    let ((chain, key), (_, other_key)) = (authority.issue("door"), authority.issue("other"));
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let settings = settings(&cert, &key_file);
    for (cert_text, key_text, setting, words) in [
        (chain.as_str(), None, "door.tls_key", "cannot be read"),
        (&chain, Some(""), "door.tls_key", "holds no private key"),
        (&chain, Some(&chain), "door.tls_key", "holds no private key"),
        (&chain, Some(locked), "door.tls_key", "give the key without one"),
        (&chain, Some(&other_key), "door.tls_key", "is not the key of"),
        (&key, Some(&key), "door.tls_cert", "must be the whole chain"),
    ] {
        std::fs::write(&cert, cert_text).unwrap();
        if let Some(text) = key_text {
            std::fs::write(&key_file, text).unwrap();
        }
        let (well, told) = check(&authority, &settings);
        assert!(
            !well && told.starts_with(&format!("{setting}: ")) && told.contains(words),
            "{words}: {told}"
        );
    }
    std::fs::write(&cert, &chain).unwrap();
    assert!(check(&authority, &settings).0);
}

#[actix::test]
async fn without_a_certificate_the_door_turns_everybody_away_until_there_is_one_and_the_house_lives_on() {
    let authority = Authority::new("localhost");
    let (cert, key_file) = (authority.file("fullchain.pem"), authority.file("privkey.pem"));
    let house = House::start(&settings(&cert, &key_file));
    let problems = house.api("status").await["problems"].to_string();
    assert!(problems.contains("door.tls_cert") && problems.contains("give its right path"), "{problems}");
    assert!(discover_at(house.door, &authority).await.is_err());
    let plain = reqwest::Client::new().get(format!("http://{}/healthz", house.door));
    assert!(plain.send().await.is_err());
    let (chain, key) = authority.issue("door");
    std::fs::write(&cert, &chain).unwrap();
    std::fs::write(&key_file, &key).unwrap();
    wait_for("the door to open", async || discover_at(house.door, &authority).await.ok()).await;
    assert_eq!(house.api("status").await["problems"], json!([]));
}
