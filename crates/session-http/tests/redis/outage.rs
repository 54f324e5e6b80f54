//! What an instance answers while its Redis is in trouble, and that afterwards everybody is still logged in.
//!
//! | Redis | verify | refresh | login | logout | `/readyz` |
//! |---|---|---|---|---|---|
//! | stopped, hung, unreachable | 200 | 503 | 503 | 503 | 503 |
//! | full | 200 | 200 | 503 | 204 | 200 |
//! | restarted without its data | 200 | 503 | 503 | 503 | 503 |
//! | slow | 200 | 200 | 200 | 204 | 200 |

use std::time::Duration;

use session_testbed::eventually::eventually;
use session_testbed::proxy::tcp::TcpProxy;
use session_testbed::redis::server::RedisServer;
use session_testbed::redis::{Append, RedisOptions};

use crate::deployment::{Deployment, Instance};
use crate::persistent::Persistent;
use crate::support::device::{Device, Transport, login_body};

/// The contract's bound for a refresh on a hung Redis. A timeout that ends a request that hangs, not a measurement.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(20);

/// An instance on a Redis, with a proxy on the way to it.
struct Setup {
    redis: RedisServer,
    way: TcpProxy,
    instance: Instance,
    deployment: Deployment,
    /// Goes on throughout.
    staying: Persistent,
    /// Wants to log out while Redis is in trouble.
    leaving: Device,
}

/// What was answered.
#[derive(Debug, PartialEq, Eq)]
struct Answers {
    verify: u16,
    refresh: u16,
    login: u16,
    logout: u16,
    ready: u16,
}

const UNAVAILABLE: Answers = Answers {
    verify: 200,
    refresh: 503,
    login: 503,
    logout: 503,
    ready: 503,
};

impl Setup {
    async fn new(options: RedisOptions) -> Self {
        let redis = RedisServer::start(options).await.unwrap();
        let way = TcpProxy::start(redis.address()).unwrap();
        let deployment = Deployment::new();
        let instance = deployment.start(&format!("redis://{}", way.address()), "");
        let mut staying = Persistent::open(&instance, "staying", Transport::Cookie).await;
        staying.refresh(&[&instance]).await;
        let leaving = Device::open_as(&instance, "leaving", Transport::Cookie, "keyed").await;
        Self {
            redis,
            way,
            instance,
            deployment,
            staying,
            leaving,
        }
    }

    /// Asks everything once.
    async fn ask(&mut self) -> Answers {
        let verify = self.staying.device.get("/auth/verify").send();
        let verify = in_time(verify).await.status;
        let refresh = in_time(self.staying.try_refresh(&self.instance)).await.unwrap();
        let login = self
            .instance
            .post("/auth/login")
            .json(login_body("alice", Transport::Body, "keyed"));
        let login = in_time(login.send()).await;
        let logout = in_time(self.log_out()).await;
        for answer in [&refresh, &login, &logout] {
            if answer.status == 503 {
                assert_eq!(answer.code(), "store_unavailable");
            }
        }
        Answers {
            verify,
            refresh: refresh.status,
            login: login.status,
            logout: logout.status,
            ready: in_time(self.instance.get("/readyz").send()).await.status,
        }
    }

    async fn log_out(&self) -> crate::support::answer::Answer {
        self.leaving.signed(self.instance.post("/auth/logout")).send().await
    }

    /// Redis is well again: who was logged in still is, by the request that was pending; and the logout, repeated, is done.
    async fn everybody_goes_on(&mut self) {
        self.staying.refresh(&[&self.instance]).await;
        let ready = || async { (self.instance.get("/readyz").send().await.status == 200).then_some(()) };
        eventually("the instance is ready again", PATIENCE, ready)
            .await
            .unwrap();
        self.log_out().await.expect(204);
        let answer = self.leaving.refreshing_with("a-key-of-its-own-0000000000").send().await;
        answer.over("session_revoked", "logout");
        self.instance
            .post("/auth/login")
            .json(login_body("alice", Transport::Body, "keyed"))
            .send()
            .await
            .expect(200);
    }
}

