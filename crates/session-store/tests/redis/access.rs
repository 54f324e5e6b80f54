//! Who may come in: passwords, a user who may do no more than is needed, TLS.

use std::time::Duration;

use session_store::redis::{OpenError, RedisStore};
use session_store::store::SessionStore as _;
use session_testbed::certificate::TestCertificate;
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::sample::{created, id, listed};
use crate::topology::{as_limited_user, limited_user, opened};

/// Each with a meaning in a URL.
const PASSWORD: &str = "p@ss:w/r?d#%&=+";
const ENCODED: &str = "p%40ss%3Aw%2Fr%3Fd%23%25%26%3D%2B";

async fn open(url: &str) -> Result<RedisStore, OpenError> {
    RedisStore::open(&url.parse().unwrap(), Duration::ZERO, None).await
}

/// The text of an error with that of its causes.
fn said(opened: Result<RedisStore, OpenError>) -> String {
    let error = opened.unwrap_err();
    let mut said = String::new();
    let mut next: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = next {
        said = format!("{said}{error}; ");
        next = error.source();
    }
    said
}

async fn is_used(store: &RedisStore) {
    let session = created(store, 1).await;
    assert_eq!(store.load(&id(1)).await.unwrap(), Some(session));
    assert_eq!(listed(store).await, [id(1)]);
    store.check().await.unwrap();
}

#[tokio::test]
async fn a_password_is_asked_for() {
    let options = RedisOptions {
        password: Some(PASSWORD.to_owned()),
        ..RedisOptions::default()
    };
    let server = RedisServer::start(options).await.unwrap();
    let address = server.address();
    is_used(&opened(&format!("redis://:{ENCODED}@{address}")).await).await;
    is_used(&opened(&format!("redis://default:{ENCODED}@{address}")).await).await;
    for wrong in ["", ":wrong@", "nobody:wrong@"] {
        let said = said(open(&format!("redis://{wrong}{address}")).await);
        let told = said.contains("uthentication") || said.contains("NOAUTH") || said.contains("WRONGPASS");
        assert!(told && !said.contains("wrong@"), "{said}");
    }
}

#[tokio::test]
async fn a_user_may_have_a_password_too() {
    let options = RedisOptions {
        users: vec![("us@er".to_owned(), PASSWORD.to_owned())],
        ..RedisOptions::default()
    };
    let server = RedisServer::start(options).await.unwrap();
    is_used(&opened(&format!("redis://us%40er:{ENCODED}@{}", server.address())).await).await;
}

/// That it suffices is shown by every property of `conformance`, which is tried as this user.
#[tokio::test]
async fn a_user_for_one_prefix_reaches_no_other() {
    let options = RedisOptions {
        lines: vec![limited_user()],
        ..RedisOptions::default()
    };
    let server = RedisServer::start(options).await.unwrap();
    let url = as_limited_user(&server.url());
    is_used(&opened(&url).await).await;
    is_used(&opened(&format!("{url}/1")).await).await;
    let said = said(open(&format!("{url}?prefix=other")).await);
    assert!(said.contains("NOPERM") || said.contains("permission"), "{said}");
}

#[tokio::test]
async fn a_server_is_believed_by_its_certificate() {
    let [certificate, other] = [(); 2].map(|()| TestCertificate::for_localhost().unwrap());
    let options = RedisOptions {
        tls: Some(certificate.files().clone()),
        password: Some("secret".to_owned()),
        ..RedisOptions::default()
    };
    let server = RedisServer::start(options).await.unwrap();
    let with = |authority: &std::path::Path| format!("{}?tls_ca={}", server.url(), authority.display());
    assert!(server.url().starts_with("rediss://"), "{}", server.url());
    is_used(&opened(&with(&certificate.files().authority)).await).await;
    for url in [with(&other.files().authority), server.url()] {
        let said = said(open(&url).await);
        assert!(said.contains("certificate") && !said.contains("secret"), "{said}");
    }
    let said = said(open(&with(std::path::Path::new("/nowhere/ca.pem"))).await);
    assert!(said.contains("/nowhere/ca.pem"), "{said}");
    // Without TLS it says nothing that is understood.
    open(&server.url().replace("rediss", "redis")).await.unwrap_err();
}
