//! Rate limits: who is held up, who is not, and what they are told.

use std::time::Duration;

use serde_json::json;
use session_http::clock::Clock as _;

use crate::support::answer::Answer;
use crate::support::app::{PASSWORD, TestApp};
use crate::support::client::{Client, Request};
use crate::support::device::{Device, Transport, key, login_body};
use crate::support::log;

/// With limits on, behind a proxy that says where a request comes from: see [`from`].
fn app(limits: &str) -> TestApp {
    TestApp::with(&[("rate_limit", limits), ("proxy", "trusted = [\"127.0.0.1\"]")])
}

/// `request`, as it comes from `address`.
fn from(address: &str, request: Request) -> Request {
    request.header("x-forwarded-for", address)
}

fn guess(client: &Client, name: &str) -> Request {
    client
        .post("/auth/login")
        .json(json!({"username": name, "password": "wrong-password"}))
}

fn right(client: &Client) -> Request {
    client
        .post("/auth/login")
        .json(login_body("alice", Transport::Body, "keyed"))
}

/// It was refused by this limit, for this long.
#[track_caller]
fn is_limited(answer: Answer, limit: &str, secs: u64) {
    let answer = answer.problem(429, "rate_limited");
    assert_eq!(answer.json()["retryable"], true);
    assert_eq!(answer.header("retry-after"), Some(&*secs.to_string()), "{answer}");
    let told = format!("\"{limit}\";r=0;t={secs}");
    assert!(answer.header("ratelimit").unwrap().ends_with(&told), "{answer}");
}

#[tokio::test]
async fn guesses_from_one_address_are_limited_and_told_of() {
    let app = app("login_per_address = \"3/1m\"");
    for left in [2, 1, 0] {
        let answer = from("192.0.2.1", guess(&app, &format!("user{left}"))).send().await;
        let answer = answer.problem(401, "invalid_credentials");
        assert_eq!(
            answer.header("ratelimit-policy"),
            Some("\"login_per_address\";q=3;w=60")
        );
        let told = format!("\"login_per_address\";r={left};t=20");
        assert_eq!(answer.header("ratelimit"), Some(&*told));
    }
    let again = || from("192.0.2.1", guess(&app, "alice")).send();
    is_limited(again().await, "login_per_address", 20);
    // The right password is held up too: who guesses must not learn that it is right.
    is_limited(from("192.0.2.1", right(&app)).send().await, "login_per_address", 20);
    from("192.0.2.2", right(&app)).send().await.expect(200);
    app.advance(Duration::from_millis(19_001));
    is_limited(again().await, "login_per_address", 1);
    app.advance(Duration::from_secs(1));
    from("192.0.2.1", right(&app)).send().await.expect(200);
}

#[tokio::test]
async fn right_passwords_use_nothing_up_of_what_guesses_may() {
    let app = app("login_per_address = \"2/1m\"\nlogin_per_account = \"2/1m\"");
    for host in 1..=6 {
        // Four from one address, and two from others.
        let address = format!("192.0.2.{}", host.max(4));
        from(&address, right(&app)).send().await.expect(200);
    }
    for left in [1, 0] {
        let answer = from("192.0.2.4", guess(&app, "bob")).send().await;
        let told = format!("\"login_per_address\";r={left};t=30");
        assert_eq!(answer.header("ratelimit"), Some(&*told));
    }
}

/// Each login makes a session and events: one person must not push out those of all.
#[tokio::test]
async fn who_knows_the_password_cannot_log_in_endlessly() {
    let app = app("login_per_address = \"4/1m\"\nlogin_per_account = \"1/1m\"");
    let right_from = |host: u8| from(&format!("192.0.2.{host}"), right(&app)).send();
    // Ten times as often as others may guess, from whatever addresses.
    for left in (0..10).rev() {
        let answer = right_from(left % 2).await.expect(200);
        let told = format!("\"opened_per_account\";r={left};t=6");
        assert!(answer.header("ratelimit").unwrap().ends_with(&told), "{answer}");
    }
    let before = opened(&app).await;
    // From addresses that are known for the account, and from one that is not.
    for host in [0, 1, 9] {
        is_limited(right_from(host).await, "opened_per_account", 6);
    }
    assert_eq!(opened(&app).await, before, "nothing was opened");
    // Who goes on is held up before the password is checked, which takes a core for a while.
    for _ in 0..3 {
        is_limited(right_from(0).await, "opened_per_account", 6);
    }
    is_limited(right_from(0).await, "login_per_address", 15);
    // Others are not, behind another address, and the account neither after a while.
    let bob = json!({"username": "bob", "password": PASSWORD});
    let bob = || from("192.0.2.1", app.post("/auth/login").json(bob.clone())).send();
    bob().await.expect(200);
    app.advance(Duration::from_secs(6));
    right_from(1).await.expect(200);
}

