//! What must not be lost in a failover: it counts as stored once replicas have it, if that was asked for.

use redis::{Script, Value};

use super::{RedisStore, unavailable};
use crate::store::StoreError;

/// What a script did that must not be lost.
pub(super) struct Written {
    pub(super) answer: Value,
    /// Whether as many replicas as were asked for have what was written. Of no interest if the script refused.
    pub(super) acknowledged: Result<(), StoreError>,
}

impl RedisStore {
    /// Runs a script on the server of its first key. With replicas, each that does what it is asked to must write, also if that
    /// was done before: see [`super::link::Link::replicated_script`].
    pub(super) async fn durably(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<Written, StoreError> {
        if self.replicas == 0 {
            let answer = self.link.script(script, keys, arguments).await.map_err(unavailable)?;
            let acknowledged = Ok(());
            return Ok(Written { answer, acknowledged });
        }
        let replicated = self
            .acknowledging
            .replicated_script(script, keys, arguments, self.replicas);
        let (answer, there) = replicated.await.map_err(unavailable)?;
        let needed = self.replicas;
        let acknowledged = if there >= needed {
            Ok(())
        } else {
            Err(StoreError::Unavailable(Box::new(TooFewReplicas { there, needed })))
        };
        Ok(Written { answer, acknowledged })
    }
}

/// What was written is not on enough replicas.
#[derive(Debug, thiserror::Error)]
#[error("only {there} of {needed} replicas have what was written")]
struct TooFewReplicas {
    there: u32,
    needed: u32,
}
