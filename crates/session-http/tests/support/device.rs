//! A logged-in device: it holds its tokens, by body or by cookie, and goes on with each answer.

use serde_json::{Value, json};

use super::answer::Answer;
use super::app::{ACCESS_COOKIE, PASSWORD, REFRESH_COOKIE, TestApp};
use super::client::{Client, Request};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Body,
    Cookie,
}

/// A device that is logged in.
#[derive(Clone)]
pub(crate) struct Device {
    pub(crate) client: Client,
    pub(crate) transport: Transport,
    pub(crate) access: String,
    pub(crate) refresh: String,
    /// The session as the last answer told it.
    pub(crate) session: Value,
}

/// The `n`-th idempotency key.
pub(crate) fn key(n: usize) -> String {
    format!("key-number-{n:0>22}")
}

impl Device {
    /// Logs `alice` in.
    pub(crate) async fn login(app: &Client, transport: Transport, rotation: &str) -> Self {
        Self::login_as(app, "alice", transport, rotation).await
    }

    pub(crate) async fn login_as(app: &Client, user: &str, transport: Transport, rotation: &str) -> Self {
        let answer = app
            .post("/auth/login")
            .json(login_body(user, transport, rotation))
            .send()
            .await;
        Self::from_answer(app, transport, &answer.expect(200))
    }

    /// A session that the trusted backend opens: without the work of checking a password.
    pub(crate) async fn open(app: &Client, transport: Transport, rotation: &str) -> Self {
        Self::open_as(app, "alice", transport, rotation).await
    }

    pub(crate) async fn open_as(app: &Client, subject: &str, transport: Transport, rotation: &str) -> Self {
        let body = json!({"subject": subject, "rotation": rotation, "transport": transport.name()});
        let answer = app
            .post("/v1/sessions")
            .bearer(TestApp::api_key())
            .json(body)
            .send()
            .await;
        Self::from_answer(app, transport, &answer.expect(201))
    }

    /// The device that got `answer`.
    pub(crate) fn from_answer(client: &Client, transport: Transport, answer: &Answer) -> Self {
        let (access, refresh) = tokens(transport, answer);
        let session = answer.json()["session"].clone();
        Self {
            client: client.clone(),
            transport,
            access,
            refresh,
            session,
        }
    }

    pub(crate) fn id(&self) -> String {
        self.session["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.session["generation"].as_u64().unwrap()
    }

    /// `request` with what it sends to every path.
    pub(crate) fn signed(&self, request: Request) -> Request {
        match self.transport {
            Transport::Body => request.bearer(&self.access),
            Transport::Cookie => request
                .cookie(ACCESS_COOKIE, &self.access)
                .cookie(REFRESH_COOKIE, &self.refresh),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Request {
        self.signed(self.client.get(path))
    }

    pub(crate) fn delete(&self, path: &str) -> Request {
        self.signed(self.client.delete(path))
    }

    /// A refresh that presents this device's tokens, and nothing else.
    pub(crate) fn refreshing(&self) -> Request {
        let request = self.client.post("/auth/refresh");
        match self.transport {
            Transport::Body => request.json(json!({"refresh_token": self.refresh})),
            Transport::Cookie => self.signed(request),
        }
    }

    /// As [`Device::refreshing`], with the key and the condition that a keyed session asks for.
    pub(crate) fn refreshing_with(&self, key: &str) -> Request {
        let request = self.refreshing().header("idempotency-key", key);
        match self.transport {
            Transport::Body => request,
            Transport::Cookie => request.header("if-match", &format!("\"{}\"", self.generation())),
        }
    }

    /// Refreshes with a key of its own, and goes on with the answer.
    pub(crate) async fn refresh(&mut self) -> Answer {
        let generation = usize::try_from(self.generation()).unwrap();
        let answer = self.refreshing_with(&key(generation)).send().await.expect(200);
        self.take(&answer);
        answer
    }

    /// Goes on with `answer`.
    pub(crate) fn take(&mut self, answer: &Answer) {
        *self = Self::from_answer(&self.client, self.transport, answer);
    }

    /// The same device, talking to another client: after a restart.
    pub(crate) fn moved_to(mut self, client: &Client) -> Self {
        self.client = client.clone();
        self
    }

    /// The session as the service has it, by the trusted backend; the time of the look is left out.
    pub(crate) async fn stored(&self) -> Value {
        let path = format!("/v1/sessions/{}", self.id());
        let mut session = self
            .client
            .get(&path)
            .bearer(TestApp::api_key())
            .send()
            .await
            .expect(200)
            .json();
        session["server_time"] = Value::Null;
        session
    }
}

impl Transport {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Cookie => "cookie",
        }
    }
}

pub(crate) fn login_body(user: &str, transport: Transport, rotation: &str) -> Value {
    json!({"username": user, "password": PASSWORD, "transport": transport.name(), "rotation": rotation})
}

fn tokens(transport: Transport, answer: &Answer) -> (String, String) {
    let body = answer.json();
    let in_body = |name: &str| body[name].as_str().map(str::to_owned);
    match transport {
        Transport::Body => {
            assert_eq!(answer.set_cookies(), Vec::<&str>::new(), "{answer}");
            (in_body("access_token").unwrap(), in_body("refresh_token").unwrap())
        }
        Transport::Cookie => {
            // Scripts must not see what the cookies keep from them.
            assert_eq!(
                (in_body("access_token"), in_body("refresh_token")),
                (None, None),
                "{answer}"
            );
            (
                answer.cookie(ACCESS_COOKIE).unwrap(),
                answer.cookie(REFRESH_COOKIE).unwrap(),
            )
        }
    }
}
