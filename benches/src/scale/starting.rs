//! How long a service that is started again is without its sessions.

use std::time::{Duration, Instant};

use super::Failure;
use super::loaded::Loaded;
use crate::process::own_cpu;

#[derive(Clone, Copy)]
pub(super) struct Starting {
    /// Until the store was open.
    pub(super) opening: Duration,
    /// Until the first refresh was done, from the beginning.
    pub(super) first_refresh: Duration,
}

/// Closes `store`, opens it again and refreshes one session. `None` for an engine that forgets all.
pub(super) async fn again(store: &mut Loaded) -> Result<Option<Starting>, Failure> {
    store.let_go();
    store.home.close()?;
    let opened = store.home.open_again().await?;
    let begun = Instant::now();
    store.take_up().await?;
    let Some(opening) = opened else {
        return Ok(None);
    };
    store.refresh_some(1).await?;
    let first_refresh = opening + begun.elapsed();
    // What a start leaves to be done in the background is no part of what is measured next.
    store.home.settle(own_cpu).await?;
    Ok(Some(Starting { opening, first_refresh }))
}
