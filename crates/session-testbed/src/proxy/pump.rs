//! One direction of one connection: bytes in order, late, slow or held back as the controls say.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::lane::{Control, Trap};

/// Chunks under way. When they are full nothing more is read, and the sender feels it.
const UNDER_WAY: usize = 64;
const CHUNK: usize = 64 * 1024;

/// Why a direction came to its end.
pub(super) enum End {
    /// The sender closed, which was passed on, or the receiver is gone.
    Closed,
    /// A request sprang a trap, and has just been passed on.
    Sprung(Trap),
}

/// Passes bytes on from `from` to `to`. `springs` sees each chunk just before it is passed on.
pub(super) async fn pump(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    number: u64,
    control: watch::Receiver<Control>,
    passed: &AtomicU64,
    springs: impl Fn(&[u8]) -> Option<Trap>,
) -> End {
    let (sender, receiver) = mpsc::channel(UNDER_WAY);
    let reading = read(from, sender, control.clone());
    let writing = write(receiver, to, number, control, passed, springs);
    tokio::pin!(reading, writing);
    tokio::select! {
        end = &mut writing => return end,
        () = &mut reading => {}
    }
    writing.await
}

struct Chunk {
    due: Instant,
    bytes: Bytes,
}

async fn read(from: &mut OwnedReadHalf, chunks: mpsc::Sender<Chunk>, control: watch::Receiver<Control>) {
    loop {
        let mut buffer = BytesMut::with_capacity(CHUNK);
        // A reset is passed on as an orderly end: what came before it is still delivered.
        let Ok(1..) = from.read_buf(&mut buffer).await else {
            return;
        };
        let due = Instant::now() + control.borrow().delay;
        let bytes = buffer.freeze();
        if chunks.send(Chunk { due, bytes }).await.is_err() {
            return;
        }
    }
}

async fn write(
    mut chunks: mpsc::Receiver<Chunk>,
    to: &mut OwnedWriteHalf,
    number: u64,
    mut control: watch::Receiver<Control>,
    passed: &AtomicU64,
    springs: impl Fn(&[u8]) -> Option<Trap>,
) -> End {
    while let Some(Chunk { due, bytes }) = chunks.recv().await {
        sleep_until(due).await;
        let throttle = control.borrow().bytes_per_second;
        if let Some(rate) = throttle {
            let nanoseconds = (bytes.len() as u64).saturating_mul(1_000_000_000) / rate;
            sleep(Duration::from_nanos(nanoseconds)).await;
        }
        released(&mut control, number).await;
        let trap = springs(&bytes);
        // Counted first, so that whoever gets them finds them counted.
        passed.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        if to.write_all(&bytes).await.is_err() {
            return End::Closed;
        }
        if let Some(trap) = trap {
            return End::Sprung(trap);
        }
    }
    // A partition keeps the end of a connection back too.
    released(&mut control, number).await;
    let _ = to.shutdown().await;
    End::Closed
}

/// Waits until the connection of this number is not held.
pub(super) async fn released(control: &mut watch::Receiver<Control>, number: u64) {
    // An error means that the controls are gone; then the connection is ended elsewhere.
    let _ = control.wait_for(|control| number >= control.held_below).await;
}
