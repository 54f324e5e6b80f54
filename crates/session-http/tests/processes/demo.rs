//! The demo: what it says, what it keeps, and what it refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use session_http::browser_files;

use crate::support::binary::{Binary, demo_command};
use crate::support::client::Client;
use crate::support::device::{Device, Transport, key};
use crate::support::owner::give_away;

/// Runs a command that must fail, and gives what it wrote to standard error.
fn refused(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    String::from_utf8(output.stderr).unwrap()
}

async fn login(client: &Client) -> Device {
    let body = json!({"username": "demo", "password": "demo", "rotation": "keyed"});
    let answer = client.post("/auth/login").json(body).send().await.expect(200);
    Device::from_answer(client, Transport::Body, &answer)
}

#[tokio::test]
async fn it_says_where_it_is_and_what_to_try() {
    let data = tempfile::tempdir().unwrap();
    let demo = Binary::demo(&data.path().join("new"), &data.path().join("log"));
    let port = demo.address.port();
    assert!(
        demo.greeting
            .iter()
            .any(|line| line.contains(&format!("http://localhost:{port}/"))),
        "{:?}",
        demo.greeting
    );
    assert_eq!(
        *demo.greeting.last().unwrap(),
        format!("listening on http://{}", demo.address)
    );
    let text = Client::new(demo.address).get("/curl.txt").send().await.expect(200);
    assert!(
        text.text
            .contains(&format!("curl -s http://localhost:{port}/auth/login")),
        "{text}"
    );
    assert_eq!(text.header("content-type"), Some("text/plain; charset=utf-8"));
}

/// As in a container, over somebody's clone: what a service must not do to its owner's data, a demo may do to its own.
#[tokio::test]
async fn root_may_try_it_in_a_directory_of_another_user() {
    let data = tempfile::tempdir().unwrap();
    if !give_away(data.path()) {
        return;
    }
    let (new, log) = (data.path().join("new"), data.path().join("log"));
    for _ in ["the first start", "another"] {
        let demo = Binary::demo(&new, &log);
        login(&Client::new(demo.address)).await;
    }
}

#[tokio::test]
async fn its_page_is_whole_and_runs_nothing_that_is_not_its_own() {
    let data = tempfile::tempdir().unwrap();
    let demo = Binary::demo(&data.path().join("new"), &data.path().join("log"));
    let client = Client::new(demo.address);
    let page = client.get("/").send().await.expect(200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'; "),
        "{policy}"
    );
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
    for inline in ["<script>", "<style", " style=", " onclick="] {
        assert!(!page.text.contains(inline), "{inline} in {page}");
    }
    let mut asked = 0;
    for attribute in ["src=\"", "href=\""] {
        for after in page.text.split(attribute).skip(1) {
            client.get(after.split('"').next().unwrap()).send().await.expect(200);
            asked += 1;
        }
    }
    assert!(asked >= 5, "{asked} in {page}");
    for file in browser_files::all() {
        let answer = client.get(&file.path()).send().await.expect(200);
        // Whoever can read the page's scripts could still not act with its cookies; but they are nobody's business.
        let readers = (!file.is_demos() && file.is_module()).then_some("*");
        assert_eq!(answer.header("access-control-allow-origin"), readers, "{answer}");
    }
}

#[tokio::test]
async fn sessions_survive_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let (directory, log) = (data.path().join("demo"), data.path().join("log"));
    let demo = Binary::demo(&directory, &log);
    let mut device = login(&Client::new(demo.address)).await;
    let ended = login(&device.client).await;
    ended
        .signed(device.client.post("/auth/logout"))
        .send()
        .await
        .expect(204);
    let answer = device.refresh().await;
    let key_before = fs::read_to_string(directory.join("demo-api-key")).unwrap();
    demo.terminate();
    assert!(demo.wait().success());

    let demo = Binary::demo(&directory, &log);
    let client = Client::new(demo.address);
    let mut device = Device::from_answer(&client, Transport::Body, &answer);
    device.get("/auth/session").send().await.expect(200);
    device.refresh().await;
    let ended = ended.moved_to(&client);
    ended
        .get("/auth/session")
        .send()
        .await
        .over("session_revoked", "logout");
    ended
        .refreshing_with(&key(0))
        .send()
        .await
        .over("session_revoked", "logout");
    assert_eq!(fs::read_to_string(directory.join("demo-api-key")).unwrap(), key_before);
}

