//! `/v1`, for trusted backends.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::support::app::{ACCESS_COOKIE, TestApp};
use crate::support::client::Request;
use crate::support::device::{Device, Transport};

trait Backend {
    fn by_backend(self) -> Self;
}

impl Backend for Request {
    fn by_backend(self) -> Self {
        self.bearer(TestApp::api_key())
    }
}

/// What an access token says.
pub(crate) fn claims(access_token: &str) -> Map<String, Value> {
    let payload = URL_SAFE_NO_PAD.decode(access_token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// What a backend developer copies first.
#[tokio::test]
async fn the_example_of_the_documentation_opens_a_session() {
    let (_, example) = include_str!("../../../../docs/http.md").split_once("--json '").unwrap();
    let (body, _) = example.split_once('\'').unwrap();
    let app = TestApp::start();
    let request = app.post("/v1/sessions").by_backend().json(body.parse().unwrap());
    let answer = request.send().await.expect(201);
    assert_eq!(answer.json()["session"]["subject"], "anna", "{answer}");
    assert_eq!(answer.set_cookies().len(), 2, "{answer}");
}

#[tokio::test]
async fn nothing_but_an_api_key_opens_it() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    let id = device.id();
    let requests = || {
        [
            app.post("/v1/sessions").json(json!({"subject": "mallory"})),
            app.get(&format!("/v1/sessions/{id}")),
            app.delete(&format!("/v1/sessions/{id}")),
            app.get("/v1/subjects/alice/sessions"),
            app.delete("/v1/subjects/alice/sessions"),
        ]
    };
    let key = TestApp::api_key();
    for request in requests() {
        request.clone().send().await.problem(401, "api_key_invalid");
        device
            .signed(request.clone())
            .send()
            .await
            .problem(401, "api_key_invalid");
        request
            .clone()
            .cookie(ACCESS_COOKIE, key)
            .send()
            .await
            .problem(401, "api_key_invalid");
        for bad in [
            &*device.access,
            &device.refresh,
            "sk_",
            &key[..key.len() - 1],
            &format!("{key}A"),
            &key.to_uppercase(),
        ] {
            request.clone().bearer(bad).send().await.problem(401, "api_key_invalid");
        }
        request
            .clone()
            .header("authorization", key)
            .send()
            .await
            .problem(401, "api_key_invalid");
        request
            .bearer(key)
            .bearer(key)
            .send()
            .await
            .problem(401, "api_key_invalid");
    }
    device.get("/auth/session").send().await.expect(200);
}

#[tokio::test]
async fn an_api_key_opens_nothing_else() {
    let app = TestApp::start();
    for path in ["/auth/session", "/auth/sessions", "/auth/verify"] {
        app.get(path).by_backend().send().await.problem(401, "token_invalid");
        app.get(path)
            .cookie(ACCESS_COOKIE, TestApp::api_key())
            .send()
            .await
            .problem(401, "token_invalid");
    }
    app.delete("/auth/sessions")
        .by_backend()
        .send()
        .await
        .problem(401, "token_invalid");
    let body = json!({"refresh_token": TestApp::api_key()});
    app.post("/auth/refresh")
        .json(body)
        .send()
        .await
        .problem(401, "refresh_token_invalid");
}

#[tokio::test]
async fn a_session_is_opened_with_all_that_it_may_have() {
    let app = TestApp::start();
    let body = json!({
        "subject": "anna",
        "claims": {"roles": ["editor"], "tenant": "ü\"\\", "nested": {"a": [1, 2.5, null, true]}},
        "device": {"label": "kiosk", "user_agent": "Kiosk/1", "ip": "2001:db8::7"},
        "remember": false,
        "rotation": "keyed",
    });
    let answer = app
        .post("/v1/sessions")
        .by_backend()
        .json(body)
        .send()
        .await
        .expect(201);
    let session = answer.json()["session"].clone();
    assert_eq!(
        (&session["subject"], &session["rotation"], &session["remembered"]),
        (&json!("anna"), &json!("keyed"), &json!(false))
    );
    assert_eq!(
        session["device"],
        json!({"label": "kiosk", "user_agent": "Kiosk/1", "ip": "2001:db8::7"})
    );
    let device = Device::from_answer(&app, Transport::Body, &answer);
    let said = claims(&device.access);
    assert_eq!(said["roles"], json!(["editor"]));
    assert_eq!(
        (&said["tenant"], &said["nested"]),
        (&json!("ü\"\\"), &json!({"a": [1, 2.5, null, true]}))
    );
    assert_eq!((&said["sub"], &said["sid"]), (&json!("anna"), &session["id"]));
    let device = {
        let mut device = device;
        device.refresh().await;
        device
    };
    assert_eq!(
        claims(&device.access)["roles"],
        json!(["editor"]),
        "kept over a refresh"
    );
    device.get("/auth/session").send().await.expect(200);
}

#[tokio::test]
async fn the_defaults_are_those_of_a_login() {
    let app = TestApp::start();
    let request = app.post("/v1/sessions").by_backend().json(json!({"subject": "anna"}));
    let answer = request
        .header("user-agent", "the backend's own")
        .send()
        .await
        .expect(201);
    let session = &answer.json()["session"];
    assert_eq!(
        (&session["rotation"], &session["remembered"]),
        (&json!("grace"), &json!(true))
    );
    assert_eq!(
        session["device"],
        json!({"label": null, "user_agent": null, "ip": null}),
        "the backend is not the device"
    );
}

#[tokio::test]
async fn by_cookie_the_backend_relays_the_lines() {
    let app = TestApp::start();
    let device = Device::open_as(&app, "anna", Transport::Cookie, "grace").await;
    device.get("/auth/session").send().await.expect(200);
    device.refreshing().send().await.expect(200);
}

#[tokio::test]
async fn claims_are_limited() {
    let app = TestApp::start();
    let open = |claims: Value| {
        app.post("/v1/sessions")
            .by_backend()
            .json(json!({"subject": "anna", "claims": claims}))
    };
    let reserved = [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "sid",
        "auth_time",
        "client_id",
        "cnf",
        "azp",
        "act",
        "may_act",
    ];
    for name in reserved {
        let answer = open(json!({ name: "x" })).send().await.problem(400, "invalid_request");
        assert!(answer.text.contains(name), "{answer}");
    }
    for wrong in [json!(null), json!([]), json!("x"), json!(1)] {
        open(wrong).send().await.problem(400, "invalid_request");
    }
    // `{"a":"…"}` is 8 bytes and the text.
    open(json!({"a": "x".repeat(1_024 - 8)})).send().await.expect(201);
    open(json!({"a": "x".repeat(1_024 - 7)}))
        .send()
        .await
        .problem(400, "invalid_request");
    let answer = open(json!({"a": "\u{1}".repeat(169)})).send().await.expect(201);
    let device = Device::from_answer(&app, Transport::Body, &answer);
    device.get("/auth/session").send().await.expect(200);
}

#[tokio::test]
async fn subjects_are_limited() {
    let app = TestApp::start();
    let open = |subject: &str| {
        app.post("/v1/sessions")
            .by_backend()
            .json(json!({ "subject": subject }))
            .send()
    };
    for good in ["a", &"x".repeat(255), &"ü".repeat(127), " ", "..", "/"] {
        let answer = open(good).await.expect(201);
        Device::from_answer(&app, Transport::Body, &answer)
            .get("/auth/session")
            .send()
            .await
            .expect(200);
    }
    for bad in ["", &"x".repeat(256), &"ü".repeat(128), "a\nb", "\u{0}"] {
        open(bad).await.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_subject_in_a_path_may_have_any_characters() {
    let app = TestApp::start();
    for (subject, path) in [
        ("a/b", "a%2Fb"),
        ("zoë", "zo%C3%AB"),
        ("100%", "100%25"),
        ("%2F", "%252F"),
        ("a+b c", "a+b%20c"),
        ("?#&=", "%3F%23%26%3D"),
        ("🍪", "%F0%9F%8D%AA"),
        ("auth0|5f7c8ec7c33c6c004bbafe82", "auth0%7C5f7c8ec7c33c6c004bbafe82"),
    ] {
        let device = Device::open_as(&app, subject, Transport::Body, "grace").await;
        let path = format!("/v1/subjects/{path}/sessions");
        let list = app.get(&path).by_backend().send().await.expect(200).json();
        assert_eq!(
            (&list["sessions"][0]["id"], &list["sessions"][0]["subject"]),
            (&json!(device.id()), &json!(subject))
        );
        assert_eq!(
            (
                &list["sessions"][0]["current"],
                list["sessions"].as_array().unwrap().len()
            ),
            (&json!(false), 1)
        );
        assert_eq!(
            app.delete(&path).by_backend().send().await.expect(200).json(),
            json!({"revoked": 1})
        );
        assert_eq!(
            app.delete(&path).by_backend().send().await.expect(200).json(),
            json!({"revoked": 0})
        );
        assert_eq!(
            app.get(&path).by_backend().send().await.expect(200).json(),
            json!({"sessions": []})
        );
        device.refreshing().send().await.over("session_revoked", "admin");
    }
    for bad in ["%00", "%0A", &"x".repeat(256)] {
        let path = format!("/v1/subjects/{bad}/sessions");
        app.get(&path).by_backend().send().await.problem(400, "invalid_request");
        app.delete(&path)
            .by_backend()
            .send()
            .await
            .problem(400, "invalid_request");
    }
    app.get("/v1/subjects//sessions")
        .by_backend()
        .send()
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn a_session_is_looked_at_and_ended_by_id() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Body, "keyed").await;
    let path = format!("/v1/sessions/{}", device.id());
    let seen = app.get(&path).by_backend().send().await.expect(200).json();
    assert_eq!(
        (&seen["id"], &seen["current"], &seen["access_expires_at"]),
        (&json!(device.id()), &json!(false), &Value::Null)
    );
    app.delete(&path).by_backend().send().await.expect(204);
    app.delete(&path).by_backend().send().await.expect(204);
    app.get(&path).by_backend().send().await.problem(404, "not_found");
    device
        .get("/auth/session")
        .send()
        .await
        .over("session_revoked", "admin");
    let unknown = Device::open(&TestApp::start(), Transport::Body, "keyed").await.id();
    for unknown in [&*unknown, "x", "%FF", "%2F"] {
        app.get(&format!("/v1/sessions/{unknown}"))
            .by_backend()
            .send()
            .await
            .problem(404, "not_found");
        app.delete(&format!("/v1/sessions/{unknown}"))
            .by_backend()
            .send()
            .await
            .problem(404, "not_found");
    }
}
