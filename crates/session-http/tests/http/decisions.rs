//! Each decision as it is really made: it is counted once, and raises the event of its row in the table and no other.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use session_http::decision::Decision;

use crate::support::app::{REFRESH_COOKIE, TestApp};
use crate::support::device::{Device, Transport, key};
use crate::support::drafts;
use crate::support::events::{Reader, types};

const ADMIN: (&str, &str) = ("admin", "listen = \"127.0.0.1:0\"");

/// Sees what is counted and what is told.
struct Watch<'a> {
    app: &'a TestApp,
    reader: Reader,
    counted: BTreeMap<String, u64>,
}

impl<'a> Watch<'a> {
    async fn new(app: &'a TestApp) -> Self {
        let mut watch = Self {
            app,
            reader: Reader::new(app),
            counted: BTreeMap::new(),
        };
        watch.skip().await;
        watch
    }

    /// What happened up to now is not looked at.
    async fn skip(&mut self) {
        self.reader.since().await;
        self.counted = self.counts().await;
    }

    async fn counts(&self) -> BTreeMap<String, u64> {
        let text = self.app.admin().get("/metrics").send().await.expect(200).text;
        let lines = text
            .lines()
            .filter_map(|line| line.strip_prefix("session_decisions_total{decision=\""));
        let counts = lines.filter_map(|rest| rest.split_once("\"} "));
        counts
            .map(|(name, count)| (name.to_owned(), count.parse().unwrap()))
            .collect()
    }

    /// Since the last look exactly this was decided, and it raised its event, and `more`.
    #[track_caller]
    fn saw(&mut self, decision: Decision, more: &'static [&'static str]) -> impl Future<Output = Vec<Value>> {
        let caller = std::panic::Location::caller();
        async move {
            let now = self.counts().await;
            let news: Vec<_> = now
                .iter()
                .map(|(name, count)| (name.as_str(), count - self.counted.get(name).copied().unwrap_or(0)))
                .filter(|(_, count)| *count > 0)
                .collect();
            assert_eq!(news, [(decision.name(), 1)], "{caller}");
            let events = self.reader.since().await;
            let expected: Vec<_> = decision.row().event.into_iter().chain(more.iter().copied()).collect();
            assert_eq!(types(&events), expected, "{decision:?} {caller}");
            self.counted = self.counts().await;
            events
        }
    }
}

#[tokio::test]
async fn of_logins_and_ends() {
    let app = TestApp::with(&[ADMIN, ("policy", "max_sessions_per_subject = 2")]);
    let mut watch = Watch::new(&app).await;
    let phone = Device::login(&app, Transport::Body, "keyed").await;
    let told = watch.saw(Decision::SessionOpened, &[]).await;
    assert_eq!(
        (&told[0]["session"], &told[0]["subject"]),
        (&json!(phone.id()), &json!("alice"))
    );
    assert_eq!(told[0]["device"]["ip"], "127.0.0.1");

    let wrong = json!({"username": "alice", "password": "wrong-password-77"});
    app.post("/auth/login")
        .json(wrong)
        .send()
        .await
        .problem(401, "invalid_credentials");
    let told = watch.saw(Decision::LoginFailed, &[]).await;
    // What was typed as a name may be a password.
    assert!(!told[0].to_string().contains("alice"), "{}", told[0]);
    assert_eq!(told[0]["device"]["ip"], "127.0.0.1");

    let laptop = Device::open(&app, Transport::Body, "keyed").await;
    watch.saw(Decision::SessionOpened, &[]).await;
    app.advance(Duration::from_secs(1));
    let tablet = Device::open(&app, Transport::Body, "keyed").await;
    let told = watch.saw(Decision::SessionOpened, &["session.ended"]).await;
    assert_eq!(told[1]["cause"], "evicted");

    let path = format!("/auth/sessions/{}", laptop.id());
    let alive = laptop.get("/auth/session").send().await.status == 200;
    let (mine, other) = if alive { (&tablet, &laptop) } else { (&tablet, &phone) };
    watch.skip().await;
    let path = if alive {
        path
    } else {
        format!("/auth/sessions/{}", other.id())
    };
    mine.delete(&path).send().await.expect(204);
    let told = watch.saw(Decision::EndedByOwner, &[]).await;
    assert_eq!(
        (&told[0]["session"], &told[0]["cause"]),
        (&json!(other.id()), &json!("ended_elsewhere"))
    );

    mine.signed(app.post("/auth/logout")).send().await.expect(204);
    let told = watch.saw(Decision::LoggedOut, &[]).await;
    assert_eq!(told[0]["cause"], "logout");
    other
        .get("/auth/session")
        .send()
        .await
        .over("session_revoked", "ended_elsewhere");
    watch.saw(Decision::Revoked, &[]).await;

    let bob = Device::open_as(&app, "bob", Transport::Body, "keyed").await;
    watch.skip().await;
    let end = app
        .delete(&format!("/v1/sessions/{}", bob.id()))
        .bearer(TestApp::api_key());
    end.send().await.expect(204);
    let told = watch.saw(Decision::EndedByBackend, &[]).await;
    assert_eq!(told[0]["cause"], "admin");
}

