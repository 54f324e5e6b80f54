//! Many at once.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::{refresh, request};
use crate::attack::Outcome;
use crate::honest::all;
use crate::raw::{connect, exchange};
use crate::service::{Service, USER};

/// How many connections idle.
const IDLE: usize = 10_000;

/// Ten thousand that say nothing, and stay until every honest client has been served beside them.
pub(crate) async fn idle(service: &Service) -> Outcome {
    let to = service.address();
    let mut outcome = Outcome::default();
    let mut open = Vec::with_capacity(IDLE);
    for batch in 0..IDLE / 250 {
        let host = u8::try_from(100 + batch % 100).unwrap_or(100);
        let connected = all((0..250).map(move |_| timeout(Duration::from_secs(10), connect(to, host)))).await;
        for connection in connected {
            match connection {
                Ok(Ok(connection)) => open.push(connection),
                Ok(Err(error)) => outcome.count(error.kind().to_string()),
                Err(_) => outcome.count("no connection within 10 s"),
            }
        }
    }
    // One more that asks, while all others are there.
    for _ in 0..50 {
        match exchange(to, 9, &request("GET", "/healthz", "", "")).await {
            Ok(answered) => outcome.expect("a question beside them", answered.word(), &["200"]),
            Err(error) => outcome.fault(error.to_string()),
        }
    }
    outcome.count(format!("open at once: {}", open.len()));
    outcome
}

/// Whole requests whose sender is gone before the answer: every part of the work is done for nobody.
pub(crate) async fn resets(service: &Service) -> Outcome {
    let to = service.address();
    let mut outcome = Outcome::default();
    for _ in 0..20 {
        let sent = all((0..50).map(move |_| async move {
            let stream = connect(to, 31).await?;
            stream.try_write(&refresh(
                "Idempotency-Key: AAAAAAAAAAAAAAAAAAAAAA\r\n",
                "{\"refresh_token\":\"srt_x\"}",
            ))?;
            // With the answer unread, closing is a reset.
            drop(stream);
            std::io::Result::Ok(())
        }));
        for result in sent.await {
            outcome.count(if result.is_ok() { "sent and gone" } else { "not sent" });
        }
    }
    outcome
}

/// Wrong passwords for one user and for many, from fifty addresses.
pub(crate) async fn logins(service: &Service) -> Outcome {
    let to = service.address();
    let mut outcome = Outcome::default();
    for round in 0..8 {
        let answers = all((0..50_u8).map(move |host| async move {
            let user = if host % 2 == 0 {
                USER.to_owned()
            } else {
                format!("user-{round}-{host}")
            };
            let body = json!({ "username": user, "password": "wrong" }).to_string();
            let login = request("POST", "/auth/login", "Content-Type: application/json\r\n", &body);
            exchange(to, 40 + host, &login).await
        }))
        .await;
        for answer in answers {
            match answer {
                Ok(answered) => {
                    if answered.statuses.first().is_some_and(|status| *status != 401)
                        && !answered.text.to_ascii_lowercase().contains("retry-after")
                    {
                        outcome.fault(format!("no Retry-After: {}", answered.text));
                    }
                    outcome.expect("a login", answered.word(), &["401", "429", "503"]);
                }
                Err(error) => outcome.fault(error.to_string()),
            }
        }
    }
    outcome
}

/// Tokens of the right form that nobody has signed.
pub(crate) async fn forgeries(service: &Service) -> Outcome {
    let to = service.address();
    let mut outcome = Outcome::default();
    let header = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCIsImtpZCI6InVua25vd24ifQ";
    for round in 0..10 {
        let answers = all((0..50_u8).map(move |number| async move {
            let sent = if number % 2 == 0 {
                let body = json!({ "refresh_token": format!("srt_{}", "A".repeat(100 + usize::from(number) + round)) });
                refresh("Idempotency-Key: AAAAAAAAAAAAAAAAAAAAAA\r\n", &body.to_string())
            } else {
                let token = format!("{header}.{}.{}", "e30", "A".repeat(86));
                request("GET", "/auth/verify", &format!("Authorization: Bearer {token}\r\n"), "")
            };
            exchange(to, 150 + number, &sent).await
        }))
        .await;
        for answer in answers {
            match answer {
                Ok(answered) => outcome.expect("a forged token", answered.word(), &["401", "429"]),
                Err(error) => outcome.fault(error.to_string()),
            }
        }
    }
    outcome
}
