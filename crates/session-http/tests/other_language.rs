//! An access token is verified by an independent library in another language (`jose` on Node.js), from the key set alone; and a
//! delivery of the webhook as `docs/events.md` says.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

#[path = "webhook/receiver.rs"]
mod receiver;
#[path = "support/mod.rs"]
mod support;

use receiver::{Receiver, Reply};
use support::app::{AUDIENCE, PUBLIC_URL, START, TestApp};
use support::device::{Device, Transport};

#[tokio::test]
async fn tokens_are_verified_from_the_key_set_alone() {
    for algorithm in ["EdDSA", "ES256"] {
        let app = TestApp::with(&[("keys", &format!("algorithm = \"{algorithm}\""))]);
        let device = Device::open_as(&app, "zoë", Transport::Body, "keyed").await;
        let said = verify(&app, &json!({"tokens": [device.access]}));
        assert_eq!(said[0]["header"]["alg"], algorithm, "{said:?}");
        assert_eq!(said[0]["header"]["typ"], "at+jwt");
        let claims = &said[0]["claims"];
        assert_eq!((&claims["sub"], &claims["sid"]), (&json!("zoë"), &json!(device.id())));
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!(PUBLIC_URL), &json!(AUDIENCE)));
        let login = START.as_secs();
        assert_eq!(
            [&claims["iat"], &claims["auth_time"], &claims["exp"]],
            [login, login, login + 900].map(Value::from).each_ref()
        );
    }
}

#[tokio::test]
async fn what_was_tampered_with_is_refused() {
    for algorithm in ["EdDSA", "ES256"] {
        let app = TestApp::with(&[("keys", &format!("algorithm = \"{algorithm}\""))]);
        let mine = Device::open_as(&app, "alice", Transport::Body, "keyed").await.access;
        let other = Device::open_as(&app, "bob", Transport::Body, "keyed").await.access;
        let parts: Vec<_> = mine.split('.').collect();
        let others: Vec<_> = other.split('.').collect();
        let swapped = format!("{}.{}.{}", parts[0], others[1], parts[2]);
        let said = verify(&app, &json!({"tokens": [swapped, mine]}));
        assert_eq!(said[0], json!({"refused": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"}));
        assert_eq!(said[1]["claims"]["sub"], "alice");

        let elsewhere = verify(&app, &json!({"tokens": [mine], "audience": "https://other.example"}));
        assert_eq!(elsewhere[0], json!({"refused": "ERR_JWT_CLAIM_VALIDATION_FAILED"}));
        let later = verify(&app, &json!({"tokens": [mine], "now": (START.as_secs() + 900) * 1_000}));
        assert_eq!(later[0], json!({"refused": "ERR_JWT_EXPIRED"}));
        let stranger = TestApp::with(&[("keys", &format!("algorithm = \"{algorithm}\""))]);
        let foreign = Device::open(&stranger, Transport::Body, "keyed").await;
        let unknown = verify(&app, &json!({"tokens": [foreign.access]}));
        assert_eq!(unknown[0], json!({"refused": "ERR_JWKS_NO_MATCHING_KEY"}));
    }
}

/// The lines of the documentation, as they stand there, on what a real receiver got.
#[tokio::test]
async fn deliveries_of_the_webhook_are_verified_as_documented() {
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
    let receiver = Receiver::start(|_, _| Reply::Status(204)).await;
    let url = format!("webhook_url = \"http://{}/\"", receiver.address);
    // The receiver knows one of two: the secret is being exchanged.
    let secrets = format!("webhook_secret = [\"{OTHER}\", \"{SECRET}\"]");
    let app = TestApp::with(&[("events", &url), ("events", &secrets)]);
    Device::open_as(&app, "zoë", Transport::Body, "keyed").await;
    receiver.has_accepted(1).await;
    let delivery = receiver.received().remove(0);
    let genuine = json!({"headers": delivery.headers, "body": String::from_utf8(delivery.body).unwrap()});
    let with = |change: fn(&mut Value)| {
        let mut changed = genuine.clone();
        change(&mut changed);
        changed
    };
    let docs = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/events.md")).unwrap();
    let (_, code) = docs.split_once("<!-- verify: begin -->\n```js\n").unwrap();
    let (code, _) = code.split_once("```\n<!-- verify: end -->").unwrap();
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("documented.mjs"), code).unwrap();
    fs::copy(source().join("webhook.mjs"), directory.path().join("webhook.mjs")).unwrap();
    let deliveries = [
        genuine.clone(),
        with(|delivery| delivery["body"] = delivery["body"].as_str().unwrap().replace("created", "creates").into()),
        with(|delivery| delivery["headers"]["webhook-id"] = "another".into()),
        with(|delivery| delivery["headers"]["webhook-timestamp"] = (START.as_secs() + 1).to_string().into()),
        with(|delivery| drop(delivery["headers"].as_object_mut().unwrap().remove("webhook-signature"))),
        with(|delivery| drop(delivery["headers"].as_object_mut().unwrap().remove("webhook-timestamp"))),
    ];
    let ask = |secret: &str, late: i64| {
        let now = START.as_millis() + late;
        let question = json!({"deliveries": deliveries, "secret": secret, "now": now});
        node(directory.path(), "webhook.mjs", &question)
    };
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(ask(SECRET, 0), [&yes, &no, &no, &no, &no, &no].map(Clone::clone));
    assert_eq!(ask(OTHER, 299_000)[0], yes, "either secret");
    assert_eq!(ask("whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldA==", 0)[0], no);
    assert_eq!(ask(SECRET, 301_000)[0], no, "told again long after");
}

/// What the verifier in Node.js says of each of the tokens, at the application's time unless `question` says otherwise.
fn verify(app: &TestApp, question: &Value) -> Vec<Value> {
    let jwks = format!("http://{}/.well-known/jwks.json", app.address);
    let mut asked = json!({"jwks": jwks, "issuer": PUBLIC_URL, "audience": AUDIENCE, "now": START.as_millis()});
    for (name, value) in question.as_object().unwrap() {
        asked[name] = value.clone();
    }
    node(installed(), "verify.mjs", &asked)
}

/// What a script says to a question: one value a line.
fn node(directory: &Path, script: &str, asked: &Value) -> Vec<Value> {
    let mut node = Command::new("node");
    let node = node
        .arg(script)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut node = node
        .stderr(Stdio::piped())
        .spawn()
        .expect("Node.js 20 or later is installed: this test needs `node`");
    node.stdin
        .take()
        .unwrap()
        .write_all(asked.to_string().as_bytes())
        .unwrap();
    let output = node.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Where the verifier and its library are: installed once, as the lock file says.
fn installed() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let source = source();
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("other_language");
        fs::create_dir_all(&target).unwrap();
        for file in ["package.json", "package-lock.json", "verify.mjs"] {
            fs::copy(source.join(file), target.join(file)).unwrap();
        }
        let lock = fs::read_to_string(target.join("package-lock.json")).unwrap();
        // Where to download from is the machine's business; the hashes say what must come.
        assert!(!lock.contains("resolved") && lock.contains("integrity"), "{lock}");
        let mut npm = Command::new("npm");
        let npm = npm
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&target);
        let output = npm
            .output()
            .expect("Node.js 20 or later is installed: this test needs `npm`");
        assert!(
            output.status.success(),
            "npm ci: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        target
    })
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/other_language")
}
