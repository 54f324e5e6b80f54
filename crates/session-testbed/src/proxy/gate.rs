//! A listening port that can be shut and opened again.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::net::{Shutdown, shutdown};
use tokio::net::{TcpListener, TcpStream};

use crate::background;
use crate::error::{Result, TestbedError};
use crate::port::{ReservedPort, bound_socket};

/// What happens to an accepted connection: the stream, whose it is, and by which opening of the gate it came (from 1).
pub(crate) type Admit = dyn Fn(TcpStream, SocketAddr, u64) + Send + Sync;

/// A port of 127.0.0.1. Both [`open`](Self::open) and [`shut`](Self::shut) are in force when they return.
pub(crate) struct Gate {
    port: ReservedPort,
    listener: Mutex<Option<Arc<TcpListener>>>,
    openings: AtomicU64,
    admit: Arc<Admit>,
}

impl Gate {
    /// An open gate.
    pub(crate) fn new(admit: Arc<Admit>) -> Result<Self> {
        let gate = Self {
            port: ReservedPort::any()?,
            listener: Mutex::default(),
            openings: AtomicU64::new(0),
            admit,
        };
        gate.open()?;
        Ok(gate)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// How often it was opened: connections of an earlier opening came before it was shut last.
    pub(crate) fn openings(&self) -> u64 {
        self.openings.load(Ordering::SeqCst)
    }

    /// Accepts from now on.
    pub(crate) fn open(&self) -> Result<()> {
        let mut listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if listener.is_some() {
            return Ok(());
        }
        let runtime = background::runtime()?;
        let _entered = runtime.enter();
        let opened = bound_socket(self.port.port())?
            .listen(1024)
            .map_err(TestbedError::doing("listening"))?;
        let opened = Arc::new(opened);
        let opening = self.openings.fetch_add(1, Ordering::SeqCst) + 1;
        runtime.spawn(accept(opened.clone(), opening, self.admit.clone()));
        *listener = Some(opened);
        Ok(())
    }

    /// Refuses from now on; what waits to be accepted is reset.
    pub(crate) fn shut(&self) {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(listener) = listener {
            // To drop it would not do: the accepting task holds it too, and lets go a moment later.
            let _ = shutdown(&listener, Shutdown::Both);
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shut();
    }
}

async fn accept(listener: Arc<TcpListener>, opening: u64, admit: Arc<Admit>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => admit(stream, peer, opening),
            // That is what a listener answers which was shut down.
            Err(error) if error.kind() == ErrorKind::InvalidInput => return,
            // A connection that was reset before it was accepted, or no file descriptor for the moment.
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}
