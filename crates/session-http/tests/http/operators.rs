//! What verifiers and operators read: the key set, `/healthz`, `/readyz`, `/metrics`.

use reqwest::Method;
use serde_json::json;

use crate::support::app::TestApp;

#[tokio::test]
async fn the_key_set_is_public_and_holds_nothing_private() {
    for (algorithm, kind, members) in [
        ("EdDSA", "OKP", &["alg", "crv", "key_ops", "kid", "kty", "use", "x"][..]),
        (
            "ES256",
            "EC",
            &["alg", "crv", "key_ops", "kid", "kty", "use", "x", "y"][..],
        ),
    ] {
        let app = TestApp::with(&[("keys", &format!("algorithm = \"{algorithm}\""))]);
        let answer = app.get("/.well-known/jwks.json").send().await.expect(200);
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
        assert_eq!(answer.header("content-type"), Some("application/jwk-set+json"));
        let set = answer.json();
        assert_eq!(set.as_object().unwrap().len(), 1);
        let keys = set["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(
            (&keys[0]["kty"], &keys[0]["alg"], &keys[0]["use"]),
            (&json!(kind), &json!(algorithm), &json!("sig"))
        );
        let on_disk = app.keys();
        assert_eq!(keys[0]["kid"], on_disk.signing.entries()[0].key.id().as_str());
        for member in keys[0].as_object().unwrap().keys() {
            assert!(members.contains(&member.as_str()), "{member} in {answer}");
        }
    }
}

#[tokio::test]
async fn a_secret_that_signs_is_not_published() {
    let app = TestApp::with(&[("keys", "algorithm = \"HS256\"")]);
    let answer = app.get("/.well-known/jwks.json").send().await.expect(200);
    assert_eq!(answer.json(), json!({"keys": []}));
}

#[tokio::test]
async fn health_and_readiness() {
    let app = TestApp::start();
    let answer = app.get("/healthz").send().await.expect(200);
    assert_eq!(
        (answer.json(), answer.header("cache-control")),
        (json!({"status": "ok"}), Some("no-store"))
    );
    let answer = app.get("/readyz").send().await.expect(200);
    assert_eq!(
        answer.json(),
        json!({"status": "ready", "store": "ok", "revocations": {"state": "ok", "lag_ms": 0}})
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    // Load balancers probe with HEAD.
    for path in ["/healthz", "/readyz", "/.well-known/jwks.json"] {
        app.request(Method::HEAD, path).send().await.expect(200);
    }
}

#[tokio::test]
async fn operators_have_a_listener_of_their_own() {
    let app = TestApp::with(&[("admin", "listen = \"127.0.0.1:0\"")]);
    assert_ne!(app.admin().address, app.address);
    let answer = app.admin().get("/metrics").send().await.expect(200);
    assert_eq!(
        (answer.header("content-type"), answer.header("cache-control")),
        (
            Some("application/openmetrics-text; version=1.0.0; charset=utf-8"),
            Some("no-store")
        )
    );
    assert!(answer.text.ends_with("\n# EOF\n"), "{answer}");
    let version = format!("session_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    for line in ["session_store_up 1", "session_revocations_remembered 0", &version] {
        assert!(answer.text.lines().any(|known| known == line), "{line}: {answer}");
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        app.admin().get(path).send().await.expect(200);
        app.admin().request(Method::HEAD, path).send().await.expect(200);
        let answer = app.admin().post(path).send().await.problem(405, "invalid_request");
        assert_eq!(answer.header("allow"), Some("GET, HEAD"));
    }
    // Neither listener answers what is the other's.
    app.get("/metrics").send().await.problem(404, "not_found");
    for path in [
        "/",
        "/auth/verify",
        "/auth/session",
        "/v1/sessions",
        "/.well-known/jwks.json",
    ] {
        app.admin().get(path).send().await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn without_an_admin_address_there_are_no_metrics() {
    let app = TestApp::start();
    app.get("/metrics").send().await.problem(404, "not_found");
}

#[tokio::test]
async fn a_restart_takes_the_admin_address_again() {
    let mut app = TestApp::with(&[("admin", "listen = \"127.0.0.1:0\"")]);
    let before = app.admin().clone();
    app.restart();
    app.admin().get("/metrics").send().await.expect(200);
    assert!(
        before.get("/metrics").try_send().await.is_err(),
        "it stopped with the rest"
    );
}

#[tokio::test]
async fn the_demos_page_is_the_demos() {
    let app = TestApp::start();
    app.get("/").send().await.problem(404, "not_found");
}