#[tokio::test]
async fn its_api_key_works_and_is_private() {
    let data = tempfile::tempdir().unwrap();
    let demo = Binary::demo(&data.path().join("demo"), &data.path().join("log"));
    let file = data.path().join("demo/demo-api-key");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let key = fs::read_to_string(&file).unwrap();
    let request = Client::new(demo.address).post("/v1/sessions").bearer(key.trim());
    request.json(json!({"subject": "anna"})).send().await.expect(201);
}

#[tokio::test]
async fn a_host_that_is_not_loopbacks_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let demo = Binary::demo(&data.path().join("demo"), &data.path().join("log"));
    let client = Client::new(demo.address);
    let port = demo.address.port();
    for path in ["/", "/auth/session", "/v1/sessions", "/healthz", "/nothing"] {
        for host in [
            "evil.example",
            &format!("evil.example:{port}"),
            "localhost",
            &format!("localhost.evil.example:{port}"),
            "127.0.0.1:1",
            "",
        ] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            let answer = client.raw(path, request.as_bytes()).await.checked(&[]);
            answer.problem(421, "invalid_request");
        }
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        client
            .raw(path, request.as_bytes())
            .await
            .checked(&[])
            .problem(421, "invalid_request");
    }
    for host in [format!("localhost:{port}"), format!("127.0.0.1:{port}")] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        client.raw("/", request.as_bytes()).await.checked(&[]).expect(200);
    }
}

#[tokio::test]
async fn its_own_origins_may_act_and_others_may_not() {
    let data = tempfile::tempdir().unwrap();
    let demo = Binary::demo(&data.path().join("demo"), &data.path().join("log"));
    let client = Client::new(demo.address);
    let port = demo.address.port();
    let login = |origin: String| {
        let body = json!({"username": "demo", "password": "demo", "transport": "cookie"});
        client.post("/auth/login").json(body).header("origin", &origin).send()
    };
    login(format!("http://localhost:{port}")).await.expect(200);
    login(format!("http://127.0.0.1:{port}")).await.expect(200);
    for foreign in ["http://localhost", "http://localhost:1", "https://evil.example", "null"] {
        login(foreign.to_owned()).await.problem(403, "csrf_rejected");
    }
}

#[test]
fn a_second_process_on_its_data_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let directory = data.path().join("demo");
    let _demo = Binary::demo(&directory, &data.path().join("log"));
    let said = refused(&mut demo_command(&directory));
    assert!(
        said.contains("in use") && said.contains(&directory.join("store").display().to_string()),
        "{said}"
    );
}

#[test]
fn an_address_that_is_not_loopbacks_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let directory = data.path().join("demo");
    let demo = |listen: Option<&str>, variable: Option<&str>| {
        let mut command = crate::support::binary::command();
        command.arg("demo").arg("--data").arg(&directory);
        if let Some(listen) = listen {
            command.args(["--listen", listen]);
        }
        if let Some(variable) = variable {
            command.env("SESSION_LISTEN", variable);
        }
        refused(&mut command)
    };
    for address in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0", "[::ffff:192.0.2.1]:0"] {
        for said in [demo(Some(address), None), demo(None, Some(address))] {
            assert!(said.contains("loopback") && said.contains("listen"), "{said}");
        }
    }
    assert!(!directory.exists(), "it was refused before anything was made");
}

#[test]
fn a_directory_that_is_not_its_own_is_refused() {
    let data = tempfile::tempdir().unwrap();
    fs::write(data.path().join("thesis.txt"), "x").unwrap();
    let said = refused(&mut demo_command(data.path()));
    assert!(
        said.contains(&data.path().display().to_string()) && said.contains("--data"),
        "{said}"
    );
    assert_eq!(fs::read_dir(data.path()).unwrap().count(), 1);
}

#[test]
fn a_policy_can_come_from_the_environment() {
    let data = tempfile::tempdir().unwrap();
    let mut command = demo_command(&data.path().join("demo"));
    command
        .env("SESSION_POLICY__ACCESS_TTL", "5 parsecs")
        .env("SESSION_MANAGER", "local/desktop:@/tmp/.ICE-unix/1");
    let said = refused(&mut command);
    assert!(
        said.contains("policy.access_ttl") && !said.contains("SESSION_MANAGER"),
        "{said}"
    );
    assert!(Path::new(data.path()).exists());
}
