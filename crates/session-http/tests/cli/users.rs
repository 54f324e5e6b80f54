//! `user`: the users file.

use std::fs;
use std::io::Write as _;

#[cfg(unix)]
use crate::deployment::mode;
use crate::deployment::{Answer, Deployment};

#[test]
fn users_are_added_replaced_listed_and_removed() {
    let deployment = Deployment::new();
    deployment
        .run_with("user add anna USERS", "secret\r\nmore\n")
        .succeeds();
    deployment.run_with("user add bob USERS", "other").succeeds();
    assert_eq!(deployment.run("user list USERS").succeeds().out, "anna\nbob\n");
    let file = fs::read_to_string(deployment.path("users")).unwrap();
    assert!(file.starts_with("anna:$argon2id$v=19$m=19456,t=2,p=1$"), "{file}");
    assert!(!file.contains("secret"));
    #[cfg(unix)]
    assert_eq!(mode(&deployment.path("users")), 0o600);

    let answer = deployment.run_with("user add anna USERS", "changed\n").succeeds();
    assert!(
        answer.err.contains("anna exists: the password will be replaced"),
        "{}",
        answer.err
    );
    assert_ne!(fs::read_to_string(deployment.path("users")).unwrap(), file);

    deployment.run("user remove anna USERS").succeeds();
    deployment
        .run("user remove anna USERS")
        .fails_with(&["has no user \"anna\"", "user list"]);
    assert_eq!(deployment.run("user list USERS").succeeds().out, "bob\n");
}

#[test]
fn a_user_without_a_name_or_password_is_not_added() {
    let deployment = Deployment::new();
    deployment
        .run_with("user add anna USERS", "")
        .fails_with(&["a password has 1 to 1024 bytes"]);
    deployment
        .run_with("user add a:b USERS", "secret\n")
        .fails_with(&["a name has no \":\""]);
    let long = format!("user add {} USERS", "a".repeat(256));
    deployment.run_with(&long, "secret\n").fails_with(&["1 to 255 bytes"]);
    assert!(!deployment.path("users").exists());
    deployment.run("user list USERS").fails_with(&["users does not exist"]);
    deployment
        .run("user remove anna USERS")
        .fails_with(&["users does not exist"]);
}

#[test]
fn two_processes_that_add_users_lose_none() {
    let deployment = Deployment::new();
    let mut adding: Vec<_> = (0..4)
        .map(|index| {
            deployment
                .command(&format!("user add user{index} USERS"))
                .spawn()
                .unwrap()
        })
        .collect();
    for child in &mut adding {
        child.stdin.take().unwrap().write_all(b"secret\n").unwrap();
    }
    for child in adding {
        Answer::of(child).succeeds();
    }
    assert_eq!(deployment.run("user list USERS").succeeds().out.lines().count(), 4);
}
