//! A server that stops in the middle of a command and goes on later: what was to end ends, and is told of once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use session_core::key::{Algorithm, RefreshSecrets, SigningKey, SigningKeys};
use session_core::policy::Policy;
use session_core::refresh_token::RefreshSecret;
use session_core::rotation::ReuseCause;
use session_core::security_event::{EventKind, SecurityEvent};
use session_core::session::{RevocationReason, RotationMode};
use session_store::entropy::SystemEntropy;
use session_store::events::EventSink;
use session_store::sessions::{RefreshError, Sessions};
use session_testbed::eventually::{PATIENCE, eventually};
use session_testbed::proxy::tcp::TcpProxy;
use session_testbed::redis::RedisOptions;
use session_testbed::redis::server::RedisServer;

use crate::sample::at;
use crate::sessions_support::{key, login, refresh, sessions_telling};
use crate::topology::opened;

/// Keeps what it is told.
#[derive(Default)]
struct Told(Mutex<Vec<SecurityEvent>>);

impl EventSink for Told {
    fn record(&self, event: SecurityEvent) {
        self.0.lock().unwrap().push(event);
    }
}

impl Told {
    fn kinds(&self) -> Vec<EventKind> {
        let told = self.0.lock().unwrap();
        told.iter().map(|event| event.kind.clone()).collect()
    }
}

async fn behind(proxy: &TcpProxy) -> (Sessions, Arc<Told>) {
    let (told, entropy) = (Arc::new(Told::default()), SystemEntropy::new());
    let store = opened(&format!("redis://{}", proxy.address())).await;
    let sessions = sessions_telling(
        Arc::new(store),
        Policy::default(),
        SigningKeys::of_one(SigningKey::generate(Algorithm::EdDsa, &entropy).unwrap()),
        RefreshSecrets::of_one(RefreshSecret::generate(&entropy).unwrap()),
        Arc::<Told>::clone(&told),
    );
    // The server knows the script by which sessions end: it is told to run it, and no more.
    let other = sessions.open(login("otto", RotationMode::Keyed), at(0)).await.unwrap();
    sessions
        .end(&other.record.id, RevocationReason::Admin, at(0))
        .await
        .unwrap();
    told.0.lock().unwrap().clear();
    (sessions, told)
}

/// Until something is told.
async fn settled(sessions: &Sessions, told: &Told, secs: u64) {
    let before = told.kinds().len();
    let settled = eventually("the events are told", PATIENCE, async || {
        sessions.settle(at(secs)).await;
        (told.kinds().len() > before).then_some(())
    });
    settled.await.unwrap();
}

#[tokio::test]
async fn a_logout_in_a_server_that_stops_is_told_once() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let proxy = TcpProxy::start(server.address()).unwrap();
    let (sessions, told) = behind(&proxy).await;
    let grant = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    let id = grant.record.id;
    server.hang().unwrap();
    sessions.end(&id, RevocationReason::Logout, at(1)).await.unwrap_err();
    // What it was sent, it carries out now.
    server.resume().unwrap();
    let ended = eventually("the session has ended", PATIENCE, async || {
        sessions.session(&id).await.ok()??.revoked
    });
    assert_eq!(ended.await.unwrap().at, at(1));
    assert_eq!(told.kinds(), [EventKind::SessionCreated], "nobody has told");
    settled(&sessions, &told, 2).await;
    sessions.settle(at(3)).await;
    assert!(!sessions.end(&id, RevocationReason::Logout, at(3)).await.unwrap());
    let ended = EventKind::SessionEnded(RevocationReason::Logout);
    assert_eq!(told.kinds(), [EventKind::SessionCreated, ended]);
}

#[tokio::test]
async fn a_theft_that_is_seen_while_a_server_stops_is_told_once() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let proxy = TcpProxy::start(server.address()).unwrap();
    let (sessions, told) = behind(&proxy).await;
    let first = sessions.open(login("anna", RotationMode::Keyed), at(0)).await.unwrap();
    refresh(&sessions, &first, key(1), at(1)).await.unwrap();
    server.command(&["CONFIG", "RESETSTAT"]).await.unwrap();
    // The server has answered that the token is not current, and stops before it is told to revoke: both are on their way for a while.
    proxy.delay(Duration::from_millis(250));
    let stops = async {
        let asked = eventually("the swap has failed", PATIENCE, async || {
            server.info("cmdstat_evalsha").await.ok()
        });
        asked.await.unwrap();
        server.hang().unwrap();
    };
    let (theft, ()) = tokio::join!(refresh(&sessions, &first, key(2), at(2)), stops);
    assert!(matches!(theft, Err(RefreshError::Store(_))), "{theft:?}");
    assert_eq!(told.kinds(), [EventKind::SessionCreated], "nobody knows");
    server.resume().unwrap();
    proxy.delay(Duration::ZERO);
    settled(&sessions, &told, 3).await;
    sessions.settle(at(4)).await;
    let over = refresh(&sessions, &first, key(2), at(4)).await;
    assert!(matches!(over, Err(RefreshError::Ended(_))), "{over:?}");
    let reused = EventKind::RefreshReused {
        cause: ReuseCause::OtherKey,
        revoked: true,
    };
    let ended = EventKind::SessionEnded(RevocationReason::Reuse);
    assert_eq!(told.kinds(), [EventKind::SessionCreated, reused, ended]);
}
