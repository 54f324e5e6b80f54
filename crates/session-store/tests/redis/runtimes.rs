//! One store, used from several runtimes, as the workers of a service use it: each thread has a connection of its own, as long as
//! there are enough, and nobody waits for another's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use session_store::redis::RedisStore;
use session_store::store::{Revoke, SessionStore as _, Swap};
use session_testbed::eventually::{PATIENCE, eventually};
use session_testbed::proxy::tcp::TcpProxy;
use session_testbed::redis::RedisOptions;
use session_testbed::redis::sentinel::SentinelSetup;
use session_testbed::redis::server::RedisServer;
use tokio::runtime::{Builder, Runtime};
use tokio::time::interval;

use crate::sample::{created, id, kept, logout, refreshed, session, told, version};
use crate::topology::{listed, opened};

/// More than a link has connections.
const WORKERS: u64 = 11;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Everything with a session of its own, `rounds` times.
async fn works(store: &RedisStore, worker: u64, rounds: u64) {
    for number in (0..rounds).map(|round| worker * 1_000 + round) {
        let before = created(store, number).await;
        let next = refreshed(&before, number + 1_000_000);
        assert_eq!(store.swap(&before.version, &next, kept()).await.unwrap(), Swap::Done);
        assert_eq!(store.load(&id(number)).await.unwrap(), Some(next));
        let revoked = store.revoke(&id(number), logout(), version(number + 2_000_000)).await;
        assert!(matches!(revoked.unwrap(), Revoke::Done(_)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_store_is_used_from_many_runtimes_of_which_some_end() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let store = Arc::new(opened(&server.url()).await);
    let begin = |worker: u64| {
        let store = Arc::clone(&store);
        let (stays, told_to_go_on) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            {
                let runtime = runtime();
                runtime.block_on(works(&store, worker, 5));
            }
            // Its connection ended with its runtime, or that of another who drove it.
            told_to_go_on.recv().unwrap();
            runtime().block_on(works(&store, worker + 100, 5));
        });
        (stays, thread)
    };
    let workers: Vec<_> = (0..WORKERS).map(begin).collect();
    let half = usize::try_from(WORKERS * 5).unwrap();
    let first = eventually("all have worked", PATIENCE, async || {
        (told(&store).await.len() == half).then_some(())
    });
    first.await.unwrap();
    for (stays, _) in &workers {
        stays.send(()).unwrap();
    }
    for (_, thread) in workers {
        tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
    }
    assert_eq!(told(&store).await.len(), 2 * half);
}

/// A service finishes what the request of a worker began also when that worker stops.
#[tokio::test]
async fn a_command_goes_on_when_the_runtime_that_began_it_has_ended() {
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let proxy = TcpProxy::start(server.address()).unwrap();
    let store = Arc::new(opened(&format!("redis://{}", proxy.address())).await);
    // It waits for a connection, or for an answer over one.
    for (number, is_connected) in [(1, false), (2, true)] {
        created(&store, number).await;
        let (there, proxy) = (Arc::clone(&store), &proxy);
        let mut revoking = Box::pin(async move { there.revoke(&id(number), logout(), version(101)).await });
        let revoking = thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let runtime = runtime();
                if is_connected {
                    runtime.block_on(store.load(&id(number))).unwrap();
                }
                proxy.blackhole();
                assert!(runtime.block_on(async { (&mut revoking).now_or_never() }).is_none());
                drop(runtime);
                revoking
            });
            worker.join().unwrap()
        });
        proxy.pass().unwrap();
        let revoked = revoking.await.unwrap();
        assert!(matches!(revoked, Revoke::Done(_)), "{revoked:?}");
    }
}

/// Also over a connection whose own runtime goes on: more workers than a link has connections share them.
#[tokio::test]
async fn a_command_over_the_connection_of_another_runtime_goes_on_too() {
    const LANES: u64 = 8;
    let server = RedisServer::start(RedisOptions::default()).await.unwrap();
    let proxy = TcpProxy::start(server.address()).unwrap();
    // Connected from here.
    let store = Arc::new(opened(&format!("redis://{}", proxy.address())).await);
    for number in 0..LANES {
        created(&store, number).await;
    }
    proxy.blackhole();
    let begun = |number: u64| {
        let store = Arc::clone(&store);
        let mut revoking = Box::pin(async move { store.revoke(&id(number), logout(), version(number + 100)).await });
        let worker = thread::spawn(move || {
            let runtime = runtime();
            assert!(runtime.block_on(async { (&mut revoking).now_or_never() }).is_none());
            drop(runtime);
            revoking
        });
        worker.join().unwrap()
    };
    // One of them has the number of the connection that was made here.
    let begun: Vec<_> = (0..LANES).map(begun).collect();
    proxy.pass().unwrap();
    for revoked in join_all(begun).await {
        assert!(matches!(revoked, Ok(Revoke::Done(_))), "{revoked:?}");
    }
}

/// Where a Sentinel is out of reach that is asked first, connecting takes longer than one who comes late can wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_workers_come_back_after_a_failover_beside_a_sentinel_that_is_out_of_reach() {
    let setup = SentinelSetup::start().await.unwrap();
    let (sentinels, master) = setup.url_parts();
    let proxy = TcpProxy::start(sentinels[0]).unwrap();
    let addresses = [proxy.address(), sentinels[1], sentinels[2]];
    let store = Arc::new(opened(&format!("redis+sentinel://{}/{master}", listed(addresses))).await);
    created(&store, 1).await;

    let stop = Arc::new(AtomicBool::new(false));
    let answered: Arc<[AtomicU64; 4]> = Arc::default();
    let work = |number: usize| {
        let (store, stop, answered) = (Arc::clone(&store), Arc::clone(&stop), Arc::clone(&answered));
        let works = async move {
            let mut ticks = interval(Duration::from_millis(100));
            let mut asking = tokio::task::JoinSet::new();
            while !stop.load(Ordering::SeqCst) {
                ticks.tick().await;
                let (store, answered) = (Arc::clone(&store), Arc::clone(&answered));
                asking.spawn(async move {
                    if store.load(&id(1)).await.is_ok() {
                        answered[number].fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
            asking.join_all().await;
        };
        thread::spawn(|| runtime().block_on(works))
    };
    let workers: Vec<_> = (0..answered.len()).map(work).collect();
    let all_answer = async |what| {
        let before = answered.each_ref().map(|count| count.load(Ordering::SeqCst));
        let all = eventually(what, PATIENCE, async || {
            let answers = |(now, before): (&AtomicU64, u64)| now.load(Ordering::SeqCst) > before;
            answered.iter().zip(before).all(answers).then_some(())
        });
        all.await.unwrap();
    };
    all_answer("all workers are answered").await;
    proxy.blackhole();
    setup.fail_over().await.unwrap();
    all_answer("all workers are answered by the new master").await;
    assert_eq!(store.load(&id(1)).await.unwrap(), Some(session(1)));
    proxy.pass().unwrap();
    stop.store(true, Ordering::SeqCst);
    for worker in workers {
        tokio::task::spawn_blocking(|| worker.join().unwrap()).await.unwrap();
    }
}