#[tokio::test]
async fn a_stranger_cannot_use_up_the_logins_of_who_knows_the_password() {
    let app = app("login_per_address = \"1000/1m\"\nlogin_per_account = \"1/1m\"");
    from("192.0.2.1", right(&app)).send().await.expect(200);
    for host in 1..=20 {
        from(&format!("198.51.100.{host}"), guess(&app, "alice")).send().await;
        // Also from where the account is known, and by an account of one's own.
        from("192.0.2.1", guess(&app, "alice")).send().await;
        let bob = json!({"username": "bob", "password": PASSWORD});
        from("192.0.2.1", app.post("/auth/login").json(bob)).send().await;
    }
    for _ in 0..5 {
        from("192.0.2.1", right(&app)).send().await.expect(200);
    }
}

/// How many sessions alice has.
async fn opened(client: &Client) -> usize {
    let sessions = client.get("/v1/subjects/alice/sessions").bearer(TestApp::api_key());
    let answer = sessions.send().await.expect(200);
    answer.json()["sessions"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_stranger_cannot_lock_a_person_out() {
    let app = app("");
    from("192.0.2.1", right(&app)).send().await.expect(200);
    for host in 1..=10 {
        let address = format!("198.51.100.{host}");
        let answer = from(&address, guess(&app, "alice")).send().await;
        answer.problem(401, "invalid_credentials");
    }
    let elsewhere = || from("203.0.113.1", right(&app)).send();
    is_limited(elsewhere().await, "login_per_account", 6);
    from("192.0.2.1", right(&app)).send().await.expect(200);
    // Not for ever, and renewed by each login.
    app.advance(Duration::from_hours(30 * 24));
    for host in 1..=10 {
        from(&format!("198.51.100.{host}"), guess(&app, "alice")).send().await;
    }
    is_limited(from("192.0.2.1", right(&app)).send().await, "login_per_account", 6);
    from("192.0.2.1", guess(&app, "bob"))
        .send()
        .await
        .problem(401, "invalid_credentials");
}

#[tokio::test]
async fn names_of_nobody_are_limited_exactly_as_those_of_users() {
    let app = app("");
    // Alice has logged in from elsewhere: what that exempts must not be seen from here.
    from("203.0.113.1", right(&app)).send().await.expect(200);
    let mut seen = Vec::new();
    for (network, name) in [("192.0.2", "alice"), ("198.51.100", "nobody")] {
        let mut answers = Vec::new();
        for host in 1..=12 {
            let answer = from(&format!("{network}.{host}"), guess(&app, name)).send().await;
            // A request has a name of its own.
            let own = ["date", "x-request-id"];
            let headers = answer.headers.into_iter().filter(|(name, _)| !own.contains(&&**name));
            let headers: Vec<_> = headers.collect();
            answers.push((answer.status, answer.text, headers));
        }
        assert_eq!(answers.iter().filter(|(status, ..)| *status == 429).count(), 2);
        seen.push(answers);
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn guesses_at_the_same_time_do_not_all_pass() {
    let app = app("login_per_account = \"5/1m\"");
    let guesses = (0..40).map(|host| {
        let request = from(&format!("198.51.100.{host}"), guess(&app, "alice"));
        tokio::spawn(async move { request.send().await.status })
    });
    let mut statuses = Vec::new();
    for guess in guesses.collect::<Vec<_>>() {
        statuses.push(guess.await.unwrap());
    }
    let answered = |status| statuses.iter().filter(|known| **known == status).count();
    assert_eq!((answered(401), answered(429)), (5, 35), "{statuses:?}");
}

#[tokio::test]
async fn an_ipv6_household_is_one_address() {
    let app = app("login_per_address = \"2/1m\"");
    for (address, status) in [
        ("2001:db8:1:1::1", 401),
        ("2001:db8:1:1:ffff::2", 401),
        ("2001:db8:1:1::3", 429),
        ("2001:db8:1:2::1", 401),
    ] {
        let answer = from(address, guess(&app, address)).send().await;
        assert_eq!(answer.status, status, "{address}: {answer}");
    }
}

#[tokio::test]
async fn a_limited_refresh_changes_nothing_and_holds_nobody_else_up() {
    let app = app("refresh_per_session = \"3/1m\"\nrefresh_per_address = \"6/1m\"");
    let mut device = Device::open(&app, Transport::Body, "keyed").await;
    let other = Device::open(&app, Transport::Body, "keyed").await;
    for n in 0..3 {
        let answer = device.refresh().await;
        let told = format!(
            "\"refresh_per_address\";r={};t=10, \"refresh_per_session\";r={};t=20",
            5 - n,
            2 - n
        );
        assert_eq!(answer.header("ratelimit"), Some(&*told));
    }
    let before = device.stored().await;
    is_limited(device.refreshing_with(&key(3)).send().await, "refresh_per_session", 20);
    assert_eq!(device.stored().await, before);
    other.refreshing_with(&key(0)).send().await.expect(200);
    // All of the address is used up: by five that had room and one that had none for its session.
    other.refreshing_with(&key(0)).send().await.expect(200);
    is_limited(other.refreshing_with(&key(0)).send().await, "refresh_per_address", 10);
    from("192.0.2.7", device.refreshing_with(&key(3)))
        .send()
        .await
        .expect(200);
}

#[tokio::test]
async fn nobody_can_use_up_the_refreshes_of_anothers_session() {
    let app = app("refresh_per_session = \"3/1m\"");
    let mut device = Device::open(&app, Transport::Body, "keyed").await;
    // A thief has a copy of the token, and elsewhere repeats it as often as it may be.
    let copy = device.clone();
    for _ in 0..5 {
        from("203.0.113.1", copy.refreshing()).send().await;
    }
    is_limited(
        from("203.0.113.1", copy.refreshing()).send().await,
        "refresh_per_session",
        20,
    );
    for _ in 0..3 {
        device.refresh().await;
    }
}

#[tokio::test]
async fn backends_are_limited_by_key_and_wrong_keys_by_address() {
    let app = app("api_per_key = \"4/1m\"\nlogin_per_address = \"2/1m\"");
    let request = |address: &str, key: &str| from(address, app.get("/v1/subjects/alice/sessions").bearer(key)).send();
    for status in [401, 401, 429] {
        assert_eq!(request("192.0.2.1", "sk_wrong").await.status, status);
    }
    is_limited(request("192.0.2.1", "sk_wrong").await, "login_per_address", 30);
    // From that address a right key is not held up, nor is who logs in.
    let answer = request("192.0.2.1", TestApp::api_key()).await.expect(200);
    assert_eq!(answer.header("ratelimit-policy"), Some("\"api_per_key\";q=4;w=60"));
    assert_eq!(answer.header("ratelimit"), Some("\"api_per_key\";r=3;t=15"));
    from("192.0.2.1", right(&app)).send().await.expect(200);
    for host in 2..5 {
        request(&format!("192.0.2.{host}"), TestApp::api_key())
            .await
            .expect(200);
    }
    is_limited(request("192.0.2.9", TestApp::api_key()).await, "api_per_key", 15);
}

#[tokio::test]
async fn a_clock_that_is_set_locks_nobody_out_and_fills_nothing() {
    let app = app("login_per_address = \"2/1m\"");
    // A correction: while the clock is further off, nobody logs in at all.
    let off = Duration::from_mins(9);
    app.advance(Duration::from_hours(5));
    let right = app.clock.now();
    from("192.0.2.1", guess(&app, "a")).send().await;
    app.clock.set(right.saturating_sub(off));
    from("192.0.2.1", guess(&app, "b"))
        .send()
        .await
        .problem(401, "invalid_credentials");
    for set in [right.saturating_sub(off), right, right.saturating_add(off)] {
        app.clock.set(set);
        is_limited(
            from("192.0.2.1", guess(&app, "c")).send().await,
            "login_per_address",
            30,
        );
    }
    app.advance(Duration::from_secs(30));
    from("192.0.2.1", guess(&app, "c"))
        .send()
        .await
        .problem(401, "invalid_credentials");
}

/// A log names nobody.
#[tokio::test]
async fn a_refusal_is_logged_without_the_address() {
    let app = app("login_per_address = \"1/1d\"");
    // One that no other test of the process uses.
    let address = "203.0.113.86";
    from(address, guess(&app, "alice")).send().await;
    from(address, guess(&app, "alice"))
        .send()
        .await
        .problem(429, "rate_limited");
    let log = log::captured();
    assert!(log.contains("a request was limited limit=\"login_per_address\""));
    let lines: Vec<_> = log.lines().filter(|line| line.contains(address)).collect();
    assert!(lines.is_empty(), "{lines:?}");
}

#[tokio::test]
async fn refusals_are_counted() {
    let app = TestApp::with(&[
        ("rate_limit", "refresh_per_address = \"1/1m\""),
        ("admin", "listen = \"127.0.0.1:0\""),
    ]);
    for _ in 0..3 {
        let rubbish = json!({"refresh_token": "rubbish"});
        app.post("/auth/refresh").json(rubbish).send().await;
    }
    let metrics = app.admin().get("/metrics").send().await.expect(200);
    let line = "session_rate_limited_total{limit=\"refresh_per_address\"} 2\n";
    assert!(metrics.text.contains(line), "{metrics}");
}

#[tokio::test]
async fn switched_off_they_are_not_there() {
    let app = TestApp::with(&[(
        "rate_limit",
        "enabled = false\nlogin_per_address = \"1/1m\"\napi_per_key = \"1/1m\"",
    )]);
    for _ in 0..3 {
        let answer = guess(&app, "alice").send().await.problem(401, "invalid_credentials");
        assert_eq!(
            (answer.header("ratelimit"), answer.header("ratelimit-policy")),
            (None, None)
        );
        let body = json!({"username": "alice", "password": PASSWORD});
        app.post("/auth/login").json(body).send().await.expect(200);
        Device::open(&app, Transport::Body, "keyed").await;
    }
}
