//! What `check` says, and what `serve` and `demo` do not start with.

use std::fs;

use crate::deployment::{Deployment, set_mode};

#[test]
fn check_says_ok_and_what_is_still_to_come() {
    let deployment = Deployment::new();
    deployment.run_with("user add anna USERS", "secret\n").succeeds();
    let answer = deployment.run("check CONFIG").succeeds();
    assert_eq!(answer.out, "ok\n");
    assert!(answer.err.contains("holds no keys yet"), "{}", answer.err);
    assert!(
        !deployment.path("store").exists() && !deployment.path("keys").exists(),
        "a check makes nothing"
    );

    fs::create_dir(deployment.path("store")).unwrap();
    deployment.run("check CONFIG").succeeds();
}

#[test]
fn check_names_every_fault_at_once() {
    let deployment = Deployment::new()
        .set("SESSION_POLICY__ACCES_TTL", "5s")
        .set("SESSION_POLICY__IDLE_TIMEOUT", "5 parsecs")
        .set("SESSION_TLS__CERTIFICATE", "x")
        .set("SESSION_MANAGER", "not ours");
    let answer = deployment.run("check CONFIG").fails_with(&[
        "policy.acces_ttl: is not known; did you mean policy.access_ttl? (set by SESSION_POLICY__ACCES_TTL)\n",
        "policy.idle_timeout: \"5 parsecs\" is not a duration; write for example 15m (set by SESSION_POLICY__IDLE_TIMEOUT)\n",
        "tls.key: is missing beside tls.certificate\n",
    ]);
    assert_eq!(answer.err.lines().count(), 3, "{}", answer.err);
}

#[test]
fn check_looks_at_keys_users_and_store() {
    let deployment = Deployment::with_keys();
    set_mode(&deployment.path("keys/keys.json"), 0o644);
    fs::write(deployment.path("store"), "a file").unwrap();
    let faults = ["users_file: ", "does not exist", "store.url: ", "is not a directory"];
    let answer = deployment.run("check CONFIG").fails_with(&faults);
    if cfg!(unix) {
        assert!(answer.err.contains("chmod 600"), "{}", answer.err);
    }
}

#[test]
fn serve_refuses_what_check_refuses_and_a_demos_data() {
    let deployment = Deployment::new()
        .set("SESSION_LISTEN", "0.0.0.0:0")
        .set("SESSION_PROXY__TRUSTED", "");
    fs::create_dir(deployment.path("store")).unwrap();
    fs::write(deployment.path("store/session-demo"), "").unwrap();
    for line in ["serve CONFIG", "check CONFIG"] {
        deployment
            .run(line)
            .fails_with(&["listen: ", "store.url: ", "holds a demo's data"]);
    }
}

#[test]
fn the_demo_stays_on_loopback_and_out_of_other_directories() {
    let deployment = Deployment::new();
    let data = deployment.directory.path().display().to_string();
    let in_use = format!("demo --listen 127.0.0.1:0 --data {data}");
    deployment
        .run(&in_use)
        .fails_with(&["holds files that are not a demo's"]);
    deployment
        .run("demo --listen 0.0.0.0:0")
        .fails_with(&["listen: 0.0.0.0:0 is not loopback"]);
    let deployment = deployment.set("SESSION_LISTEN", "0.0.0.0:0");
    deployment
        .run(&format!("demo --data {data}/new"))
        .fails_with(&["is not loopback"]);
    assert!(!deployment.path("new").exists());
}

#[test]
fn a_directory_in_which_others_may_write_is_refused() {
    let deployment = Deployment::with_keys();
    deployment.run_with("user add anna USERS", "secret\n").succeeds();
    set_mode(&deployment.path("keys"), 0o777);
    for line in ["check CONFIG", "serve CONFIG", "keys list CONFIG", "keys rotate CONFIG"] {
        let answer = deployment.run(line);
        if cfg!(unix) {
            answer.fails_with(&["/keys can be written by other users", "chmod 700 "]);
        }
    }
}
