//! `keys`: the directory of keys, changed by its owner.

use std::fs::{self, File};

#[cfg(unix)]
use crate::deployment::mode;
use crate::deployment::{Answer, Deployment};

#[test]
fn keys_rotate_and_retire() {
    let deployment = Deployment::with_keys();
    assert_eq!(states(&deployment), ["access current", "refresh current"]);

    deployment.run("keys rotate CONFIG").succeeds();
    assert_eq!(
        states(&deployment),
        ["access current", "access next", "refresh current", "refresh next"]
    );
    let listed = keys(&deployment);
    assert_eq!(listed[0]["kid"], "first");
    assert_eq!(listed[1]["algorithm"], "EdDSA");
    assert!(listed[0]["verify_until"].is_string() && listed[1]["verify_until"].is_null());

    deployment
        .run("keys retire first CONFIG")
        .fails_with(&["first signs now: rotate first"]);
    deployment
        .run("keys retire nobody CONFIG")
        .fails_with(&["no key is named nobody"]);

    deployment.run("keys rotate --now CONFIG").succeeds();
    deployment.run("keys retire first 0000000a CONFIG").fails_with(&[
        "0000000a is a refresh secret",
        "must log in again",
        "--yes",
    ]);
    deployment
        .run("keys retire first nobody CONFIG")
        .fails_with(&["no key is named nobody"]);
    assert_eq!(states(&deployment)[0], "access previous", "all or none");
    deployment.run("keys retire first CONFIG").succeeds();
    deployment.run("keys retire 0000000a CONFIG --yes").succeeds();
    let after = states(&deployment);
    assert_eq!(
        after.iter().filter(|state| *state == "access retired").count(),
        1,
        "{after:?}"
    );
    assert_eq!(
        after.iter().filter(|state| *state == "refresh current").count(),
        1,
        "{after:?}"
    );
    #[cfg(unix)]
    assert_eq!(mode(&deployment.path("keys/keys.json")), 0o600);
}

#[test]
fn keys_are_listed_without_their_secrets() {
    let deployment = Deployment::with_keys();
    for line in ["keys list CONFIG", "keys list CONFIG --json"] {
        let answer = deployment.run(line).succeeds();
        assert!(
            answer.out.contains("first") && answer.out.contains("0000000a"),
            "{}",
            answer.out
        );
        assert!(!answer.out.contains("AAAA"), "{}", answer.out);
    }
    let table = deployment.run("keys list CONFIG").succeeds().out;
    assert!(
        table.starts_with("KID       USE      ALGORITHM    STATE    SIGNS FROM"),
        "{table}"
    );
}

#[test]
fn after_a_theft_what_was_in_line_is_named_too() {
    let deployment = Deployment::with_keys();
    // Ids may begin with a hyphen.
    let path = deployment.path("keys/keys.json");
    let text = fs::read_to_string(&path).unwrap().replace("first", "-first");
    fs::write(&path, text).unwrap();
    deployment.run("keys rotate CONFIG").succeeds();
    let in_line = keys(&deployment)[1]["kid"].as_str().unwrap().to_owned();
    let answer = deployment.run("keys rotate --now CONFIG").succeeds();
    assert!(answer.err.contains("still believed: -first "), "{}", answer.err);
    assert!(
        answer.err.contains(&in_line),
        "it was made before the theft: {}",
        answer.err
    );
    // One that nobody has a token of yet goes without a question.
    let secret_in_line = keys(&deployment)
        .iter()
        .find(|key| key["use"] == "refresh" && key["state"] == "next")
        .unwrap()["kid"]
        .as_str()
        .unwrap()
        .to_owned();
    deployment
        .run(&format!("keys retire CONFIG -- -first {in_line} {secret_in_line}"))
        .succeeds();
    let left: Vec<_> = states(&deployment)
        .into_iter()
        .filter(|state| !state.ends_with("retired"))
        .collect();
    assert_eq!(left, ["access current", "refresh previous", "refresh current"]);
}

#[test]
fn keys_that_are_not_there_are_not_made_by_a_rotation() {
    let deployment = Deployment::new();
    deployment
        .run("keys list CONFIG")
        .fails_with(&["keys.json does not exist"]);
    deployment
        .run("keys rotate CONFIG")
        .fails_with(&["keys.json does not exist"]);
    assert!(!deployment.path("keys").exists());
}

#[test]
fn two_processes_do_not_write_keys_at_once() {
    let deployment = Deployment::with_keys();
    let lock = File::create(deployment.path("keys/lock")).unwrap();
    lock.lock().unwrap();
    deployment
        .run("keys rotate CONFIG")
        .fails_with(&["another process is changing it", "try again"]);
    assert_eq!(keys(&deployment).len(), 2, "reading needs no lock");
    drop(lock);

    // Whoever comes second is told so, or waits its turn: no rotation that was reported done is lost.
    let rotating: Vec<_> = (0..6)
        .map(|_| deployment.command("keys rotate CONFIG").spawn().unwrap())
        .collect();
    let answers: Vec<_> = rotating.into_iter().map(Answer::of).collect();
    let done = answers.iter().filter(|answer| answer.code == Some(0)).count();
    assert!(done > 0);
    for busy in answers.into_iter().filter(|answer| answer.code != Some(0)) {
        busy.fails_with(&["another process is changing it"]);
    }
    assert_eq!(keys(&deployment).len(), 2 + 2 * done);
}

fn keys(deployment: &Deployment) -> Vec<serde_json::Value> {
    let listed = deployment.run("keys list CONFIG --json").succeeds().out;
    let json: serde_json::Value = serde_json::from_str(&listed).unwrap();
    json["keys"].as_array().unwrap().clone()
}

fn states(deployment: &Deployment) -> Vec<String> {
    let state = |key: serde_json::Value| format!("{} {}", key["use"], key["state"]).replace('"', "");
    keys(deployment).into_iter().map(state).collect()
}
