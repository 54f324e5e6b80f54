//! A real nginx.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/http.rs"]
mod http;

use http::{Echo, fetch};
use session_testbed::error::TestbedError;
use session_testbed::nginx::Nginx;
use tokio::net::TcpStream;

#[tokio::test]
async fn serves_what_its_template_says_and_ends_with_its_handle() {
    let echo = Echo::start().await;
    let template = format!(
        "server {{
            listen 127.0.0.1:{{port}};
            location = /own {{ return 200 'nginx itself'; }}
            location / {{ proxy_pass http://{}; proxy_set_header Host $host; }}
        }}",
        echo.address()
    );
    let nginx = Nginx::start(&template).await.unwrap();
    assert_eq!(
        fetch(nginx.address(), "GET", "/own", &[]).await.unwrap().body,
        "nginx itself"
    );
    let answer = fetch(nginx.address(), "POST", "/through", &[]).await.unwrap();
    assert_eq!(answer.body, "POST /through app.test - 0123456789");
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["x-echo"], answer.whole),
        (201, &"yes".parse().unwrap(), true)
    );
    assert_eq!(echo.answered(), 1);
    let address = nginx.address();
    drop(nginx);
    TcpStream::connect(address).await.unwrap_err();
}

#[tokio::test]
async fn a_template_that_it_refuses_is_quoted() {
    let error = Nginx::start("no_such_directive on;").await.unwrap_err();
    assert!(matches!(error, TestbedError::Ended { .. }), "{error}");
    assert!(error.to_string().contains("no_such_directive"), "{error}");
}
