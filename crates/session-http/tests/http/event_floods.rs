//! What any stranger can cause by the thousand is few events, however it is sent.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::app::TestApp;
use crate::support::client::read_answer;
use crate::support::events::{Reader, types};

const GUESSES: usize = 50;

/// A request is of the time at which its head came, and whoever sends the body late chooses how long ago that is.
#[tokio::test]
async fn bodies_that_come_in_the_other_order_than_their_heads_make_no_event_more() {
    let app = TestApp::with(&[("rate_limit", "login_per_address = \"1/1h\"")]);
    let body = json!({"username": "nobody", "password": "wrong-password"}).to_string();
    let head = format!(
        "POST /auth/login HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\nConnection: close\r\n\r\n",
        app.address,
        body.len(),
    );
    let mut guesses = Vec::new();
    for _ in 0..GUESSES {
        let mut stream = TcpStream::connect(app.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // Once the body is asked for, the request has its time.
        let mut asked = [0; 25];
        stream.read_exact(&mut asked).await.unwrap();
        guesses.push(stream);
        app.advance(Duration::from_millis(100));
    }
    for (at, mut stream) in guesses.into_iter().rev().enumerate() {
        stream.write_all(body.as_bytes()).await.unwrap();
        let answer = read_answer(&mut stream, "/auth/login").await.checked(&[]);
        assert_eq!(answer.status, if at == 0 { 401 } else { 429 }, "{answer}");
    }
    let told = Reader::new(&app).since().await;
    assert_eq!(types(&told), ["login.failed", "request.limited"]);
}
