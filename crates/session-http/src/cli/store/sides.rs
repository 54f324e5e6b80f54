//! Opening the two stores of a copy: nothing is made where something should be, and what is the same is told.

use std::path::Path;
use std::time::Duration;

use session_core::policy::Policy;
use session_store::copy::Side;
use session_store::embedded::{self, EmbeddedStore};
use session_store::redis::{self, Mark, RedisStore, RedisUrl};

use super::StoreCopyError;
use crate::config::StoreUrl;
use crate::known_stores::KnownStores;
use crate::open_store::{self, OpenStore, OpenStoreError};

/// Both.
pub(super) struct Opened {
    pub(super) source: OneSide,
    pub(super) target: OneSide,
}

pub(super) struct OneSide {
    store: OpenStore,
    /// What a Redis is known by.
    pub(super) mark: Option<Mark>,
}

impl OneSide {
    pub(super) fn side(&self) -> Side<'_> {
        Side {
            sessions: &*self.store.sessions,
            drafts: &*self.store.drafts,
        }
    }
}

/// Opens the store at `from`, which must be there, and then the one at `to`, which is made if it is not.
pub(super) async fn open(
    from: &StoreUrl,
    to: &StoreUrl,
    policy: &Policy,
    known: Option<&KnownStores>,
) -> Result<Opened, StoreCopyError> {
    let same = || StoreCopyError::Same {
        from: from.clone(),
        to: to.clone(),
    };
    if from == to || are_one_directory(from, to) {
        return Err(same());
    }
    let source = match from {
        StoreUrl::Memory => return Err(StoreCopyError::Memory("from")),
        StoreUrl::Embedded(directory) => {
            let there = EmbeddedStore::is_in(directory);
            if !there.unwrap_or(true) {
                return Err(StoreCopyError::Missing(from.clone()));
            }
            open_embedded(from, directory)?
        }
        StoreUrl::Redis(url) => open_source(from, url, known).await?,
    };
    let target = match to {
        StoreUrl::Memory => return Err(StoreCopyError::Memory("to")),
        StoreUrl::Embedded(directory) => open_embedded(to, directory)?,
        StoreUrl::Redis(url) => {
            // What a Redis says of its records has the longer time in it already.
            let kept_longer = match from {
                StoreUrl::Redis(_) => Duration::ZERO,
                _ => policy.kept_longer_by_a_store_that_loses_writes(),
            };
            // Whatever was there before: it is about to be filled.
            open_redis(url, kept_longer, None).await?
        }
    };
    if source.mark.is_some() && source.mark == target.mark {
        return Err(same());
    }
    Ok(Opened { source, target })
}

fn are_one_directory(from: &StoreUrl, to: &StoreUrl) -> bool {
    let (StoreUrl::Embedded(from), StoreUrl::Embedded(to)) = (from, to) else {
        return false;
    };
    // One that is not there yet is not the other.
    from.canonicalize()
        .is_ok_and(|from| to.canonicalize().is_ok_and(|to| to == from))
}

fn open_embedded(url: &StoreUrl, directory: &Path) -> Result<OneSide, StoreCopyError> {
    open_store::refuse_anothers(url)?;
    match EmbeddedStore::open(directory) {
        Ok(store) => Ok(OneSide {
            store: OpenStore::on(store),
            mark: None,
        }),
        Err(embedded::OpenError::Locked { .. }) => Err(StoreCopyError::InUse(url.clone())),
        Err(error) => Err(OpenStoreError::from(error).into()),
    }
}

/// One that has lost its data would be copied as if everybody had logged out.
///
/// Its records are taken as if they were to be kept for as long as it has them: by how much that is longer than was asked for
/// depends on the policy of the day when each was written, and one that is deleted too early is somebody logged out.
async fn open_source(from: &StoreUrl, url: &RedisUrl, known: Option<&KnownStores>) -> Result<OneSide, StoreCopyError> {
    if let Some(known) = known {
        open_store::look(url, known).await?;
    }
    let Some(mark) = RedisStore::look(url).await.map_err(|source| failed(url, source))? else {
        return Err(StoreCopyError::Missing(from.clone()));
    };
    open_redis(url, Duration::ZERO, Some(mark)).await
}

async fn open_redis(url: &RedisUrl, kept_longer: Duration, expected: Option<Mark>) -> Result<OneSide, StoreCopyError> {
    let store = RedisStore::open(url, kept_longer, expected).await;
    let store = store.map_err(|source| failed(url, source))?;
    let mark = Some(store.mark());
    Ok(OneSide {
        store: OpenStore::on(store),
        mark,
    })
}

fn failed(url: &RedisUrl, source: redis::OpenError) -> OpenStoreError {
    let url = Box::new(url.clone());
    OpenStoreError::Redis { url, source }
}
