//! What connections to one upstream obey, and what is counted of them. It does not listen: a [`Gate`](super::gate::Gate) does.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;

use super::connection;

/// What is in force. Connections read it before each chunk that they pass on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Control {
    pub(crate) upstream: SocketAddr,
    pub(crate) delay: Duration,
    pub(crate) bytes_per_second: Option<NonZeroU64>,
    /// Connections with a smaller number pass nothing on.
    pub(crate) held_below: u64,
    /// Connections with a smaller number are over.
    pub(crate) cut_below: u64,
    /// Connections that came by this opening of the gate, or an earlier one, are over: also one that was accepted before the
    /// gate was shut and gets its number after it was opened again.
    pub(crate) cut_through: u64,
}

/// Which request springs a trap, and when.
#[derive(Debug, Clone)]
pub(crate) struct Trap {
    /// The request must contain it; empty is any request.
    pub(crate) containing: Vec<u8>,
    /// Whether the upstream must have answered before the client is cut off.
    pub(crate) answered: bool,
}

/// Shared with every connection.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) accepted: AtomicU64,
    pub(crate) open: AtomicU64,
    pub(crate) up: AtomicU64,
    pub(crate) down: AtomicU64,
    pub(crate) sprung: AtomicU64,
    trap: Mutex<Option<Trap>>,
}

impl Shared {
    /// Takes the trap if this request springs it: it springs once.
    pub(crate) fn take_trap(&self, request: &[u8]) -> Option<Trap> {
        let mut trap = self.trap.lock().unwrap_or_else(PoisonError::into_inner);
        let springs = |trap: &Trap| {
            trap.containing.is_empty()
                || request
                    .windows(trap.containing.len())
                    .any(|part| part == trap.containing)
        };
        trap.take_if(|trap| springs(trap))
    }
}

/// The controls. When it is dropped, its connections end.
#[derive(Debug)]
pub(crate) struct Lane {
    control: watch::Sender<Control>,
    shared: Arc<Shared>,
}

/// Its other side: what carries a connection.
#[derive(Clone)]
pub(crate) struct Carrier {
    control: watch::Receiver<Control>,
    shared: Arc<Shared>,
}

impl Lane {
    pub(crate) fn new(upstream: SocketAddr) -> Self {
        let control = Control {
            upstream,
            delay: Duration::ZERO,
            bytes_per_second: None,
            held_below: 0,
            cut_below: 0,
            cut_through: 0,
        };
        Self {
            control: watch::Sender::new(control),
            shared: Arc::default(),
        }
    }

    pub(crate) fn carrier(&self) -> Carrier {
        Carrier {
            control: self.control.subscribe(),
            shared: self.shared.clone(),
        }
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Control)) {
        self.control.send_modify(change);
    }

    pub(crate) fn arm(&self, trap: Option<Trap>) {
        *self.shared.trap.lock().unwrap_or_else(PoisonError::into_inner) = trap;
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl Carrier {
    /// Carries a connection that came by this opening of the gate, in a task of its own.
    pub(crate) fn carry(&self, client: TcpStream, opening: u64) {
        // Connections are numbered from 0 in the order in which they are accepted.
        let number = self.shared.accepted.fetch_add(1, Ordering::SeqCst);
        let (control, shared) = (self.control.clone(), self.shared.clone());
        shared.open.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            connection::run(client, number, opening, control, &shared).await;
            shared.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}
