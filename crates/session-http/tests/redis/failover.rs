//! Sentinel fails over again and again, each time to a replica that has not heard of the last writes, while clients refresh.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use session_testbed::eventually::eventually;
use session_testbed::redis::sentinel::SentinelSetup;

use crate::deployment::Deployment;
use crate::persistent::Persistent;
use crate::support::client::Client;
use crate::support::device::{Device, Transport};

const FAILOVERS: usize = 20;
const CLIENTS: usize = 32;
/// Between two refreshes of one client: enough load for writes to be lost, not so much that Sentinels starve.
const PACE: Duration = Duration::from_millis(25);
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_failovers_that_lose_writes_log_nobody_out_and_undo_no_logout() {
    let sentinels = SentinelSetup::start().await.unwrap();
    let (addresses, master) = sentinels.url_parts();
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let url = format!("redis+sentinel://{}/{master}", addresses.join(","));
    let deployment = Deployment::new();
    let instances = [deployment.start(&url, ""), deployment.start(&url, "")];
    let clients: [Client; 2] = [instances[0].clone(), instances[1].clone()];

    let finished = Arc::new(AtomicBool::new(false));
    let mut refreshing = Vec::new();
    for number in 0..CLIENTS {
        let transport = if number % 2 == 0 {
            Transport::Body
        } else {
            Transport::Cookie
        };
        let mut client = Persistent::open(&clients[number % 2], &format!("client-{number}"), transport).await;
        let (finished, clients) = (Arc::clone(&finished), clients.clone());
        refreshing.push(tokio::spawn(async move {
            while !finished.load(Ordering::Relaxed) {
                // Panics at any answer that would log a client out.
                client
                    .refresh(&[&clients[client.refreshed % 2], &clients[0], &clients[1]])
                    .await;
                tokio::time::sleep(PACE).await;
            }
            client
        }));
    }

    let mut revoked = Vec::new();
    for round in 0..FAILOVERS {
        let leaving = Device::open_as(
            &clients[round % 2],
            &format!("leaving-{round}"),
            Transport::Body,
            "keyed",
        )
        .await;
        sentinels.hold_replication().await.unwrap();
        // Acknowledged, and on no replica.
        leaving
            .signed(clients[round % 2].post("/auth/logout"))
            .send()
            .await
            .expect(204);
        let took = sentinels.fail_over_losing_writes().await.unwrap();
        println!("failover {round}: the new master answered after {took:?}");
        // Refused by both from the first moment: they know of it, whatever the new master says.
        for client in &clients {
            let verify = client.get("/auth/verify").bearer(&leaving.access).send().await;
            verify.over("session_revoked", "logout");
        }
        let stored = || async {
            let path = format!("/v1/sessions/{}", leaving.id());
            let answer = clients[0]
                .get(&path)
                .bearer(crate::support::app::TestApp::api_key())
                .send()
                .await;
            (answer.status == 404).then_some(())
        };
        eventually("the new master is told of the logout again", PATIENCE, stored)
            .await
            .unwrap();
        revoked.push(leaving);
    }

    finished.store(true, Ordering::Relaxed);
    let (mut refreshed, mut refused) = (0, 0);
    for client in refreshing {
        let client = client.await.expect("no client was logged out");
        refreshed += client.refreshed;
        refused += client.refused;
    }
    for device in revoked {
        let answer = device.refreshing_with("a-key-of-its-own-0000000000").send().await;
        answer.over("session_revoked", "logout");
    }
    println!(
        "{FAILOVERS} failovers, {CLIENTS} clients: {refreshed} refreshes, {refused} tries refused, nobody logged out"
    );
}
