//! `/metrics`: what is counted, under which names, and that nobody is named by it.

use std::collections::BTreeSet;

use crate::support::app::TestApp;
use crate::support::device::{Device, Transport};
use crate::support::fragile::Health;
use crate::support::fragile_app::FragileApp;

const OPERATIONS: &str = include_str!("../../../../docs/operations.md");

async fn text(app: &TestApp) -> String {
    app.admin().get("/metrics").send().await.expect(200).text
}

#[tokio::test]
async fn requests_are_counted_by_the_template_of_their_route() {
    let app = TestApp::with(&[("admin", "listen = \"127.0.0.1:0\"")]);
    let person = "a-person-4e1c";
    let mut device = Device::open_as(&app, person, Transport::Body, "keyed").await;
    device.refresh().await;
    device.get("/auth/verify").send().await.expect(200);
    device
        .delete(&format!("/auth/sessions/{}", device.id()))
        .send()
        .await
        .expect(204);
    app.get(&format!("/v1/subjects/{person}/sessions"))
        .bearer(TestApp::api_key())
        .send()
        .await
        .expect(200);
    for path in ["/nowhere", "/auth/nowhere", "/v1/nowhere"] {
        app.get(&format!("{path}/{person}")).send().await.expect(404);
    }
    app.request("BREW".parse().unwrap(), "/healthz")
        .send()
        .await
        .expect(405);
    let text = text(&app).await;
    for line in [
        r#"session_http_requests_total{route="/v1/sessions",method="POST",status="201"} 1"#,
        r#"session_http_requests_total{route="/auth/refresh",method="POST",status="200"} 1"#,
        r#"session_http_requests_total{route="/auth/verify",method="GET",status="200"} 1"#,
        r#"session_http_requests_total{route="/auth/sessions/{id}",method="DELETE",status="204"} 1"#,
        r#"session_http_requests_total{route="/v1/subjects/{subject}/sessions",method="GET",status="200"} 1"#,
        r#"session_http_requests_total{route="other",method="GET",status="404"} 3"#,
        r#"session_http_requests_total{route="/healthz",method="other",status="405"} 1"#,
        r#"session_http_request_duration_seconds_count{route="/auth/refresh"} 1"#,
        // The one that asks.
        "session_http_requests_in_flight 1",
        r#"session_store_duration_seconds_count{operation="create",outcome="ok"} 1"#,
        r#"session_store_duration_seconds_count{operation="swap",outcome="ok"} 1"#,
        r#"session_store_duration_seconds_count{operation="revoke",outcome="ok"} 1"#,
    ] {
        assert!(text.lines().any(|known| known == line), "{line}: {text}");
    }
    for secret in [person, &device.id(), "nowhere", "BREW"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn commits_of_the_embedded_store_are_counted() {
    let app = TestApp::with(&[("admin", "listen = \"127.0.0.1:0\"")]);
    let commits = async || -> u64 {
        let text = text(&app).await;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("session_store_commits_total "));
        line.unwrap().parse().unwrap()
    };
    let mut device = Device::open_as(&app, "anna", Transport::Body, "keyed").await;
    let before = commits().await;
    for _ in 0..3 {
        device.refresh().await;
    }
    // One after the other: none shares.
    assert!(commits().await >= before + 3);
}

#[tokio::test]
async fn what_the_store_could_not_do_is_told_apart() {
    let app = FragileApp::start().await;
    let device = app.open(Transport::Body).await;
    for health in [Health::Unavailable, Health::Unreadable] {
        app.store.set(health);
        device.get("/auth/sessions").send().await;
    }
    app.store.set(Health::Works);
    let text = app.admin.get("/metrics").send().await.expect(200).text;
    for outcome in ["unavailable", "unreadable"] {
        let line = format!("session_store_duration_seconds_count{{operation=\"list\",outcome=\"{outcome}\"}} 1");
        assert!(text.lines().any(|known| known == line), "{line}: {text}");
    }
}

/// A metric that nobody is told of is of no use, and one that is told of and not there does harm.
#[tokio::test]
async fn the_table_of_metrics_is_what_there_is() {
    let app = TestApp::with(&[("admin", "listen = \"127.0.0.1:0\"")]);
    let text = text(&app).await;
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let there: BTreeSet<String> = types
        .map(|line| match line.split_once(' ').unwrap() {
            (name, "counter") => format!("{name}_total"),
            (name, _) => name.to_owned(),
        })
        .collect();
    let rows = OPERATIONS.lines().filter_map(|line| line.strip_prefix("| `session_"));
    let told: BTreeSet<String> = rows
        .map(|row| format!("session_{}", row.split(['`', '{']).next().unwrap()))
        .collect();
    assert_eq!(there, told, "the table of docs/operations.md");
}
