//! `/auth/continue`: the page that a gateway sends a bookmark to.

use std::fmt::Write as _;

use reqwest::Method;

use crate::support::app::{PUBLIC_URL, TestApp};
use crate::support::device::{Device, Transport};

fn path(return_to: &str) -> String {
    let mut path = "/auth/continue?return_to=".to_owned();
    for byte in return_to.bytes() {
        write!(path, "%{byte:02X}").unwrap();
    }
    path
}

/// Where the page's link leads, as it stands in the HTML.
async fn link(app: &TestApp, return_to: &str) -> String {
    let page = app.get(&path(return_to)).send().await.expect(200);
    let (_, after) = page.text.split_once(r#"<a id="continue" href=""#).unwrap();
    after.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn it_may_do_nothing_but_refresh_and_go_on() {
    let app = TestApp::start();
    let page = app.get(&path("/orders")).send().await.expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(
        page.header("content-security-policy"),
        Some(
            "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'"
        )
    );
    assert!(
        page.text
            .contains(r#"<script type="module" src="/continue.js"></script>"#)
    );
    for inline in ["<script>", "<style", " style=", " on"] {
        assert!(!page.text.contains(inline), "{inline} in {page}");
    }
    for asked in ["/continue.js", "/continue.css"] {
        app.get(asked).send().await.expect(200);
    }
    app.request(Method::HEAD, &path("/orders")).send().await.expect(200);
    app.post(&path("/orders")).send().await.problem(405, "invalid_request");
}

#[tokio::test]
async fn it_changes_nothing_by_itself() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Cookie, "grace").await;
    let page = device.get(&path("/orders")).send().await.expect(200);
    assert_eq!(page.set_cookies(), Vec::<&str>::new());
    assert!(!page.text.contains("alice"), "the same page for everybody: {page}");
    let session = device.get("/auth/session").send().await.expect(200);
    assert_eq!(session.json()["generation"], 0);
}

#[tokio::test]
async fn it_leads_to_paths_and_to_known_origins() {
    let app = TestApp::with(&[("cors", "allowed_origins = [\"https://app.example.com\"]")]);
    for target in [
        "/",
        "/orders?page=2#row",
        "/käse",
        "https://app.example.com/orders",
        &format!("{PUBLIC_URL}/orders"),
    ] {
        assert_eq!(link(&app, target).await, target);
    }
}

#[tokio::test]
async fn it_leads_nowhere_else() {
    let app = TestApp::start();
    for target in [
        "",
        "orders",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\r\n/evil.example",
        "\u{0}//evil.example",
        " //evil.example",
        "https://evil.example",
        "https:evil.example",
        "https:/\\evil.example",
        "https://auth.example.com@evil.example",
        "https://auth.example.com.evil.example",
        "https://auth.example.com:8443/",
        "http://auth.example.com/",
        "https://app.example.com/",
        "javascript:alert(1)",
        "javascript://auth.example.com/%0aalert(1)",
        "data:text/html,x",
    ] {
        let answer = app.get(&path(target)).send().await.problem(400, "invalid_request");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains("public_url") && detail.contains("cors.allowed_origins"),
            "{detail}"
        );
    }
    for query in [
        "",
        "?",
        "?return_to",
        "?return_to=//evil.example&return_to=/a",
        "?return_to=/\\evil.example",
        "?return_to=%2Fa&return_to=%2Fb",
        "?return_to=%2Fa&then=%2Fb",
        "?then=/a",
        "?RETURN_TO=/a",
    ] {
        let path = format!("/auth/continue{query}");
        app.get(&path).send().await.problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_proxy_appends_the_address_as_it_came() {
    let app = TestApp::start();
    for (address, in_html) in [
        ("/orders", "/orders"),
        ("/orders?page=2&q=a%20b%26c", "/orders?page=2&amp;q=a%20b%26c"),
        // Still a path of this origin, whatever it looks like.
        ("/a&return_to=//evil.example", "/a&amp;return_to=//evil.example"),
        ("/%2f%2fevil.example", "/%2f%2fevil.example"),
        ("/%5cevil.example", "/%5cevil.example"),
        ("/%09/evil.example", "/%09/evil.example"),
    ] {
        let page = app
            .get(&format!("/auth/continue?return_to={address}"))
            .send()
            .await
            .expect(200);
        assert!(page.text.contains(&format!(r#"href="{in_html}">Continue"#)), "{page}");
    }
}

#[tokio::test]
async fn what_is_in_the_address_stays_text() {
    let app = TestApp::start();
    for (target, in_html) in [
        (
            "/\"><script>alert(1)</script>",
            "/&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;",
        ),
        ("/?a=1&amp=2&lt", "/?a=1&amp;amp=2&amp;lt"),
        ("/'onmouseover='x'", "/&#39;onmouseover=&#39;x&#39;"),
    ] {
        assert_eq!(link(&app, target).await, in_html);
    }
}
