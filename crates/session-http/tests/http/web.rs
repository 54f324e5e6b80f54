//! The files that browsers load, as caches and other origins ask for them.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use flate2::read::GzDecoder;
use reqwest::Method;
use reqwest::header::HeaderMap;
use session_http::browser_files;

use crate::support::app::TestApp;

const WEB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/web");

/// An answer whose body need not be text.
async fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, Vec<u8>) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.get(format!("http://{}{path}", app.address));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.bytes().await.unwrap().to_vec())
}

/// Names within `web/` of what `folder` holds for browsers.
fn on_disk(folder: &str) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(Path::new(WEB).join(folder)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let slash = if folder.is_empty() { "" } else { "/" };
    names
        .filter(|name| {
            [".js", ".d.ts", ".css", ".html", ".svg"]
                .iter()
                .any(|ending| name.ends_with(ending))
        })
        .map(move |name| format!("{folder}{slash}{name}"))
}

#[test]
fn every_file_for_browsers_is_in_the_binary_and_no_other() {
    let held: BTreeSet<_> = browser_files::all().iter().map(|file| file.name.to_owned()).collect();
    let folders = ["", "session", "drafts", "dialog", "demo"];
    assert_eq!(held, folders.into_iter().flat_map(on_disk).collect());
}

#[tokio::test]
async fn the_module_is_served_as_it_is() {
    let app = TestApp::start();
    let mut seen = 0;
    for file in browser_files::all().iter().filter(|file| !file.is_demos()) {
        let (status, headers, body) = get(&app, &file.path(), &[]).await;
        assert_eq!(status, 200, "{}", file.name);
        assert_eq!(body, fs::read(Path::new(WEB).join(file.name)).unwrap(), "{}", file.name);
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
        let content_type = match file.name.rsplit_once('.').unwrap().1 {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        };
        assert_eq!(header("content-type"), Some(content_type), "{}", file.name);
        assert_eq!(header("x-content-type-options"), Some("nosniff"));
        assert_eq!(header("cache-control"), Some("no-cache"));
        assert_eq!(header("vary"), Some("Accept-Encoding"));
        assert_eq!(header("content-encoding"), None);
        // What is for this origin's own page is no other origin's business.
        let (readers, policy) = match file.name {
            "continue.css" => (None, "same-origin"),
            _ => (Some("*"), "cross-origin"),
        };
        assert_eq!(header("access-control-allow-origin"), readers, "{}", file.name);
        assert_eq!(header("cross-origin-resource-policy"), Some(policy), "{}", file.name);
        seen += 1;
    }
    assert!(seen > 10);
}

#[tokio::test]
async fn tests_tools_and_the_demos_page_are_not_served() {
    let app = TestApp::start();
    for path in [
        "/",
        "/curl.txt",
        "/demo/demo.js",
        "/demo/demo.css",
        "/demo/index.html",
        "/package.json",
        "/package-lock.json",
        "/tsconfig.json",
        "/tools/size.mjs",
        "/tests/refresh.test.mjs",
        "/node_modules/typescript/package.json",
        "/session/",
        "/session",
        "/session/nothing.js",
        "/session.js/",
        "/web/session.js",
        "/session/..%2fpackage.json",
        "/session/%2e%2e/package.json",
    ] {
        app.get(path).send().await.problem(404, "not_found");
    }
    app.post("/").send().await.problem(404, "not_found");
    app.post("/session.js").send().await.problem(405, "invalid_request");
}

#[tokio::test]
async fn a_browser_gets_it_compressed() {
    let app = TestApp::start();
    let plain = fs::read(Path::new(WEB).join("session/client.js")).unwrap();
    for (accepts, compressed) in [
        ("gzip, deflate, br, zstd", true),
        ("gzip;q=0.1", true),
        ("identity;q=0.5, gzip", true),
        ("identity, gzip;q=0.5", false),
        ("gzip;q=0", false),
        ("br", false),
        ("*;q=0", false),
        ("", false),
    ] {
        let (status, headers, body) = get(&app, "/session/client.js", &[("accept-encoding", accepts)]).await;
        assert_eq!((status, &headers["vary"]), (200, &"Accept-Encoding".parse().unwrap()));
        let coding = headers.get("content-encoding").map(|value| value.to_str().unwrap());
        assert_eq!(coding, compressed.then_some("gzip"), "{accepts}");
        if !compressed {
            assert_eq!(body, plain, "{accepts}");
            continue;
        }
        assert!(body.len() * 2 < plain.len(), "{} of {}", body.len(), plain.len());
        let mut text = Vec::new();
        GzDecoder::new(&*body).read_to_end(&mut text).unwrap();
        assert_eq!(text, plain);
    }
}

#[tokio::test]
async fn what_a_browser_has_is_not_sent_again() {
    let app = TestApp::start();
    let mut tags = BTreeSet::new();
    for accepts in ["gzip", "identity"] {
        let ask = async |tag: &str| {
            let headers = [("accept-encoding", accepts), ("if-none-match", tag)];
            get(&app, "/session.js", &headers).await
        };
        let (_, headers, _) = ask("\"another\"").await;
        let tag = headers["etag"].to_str().unwrap().to_owned();
        assert!(
            tag.starts_with('"') && tag.len() == 45,
            "strong, and all of a SHA-256: {tag}"
        );
        for known in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"another\", {tag}"),
            "*".to_owned(),
        ] {
            let (status, headers, body) = ask(&known).await;
            assert_eq!((status, &*body), (304, &b""[..]), "{known}");
            assert_eq!(headers["etag"].to_str().unwrap(), tag);
            // What a 200 would have said of caching, a 304 says too (RFC 9110 §15.4.5).
            assert_eq!(headers["cache-control"], "no-cache");
            assert_eq!(headers["vary"], "Accept-Encoding");
            assert_eq!(headers["access-control-allow-origin"], "*");
            assert_eq!(headers.get("content-encoding"), None);
        }
        let (status, _, body) = ask("\"another\"").await;
        assert_eq!((status, body.is_empty()), (200, false));
        tags.insert(tag);
    }
    assert_eq!(tags.len(), 2, "another coding is another representation");
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let app = TestApp::start();
    let get = app.get("/session.js").send().await.expect(200);
    let head = app.request(Method::HEAD, "/session.js").send().await.expect(200);
    assert_eq!(head.text, "");
    for name in ["etag", "content-type", "content-length", "cache-control", "vary"] {
        assert!(head.header(name).is_some(), "{name} in {head}");
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
}
