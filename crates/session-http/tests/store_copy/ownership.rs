//! A copy that root makes for the service's user.

use std::fs;
use std::path::PathBuf;

use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::deployment::Deployment;
use crate::refusals::one_session;
use crate::support::owner::{give_away, not_somebodys};

#[tokio::test]
async fn what_is_noted_beside_the_keys_belongs_to_their_owner() {
    let deployment = Deployment::new();
    let (from, to) = (
        RedisServer::start(RedisOptions::default()).await.unwrap(),
        RedisServer::start(RedisOptions::default()).await.unwrap(),
    );
    let store = one_session(&deployment, "store").await;
    Deployment::copy(&["--from", &store, "--to", &from.url()]).succeeds_with(&["sessions: 1 copied"]);
    let config = deployment.config(&to.url());
    // Before the first start: the directory of the keys is made.
    fs::remove_dir_all(deployment.path("keys")).unwrap();
    if !give_away(&deployment.path("")) {
        return;
    }
    let arguments = ["--from", &from.url(), "--config", config.to_str().unwrap()];
    Deployment::copy(&arguments).succeeds_with(&["sessions: 1 copied"]);
    assert!(deployment.path("keys/stores.json").exists());
    assert_eq!(not_somebodys(&deployment.path("")), Vec::<PathBuf>::new());
}

/// The engine makes its files by itself, as root's.
#[tokio::test]
async fn an_embedded_store_is_copied_by_its_owner_only() {
    let deployment = Deployment::new();
    let redis = RedisServer::start(RedisOptions::default()).await.unwrap();
    let (store, new) = (
        one_session(&deployment, "store").await,
        deployment.embedded("theirs/new"),
    );
    Deployment::copy(&["--from", &store, "--to", &redis.url()]).succeeds_with(&["sessions: 1 copied"]);
    fs::create_dir(deployment.path("theirs")).unwrap();
    if !(give_away(&deployment.path("store")) && give_away(&deployment.path("theirs"))) {
        return;
    }
    for (from, to) in [(&store, &redis.url()), (&redis.url(), &store), (&redis.url(), &new)] {
        Deployment::copy(&["--from", from, "--to", to]).fails_with(&[
            "belongs to another user (uid 1000), who could not use what root leaves in it",
            "run this as that user: sudo -u '#1000' session-http",
        ]);
    }
    assert_eq!(not_somebodys(&deployment.path("store")), Vec::<PathBuf>::new());
    assert_eq!(fs::read_dir(deployment.path("theirs")).unwrap().count(), 0);
}
