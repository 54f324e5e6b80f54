//! What must never be written down: passwords, tokens, keys, and who a person is, in whatever is logged at whatever level.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::support::app::{ACCESS_COOKIE, PASSWORD, REFRESH_COOKIE, TestApp};
use crate::support::device::{Device, Transport, key, login_body};
use crate::support::fragile::Health;
use crate::support::fragile_app::FragileApp;
use crate::support::{drafts, log};

const WRONG_PASSWORD: &str = "wrong-password-4b1d";
const UNKNOWN_USER: &str = "unknown-user-7e3a";
/// A subject that is written differently in a path, in JSON and by `Debug`.
const SUBJECT: &str = "jörg \"the 9f2c\" müller";
const DRAFT_KEY: &str = "draft-of-5d8e";
const DRAFT_VALUE: &str = "a-text-of-somebody-1c7b";
const THIEFS_KEY: &str = "key-that-the-thief-made";
const QUERY: &str = "/somewhere-else-6a4f";
const LABEL: &str = "phone-of-somebody-2b9d";
const FOREIGN_KEY: &str = "sk_not-a-key-of-ours-8d1e";

/// Every form in which `secret` could stand in a text.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![
        secret.to_owned(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        urlencoded(secret),
        format!("{secret:?}").trim_matches('"').to_owned(),
        json!(secret).to_string().trim_matches('"').to_owned(),
        secret
            .bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect::<Vec<_>>()
            .concat(),
        format!("{:?}", secret.as_bytes()).trim_matches(['[', ']']).to_owned(),
    ];
    // Also in the middle of something that was encoded as a whole.
    for before in 0..3 {
        let bytes = [&[0; 3][..before], secret.as_bytes()].concat();
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&bytes);
            let inner = &encoded[(before * 4).div_ceil(3)..encoded.len() - 2];
            forms.push(inner.to_owned());
        }
    }
    // Nor its end: the MAC of a token is there, the signature too.
    if secret.is_ascii() && secret.len() > 40 {
        forms.push(secret[secret.len() - 20..].to_owned());
    }
    forms
}

/// As a browser writes a path: what may stand as it is does.
fn urlencoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[test]
fn a_secret_is_found_in_every_form() {
    let secret = "secret-3f9a";
    let hidden = [
        "{\"a\":\"secret-3f9a\"}".to_owned(),
        STANDARD_NO_PAD.encode("{\"a\":\"secret-3f9a\"}"),
        URL_SAFE_NO_PAD.encode("?secret-3f9a?"),
        URL_SAFE_NO_PAD.encode("secret-3f9a?"),
        format!("{:?}", b"x=secret-3f9a;"),
        "73 65".replace(' ', "") + "637265742d33663961",
    ];
    for text in hidden {
        assert!(forms(secret).iter().any(|form| text.contains(form.as_str())), "{text}");
    }
    let subject = format!("/v1/subjects/{}/sessions", urlencoded(SUBJECT));
    assert!(forms(SUBJECT).iter().any(|form| subject.contains(form.as_str())));
}

/// A device does everything that a device does, and everything that goes wrong.
async fn a_whole_life(app: &TestApp, transport: Transport, secrets: &mut Vec<String>) {
    let mut body = login_body("alice", transport, "keyed");
    body["device_label"] = json!(LABEL);
    let answer = app.post("/auth/login").json(body).send().await.expect(200);
    let mut device = Device::from_answer(app, transport, &answer);
    let first = device.clone();
    device.refresh().await;
    first.refreshing_with(&key(0)).send().await.expect(200);
    let draft = drafts::new(
        &device,
        &format!("/auth/drafts/{DRAFT_KEY}"),
        &json!(DRAFT_VALUE).to_string(),
    );
    let status = draft.send().await.status;
    assert!(matches!(status, 200 | 201), "the second device finds the first one's");
    let other = drafts::new(&device, &format!("/auth/drafts/{DRAFT_KEY}"), "\"another text\"");
    other.send().await.problem(412, "draft_conflict");
    device
        .get(&format!("/auth/drafts/{DRAFT_KEY}"))
        .send()
        .await
        .expect(200);
    device.get(&format!("/auth/continue?return_to={QUERY}")).send().await;
    // A logout whose access token is unreadable, a reuse, and refusals of each kind.
    app.post("/auth/logout")
        .bearer(&device.refresh)
        .send()
        .await
        .expect(204);
    let request = app.get("/auth/session").cookie(ACCESS_COOKIE, &device.refresh);
    let request = request.cookie(REFRESH_COOKIE, &device.access);
    request.send().await.problem(401, "token_invalid");
    app.get("/auth/verify")
        .bearer(&device.refresh)
        .send()
        .await
        .problem(401, "token_invalid");
    let reuse = first.refreshing_with(THIEFS_KEY).send().await;
    reuse.problem(401, "refresh_token_reused");
    let refresh = device.refreshing_with(&key(1)).send().await;
    refresh.over("session_revoked", "reuse");
    for token in [&device.access, FOREIGN_KEY] {
        let request = app.get("/v1/sessions/x").bearer(token).send().await;
        request.problem(401, "api_key_invalid");
    }
    secrets.extend([first.access, first.refresh, device.access, device.refresh]);
}

