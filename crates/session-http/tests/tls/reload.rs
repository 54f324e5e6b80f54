//! The certificate is replaced while the service runs, and nobody's request fails by it.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use session_testbed::certificate::TestCertificate;
use session_testbed::eventually::{PATIENCE, eventually};
use tokio::task::JoinSet;
use tokio_rustls::rustls::ClientConfig;

use crate::deployment::Deployment;
use crate::wire::{Connection, certificate_at, modern, seen_as};

/// Half of them keep their connection, half make a new one for each request.
const CLIENTS: usize = 10;

/// Refreshes that each client makes between two changes.
const BETWEEN: usize = 20;

/// Clients that refresh until they are told to stop.
struct Load {
    clients: JoinSet<Result<(), String>>,
    done: Arc<[AtomicUsize; CLIENTS]>,
    stop: Arc<AtomicBool>,
}

impl Load {
    fn start(address: SocketAddr, config: &Arc<ClientConfig>) -> Self {
        let mut load = Self {
            clients: JoinSet::new(),
            done: Arc::default(),
            stop: Arc::default(),
        };
        for client in 0..CLIENTS {
            let (config, done, stop) = (Arc::clone(config), Arc::clone(&load.done), Arc::clone(&load.stop));
            load.clients.spawn(async move {
                let mut connection = Connection::open(address, &config).await?;
                let mut token = connection.log_in().await?;
                while !stop.load(Ordering::Relaxed) {
                    if client % 2 == 0 {
                        connection = Connection::open(address, &config).await?;
                    }
                    token = connection.refresh(&token).await?;
                    done[client].fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
        }
        load
    }

    /// Waits until each client has refreshed some more.
    async fn goes_on(&self) {
        let counts = || self.done.iter().map(|count| count.load(Ordering::Relaxed));
        let before: Vec<_> = counts().collect();
        eventually("every client refreshes", PATIENCE, || {
            let all = counts().zip(&before).all(|(now, before)| now >= before + BETWEEN);
            async move { all.then_some(()) }
        })
        .await
        .unwrap();
    }

    /// How many refreshes were answered: all that were sent.
    async fn end(mut self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(client) = self.clients.join_next().await {
            client.unwrap().unwrap();
        }
        self.done.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_request_fails_and_new_connections_meet_the_new_one() {
    let [first, second, third, fourth] = [(); 4].map(|()| TestCertificate::for_localhost().unwrap());
    let deployment = Deployment::new(&first);
    let service = deployment.serve();
    let address = service.address;
    let config = modern(&[&first, &second, &third, &fourth]);
    let meets = async |expected: &TestCertificate| {
        let expected = seen_as(expected);
        eventually("a new connection meets the new certificate", PATIENCE, || async {
            (certificate_at(address, &config).await == expected).then_some(())
        })
        .await
        .unwrap();
    };
    let says = async |what: &str| {
        eventually(what, PATIENCE, || async {
            deployment.log().contains(what).then_some(())
        })
        .await
        .unwrap();
    };
    assert_eq!(certificate_at(address, &config).await, seen_as(&first));
    let load = Load::start(address, &config);
    load.goes_on().await;

    // Each file replaced whole.
    deployment.put_in_place(&second);
    meets(&second).await;
    load.goes_on().await;

    // Written over in place: first the key, and long after it the certificate.
    fs::copy(&third.files().key, deployment.key()).unwrap();
    crate::deployment::make_private(&deployment.key());
    says("is not that of the first certificate").await;
    assert_eq!(
        certificate_at(address, &config).await,
        seen_as(&second),
        "the old pair stays in force"
    );
    load.goes_on().await;
    fs::copy(&third.files().certificate, deployment.certificate()).unwrap();
    meets(&third).await;
    load.goes_on().await;

    // Half of a file.
    let whole = fs::read(&fourth.files().certificate).unwrap();
    fs::write(deployment.certificate(), &whole[..whole.len() / 2]).unwrap();
    says("holds no certificate").await;
    assert_eq!(certificate_at(address, &config).await, seen_as(&third));
    load.goes_on().await;
    deployment.put_in_place(&fourth);
    meets(&fourth).await;
    load.goes_on().await;

    let refreshes = load.end().await;
    println!("{refreshes} refreshes by {CLIENTS} clients over four certificates, none failed");
    assert!(refreshes >= 6 * BETWEEN * CLIENTS);
    assert_eq!(deployment.log().matches("the TLS certificate was replaced").count(), 3);
    // Said once each, though it was looked at every other second.
    for fault in ["is not that of the first certificate", "holds no certificate"] {
        assert_eq!(deployment.log().matches(fault).count(), 1, "{}", deployment.log());
    }
}
