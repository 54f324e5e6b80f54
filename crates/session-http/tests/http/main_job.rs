//! The main job, end to end, by either transport: what a person does in a week.

use serde_json::json;

use crate::support::answer::Answer;
use crate::support::app::TestApp;
use crate::support::device::{Device, Transport};

#[tokio::test]
async fn in_the_body() {
    the_main_job(Transport::Body).await;
}

#[tokio::test]
async fn by_cookie() {
    the_main_job(Transport::Cookie).await;
}

async fn the_main_job(transport: Transport) {
    let mut app = TestApp::start();
    let laptop = login(&app, transport, "laptop").await;

    let session = laptop.get("/auth/session").send().await.expect(200).json();
    assert_eq!(
        (&session["subject"], &session["device"]["label"]),
        (&json!("alice"), &json!("laptop"))
    );
    assert_eq!(
        (&session["current"], &session["phase"]),
        (&json!(true), &json!("active"))
    );
    assert_eq!(session["id"], laptop.id());

    let mut laptop = laptop;
    for generation in 1..=5 {
        let before = laptop.clone();
        laptop.refresh().await;
        assert_eq!((laptop.generation(), laptop.id()), (generation, before.id()));
        assert_ne!((&laptop.access, &laptop.refresh), (&before.access, &before.refresh));
    }

    app.restart();
    let mut laptop = laptop.moved_to(&app);
    laptop.refresh().await;
    assert_eq!(laptop.generation(), 6);

    let mut phone = login(&app, transport, "phone").await;
    let labels = |list: &Answer| -> Vec<_> {
        let list = list.json();
        let sessions = list["sessions"].as_array().unwrap().iter();
        sessions
            .map(|session| session["device"]["label"].as_str().unwrap().to_owned())
            .collect()
    };
    let list = phone.get("/auth/sessions").send().await.expect(200);
    let mut both = labels(&list);
    both.sort_unstable();
    assert_eq!(both, ["laptop", "phone"]);

    phone
        .delete(&format!("/auth/sessions/{}", laptop.id()))
        .send()
        .await
        .expect(204);
    laptop
        .refreshing_with("another-key-00000000000")
        .send()
        .await
        .over("session_revoked", "ended_elsewhere");
    laptop
        .get("/auth/session")
        .send()
        .await
        .over("session_revoked", "ended_elsewhere");
    assert_eq!(labels(&phone.get("/auth/sessions").send().await), ["phone"]);

    app.restart();
    let laptop = laptop.moved_to(&app);
    laptop
        .refreshing_with("another-key-00000000000")
        .send()
        .await
        .over("session_revoked", "ended_elsewhere");
    laptop
        .get("/auth/session")
        .send()
        .await
        .over("session_revoked", "ended_elsewhere");
    phone = phone.moved_to(&app);
    phone.refresh().await;

    phone.signed(app.post("/auth/logout")).send().await.expect(204);
    phone
        .get("/auth/session")
        .send()
        .await
        .over("session_revoked", "logout");
    phone
        .refreshing_with("another-key-00000000000")
        .send()
        .await
        .over("session_revoked", "logout");
}

/// In keyed mode, as the browser module does it.
async fn login(app: &TestApp, transport: Transport, label: &str) -> Device {
    let mut body = crate::support::device::login_body("alice", transport, "keyed");
    body["device_label"] = json!(label);
    let answer = app.post("/auth/login").json(body).send().await.expect(200);
    let session = answer.json();
    assert_eq!(
        (&session["token_type"], &session["expires_in"]),
        (&json!("Bearer"), &json!(900))
    );
    assert_eq!(session["refresh_expires_in"], 30 * 24 * 3_600);
    Device::from_answer(app, transport, &answer)
}