/// The backend's calls, with a person in their paths.
async fn the_backends_calls(app: &TestApp) {
    let of_subject = format!("/v1/subjects/{}/sessions", urlencoded(SUBJECT));
    Device::open_as(app, SUBJECT, Transport::Body, "grace").await;
    for request in [app.get(&of_subject), app.delete(&of_subject)] {
        request.bearer(TestApp::api_key()).send().await.expect(200);
    }
    app.post(&of_subject)
        .bearer(TestApp::api_key())
        .send()
        .await
        .expect(405);
    let nowhere = format!("/v1/people/{}", urlencoded(SUBJECT));
    app.get(&nowhere).bearer(TestApp::api_key()).send().await.expect(404);
}

/// A store that fails in each way, asked for a person's sessions and drafts.
async fn an_outage(secrets: &mut Vec<String>) {
    let app = FragileApp::start().await;
    let device = app.open(Transport::Body).await;
    for health in [Health::Unavailable, Health::Unreadable] {
        app.store.set(health);
        device.refreshing_with(&key(0)).send().await;
        device.get("/auth/sessions").send().await;
        device.get(&format!("/auth/drafts/{DRAFT_KEY}")).send().await;
        let of_subject = format!("/v1/subjects/{}/sessions", urlencoded(SUBJECT));
        app.client.get(&of_subject).bearer(TestApp::api_key()).send().await;
        app.client.get("/readyz").send().await;
    }
    secrets.extend([device.access, device.refresh]);
}

#[tokio::test]
async fn no_secret_and_nobodys_name_is_logged() {
    log::capture_everything();
    let app = TestApp::start();
    let mut secrets = Vec::new();
    for user in ["alice", UNKNOWN_USER] {
        let body = json!({"username": user, "password": WRONG_PASSWORD});
        let login = app.post("/auth/login").json(body).send().await;
        login.problem(401, "invalid_credentials");
    }
    for transport in [Transport::Body, Transport::Cookie] {
        a_whole_life(&app, transport, &mut secrets).await;
    }
    the_backends_calls(&app).await;
    an_outage(&mut secrets).await;
    for named in [
        WRONG_PASSWORD,
        UNKNOWN_USER,
        SUBJECT,
        DRAFT_KEY,
        DRAFT_VALUE,
        THIEFS_KEY,
        QUERY,
        LABEL,
        FOREIGN_KEY,
        PASSWORD,
        // The user of every test of this process.
        "alice",
        TestApp::api_key(),
    ] {
        secrets.push(named.to_owned());
    }
    let ring = app.keys();
    secrets.push(format!("{:?}", ring.refresh.entries()[0].key.expose()));
    let logged = log::captured();
    assert!(logged.contains("refresh token reused"), "the log is captured");
    assert!(logged.contains("session_http::access"), "at the finest level");
    assert!(logged.contains("TRACE actix_http::"), "and what libraries say");
    for secret in secrets {
        for form in forms(&secret) {
            let line = logged.lines().find(|line| line.contains(&form));
            assert!(line.is_none(), "{secret} was logged as {form}: {line:?}");
        }
    }
}
