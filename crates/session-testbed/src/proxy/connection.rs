//! One connection through a proxy, from its acceptance to its end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::timeout;

use super::lane::{Control, Shared};
use super::pump::{End, pump, released};

/// How long an upstream may take to carry out a request whose answer is thrown away.
const TRAPPED_REQUEST: Duration = Duration::from_secs(10);

/// Carries it until one side closes, or until it is cut.
pub(super) async fn run(
    client: TcpStream,
    number: u64,
    opening: u64,
    control: watch::Receiver<Control>,
    shared: &Shared,
) {
    let mut cut = control.clone();
    tokio::select! {
        // Both an answer and an error (the proxy is gone) end it; the sockets are closed as the other branch is dropped.
        _ = cut.wait_for(|control| number < control.cut_below || opening <= control.cut_through) => {}
        () = carry(client, number, control, shared) => {}
    }
}

async fn carry(client: TcpStream, number: u64, mut control: watch::Receiver<Control>, shared: &Shared) {
    released(&mut control, number).await;
    let upstream = control.borrow().upstream;
    let Ok(upstream) = TcpStream::connect(upstream).await else {
        return;
    };
    // If it fails, answers are only later.
    let _ = client.set_nodelay(true);
    let _ = upstream.set_nodelay(true);
    let (mut client_reads, mut client_writes) = client.into_split();
    let (mut upstream_reads, mut upstream_writes) = upstream.into_split();
    let trap = {
        let springs = |request: &[u8]| shared.take_trap(request);
        let up = pump(
            &mut client_reads,
            &mut upstream_writes,
            number,
            control.clone(),
            &shared.up,
            springs,
        );
        let down = pump(
            &mut upstream_reads,
            &mut client_writes,
            number,
            control,
            &shared.down,
            |_| None,
        );
        tokio::pin!(up, down);
        tokio::select! {
            // In this order: once a request has sprung a trap, no byte of its answer is read here.
            biased;
            end = &mut up => match end {
                End::Sprung(trap) => Some(trap),
                End::Closed => {
                    down.await;
                    None
                }
            },
            _ = &mut down => match up.await {
                End::Sprung(trap) => Some(trap),
                End::Closed => None,
            },
        }
    };
    let Some(trap) = trap else { return };
    let client = (client_reads, client_writes);
    if trap.answered {
        finish(upstream_reads, upstream_writes, true).await;
        // Counted first, so that a client that learns of it finds it counted.
        shared.sprung.fetch_add(1, Ordering::SeqCst);
        drop(client);
    } else {
        shared.sprung.fetch_add(1, Ordering::SeqCst);
        drop(client);
        finish(upstream_reads, upstream_writes, false).await;
    }
}

/// Has the upstream carry out what it was sent, and throws its answers away.
///
/// It is not enough to wait for the first byte: that may answer an earlier request of the same connection. So its input is
/// closed then, and it closes when it has read everything. To close before it has answered could have it drop the request.
async fn finish(mut reads: OwnedReadHalf, mut writes: OwnedWriteHalf, answered: bool) {
    let carried_out = async {
        let mut answer = [0; 4096];
        if answered {
            let _ = reads.read(&mut answer).await;
        }
        let _ = writes.shutdown().await;
        while let Ok(1..) = reads.read(&mut answer).await {}
    };
    let _ = timeout(TRAPPED_REQUEST, carried_out).await;
}