#[tokio::test]
async fn of_refreshes() {
    let app = TestApp::with(&[ADMIN]);
    let mut watch = Watch::new(&app).await;
    let mut device = Device::open(&app, Transport::Body, "keyed").await;
    watch.skip().await;
    let first = device.clone();
    device.refresh().await;
    watch.skip().await;
    first.refreshing_with(&key(0)).send().await.expect(200);
    watch.saw(Decision::Replayed, &[]).await;
    device.refresh().await;
    watch.saw(Decision::Refreshed, &[]).await;
    let elsewhere = device
        .refreshing_with(&key(2))
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0.0.0");
    let answer = elsewhere.send().await.expect(200);
    device.take(&answer);
    watch.saw(Decision::Refreshed, &[]).await;
    let elsewhere = device
        .refreshing_with(&key(3))
        .header("user-agent", "Mozilla/5.0 (Windows NT 10.0) Firefox/130.0");
    let answer = elsewhere.send().await.expect(200);
    device.take(&answer);
    let told = watch.saw(Decision::Refreshed, &["session.moved"]).await;
    assert_eq!(told[0]["cause"], "device");

    first
        .refreshing_with(&key(0))
        .send()
        .await
        .problem(409, "refresh_superseded");
    watch.saw(Decision::Superseded, &[]).await;
    device
        .refreshing()
        .send()
        .await
        .problem(400, "idempotency_key_required");
    watch.saw(Decision::KeyRequired, &[]).await;
    app.post("/auth/refresh")
        .send()
        .await
        .problem(401, "refresh_token_missing");
    watch.saw(Decision::RefreshTokenMissing, &[]).await;
    let rubbish = app.post("/auth/refresh").json(json!({"refresh_token": "srt_rubbish"}));
    rubbish.send().await.problem(401, "refresh_token_invalid");
    watch.saw(Decision::RefreshTokenInvalid, &[]).await;

    let stolen = device.clone();
    device.refresh().await;
    watch.skip().await;
    stolen
        .refreshing_with("key-that-the-thief-made")
        .send()
        .await
        .problem(401, "refresh_token_reused");
    let told = watch.saw(Decision::ReusedOtherKey, &["session.ended"]).await;
    assert_eq!(
        (&told[0]["cause"], &told[0]["revoked"]),
        (&json!("other_key"), &json!(true))
    );
    assert_eq!(told[1]["cause"], "reuse");
    device
        .refreshing_with(&key(9))
        .send()
        .await
        .over("session_revoked", "reuse");
    watch.saw(Decision::Revoked, &[]).await;
}

#[tokio::test]
async fn of_refreshes_by_cookie() {
    let app = TestApp::with(&[ADMIN]);
    let mut watch = Watch::new(&app).await;
    let mut device = Device::open(&app, Transport::Cookie, "keyed").await;
    device.refresh().await;
    watch.skip().await;
    let request = device.refreshing().header("idempotency-key", &key(1));
    request.send().await.problem(428, "precondition_required");
    watch.saw(Decision::ConditionRequired, &[]).await;
    let request = device
        .refreshing()
        .header("idempotency-key", &key(1))
        .header("if-match", "\"0\"");
    request.send().await.problem(412, "refresh_raced");
    watch.saw(Decision::Raced, &[]).await;
    let request = device.refreshing_with(&key(1)).header("origin", "https://evil.example");
    request
        .header("sec-fetch-site", "cross-site")
        .send()
        .await
        .problem(403, "csrf_rejected");
    watch.saw(Decision::CsrfRejected, &[]).await;
    let alone = app.post("/auth/refresh").cookie(REFRESH_COOKIE, &device.refresh);
    alone.send().await.problem(401, "refresh_token_missing");
    watch.saw(Decision::RefreshTokenMissing, &[]).await;
}

#[tokio::test]
async fn of_reuse_without_keys() {
    let app = TestApp::with(&[ADMIN]);
    let mut watch = Watch::new(&app).await;
    let mut device = Device::open(&app, Transport::Body, "grace").await;
    let old = device.clone();
    device.refresh().await;
    app.advance(Duration::from_secs(11));
    watch.skip().await;
    old.refreshing().send().await.problem(401, "refresh_token_reused");
    let told = watch.saw(Decision::ReusedAfterInterval, &["session.ended"]).await;
    assert_eq!(told[0]["cause"], "after_interval");

    let mut device = Device::open(&app, Transport::Body, "grace").await;
    let old = device.clone();
    // Four are remembered.
    for _ in 0..5 {
        device.refresh().await;
    }
    watch.skip().await;
    old.refreshing().send().await.problem(401, "refresh_token_reused");
    let told = watch.saw(Decision::ReusedForgotten, &["session.ended"]).await;
    assert_eq!(told[0]["cause"], "forgotten");
}