async fn in_time<T>(request: impl Future<Output = T>) -> T {
    let answered = tokio::time::timeout(ANSWERED_WITHIN, request).await;
    answered.expect("every request is answered, whatever Redis does")
}

fn durable() -> RedisOptions {
    RedisOptions {
        append: Append::Always,
        ..RedisOptions::default()
    }
}

#[tokio::test]
async fn stopped() {
    let mut setup = Setup::new(durable()).await;
    setup.redis.kill().unwrap();
    assert_eq!(setup.ask().await, UNAVAILABLE);
    setup.redis.restart().await.unwrap();
    setup.everybody_goes_on().await;
    // The follower tries again by itself, a moment after the requests did.
    let said = |text: &'static str| {
        let log = setup.deployment.log();
        async move { log.contains(text).then_some(()) }
    };
    for text in [
        "the revocations cannot be followed",
        "the revocations are followed again",
    ] {
        eventually(text, PATIENCE, || said(text)).await.unwrap();
    }
}

#[tokio::test]
async fn hung() {
    let mut setup = Setup::new(RedisOptions::default()).await;
    setup.redis.hang().unwrap();
    assert_eq!(setup.ask().await, UNAVAILABLE);
    // Many at once are not answered one after the other.
    let mut crowd = Vec::new();
    for _ in 0..32 {
        let refresh = setup.staying.device.refreshing_with("another-key-0000000000000").send();
        crowd.push(tokio::spawn(async move {
            in_time(refresh).await.problem(503, "store_unavailable")
        }));
    }
    for one in crowd {
        one.await.unwrap();
    }
    setup.redis.resume().unwrap();
    // One of the crowd's requests may have reached Redis after all: then the session's key for it is theirs.
    let ready = || async { (setup.instance.get("/readyz").send().await.status == 200).then_some(()) };
    eventually("the instance is ready again", PATIENCE, ready)
        .await
        .unwrap();
}

#[tokio::test]
async fn hung_for_a_while() {
    let mut setup = Setup::new(RedisOptions::default()).await;
    setup.redis.hang().unwrap();
    assert_eq!(setup.ask().await, UNAVAILABLE);
    setup.redis.resume().unwrap();
    setup.everybody_goes_on().await;
}

#[tokio::test]
async fn out_of_reach() {
    let mut setup = Setup::new(RedisOptions::default()).await;
    setup.way.blackhole();
    assert_eq!(setup.ask().await, UNAVAILABLE);
    setup.way.pass().unwrap();
    setup.everybody_goes_on().await;
}

#[tokio::test]
async fn full() {
    let mut setup = Setup::new(RedisOptions::default()).await;
    setup
        .redis
        .command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])
        .await
        .unwrap();
    setup.redis.command(&["CONFIG", "SET", "maxmemory", "1"]).await.unwrap();
    let answers = Answers {
        verify: 200,
        refresh: 200,
        login: 503,
        logout: 204,
        ready: 200,
    };
    assert_eq!(setup.ask().await, answers);
    setup.redis.command(&["CONFIG", "SET", "maxmemory", "0"]).await.unwrap();
    setup.everybody_goes_on().await;
}

#[tokio::test]
async fn restarted_without_its_data() {
    let mut setup = Setup::new(RedisOptions::default()).await;
    setup.redis.restart_empty().await.unwrap();
    // The connection breaks first; then the store answers, and is empty.
    let seen_empty = || async {
        let answer = setup.instance.get("/readyz").send().await;
        let log = setup.deployment.log();
        (answer.status == 503 && log.contains("does not hold the data of this store any more")).then_some(())
    };
    eventually("it sees that the data is gone", PATIENCE, seen_empty)
        .await
        .unwrap();
    assert_eq!(setup.ask().await, UNAVAILABLE);
    assert_eq!(setup.ask().await, UNAVAILABLE);
}

#[tokio::test]
async fn slow() {
    let mut setup = Setup::new(RedisOptions::default()).await;
    setup.way.delay(Duration::from_millis(150));
    let answers = Answers {
        verify: 200,
        refresh: 200,
        login: 200,
        logout: 204,
        ready: 200,
    };
    assert_eq!(setup.ask().await, answers);
    setup.way.delay(Duration::ZERO);
    setup.everybody_goes_on().await;
}
