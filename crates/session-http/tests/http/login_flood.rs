//! Logins cannot starve refreshes: while every place for checking a password is held, everybody else goes on.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::support::app::TestApp;
use crate::support::client::{Client, Request};
use crate::support::device::{Device, Transport};

/// How many may wait for their password to be checked.
const WAITING: usize = 32;
const HONEST: usize = 32;
const REFRESHES_EACH: usize = 5;

/// A users file that is not read to its end until it is let go: whoever checks a password holds their place until then.
struct Held {
    users: PathBuf,
    /// The file itself, under another name.
    saved: PathBuf,
    /// Another name of the pipe that stands in for the file.
    pipe: PathBuf,
}

impl Held {
    fn hold(users: &Path) -> Self {
        let [saved, pipe, beside] = ["saved", "pipe", "beside"].map(|name| users.with_extension(name));
        fs::hard_link(users, &saved).unwrap();
        let made = Command::new("mkfifo").args(["-m", "600"]).arg(&pipe).status().unwrap();
        assert!(made.success());
        fs::hard_link(&pipe, &beside).unwrap();
        fs::rename(&beside, users).unwrap();
        let users = users.to_owned();
        Self { users, saved, pipe }
    }

    /// Puts the file back; whoever reads the pipe comes to its end by [`LetGo::write`].
    fn let_go(self) -> LetGo {
        let text = fs::read_to_string(&self.saved).unwrap();
        fs::rename(&self.saved, &self.users).unwrap();
        LetGo { pipe: self.pipe, text }
    }
}

struct LetGo {
    pipe: PathBuf,
    text: String,
}

impl LetGo {
    /// Writes the file's text to whoever reads the pipe. A signal to this process, of a child that ends, makes the reader open it
    /// anew, and what was written before is lost: so this is done again if nothing comes of it. Without a reader its thread waits.
    fn write(&self) {
        let (pipe, text) = (self.pipe.clone(), self.text.clone());
        thread::spawn(move || fs::write(pipe, text));
    }
}

fn guess(client: &Client, name: &str, address: &str) -> Request {
    client
        .post("/auth/login")
        .header("x-forwarded-for", address)
        .json(json!({"username": name, "password": "wrong-password"}))
}

#[tokio::test]
async fn refreshes_go_on_while_every_place_of_logins_is_held() {
    // The limits of addresses are on as they are by default; each guess has an address and a name of its own.
    let app = TestApp::with(&[("rate_limit", ""), ("proxy", "trusted = [\"127.0.0.1\"]")]);
    let devices = join_all((0..HONEST).map(|_| Device::open(&app, Transport::Body, "keyed"))).await;
    let held = Held::hold(&app.users_file());

    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let places = (cores - 1).max(1) + WAITING;
    let (answered, mut answers) = mpsc::unbounded_channel();
    for number in 0..places + 8 {
        let request = guess(&app, &format!("user{number}"), &format!("198.51.100.{number}"));
        let answered = answered.clone();
        tokio::spawn(async move { answered.send(request.send().await) });
    }
    for _ in 0..8 {
        // Those who found no place are told so at once; when they have been, all places are held.
        let turned_away = answers.recv().await.unwrap().problem(503, "overloaded");
        assert_eq!(turned_away.header("retry-after"), Some("1"));
    }
    // Whoever is turned away unheard has not guessed: more often than either limit allows.
    for _ in 0..25 {
        guess(&app, "alice", "203.0.113.1")
            .send()
            .await
            .problem(503, "overloaded");
    }

    let refreshing = devices.into_iter().map(|mut device| async move {
        for _ in 0..REFRESHES_EACH {
            device.refresh().await;
        }
    });
    join_all(refreshing).await;
    assert!(answers.try_recv().is_err(), "every place was held all the while");

    let let_go = held.let_go();
    let_go.write();
    for _ in 0..places {
        let answer = loop {
            match timeout(Duration::from_secs(3), answers.recv()).await {
                Ok(answer) => break answer.unwrap(),
                Err(_) => let_go.write(),
            }
        };
        answer.problem(401, "invalid_credentials");
    }
}