#[tokio::test]
async fn of_time() {
    const DAY: Duration = Duration::from_hours(24);
    let app = TestApp::with(&[ADMIN]);
    let mut watch = Watch::new(&app).await;
    let mut device = Device::open(&app, Transport::Body, "keyed").await;
    watch.skip().await;
    app.advance(Duration::from_mins(16));
    device.get("/auth/session").send().await.problem(401, "token_expired");
    watch.saw(Decision::AccessTokenExpired, &[]).await;
    for _ in 0..3 {
        app.advance(DAY * 29);
        device.refresh().await;
    }
    app.advance(DAY * 4);
    watch.skip().await;
    device
        .refreshing_with(&key(9))
        .send()
        .await
        .over("session_expired", "absolute");
    watch.saw(Decision::ExpiredAbsolute, &[]).await;

    let device = Device::open(&app, Transport::Body, "keyed").await;
    app.advance(DAY * 30);
    watch.skip().await;
    device
        .refreshing_with(&key(9))
        .send()
        .await
        .over("session_expired", "idle");
    watch.saw(Decision::ExpiredIdle, &[]).await;
}

#[tokio::test]
async fn of_credentials_and_drafts() {
    let app = TestApp::with(&[ADMIN, ("drafts", "max_per_subject = 1")]);
    let mut watch = Watch::new(&app).await;
    let device = Device::open(&app, Transport::Body, "keyed").await;
    watch.skip().await;
    app.get("/auth/session").send().await.problem(401, "token_missing");
    watch.saw(Decision::AccessTokenMissing, &[]).await;
    app.get("/auth/session")
        .bearer("rubbish")
        .send()
        .await
        .problem(401, "token_invalid");
    watch.saw(Decision::AccessTokenInvalid, &[]).await;
    app.get("/v1/events")
        .bearer("sk_rubbish")
        .send()
        .await
        .problem(401, "api_key_invalid");
    watch.saw(Decision::ApiKeyInvalid, &[]).await;

    drafts::new(&device, drafts::PATH, "1").send().await.expect(201);
    drafts::new(&device, drafts::PATH, "2")
        .send()
        .await
        .problem(412, "draft_conflict");
    watch.saw(Decision::DraftConflict, &[]).await;
    drafts::write(&device, drafts::PATH, "2")
        .send()
        .await
        .problem(428, "precondition_required");
    watch.saw(Decision::DraftConditionRequired, &[]).await;
    drafts::new(&device, "/auth/drafts/another", "2")
        .send()
        .await
        .problem(403, "draft_quota_exceeded");
    watch.saw(Decision::DraftQuotaExceeded, &[]).await;

    // What tells of no session and no credential is none.
    app.request(Method::PATCH, "/auth/session")
        .send()
        .await
        .problem(405, "invalid_request");
    app.get("/nothing").send().await.problem(404, "not_found");
    let counted = watch.counts().await;
    assert_eq!(counted, watch.counted);
}

/// `on_reuse = "report"`: a dry run. What would have ended the session is told and counted, and the session goes on.
#[tokio::test]
async fn a_reuse_that_is_only_reported() {
    let app = TestApp::with(&[ADMIN, ("policy", "on_reuse = \"report\"")]);
    let mut watch = Watch::new(&app).await;
    let mut device = Device::open(&app, Transport::Body, "keyed").await;
    let stolen = device.clone();
    device.refresh().await;
    watch.skip().await;
    // The thief gets nothing, and nothing that says that the session is over.
    let answer = stolen.refreshing_with("key-that-the-thief-made").send().await;
    answer.problem(409, "refresh_superseded");
    let told = watch.saw(Decision::ReuseReported, &[]).await;
    assert_eq!(
        (&told[0]["cause"], &told[0]["revoked"]),
        (&json!("other_key"), &json!(false))
    );
    assert_eq!(
        (&told[0]["session"], &told[0]["subject"]),
        (&json!(device.id()), &json!("alice"))
    );

    device.refresh().await;
    device.get("/auth/session").send().await.expect(200);
    assert_eq!(
        types(&watch.reader.since().await),
        Vec::<&str>::new(),
        "the session goes on"
    );
    let metrics = app.admin().get("/metrics").send().await.text;
    for line in [
        "session_events_total{type=\"refresh.reused\",cause=\"other_key\"} 1\n",
        "session_decisions_total{decision=\"reuse_reported\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert!(!metrics.contains("type=\"session.ended\""), "{metrics}");
}
