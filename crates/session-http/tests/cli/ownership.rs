//! Commands that root runs in the directory of the service's user, who can go on afterwards.

use std::fs;

use crate::deployment::{Deployment, mode};
use crate::owner::{give_away, not_somebodys};

#[test]
fn what_root_changes_or_makes_stays_its_owners() {
    let deployment = Deployment::with_keys();
    let directory = deployment.directory.path();
    if !give_away(directory) {
        return;
    }
    deployment.run_with("user add anna USERS", "secret\n").succeeds();
    deployment.run_with("user add anna USERS", "changed\n").succeeds();
    deployment.run_with("user add bob USERS", "secret\n").succeeds();
    deployment.run("user remove bob USERS").succeeds();
    deployment.run("keys rotate --now CONFIG").succeeds();
    deployment.run("keys retire first CONFIG").succeeds();
    deployment.run("check CONFIG").succeeds();
    assert!(deployment.path("users.lock").exists() && deployment.path("keys/lock").exists());
    assert_eq!(not_somebodys(directory), Vec::<std::path::PathBuf>::new());
    assert_eq!(mode(&deployment.path("users")), 0o600);
    assert_eq!(mode(&deployment.path("keys/keys.json")), 0o600);
}

/// Of a file in a directory of root's, such as /etc/session, too.
#[test]
fn a_file_keeps_its_owner_whosever_its_directory_is() {
    let deployment = Deployment::new();
    deployment.run_with("user add anna USERS", "secret\n").succeeds();
    if !give_away(&deployment.path("users")) {
        return;
    }
    deployment.run_with("user add bob USERS", "secret\n").succeeds();
    assert_eq!(
        not_somebodys(&deployment.path("users")),
        Vec::<std::path::PathBuf>::new()
    );
}

#[test]
fn root_does_not_open_the_store_of_another_user() {
    let deployment = Deployment::with_keys();
    let directory = deployment.directory.path();
    deployment.run_with("user add anna USERS", "secret\n").succeeds();
    if !give_away(directory) {
        return;
    }
    let belongs = format!("{} belongs to another user (uid 1000)", directory.display());
    let refusal = [belongs.as_str(), "run this as that user: sudo -u '#1000' session-http"];
    // It would be made.
    deployment.run("serve CONFIG").fails_with(&refusal);
    assert!(!deployment.path("store").exists());

    fs::create_dir(deployment.path("store")).unwrap();
    give_away(directory);
    for line in ["serve CONFIG", "check CONFIG"] {
        deployment
            .run(line)
            .fails_with(&["/store belongs to another user (uid 1000)", refusal[1]]);
    }
    assert_eq!(fs::read_dir(deployment.path("store")).unwrap().count(), 0);
    assert_eq!(not_somebodys(directory), Vec::<std::path::PathBuf>::new());
}
